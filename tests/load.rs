//! Several clients at once against the server and two protected resources (`tests/load/mixed.mjs`). Afterwards
//! `authward usage`, the data of the page `/admin/usage` and the metrics say what was sent, to the request.
//!
//! A run is short; `AUTHWARD_TEST_LOAD_SECONDS=600` makes it the ten minutes that a release has to stand.

mod support;

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::programs::{Program, tests_folder};
use support::server::{Server, free_port, get};

const USERNAME: &str = "haneul";
const ADMINISTRATOR: &str = "seojun";
const PASSWORD: &str = "a tram stop under seven maples";
const SECRET: &str = "a-secret-without-odd-characters-41";
const API: &str = "https://orders.example.com";

/// How long the counts may take to be in the database: `usage.flush_every` and what a loaded machine adds.
const FLUSHED_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn usage_and_metrics_say_what_a_mixed_load_sent() {
    let metrics = free_port();
    let bind = format!("127.0.0.1:{metrics}");
    let settings = [
        ("AUTHWARD__OBSERVABILITY__METRICS_BIND", bind.as_str()),
        ("AUTHWARD__USAGE__FLUSH_EVERY", "1"),
        // All of the load comes from one source.
        ("AUTHWARD__LIMITS__AUTHORIZATION__FROM_SOURCE", "1000000"),
    ];
    let server = Server::with_settings(&setup(), &settings);
    let seconds: u32 =
        env::var("AUTHWARD_TEST_LOAD_SECONDS").map_or(4, |text| text.parse().expect("a number of seconds"));
    let load = program("load/mixed.mjs", &server, seconds + 120)
        .env("API", API)
        .env("USERNAME", USERNAME)
        .env("SECRET", SECRET)
        .env("API_CLIENT_ID", "orders-api")
        .env("API_CLIENT_SECRET", SECRET)
        .env("LOAD_SECONDS", seconds.to_string());
    let sent = Counts::of_json(&server.assert_done(load.run()));
    println!("{} requests of {} kinds were sent and answered as they were to be", sent.total(), sent.0.len());

    let told = || Counts::of_json(&server.run(&["usage", "--format=json", BY, "--last=3h", "--limit=10000"]));
    eventually_equal(&sent, told, "authward usage");
    let told = || {
        let (status, text) = get(metrics, "/metrics").expect("the metrics");
        assert_eq!(status, 200, "{text}");
        Counts::of_metrics(&text)
    };
    eventually_equal(&sent.by_endpoint_and_outcome(), told, "/metrics");
    for source in ["server", "resource"] {
        let told = || {
            let page = program("load/page.mjs", &server, 60)
                .env("USERNAME", ADMINISTRATOR)
                .env("QUERY", format!("range=24h&by=client-api&source={source}"));
            Counts::of_csv(&server.assert_done(page.run()))
        };
        eventually_equal(&sent.by_client_and_resource(source), told, "/admin/usage");
    }
}

fn program(script: &str, server: &Server, patience_seconds: u32) -> Program {
    Program::patient("node", patience_seconds)
        .arg(tests_folder().join(script))
        .env("ISSUER", &server.issuer)
        .env("PASSWORD", PASSWORD)
}

const BY: &str = "--by=source,client,endpoint,grant,resource,outcome";
const PARTS: [&str; 6] = ["source", "client", "endpoint", "grant", "resource", "outcome"];
/// A person's way through the pages is counted by endpoint alone.
const PAGES: [&str; 4] = ["GET /authorize", "GET /authorize/continue", "GET /login", "POST /login"];
/// What is nobody's but the load's, so that the metrics, which know no clients, can be compared.
const PROTOCOL: [&str; 4] = ["POST /token", "POST /introspect", "POST /revoke", "GET /userinfo"];

/// Requests by what they are counted as.
#[derive(Debug, PartialEq)]
struct Counts(BTreeMap<Vec<String>, u64>);

impl Counts {
    fn collect(counts: impl Iterator<Item = (Vec<String>, u64)>) -> Self {
        let mut sums = BTreeMap::new();
        for (key, count) in counts {
            *sums.entry(key).or_default() += count;
        }
        Self(sums)
    }

