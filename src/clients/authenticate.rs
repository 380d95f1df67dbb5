//! Client authentication (RFC 6749 §2.3): one method a request, and the one the client is registered with.
//!
//! Unknown client, wrong secret and wrong method give the same answer after the same work: one stretching, on the bounded
//! pool. A right generated secret costs one SHA-256; a right secret that a person chose is stretched once and remembered
//! as proven, keyed by its hash. An assertion is checked by [`super::assertion`]; nobody guesses a signature, so there is
//! no work to hide.

use super::Clients;
use super::assertion::{AssertionError, accepted_algorithms};
use super::keys::ClientKeysError;
use crate::domain::client::{Client, ClientAuthentication, ClientSecret};
use crate::domain::client_key::ClientAlgorithm;
use crate::domain::id::ClientId;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::throttle::{Throttle, ThrottleRule};
use crate::domain::time::{Lifetime, Timestamp};
use crate::passwords::{Passwords, PasswordsError};
use crate::store::StoreError;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The credentials of a request, as they were sent.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// `client_id`
    pub client_id: String,
    /// What came with it.
    pub proof: Proof,
}

/// What is to prove who a client is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Nothing.
    None,
    /// The secret in the header.
    Basic(Secret),
    /// The secret in the body.
    Post(Secret),
    /// A signed assertion. Whether a key or the secret has signed it, the client's method says.
    Assertion(Secret),
}

impl Proof {
    /// Whether it is what this method brings.
    const fn is_by(&self, method: ClientAuthentication) -> bool {
        match method {
            ClientAuthentication::None => matches!(self, Self::None),
            ClientAuthentication::ClientSecretBasic => matches!(self, Self::Basic(_)),
            ClientAuthentication::ClientSecretPost => matches!(self, Self::Post(_)),
            ClientAuthentication::ClientSecretJwt | ClientAuthentication::PrivateKeyJwt => {
                matches!(self, Self::Assertion(_))
            }
        }
    }

    /// The secret in clear, where it came so.
    const fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Basic(secret) | Self::Post(secret) => Some(secret),
            Self::None | Self::Assertion(_) => None,
        }
    }

    const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "method none",
            Self::Basic(_) => "method client_secret_basic",
            Self::Post(_) => "method client_secret_post",
            Self::Assertion(_) => "a client assertion",
        }
    }
}

/// Failures by client and source, on this node. Guessing a secret of a machine is hopeless work; this bounds what it costs.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<HashMap<TokenHash, Throttle>>);

const RULE: ThrottleRule =
    ThrottleRule { free: 20, longest_wait: Lifetime::seconds(60), memory: Lifetime::minutes(10) };
const MOST_COUNTED: usize = 10_000;

impl Guesses {
    pub(super) fn check(&self, subject: &TokenHash, now: Timestamp) -> Result<(), AuthenticationError> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match RULE.wait(counted.get(subject), now) {
            0 => Ok(()),
            seconds => Err(AuthenticationError::Throttled { seconds }),
        }
    }

    pub(super) fn failed(&self, subject: TokenHash, now: Timestamp) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MOST_COUNTED {
            counted.retain(|_, throttle| !throttle.expires_at.is_past(now));
        }
        if counted.len() >= MOST_COUNTED {
            counted.clear();
        }
        let throttle = RULE.failed(subject, counted.get(&subject), now);
        counted.insert(subject, throttle);
    }
}

/// A chosen secret that was proven right: which stored form, and the hash of the secret that fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    stored: String,
    secret: TokenHash,
}

/// Why a client is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// Unknown client, wrong secret, or another method than the registered one.
    #[error("client authentication failed: {explanation}")]
    Failed {
        /// For the developer of the client only.
        explanation: String,
        /// What the client is registered with, for its developer only.
        expected: String,
        /// The client, where there is one.
        client_id: Option<ClientId>,
    },
    /// An assertion that proves nothing.
    #[error("the client assertion is refused: {explanation}")]
    Assertion {
        /// For the developer of the client only.
        explanation: String,
        /// What the client is registered with, for its developer only.
        expected: String,
        /// The client.
        client_id: ClientId,
    },
    /// The client's keys could not be had, so nothing is known of its assertion. This is no guess.
    #[error("the client assertion cannot be checked: {error}")]
    Keys {
        /// Why.
        error: ClientKeysError,
        /// What the client is registered with, for its developer only.
        expected: String,
        /// The client.
        client_id: ClientId,
    },
    /// Too many failures from this source for this client.
    #[error("too many failed attempts; wait {seconds} s")]
    Throttled {
        /// How long to wait.
        seconds: i64,
    },
    /// The password pool is full.
    #[error("too many passwords wait to be checked")]
    Busy,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a secret could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The password pool is full.
    #[error("too many passwords wait to be checked")]
    Busy,
    /// What is stored cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PasswordsError> for SecretError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy => Self::Busy,
            other => Self::Store(StoreError::Failed(other.to_string())),
        }
    }
}

impl From<SecretError> for AuthenticationError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Busy => Self::Busy,
            SecretError::Store(error) => Self::Store(error),
        }
    }
}

