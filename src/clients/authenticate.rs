//! Client authentication (RFC 6749 §2.3): one method a request, and the one the client is registered with.
//!
//! Unknown client, wrong secret and wrong method give the same answer after the same work: one stretching, in a turn of
//! those that the password pool leaves to clients. A right generated secret costs one SHA-256; a right secret that a
//! person chose is stretched once and remembered as proven, keyed by its hash. An assertion is checked by
//! [`super::assertion`]; nobody guesses a signature, so there is no work to hide, and what fails is counted when it has
//! failed: a client may begin many at once.
//!
//! Failures are counted before they are stretched (`guesses.rs`), by client and network, and by network. Who is
//! held up then:
//!
//! - A right generated secret never is, whatever its neighbours or a guesser behind the same address do. To tell it
//!   from a wrong one while that one waits helps nobody to guess 256 bits; time tells no more than at any other moment.
//! - A right chosen secret that was proven on this node, or that is sealed, waits with its own client only. It could be
//!   guessed, so while its client waits, right and wrong get the same answer.
//! - A chosen secret that is not proven yet waits with its network too: only the work that is refused there tells that
//!   it is right.

use super::Clients;
use super::assertion::{AssertionError, accepted_algorithms};
use super::guesses::{Limit, TooMany};
use super::keys::ClientKeysError;
use crate::domain::client::{Client, ClientAuthentication, ClientSecret};
use crate::domain::client_key::ClientAlgorithm;
use crate::domain::id::ClientId;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::time::Timestamp;
use crate::passwords::{Passwords, Turn};
use crate::sessions::attempt::AttemptError;
use crate::store::StoreError;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

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
    /// Too many failures from this network, for this client or for any.
    #[error("too many failed attempts; wait {seconds} s")]
    Throttled {
        /// How long to wait.
        seconds: i64,
    },
    /// Too many secrets wait for their turn, or the password pool is full.
    #[error("too many passwords wait to be checked")]
    Busy,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TooMany> for AuthenticationError {
    fn from(error: TooMany) -> Self {
        Self::Throttled { seconds: error.seconds }
    }
}

impl From<AttemptError> for AuthenticationError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Busy => Self::Busy,
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

/// Where a request comes from, and when.
type Origin = (Option<IpAddr>, Timestamp);

