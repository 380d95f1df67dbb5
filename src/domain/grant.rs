//! Grants and consents: what a user has allowed a client.

use super::claims_request::ClaimsRequest;
use super::id::{ClientId, GrantId, Sid, UserId};
use super::scope::ScopeSet;
use super::time::Timestamp;

/// One act of authorization: everything issued from it (code, refresh token family, access tokens) hangs on it, and
/// revoking it revokes all of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its identifier; also inside the `jti` of every access token issued from it.
    pub id: GrantId,
    /// Who granted.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// The session in which it was granted; empty where there was none, see [`Grant::session`].
    pub sid: Sid,
    /// What was granted, in the order asked for. Never widened afterwards.
    pub scopes: ScopeSet,
    /// The resources that were asked for (RFC 8707), at most 8 absolute URIs; empty: the client's default.
    pub resources: Vec<String>,
    /// The `nonce` of the authorization request (OIDC Core §3.1.2.1), at most 512 bytes.
    pub nonce: Option<String>,
    /// When the user last proved who they are.
    pub auth_time: Timestamp,
    /// When it was granted.
    pub created_at: Timestamp,
    /// When the last thing issued from it will have ended; it is swept after that.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The single claims that were asked for (OIDC Core §5.5).
    pub claims: ClaimsRequest,
}

impl Grant {
    /// The session in which it was granted; `None` for what came without a browser (the password grant).
    pub fn session(&self) -> Option<&Sid> {
        Some(&self.sid).filter(|sid| !sid.as_str().is_empty())
    }
}

/// What a user has allowed a client for good: remembered per client and scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Who consented.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// All scopes ever allowed and not withdrawn.
    pub scopes: ScopeSet,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a client can do with an account: what was allowed for good and what is granted now, taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who has access.
    pub client_id: ClientId,
    /// Everything it was allowed or granted.
    pub scopes: ScopeSet,
    /// Since when, as far back as is remembered.
    pub since: Timestamp,
    /// When it was last granted something or refreshed.
    pub last_used_at: Timestamp,
}