impl Clients {
    /// Finds the client and checks its credentials.
    ///
    /// # Errors
    /// [`AuthenticationError`].
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        passwords: &Passwords,
        source: (Option<IpAddr>, Timestamp),
    ) -> Result<Arc<Client>, AuthenticationError> {
        let guesses = (!matches!(credentials.proof, Proof::None))
            .then(|| TokenHash::of(&format!("{} {:?}", credentials.client_id, source.0)));
        if let Some(subject) = &guesses {
            self.guesses.check(subject, source.1)?;
        }
        let result = self.prove(credentials, passwords, source.1).await;
        let is_guess =
            matches!(result, Err(AuthenticationError::Failed { .. } | AuthenticationError::Assertion { .. }));
        if let Some(subject) = guesses.filter(|_| is_guess) {
            self.guesses.failed(subject, source.1);
        }
        result
    }

    async fn prove(
        &self,
        credentials: &Credentials,
        passwords: &Passwords,
        now: Timestamp,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let client = self.find(&credentials.client_id).await?;
        let failure = match &client {
            None => failed("no such client", "a registered client_id", None),
            Some(client) if !credentials.proof.is_by(client.authentication) => {
                let expected = format!("token_endpoint_auth_method {}", client.authentication.as_str());
                failed(credentials.proof.as_str(), &expected, Some(client))
            }
            Some(client) => match (&credentials.proof, &client.secret) {
                (Proof::None, _) => return Ok(Arc::clone(client)),
                (Proof::Assertion(assertion), _) => {
                    let checked = self.assertions.verify(client, assertion, now).await;
                    return checked.map(|()| Arc::clone(client)).map_err(|error| refused(error, client));
                }
                (Proof::Basic(_) | Proof::Post(_), None) => failed("a secret", "a client that has one", Some(client)),
                (Proof::Basic(secret) | Proof::Post(secret), Some(stored)) => {
                    if self.is_right((client, stored), secret, passwords).await? {
                        return Ok(Arc::clone(client));
                    }
                    let sent = format!("a secret of {} characters", secret.reveal().chars().count());
                    failed(&sent, "the client's secret", Some(client))
                }
            },
        };
        self.spend_the_same(client.as_deref(), credentials, passwords).await?;
        Err(failure)
    }

    /// One stretching for every failure with a secret that has not been stretched yet, so that time tells nothing.
    async fn spend_the_same(
        &self,
        client: Option<&Client>,
        credentials: &Credentials,
        passwords: &Passwords,
    ) -> Result<(), AuthenticationError> {
        let was_stretched = client.is_some_and(|client| {
            credentials.proof.is_by(client.authentication) && matches!(client.secret, Some(ClientSecret::Stretched(_)))
        });
        match credentials.proof.secret() {
            Some(secret) if !was_stretched => {
                passwords.verify(secret, None).await.map_err(SecretError::from)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether `secret` is the client's, which is stored so. Guesses are the caller's to count.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn is_right(
        &self,
        (client, stored): (&Client, &ClientSecret),
        secret: &Secret,
        passwords: &Passwords,
    ) -> Result<bool, SecretError> {
        let phc = match stored {
            ClientSecret::Stretched(phc) => phc,
            ClientSecret::Sha256(_) => return Ok(stored.matches_generated(secret.reveal()).unwrap_or(false)),
            ClientSecret::Sealed(sealed) => {
                let is_right = self.assertions.is_sealed(client, sealed, secret);
                return is_right.map_err(|error| StoreError::from(error).into());
            }
        };
        let id = &client.id;
        let claim = Proven { stored: phc.clone(), secret: secret.hash() };
        if self.proven.read().unwrap_or_else(PoisonError::into_inner).get(id) == Some(&claim) {
            return Ok(true);
        }
        let is_right = passwords.verify(secret, Some(phc.clone())).await?;
        if is_right {
            self.proven.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), claim);
        }
        Ok(is_right)
    }
}

fn refused(error: AssertionError, client: &Client) -> AuthenticationError {
    let algorithms = accepted_algorithms(client).into_iter().map(ClientAlgorithm::as_str).collect::<Vec<_>>();
    let expected = format!(
        "{}: a JWT signed with {}, iss and sub {}, aud the issuer, exp within an hour, a new jti",
        client.authentication.as_str(),
        algorithms.join(" or "),
        client.id
    );
    match error {
        AssertionError::Store(error) => error.into(),
        AssertionError::Sealed(error) => StoreError::from(error).into(),
        AssertionError::Keys(error @ ClientKeysError::Published(_)) => {
            AuthenticationError::Keys { error, expected, client_id: client.id.clone() }
        }
        other => {
            AuthenticationError::Assertion { explanation: other.to_string(), expected, client_id: client.id.clone() }
        }
    }
}

fn failed(sent: &str, expected: &str, client: Option<&Client>) -> AuthenticationError {
    AuthenticationError::Failed {
        explanation: sent.to_owned(),
        expected: expected.to_owned(),
        client_id: client.map(|client| client.id.clone()),
    }
}
