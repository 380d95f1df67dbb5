//! TLS by the server itself: a sign-in over it, what is spoken, and what is said about files that cannot be used.

use crate::support::tls::{Certificate, suites_of};
use crate::support::{TestApp, shared::server::free_port};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: u16 = 0xc02b;
const ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: u16 = 0xc02c;
const ECDHE_RSA_WITH_AES_128_GCM_SHA256: u16 = 0xc02f;
const ECDHE_RSA_WITH_AES_256_GCM_SHA384: u16 = 0xc030;

/// RFC 8414 §2, RFC 6749 §3.1, RFC 6749 §3.2: every endpoint is one of TLS.
#[tokio::test]
async fn discovery_over_tls_names_https_everywhere() {
    let app = TestApp::usual().tls(Certificate::ecdsa()).start().await;
    assert_eq!(app.issuer, format!("https://127.0.0.1:{}", app.port));
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let answer = app.get(path).await;
        let document = answer.assert_status(200).json();
        assert_eq!(document["issuer"], app.issuer);
        let members = document.as_object().unwrap();
        let addresses = members.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
        let addresses: Vec<&str> = addresses.filter_map(|(_, value)| value.as_str()).collect();
        assert!(addresses.len() >= 3 && addresses.iter().all(|url| url.starts_with(&app.issuer)), "{addresses:?}");
    }
}

/// RFC 6749 §4.1, RFC 6265bis §4.1.3.2, RFC 6797 §7.1
#[tokio::test]
async fn people_and_clients_sign_in_over_tls() {
    for certificate in [Certificate::ecdsa(), Certificate::rsa()] {
        let app = TestApp::usual().tls(certificate).start().await;
        let (party, browser) = (app.relying_party("backend"), app.browser());
        let tokens = party.sign_in(&browser, "alice").await;
        party.tokens(&party.refresh(tokens.refresh()).await, None).await;
        party.userinfo(&tokens.access_token).await.assert_status(200);
        let cookies = browser.cookies();
        assert!(cookies.keys().any(|name| name == "__Host-authward-session"), "{cookies:?}");
        assert!(cookies.keys().all(|name| name.starts_with("__Host-authward-")), "{cookies:?}");
        let page = app.browser().get("/login").await;
        assert!(!page.set_cookies().is_empty());
        for cookie in page.set_cookies() {
            for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(cookie.contains(&format!("; {attribute}")), "{cookie}");
            }
        }
        for answer in [page, party.refresh("x").await, app.get("/jwks").await, app.get("/nothing").await] {
            assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{answer:?}");
        }
    }
}

/// RFC 9325 §4.2: forward secrecy and AES-GCM, and nothing else of TLS 1.2, as FAPI 2.0 demands.
#[tokio::test]
async fn of_tls_1_2_only_the_four_suites_of_fapi_are_spoken() {
    let with_ecdsa = TestApp::empty().tls(Certificate::ecdsa()).start().await;
    let expected = [ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ECDHE_ECDSA_WITH_AES_256_GCM_SHA384];
    assert_eq!(suites_of(with_ecdsa.port, 0x0303), BTreeSet::from(expected));
    let with_rsa = TestApp::empty().tls(Certificate::rsa()).start().await;
    let expected = [ECDHE_RSA_WITH_AES_128_GCM_SHA256, ECDHE_RSA_WITH_AES_256_GCM_SHA384];
    assert_eq!(suites_of(with_rsa.port, 0x0303), BTreeSet::from(expected));
}

/// RFC 9325 §3.1.1, RFC 8996 §4, RFC 8996 §5
#[tokio::test]
async fn versions_before_tls_1_2_are_refused() {
    let app = TestApp::empty().tls(Certificate::rsa()).start().await;
    for version in [0x0300, 0x0301, 0x0302] {
        assert_eq!(suites_of(app.port, version), BTreeSet::new(), "{version:#06x}");
    }
}

/// RFC 9325 §3.1.1, RFC 7301 §3.2: HTTP/2 is not spoken, so it is not offered.
#[tokio::test]
async fn tls_1_3_is_spoken_and_carries_http_1_1() {
    let certificate = Certificate::ecdsa();
    let trusted = certificate.client();
    let app = TestApp::empty().tls(certificate).start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (spoken, protocol) = trusted.handshake(app.port, version);
        assert_eq!(spoken, version.version);
        assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn files_that_cannot_be_used_are_told_apart_before_anything_is_made() {
    let (own, other) = (Certificate::ecdsa(), Certificate::ecdsa());
    let folder = tempfile::tempdir().unwrap();
    let rubbish = folder.path().join("rubbish.pem");
    std::fs::write(&rubbish, "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n").unwrap();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    for (certificate, private_key, client_ca, key, file) in [
        (missing.as_path(), own.private_key(), None, "server.tls.certificate", "missing.pem"),
        (empty.as_path(), own.private_key(), None, "server.tls.certificate", "empty.pem"),
        (rubbish.as_path(), own.private_key(), None, "server.tls.certificate", "rubbish.pem"),
        (own.certificate(), missing.as_path(), None, "server.tls.private_key", "missing.pem"),
        (own.certificate(), own.certificate(), None, "server.tls.private_key", "certificate.pem"),
        (own.certificate(), other.private_key(), None, "server.tls.private_key", "private_key.pem"),
        (own.certificate(), own.private_key(), Some(&rubbish), "server.tls.client_ca", "rubbish.pem"),
        (own.certificate(), own.private_key(), Some(&missing), "server.tls.client_ca", "missing.pem"),
    ] {
        let output = serve(folder.path(), certificate, private_key, client_ca.map(std::path::PathBuf::as_path));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{key} {file}: {said}");
        assert!(said.contains(&format!("{key}: ")) && said.contains(file), "{key} {file}: {said}");
        assert!(!folder.path().join("data").exists(), "{key} {file}");
    }
}

/// `authward serve` in this folder, for at most 20 seconds.
fn serve(folder: &Path, certificate: &Path, private_key: &Path, client_ca: Option<&Path>) -> Output {
    let mut command = Command::new("timeout");
    command.arg("20").arg(env!("CARGO_BIN_EXE_authward")).arg("serve").current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AUTHWARD_")) {
        command.env_remove(name);
    }
    command.env("AUTHWARD__SERVER__BIND", format!("127.0.0.1:{}", free_port()));
    command.env("AUTHWARD__SERVER__TLS__CERTIFICATE", certificate);
    command.env("AUTHWARD__SERVER__TLS__PRIVATE_KEY", private_key);
    command.envs(client_ca.map(|file| ("AUTHWARD__SERVER__TLS__CLIENT_CA", file)));
    command.output().unwrap()
}
