//! Interactions: authorization requests that wait while their user signs in, signs up or consents.

use super::authorization::{AuthorizationRequest, Progress};
use super::secret::TokenHash;
use super::time::{Lifetime, Timestamp};

/// How long a person may take.
pub const INTERACTION_LIFETIME: Lifetime = Lifetime::hours(1);
/// How long the browser may take that is to show the first page. Whoever only sends requests and follows no answer does
/// not have them kept for longer.
pub const UNOPENED_LIFETIME: Lifetime = Lifetime::minutes(10);

/// A stored authorization request. Each browser tab has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// SHA-256 of its id, which travels in links and forms: its primary key.
    pub hash: TokenHash,
    /// The request, valid when it was stored; decided anew at each step.
    pub request: AuthorizationRequest,
    /// SHA-256 of the browser cookie it belongs to; `None` until the first page is shown, because a cross-site POST
    /// brings no cookies.
    pub browser: Option<TokenHash>,
    /// What has happened in it.
    pub progress: Progress,
    /// The id that joins the log lines of one sign-in through all its steps.
    pub flow_id: String,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it ends: [`UNOPENED_LIFETIME`] after it was stored, and once its browser is there [`INTERACTION_LIFETIME`].
    pub expires_at: Timestamp,
}

impl Interaction {
    /// When it ends once its browser has come back.
    pub fn opened_until(&self) -> Timestamp {
        self.created_at.plus(INTERACTION_LIFETIME)
    }
}
