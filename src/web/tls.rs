//! TLS by rustls: TLS 1.2 and 1.3, HTTP/1.1, and client certificates where they are asked for.

use crate::settings::Tls;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, SupportedCipherSuite};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

const CERTIFICATE: &str = "server.tls.certificate";
const PRIVATE_KEY: &str = "server.tls.private_key";
const CLIENT_CA: &str = "server.tls.client_ca";

/// Those of TLS 1.3, and the four of TLS 1.2 that RFC 9325 §4.2 recommends: forward secrecy and AES-GCM. FAPI 2.0 allows no
/// other of TLS 1.2, ChaCha20 included. Where a client does not care, the server's order decides.
const SUITES: [SupportedCipherSuite; 7] = [
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Why TLS cannot be served: a setting whose file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {file} cannot be used: {cause}")]
pub struct TlsError {
    key: &'static str,
    file: String,
    cause: String,
}

/// The configuration of a listener.
///
/// # Errors
/// [`TlsError`] with the setting and the file that is wrong.
pub fn config(tls: &Tls) -> Result<ServerConfig, TlsError> {
    let chain = certificates(CERTIFICATE, &tls.certificate)?;
    let of_key = |cause: &dyn Display| wrong(PRIVATE_KEY, &tls.private_key, cause);
    let of_certificate = |cause: &dyn Display| wrong(CERTIFICATE, &tls.certificate, cause);
    let key = PrivateKeyDer::from_pem_file(&tls.private_key).map_err(|error| of_key(&error))?;
    let provider = Arc::new(CryptoProvider { cipher_suites: SUITES.to_vec(), ..aws_lc_rs::default_provider() });
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| of_certificate(&error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => builder.with_client_cert_verifier(client_verifier(file, provider)?),
    };
    builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => of_key(&"it is not the key of the certificate"),
        error => of_certificate(&error),
    })
}

/// Client certificates are asked for and not required: who needs one says so.
fn client_verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CLIENT_CA, file)? {
        roots.add(certificate).map_err(|error| wrong(CLIENT_CA, file, &error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    verifier.build().map_err(|error| wrong(CLIENT_CA, file, &error))
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(key, file, &error))?;
    let all: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| wrong(key, file, &error))?;
    if all.is_empty() { Err(wrong(key, file, &"it holds no certificate")) } else { Ok(all) }
}

fn wrong(key: &'static str, file: &Path, cause: &dyn Display) -> TlsError {
    TlsError { key, file: file.display().to_string(), cause: cause.to_string() }
}
