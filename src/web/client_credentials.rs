//! The client behind a request: its credentials by one method (RFC 6749 §2.3), and what it is told when they are
//! refused.
//!
//! The token endpoint, its family and whatever else a client calls as itself share this. An endpoint whose body is no
//! form reads the credentials with an empty one: then only the header can carry them.

use super::answer;
use super::extract::Edge;
use super::forms::{self, StrictForm};
use super::middleware::SeenClient;
use crate::clients::authenticate::{AuthenticationError, Credentials, Proof};
use crate::domain::client::{Client, ClientKind};
use crate::domain::refusal::{self, Refusal};
use crate::domain::secret::Secret;
use crate::keys::{ForeignJws, MAX_BYTES};
use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpRequest};
use base64::Engine as _;
use std::sync::Arc;

const LONGEST_BASIC: usize = 8 * 1024;
const LONGEST_SECRET: usize = 1024;
/// RFC 7523 §2.2
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why no client stands behind a request.
#[derive(Debug)]
pub enum ClientError {
    /// More than one client authentication.
    Twice(&'static str),
    /// The client is not authenticated.
    Authentication(AuthenticationError),
}

impl ClientError {
    fn failed(sent: &str, expected: &str) -> Self {
        Self::Authentication(AuthenticationError::Failed {
            explanation: sent.to_owned(),
            expected: expected.to_owned(),
            client_id: None,
        })
    }

