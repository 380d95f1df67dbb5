//! The certificate that the server shows: whether it can be used, for whom it is, and until when.

use super::Finding;
use crate::cli::Context;
use crate::cli::output::time;
use crate::domain::time::{Lifetime, Timestamp};
use crate::settings::Tls;
use crate::web::tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::path::Path;

const AREA: &str = "tls";
/// How long before its end a certificate should have been replaced: those that are renewed by machines are, a month ahead.
const SOON: Lifetime = Lifetime::days(14);

/// Looks at the certificate, where the server serves TLS itself.
pub(super) fn look(context: &Context) -> Vec<Finding> {
    let server = &context.settings.server;
    let Some(files) = &server.tls else { return Vec::new() };
    // It reads both files, and refuses a key that is not the certificate's.
    if let Err(error) = tls::config(files) {
        let why = "The server does not start.";
        return vec![Finding::fail(
            AREA,
            error.to_string(),
            why,
            "Put certificate chain and private key there, as PEM.",
        )];
    }
    let mut findings = exposed_key(files).into_iter().collect::<Vec<_>>();
    let host = server.issuer.origin().split_once("://").map_or("", |(_, host)| host);
    match leaf(&files.certificate) {
        Some(certificate) => findings.push(judge(&certificate, host, context.now())),
        None => {
            let what = format!("{} cannot be read as a certificate", files.certificate.display());
            findings.push(Finding::fail(AREA, what, "Clients refuse it.", "Ask its authority for another."));
        }
    }
    findings
}

fn leaf(file: &Path) -> Option<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file).ok()?.next()?.ok()
}

fn exposed_key(files: &Tls) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = std::fs::metadata(&files.private_key).ok()?.mode() & 0o777;
    let name = files.private_key.display();
    let why = "Whoever reads it can pose as this server.";
    let what = format!("{name} can be read by everybody (mode {mode:o})");
    (mode & 0o007 != 0).then(|| Finding::fail(AREA, what, why, format!("chmod o= {name}")))
}

/// Judges a certificate for `host`, with or without a port, at `now`.
fn judge(der: &CertificateDer<'_>, host: &str, now: Timestamp) -> Finding {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else {
        return Finding::fail(
            AREA,
            "the certificate cannot be read",
            "Clients refuse it.",
            "Ask its authority for another.",
        );
    };
    let validity = certificate.validity();
    let [begins, ends] =
        [validity.not_before, validity.not_after].map(|time| Timestamp::from_seconds(time.timestamp()));
    let refused = "Browsers and clients refuse to connect.";
    let renew = "Renew it, and restart the server: certificates are read at the start.";
    if ends.is_past(now) {
        Finding::fail(AREA, format!("the certificate has expired at {}", time(ends)), refused, renew)
    } else if begins > now {
        let mend = "Set the clock right, or wait.";
        Finding::fail(AREA, format!("the certificate begins at {}", time(begins)), refused, mend)
    } else if !covers(der, host) {
        let what = format!("the certificate is not for {host}, the host of server.issuer");
        Finding::fail(AREA, what, refused, "Ask for one with that name among its subject alternative names.")
    } else if ends.is_past(now.plus(SOON)) {
        let why = "From then on browsers and clients refuse to connect.";
        Finding::warn(AREA, format!("the certificate expires at {}", time(ends)), why, renew)
    } else {
        Finding::ok(AREA, format!("the certificate is for {host}, until {}", time(ends)))
    }
}

fn covers(der: &CertificateDer<'_>, host: &str) -> bool {
    let name = if host.starts_with('[') {
        host.trim_start_matches('[').split(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    let (Ok(certificate), Ok(name)) =
        (rustls::server::ParsedCertificate::try_from(der), ServerName::try_from(name.to_owned()))
    else {
        return false;
    };
    rustls::client::verify_server_name(&certificate, &name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    /// Self-signed, for `id.example.com` and `127.0.0.1`, 2026-01-01 to 2027-01-01.
    const CERTIFICATE: &str = include_str!("../../../tests/documents/certificate.pem");

    #[test]
    fn a_certificate_is_judged_by_name_and_date() {
        let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let day = |day: i64| Timestamp::from_seconds(1_767_225_600 + day * 86_400);
        for (host, at, level, what) in [
            ("id.example.com", day(10), Level::Ok, "the certificate is for id.example.com, until 2027-01-01T00:00:00Z"),
            ("127.0.0.1:8443", day(10), Level::Ok, "the certificate is for 127.0.0.1:8443, until 2027-01-01T00:00:00Z"),
            ("id.example.com:443", day(351), Level::Warn, "the certificate expires at 2027-01-01T00:00:00Z"),
            ("id.example.com", day(365), Level::Fail, "the certificate has expired at 2027-01-01T00:00:00Z"),
            ("id.example.com", day(-1), Level::Fail, "the certificate begins at 2026-01-01T00:00:00Z"),
            (
                "id.example.org",
                day(10),
                Level::Fail,
                "the certificate is not for id.example.org, the host of server.issuer",
            ),
            ("[::1]:8443", day(10), Level::Fail, "the certificate is not for [::1]:8443, the host of server.issuer"),
        ] {
            let finding = judge(&der, host, at);
            assert_eq!((finding.level, finding.what.as_str()), (level, what));
        }
    }
}
