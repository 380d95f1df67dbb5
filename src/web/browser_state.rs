//! What apps may watch of a sign-in in the browser (OpenID Connect Session Management 1.0 §4.2): a cookie that scripts of
//! this server can read, and the `session_state` that is hashed from it. Nothing of it opens anything: the cookie's value is
//! a one-way function of the session's secret, another one than the hash that is stored.

use super::cookies::{self, CookieKind};
use super::extract::Edge;
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use actix_web::cookie::Cookie;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use url::Url;

const LABEL: &[u8] = b"authward browser state 1\0";

/// The cookie for a browser in which the session with this secret begins; `None` where nobody may watch.
pub fn begin(edge: &Edge, session: &Secret) -> Option<Cookie<'static>> {
    edge.settings.sessions.session_management.then(|| set(edge, session, edge.settings.sessions.lifetime))
}

/// The cookie that is missing in a browser whose session goes on, or that is another's; `None` where it is as it should be.
pub fn mend(edge: &Edge, session: &Secret) -> Option<Cookie<'static>> {
    let known = edge.cookie(CookieKind::BrowserState);
    begin(edge, session).filter(|cookie| known.is_none_or(|known| known.reveal() != cookie.value()))
}

/// The cookie that takes it away where there is one, because nobody is signed in any more.
pub fn end(edge: &Edge) -> Option<Cookie<'static>> {
    edge.cookie(CookieKind::BrowserState).map(|_| cookies::remove(edge.issuer(), CookieKind::BrowserState))
}

/// `session_state` for a client at the origin of its redirect URI; `None` where nobody may watch, or where the client has no
/// web origin.
pub fn session_state(edge: &Edge, client_id: &str, redirect_uri: &str) -> Option<String> {
    let session = edge.cookie(CookieKind::Session).filter(|_| edge.settings.sessions.session_management)?;
    let origin = Url::parse(redirect_uri).ok()?.origin();
    let salt = URL_SAFE_NO_PAD.encode(edge.entropy.bytes::<16>());
    origin.is_tuple().then(|| state_of((client_id, &origin.ascii_serialization()), &value(&session), &salt))
}

fn set(edge: &Edge, session: &Secret, lifetime: Lifetime) -> Cookie<'static> {
    cookies::set(edge.issuer(), CookieKind::BrowserState, &value(session), Some(lifetime))
}

fn value(session: &Secret) -> String {
    let hash = Sha256::new().chain_update(LABEL).chain_update(session.reveal()).finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

/// The same that `check-session.js` computes.
fn state_of((client_id, origin): (&str, &str), browser_state: &str, salt: &str) -> String {
    let hash = Sha256::digest(format!("{client_id} {origin} {browser_state} {salt}"));
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Session Management §4.2
    #[test]
    fn a_state_depends_on_client_origin_browser_and_salt_and_tells_none_of_them() {
        let (secret, other) = (Secret::new("the secret of a session"), Secret::new("another"));
        let (here, there) = (value(&secret), value(&other));
        assert_ne!(here, URL_SAFE_NO_PAD.encode(secret.hash().as_bytes()), "not what the database keeps");
        let states = [
            state_of(("app", "https://a.example"), &here, "salt"),
            state_of(("app2", "https://a.example"), &here, "salt"),
            state_of(("app", "https://b.example"), &here, "salt"),
            state_of(("app", "https://a.example"), &there, "salt"),
            state_of(("app", "https://a.example"), &here, "pepper"),
        ];
        let distinct: std::collections::HashSet<&String> = states.iter().collect();
        assert_eq!(distinct.len(), states.len());
        assert!(states.iter().all(|state| !state.contains(&here) && !state.contains(' ')), "{states:?}");
    }
}
