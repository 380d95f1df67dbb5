//! Metadata (RFC 8414, OpenID Connect Discovery): says exactly what works. And an issuer that has a path.

use crate::support::{Answer, TestApp};
use serde_json::Value;
use std::collections::BTreeSet;

const RFC_8414: &str = "/.well-known/oauth-authorization-server";
const OIDC: &str = "/.well-known/openid-configuration";

fn list(document: &Value, name: &str) -> Vec<String> {
    let values = document[name].as_array().unwrap_or_else(|| panic!("no list {name}: {document}"));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// RFC 8414 §2, RFC 8414 §3.2, RFC 8414 §3.3, RFC 9207 §3, RFC 7636 §5, OpenID Connect Discovery §3, OpenID Connect
/// Discovery §4
#[tokio::test]
async fn both_documents_say_the_same_and_the_issuer_character_for_character() {
    let app = TestApp::start().await;
    let (oauth, oidc) = (app.get(RFC_8414).await, app.get(OIDC).await);
    for answer in [&oauth, &oidc] {
        answer.assert_status(200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.header("cache-control").starts_with("public, max-age="), "{answer:?}");
        let document = answer.json();
        assert_eq!(document["issuer"], app.issuer);
        assert_eq!(list(&document, "code_challenge_methods_supported"), ["S256"]);
        assert_eq!(list(&document, "response_types_supported"), ["code"]);
        assert_eq!(list(&document, "response_modes_supported"), ["query", "fragment", "form_post"]);
        assert_eq!(
            list(&document, "grant_types_supported"),
            ["authorization_code", "refresh_token", "client_credentials"]
        );
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    }
    let (oauth, oidc) = (oauth.json(), oidc.json());
    for (name, value) in oauth.as_object().unwrap() {
        assert_eq!(&oidc[name], value, "{name}");
    }
    for required in ["userinfo_endpoint", "subject_types_supported", "id_token_signing_alg_values_supported"] {
        assert!(!oidc[required].is_null(), "{required}");
    }
    assert!(list(&oidc, "id_token_signing_alg_values_supported").contains(&"RS256".to_owned()));
}

/// RFC 8414 §2: what is listed answers, and what does not work is not listed.
#[tokio::test]
async fn every_listed_endpoint_answers_and_nothing_else_is_listed() {
    let app = TestApp::start().await;
    let document = app.get(OIDC).await.json();
    let members = document.as_object().unwrap();
    let addresses: BTreeSet<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| name.ends_with("_endpoint") || name.ends_with("_uri"))
        .collect();
    let expected = [
        "authorization_endpoint",
        "end_session_endpoint",
        "introspection_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
    ];
    assert_eq!(addresses, BTreeSet::from(expected));
    for (name, method, status) in [
        ("authorization_endpoint", "GET", 400),
        ("authorization_endpoint", "POST", 400),
        ("end_session_endpoint", "GET", 200),
        ("token_endpoint", "POST", 400),
        ("introspection_endpoint", "POST", 401),
        ("revocation_endpoint", "POST", 401),
        ("userinfo_endpoint", "GET", 401),
        ("userinfo_endpoint", "POST", 401),
        ("jwks_uri", "GET", 200),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = app.http.request(method, document[name].as_str().unwrap());
        let takes_forms = ["token_endpoint", "introspection_endpoint", "revocation_endpoint"].contains(&name);
        let request = if takes_forms { request.form(&[("x", "y")]) } else { request };
        let answer = app.send(request).await;
        assert!(answer.status == status || name == "token_endpoint" && answer.status == 401, "{name}: {answer:?}");
    }
    for unlisted in ["/par", "/device"] {
        app.post(unlisted, &[("token", "x")]).await.assert_status(404);
    }
    // It is listed while the operator lets clients register themselves: tests/it/register.rs.
    app.post("/register", &[("token", "x")]).await.assert_error(403, "access_denied");
}

