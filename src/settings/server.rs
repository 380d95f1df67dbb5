//! `server.*`: where the server listens and what it is called.

use super::cores;
use super::reader::Reader;
use crate::domain::issuer::Issuer;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The issuer where none is set and none follows from the bind address.
const DEFAULT_ISSUER: &str = "http://127.0.0.1:8080";

/// `server.*`
#[derive(Debug, Clone)]
pub struct Server {
    /// Addresses to listen on; at least one.
    pub bind: Vec<SocketAddr>,
    /// The issuer identifier.
    pub issuer: Issuer,
    /// HTTP worker threads, at least 1.
    pub workers: usize,
    /// Serve HTTPS directly.
    pub tls: Option<Tls>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long what is in flight may take to finish at a stop.
    pub shutdown_grace: Duration,
}

/// `server.tls.*`: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
    /// Authorities whose client certificates are asked for.
    pub client_ca: Option<PathBuf>,
}

impl Server {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let bind = read_bind(reader);
        let tls = Tls::read(reader);
        let issuer = reader.optional("server.issuer", |text| Issuer::parse(text).map_err(|error| error.to_string()));
        Self {
            issuer: issuer.unwrap_or_else(|| default_issuer(&bind, tls.is_some())),
            bind,
            workers: reader.count_or("server.workers", 256, cores()),
            tls,
            trusted_proxies: reader.list("server.trusted_proxies", parse_network),
            shutdown_grace: reader.duration("server.shutdown_grace", 0..=300),
        }
    }
}

fn read_bind(reader: &mut Reader) -> Vec<SocketAddr> {
    let parse =
        |text: &str| text.parse().map_err(|_| "it is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::]:8080".to_owned());
    let bind: Vec<SocketAddr> = reader.list("server.bind", parse);
    if bind.is_empty() {
        reader.object("server.bind", "there is no address to listen on");
    }
    bind
}

/// The first bind address, where that is a loopback address and so is reached under its own name.
fn default_issuer(bind: &[SocketAddr], tls: bool) -> Issuer {
    let scheme = if tls { "https" } else { "http" };
    bind.first()
        .filter(|address| address.ip().is_loopback() && address.port() != 0)
        .and_then(|address| Issuer::parse(&format!("{scheme}://{address}")).ok())
        .unwrap_or_else(|| Issuer::parse(DEFAULT_ISSUER).expect("the default issuer is one: a test reads it"))
}

impl Tls {
    fn read(reader: &mut Reader) -> Option<Self> {
        let path = |text: &str| Ok(PathBuf::from(text));
        let certificate = reader.optional("server.tls.certificate", path);
        let private_key = reader.optional("server.tls.private_key", path);
        let client_ca = reader.optional("server.tls.client_ca", path);
        match (certificate, private_key) {
            (Some(certificate), Some(private_key)) => Some(Self { certificate, private_key, client_ca }),
            (Some(_), None) => {
                reader.object("server.tls.certificate", "it needs server.tls.private_key as well");
                None
            }
            (None, Some(_)) => {
                reader.object("server.tls.private_key", "it needs server.tls.certificate as well");
                None
            }
            (None, None) => {
                if client_ca.is_some() {
                    let what = "it needs server.tls.certificate and server.tls.private_key as well";
                    reader.object("server.tls.client_ca", what);
                }
                None
            }
        }
    }
}

/// A network in CIDR form, or a single address.
pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "it is not a network such as 10.0.0.0/8 or an address".to_owned())
}