/// What can be said of a secret without stretching it.
enum Verdict {
    /// It is right, and one that this server generated.
    RightGenerated,
    /// It is right, and a person may have chosen it.
    RightChosen,
    /// It is right if it fits this stored form.
    Open(String),
    /// It is wrong, or there is nothing to hold it against.
    Wrong,
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
        origin: Origin,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let found = self.find(&credentials.client_id).await?;
        let failure = || failure(found.as_deref(), &credentials.proof);
        let client = found.as_ref().filter(|client| credentials.proof.is_by(client.authentication));
        match &credentials.proof {
            Proof::None => {}
            Proof::Assertion(assertion) => {
                let limits = [Limit::of_client(&credentials.client_id, origin.0)];
                self.guesses.check(&limits, origin.1)?;
                let proven = match client {
                    Some(client) => self.prove(client, assertion, origin.1).await,
                    None => Err(failure()),
                };
                if let Err(AuthenticationError::Failed { .. } | AuthenticationError::Assertion { .. }) = &proven {
                    self.guesses.take(&limits, origin.1)?;
                }
                proven?;
            }
            Proof::Basic(secret) | Proof::Post(secret) => {
                let client = client.map(Arc::as_ref);
                if !self.fits((&credentials.client_id, client), secret, passwords, origin).await? {
                    return Err(failure());
                }
            }
        }
        client.cloned().ok_or_else(failure)
    }

    async fn prove(&self, client: &Client, assertion: &Secret, now: Timestamp) -> Result<(), AuthenticationError> {
        self.assertions.verify(client, assertion, now).await.map_err(|error| refused(error, client))
    }

    /// Whether `secret` is that of `client`, if there is one that brings a secret in this way. What is not known to be
    /// right waits for a turn, is counted, and is stretched once, whatever is wrong with it.
    async fn fits(
        &self,
        (client_id, client): (&str, Option<&Client>),
        secret: &Secret,
        passwords: &Passwords,
        (source, now): Origin,
    ) -> Result<bool, AuthenticationError> {
        let limits = [Limit::of_client(client_id, source), Limit::of_network(source)];
        if self.is_admitted(&self.compare(client, secret)?, limits[0], now)? {
            return Ok(true);
        }
        self.guesses.check(&limits, now)?;
        let turn = passwords.turn().await.map_err(AttemptError::from)?;
        // Whoever had the turn before may have proven the same secret.
        let verdict = self.compare(client, secret)?;
        if self.is_admitted(&verdict, limits[0], now)? {
            return Ok(true);
        }
        let taken = self.guesses.take(&limits, now)?;
        let is_right = self.stretch((client, verdict), secret, passwords, turn).await;
        if !matches!(is_right, Ok(false)) {
            self.guesses.give_back(&taken);
        }
        Ok(is_right?)
    }

    /// Whether that is enough. Nobody guesses 256 bits, so nothing that others do holds up whoever knows them; what may
    /// have been chosen is not told from what is wrong while its client waits.
    fn is_admitted(&self, verdict: &Verdict, of_client: Limit, now: Timestamp) -> Result<bool, TooMany> {
        match verdict {
            Verdict::RightGenerated => Ok(true),
            Verdict::RightChosen => self.guesses.check(&[of_client], now).map(|()| true),
            Verdict::Open(_) | Verdict::Wrong => Ok(false),
        }
    }

    /// Whether `secret` is the client's. Guesses are the caller's to count.
    ///
    /// # Errors
    /// [`AttemptError`].
    pub async fn is_right(
        &self,
        client: &Client,
        secret: &Secret,
        passwords: &Passwords,
    ) -> Result<bool, AttemptError> {
        match self.compare(Some(client), secret)? {
            Verdict::RightGenerated | Verdict::RightChosen => Ok(true),
            Verdict::Wrong => Ok(false),
            open @ Verdict::Open(_) => {
                let turn = passwords.turn().await?;
                self.stretch((Some(client), open), secret, passwords, turn).await
            }
        }
    }

    fn compare(&self, client: Option<&Client>, secret: &Secret) -> Result<Verdict, AttemptError> {
        let Some((client, stored)) = client.and_then(|client| Some((client, client.secret.as_ref()?))) else {
            return Ok(Verdict::Wrong);
        };
        let right = match stored {
            ClientSecret::Stretched(phc) => {
                let claim = Proven { stored: phc.clone(), secret: secret.hash() };
                let proven = self.proven.read().unwrap_or_else(PoisonError::into_inner);
                let is_proven = proven.get(&client.id) == Some(&claim);
                return Ok(if is_proven { Verdict::RightChosen } else { Verdict::Open(claim.stored) });
            }
            ClientSecret::Sha256(_) => {
                let is_right = stored.matches_generated(secret.reveal()).unwrap_or(false);
                is_right.then_some(Verdict::RightGenerated)
            }
            ClientSecret::Sealed(sealed) => {
                let is_right = self.assertions.is_sealed(client, sealed, secret).map_err(StoreError::from)?;
                is_right.then_some(Verdict::RightChosen)
            }
        };
        Ok(right.unwrap_or(Verdict::Wrong))
    }

    /// Stretches the secret and remembers a right one before the next has its turn.
    async fn stretch(
        &self,
        (client, verdict): (Option<&Client>, Verdict),
        secret: &Secret,
        passwords: &Passwords,
        turn: Turn,
    ) -> Result<bool, AttemptError> {
        let stored = match verdict {
            Verdict::Open(stored) => Some(stored),
            Verdict::RightGenerated | Verdict::RightChosen | Verdict::Wrong => None,
        };
        let (is_right, _turn) = passwords.verify_in(turn, secret, stored.clone()).await?;
        if let (true, Some(client), Some(stored)) = (is_right, client, stored) {
            let claim = Proven { stored, secret: secret.hash() };
            self.proven.write().unwrap_or_else(PoisonError::into_inner).insert(client.id.clone(), claim);
        }
        Ok(is_right)
    }
}

/// Why these credentials prove nothing.
fn failure(client: Option<&Client>, proof: &Proof) -> AuthenticationError {
    match (client, proof.secret()) {
        (None, _) => failed("no such client", "a registered client_id", None),
        (Some(client), _) if !proof.is_by(client.authentication) => {
            let expected = format!("token_endpoint_auth_method {}", client.authentication.as_str());
            failed(proof.as_str(), &expected, Some(client))
        }
        (Some(client), Some(secret)) if client.secret.is_some() => {
            let sent = format!("a secret of {} characters", secret.reveal().chars().count());
            failed(&sent, "the client's secret", Some(client))
        }
        (Some(client), _) => failed("a secret", "a client that has one", Some(client)),
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
