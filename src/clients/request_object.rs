//! Request objects (OIDC Core §6, RFC 9101): from what a client sent or published to its claims, once it is certain
//! that they are the client's. What the claims mean as parameters is the authorization endpoint's business.
//!
//! An unsigned object proves nothing and is taken only of a client that registered `request_object_signing_alg: none`,
//! or registered no algorithm and has the dated exception `unsigned_request_object`. A reference is fetched only where
//! the client registered it (`request_uris`), and anew each time: its fragment is a sign to caches (OIDC Core §6.2),
//! and there is none here.

use super::Clients;
use super::assertion::{AssertionError, TOLERANCE, shown, time};
use super::published::{Errand, PublishedError, Purpose};
use crate::domain::client::{Client, ClientSecret};
use crate::domain::client_key::ClientAlgorithm;
use crate::domain::exception::Allowance;
use crate::domain::time::Timestamp;
use crate::keys::{ForeignJws, ForeignJwsError, SealingError};
use serde_json::{Map, Value};

/// The largest request object, in bytes.
pub const LONGEST_OBJECT: usize = 32 * 1024;
/// The longest reference (OIDC Core §6.2: "The entire Request URI SHOULD NOT exceed 512 ASCII characters").
pub const LONGEST_REFERENCE: usize = 512;
/// The media type of RFC 9101 §10.8, and the one that everybody uses; another says that it is something else.
const KINDS: [&str; 2] = ["oauth-authz-req+jwt", "jwt"];

