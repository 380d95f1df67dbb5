//! Encryption of what a client is sent, to one of its own public keys (OIDC Core §10.2).

use super::Clients;
use super::keys::ClientKeysError;
use crate::domain::client::Client;
use crate::domain::client_key::Encryption;
use crate::entropy::Entropy;
use crate::keys::EncryptError;

/// Why nothing could be encrypted for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// The client's keys.
    #[error(transparent)]
    Keys(#[from] ClientKeysError),
    /// None of them fits, or the cryptographic library refused.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
}

impl EncryptionError {
    /// Whether it ends by itself: the client's keys cannot be had at this moment.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Keys(error) if error.is_temporary())
    }
}

impl Clients {
    /// Makes sure that something can be encrypted for the client now, before anything is used up.
    ///
    /// # Errors
    /// [`EncryptionError`].
    pub async fn require_recipient(&self, client: &Client, encryption: Encryption) -> Result<(), EncryptionError> {
        let set = self.assertions().keys().for_encryption(client, encryption).await?;
        if set.can_receive(encryption) { Ok(()) } else { Err(EncryptError::NoKey.into()) }
    }

    /// Encrypts a text for the client. `kind` is `JWT` where the text is one.
    ///
    /// # Errors
    /// [`EncryptionError`].
    pub async fn encrypt(
        &self,
        client: &Client,
        encryption: Encryption,
        (text, kind): (&str, Option<&str>),
        entropy: &Entropy,
    ) -> Result<String, EncryptionError> {
        let set = self.assertions().keys().for_encryption(client, encryption).await?;
        Ok(set.encrypt(encryption, (text, kind), entropy)?)
    }
}
