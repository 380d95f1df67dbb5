//! Client secrets as they are kept: a hash, or sealed under the master key where the client signs with its secret.

use crate::domain::client::{ClientAuthentication, ClientSecret};
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::keys::SecretSeal;

/// The fewest characters of a secret that signs with HS256: as many bytes as the hash has (RFC 7518 §3.2).
pub const SHORTEST_SIGNING_SECRET: usize = 32;

/// The stored form of a secret that this server generated.
pub fn generated(seal: &SecretSeal, client: (&ClientId, ClientAuthentication), secret: &Secret) -> ClientSecret {
    sealed(seal, client, secret).unwrap_or_else(|| ClientSecret::generated(secret.reveal()))
}

/// The stored form of a secret that signs; `None` where the client's method needs no more than a hash.
pub fn sealed(
    seal: &SecretSeal,
    (client, method): (&ClientId, ClientAuthentication),
    secret: &Secret,
) -> Option<ClientSecret> {
    (method == ClientAuthentication::ClientSecretJwt).then(|| ClientSecret::Sealed(seal.seal(client, secret)))
}

/// Whether the stored form serves the client's method: a hash verifies no signature.
pub const fn serves(stored: &ClientSecret, method: ClientAuthentication) -> bool {
    match stored {
        ClientSecret::Sealed(_) => true,
        ClientSecret::Sha256(_) | ClientSecret::Stretched(_) => {
            !matches!(method, ClientAuthentication::ClientSecretJwt)
        }
    }
}
