//! TLS by rustls: TLS 1.2 and 1.3, HTTP/1.1, and client certificates where they are asked for.

use crate::settings::Tls;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use std::path::Path;
use std::sync::Arc;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be served with {file}: {cause}")]
pub struct TlsError {
    file: String,
    cause: String,
}

/// The configuration of a listener.
///
/// # Errors
/// [`TlsError`] with the file that is wrong.
pub fn config(tls: &Tls) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.private_key).map_err(|error| wrong(&tls.private_key, &error))?;
    let provider = Arc::new(provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&tls.certificate, &error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| wrong(file, &error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
            builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(file, &error))?)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| wrong(&tls.certificate, &error))
}

/// Without ChaCha20 in TLS 1.2, which FAPI's list leaves out.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| !(suite.tls13().is_none() && format!("{:?}", suite.suite()).contains("CHACHA20")));
    provider
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|error| wrong(file, &error))?.collect();
    let all = all.map_err(|error| wrong(file, &error))?;
    if all.is_empty() { Err(wrong(file, &"it holds no certificate")) } else { Ok(all) }
}

fn wrong(file: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError { file: file.display().to_string(), cause: cause.to_string() }
}
