//! Cookies: their names, their attributes, and how they are read.
//!
//! Under https each has the `__Host-` prefix, so no other host can set it. On a loopback issuer the port is part of the
//! name, because cookies of one host are shared by all its ports.

use crate::domain::issuer::Issuer;
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time::Duration};

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieKind<'a> {
    /// The session.
    Session,
    /// The secret that ties forms outside a sign-in flow to this browser.
    Browser,
    /// The secret that ties one interaction to this browser; the text is the interaction's id.
    Flow(&'a str),
    /// The mark of a browser that has signed in to an account before.
    Device,
    /// The chosen language.
    Locale,
    /// What scripts of this server may read of the session's state (OpenID Connect Session Management §4.2).
    BrowserState,
}

/// The longest value that is read.
const LONGEST_VALUE: usize = 256;

/// The name of a cookie under this issuer.
pub fn name(issuer: &Issuer, kind: CookieKind<'_>) -> String {
    let short = match kind {
        CookieKind::Session => "session".to_owned(),
        CookieKind::Browser => "browser".to_owned(),
        CookieKind::Flow(id) => format!("flow-{}", id.chars().take(12).collect::<String>()),
        CookieKind::Device => "device".to_owned(),
        CookieKind::Locale => "locale".to_owned(),
        CookieKind::BrowserState => "browser-state".to_owned(),
    };
    if issuer.is_https() { format!("__Host-authward-{short}") } else { format!("authward-{}-{short}", issuer.port()) }
}

/// The value of a cookie of the request.
pub fn find(request: &HttpRequest, issuer: &Issuer, kind: CookieKind<'_>) -> Option<Secret> {
    let cookie = request.cookie(&name(issuer, kind))?;
    let value = cookie.value();
    (!value.is_empty() && value.len() <= LONGEST_VALUE).then(|| Secret::new(value))
}

/// A cookie to set. Without `lifetime` it ends with the browser.
pub fn set(issuer: &Issuer, kind: CookieKind<'_>, value: &str, lifetime: Option<Lifetime>) -> Cookie<'static> {
    let mut cookie = Cookie::build(name(issuer, kind), value.to_owned())
        .path("/")
        .http_only(true)
        .secure(issuer.is_https())
        .same_site(SameSite::Lax);
    // Read by a script of this server in a frame of another site. It is worth nothing.
    if matches!(kind, CookieKind::BrowserState) {
        let same_site = if issuer.is_https() { SameSite::None } else { SameSite::Lax };
        cookie = cookie.http_only(false).same_site(same_site);
    }
    if let Some(lifetime) = lifetime {
        cookie = cookie.max_age(Duration::seconds(lifetime.as_seconds()));
    }
    cookie.finish()
}

/// A cookie that removes the one of the same kind.
pub fn remove(issuer: &Issuer, kind: CookieKind<'_>) -> Cookie<'static> {
    set(issuer, kind, "", Some(Lifetime::seconds(0)))
}
