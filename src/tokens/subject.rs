//! Subject identifiers (OIDC Core §8): what a client is told a user is called (`sub`).

use crate::domain::client::Client;
use crate::domain::id::UserId;
use crate::keys::{Keys, KeysError, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The subject of `user` for `client`: the user's own, or one that no client of another sector is told
/// (OIDC Core §8.1). The key behind pairwise subjects is made once and never replaced, because subjects never change.
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn of(keys: &Keys, client: &Client, user: &UserId) -> Result<String, KeysError> {
    let Some(sector) = client.pairwise_sector() else { return Ok(user.as_str().to_owned()) };
    // A host name holds no NUL, so no two pairs give the same bytes.
    let message = format!("{sector}\0{user}");
    keys.hmac(Purpose::Subjects, None, message.as_bytes()).map(|(_, mac)| URL_SAFE_NO_PAD.encode(mac))
}
