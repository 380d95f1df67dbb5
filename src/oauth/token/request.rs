//! Reading a token request: exactly one grant type with exactly its fields, and the credentials by one method
//! (RFC 6749 §2.3, §4.1.3, §6).

use super::error::TokenError;
use crate::clients::authenticate::Credentials;
use crate::domain::client::ClientAuthentication;
use crate::domain::pkce::CodeVerifier;
use crate::domain::scope::ScopeSet;
use crate::domain::secret::Secret;
use crate::web::forms::{self, StrictForm};
use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;

/// What a grant type may not carry in the query, where logs would keep it (RFC 6749 §2.3.1).
const NEVER_IN_QUERY: [&str; 6] =
    ["client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "password"];
const LONGEST_BASIC: usize = 8 * 1024;
const LONGEST_SECRET: usize = 1024;

/// A token request whose form was right.
pub(super) struct TokenRequest {
    pub credentials: Credentials,
    pub grant: Grant,
}

/// What is presented.
pub(super) enum Grant {
    AuthorizationCode(CodeRequest),
    RefreshToken(RefreshRequest),
}

/// RFC 6749 §4.1.3, RFC 7636 §4.5
pub(super) struct CodeRequest {
    pub code: Secret,
    pub redirect_uri: Option<String>,
    pub verifier: Option<CodeVerifier>,
    pub resources: Vec<String>,
}

/// RFC 6749 §6
pub(super) struct RefreshRequest {
    pub refresh_token: Secret,
    pub scopes: Option<ScopeSet>,
    pub resources: Vec<String>,
}

impl TokenRequest {
    pub(super) fn parse(request: &HttpRequest, form: &StrictForm) -> Result<Self, TokenError> {
        refuse_query(request)?;
        if let Some(name) = form.repeated() {
            return Err(TokenError::Repeated(name.to_owned()));
        }
        let credentials = credentials(request, form)?;
        let grant = Grant::parse(form)?;
        Ok(Self { credentials, grant })
    }
}

fn refuse_query(request: &HttpRequest) -> Result<(), TokenError> {
    let query = StrictForm::parse(request.query_string().as_bytes())
        .map_err(|_| TokenError::InQuery("a broken query".into()))?;
    match NEVER_IN_QUERY.iter().find(|name| query.find(name).is_some()) {
        Some(name) => Err(TokenError::InQuery((*name).to_owned())),
        None => Ok(()),
    }
}

impl Grant {
    fn parse(form: &StrictForm) -> Result<Self, TokenError> {
        let required = |name: &'static str| form.find(name).ok_or(TokenError::Missing(name));
        let resources = form.all("resource").map(str::to_owned).collect();
        match required("grant_type")? {
            "authorization_code" => Ok(Self::AuthorizationCode(CodeRequest {
                code: Secret::new(required("code")?),
                redirect_uri: form.find("redirect_uri").map(str::to_owned),
                verifier: form
                    .find("code_verifier")
                    .map(CodeVerifier::parse)
                    .transpose()
                    .map_err(TokenError::VerifierMalformed)?,
                resources,
            })),
            "refresh_token" => Ok(Self::RefreshToken(RefreshRequest {
                refresh_token: Secret::new(required("refresh_token")?),
                scopes: form.find("scope").map(ScopeSet::parse).transpose().map_err(TokenError::ScopeMalformed)?,
                resources,
            })),
            other => Err(TokenError::GrantType(other.to_owned())),
        }
    }
}

/// One method a request (RFC 6749 §2.3): the header or the body. A body that repeats the header's client_id says nothing
/// new and is accepted; one that names another client is refused.
fn credentials(request: &HttpRequest, form: &StrictForm) -> Result<Credentials, TokenError> {
    let body_id = form.find("client_id");
    let body_secret = form.find("client_secret");
    if form.find("client_assertion").is_some() || form.find("client_assertion_type").is_some() {
        return Err(TokenError::client("a client assertion", "client_secret_basic, client_secret_post or none"));
    }
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(first) = headers.next() else {
        let id = body_id.ok_or_else(|| TokenError::client("no client_id", "a client_id"))?;
        let method =
            if body_secret.is_some() { ClientAuthentication::ClientSecretPost } else { ClientAuthentication::None };
        return Ok(Credentials { method, client_id: id.to_owned(), secret: body_secret.map(Secret::new) });
    };
    if headers.next().is_some() {
        return Err(TokenError::ClientTwice("two Authorization headers"));
    }
    let (id, secret) = basic(first.as_bytes()).ok_or_else(|| {
        TokenError::client(
            "an Authorization header that is not Basic with form-encoded client_id and secret",
            "Authorization: Basic",
        )
    })?;
    if body_secret.is_some() {
        return Err(TokenError::ClientTwice("a Basic header and a client_secret in the body"));
    }
    if body_id.is_some_and(|body_id| body_id != id) {
        return Err(TokenError::ClientTwice("a Basic header and another client_id in the body"));
    }
    Ok(Credentials { method: ClientAuthentication::ClientSecretBasic, client_id: id, secret: Some(secret) })
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
