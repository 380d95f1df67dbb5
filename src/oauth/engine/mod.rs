//! The only room that knows `oxide_auth`: its code-grant machines carry the exchanges.
//!
//! The machines decide order and completeness: a token is issued only after the client was authenticated, the code
//! recovered, its client and redirect URI compared, and PKCE verified. They do no I/O; each step is asked of the caller, so
//! an exchange runs inside one database transaction. What the library leaves open is settled around it: parsing, client
//! authentication, exact comparison of redirect URIs, the grammar of PKCE, expiry by our clock, the downgrade check of RFC
//! 9700 §4.8.2, and every error on the wire. Token text never passes through here.

mod exchange;
mod refresh;

pub use exchange::{CodeExchange, ExchangeFault, ExchangeSteps, RecoveredCode};
pub use refresh::{RefreshFault, RefreshSteps, refresh};

use oxide_auth::primitives::scope::Scope;

/// The library's clock must not decide: what it is given never expires, because ours was asked before.
const NEVER: chrono::DateTime<chrono::Utc> = chrono::DateTime::<chrono::Utc>::MAX_UTC;

/// The library keeps scopes as an unordered set; ours keep their order, so they stay outside of it.
fn no_scope() -> Scope {
    "authward".parse().expect("one plain word is a scope")
}
