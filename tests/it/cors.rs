//! Cross-origin access (Fetch §3.2): by client at `/token`, open on metadata, never on pages.

use crate::support::clients;
use crate::support::{Answer, TestApp};
use authward::domain::client::Client;
use reqwest::Method;

const OWN: &str = "https://spa.example";
const FOREIGN: &str = "https://evil.example";

async fn app() -> TestApp {
    let client = Client { allowed_origins: vec!["https://other.spa.example:8443".to_owned()], ..clients::spa() };
    TestApp::empty().client(client).client(clients::backend_basic()).user("alice").start().await
}

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = app
        .http
        .request(Method::OPTIONS, app.url(path))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,dpop");
    app.send(request).await
}

fn allowed(answer: &Answer) -> String {
    assert!(answer.headers("access-control-allow-credentials").is_empty(), "{answer:?}");
    answer.header("access-control-allow-origin")
}

/// OAuth 2.0 for Browser-Based Apps §6.3.2
#[tokio::test]
async fn the_token_endpoint_is_open_to_the_origins_of_its_client() {
    let app = app().await;
    let ask = async |origin: &str, client: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", client)];
        app.send(app.http.post(app.url("/token")).header("origin", origin).form(&form)).await
    };
    for origin in [OWN, "https://other.spa.example:8443"] {
        let refused = ask(origin, "spa").await;
        refused.assert_error(400, "invalid_grant");
        assert_eq!(allowed(&refused), origin, "error answers must be readable too");
        assert!(refused.header("access-control-expose-headers").contains("WWW-Authenticate"));
        assert_eq!(refused.headers("vary").concat(), "Origin");
    }
    for foreign in [
        FOREIGN,
        "null",
        "http://spa.example",
        "https://spa.example:443",
        "https://SPA.example",
        "https://spa.example.evil.example",
        "https://app.example",
        "",
    ] {
        let answer = ask(foreign, "spa").await;
        assert_eq!(allowed(&answer), "", "{foreign:?}");
        assert_eq!(answer.headers("vary").concat(), "Origin");
    }
}

/// Fetch §4.8
#[tokio::test]
async fn a_preflight_of_a_known_origin_is_answered_and_of_a_foreign_one_not() {
    let app = app().await;
    let known = preflight(&app, "/token", OWN).await;
    assert_eq!((known.status, allowed(&known).as_str()), (204, OWN));
    assert!(known.header("access-control-allow-methods").contains("POST"));
    for header in ["Authorization", "Content-Type", "DPoP"] {
        assert!(known.header("access-control-allow-headers").contains(header), "{known:?}");
    }
    let foreign = preflight(&app, "/token", FOREIGN).await;
    assert_eq!(allowed(&foreign), "");
}

/// RFC 8414 §3, OpenID Connect Discovery §4, RFC 6750 §5
#[tokio::test]
async fn metadata_keys_and_userinfo_are_open_without_credentials() {
    let app = app().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/jwks", "/userinfo"] {
        let answer = app.send(app.http.get(app.url(path)).header("origin", FOREIGN)).await;
        assert_eq!(allowed(&answer), "*", "{path}");
        assert_eq!(allowed(&preflight(&app, path, FOREIGN).await), "*", "{path}");
    }
}

/// OAuth 2.0 for Browser-Based Apps §6.3.2.2: never at the authorization endpoint, never on pages.
#[tokio::test]
async fn pages_and_the_authorization_endpoint_are_closed_to_every_origin() {
    let app = app().await;
    let address = app.relying_party("spa").request().address();
    for path in
        ["/", "/login", "/signup", "/logout", "/account", "/account/password", "/consent", "/health/live", &address]
    {
        for origin in [OWN, FOREIGN, "null", app.base.as_str()] {
            let answer = app.send(app.http.get(app.url(path)).header("origin", origin)).await;
            assert_eq!(allowed(&answer), "", "{path}");
            let answer = preflight(&app, path, origin).await;
            assert_eq!(allowed(&answer), "", "{path}");
            assert!(answer.status >= 400, "{path}: {answer:?}");
        }
    }
}
