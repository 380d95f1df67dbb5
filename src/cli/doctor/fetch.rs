//! One GET over HTTP/1.1, as a client of this server would send it: bounded in size and time, no redirects followed, the
//! peer's certificate checked.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long connecting, and each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Where systems keep the authorities they trust.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Whose certificates are believed.
pub(super) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The system's authorities, and those of one file more.
    pub(super) fn of_system(extra: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let named = std::env::var_os("SSL_CERT_FILE");
        let bundle =
            named.as_deref().map(Path::new).or_else(|| BUNDLES.iter().map(Path::new).find(|path| path.exists()));
        for file in bundle.into_iter().chain(extra) {
            let unreadable = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", file.display());
            let all = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))?;
            let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| unreadable(&error))?;
            // A bundle may hold odd old authorities; those that are read are enough.
            roots.add_parsable_certificates(all);
        }
        Ok(Self(Arc::new(builder()?.with_root_certificates(roots).with_no_client_auth())))
    }

    /// Any certificate: to see whether anybody answers at an address of this machine.
    pub(super) fn anybody() -> Self {
        let config = builder().map(|builder| {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth()
        });
        Self(Arc::new(config.expect("the provider has the versions of TLS that it has by default")))
    }
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

/// Fetches `url`, from `address` where one is given, else from where its host name leads.
pub(super) fn fetch(url: &str, trust: &Trust, address: Option<SocketAddr>) -> Result<Answer, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let stream = connect(&url, address)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nUser-Agent: authward-doctor\r\n\
         Connection: close\r\n\r\n"
    );
    let raw = if url.scheme() == "https" {
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|error| error.to_string())?;
        let connection = ClientConnection::new(Arc::clone(&trust.0), name).map_err(|error| error.to_string())?;
        exchange(StreamOwned::new(connection, stream), &request)
    } else {
        exchange(stream, &request)
    };
    parse(&raw.map_err(|error| error.to_string())?).ok_or_else(|| "the answer is not HTTP".to_owned())
}

fn connect(url: &Url, address: Option<SocketAddr>) -> Result<TcpStream, String> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("the address has no host".to_owned());
    };
    let addresses = match address {
        Some(address) => vec![address],
        None => {
            let found = (host.trim_matches(['[', ']']), port).to_socket_addrs();
            found.map_err(|error| format!("{host} is not found: {error}"))?.collect()
        }
    };
    let mut reason = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                let limits = [stream.set_read_timeout(Some(PATIENCE)), stream.set_write_timeout(Some(PATIENCE))];
                limits.into_iter().collect::<io::Result<()>>().map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) => reason = format!("{address}: {error}"),
        }
    }
    Err(reason)
}

/// A peer that closes without ceremony after its answer is no error.
fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut raw = Vec::new();
    match stream.take(LARGEST).read_to_end(&mut raw) {
        Err(error) if raw.is_empty() || error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(raw),
    }
}

fn parse(raw: &[u8]) -> Option<Answer> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&raw[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let status = words.next().filter(|version| version.starts_with("HTTP/1.")).and(words.next())?.parse().ok()?;
    let is_chunked = lines.any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with("transfer-encoding:") && line.contains("chunked")
    });
    let body = &raw[end + 4..];
    Some(Answer { status, body: if is_chunked { unchunked(body) } else { body.to_vec() } })
}

/// The chunks that are whole (RFC 9112 §7.1).
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(end + 2..).and_then(|rest| rest.get(..size)).filter(|_| size > 0) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
    }
    body
}

/// Believes any certificate.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_and_in_chunks() {
        let answer = |status: u16, body: &str| Some(Answer { status, body: body.as_bytes().to_vec() });
        let parse = |text: &str| parse(text.as_bytes());
        assert_eq!(parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), answer(200, "{}"));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n";
        assert_eq!(parse(chunked), answer(200, "{\"a\":1}"));
        assert_eq!(parse("HTTP/1.1 503 x\r\n\r\n"), answer(503, ""));
        for bad in ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        for cut in ["zz\r\n", "5\r\nab", "ffffffffffffffff\r\nab", "1\r\na"] {
            let _ = unchunked(cut.as_bytes());
        }
    }
}
