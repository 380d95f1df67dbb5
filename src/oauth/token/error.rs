//! Why a token request is refused, and what its client is told (RFC 6749 §5.2). The one place where a cause becomes a
//! code.

use crate::clients::encryption::EncryptionError;
use crate::domain::id::ClientId;
use crate::domain::pkce::PkceError;
use crate::domain::refusal::{self, Refusal};
use crate::domain::resource::{IndicatorError, MOST_INDICATORS};
use crate::domain::scope::ScopeError;
use crate::keys::KeysError;
use crate::sessions::attempt::AttemptError;
use crate::store::StoreError;
use crate::web::answer;
use crate::web::client_credentials::ClientError;

/// A refused token request.
#[derive(Debug)]
pub enum TokenError {
    /// The body was not a form, or a secret stood in the query.
    Form(Refusal),
    /// A parameter stands twice.
    Repeated(String),
    /// A parameter is missing.
    Missing(&'static str),
    /// `grant_type` is none that works.
    GrantType(String),
    /// The client is not registered for the grant type.
    GrantTypeForbidden(&'static str, ClientId),
    /// No client stands behind the request.
    Client(ClientError),
    /// The client is registered for the password grant, but no exception allows it now.
    PasswordGrant(ClientId),
    /// Too many wrong passwords: seconds to wait.
    Throttled(i64, ClientId),
    /// Too many passwords are being checked.
    Busy,
    /// `code_verifier` breaks the grammar.
    VerifierMalformed(PkceError),
    /// `scope` breaks the grammar.
    ScopeMalformed(ScopeError),
    /// `resource` names none that is configured.
    Resource(IndicatorError, ClientId),
    /// What an authenticated client presented or asked for is refused.
    Refused(Refused, ClientId),
    /// The ID token could not be encrypted for the client.
    Encryption(EncryptionError, ClientId),
    /// The database.
    Store(StoreError),
    /// The signing keys.
    Keys(KeysError),
}

/// Why what was presented is refused. Such an outcome is committed: a burnt code stays burnt, a revoked family revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No such code, or another client's.
    CodeUnknown,
    /// The code is older than 60 s.
    CodeExpired,
    /// The code was used before; its grant is revoked now.
    CodeReplayed,
    /// The redirect URI is missing or another one: sent, expected.
    RedirectUri(String, String),
    /// The verifier is missing, wrong or unasked for.
    Verifier(&'static str),
    /// The grant was revoked.
    GrantRevoked,
    /// The account is disabled or gone.
    UserDisabled,
    /// No such refresh token, or another client's.
    RefreshTokenUnknown,
    /// The refresh token is too old.
    RefreshTokenExpired,
    /// The refresh token was revoked.
    RefreshTokenRevoked,
    /// The refresh token was used before; its family is dead now.
    RefreshTokenReplayed,
    /// A wider scope than granted: the scope, what was granted.
    ScopeWidened(String, String),
    /// No such user, a disabled one, or a wrong password.
    ResourceOwner,
    /// A scope that this client may not have by itself: the scope, what it may have.
    ScopeForbidden(String, String),
    /// A resource that was not granted.
    Resource(String),
    /// A state that must not be.
    Machine,
}

impl TokenError {
    /// What the client is told, and what its developer can look up.
    pub fn refusal(&self) -> Refusal {
        use refusal as rules;
        match self {
            Self::Form(refusal) => refusal.clone(),
            Self::Repeated(name) => Refusal::by(&rules::PARAMETER_REPEATED)
                .because(format!("{name} more than once"), format!("{name} once")),
            Self::Missing(name) => Refusal::by(&rules::PARAMETER_MISSING).because(format!("no {name}"), *name),
            Self::GrantType(sent) => Refusal::by(&rules::GRANT_TYPE)
                .because(format!("grant_type={sent}"), "authorization_code, refresh_token or client_credentials"),
            Self::GrantTypeForbidden(sent, client) => Refusal::by(&rules::GRANT_TYPE_FORBIDDEN)
                .because(format!("grant_type={sent}"), "a grant type that the client is registered for")
                .of(client),
            Self::Client(error) => error.refusal(),
            Self::Store(error) => answer::from_store(error),
            Self::PasswordGrant(client) => Refusal::by(&rules::PASSWORD_GRANT)
                .because(
                    "grant_type=password",
                    "a client with an exception that allows password_grant and has not ended",
                )
                .of(client),
            Self::Throttled(seconds, client) => Refusal::by(&rules::THROTTLED)
                .because("another attempt to sign in", format!("a wait of {seconds} s"))
                .of(client)
                .retry_after(*seconds),
            Self::Busy => Refusal::by(&rules::UNAVAILABLE),
            Self::VerifierMalformed(error) => Refusal::by(&rules::CODE_VERIFIER_MALFORMED)
                .because(error.to_string(), "43 to 128 unreserved characters"),
            Self::ScopeMalformed(error) => {
                Refusal::by(&rules::SCOPE).because(error.to_string(), "scope tokens divided by single spaces")
            }
            Self::Resource(error, client) => Refusal::by(&rules::RESOURCE)
                .because(error.to_string(), format!("at most {MOST_INDICATORS} configured resources"))
                .of(client),
            Self::Refused(refused, client) => refused.refusal().of(client),
            Self::Encryption(error, client) => {
                answer::from_encryption(error, "id_token_encrypted_response_alg").of(client)
            }
            Self::Keys(error) => answer::from_keys(error),
        }
    }
}

impl Refused {
    fn refusal(&self) -> Refusal {
        use refusal as rules;
        let code = |sent: &str| {
            Refusal::by(&rules::CODE_INVALID).because(sent, "a code of this client, at most 60 seconds old")
        };
        let token = |sent: &str| {
            Refusal::by(&rules::REFRESH_TOKEN_INVALID).because(sent, "a live refresh token of this client")
        };
        match self {
            Self::CodeUnknown => code("a code that was never issued to this client"),
            Self::CodeExpired => code("a code older than 60 seconds"),
            Self::GrantRevoked => code("a code whose grant was revoked"),
            Self::CodeReplayed => Refusal::by(&rules::CODE_REPLAYED)
                .because("a code that was used before", "a code that was not used yet"),
            Self::RedirectUri(sent, expected) => Refusal::by(&rules::CODE_REDIRECT_URI).because(sent, expected),
            Self::Verifier(sent) => Refusal::by(&rules::CODE_VERIFIER)
                .because(*sent, "the verifier whose challenge came with the authorization request"),
            Self::UserDisabled => Refusal::by(&rules::USER_DISABLED)
                .because("a grant of an account that is disabled", "an account in use"),
            Self::RefreshTokenUnknown => token("a refresh token that was never issued to this client"),
            Self::RefreshTokenExpired => token("a refresh token that has expired"),
            Self::RefreshTokenRevoked => token("a refresh token that was revoked"),
            Self::RefreshTokenReplayed => Refusal::by(&rules::REFRESH_TOKEN_REPLAYED)
                .because("a refresh token that was replaced before", "the refresh token of the last answer"),
            Self::ScopeWidened(sent, granted) => {
                Refusal::by(&rules::SCOPE_WIDENED).because(format!("scope {sent}"), format!("among: {granted}"))
            }
            Self::ResourceOwner => {
                Refusal::by(&rules::RESOURCE_OWNER).because("a user name and a password", "those of an account in use")
            }
            Self::ScopeForbidden(sent, expected) => {
                Refusal::by(&rules::SCOPE).because(format!("scope {sent}"), format!("among: {expected}"))
            }
            Self::Resource(sent) => Refusal::by(&rules::RESOURCE)
                .because(format!("resource={sent}"), "a resource of the authorization request"),
            Self::Machine => Refusal::by(&rules::INTERNAL),
        }
    }
}

impl From<Refusal> for TokenError {
    fn from(refusal: Refusal) -> Self {
        Self::Form(refusal)
    }
}

impl From<ClientError> for TokenError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AttemptError> for TokenError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Busy => Self::Busy,
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

impl From<KeysError> for TokenError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}
