//! `outbound.*`: what this server may fetch.

use super::reader::Reader;
use super::server::parse_network;
use ipnet::IpNet;
use std::path::PathBuf;

/// `outbound.*`
#[derive(Debug, Clone)]
pub struct Outbound {
    /// A PEM file with authorities that are trusted in addition.
    pub extra_ca: Option<PathBuf>,
    /// What may be fetched although it is private or loopback.
    pub allow_hosts: Vec<AllowedHost>,
}

/// A host or network that may be fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// A host name, lower case.
    Name(String),
    /// A network, or a single address.
    Network(IpNet),
}

impl Outbound {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            extra_ca: reader.optional("outbound.extra_ca", |text| Ok(PathBuf::from(text))),
            allow_hosts: reader.list("outbound.allow_hosts", parse_host),
        }
    }
}

fn parse_host(text: &str) -> Result<AllowedHost, String> {
    if let Ok(network) = parse_network(text) {
        return Ok(AllowedHost::Network(network));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        Ok(AllowedHost::Name(text.to_ascii_lowercase()))
    } else {
        Err("it is neither a host name nor a network such as 10.0.0.0/8".to_owned())
    }
}
