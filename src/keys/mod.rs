//! The signing-key service: makes, seals, publishes, rotates and retires keys, signs tokens and verifies them.
//!
//! The truth is in the store; a node keeps a parsed copy of it, the `Ring`, that `tick` renews every few seconds.
//! When keys change is the plan in [`rotation`]; every step of it is checked again inside the transaction that carries
//! it out and is a conditional update there, so any number of nodes may tick. A new master key takes the place of the
//! old one in `resealing`, while all of that goes on. Only this room knows `jsonwebtoken`. RFC 7515, RFC 7517, RFC
//! 7519, RFC 7638, RFC 8725.

mod foreign;
mod jwe;
mod jwk;
mod jwt;
mod master;
mod resealing;
mod ring;
pub mod rotation;
mod sealing;
mod service;
#[cfg(test)]
pub(crate) mod tests;

pub use foreign::{ForeignJws, ForeignJwsError, KeySet, KeySetError, LARGEST_SET};
pub use jwe::EncryptError;
pub use jwk::{DamagedKey, Jwks};
pub use jwt::{CryptoFailure, Expected, MAX_BYTES, VerifyError};
pub use master::{MasterKey, MasterKeyError};
pub use resealing::Sealed;
pub use rotation::KeyPolicy;
pub use sealing::{SealingError, SecretSeal};
pub use service::{Keys, Retired, Rotated, RotationOutcome};

use crate::domain::id::KeyId;
use crate::domain::key::Algorithm;
use crate::store::StoreError;

/// What a secret key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Refresh tokens are derived with it.
    Refresh,
    /// Forms are bound to their session with it.
    Forms,
    /// Pairwise subjects are derived with it.
    Subjects,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Refresh, Self::Forms, Self::Subjects];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Forms => "forms",
            Self::Subjects => "subjects",
        }
    }
}

/// Why the key service cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No keys are loaded yet (-> 503).
    #[error("the signing keys are not loaded yet")]
    NotReady,
    /// The server is not configured to sign with this algorithm.
    #[error("the server holds no keys for {}", .0.as_str())]
    NotConfigured(Algorithm),
    /// There is no such key.
    #[error("there is no key {0}")]
    Unknown(KeyId),
    /// A master key cannot take its own place.
    #[error("the new master key is the configured one")]
    SameMasterKey,
    /// Another node changed the keys again and again at the same time.
    #[error("the keys are being changed by another node; try again")]
    Busy,
    /// The store does not answer, or not as it should.
    #[error(transparent)]
    Store(StoreError),
    /// A stored key does not open.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// A stored key is not what it says.
    #[error(transparent)]
    Damaged(#[from] DamagedKey),
    /// The cryptographic library refused.
    #[error(transparent)]
    Crypto(#[from] CryptoFailure),
}

impl From<StoreError> for KeysError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl KeysError {
    /// Whether trying again later may help (-> 503 with `Retry-After`).
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::NotReady | Self::Busy | Self::Store(StoreError::Unavailable(_) | StoreError::Conflict))
    }
}
