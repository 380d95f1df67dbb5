//! Unmodified client software signs in with authorization code and PKCE, refreshes, and validates the access token
//! through JWKS with its ecosystem's own library: openid-client and oidc-client-ts (npm, the second in Chromium),
//! Authlib (PyPI), x/oauth2 with go-oidc (Go), openidconnect (Rust).
//!
//! Each test has a server of its own: the built binary, set up with `authward apply`, on the embedded database.

mod support;

use serde_json::{Value, json};
use support::programs::{Program, prepared, rust_client, tests_folder};
use support::server::{Server, free_port};

const USERNAME: &str = "haneul";
const PASSWORD: &str = "a tram stop under seven maples";
/// Characters that RFC 6749 §2.3.1 has form-encoded in the Authorization header.
const ODD_SECRET: &str = "mind:the%gap+and/the=rest&of it all";

/// RFC 8252 §7.3, RFC 9068 §4: openid-client as a native app on a random loopback port.
#[test]
fn a_native_app_of_npm_signs_in_on_any_loopback_port() {
    let server = Server::with(&setup(native("native-npm")));
    let program = person(Program::node("clients/native.mjs"), &server).env("CLIENT_ID", "native-npm");
    server.assert_done(program.run());
}

/// RFC 9700 §2.1, OAuth 2.1 §8.4, OpenID Connect RP-Initiated Logout §2: oidc-client-ts in Chromium on another origin
/// than the server's.
#[test]
fn a_single_page_app_signs_in_renews_in_two_tabs_and_signs_out() {
    let port = free_port();
    let mut client = public("spa", &format!("http://127.0.0.1:{port}/callback"));
    client["application_type"] = json!("web");
    client["post_logout_redirect_uris"] = json!([format!("http://127.0.0.1:{port}/")]);
    let server = Server::with(&setup(client));
    let program =
        person(Program::node("clients/spa.mjs"), &server).env("CLIENT_ID", "spa").env("SPA_PORT", port.to_string());
    server.assert_done(program.run());
}

/// RFC 6749 §2.3.1: Authlib as a confidential client with `client_secret_basic` and PKCE.
#[test]
fn a_backend_of_pypi_signs_in_with_basic_and_pkce() {
    let redirect_uri = redirect_uri();
    let secret = "a-secret-without-odd-characters-41";
    let server = Server::with(&setup(confidential("backend-pypi", secret, "client_secret_basic", &redirect_uri)));
    let script = tests_folder().join("clients/python/backend.py");
    let program = person(Program::new(prepared("AUTHWARD_TEST_PYTHON")).arg("-B").arg(script), &server)
        .env("CLIENT_ID", "backend-pypi")
        .env("CLIENT_SECRET", secret)
        .env("REDIRECT_URI", redirect_uri);
    server.assert_done(program.run());
}

/// RFC 6749 §3.2.1, OpenID Connect RP-Initiated Logout §2: x/oauth2 tries the header with an empty secret first, and
/// the same code again with the body; go-oidc's ID token signs out.
#[test]
fn a_public_go_client_probes_with_basic_and_still_signs_in_and_out() {
    let (client, home) = native_with_home("go-public");
    let server = Server::with(&setup(client));
    server.assert_done(go(&server).env("CLIENT_ID", "go-public").env("POST_LOGOUT_REDIRECT_URI", home).run());
}

/// RFC 6749 §2.3.1: the secret arrives form-encoded in the header.
#[test]
fn a_confidential_go_client_signs_in_with_an_odd_secret_in_the_header() {
    let redirect_uri = redirect_uri();
    let server = Server::with(&setup(confidential("go-basic", ODD_SECRET, "client_secret_basic", &redirect_uri)));
    let program = go(&server).env("CLIENT_ID", "go-basic").env("CLIENT_SECRET", ODD_SECRET);
    server.assert_done(program.env("REDIRECT_URI", redirect_uri).run());
}

/// RFC 6749 §2.3.1: the header that is tried first is refused, and neither consumes the code nor counts as its replay.
#[test]
fn a_confidential_go_client_signs_in_with_its_secret_in_the_body() {
    let redirect_uri = redirect_uri();
    let server = Server::with(&setup(confidential("go-post", ODD_SECRET, "client_secret_post", &redirect_uri)));
    let program = go(&server).env("CLIENT_ID", "go-post").env("CLIENT_SECRET", ODD_SECRET);
    server.assert_done(program.env("REDIRECT_URI", redirect_uri).run());
}

