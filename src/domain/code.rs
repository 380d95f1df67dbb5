//! Authorization codes (RFC 6749 §4.1.2).

use super::id::{ClientId, GrantId};
use super::pkce::CodeChallenge;
use super::secret::TokenHash;
use super::time::{Lifetime, Timestamp};

/// How long a code may wait for its exchange.
pub const CODE_LIFETIME: Lifetime = Lifetime::seconds(60);

/// What is stored of an authorization code. User, scopes, nonce and authentication time stand in its grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// SHA-256 of the code: its primary key.
    pub hash: TokenHash,
    /// The grant that everything issued from this code hangs on.
    pub grant_id: GrantId,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The redirect URI it was sent to, character for character.
    pub redirect_uri: String,
    /// Whether the authorization request named the redirect URI; then the token request must too (RFC 6749 §4.1.3).
    pub redirect_uri_was_sent: bool,
    /// The challenge; `None` only under a dated exception.
    pub challenge: Option<CodeChallenge>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends: 60 s after it was issued.
    pub expires_at: Timestamp,
    /// When it was redeemed or burnt; a second use after that revokes the grant.
    pub redeemed_at: Option<Timestamp>,
}
