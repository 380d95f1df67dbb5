//! Subject identifiers (OIDC Core §8): what a client is told a user is called (`sub`), and a session of theirs (`sid`).
//! Clients of different sectors cannot find out by either that they talk of the same person.
//!
//! The key behind what pairwise clients are told is made once and never replaced, because subjects never change.

use crate::domain::client::Client;
use crate::domain::id::{Sid, UserId};
use crate::keys::{Keys, KeysError, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The subject of `user` for `client`: the user's own, or one that no client of another sector is told
/// (OIDC Core §8.1).
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn of(keys: &Keys, client: &Client, user: &UserId) -> Result<String, KeysError> {
    match client.pairwise_sector() {
        None => Ok(user.to_string()),
        // No sector and no identifier holds a NUL, so no two pairs give the same bytes.
        Some(sector) => derived(keys, &format!("{sector}\0{user}")),
    }
}

/// What `client` is told a session is called (OpenID Connect Front-Channel Logout §3, OpenID Connect Back-Channel
/// Logout §2.1), in ID tokens, logout tokens and frames alike: the session's own `sid`, or for pairwise subjects one
/// that no client of another sector is told, because by its own `sid` all clients of a session could find each other.
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn sid(keys: &Keys, client: &Client, sid: &Sid) -> Result<String, KeysError> {
    match client.pairwise_sector() {
        None => Ok(sid.to_string()),
        // Two NULs: never the bytes of a subject.
        Some(sector) => derived(keys, &format!("{sector}\0{sid}\0sid")),
    }
}

fn derived(keys: &Keys, message: &str) -> Result<String, KeysError> {
    keys.hmac(Purpose::Subjects, None, message.as_bytes()).map(|(_, mac)| URL_SAFE_NO_PAD.encode(mac))
}
