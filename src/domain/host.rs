//! Hosts of web addresses that others have named. Some of them are written into headers, such as the content security
//! policy of a page, where `;`, `,`, `*` and `'` mean something; URL parsers let hosts hold all of these.

use url::{Host, Url};

/// What is said of an address whose host is not [plain](is_plain).
pub const NOT_PLAIN: &str =
    "its host is neither an IP address nor a name of letters, digits, hyphens and underscores between single dots";

/// Whether the host of a URL is an IP literal, or a name whose labels hold nothing but letters, digits, `-` and `_`. No
/// label is empty, so no dot stands at the end. Underscores are in no host name of RFC 952, but in names of internal
/// networks, and mean nothing in any header.
pub fn is_plain(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.split('.').all(is_label),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

/// The web origin (`scheme://host[:port]`) of an http or https address with a plain host.
pub fn origin(address: &str) -> Option<String> {
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && is_plain(url))?;
    Some(url.origin().ascii_serialization())
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_ip_address_or_a_name_of_plain_labels() {
        for (address, expected) in [
            ("https://app.example.com/cb", "https://app.example.com"),
            ("https://xn--bcher-kva.example:8443/", "https://xn--bcher-kva.example:8443"),
            ("https://my_app.internal", "https://my_app.internal"),
            ("http://localhost:9/x", "http://localhost:9"),
            ("https://192.0.2.1/", "https://192.0.2.1"),
            ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ] {
            assert_eq!(origin(address).as_deref(), Some(expected), "{address}");
        }
        let odd = [";sandbox", ",x", "*", "'self'", "!", "$", "&", "(", ")", "+", "=", "~", "\"", "`", "{", "."];
        for odd in odd.into_iter().chain(["%3bsandbox", "%2cx", "..example", ".%20"]) {
            let address = format!("https://evil.example{odd}/");
            assert_eq!(origin(&address), None, "{address}");
        }
        for none in ["", "/cb", "https://.example/", "com.example.app://callback", "ftp://a.example/", "data:,x"] {
            assert_eq!(origin(none), None, "{none}");
        }
    }
}
