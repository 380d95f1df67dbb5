//! Schemathesis (PyPI) against the served OpenAPI document: it makes requests of all kinds, good and bad, from the
//! document alone, and finds no server error and no answer that is not described: status, media type, headers, body.
//!
//! Seeded and bounded, so that a failure comes again.

mod support;

use serde_json::{Value, json};
use support::programs::{Program, prepared};
use support::server::Server;

const SECRET: &str = "a-secret-of-the-operators-program-41";
/// What may take away the access of the run itself, since identifiers are taken from answers too: these come last.
const END_ACCESS: [&str; 4] = ["retireKey", "disableClient", "renewClientSecret", "replaceClient"];
/// What every run looks at.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance";

/// RFC 9457
#[tokio::test]
async fn the_admin_api_answers_as_its_document_says() {
    let server = server();
    let token = token(&server).await;
    let authorization = format!("Authorization: Bearer {token}");
    let harmless = END_ACCESS.iter().flat_map(|operation| ["--exclude-operation-id", operation]);
    let of_the_api = ["--include-path-regex", "^/api/", "--header", &authorization];
    server.assert_done(schemathesis(&server).args(of_the_api).args(harmless).run());
    // The run was one of an administrator to its end.
    let answer =
        client().get(format!("{}/api/keys", server.issuer)).bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let others = END_ACCESS.iter().flat_map(|operation| ["--include-operation-id", operation]);
    server.assert_done(schemathesis(&server).args(["--header", &authorization]).args(others).run());
}

#[test]
fn the_admin_api_refuses_strangers_as_its_document_says() {
    let server = server();
    server.assert_done(schemathesis(&server).args(["--include-path-regex", "^/api/"]).run());
}

/// RFC 6749 §5.2
#[test]
fn the_endpoints_of_the_protocol_answer_as_the_document_says() {
    let server = server();
    let of_the_protocol = ["--exclude-path-regex", "^/api/"];
    server.assert_done(schemathesis(&server).args(of_the_protocol).run());
    server
        .assert_done(schemathesis(&server).args(of_the_protocol).args(["--auth", &format!("operator:{SECRET}")]).run());
}

fn server() -> Server {
    Server::with(&json!({
        "users": [{ "username": "haneul", "email": "haneul@example.com", "password": "a tram stop under seven maples" }],
        "clients": [{
            "client_id": "operator",
            "client_secret": SECRET,
            "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": ["client_credentials"],
            "response_types": [],
            "scope": "admin:read admin:write",
        }],
    }))
}

fn schemathesis(server: &Server) -> Program {
    Program::new(prepared("AUTHWARD_TEST_SCHEMATHESIS"))
        .arg("run")
        .arg(format!("{}/api/openapi.json", server.issuer))
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "20", "--seed", "1"])
        .args(["--no-color", "--warnings", "off", "--suppress-health-check", "all", "--continue-on-failure"])
        .args(["--request-timeout", "30", "--generation-database", "none"])
        .folder(support::programs::target_folder("schemathesis"))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("an HTTP client")
}

/// A token of the operator's program for the admin API.
async fn token(server: &Server) -> String {
    let resource = format!("{}/api", server.issuer);
    let form = [("grant_type", "client_credentials"), ("scope", "admin:read admin:write"), ("resource", &resource)];
    let request = client().post(format!("{}/token", server.issuer)).basic_auth("operator", Some(SECRET)).form(&form);
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}
