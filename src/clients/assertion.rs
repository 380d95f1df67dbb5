//! Client authentication by a signed assertion (RFC 7521 §4.2, RFC 7523 §3, OIDC Core §9): `private_key_jwt` with a key
//! pair of the client, `client_secret_jwt` with its secret.
//!
//! Everything that must be right comes from the registration: the method, the algorithm, the keys. `aud` must name this
//! server and nobody else: the issuer (what RFC 7523bis wants), the token endpoint, or another endpoint at which clients
//! authenticate themselves; a list is accepted where each of its members is one of these. The `jti` is remembered until the
//! assertion has ended, after everything else was right, so nobody but the client can use one up.

use super::keys::{ClientKeys, ClientKeysError};
use crate::domain::client::{Client, ClientAuthentication, ClientSecret};
use crate::domain::client_key::ClientAlgorithm;
use crate::domain::issuer::Issuer;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{ForeignJws, ForeignJwsError, MAX_BYTES, SealingError, SecretSeal};
use crate::store::{self, Store, StoreError};
use serde_json::{Map, Value};
use std::sync::Arc;

/// How far ahead `exp` may lie. RFC 7523 §3 leaves the bound to the server; widely used clients make assertions for an hour.
pub const LONGEST: Lifetime = Lifetime::hours(1);
/// How far the clock of a client may be from ours.
pub const TOLERANCE: Lifetime = Lifetime::seconds(15);
/// The longest `jti`, in bytes.
const LONGEST_ID: usize = 512;
/// The media type of RFC 7523bis, and the one that everybody uses; another says that it is something else.
const KINDS: [&str; 2] = ["client-authentication+jwt", "jwt"];

