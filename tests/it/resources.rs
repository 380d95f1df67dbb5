//! `resource` (RFC 8707): which API a token is for.

use crate::support::clients;
use crate::support::{TestApp, jwt};
use authward::domain::client::Client;
use authward::domain::resource::{AccessTokenType, Resource};
use serde_json::json;

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example/api";

async fn start(default: Option<&str>) -> TestApp {
    let resource = |identifier: &str, access_token_type| Resource {
        identifier: identifier.to_owned(),
        scopes: Vec::new(),
        access_token_type,
        served_by: Vec::new(),
    };
    let client = Client { default_resource: default.map(str::to_owned), ..clients::first_party() };
    TestApp::empty()
        .client(client)
        .resource(resource(ORDERS, AccessTokenType::AtJwt))
        .resource(resource(STOCK, AccessTokenType::Jwt))
        .user("alice")
        .start()
        .await
}

/// The audience and the type of the access token of an answer.
async fn audience(app: &TestApp, answer: &crate::support::Answer) -> (serde_json::Value, serde_json::Value) {
    let token = answer.assert_status(200).json()["access_token"].as_str().unwrap().to_owned();
    let verified = jwt::verify(app, &token).await;
    (verified.claims["aud"].clone(), verified.header["typ"].clone())
}

/// RFC 8707 §2, RFC 8707 §2.2, RFC 9068 §3
#[tokio::test]
async fn the_audience_is_what_was_asked_for() {
    let app = start(None).await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for (asked, aud) in [
        (vec![], json!(app.issuer)),
        (vec![ORDERS], json!(ORDERS)),
        (vec![ORDERS, STOCK], json!([ORDERS, STOCK])),
        (vec![app.issuer.as_str()], json!(app.issuer)),
    ] {
        let request = asked.iter().fold(party.request(), |request, uri| request.and("resource", uri));
        let code = party.code(&browser.get(&request.address()).await, &request);
        let answer = party.redeem(&code, &request).await;
        assert_eq!(audience(&app, &answer).await, (aud.clone(), json!("at+jwt")), "{asked:?}");
        let refreshed = party.refresh(answer.json()["refresh_token"].as_str().unwrap()).await;
        assert_eq!(audience(&app, &refreshed).await.0, aud);
    }
}

/// RFC 8707 §2.2: the token request picks among what was granted, and no more.
#[tokio::test]
async fn a_token_request_may_pick_one_of_the_granted_resources() {
    let app = start(None).await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", ORDERS).and("resource", STOCK);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let mut fields = party.exchange(&code, &request);
    fields.push(("resource".into(), ORDERS.into()));
    let answer = party.token(&fields).await;
    assert_eq!(audience(&app, &answer).await.0, json!(ORDERS));
    let refresh_token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    let refresh = async |resource: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("resource", resource)];
        party.token(&fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await
    };
    refresh("https://other.example").await.assert_error(400, "invalid_target");
    assert_eq!(audience(&app, &refresh(STOCK).await).await.0, json!(STOCK));
}

/// RFC 8707 §2.2 `invalid_target`
#[tokio::test]
async fn a_resource_that_was_not_granted_is_refused_at_the_exchange() {
    let app = start(None).await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", ORDERS);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let mut fields = party.exchange(&code, &request);
    fields.push(("resource".into(), STOCK.into()));
    party.token(&fields).await.assert_error(400, "invalid_target");
}

/// RFC 9068 §3: the default of the client.
#[tokio::test]
async fn a_clients_default_resource_is_the_audience_when_none_is_asked_for() {
    let app = start(Some(STOCK)).await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let (code, request) = party.new_code(&browser, "alice").await;
    let answer = party.redeem(&code, &request).await;
    // That resource is registered for libraries that refuse `at+jwt`.
    assert_eq!(audience(&app, &answer).await, (json!(STOCK), json!("JWT")));
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    party.userinfo(&token).await.assert_status(200);
    let id_token = answer.json()["id_token"].as_str().unwrap().to_owned();
    party.userinfo(&id_token).await.assert_status(401);
}

/// RFC 8707 §2: a resource is an absolute URI without fragment, and there are not many of them.
#[tokio::test]
async fn odd_resources_are_refused() {
    let app = start(None).await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for bad in ["orders", "https://orders.example//", "https://ORDERS.example", "https://orders.example#x", "*"] {
        let request = party.request().and("resource", bad);
        assert_eq!(party.error(&browser.get(&request.address()).await, &request), "invalid_target", "{bad}");
    }
    let many = (0..9).fold(party.request(), |request, _| request.and("resource", ORDERS));
    let answer = browser.get(&many.address()).await;
    assert!(matches!(party.error(&answer, &many).as_str(), "invalid_request" | "invalid_target"));
}
