//! What clients see: the discovery document under the issuer, fetched as a client would, and compared with what this
//! configuration says.

use super::Finding;
use super::fetch::{self, Answer, Trust};
use crate::cli::Context;
use crate::domain::issuer::Issuer;
use crate::domain::key::KeyState;
use crate::store::{self, Store};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const AREA: &str = "issuer";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Fetches what clients fetch.
pub(super) async fn look(context: &Context, store: Option<&Store>) -> Vec<Finding> {
    let settings = &context.settings;
    let trust = match Trust::of_system(settings.outbound.extra_ca.as_deref()) {
        Ok(trust) => trust,
        Err(what) => {
            let why = "Certificates of others cannot be checked.";
            return vec![Finding::fail("tls", what, why, "See outbound.extra_ca and the system's ca-certificates.")];
        }
    };
    let issuer = &settings.server.issuer;
    let seen = fetch::fetch(&(issuer.as_str().to_owned() + DISCOVERY), &trust, None);
    match seen {
        Ok(answer) => {
            let (finding, jwks_uri) = compare(issuer, &answer);
            let mut findings = vec![finding];
            if let (Some(jwks_uri), Some(store)) = (jwks_uri, store) {
                findings.extend(compare_keys(store, fetch::fetch(&jwks_uri, &trust, None)).await);
            }
            findings
        }
        Err(reason) => vec![unreachable(context, &reason)],
    }
}

/// What the answer says of the issuer, and where its keys are.
fn compare(issuer: &Issuer, answer: &Answer) -> (Finding, Option<String>) {
    let issuer = issuer.as_str();
    let why = "Clients compare the issuer character for character with the address they were given.";
    let behind = "A proxy may lead to another server, or rewrite paths: it must pass path and query unchanged.";
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let seen = document.get("issuer").and_then(Value::as_str);
    let finding = match (answer.status, seen) {
        (200, Some(seen)) if seen == issuer => Finding::ok(AREA, format!("clients see {issuer}")),
        (200, Some(seen)) => {
            Finding::fail(AREA, format!("clients of {issuer} are told that it is {seen}"), why, behind)
        }
        (503, _) => {
            let why = "The server answers, but cannot work.";
            Finding::fail(AREA, format!("{issuer} answers 503"), why, "See the findings above, and the server's log.")
        }
        (status, _) => {
            let what = format!("{issuer}{DISCOVERY} answers {status} without a discovery document");
            Finding::fail(AREA, what, "Clients find no endpoint.", behind)
        }
    };
    let jwks_uri = document.get("jwks_uri").and_then(Value::as_str).map(str::to_owned);
    (finding, jwks_uri.filter(|_| seen == Some(issuer)))
}

/// A server on another database, or one that cannot read it, publishes other keys than those that are stored.
async fn compare_keys(store: &Store, answer: Result<Answer, String>) -> Option<Finding> {
    let why = "Clients verify tokens with these keys.";
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => return Some(Finding::fail(AREA, format!("the keys cannot be fetched: {reason}"), why, "")),
    };
    let stored = store.read(store::signing_keys::list).await.ok()?;
    let jwks: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let published: Vec<&str> =
        jwks["keys"].as_array().into_iter().flatten().filter_map(|key| key["kid"].as_str()).collect();
    let lacking = stored.iter().find(|key| key.state == KeyState::Active && !published.contains(&key.id.as_str()));
    Some(match lacking {
        None => Finding::ok(AREA, "clients see the keys that sign"),
        Some(key) => {
            let what = format!("the key {} signs, and clients do not see it", key.id);
            let mend = "See that the server runs with the same database.url and keys as this command.";
            Finding::fail(AREA, what, why, mend)
        }
    })
}

/// Whether the server is away, or only the way to it.
fn unreachable(context: &Context, reason: &str) -> Finding {
    let server = &context.settings.server;
    let issuer = server.issuer.as_str();
    let address = server.bind.first().copied().map(near);
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let directly = address.map(|address| {
        let url = format!("{scheme}://{address}{}{DISCOVERY}", server.issuer.path());
        fetch::fetch(&url, &Trust::anybody(), Some(address))
    });
    match (directly, address) {
        (Some(Ok(_)), Some(address)) => {
            let what = format!("a server runs on {address}, but {issuer} is not reached from here: {reason}");
            let why = "Clients reach it by the issuer alone.";
            let mend = "See name, certificate and proxy; a private authority's certificate goes to outbound.extra_ca.";
            Finding::fail(AREA, what, why, mend)
        }
        _ => {
            let what = format!("no server answers, so what clients see was not looked at: {reason}");
            Finding::warn(AREA, what, "", "Start the server and run this again.")
        }
    }
}

/// An address to connect to for one to listen on.
fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn what_clients_see_is_compared_character_for_character() {
        let issuer = Issuer::parse("https://id.example").unwrap();
        let seen = |status: u16, body: &str| compare(&issuer, &Answer { status, body: body.as_bytes().to_vec() }).0;
        let cases = [
            (200, r#"{"issuer":"https://id.example"}"#, Level::Ok, "clients see https://id.example"),
            (
                200,
                r#"{"issuer":"https://id.example/"}"#,
                Level::Fail,
                "clients of https://id.example are told that it is https://id.example/",
            ),
            (503, "{}", Level::Fail, "https://id.example answers 503"),
            (
                301,
                "",
                Level::Fail,
                "https://id.example/.well-known/openid-configuration answers 301 without a discovery document",
            ),
            (
                200,
                "<html>",
                Level::Fail,
                "https://id.example/.well-known/openid-configuration answers 200 without a discovery document",
            ),
        ];
        for (status, body, level, what) in cases {
            let finding = seen(status, body);
            assert_eq!((finding.level, finding.what.as_str()), (level, what));
        }
    }
}