/// Why an assertion proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// It is no JWS with claims.
    #[error(transparent)]
    Malformed(#[from] ForeignJwsError),
    /// It is a JWT of another kind.
    #[error("its typ is {0}")]
    Kind(String),
    /// Its algorithm is not one that the client may use.
    #[error("it is signed with {0}")]
    Algorithm(String),
    /// The client's keys.
    #[error(transparent)]
    Keys(#[from] ClientKeysError),
    /// The secret did not make the signature.
    #[error("the client's secret did not sign it")]
    Secret,
    /// The secret is kept as a hash, which verifies nothing.
    #[error("the client's secret is kept as a hash; set it anew")]
    Hashed,
    /// The secret does not open.
    #[error(transparent)]
    Sealed(#[from] SealingError),
    /// A claim is missing or wrong: which, and what is there.
    #[error("{0}: {1}")]
    Claim(&'static str, String),
    /// It was used before.
    #[error("its jti was used before")]
    Used,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What checks assertions. Clones share what they know.
#[derive(Clone)]
pub struct Assertions {
    store: Store,
    keys: ClientKeys,
    seal: SecretSeal,
    audiences: Arc<[String]>,
}

impl Assertions {
    /// For the server with this issuer.
    pub fn new(store: Store, keys: ClientKeys, seal: SecretSeal, issuer: &Issuer) -> Self {
        let endpoints = ["/token", "/introspect", "/revoke"].map(|path| issuer.endpoint(path));
        let audiences = std::iter::once(issuer.as_str().to_owned()).chain(endpoints).collect();
        Self { store, keys, seal, audiences }
    }

    /// The keys of clients.
    pub const fn keys(&self) -> &ClientKeys {
        &self.keys
    }

    /// Checks an assertion of this client, and uses it up.
    ///
    /// # Errors
    /// [`AssertionError`].
    pub async fn verify(&self, client: &Client, assertion: &Secret, now: Timestamp) -> Result<(), AssertionError> {
        let jws = ForeignJws::parse(assertion.reveal(), MAX_BYTES)?;
        if let Some(kind) = jws.kind().filter(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(AssertionError::Kind(kind));
        }
        let algorithm = accepted_algorithms(client).into_iter().find(|known| known.as_str() == jws.algorithm());
        let algorithm = algorithm.ok_or_else(|| AssertionError::Algorithm(jws.algorithm().to_owned()))?;
        self.verify_signature(client, &jws, algorithm).await?;
        let expires_at = check(jws.claims(), client, &self.audiences, now)?;
        let id = text(jws.claims(), "jti").filter(|id| (1..=LONGEST_ID).contains(&id.len()));
        let id = id.ok_or_else(|| AssertionError::Claim("jti", shown(jws.claims(), "jti")))?;
        let hash = TokenHash::of(&format!("{} {id}", client.id));
        let is_first = self.store.write(move |db| store::used_jwts::insert(db, &hash, expires_at)).await?;
        if is_first { Ok(()) } else { Err(AssertionError::Used) }
    }

    /// Checks that the client has signed this with this algorithm: with one of its keys, or its secret.
    ///
    /// # Errors
    /// [`AssertionError`].
    pub async fn verify_signature(
        &self,
        client: &Client,
        jws: &ForeignJws<'_>,
        algorithm: ClientAlgorithm,
    ) -> Result<(), AssertionError> {
        if !algorithm.is_with_secret() {
            return Ok(self.keys.verify(client, jws, algorithm).await?);
        }
        let Some(ClientSecret::Sealed(sealed)) = &client.secret else { return Err(AssertionError::Hashed) };
        let secret = self.seal.open(&client.id, sealed)?;
        if jws.is_signed_with(&secret) { Ok(()) } else { Err(AssertionError::Secret) }
    }

    /// Whether this is the secret that is sealed for the client.
    pub(super) fn is_sealed(&self, client: &Client, sealed: &str, secret: &Secret) -> Result<bool, SealingError> {
        self.seal.open(&client.id, sealed).map(|known| known == *secret)
    }
}

/// `token_endpoint_auth_signing_alg`, or where it is not registered every algorithm of the client's method (OpenID Connect
/// Registration §2).
pub(super) fn accepted_algorithms(client: &Client) -> Vec<ClientAlgorithm> {
    let of_method: &[ClientAlgorithm] = match client.authentication {
        ClientAuthentication::PrivateKeyJwt => &ClientAlgorithm::WITH_KEY,
        ClientAuthentication::ClientSecretJwt => &ClientAlgorithm::WITH_SECRET,
        ClientAuthentication::None
        | ClientAuthentication::ClientSecretBasic
        | ClientAuthentication::ClientSecretPost => &[],
    };
    let registered = client.metadata.get("token_endpoint_auth_signing_alg").and_then(Value::as_str);
    of_method.iter().copied().filter(|known| registered.is_none_or(|only| only == known.as_str())).collect()
}

/// The claims of RFC 7523 §3; until when the assertion could be used again.
fn check(
    claims: &Map<String, Value>,
    client: &Client,
    audiences: &[String],
    now: Timestamp,
) -> Result<Timestamp, AssertionError> {
    let wrong = |name: &'static str| AssertionError::Claim(name, shown(claims, name));
    for name in ["iss", "sub"] {
        if text(claims, name) != Some(client.id.as_str()) {
            return Err(wrong(name));
        }
    }
    if !names_only(claims.get("aud"), audiences) {
        return Err(wrong("aud"));
    }
    let expires_at = time(claims, "exp").ok_or_else(|| wrong("exp"))?.plus(TOLERANCE);
    if expires_at.is_past(now) || expires_at.since(now) > LONGEST.as_seconds() + 2 * TOLERANCE.as_seconds() {
        return Err(wrong("exp"));
    }
    for name in ["nbf", "iat"] {
        let starts = time(claims, name);
        if claims.contains_key(name) && starts.is_none_or(|start| start.since(now) > TOLERANCE.as_seconds()) {
            return Err(wrong(name));
        }
    }
    Ok(expires_at)
}

/// Whether `aud` names somebody, and nobody but these (RFC 7519 §4.1.3).
fn names_only(claim: Option<&Value>, audiences: &[String]) -> bool {
    let is_ours = |one: &Value| one.as_str().is_some_and(|one| audiences.iter().any(|known| known == one));
    match claim {
        Some(Value::Array(several)) => !several.is_empty() && several.iter().all(is_ours),
        Some(one) => is_ours(one),
        None => false,
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// A NumericDate, which may have a fraction (RFC 7519 §2).
pub(super) fn time(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let number = claims.get(name)?;
    #[allow(clippy::cast_possible_truncation, reason = "the fraction of a second is what is cut off")]
    let whole = |seconds: f64| (0.0..1e12).contains(&seconds).then_some(seconds as i64);
    number.as_i64().or_else(|| number.as_f64().and_then(whole)).map(Timestamp::from_seconds)
}

/// What is there, for the client's developer. None of these claims is a secret.
pub(super) fn shown(claims: &Map<String, Value>, name: &str) -> String {
    claims.get(name).map_or_else(|| "missing".to_owned(), Value::to_string)
}
