//! Dated exceptions: what is weaker than OAuth 2.1 and RFC 9700, allowed to one client, with a reason, until a date.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What an exception allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowance {
    /// Authorization requests without PKCE (RFC 9700 §2.1.1 requires or recommends it).
    NoPkce,
    /// The challenge method `plain` (RFC 7636 §4.2).
    PlainPkce,
    /// The resource owner password grant (RFC 9700 §2.4 forbids it).
    PasswordGrant,
    /// The implicit grant (RFC 9700 §2.1.2).
    Implicit,
    /// Hybrid response types (OIDC Core §3.3).
    Hybrid,
    /// `localhost` as a loopback redirect host with any port (RFC 8252 §8.3 recommends the literals).
    LoopbackHostname,
    /// Request objects that nobody signed (OIDC Core §6.1; RFC 9101 §4 wants them signed).
    UnsignedRequestObject,
}

impl Allowance {
    /// Every allowance, for messages and for reading documents.
    pub const ALL: [Self; 7] = [
        Self::NoPkce,
        Self::PlainPkce,
        Self::PasswordGrant,
        Self::Implicit,
        Self::Hybrid,
        Self::LoopbackHostname,
        Self::UnsignedRequestObject,
    ];

    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoPkce => "no_pkce",
            Self::PlainPkce => "plain_pkce",
            Self::PasswordGrant => "password_grant",
            Self::Implicit => "implicit",
            Self::Hybrid => "hybrid",
            Self::LoopbackHostname => "loopback_hostname",
            Self::UnsignedRequestObject => "unsigned_request_object",
        }
    }

    /// Reads the name in documents.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|allowance| allowance.as_str() == text)
    }
}

/// One exception of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// What it allows.
    pub allow: Allowance,
    /// Why; not empty.
    pub reason: String,
    /// Who answers for it; not empty.
    pub owner: String,
    /// When it ends: the first second after the named day, UTC. From then on it is as if it were not there.
    pub until: Timestamp,
}

impl Exception {
    /// Whether this allows `allowance` at `now`.
    pub fn allows(&self, allowance: Allowance, now: Timestamp) -> bool {
        self.allow == allowance && !self.until.is_past(now)
    }
}
