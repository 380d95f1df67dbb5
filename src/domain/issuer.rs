//! The issuer identifier (RFC 8414 §2, OIDC Core §1.2): the one name of this server, which clients compare character
//! for character.

use super::host;
use super::redirect_uri::is_loopback_host;
use url::Url;

/// The longest issuer, in bytes.
pub const LONGEST: usize = 255;

/// An issuer identifier, kept character for character as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    /// How many bytes of `text` are `scheme://host[:port]`; the rest is the path.
    origin_length: usize,
    port: u16,
    is_loopback: bool,
}

/// Why a text is no issuer identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not an absolute https URL of visible ASCII characters, at most [`LONGEST`] bytes.
    #[error("it is not an absolute https URL of visible ASCII characters, at most {LONGEST} bytes")]
    NotAbsolute,
    /// A host that is neither an IP address nor a plain name.
    #[error("{}", host::NOT_PLAIN)]
    Host,
    /// Plain http beyond loopback (OAuth 2.1 §1.5).
    #[error("it must begin with https://; plain http is accepted on loopback hosts only")]
    PlainHttp,
    /// A query (RFC 8414 §2).
    #[error("it has a query")]
    Query,
    /// A fragment (RFC 8414 §2).
    #[error("it has a fragment")]
    Fragment,
    /// A user name or password.
    #[error("it has a user name or password before the host")]
    UserInfo,
    /// A slash at the end: clients append paths to the issuer, and compare it character for character.
    #[error("it ends with a slash; leave the slash out")]
    TrailingSlash,
    /// A form that URL parsers would rewrite, so that others would see another issuer than the configured one.
    #[error(
        "it is not in the form that URL parsers keep: lower-case host, no default port, no dot segments or backslashes in the path"
    )]
    NotNormal,
}

impl Issuer {
    /// Reads an issuer identifier.
    ///
    /// # Errors
    /// [`IssuerError`], the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IssuerError::NotAbsolute);
        }
        let url = Url::parse(text).map_err(|_| IssuerError::NotAbsolute)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(IssuerError::NotAbsolute)?;
        let is_loopback = is_loopback_host(host);
        if !host::is_plain(&url) {
            return Err(IssuerError::Host);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(IssuerError::PlainHttp),
            _ => return Err(IssuerError::NotAbsolute),
        }
        if text.contains('#') {
            return Err(IssuerError::Fragment);
        }
        if text.contains('?') {
            return Err(IssuerError::Query);
        }
        let (scheme, rest) = text.split_once("://").ok_or(IssuerError::NotAbsolute)?;
        let authority = rest.split(['/', '\\']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(IssuerError::UserInfo);
        }
        if text.ends_with('/') {
            return Err(IssuerError::TrailingSlash);
        }
        if url.as_str().trim_end_matches('/') != text {
            return Err(IssuerError::NotNormal);
        }
        let port = url.port_or_known_default().ok_or(IssuerError::NotAbsolute)?;
        let origin_length = scheme.len() + "://".len() + authority.len();
        Ok(Self { text: text.to_owned(), origin_length, port, is_loopback })
    }

    /// The identifier as configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path: empty, or such as `/tenant`, without a slash at its end.
    pub fn path(&self) -> &str {
        &self.text[self.origin_length..]
    }

    /// The web origin: `scheme://host[:port]`.
    pub fn origin(&self) -> &str {
        &self.text[..self.origin_length]
    }

    /// Whether it is reached over https; then cookies are `Secure` and `__Host-`.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Whether its host is a loopback address or `localhost`: a machine of one developer.
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The port, the scheme's own where none is named.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of an endpoint whose path, such as `/token`, begins with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl std::fmt::Display for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8414 §2
    #[test]
    fn an_issuer_may_have_a_path() {
        let issuer = Issuer::parse("https://id.example.com:8443/tenant/a").unwrap();
        assert_eq!(issuer.path(), "/tenant/a");
        assert_eq!(issuer.origin(), "https://id.example.com:8443");
        assert_eq!(issuer.endpoint("/token"), "https://id.example.com:8443/tenant/a/token");
        assert!(issuer.is_https() && !issuer.is_loopback());
        assert_eq!(Issuer::parse("http://127.0.0.1:8080").unwrap().path(), "");
    }

    #[test]
    fn plain_http_is_for_loopback_hosts() {
        for good in ["http://127.0.0.1", "http://[::1]:9", "http://localhost:8080/x", "http://127.8.8.8"] {
            assert!(Issuer::parse(good).unwrap().is_loopback(), "{good}");
        }
        for bad in ["http://example.com", "http://10.0.0.1", "http://localhost.example.com"] {
            assert_eq!(Issuer::parse(bad), Err(IssuerError::PlainHttp), "{bad}");
        }
    }

    /// RFC 8414 §2
    #[test]
    fn what_clients_could_read_differently_is_refused() {
        let cases = [
            ("", IssuerError::NotAbsolute),
            ("id.example.com", IssuerError::NotAbsolute),
            ("ftp://example.com", IssuerError::NotAbsolute),
            ("https://exämple.com", IssuerError::NotAbsolute),
            ("https://a b.example", IssuerError::NotAbsolute),
            ("https://example.com;x", IssuerError::Host),
            ("https://example.com,x", IssuerError::Host),
            ("https://example.com.", IssuerError::Host),
            ("https://example.com/", IssuerError::TrailingSlash),
            ("https://example.com/a/", IssuerError::TrailingSlash),
            ("https://example.com?x", IssuerError::Query),
            ("https://example.com/#", IssuerError::Fragment),
            ("https://u:p@example.com", IssuerError::UserInfo),
            ("https://Example.com", IssuerError::NotNormal),
            ("HTTPS://example.com", IssuerError::NotNormal),
            ("https://example.com:443", IssuerError::NotNormal),
            ("https://example.com/a/../b", IssuerError::NotNormal),
            ("https://example.com\\a", IssuerError::NotNormal),
        ];
        for (text, error) in cases {
            assert_eq!(Issuer::parse(text), Err(error), "{text}");
        }
    }
}
