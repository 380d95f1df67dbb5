//! The ring: what one node knows of the keys at one moment, parsed and ready. It never changes; a new one replaces it.

use super::jwk::{self, Jwks, PublicKey};
use super::jwt::Signer;
use super::master::MasterKey;
use super::sealing::SealingError;
use super::sealing::{self, Owner};
use super::{KeysError, Purpose};
use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, KeyState, SecretKey, SigningKey};
use crate::domain::time::Lifetime;
use aws_lc_rs::hmac;
use std::sync::Arc;

/// The `purpose` under which private keys are sealed.
pub(super) const SIGNING: &str = "signing";
/// The `algorithm` under which keys for HMAC are sealed.
pub(super) const HMAC: &str = "HS256";

/// The keys as one read of the store gave them.
pub(super) struct Ring {
    keys: Vec<Held>,
    secrets: Vec<HeldSecret>,
    /// The published keys.
    pub(super) jwks: Jwks,
    /// Of a key that is in use and was sealed anew, under another master key, since this node opened it.
    resealed: Option<SealingError>,
}

/// A signing key, parsed.
#[derive(Clone)]
pub(super) struct Held {
    /// The row.
    pub(super) record: SigningKey,
    /// Its public half.
    pub(super) public: Arc<PublicKey>,
    /// Its private half; for the states that sign or will.
    pub(super) signer: Option<Arc<Signer>>,
}

#[derive(Clone)]
struct HeldSecret {
    id: KeyId,
    purpose: Purpose,
    key: hmac::Key,
}

/// The rows that a ring is made of.
pub(super) struct Rows {
    /// Every signing key.
    pub(super) signing: Vec<SigningKey>,
    /// Every secret key with what it is for.
    pub(super) secret: Vec<(Purpose, SecretKey)>,
}

impl Ring {
    /// Opens and parses the rows. What `before` has parsed already is taken from there.
    pub(super) fn build(
        rows: Rows,
        before: Option<&Self>,
        master: &MasterKey,
        max_age: Lifetime,
    ) -> Result<Self, KeysError> {
        let resealed = rows.find_sealed_elsewhere(master);
        let keys = rows
            .signing
            .into_iter()
            .map(|record| Held::open(record, before, master))
            .collect::<Result<Vec<_>, KeysError>>()?;
        let mut secret = rows.secret;
        secret.sort_by_key(|(_, row)| (row.created_at, row.id.clone()));
        let secrets = secret
            .into_iter()
            .map(|(purpose, row)| HeldSecret::open(purpose, &row, before, master))
            .collect::<Result<Vec<_>, KeysError>>()?;
        let jwks = jwk::publish(keys.iter().map(|held| (&held.record, &*held.public)), max_age);
        Ok(Self { keys, secrets, jwks, resealed })
    }

    /// That what this node makes could be opened by those that start from now on.
    ///
    /// # Errors
    /// [`SealingError::OtherMasterKey`] where the keys in use are sealed under another master key by now.
    pub(super) fn require_own_seals(&self) -> Result<(), SealingError> {
        self.resealed.clone().map_or(Ok(()), Err)
    }

    /// The rows of the signing keys.
    pub(super) fn records(&self) -> Vec<SigningKey> {
        self.keys.iter().map(|held| held.record.clone()).collect()
    }

    /// The key that signs with this algorithm.
    pub(super) fn active(&self, algorithm: Algorithm) -> Option<&Held> {
        self.keys.iter().find(|held| held.record.algorithm == algorithm && held.record.state == KeyState::Active)
    }

    /// A key that verifies: one that is in the JWKS.
    pub(super) fn published(&self, kid: &str) -> Option<&Held> {
        self.keys.iter().find(|held| held.record.id.as_str() == kid && jwk::is_published(held.record.state))
    }

    /// The newest secret key of a purpose, or the one named.
    pub(super) fn secret(&self, purpose: Purpose, id: Option<&KeyId>) -> Option<(&KeyId, &hmac::Key)> {
        self.secrets
            .iter()
            .rev()
            .find(|held| held.purpose == purpose && id.is_none_or(|id| *id == held.id))
            .map(|held| (&held.id, &held.key))
    }
}

impl Rows {
    fn find_sealed_elsewhere(&self, master: &MasterKey) -> Option<SealingError> {
        let signing = self.signing.iter().filter(|key| is_in_use(key.state));
        let signing = signing.map(|key| (owner(key), &key.sealed_private));
        let secret = self.secret.iter().map(|(_, key)| (secret_owner(key), &key.sealed));
        signing.chain(secret).find_map(|(owner, sealed)| sealing::require_master(master, owner, sealed).err())
    }
}

/// Whether keys in this state sign, or will.
pub(super) const fn is_in_use(state: KeyState) -> bool {
    matches!(state, KeyState::Next | KeyState::Active)
}

/// What the private half of a signing key is sealed for.
pub(super) fn owner(key: &SigningKey) -> Owner<'_> {
    Owner { id: key.id.as_str(), algorithm: key.algorithm.as_str(), purpose: SIGNING }
}

/// What a secret key is sealed for.
pub(super) fn secret_owner(key: &SecretKey) -> Owner<'_> {
    Owner { id: key.id.as_str(), algorithm: HMAC, purpose: &key.purpose }
}

impl Held {
    fn open(record: SigningKey, before: Option<&Ring>, master: &MasterKey) -> Result<Self, KeysError> {
        let known = before.and_then(|ring| ring.keys.iter().find(|held| is_same_key(&held.record, &record)));
        let public = match known {
            Some(held) => Arc::clone(&held.public),
            None => Arc::new(PublicKey::read(&record)?),
        };
        let signer = match known.and_then(|held| held.signer.clone()) {
            _ if !is_in_use(record.state) => None,
            Some(signer) => Some(signer),
            None => Some(Arc::new(open_signer(&record, &public, master)?)),
        };
        Ok(Self { record, public, signer })
    }
}

/// Everything that was parsed from the row is unchanged. (The sealed half changes with the master key only.)
fn is_same_key(known: &SigningKey, row: &SigningKey) -> bool {
    known.id == row.id && known.algorithm == row.algorithm && known.public_jwk == row.public_jwk
}

fn open_signer(record: &SigningKey, public: &PublicKey, master: &MasterKey) -> Result<Signer, KeysError> {
    let private = sealing::open(master, owner(record), &record.sealed_private)?;
    let signer = Signer::read(record.algorithm, &private)?;
    // A private half that belongs to another public half would sign tokens that nobody can verify.
    let own =
        PublicKey::describe(record.algorithm, &signer.public()).map_err(|_| super::CryptoFailure("describe a key"))?;
    if own.id == public.id { Ok(signer) } else { Err(super::CryptoFailure("match the halves of a key").into()) }
}

impl HeldSecret {
    fn open(purpose: Purpose, row: &SecretKey, before: Option<&Ring>, master: &MasterKey) -> Result<Self, KeysError> {
        let known =
            before.and_then(|ring| ring.secrets.iter().find(|held| held.id == row.id && held.purpose == purpose));
        if let Some(held) = known {
            return Ok(held.clone());
        }
        let bytes = sealing::open(master, secret_owner(row), &row.sealed)?;
        Ok(Self { id: row.id.clone(), purpose, key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }
}
