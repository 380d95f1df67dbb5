//! The source address behind proxies: the chain is walked from the right, because only what trusted proxies appended can be
//! believed, and everything to the left of the first stranger is the stranger's own text.

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::IpAddr;

/// The most hops that are looked at.
const MOST_HOPS: usize = 16;

/// The address that a request comes from: the peer, or, where the peer is a trusted proxy, the nearest address in
/// `X-Forwarded-For` (or `Forwarded`, RFC 7239) that is not one.
pub fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    if !is_trusted(&peer) {
        return peer;
    }
    let mut nearest = peer;
    for hop in hops(headers).into_iter().rev().take(MOST_HOPS) {
        let Some(ip) = hop else { return nearest };
        nearest = ip;
        if !is_trusted(&ip) {
            break;
        }
    }
    nearest
}

fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &'static str| {
        let values = headers.get_all(HeaderName::from_static(name));
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect::<Vec<_>>()
    };
    let plain = list("x-forwarded-for");
    if !plain.is_empty() {
        return plain.into_iter().map(address).collect();
    }
    let forwarded = list("forwarded");
    forwarded
        .into_iter()
        .map(|element| {
            element
                .split(';')
                .find_map(|pair| pair.trim().to_ascii_lowercase().strip_prefix("for=").map(str::to_owned))
                .and_then(|text| address(&text))
        })
        .collect()
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next()?.parse().ok();
    }
    text.parse().ok().or_else(|| text.rsplit_once(':').and_then(|(host, _)| host.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn source_of(peer: &str, name: &'static str, value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        source(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(source_of("192.0.2.1", "x-forwarded-for", "198.51.100.7"), "192.0.2.1");
        assert_eq!(source_of("10.0.0.1", "x-forwarded-for", "198.51.100.7"), "198.51.100.7");
    }

    #[test]
    fn the_chain_is_walked_from_the_right() {
        assert_eq!(source_of("10.0.0.1", "x-forwarded-for", "1.2.3.4, 198.51.100.7, 10.0.0.9"), "198.51.100.7");
        assert_eq!(source_of("10.0.0.1", "x-forwarded-for", "1.2.3.4, junk"), "10.0.0.1");
        assert_eq!(
            source_of("10.0.0.1", "forwarded", "for=1.2.3.4, for=\"[2001:db8::1]:4711\";proto=https"),
            "2001:db8::1"
        );
    }
}
