//! Why an authorization request is refused, and where the answer goes: a page until client and redirect URI are
//! settled, the client's callback after that (RFC 6749 §4.1.2.1).

use crate::clients::encryption::EncryptionError;
use crate::clients::request_object::RequestObjectError;
use crate::domain::authorization::PromptError;
use crate::domain::callback::Callback;
use crate::domain::claims_request::ClaimsRequestError;
use crate::domain::client::Client;
use crate::domain::pkce::PkceError;
use crate::domain::refusal::{self, Refusal};
use crate::domain::resource::{IndicatorError, MOST_INDICATORS};
use crate::domain::response_type::ResponseType;
use crate::domain::scope::ScopeError;
use crate::domain::session::PASSWORD_CONTEXT;
use crate::keys::KeysError;
use crate::sessions::waiting::TooMany;
use crate::store::StoreError;
use crate::web::answer::{self, page, redirect};
use crate::web::browser_state;
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use std::sync::Arc;

/// Seconds after which trying again makes sense where as many requests wait as may: those that ended are swept by then.
const RETRY_WHEN_FULL: i64 = 30;

/// A refused authorization request.
#[derive(Debug)]
pub enum AuthorizeError {
    /// No client, or no redirect URI: a page.
    Page(Refusal),
    /// The client gets the error at its callback.
    Callback(Box<(Arc<Client>, Callback, Cause)>),
    /// The interaction is finished, expired or another browser's.
    InteractionGone,
    /// Too many requests wait for their users.
    TooMany(TooMany),
    /// A form that was not sent from here.
    FormForged,
    /// The database.
    Store(StoreError),
    /// The signing keys.
    Keys(KeysError),
}

/// What is wrong with a request whose callback is known.
#[derive(Debug)]
pub enum Cause {
    /// A parameter stands twice.
    Repeated(String),
    /// A value is too long: name, bytes, bound.
    TooLong(&'static str, usize, usize),
    /// `response_type` is missing.
    ResponseTypeMissing,
    /// `response_type` is none that works.
    ResponseType(String),
    /// The client is not registered for it, or no live exception allows it.
    ResponseTypeForbidden(ResponseType),
    /// `response_mode` is none that works.
    ResponseMode(String),
    /// `response_mode=query` for an answer with tokens.
    TokensInQuery(ResponseType),
    /// The ID token could not be encrypted for the client.
    Encryption(EncryptionError),
    /// An ID token is asked for without `nonce`.
    NonceMissing,
    /// An ID token is asked for without scope `openid`.
    OpenidMissing,
    /// No challenge.
    PkceMissing,
    /// Not S256.
    PkceMethod(Option<String>),
    /// The challenge is malformed.
    PkceChallenge(PkceError),
    /// `scope` is malformed.
    Scope(ScopeError),
    /// A scope the client may not ask for.
    ScopeForbidden(String, String),
    /// `prompt` is malformed.
    Prompt(PromptError, String),
    /// `max_age` is no number.
    MaxAge(String),
    /// `claims` is malformed.
    Claims(ClaimsRequestError),
    /// An essential authentication context that no sign-in here gives.
    ContextUnmet(String),
    /// `id_token_hint` is no ID token of ours for this client.
    Hint(String),
    /// `id_token_hint` and `claims` ask for different subjects.
    HintsDiffer,
    /// A `resource` that is not known or malformed, or too many of them.
    Resource(IndicatorError),
    /// A request object that is not taken.
    RequestObject(RequestObjectError),
    /// `request` and `request_uri` together.
    RequestObjectTwice,
    /// The client registered that it signs every request, and did not.
    RequestObjectNeeded,
    /// `prompt=none` without a session.
    LoginRequired,
    /// `prompt=none` without consent.
    ConsentRequired,
    /// The user said no.
    Denied,
}

impl AuthorizeError {
    /// A refusal that the client gets at its callback.
    pub(super) fn at(client: Arc<Client>, callback: Callback, cause: Cause) -> Self {
        Self::Callback(Box::new((client, callback, cause)))
    }

