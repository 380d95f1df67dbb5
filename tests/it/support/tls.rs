//! TLS seen from outside: certificates of a test's own, a tunnel for clients that speak plain HTTP, and hellos as bytes.

use authward::settings::Tls;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

/// How long a server may take to say something: a bound for broken tests, never reached by working ones.
const PATIENCE: Duration = Duration::from_secs(10);
/// The suites of TLS 1.2 and before are in these ranges (RFC 8447 and its registry); those of TLS 1.3 are elsewhere.
const SUITES: [std::ops::RangeInclusive<u16>; 4] = [0x0001..=0x00fe, 0xc001..=0xc0ff, 0xcc13..=0xccff, 0xd001..=0xd005];

/// A self-signed certificate for the loopback address, and its key, in two files.
pub struct Certificate {
    certificate: PathBuf,
    private_key: PathBuf,
    der: CertificateDer<'static>,
    _folder: TempDir,
}

impl Certificate {
    pub fn ecdsa() -> Self {
        Self::of(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    pub fn rsa() -> Self {
        Self::of(&KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key"))
    }

    fn of(key: &KeyPair) -> Self {
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let certificate = names.self_signed(key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Self {
            certificate: file("certificate.pem", certificate.pem()),
            private_key: file("private_key.pem", key.serialize_pem()),
            der: certificate.der().clone(),
            _folder: folder,
        }
    }

    /// The file of the certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The file of its key.
    pub fn private_key(&self) -> &Path {
        &self.private_key
    }

    /// For `server.tls`.
    pub fn settings(&self) -> Tls {
        Tls { certificate: self.certificate.clone(), private_key: self.private_key.clone(), client_ca: None }
    }

    /// What a client that trusts this certificate alone can do.
    pub fn client(&self) -> TlsClient {
        TlsClient(self.der.clone())
    }
}

/// A client that trusts one certificate.
pub struct TlsClient(CertificateDer<'static>);

impl TlsClient {
    /// The version and the protocol on which client and server agree, when the client speaks only `version`, and HTTP/2
    /// rather than HTTP/1.1.
    pub fn handshake(
        &self,
        port: u16,
        version: &'static SupportedProtocolVersion,
    ) -> (ProtocolVersion, Option<Vec<u8>>) {
        let mut config = self.config(&[version]);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = ClientConnection::new(Arc::new(config), server_name()).expect("a client");
        let mut stream = connect(port);
        while client.is_handshaking() {
            client.complete_io(&mut stream).expect("a handshake");
        }
        (client.protocol_version().expect("a version"), client.alpn_protocol().map(<[u8]>::to_vec))
    }

    /// Listens for plain connections, and carries each over TLS to `port`. Returns where it listens.
    pub async fn tunnel(&self, port: u16) -> u16 {
        let connector = TlsConnector::from(Arc::new(self.config(rustls::ALL_VERSIONS)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut plain, _)) = listener.accept().await {
                let connector = connector.clone();
                tokio::spawn(async move {
                    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
                    let mut secure = connector.connect(server_name(), stream).await.expect("a handshake");
                    // Either side may leave without a farewell.
                    let _ = tokio::io::copy_bidirectional(&mut plain, &mut secure).await;
                });
            }
        });
        address.port()
    }

    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.clone()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("versions");
        builder.with_root_certificates(roots).with_no_client_auth()
    }
}

/// Every suite that the server takes from a client of `version`, TLS 1.2 or before: the client offers all, then all but
/// the one that was taken, until it is refused.
pub fn suites_of(port: u16, version: u16) -> BTreeSet<u16> {
    let mut taken = BTreeSet::new();
    loop {
        let offered: Vec<u16> = SUITES.into_iter().flatten().filter(|suite| !taken.contains(suite)).collect();
        match taken_of(port, version, &offered) {
            Some(suite) => assert!(taken.insert(suite), "{suite:#06x} was not offered"),
            None => return taken,
        }
    }
}

/// The suite of the ServerHello; `None` where the answer is an alert.
fn taken_of(port: u16, version: u16, suites: &[u16]) -> Option<u16> {
    let mut stream = connect(port);
    stream.write_all(&client_hello(version, suites)).expect("a hello is sent");
    let mut head = [0; 5];
    stream.read_exact(&mut head).expect("a record");
    let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut record).expect("a whole record");
    match (head[0], record[0]) {
        (21, 2) => None,
        (22, 2) => {
            // ServerHello (RFC 5246 §7.4.1.3): type, length of 3 bytes, version, 32 random bytes, session id, suite.
            assert_eq!(record[4..6], version.to_be_bytes(), "another version than the client's");
            let suite = 4 + 2 + 32 + 1 + usize::from(record[38]);
            Some(u16::from_be_bytes([record[suite], record[suite + 1]]))
        }
        other => panic!("neither an alert nor a ServerHello: {other:?}"),
    }
}

/// A ClientHello (RFC 5246 §7.4.1.2) without the extension that says TLS 1.3.
fn client_hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let numbers = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let extension = |kind: u16, body: Vec<u8>| [kind.to_be_bytes().to_vec(), sized(body)].concat();
    let groups = extension(10, sized(numbers(&[0x001d, 0x0017])));
    let points = extension(11, vec![1, 0]);
    let signatures = extension(13, sized(numbers(&[0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601])));
    let master_secret = extension(23, Vec::new());
    let body = [
        version.to_be_bytes().to_vec(),
        vec![7; 32],
        vec![0],
        sized(numbers(suites)),
        vec![1, 0],
        sized([groups, points, signatures, master_secret].concat()),
    ]
    .concat();
    let message = [vec![1, 0], sized(body)].concat();
    [vec![22, 3, 1], sized(message)].concat()
}

/// The bytes with their number before them, in two bytes.
fn sized(bytes: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short text");
    [length.to_be_bytes().to_vec(), bytes].concat()
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn server_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])))
}
