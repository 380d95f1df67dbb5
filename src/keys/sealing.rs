//! Sealing at rest: XChaCha20-Poly1305 under the master key.
//!
//! A sealed value is `version (1) | master key id (8) | nonce (24) | ciphertext and tag`. The associated data names the
//! key it belongs to, so that a sealed value moved to another row does not open.

use super::master::MasterKey;
use crate::domain::client::hex;
use crate::domain::id::ClientId;
use crate::domain::secret::{Secret, TokenHash};
use crate::entropy::Entropy;
use crate::store::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES;

/// What a sealed value belongs to: `id`, `algorithm` and `purpose` of its key. None of them contains a `|`.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// `kid`, or the identifier of a secret key.
    pub id: &'a str,
    /// `alg`
    pub algorithm: &'a str,
    /// `signing`, `refresh`, `forms`.
    pub purpose: &'a str,
}

impl Owner<'_> {
    fn associated_data(&self) -> Vec<u8> {
        format!("{}|{}|{}", self.id, self.algorithm, self.purpose).into_bytes()
    }
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// It was sealed with a master key that is not the configured one.
    #[error("key {id} is sealed under another master key ({found}); the configured one is {configured}")]
    OtherMasterKey {
        /// Which key.
        id: String,
        /// The id of the master key it was sealed under.
        found: String,
        /// The id of the configured master key.
        configured: String,
    },
    /// It was cut, altered, or moved from another key's row.
    #[error("the sealed value of key {id} is damaged")]
    Damaged {
        /// Which key.
        id: String,
    },
}

/// Whoever asks may find a node that has the right master key; what is damaged is so everywhere.
impl From<SealingError> for StoreError {
    fn from(error: SealingError) -> Self {
        match error {
            SealingError::OtherMasterKey { .. } => Self::Unavailable(error.to_string()),
            SealingError::Damaged { .. } => Self::Corrupt(error.to_string()),
        }
    }
}

/// Seals `secret` for `owner`. The nonce is random: 192 bits are enough never to repeat.
pub fn seal(master: &MasterKey, entropy: &Entropy, owner: Owner<'_>, secret: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = entropy.bytes();
    let data = owner.associated_data();
    let sealed = cipher(master)
        .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &data })
        .expect("a key of a few kilobytes is far below the limit of the cipher");
    [&[VERSION][..], &master.id_bytes(), &nonce, &sealed].concat()
}

/// Opens what [`seal`] made for the same `owner`. The result is wiped when dropped.
///
/// # Errors
/// [`SealingError`]; it never contains the value.
pub fn open(master: &MasterKey, owner: Owner<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    require_master(master, owner, sealed)?;
    let damaged = || SealingError::Damaged { id: owner.id.to_owned() };
    let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or_else(damaged)?;
    let nonce: [u8; NONCE_BYTES] = head[1 + ID_BYTES..].try_into().map_err(|_| damaged())?;
    let data = owner.associated_data();
    cipher(master)
        .decrypt(&XNonce::from(nonce), Payload { msg: body, aad: &data })
        .map(Zeroizing::new)
        .map_err(|_| damaged())
}

/// Whether a value says of itself that it is sealed under this master key. Nothing is opened.
///
/// # Errors
/// [`SealingError`].
pub fn require_master(master: &MasterKey, owner: Owner<'_>, sealed: &[u8]) -> Result<(), SealingError> {
    let (found, configured) = (master_of(owner, sealed)?, master.id());
    if found == configured {
        return Ok(());
    }
    Err(SealingError::OtherMasterKey { id: owner.id.to_owned(), found, configured })
}

/// The id of the master key that a value says it is sealed under.
///
/// # Errors
/// [`SealingError::Damaged`].
pub fn master_of(owner: Owner<'_>, sealed: &[u8]) -> Result<String, SealingError> {
    match sealed.split_at_checked(HEAD_BYTES) {
        Some((head, _)) if head[0] == VERSION => Ok(MasterKey::id_text(&head[1..=ID_BYTES])),
        _ => Err(SealingError::Damaged { id: owner.id.to_owned() }),
    }
}

/// Seals the secrets of clients that sign with them: a hash verifies no signature. A sealed secret opens for its client
/// only.
#[derive(Clone)]
pub struct SecretSeal {
    master: MasterKey,
    entropy: Entropy,
}

impl SecretSeal {
    /// Under this master key.
    pub const fn new(master: MasterKey, entropy: Entropy) -> Self {
        Self { master, entropy }
    }

    /// The sealed form, as base64url.
    pub fn seal(&self, client: &ClientId, secret: &Secret) -> String {
        let id = Self::name(client);
        URL_SAFE_NO_PAD.encode(seal(&self.master, &self.entropy, Self::owner(&id), secret.reveal().as_bytes()))
    }

