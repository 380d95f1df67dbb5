//! Fetching: the one place from which this server opens connections to addresses that others have named.
//!
//! A name is resolved, every address of it is checked ([`address`]), and the connection goes to the checked addresses and
//! no others, so a name that resolves to something else a moment later gains nothing. Nothing private, loopback or reserved
//! is reached unless `outbound.allow_hosts` names it. Redirects are not followed, proxies of the environment not asked,
//! answers not inflated; time and size are bounded. Plain http is for hosts of `outbound.allow_hosts` only.
//!
//! Who fetches what, and how often it is tried again, is the caller's business.

pub mod address;

use crate::settings::{self, AllowedHost};
use address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::{Host, Url};

/// How long connecting may take.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);
/// How long everything may take, resolving and the body included.
const LONGEST: Duration = Duration::from_secs(10);
/// The most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Why nothing was fetched. No text holds a URL with its credentials or query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL is none that is fetched.
    #[error("the URL is not fetched: {0}")]
    Url(&'static str),
    /// The host is, or resolves to, an address that is not fetched from.
    #[error("{0} is not a public address; outbound.allow_hosts can allow it")]
    Address(String),
    /// It could not be reached, or did not answer whole and in time.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The answer is larger than the caller allows.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
}

/// An answer that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The body, within the bound.
    pub body: Vec<u8>,
}

/// The guarded fetcher. Clones share its connections.
#[derive(Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    guard: Arc<Guard>,
}

impl Fetcher {
    /// A fetcher by the settings `outbound.*`.
    ///
    /// # Errors
    /// [`OutboundError::Settings`] where `outbound.extra_ca` cannot be read, or TLS not be set up.
    pub fn new(settings: &settings::Outbound) -> Result<Self, OutboundError> {
        let guard = Arc::new(Guard { allowed: settings.allow_hosts.clone() });
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("authward/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(LONGEST_CONNECT)
            .timeout(LONGEST)
            .pool_max_idle_per_host(2)
            .dns_resolver(Arc::clone(&guard));
        if let Some(path) = &settings.extra_ca {
            let unusable =
                |cause: String| OutboundError::Settings(format!("outbound.extra_ca: {}: {cause}", path.display()));
            let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
            let authorities =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.to_string()))?;
            builder = builder.tls_certs_merge(authorities);
        }
        let client = builder.build().map_err(|error| OutboundError::Settings(innermost(&error)))?;
        Ok(Self { client, guard })
    }

    /// Sends a body and reads the answer, at most `most` bytes of it.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        most: usize,
    ) -> Result<Fetched, OutboundError> {
        self.guard.check_url(url)?;
        let mut request = self.client.post(url.clone()).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request, most).await
    }

    /// Reads what is at a URL, at most `most` bytes of it.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn get(&self, url: &Url, most: usize) -> Result<Fetched, OutboundError> {
        self.guard.check_url(url)?;
        send(self.client.get(url.clone()), most).await
    }
}

/// A fetcher that is made when something is first fetched: a machine without certificates of authorities can serve where
/// nothing needs them.
#[derive(Clone)]
pub struct LazyFetcher {
    settings: settings::Outbound,
    made: Arc<OnceCell<Fetcher>>,
}

impl LazyFetcher {
    /// By the settings `outbound.*`, which are not looked at yet.
    pub fn new(settings: settings::Outbound) -> Self {
        Self { settings, made: Arc::default() }
    }

    /// The fetcher. It is made beside the HTTP workers, because it reads files.
    ///
    /// # Errors
    /// [`OutboundError::Settings`]; then it is tried again the next time.
    pub async fn get(&self) -> Result<&Fetcher, OutboundError> {
        let make = || async {
            let settings = self.settings.clone();
            let made = tokio::task::spawn_blocking(move || Fetcher::new(&settings)).await;
            made.unwrap_or_else(|_| Err(OutboundError::Settings("the fetcher could not be made".to_owned())))
        };
        self.made.get_or_try_init(make).await
    }
}

async fn send(request: reqwest::RequestBuilder, most: usize) -> Result<Fetched, OutboundError> {
    let span = tracing::info_span!(target: "trace", "fetch", otel.kind = "client", http.response.status_code = Empty);
    receive(request, most).instrument(span).await
}

