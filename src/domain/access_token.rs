//! Opaque access tokens: random values that only introspection understands (RFC 6749 §1.4, RFC 7662).

use super::id::{ClientId, GrantId};
use super::scope::ScopeSet;
use super::secret::TokenHash;
use super::time::Timestamp;

/// An opaque access token, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueAccessToken {
    /// SHA-256 of the token: its primary key.
    pub hash: TokenHash,
    /// Whom it was issued to.
    pub client_id: ClientId,
    /// The grant it hangs on; `None`: its client got it for itself (RFC 6749 §4.4).
    pub grant_id: Option<GrantId>,
    /// What it allows.
    pub scopes: ScopeSet,
    /// The resources it is for (RFC 8707), at least one.
    pub audience: Vec<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}
