//! Browser sessions: who is signed in, since when.

use super::device::Device;
use super::id::{Sid, UserId};
use super::secret::TokenHash;
use super::time::Timestamp;

/// The authentication context (`acr`) of a sign-in with a password: one factor (OIDC Core §2).
pub const PASSWORD_CONTEXT: &str = "urn:authward:acr:password";
/// The authentication methods (`amr`) of a sign-in with a password (RFC 8176 §2).
pub const PASSWORD_METHODS: [&str; 1] = ["pwd"];

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value: its primary key.
    pub hash: TokenHash,
    /// The public identifier, which may stand in tokens and lists.
    pub sid: Sid,
    /// Who is signed in.
    pub user_id: UserId,
    /// When the user last proved who they are.
    pub auth_time: Timestamp,
    /// When the session began.
    pub created_at: Timestamp,
    /// When it was last seen; written at most once a minute.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is used again.
    pub idle_expires_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// The browser, as far as it was recognized at the sign-in.
    pub device: Device,
}

impl Session {
    /// Whether the session still stands at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.idle_expires_at.is_past(now) && !self.expires_at.is_past(now)
    }
}