/// RFC 8414 §2: each authentication method that is listed works, and each scope can be asked for.
#[tokio::test]
async fn listed_methods_scopes_and_claims_work() {
    let app = TestApp::start().await;
    let document = app.get(OIDC).await.json();
    let methods = list(&document, "token_endpoint_auth_methods_supported");
    assert_eq!(methods, ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]);
    assert_eq!(list(&document, "revocation_endpoint_auth_methods_supported"), methods);
    assert_eq!(list(&document, "introspection_endpoint_auth_methods_supported"), methods[..4]);
    for id in ["spa", "backend", "backend-post"] {
        app.relying_party(id).sign_in(&app.browser(), "alice").await;
    }
    let scopes = list(&document, "scopes_supported");
    assert!(scopes.contains(&"openid".to_owned()) && scopes.contains(&"offline_access".to_owned()));
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let claims = party.userinfo(&tokens.access_token).await.json();
    let supported = list(&document, "claims_supported");
    assert!(claims.as_object().unwrap().keys().all(|claim| supported.contains(claim)), "{claims}");
    let prompts = list(&document, "prompt_values_supported");
    for prompt in prompts {
        let request = party.request().with("prompt", &prompt);
        let answer = app.browser().get(&request.address()).await;
        let error = answer.location().filter(|to| to.contains("error="));
        assert_eq!(error.is_some(), prompt == "none", "{prompt}");
    }
}

/// RFC 7517 §5, RFC 7517 §9.3: public keys only, each with its use.
#[tokio::test]
async fn the_jwks_holds_public_keys_only() {
    let app = TestApp::start().await;
    let answer = app.get("/jwks").await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), "application/jwk-set+json");
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let mut algorithms: Vec<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    assert_eq!(algorithms, ["ES256", "EdDSA", "PS256", "RS256"]);
    for key in &keys {
        assert_eq!(key["use"], "sig");
        assert!(key["kid"].is_string() && key["kty"] != "oct", "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{private}: {key}");
        }
    }
    let again = app.http.get(app.url("/jwks")).header("if-none-match", answer.header("etag"));
    let again = app.send(again).await;
    again.assert_status(304);
    assert!(again.body.is_empty());
}

/// RFC 8414 §2, RFC 9700 §4.11: addresses come from the configuration, whatever headers say.
#[tokio::test]
async fn no_header_changes_an_address() {
    let app = TestApp::start().await;
    let document = app.get(OIDC).await.json();
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "/evil"),
    ] {
        let answer = app.send(app.http.get(app.url(OIDC)).header(name, value)).await;
        assert_eq!(answer.json(), document, "{name}");
        let request = app.relying_party("spa").request();
        let answer = app.send(app.http.get(app.url(&request.address())).header(name, value)).await;
        assert!(!answer.whole().contains("evil"), "{name}: {answer:?}");
    }
}

/// RFC 8414 §3.1, OpenID Connect Discovery §4: an issuer with a path has all its endpoints under it, and both places
/// for metadata.
#[tokio::test]
async fn an_issuer_with_a_path_works_whole() {
    let app = TestApp::usual().issuer("/tenant/a").start().await;
    assert!(app.issuer.ends_with("/tenant/a"));
    let inserted = |known: &str| format!("{}{known}/tenant/a", app.base);
    let get = async |url: String| -> Answer { app.send(app.http.get(url)).await };
    for url in [app.url(RFC_8414), app.url(OIDC), inserted(RFC_8414), inserted(OIDC)] {
        let answer = get(url).await;
        let document = answer.assert_status(200).json();
        assert_eq!(document["issuer"], app.issuer);
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert!(document[name].as_str().unwrap().starts_with(&format!("{}/", app.issuer)), "{name}");
        }
    }
    for outside in [RFC_8414, OIDC, "/token", "/authorize", "/login", "/"] {
        assert_eq!(get(format!("{}{outside}", app.base)).await.status, 404, "{outside}");
    }
    for id in ["spa", "native-app", "backend"] {
        let party = app.relying_party(id);
        let browser = app.browser();
        let tokens = party.sign_in(&browser, "alice").await;
        party.tokens(&party.refresh(tokens.refresh()).await, None).await;
        party.userinfo(&tokens.access_token).await.assert_status(200);
    }
    let browser = app.signed_in("alice").await;
    for page in ["/", "/account", "/account/password", "/logout"] {
        let answer = browser.get(page).await;
        answer.assert_status(200);
        for form in answer.forms() {
            assert!(form.action.starts_with("/tenant/a/"), "{page}: {form:?}");
        }
        let style = answer.text();
        assert!(style.contains("href=\"/tenant/a/assets/"), "{page}");
    }
    let root = get(format!("{}/health/ready", app.base)).await;
    root.assert_status(200);
}
