//! Redirect URIs: what may be registered, and when a request names a registered one.
//!
//! Requests are compared as strings, before any parsing (RFC 6749 §3.1.2.3, RFC 9700 §2.1). The one thing that may
//! differ is the port of a loopback address of a native client (RFC 8252 §7.3).

use super::client::ApplicationType;
use super::host;
use serde::{Deserialize, Serialize};
use url::Url;

/// The longest redirect URI, in bytes.
pub const LONGEST: usize = 2048;

/// A registered redirect URI, character for character as it was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

/// Why a text may not be registered as a redirect URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Longer than [`LONGEST`].
    #[error("it is longer than {LONGEST} bytes")]
    Length,
    /// Not an absolute URI of visible ASCII characters (RFC 6749 §3.1.2).
    #[error("it is not an absolute URI of visible ASCII characters")]
    NotAbsolute,
    /// It has a fragment (RFC 6749 §3.1.2).
    #[error("it has a fragment")]
    Fragment,
    /// It has a user name or password before the host.
    #[error("it has a user name or password before the host")]
    UserInfo,
    /// It has a wildcard in scheme, host or port.
    #[error("it has a wildcard; redirect URIs are compared exactly")]
    Wildcard,
    /// It has a dot segment or a backslash, which browsers and servers read differently.
    #[error("it has a path with dot segments or backslashes")]
    Path,
    /// A host that is neither an IP address nor a plain name.
    #[error("{}", host::NOT_PLAIN)]
    Host,
    /// Plain http beyond loopback (RFC 9700 §2.6, OAuth 2.1 §1.5).
    #[error("plain http is accepted on loopback addresses only")]
    PlainHttp,
    /// A private-use scheme that is not a reversed domain name, or of a client that is not native (RFC 8252 §7.1).
    #[error(
        "a private-use scheme is a domain name in reverse, such as com.example.app, and belongs to a native client"
    )]
    PrivateScheme,
}