/// A request object as it comes.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// `request`
    Value(&'a str),
    /// `request_uri`
    Reference(&'a str),
}

/// Why a request object is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestObjectError {
    /// The client has registered nothing that a request object could be checked with.
    #[error("the client has registered neither keys nor request_object_signing_alg none")]
    Unsupported,
    /// The client has registered no `request_uris`.
    #[error("the client has registered no request_uris")]
    ReferenceUnsupported,
    /// The reference is not a registered one, too long, or what it names could not be had or is something else.
    #[error("{0}")]
    Reference(String),
    /// The object is malformed, or not the client's.
    #[error("{0}")]
    Object(String),
    /// What it names, or the keys to check it with, cannot be had at this moment.
    #[error("{0}")]
    Unavailable(String),
    /// The client's secret does not open.
    #[error(transparent)]
    Sealed(#[from] SealingError),
}

impl Clients {
    /// The claims of a request object of this client for this issuer.
    ///
    /// # Errors
    /// [`RequestObjectError`].
    pub async fn open_request_object(
        &self,
        client: &Client,
        presented: Presented<'_>,
        (issuer, now): (&str, Timestamp),
    ) -> Result<Map<String, Value>, RequestObjectError> {
        if matches!(presented, Presented::Reference(_)) && references(client).is_empty() {
            return Err(RequestObjectError::ReferenceUnsupported);
        }
        let accepted = Accepted::of(client, now);
        if accepted.algorithms.is_empty() && !accepted.unsigned {
            return Err(RequestObjectError::Unsupported);
        }
        let fetched;
        let text = match presented {
            Presented::Value(text) => text,
            Presented::Reference(reference) => {
                fetched = self.fetch_request_object(client, reference).await?;
                fetched.trim()
            }
        };
        let jws = ForeignJws::parse(text, LONGEST_OBJECT).map_err(malformed)?;
        if let Some(kind) = jws.kind().filter(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(RequestObjectError::Object(format!("its typ is {kind}")));
        }
        if !(accepted.unsigned && jws.is_unsigned()) {
            let algorithm = accepted.algorithms.iter().find(|known| known.as_str() == jws.algorithm());
            let algorithm = algorithm
                .ok_or_else(|| RequestObjectError::Object(format!("it is signed with {}", excerpt(jws.algorithm()))))?;
            self.assertions().verify_signature(client, &jws, *algorithm).await.map_err(|error| match error {
                AssertionError::Sealed(error) => RequestObjectError::Sealed(error),
                AssertionError::Keys(error) if error.is_temporary() => {
                    RequestObjectError::Unavailable(error.to_string())
                }
                other => RequestObjectError::Object(other.to_string()),
            })?;
        }
        check(jws.claims(), client, (issuer, now))
            .map_err(|name| RequestObjectError::Object(format!("{name}: {}", excerpt(&shown(jws.claims(), name)))))?;
        Ok(jws.into_claims())
    }

    /// OIDC Core §6.2, §6.2.3
    async fn fetch_request_object(&self, client: &Client, reference: &str) -> Result<String, RequestObjectError> {
        let refuse = |what: String| RequestObjectError::Reference(what);
        if reference.len() > LONGEST_REFERENCE || !reference.is_ascii() {
            return Err(refuse(format!("it is longer than {LONGEST_REFERENCE} ASCII characters")));
        }
        // The fragment changes with what is published and need not be its hash; the rest is compared character for character.
        let address = reference.split('#').next().unwrap_or_default();
        if !references(client).iter().any(|known| known.split('#').next() == Some(address)) {
            return Err(refuse(format!("{reference} is none of the client's request_uris")));
        }
        let errand = Errand::of_client(Purpose::RequestObject, client);
        let body = self.assertions().keys().published().fetch(address, LONGEST_OBJECT, errand).await;
        let body = body.map_err(|failure| match failure {
            PublishedError::Busy => RequestObjectError::Unavailable(failure.to_string()),
            // OIDC Core §3.1.2.6: invalid_request_uri where it "returns an error or contains invalid data".
            failure => refuse(format!("what it names could not be had: {failure}")),
        })?;
        String::from_utf8(body).map_err(|_| refuse("what it names is not text".to_owned()))
    }
}

/// `request_uris`
fn references(client: &Client) -> Vec<&str> {
    let registered = client.metadata.get("request_uris").and_then(Value::as_array);
    registered.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What a client may sign its request objects with (OpenID Connect Registration §2).
struct Accepted {
    algorithms: Vec<ClientAlgorithm>,
    unsigned: bool,
}

impl Accepted {
    fn of(client: &Client, now: Timestamp) -> Self {
        let has_keys = ["jwks", "jwks_uri"].iter().any(|name| client.metadata.contains_key(*name));
        let has_secret = matches!(client.secret, Some(ClientSecret::Sealed(_)));
        let registered = client.metadata.get("request_object_signing_alg").and_then(Value::as_str);
        let is_usable = |known: &ClientAlgorithm| if known.is_with_secret() { has_secret } else { has_keys };
        let is_registered = |known: &ClientAlgorithm| registered.is_none_or(|only| only == known.as_str());
        Self {
            algorithms: ClientAlgorithm::ALL.into_iter().filter(is_usable).filter(is_registered).collect(),
            unsigned: !client.requires_signed_request_object()
                && registered
                    .map_or_else(|| client.is_excepted(Allowance::UnsignedRequestObject, now), |only| only == "none"),
        }
    }
}

fn malformed(error: ForeignJwsError) -> RequestObjectError {
    match error {
        ForeignJwsError::Encrypted => {
            RequestObjectError::Object("it is encrypted; only signed request objects are taken".to_owned())
        }
        other => RequestObjectError::Object(other.to_string()),
    }
}

/// The claims that are about the object itself (RFC 9101 §4, OIDC Core §6.1); the name of the first that is wrong.
fn check(claims: &Map<String, Value>, client: &Client, (issuer, now): (&str, Timestamp)) -> Result<(), &'static str> {
    if claims.get("iss").is_some_and(|iss| iss != client.id.as_str()) {
        return Err("iss");
    }
    let names_us = |aud: &Value| match aud {
        Value::Array(several) => several.iter().any(|one| one == issuer),
        one => one == issuer,
    };
    if claims.get("aud").is_some_and(|aud| !names_us(aud)) {
        return Err("aud");
    }
    if claims.contains_key("exp") && time(claims, "exp").is_none_or(|end| end.plus(TOLERANCE).is_past(now)) {
        return Err("exp");
    }
    for name in ["nbf", "iat"] {
        let is_early = |start: Timestamp| start.since(now) > TOLERANCE.as_seconds();
        if claims.contains_key(name) && time(claims, name).is_none_or(is_early) {
            return Err(name);
        }
    }
    Ok(())
}

fn excerpt(text: &str) -> String {
    text.chars().take(100).collect()
}
