//! What is remembered of the browser that signed in, so that its owner recognizes it in a list: browser and system in
//! words, and roughly where it was. Deliberately coarse: versions and whole addresses help nobody to recognize a device.

use std::net::IpAddr;

/// How much of a `User-Agent` is looked at, in bytes.
const LONGEST_LOOKED_AT: usize = 512;

/// Browsers by what stands in their `User-Agent`. The order matters: most of them also claim to be Chrome or Safari.
const BROWSERS: &[(&str, &str)] = &[
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(", "NAVER"),
    ("Whale/", "Whale"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPiOS/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
];

/// Systems, likewise: Android claims to be Linux, and iPhones to be like Mac OS X.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// A browser as its owner would name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// The browser's name, at most 32 bytes; `None` where it is not recognized.
    pub browser: Option<String>,
    /// The operating system's name, at most 32 bytes; `None` where it is not recognized.
    pub system: Option<String>,
    /// The network it was in: `203.0.113.x`, `2001:db8:1::x`, at most 32 bytes.
    pub network: Option<String>,
}

impl Device {
    /// Reads a `User-Agent` (RFC 9110 §10.1.5). Nothing of the header itself is kept: the names are those of this file.
    pub fn recognize(user_agent: Option<&str>, source: Option<IpAddr>) -> Self {
        let text = user_agent.unwrap_or_default();
        let end = (0..=LONGEST_LOOKED_AT.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
        let text = &text[..end.unwrap_or(0)];
        let name_in = |names: &[(&str, &str)]| {
            names.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| (*name).to_owned())
        };
        Self { browser: name_in(BROWSERS), system: name_in(SYSTEMS), network: source.map(network) }
    }
}

/// The network of an address: an IPv4 /24, an IPv6 /48.
fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.x")
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => network(IpAddr::V4(ip)),
            None => {
                let [a, b, c, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}::x")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(user_agent: &str) -> (String, String) {
        let device = Device::recognize(Some(user_agent), None);
        (device.browser.unwrap_or_default(), device.system.unwrap_or_default())
    }

    #[test]
    fn browsers_and_systems_are_told_apart_although_they_claim_to_be_each_other() {
        for (user_agent, browser, system) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Windows"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari",
                "macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
                "Chrome",
                "iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; SM-S931N) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36",
                "Samsung Internet",
                "Android",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Whale/4.33 Safari/537.36",
                "Whale",
                "Linux",
            ),
            ("curl/8.5.0", "curl", ""),
            ("", "", ""),
            ("\u{202e}<script>", "", ""),
        ] {
            assert_eq!(words(user_agent), (browser.to_owned(), system.to_owned()), "{user_agent}");
        }
    }

    #[test]
    fn only_the_beginning_of_an_overlong_header_is_read() {
        assert_eq!(words(&format!("{}Firefox/1", "가".repeat(300))).0, "");
        assert_eq!(Device::recognize(None, None), Device::default());
    }

    #[test]
    fn an_address_is_kept_as_its_network_only() {
        let network = |ip: &str| Device::recognize(None, Some(ip.parse().unwrap())).network.unwrap();
        assert_eq!(network("203.0.113.77"), "203.0.113.x");
        assert_eq!(network("::ffff:203.0.113.77"), "203.0.113.x");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1::x");
        assert!(network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").len() <= 32);
    }

    #[test]
    fn names_fit_their_columns() {
        assert!(BROWSERS.iter().chain(SYSTEMS).all(|(_, name)| name.len() <= 32));
    }
}