impl RedirectUri {
    /// Checks what a client wants to register.
    ///
    /// # Errors
    /// [`RedirectUriError`], the first thing that is wrong.
    pub fn register(text: &str, kind: ApplicationType) -> Result<Self, RedirectUriError> {
        if text.len() > LONGEST {
            return Err(RedirectUriError::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RedirectUriError::NotAbsolute);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::NotAbsolute)?;
        if text.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        match url.scheme() {
            "https" | "http" => check_web(text, &url)?,
            scheme => check_private(scheme, text, kind)?,
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request that names `requested` means this registered URI: the same string, or, for a native client,
    /// the same but for the port of a loopback literal (RFC 8252 §7.3). `loopback_hostname` is the dated exception that
    /// treats `localhost` in the same way (RFC 8252 §8.3).
    pub fn is_named_by(&self, requested: &str, kind: ApplicationType, loopback_hostname: bool) -> bool {
        if self.0 == requested {
            return true;
        }
        if kind != ApplicationType::Native || requested.len() > LONGEST {
            return false;
        }
        match (loopback_parts(&self.0, loopback_hostname), loopback_parts(requested, loopback_hostname)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => false,
        }
    }

    /// Whether the redirect goes to an address that nobody else can claim: https. A loopback port or a private-use
    /// scheme can be taken by another app on the device (RFC 8252 §8.6).
    pub fn is_claimed(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The web origin (`scheme://host[:port]`) for http and https; `None` for private-use schemes.
    pub fn origin(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
    }

    /// The host that names its sector (OIDC Core §8.1). `None` where it is the address of any app on a device: a
    /// private-use scheme, whatever stands behind it, or loopback (RFC 8252 §8.6).
    pub fn sector_host(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok().filter(|url| url.scheme() == "https")?;
        url.host_str().filter(|host| !is_loopback_host(host)).map(str::to_owned)
    }
}

fn check_web(text: &str, url: &Url) -> Result<(), RedirectUriError> {
    let authority_and_rest = text.split_once("://").ok_or(RedirectUriError::NotAbsolute)?.1;
    let authority = authority_and_rest.split(['/', '?', '\\']).next().unwrap_or_default();
    // RFC 9110 §4.2.2: "A sender MUST NOT generate an "https" URI with an empty host identifier."
    if authority.is_empty() {
        return Err(RedirectUriError::NotAbsolute);
    }
    if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
        return Err(RedirectUriError::UserInfo);
    }
    if authority.contains('*') {
        return Err(RedirectUriError::Wildcard);
    }
    let path = authority_and_rest[authority.len()..].split('?').next().unwrap_or_default().to_ascii_lowercase();
    let decoded = path.replace("%2e", ".");
    if text.contains('\\') || decoded.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(RedirectUriError::Path);
    }
    let host = url.host_str().ok_or(RedirectUriError::NotAbsolute)?;
    if !host::is_plain(url) {
        return Err(RedirectUriError::Host);
    }
    if url.scheme() == "http" && !is_loopback_host(host) {
        return Err(RedirectUriError::PlainHttp);
    }
    Ok(())
}

/// Whether a host is a loopback literal or `localhost`.
pub fn is_loopback_host(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn check_private(scheme: &str, text: &str, kind: ApplicationType) -> Result<(), RedirectUriError> {
    let is_reverse_domain = scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty());
    if kind != ApplicationType::Native || !is_reverse_domain {
        return Err(RedirectUriError::PrivateScheme);
    }
    let rest = &text[scheme.len() + 1..];
    if rest.starts_with("//") && rest[2..].split(['/', '?']).next().unwrap_or_default().contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    if rest.contains('\\') {
        return Err(RedirectUriError::Path);
    }
    Ok(())
}

/// Splits `http://LOOPBACK[:port]rest` into host and rest, dropping a well-formed port; `None` for anything else. Works
/// on the text alone, so nothing that a URL parser would forgive is forgiven here.
fn loopback_parts(text: &str, hostname: bool) -> Option<(&str, &str)> {
    let after = text.strip_prefix("http://")?;
    let hosts: &[&str] = if hostname { &["127.0.0.1", "[::1]", "localhost"] } else { &["127.0.0.1", "[::1]"] };
    let host = hosts.iter().find(|host| after.starts_with(**host))?;
    let rest = &after[host.len()..];
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits].parse::<u16>().ok().filter(|port| *port > 0)?;
            &rest[digits..]
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((*host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApplicationType::{Native, Web};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn named(registered: &str, requested: &str, kind: ApplicationType) -> bool {
        RedirectUri::register(registered, kind).unwrap().is_named_by(requested, kind, false)
    }

    /// RFC 6749 §3.1.2.3, RFC 9700 §4.1.3
    #[test]
    fn web_redirects_compare_as_strings() {
        let ours = "https://app.example.com/cb";
        assert!(named(ours, ours, Web));
        for other in [
            "https://app.example.com:443/cb",
            "https://app.example.com/cb/",
            "https://app.example.com/cb?x=1",
            "https://APP.example.com/cb",
            "https://app.example.com/cb#",
            "https://app.example.com/./cb",
            "https://app.example.com/c%62",
            "https://app.example.com@evil.example/cb",
            "https://app.example.com\\@evil.example/cb",
            "http://app.example.com/cb",
            " https://app.example.com/cb",
        ] {
            assert!(!named(ours, other, Web), "{other}");
        }
    }

    /// RFC 8252 §7.3
    #[test]
    fn only_the_port_of_a_native_loopback_literal_may_differ() {
        assert!(named("http://127.0.0.1/callback", "http://127.0.0.1:49152/callback", Native));
        assert!(named("http://127.0.0.1:8000/callback", "http://127.0.0.1/callback", Native));
        assert!(named("http://[::1]/callback", "http://[::1]:61000/callback", Native));
        for other in [
            "http://127.0.0.1:49152/other",
            "http://localhost:49152/callback",
            "https://127.0.0.1:49152/callback",
            "http://127.0.0.2:49152/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://127.0.0.1:+80/callback",
            "http://[::1]:49152/callback",
        ] {
            assert!(!named("http://127.0.0.1/callback", other, Native), "{other}");
        }
        assert!(!named("http://127.0.0.1/callback", "http://127.0.0.1:49152/callback", Web));
    }

    /// RFC 8252 §8.3
    #[test]
    fn localhost_with_any_port_needs_the_exception() {
        let ours = RedirectUri::register("http://localhost/callback", Native).unwrap();
        assert!(!ours.is_named_by("http://localhost:5000/callback", Native, false));
        assert!(ours.is_named_by("http://localhost:5000/callback", Native, true));
    }

    /// RFC 8252 §7.1
    #[test]
    fn private_use_schemes_are_reversed_domains_of_native_clients() {
        assert!(RedirectUri::register("com.example.app:/callback", Native).is_ok());
        assert!(RedirectUri::register("com.example.app://callback", Native).is_ok());
        assert_eq!(RedirectUri::register("com.example.app:/cb", Web), Err(RedirectUriError::PrivateScheme));
        for bad in
            ["myapp:/cb", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "urn:ietf:wg:oauth:2.0:oob"]
        {
            assert_eq!(RedirectUri::register(bad, Native), Err(RedirectUriError::PrivateScheme), "{bad}");
        }
    }

    /// RFC 6749 §3.1.2, RFC 9700 §4.1.3
    #[test]
    fn what_may_not_be_registered() {
        use RedirectUriError as E;
        for (bad, why) in [
            ("https://a.example/cb#x", E::Fragment),
            ("https://a.example/cb#", E::Fragment),
            ("https://user@a.example/cb", E::UserInfo),
            ("https://a.example:pw@b.example/cb", E::UserInfo),
            ("https://*.example.com/cb", E::Wildcard),
            ("http://a.example/cb", E::PlainHttp),
            ("https://a.example/x/../cb", E::Path),
            ("https://a.example/x/%2e%2E/cb", E::Path),
            ("https://a.example\\@b.example/", E::UserInfo),
            ("/cb", E::NotAbsolute),
            ("https://evil.example;sandbox/cb", E::Host),
            ("https://evil.example%3bsandbox/cb", E::Host),
            ("https://evil.example,x/cb", E::Host),
            ("https://a.example./cb", E::Host),
            ("https://a..example/cb", E::Host),
            ("https:///cb d", E::NotAbsolute),
            ("https://a.example/é", E::NotAbsolute),
        ] {
            let got = RedirectUri::register(bad, Web).unwrap_err();
            assert!(got == why || (bad.contains('\\') && got == E::Path), "{bad}: {got}");
        }
    }

    /// OIDC Core §8.1, RFC 8252 §8.6
    #[test]
    fn a_sector_is_named_by_a_host_that_one_party_has() {
        for (uri, host) in [
            ("https://app.example.com:8443/cb", Some("app.example.com")),
            ("https://APP.example.com/cb", Some("app.example.com")),
            ("http://127.0.0.1/cb", None),
            ("https://localhost/cb", None),
            ("http://[::1]/cb", None),
            ("com.evil.app:/cb", None),
            ("com.evil.app://app.example.com/cb", None),
        ] {
            assert_eq!(RedirectUri::register(uri, Native).unwrap().sector_host().as_deref(), host, "{uri}");
        }
    }

    /// Pieces of which addresses are made, and of which attackers make them.
    fn address() -> impl Strategy<Value = String> {
        let piece = select(vec![
            "https://",
            "http://",
            "https:",
            "//",
            "/",
            "\\",
            "com.example.app:",
            "javascript:",
            "127.0.0.1",
            "[::1]",
            "localhost",
            "a.example",
            "evil.example",
            "@",
            ":",
            ":80",
            "?",
            "#",
            "*",
            ".",
            "..",
            "%2e",
            "%00",
            " ",
            "x",
            "é",
        ]);
        vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// RFC 6749 §3.1.2.3, RFC 9700 §4.1.3
        #[test]
        fn any_address_is_registered_or_refused_and_no_other_is_taken_for_it(ours in address(), other in address()) {
            for kind in [Web, Native] {
                let Ok(registered) = RedirectUri::register(&ours, kind) else { continue };
                prop_assert_eq!(registered.as_str(), &ours);
                prop_assert!(registered.is_named_by(&ours, kind, false));
                let host = |text: &str| url::Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
                if registered.is_named_by(&other, kind, false) && ours != other {
                    prop_assert_eq!(kind, Native);
                    prop_assert!(host(&other).is_some_and(|host| is_loopback_host(&host)), "{} for {}", other, ours);
                    prop_assert_eq!(host(&ours), host(&other));
                }
            }
        }
    }
}