    /// The answer: the one place where a cause becomes bytes.
    pub fn answer(&self, edge: &Edge) -> HttpResponse {
        match self {
            Self::Page(refusal) => page::refuse(edge, refusal),
            Self::Callback(refused) => {
                let (client, callback, cause) = &**refused;
                let mut response =
                    redirect::refuse(edge, callback, client.display_name(), &cause.refusal().of(&client.id));
                // Whoever watches the state of a sign-in that ended elsewhere asks so, and need not ask again.
                let stale = browser_state::end(edge).filter(|_| matches!(cause, Cause::LoginRequired));
                if let Some(Err(error)) = stale.map(|removal| response.add_cookie(&removal)) {
                    tracing::error!(cause = %error, "a cookie could not be removed");
                }
                response
            }
            Self::InteractionGone => page::refuse(edge, &Refusal::by(&refusal::INTERACTION_GONE)),
            Self::TooMany(too_many) => page::refuse(edge, &refuse_too_many(*too_many)),
            Self::FormForged => page::refuse(edge, &Refusal::by(&refusal::FORM_FORGED)),
            Self::Store(error) => page::refuse(edge, &answer::from_store(error)),
            Self::Keys(error) => page::refuse(edge, &answer::from_keys(error)),
        }
    }
}

impl Cause {
    pub(super) fn refusal(&self) -> Refusal {
        use refusal as rules;
        match self {
            Self::Repeated(name) => Refusal::by(&rules::PARAMETER_REPEATED)
                .because(format!("{name} more than once"), format!("{name} once")),
            Self::TooLong(name, bytes, bound) => Refusal::by(&rules::VALUE_TOO_LONG)
                .because(format!("{name} of {bytes} bytes"), format!("at most {bound} bytes")),
            Self::ResponseTypeMissing => {
                Refusal::by(&rules::PARAMETER_MISSING).because("no response_type", "response_type=code")
            }
            Self::ResponseType(sent) => {
                Refusal::by(&rules::RESPONSE_TYPE).because(format!("response_type={sent}"), "response_type=code")
            }
            Self::ResponseTypeForbidden(kind) => refuse_response_type(*kind),
            Self::ResponseMode(sent) => Refusal::by(&rules::RESPONSE_MODE)
                .because(format!("response_mode={sent}"), "query, fragment or form_post"),
            Self::TokensInQuery(kind) => Refusal::by(&rules::RESPONSE_MODE)
                .because(format!("response_mode=query with response_type={}", kind.as_str()), "fragment or form_post"),
            Self::Encryption(error) => answer::from_encryption(error, "id_token_encrypted_response_alg"),
            Self::NonceMissing => Refusal::by(&rules::NONCE_MISSING).because("no nonce", "nonce"),
            Self::OpenidMissing => {
                Refusal::by(&rules::OPENID_MISSING).because("a scope without openid", "scope with openid")
            }
            Self::PkceMissing => Refusal::by(&rules::PKCE_MISSING)
                .because("no code_challenge", "code_challenge with code_challenge_method=S256"),
            Self::PkceMethod(sent) => {
                let sent = sent.as_ref().map_or_else(
                    || "no code_challenge_method, which means plain".to_owned(),
                    |sent| format!("code_challenge_method={sent}"),
                );
                Refusal::by(&rules::PKCE_METHOD).because(sent, "code_challenge_method=S256")
            }
            Self::PkceChallenge(error) => Refusal::by(&rules::PKCE_CHALLENGE)
                .because(error.to_string(), "43 characters of base64url without padding"),
            Self::Scope(error) => {
                Refusal::by(&rules::SCOPE).because(error.to_string(), "scope tokens divided by single spaces")
            }
            Self::ScopeForbidden(sent, expected) => {
                Refusal::by(&rules::SCOPE).because(format!("scope {sent}"), format!("among: {expected}"))
            }
            Self::Prompt(PromptError::Unknown, sent) => {
                Refusal::by(&rules::PROMPT).because(format!("prompt={sent}"), "none, login, consent or select_account")
            }
            Self::Prompt(PromptError::NoneWithOthers, sent) => {
                Refusal::by(&rules::PROMPT).because(format!("prompt={sent}"), "none alone")
            }
            Self::MaxAge(sent) => {
                Refusal::by(&rules::MAX_AGE).because(format!("max_age={sent}"), "a whole number of seconds")
            }
            Self::Claims(error) => Refusal::by(&rules::CLAIMS).because("claims", error.to_string()),
            Self::ContextUnmet(sent) => {
                Refusal::by(&rules::CONTEXT_UNMET).because(format!("essential acr {sent}"), PASSWORD_CONTEXT)
            }
            Self::Hint(sent) => Refusal::by(&rules::ID_TOKEN_HINT)
                .because(sent, "an ID token that this server issued to this client, expired or not"),
            Self::HintsDiffer => Refusal::by(&rules::ID_TOKEN_HINT)
                .because("id_token_hint and claims with different subjects", "one subject"),
            Self::Resource(error) => Refusal::by(&rules::RESOURCE)
                .because(error.to_string(), format!("at most {MOST_INDICATORS} configured resources")),
            Self::RequestObject(error) => refuse_object(error),
            Self::RequestObjectTwice => {
                Refusal::by(&rules::REQUEST_OBJECT_TWICE).because("request and request_uri", "one of the two")
            }
            Self::RequestObjectNeeded => Refusal::by(&rules::REQUEST_OBJECT_NEEDED)
                .because("no request object", "request or request_uri with an object that the client signed"),
            Self::LoginRequired => Refusal::by(&rules::LOGIN_REQUIRED).because("prompt=none", "a signed-in user"),
            Self::ConsentRequired => {
                Refusal::by(&rules::CONSENT_REQUIRED).because("prompt=none", "a user who has consented")
            }
            Self::Denied => Refusal::by(&rules::DENIED).because("the user chose to deny", "the user's consent"),
        }
    }
}

fn refuse_response_type(kind: ResponseType) -> Refusal {
    let expected = match kind.allowance() {
        None => "a client registered for it and for the authorization_code grant".to_owned(),
        Some(allowance) => {
            format!("a client registered for it, with a live exception that allows {}", allowance.as_str())
        }
    };
    Refusal::by(&refusal::RESPONSE_TYPE_FORBIDDEN).because(format!("response_type={}", kind.as_str()), expected)
}

fn refuse_too_many(too_many: TooMany) -> Refusal {
    let sent = "one more authorization request that waits for its user";
    match too_many {
        TooMany::FromSource { seconds } => Refusal::by(&refusal::THROTTLED)
            .because(sent, "fewer within a minute from one source: limits.authorization.from_source")
            .retry_after(seconds),
        TooMany::InAll => Refusal::by(&refusal::UNAVAILABLE)
            .because(sent, "fewer that wait already: limits.authorization.most_stored")
            .retry_after(RETRY_WHEN_FULL),
    }
}

fn refuse_object(error: &RequestObjectError) -> Refusal {
    use refusal as rules;
    let sent = error.to_string();
    match error {
        RequestObjectError::Unsupported => {
            Refusal::by(&rules::REQUEST_OBJECT).because(sent, "the parameters themselves, or registered keys")
        }
        RequestObjectError::ReferenceUnsupported => {
            Refusal::by(&rules::REQUEST_URI).because(sent, "the parameters themselves, or registered request_uris")
        }
        RequestObjectError::Reference(_) => Refusal::by(&rules::REQUEST_URI_INVALID)
            .because(sent, "a registered request_uri with a request object behind it"),
        RequestObjectError::Unavailable(_) => {
            Refusal::by(&rules::UNAVAILABLE).because(sent, "an answer from where the client publishes it")
        }
        RequestObjectError::Object(_) | RequestObjectError::Sealed(_) => Refusal::by(&rules::REQUEST_OBJECT_INVALID)
            .because(sent, "a JWT of this client for this issuer, signed as it registered"),
    }
}

impl From<Refusal> for AuthorizeError {
    fn from(refusal: Refusal) -> Self {
        Self::Page(refusal)
    }
}

impl From<StoreError> for AuthorizeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<KeysError> for AuthorizeError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}
