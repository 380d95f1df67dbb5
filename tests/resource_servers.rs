//! Services call APIs as themselves, with unmodified libraries on both sides: tokens by `client_credentials` from the
//! ecosystem's own client, validated through JWKS or by introspection by its own resource server. Each lets in what it
//! must, and refuses a token for another audience, an expired one and one that somebody else signed.
//!
//! Spring Security and Nimbus (Maven), PyJWT, Authlib and requests-oauthlib (PyPI), go-oidc and x/oauth2 (Go), the
//! `oauth2` crate, oauth4webapi and the MCP SDK (npm), and `examples/api` with jose and openid-client (npm).

mod support;

use serde_json::{Value, json};
use support::programs::{Program, prepared, rust_client, tests_folder};
use support::server::{Server, free_port};

const USERNAME: &str = "haneul";
const PASSWORD: &str = "a tram stop under seven maples";
/// Two families of APIs, one for each form of access token: `/at-jwt`, `/jwt`, `/opaque`. The client `orders-api` serves
/// the first family.
const API: &str = "https://orders.example.com";
const OTHER: &str = "https://other.example.com";
const API_CLIENT: &str = "orders-api";
const SECRET: &str = "a-secret-without-odd-characters-41";

/// RFC 9068 §4, RFC 7662 §2.2: Spring Boot with its defaults, with `at+jwt`, with introspection; Nimbus.
#[test]
fn spring_security_and_nimbus_validate_and_introspect() {
    let server = Server::with(&setup());
    let folder = prepared("AUTHWARD_TEST_JAVA");
    let classes = format!("{0}/target/classes:{0}/lib/*", folder.display());
    let program = Program::new("java").args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &classes]);
    server.assert_done(service(program.arg("authward.ResourceServers"), &server).run());
}

/// RFC 9068 §4, RFC 7662 §2.2, RFC 7009 §2.1: PyJWT, Authlib by JWKS and by introspection; requests-oauthlib.
#[test]
fn pyjwt_and_authlib_validate_and_introspect() {
    let server = Server::with(&setup());
    let script = tests_folder().join("clients/python/resource_server.py");
    let program = Program::new(prepared("AUTHWARD_TEST_PYTHON")).arg("-B").arg(script);
    server.assert_done(service(program, &server).run());
}

/// RFC 9068 §4: go-oidc; x/oauth2 finds out by itself where the secret belongs.
#[test]
fn go_oidc_validates_the_tokens_of_x_oauth2() {
    let server = Server::with(&setup());
    let program = Program::new(prepared("AUTHWARD_TEST_GO_CLIENT")).arg("resource-server");
    server.assert_done(service(program, &server).run());
}

/// RFC 6749 §4.4, RFC 7662 §2.1, RFC 7009 §2.2: the `oauth2` crate.
#[test]
fn the_oauth2_crate_is_issued_introspects_and_revokes() {
    let server = Server::with(&setup());
    server.assert_done(service(Program::new(rust_client("service")), &server).run());
}

/// RFC 9068 §4, RFC 7662 §2.2, RFC 7009 §2.2: oauth4webapi checks every answer strictly.
#[test]
fn oauth4webapi_is_issued_validates_introspects_and_revokes() {
    let server = Server::with(&setup());
    server.assert_done(service(Program::node("clients/oauth4webapi.mjs"), &server).run());
}

/// RFC 6750 §3, §3.1, RFC 9728 §3.2, §5.1: `examples/api` for each form of access token, with jose.
#[test]
fn the_example_api_lets_in_and_refuses_as_it_must() {
    let server = Server::with(&setup());
    server.assert_done(service(Program::node("clients/api.mjs"), &server).run());
}

/// RFC 8707 §2, RFC 8414 §3: the MCP SDK finds its way from a 401 of `examples/api` to a token for it.
#[test]
fn an_mcp_client_finds_its_way_from_a_401_to_a_token() {
    let port = free_port();
    let api = format!("http://127.0.0.1:{port}");
    let mut document = setup();
    document["resources"].as_array_mut().expect("a list").push(resource(&api, "at+jwt", &[]));
    document["users"] = json!([{
        "username": USERNAME,
        "email": "haneul@example.com",
        "email_verified": true,
        "password": PASSWORD,
    }]);
    document["clients"].as_array_mut().expect("a list").push(json!({
        "client_id": "mcp",
        "client_name": "MCP client",
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid offline_access orders:read",
    }));
    let server = Server::with(&document);
    let program = Program::node("clients/mcp.mjs")
        .env("ISSUER", &server.issuer)
        .env("CLIENT_ID", "mcp")
        .env("USERNAME", USERNAME)
        .env("PASSWORD", PASSWORD)
        .env("API_PORT", port.to_string());
    server.assert_done(program.run());
}

/// Two services, the API as a client, and the APIs, in the form of `authward apply`.
fn setup() -> Value {
    let types = [("at-jwt", "at+jwt"), ("jwt", "JWT"), ("opaque", "opaque")];
    let ours = types.map(|(path, kind)| resource(&format!("{API}/{path}"), kind, &[API_CLIENT]));
    let others = types.map(|(path, kind)| resource(&format!("{OTHER}/{path}"), kind, &[]));
    let resources: Vec<Value> = ours.into_iter().chain(others).collect();
    json!({
        "resources": resources,
        "clients": [
            client("service-basic", "client_secret_basic"),
            client("service-post", "client_secret_post"),
            client(API_CLIENT, "client_secret_basic"),
        ],
    })
}

fn resource(identifier: &str, access_token_type: &str, served_by: &[&str]) -> Value {
    json!({
        "identifier": identifier,
        "scopes": ["orders:read", "orders:write"],
        "access_token_type": access_token_type,
        "served_by": served_by,
    })
}

fn client(client_id: &str, method: &str) -> Value {
    json!({
        "client_id": client_id,
        "client_secret": SECRET,
        "token_endpoint_auth_method": method,
        "grant_types": ["client_credentials"],
        "scope": "orders:read orders:write",
    })
}

/// What every program is told: the issuer, the APIs, and whom to be.
fn service(program: Program, server: &Server) -> Program {
    program
        .env("ISSUER", &server.issuer)
        .env("API", API)
        .env("OTHER", OTHER)
        .env("CLIENT_ID", "service-basic")
        .env("CLIENT_SECRET", SECRET)
        .env("POST_CLIENT_ID", "service-post")
        .env("POST_CLIENT_SECRET", SECRET)
        .env("API_CLIENT_ID", API_CLIENT)
        .env("API_CLIENT_SECRET", SECRET)
}