/// RFC 8252 §7.3, OIDC Core §3.1.3.7, OpenID Connect RP-Initiated Logout §2: the openidconnect crate as a native app.
#[test]
fn a_native_app_of_crates_io_signs_in_and_out() {
    let (client, home) = native_with_home("native-rust");
    let server = Server::with(&setup(client));
    let program = person(Program::new(rust_client("authward-client-rust")), &server)
        .env("CLIENT_ID", "native-rust")
        .env("POST_LOGOUT_REDIRECT_URI", home);
    server.assert_done(program.run());
}

/// OIDC Core §9, OIDC Core §10.2, RFC 9101 §5: openid-client with keys of its own.
#[test]
fn a_backend_of_npm_signs_what_it_asks_and_reads_what_is_encrypted_to_it() {
    let key = |kid: &str, usage: &str, [x, y, d]: [&str; 3]| {
        let public = json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": usage, "x": x, "y": y});
        let mut private = public.clone();
        private["d"] = json!(d);
        // What WebCrypto refuses to import for key agreement.
        private.as_object_mut().expect("an object").remove("use");
        (public, private.to_string())
    };
    // RFC 7515 appendix A.3, RFC 7518 appendix C.
    let (signing, signing_key) = key(
        "signing",
        "sig",
        [
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        ],
    );
    let (receiving, receiving_key) = key(
        "receiving",
        "enc",
        [
            "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
            "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
        ],
    );
    let redirect_uri = redirect_uri();
    let mut client = public("keys-npm", &redirect_uri);
    for (name, value) in [
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("jwks", json!({ "keys": [signing, receiving] })),
        ("require_signed_request_object", json!(true)),
        ("id_token_signed_response_alg", json!("PS256")),
        ("id_token_encrypted_response_alg", json!("ECDH-ES+A256KW")),
        ("id_token_encrypted_response_enc", json!("A256GCM")),
        ("userinfo_signed_response_alg", json!("EdDSA")),
        ("userinfo_encrypted_response_alg", json!("ECDH-ES")),
        ("userinfo_encrypted_response_enc", json!("A128CBC-HS256")),
    ] {
        client[name] = value;
    }
    let server = Server::with(&setup(client));
    let program = person(Program::node("clients/keys.mjs"), &server)
        .env("CLIENT_ID", "keys-npm")
        .env("REDIRECT_URI", redirect_uri)
        .env("SIGNING_KEY", signing_key)
        .env("RECEIVING_KEY", receiving_key);
    server.assert_done(program.run());
}

/// One user and one client, in the form of `authward apply`.
fn setup(client: Value) -> Value {
    json!({
        "users": [{
            "username": USERNAME,
            "email": "haneul@example.com",
            "email_verified": true,
            "password": PASSWORD,
            "claims": { "name": "Haneul Seo", "given_name": "Haneul", "family_name": "Seo", "locale": "ko-KR" },
        }],
        "clients": [client],
    })
}

fn native(client_id: &str) -> Value {
    let mut client = public(client_id, "http://127.0.0.1/callback");
    client["application_type"] = json!("native");
    client
}

/// A native app that listens at one more address, to which people come back when they have signed out: exactly that
/// one, unlike the port of a redirect URI.
fn native_with_home(client_id: &str) -> (Value, String) {
    let home = format!("http://127.0.0.1:{}/signed-out", free_port());
    let mut client = native(client_id);
    client["post_logout_redirect_uris"] = json!([home]);
    (client, home)
}

fn public(client_id: &str, redirect_uri: &str) -> Value {
    json!({
        "client_id": client_id,
        "client_name": client_id,
        "token_endpoint_auth_method": "none",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid profile email offline_access",
    })
}

fn confidential(client_id: &str, secret: &str, method: &str, redirect_uri: &str) -> Value {
    let mut client = public(client_id, redirect_uri);
    client["client_secret"] = json!(secret);
    client["token_endpoint_auth_method"] = json!(method);
    client
}

fn redirect_uri() -> String {
    format!("http://127.0.0.1:{}/callback", free_port())
}

/// What every client program is told: the issuer, who signs in, and the command that opens "the browser", its words
/// on lines of their own.
fn person(program: Program, server: &Server) -> Program {
    let browser = format!("node\n{}", tests_folder().join("clients/person.mjs").display());
    program
        .env("ISSUER", &server.issuer)
        .env("USERNAME", USERNAME)
        .env("PASSWORD", PASSWORD)
        .env("BROWSER_COMMAND", browser)
        .env("COOKIES", server.folder().join("cookies.json"))
}

fn go(server: &Server) -> Program {
    person(Program::new(prepared("AUTHWARD_TEST_GO_CLIENT")), server)
}