    /// What the client is told, and what its developer can look up.
    pub fn refusal(&self) -> Refusal {
        use refusal as rules;
        match self {
            Self::Twice(sent) => {
                Refusal::by(&rules::CLIENT_AUTHENTICATION_TWICE).because(sent, "one client authentication")
            }
            Self::Authentication(AuthenticationError::Failed { explanation, expected, client_id }) => {
                let refusal = Refusal::by(&rules::CLIENT_AUTHENTICATION).because(explanation, expected);
                client_id.iter().fold(refusal, Refusal::of)
            }
            Self::Authentication(AuthenticationError::Assertion { explanation, expected, client_id }) => {
                Refusal::by(&rules::CLIENT_ASSERTION).because(explanation, expected).of(client_id)
            }
            Self::Authentication(AuthenticationError::Keys { error, expected, client_id }) => {
                let rule = if error.is_temporary() { &rules::UNAVAILABLE } else { &rules::CLIENT_ASSERTION };
                Refusal::by(rule).because(error.to_string(), expected).of(client_id)
            }
            Self::Authentication(AuthenticationError::Throttled { seconds }) => {
                Refusal::by(&rules::THROTTLED).retry_after(*seconds)
            }
            Self::Authentication(AuthenticationError::Busy) => Refusal::by(&rules::UNAVAILABLE),
            Self::Authentication(AuthenticationError::Store(error)) => answer::from_store(error),
        }
    }
}

impl From<AuthenticationError> for ClientError {
    fn from(error: AuthenticationError) -> Self {
        Self::Authentication(error)
    }
}

/// The client whose credentials these are, noted for cross-origin access and the access log.
///
/// # Errors
/// [`ClientError::Authentication`].
pub async fn authenticate(edge: &Edge, credentials: &Credentials) -> Result<Arc<Client>, ClientError> {
    let source = (edge.context.source, edge.context.now);
    let client = edge.clients.authenticate(credentials, &edge.passwords, source).await?;
    edge.request.extensions_mut().insert(SeenClient(Arc::clone(&client)));
    Ok(client)
}

/// The same where a public client is nobody: anyone can name its `client_id`.
///
/// # Errors
/// [`ClientError::Authentication`].
pub async fn authenticate_confidential(edge: &Edge, credentials: &Credentials) -> Result<Arc<Client>, ClientError> {
    let client = authenticate(edge, credentials).await?;
    match client.kind() {
        ClientKind::Confidential => Ok(client),
        ClientKind::Public => Err(ClientError::Authentication(AuthenticationError::Failed {
            explanation: "a public client".to_owned(),
            expected: "a client that authenticates itself".to_owned(),
            client_id: Some(client.id.clone()),
        })),
    }
}

/// One method a request (RFC 6749 §2.3): the header or the body. A body that repeats the header's client_id says
/// nothing new and is accepted; one that names another client is refused.
///
/// # Errors
/// [`ClientError`].
pub fn read(request: &HttpRequest, form: &StrictForm) -> Result<Credentials, ClientError> {
    let body_id = form.find("client_id");
    let body_secret = form.find("client_secret");
    let assertion = assertion(form)?;
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(first) = headers.next() else {
        return match (assertion, body_secret) {
            (Some(_), Some(_)) => Err(ClientError::Twice("a client assertion and a client_secret in the body")),
            (Some(assertion), None) => by_assertion(assertion, body_id),
            (None, secret) => {
                let id = body_id.ok_or_else(|| ClientError::failed("no client_id", "a client_id"))?;
                let proof = secret.map_or(Proof::None, |secret| Proof::Post(Secret::new(secret)));
                Ok(Credentials { client_id: id.to_owned(), proof })
            }
        };
    };
    if assertion.is_some() {
        return Err(ClientError::Twice("an Authorization header and a client assertion"));
    }
    if headers.next().is_some() {
        return Err(ClientError::Twice("two Authorization headers"));
    }
    let (id, secret) = basic(first.as_bytes()).ok_or_else(|| {
        ClientError::failed(
            "an Authorization header that is not Basic with form-encoded client_id and secret",
            "Authorization: Basic",
        )
    })?;
    if body_secret.is_some() {
        return Err(ClientError::Twice("a Basic header and a client_secret in the body"));
    }
    if body_id.is_some_and(|body_id| body_id != id) {
        return Err(ClientError::Twice("a Basic header and another client_id in the body"));
    }
    Ok(Credentials { client_id: id, proof: Proof::Basic(secret) })
}

/// Both parameters of RFC 7521 §4.2, or neither.
fn assertion(form: &StrictForm) -> Result<Option<&str>, ClientError> {
    match (form.find("client_assertion_type"), form.find("client_assertion")) {
        (None, None) => Ok(None),
        (Some(ASSERTION_TYPE), Some(assertion)) => Ok(Some(assertion)),
        (kind, assertion) => {
            let kind = kind.unwrap_or("no client_assertion_type");
            let assertion = if assertion.is_some() { "a client_assertion" } else { "no client_assertion" };
            Err(ClientError::failed(&format!("{kind} with {assertion}"), &format!("{ASSERTION_TYPE} with a JWT")))
        }
    }
}

/// RFC 7521 §4.2: `client_id` "is unnecessary for client assertion authentication because the client is identified by
/// the subject within the assertion". Whether both name the same client is seen when the assertion is checked.
fn by_assertion(assertion: &str, body_id: Option<&str>) -> Result<Credentials, ClientError> {
    let malformed = |sent: &str| ClientError::failed(sent, "a JWT with the client_id as its sub");
    let jws = ForeignJws::parse(assertion, MAX_BYTES).map_err(|error| malformed(&error.to_string()))?;
    let subject = jws.claims().get("sub").and_then(serde_json::Value::as_str);
    let id = body_id.or(subject).ok_or_else(|| malformed("an assertion without sub"))?;
    Ok(Credentials { client_id: id.to_owned(), proof: Proof::Assertion(Secret::new(assertion)) })
}

/// `Basic base64(form(client_id):form(secret))` (RFC 6749 §2.3.1, RFC 7617).
fn basic(value: &[u8]) -> Option<(String, Secret)> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= LONGEST_BASIC)?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let id = forms::decode(&decoded[..colon], 255).ok()?;
    let secret = forms::decode(&decoded[colon + 1..], LONGEST_SECRET).ok()?;
    (!id.is_empty()).then(|| (id, Secret::new(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    /// RFC 6749 §2.3.1
    #[test]
    fn both_parts_of_a_basic_header_are_form_decoded() {
        let header = format!("Basic {}", STANDARD.encode("my%20app%3A1:p%2Bw%3Ad%25+x"));
        let (id, secret) = basic(header.as_bytes()).unwrap();
        assert_eq!((id.as_str(), secret.reveal()), ("my app:1", "p+w:d% x"));
    }

    #[test]
    fn a_secret_may_hold_a_colon_and_an_id_may_not_be_empty() {
        let (_, secret) = basic(format!("bAsIc {}", STANDARD.encode("a:b:c")).as_bytes()).unwrap();
        assert_eq!(secret.reveal(), "b:c");
        for bad in ["Basic", "Basic ", "Basic !!", "Bearer YTpi", "Basic OmI="] {
            assert!(basic(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = basic(&bytes);
        }
    }
}