    /// Opens what [`SecretSeal::seal`] made for this client.
    ///
    /// # Errors
    /// [`SealingError`]; it never contains the secret.
    pub fn open(&self, client: &ClientId, sealed: &str) -> Result<Secret, SealingError> {
        let opened = Self::look_into(client, sealed, |owner, sealed| open(&self.master, owner, sealed))?;
        std::str::from_utf8(&opened).map(Secret::new).map_err(|_| Self::damaged(client))
    }

    /// The id of the master key that the secret of a client says it is sealed under.
    ///
    /// # Errors
    /// [`SealingError::Damaged`].
    pub fn master_of(client: &ClientId, sealed: &str) -> Result<String, SealingError> {
        Self::look_into(client, sealed, master_of)
    }

    /// What `look` finds in the sealed form, its errors in words that name the client.
    fn look_into<T>(
        client: &ClientId,
        sealed: &str,
        look: impl FnOnce(Owner<'_>, &[u8]) -> Result<T, SealingError>,
    ) -> Result<T, SealingError> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Self::damaged(client))?;
        look(Self::owner(&Self::name(client)), &sealed).map_err(|error| match error {
            SealingError::OtherMasterKey { found, configured, .. } => {
                SealingError::OtherMasterKey { id: Self::shown(client), found, configured }
            }
            SealingError::Damaged { .. } => Self::damaged(client),
        })
    }

    fn damaged(client: &ClientId) -> SealingError {
        SealingError::Damaged { id: Self::shown(client) }
    }

    fn shown(client: &ClientId) -> String {
        format!("HS256 of client {client}")
    }

    /// A client identifier may hold the divider, its hash does not.
    fn name(client: &ClientId) -> String {
        hex(TokenHash::of(client.as_str()).as_bytes())
    }

    fn owner(id: &str) -> Owner<'_> {
        Owner { id, algorithm: "HS256", purpose: "client_secret" }
    }
}

impl std::fmt::Debug for SecretSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretSeal(..)")
    }
}

fn cipher(master: &MasterKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(master.bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner<'static> = Owner { id: "kid", algorithm: "ES256", purpose: "signing" };

    #[test]
    fn what_was_sealed_opens_for_the_same_owner_only() {
        let (entropy, master) = (Entropy::seeded(1), MasterKey::generate(&Entropy::seeded(2)));
        let sealed = seal(&master, &entropy, OWNER, b"private");
        assert_eq!(open(&master, OWNER, &sealed).unwrap().as_slice(), b"private");
        for other in
            [Owner { id: "kie", ..OWNER }, Owner { algorithm: "RS256", ..OWNER }, Owner { purpose: "forms", ..OWNER }]
        {
            assert!(matches!(open(&master, other, &sealed), Err(SealingError::Damaged { .. })));
        }
    }

    #[test]
    fn a_sealed_client_secret_opens_for_its_client_and_master_key_only() {
        let entropy = Entropy::seeded(1);
        let [ours, theirs] = [0, 1].map(|_| SecretSeal::new(MasterKey::generate(&entropy), entropy.clone()));
        let (client, secret) = (ClientId::new("a|b"), Secret::new("a secret of a client"));
        let sealed = ours.seal(&client, &secret);
        assert_eq!(ours.open(&client, &sealed), Ok(secret));
        assert!(matches!(ours.open(&ClientId::new("a"), &sealed), Err(SealingError::Damaged { .. })));
        assert!(matches!(theirs.open(&client, &sealed), Err(SealingError::OtherMasterKey { .. })));
        assert!(matches!(ours.open(&client, "*"), Err(SealingError::Damaged { .. })));
    }

    #[test]
    fn two_sealings_of_one_value_differ_and_hide_it() {
        let (entropy, master) = (Entropy::seeded(1), MasterKey::generate(&Entropy::seeded(2)));
        let [first, second] = [0, 1].map(|_| seal(&master, &entropy, OWNER, b"private"));
        assert_ne!(first, second);
        assert!(!first.windows(7).any(|window| window == b"private"));
    }

    #[test]
    fn another_master_key_is_named_by_its_id() {
        let entropy = Entropy::seeded(1);
        let [ours, theirs] = [0, 1].map(|_| MasterKey::generate(&entropy));
        let sealed = seal(&theirs, &entropy, OWNER, b"private");
        let error = open(&ours, OWNER, &sealed).unwrap_err();
        assert_eq!(error, SealingError::OtherMasterKey { id: "kid".into(), found: theirs.id(), configured: ours.id() });
        assert!(error.to_string().contains("another master key"));
    }

    #[test]
    fn every_altered_or_cut_value_is_refused() {
        let (entropy, master) = (Entropy::seeded(1), MasterKey::generate(&Entropy::seeded(2)));
        let sealed = seal(&master, &entropy, OWNER, b"private");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(open(&master, OWNER, &altered).is_err(), "byte {at}");
            assert!(open(&master, OWNER, &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