    /// Of the lines that the load prints, or the report that `authward usage` prints.
    fn of_json(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).expect("JSON");
        let lines = document.get("lines").unwrap_or(&document).as_array().expect("lines").clone();
        Self::collect(lines.iter().filter_map(|line| {
            let part = |name: &str| line[name].as_str().expect("a text").to_owned();
            let endpoint = part("endpoint");
            let is_page = PAGES.contains(&endpoint.as_str());
            let is_of_the_load = is_page || PROTOCOL.contains(&endpoint.as_str()) || part("source") == "resource";
            let key = if is_page { vec![endpoint] } else { PARTS.map(part).to_vec() };
            is_of_the_load.then(|| (key, line["requests"].as_u64().expect("a number")))
        }))
    }

    /// `authward_request_duration_seconds_count{endpoint="…",outcome="…"} N`
    fn of_metrics(text: &str) -> Self {
        let series = text.lines().filter_map(|line| line.strip_prefix("authward_request_duration_seconds_count{"));
        Self::collect(series.filter_map(|line| {
            let (labels, count) = line.split_once("} ").expect("a value");
            let label = |name: &str| {
                let (_, rest) = labels.split_once(&format!("{name}=\"")).expect("a label");
                rest.split('"').next().unwrap_or_default().to_owned()
            };
            let key = vec![label("endpoint"), label("outcome")];
            PROTOCOL.contains(&key[0].as_str()).then(|| (key, count.parse().expect("a number")))
        }))
    }

    /// `client,resource,requests,…`
    fn of_csv(text: &str) -> Self {
        let mut lines = text.lines();
        let heads: Vec<&str> = lines.next().expect("a line of names").split(',').collect();
        assert_eq!(heads[..3], ["client", "resource", "requests"]);
        Self::collect(lines.filter_map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let key = vec![cells[0].to_owned(), cells[1].to_owned()];
            let count: u64 = cells[2].parse().expect("a number");
            (is_compared_by_client(&key) && count > 0).then_some((key, count))
        }))
    }

    fn by_endpoint_and_outcome(&self) -> Self {
        let of_the_server = self.0.iter().filter(|(key, _)| key[0] == "server");
        Self::collect(of_the_server.map(|(key, count)| (vec![key[2].clone(), key[5].clone()], *count)))
    }

    fn by_client_and_resource(&self, source: &str) -> Self {
        let of_source = self.0.iter().filter(|(key, _)| key[0] == source);
        let counts = of_source.map(|(key, count)| (vec![key[1].clone(), key[4].clone()], *count));
        Self::collect(counts.filter(|(key, _)| is_compared_by_client(key)))
    }

    fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Services have no pages, so all that is told of them was sent by the load; and what APIs report.
fn is_compared_by_client(key: &[String]) -> bool {
    key[0].starts_with("service-") || key[0] != "orders-api" && key[1].starts_with(API) && key[0] != "unknown"
}

/// Asks until what is told is what was sent, or shows where they differ.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "a bound on how long a real process may take, no decision of the server")]
fn eventually_equal(sent: &Counts, told: impl Fn() -> Counts, who: &str) {
    let start = Instant::now();
    let mut counts = told();
    while counts != *sent && start.elapsed() < FLUSHED_WITHIN {
        thread::sleep(Duration::from_millis(300));
        counts = told();
    }
    let keys: Vec<&Vec<String>> =
        sent.0.keys().chain(counts.0.keys().filter(|key| !sent.0.contains_key(*key))).collect();
    let other = keys.into_iter().filter(|key| sent.0.get(*key) != counts.0.get(*key));
    let other: Vec<String> =
        other.map(|key| format!("{key:?}: sent {:?}, told {:?}", sent.0.get(key), counts.0.get(key))).collect();
    assert!(other.is_empty(), "{who} tells something else than was sent:\n{}", other.join("\n"));
}

fn setup() -> Value {
    json!({
        "users": [user(USERNAME, &[]), user(ADMINISTRATOR, &["admin"])],
        "resources": [resource("at-jwt", "at+jwt"), resource("opaque", "opaque")],
        "clients": [
            service("service-basic", "client_secret_basic", &["client_credentials"]),
            service("service-post", "client_secret_post", &["client_credentials"]),
            service("orders-api", "client_secret_basic", &[]),
            {
                "client_id": "native",
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "redirect_uris": ["http://127.0.0.1/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "scope": "openid offline_access orders:read",
                "skip_consent": true,
                "default_resource": format!("{API}/at-jwt"),
            },
            {
                "client_id": "web",
                "client_secret": SECRET,
                "token_endpoint_auth_method": "client_secret_basic",
                "redirect_uris": ["https://app.example.com/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "scope": "openid offline_access orders:read",
                "skip_consent": true,
            },
        ],
    })
}

fn user(username: &str, roles: &[&str]) -> Value {
    json!({
        "username": username,
        "email": format!("{username}@example.com"),
        "email_verified": true,
        "password": PASSWORD,
        "roles": roles,
    })
}

fn resource(path: &str, access_token_type: &str) -> Value {
    json!({
        "identifier": format!("{API}/{path}"),
        "scopes": ["orders:read", "orders:write"],
        "access_token_type": access_token_type,
        "served_by": ["orders-api"],
    })
}

fn service(client_id: &str, method: &str, grant_types: &[&str]) -> Value {
    json!({
        "client_id": client_id,
        "client_secret": SECRET,
        "token_endpoint_auth_method": method,
        "grant_types": grant_types,
        "scope": "orders:read orders:write",
    })
}