async fn receive(request: reqwest::RequestBuilder, most: usize) -> Result<Fetched, OutboundError> {
    let mut answer = request.send().await.map_err(|error| failure(&error))?;
    let status = answer.status().as_u16();
    Span::current().record("http.response.status_code", i64::from(status));
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > most {
            return Err(OutboundError::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { status, body })
}

/// What the guard said on the way, or what the network did.
fn failure(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(ours) = one.downcast_ref::<OutboundError>() {
            return ours.clone();
        }
        cause = one.source();
    }
    OutboundError::Unreachable(if error.is_timeout() { "it takes too long".to_owned() } else { innermost(error) })
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// What may be reached.
struct Guard {
    allowed: Vec<AllowedHost>,
}

impl Guard {
    /// A literal address is never resolved, so it is checked here.
    fn check_url(&self, url: &Url) -> Result<(), OutboundError> {
        let host = url.host().ok_or(OutboundError::Url("it has no host"))?;
        let is_allowed = match &host {
            Host::Domain(name) => self.allows_name(name),
            Host::Ipv4(address) => self.allows_address((*address).into()),
            Host::Ipv6(address) => self.allows_address((*address).into()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Url("it holds credentials"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_allowed => {}
            "http" => return Err(OutboundError::Url("plain http is for hosts of outbound.allow_hosts")),
            _ => return Err(OutboundError::Url("it is not https")),
        }
        match host {
            Host::Ipv4(address) if !is_allowed && !is_public(address.into()) => {
                Err(OutboundError::Address(address.to_string()))
            }
            Host::Ipv6(address) if !is_allowed && !is_public(address.into()) => {
                Err(OutboundError::Address(address.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn allows_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.allowed
            .iter()
            .any(|allowed| matches!(allowed, AllowedHost::Name(allowed) if allowed.eq_ignore_ascii_case(name)))
    }

    fn allows_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|allowed| match allowed {
            AllowedHost::Network(network) => network.contains(&address),
            AllowedHost::Name(_) => false,
        })
    }

    /// One address that must not be reached is enough to refuse the name.
    fn check(&self, name: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, OutboundError> {
        if addresses.is_empty() {
            return Err(OutboundError::Unreachable("the name has no address".to_owned()));
        }
        let is_refused = |address: &&SocketAddr| {
            !(self.allows_name(name) || is_public(address.ip()) || self.allows_address(address.ip()))
        };
        match addresses.iter().find(is_refused) {
            Some(refused) => Err(OutboundError::Address(refused.ip().to_string())),
            None => Ok(addresses.into_iter().take(MOST_ADDRESSES).collect()),
        }
    }
}

/// What it answers is where the connection goes: nothing is resolved a second time.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Self { allowed: self.allowed.clone() };
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let checked = guard.check(&host, found)?;
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        let host = |text: &&str| match text.parse::<ipnet::IpNet>() {
            Ok(network) => AllowedHost::Network(network),
            Err(_) => AllowedHost::Name((*text).to_owned()),
        };
        Guard { allowed: allowed.iter().map(host).collect() }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_literal_address_is_checked_however_it_is_written() {
        let guard = guard(&[]);
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            "https://0.0.0.0/",
            "https://[::]/",
        ] {
            assert!(matches!(guard.check_url(&url(text)), Err(OutboundError::Address(_))), "{text}");
        }
        assert_eq!(guard.check_url(&url("https://1.1.1.1/")), Ok(()));
        assert_eq!(guard.check_url(&url("https://[2606:4700:4700::1111]/")), Ok(()));
        assert_eq!(guard.check_url(&url("https://example.com/")), Ok(()));
    }

    #[test]
    fn only_https_without_credentials_is_fetched() {
        let guard = guard(&["hooks.internal", "127.0.0.0/8"]);
        for bad in [
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://u:p@example.com/",
            "data:,x",
            "gopher://x/",
        ] {
            assert!(matches!(guard.check_url(&url(bad)), Err(OutboundError::Url(_))), "{bad}");
        }
        for good in
            ["http://hooks.internal/x", "http://HOOKS.internal./x", "http://127.0.0.1:9000/", "https://example.com/"]
        {
            assert_eq!(guard.check_url(&url(good)), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_name_with_one_address_that_is_not_public_is_refused() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect::<Vec<_>>();
        let good = addresses(&["1.1.1.1", "2606:4700:4700::1111"]);
        assert_eq!(guard(&[]).check("example.com", good.clone()), Ok(good));
        let mixed = addresses(&["1.1.1.1", "10.0.0.1"]);
        assert_eq!(guard(&[]).check("rebind.example", mixed.clone()), Err(OutboundError::Address("10.0.0.1".into())));
        assert!(guard(&["10.0.0.0/8"]).check("rebind.example", mixed.clone()).is_ok());
        assert!(guard(&["rebind.example"]).check("rebind.example", mixed.clone()).is_ok());
        assert!(guard(&["other.example"]).check("rebind.example", mixed).is_err());
        assert!(matches!(guard(&[]).check("none.example", Vec::new()), Err(OutboundError::Unreachable(_))));
    }
}
