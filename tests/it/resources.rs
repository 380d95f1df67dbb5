//! `resource` (RFC 8707): which API a token is for.

use crate::support::clients;
use crate::support::{Answer, RelyingParty, TestApp, jwt};
use authward::domain::client::Client;
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::scope::ScopeSet;
use serde_json::json;

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example/api";

/// What the client here is registered for: scopes about users, one that no resource lists, and those of the resources.
const ALL: &str = "openid offline_access own orders:read orders:write stock:read admin:read";

fn resource(identifier: &str, scopes: &[&str], access_token_type: AccessTokenType) -> Resource {
    Resource {
        identifier: identifier.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        access_token_type,
        served_by: Vec::new(),
    }
}

async fn start(default: Option<&str>) -> TestApp {
    let client = Client {
        default_resource: default.map(str::to_owned),
        scopes: ScopeSet::parse(&format!("profile email {ALL}")).unwrap(),
        ..clients::first_party()
    };
    TestApp::empty()
        .client(client)
        .resource(resource(ORDERS, &["orders:read", "orders:write"], AccessTokenType::AtJwt))
        .resource(resource(STOCK, &["stock:read"], AccessTokenType::Jwt))
        .user("alice")
        .start()
        .await
}

/// A token request with these `resource` parameters.
async fn ask(party: &RelyingParty<'_>, mut fields: Vec<(String, String)>, resources: &[&str]) -> Answer {
    fields.extend(resources.iter().map(|uri| ("resource".to_owned(), (*uri).to_owned())));
    party.token(&fields).await
}

fn refresh(token: &str) -> Vec<(String, String)> {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec()
}

/// Audience and scope of the access token of an answer, which says the same scope itself.
async fn reach(app: &TestApp, answer: &Answer) -> (serde_json::Value, String) {
    let answer = answer.assert_status(200).json();
    let token = jwt::verify(app, answer["access_token"].as_str().unwrap()).await;
    assert_eq!(answer["scope"], token.claims.get("scope").cloned().unwrap_or_default());
    (token.claims["aud"].clone(), token.text("scope").to_owned())
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

/// RFC 8707 §2.2: "the authorization server SHOULD downscope the issued token to what the respective resource is able to
/// process and needs to know".
#[tokio::test]
async fn a_token_carries_the_scopes_of_its_resources_and_those_of_none() {
    let app = start(None).await;
    let party = app.relying_party("first-party").scope("openid own orders:read stock:read");
    let browser = app.signed_in("alice").await;
    for (asked, aud, scope) in [
        (vec![], json!(app.issuer), "openid own orders:read stock:read"),
        (vec![ORDERS], json!(ORDERS), "openid own orders:read"),
        (vec![STOCK], json!(STOCK), "openid own stock:read"),
        (vec![STOCK, ORDERS], json!([STOCK, ORDERS]), "openid own orders:read stock:read"),
        (vec![app.issuer.as_str()], json!(app.issuer), "openid own"),
    ] {
        let request = asked.iter().fold(party.request(), |request, uri| request.and("resource", uri));
        let code = party.code(&browser.get(&request.address()).await, &request);
        let answer = party.redeem(&code, &request).await;
        assert_eq!(reach(&app, &answer).await, (aud, scope.to_owned()), "{asked:?}");
    }
}

/// RFC 8707 §2.2: each token for one of the granted resources; the family keeps them all.
#[tokio::test]
async fn each_refresh_may_be_for_another_of_the_granted_resources() {
    let app = start(None).await;
    let party = app.relying_party("first-party").scope("openid offline_access orders:read orders:write stock:read");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", ORDERS).and("resource", STOCK);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let answer = ask(&party, party.exchange(&code, &request), &[STOCK]).await;
    assert_eq!(reach(&app, &answer).await, (json!(STOCK), "openid offline_access stock:read".to_owned()));
    let mut token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    let both = json!([ORDERS, STOCK]);
    let whole = "openid offline_access orders:read orders:write stock:read";
    for (resources, scope, aud, expected) in [
        (vec![ORDERS], None, json!(ORDERS), "openid offline_access orders:read orders:write"),
        (vec!["https://orders.example/"], Some("orders:read"), json!(ORDERS), "orders:read"),
        (vec![STOCK], None, json!(STOCK), "openid offline_access stock:read"),
        (vec![], None, both.clone(), whole),
        (vec![STOCK, ORDERS], None, json!([STOCK, ORDERS]), whole),
    ] {
        let mut fields = refresh(&token);
        fields.extend(scope.map(|scope| ("scope".to_owned(), scope.to_owned())));
        let answer = ask(&party, fields, &resources).await;
        assert_eq!(reach(&app, &answer).await, (aud, expected.to_owned()), "{resources:?} {scope:?}");
        token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    }
    // What was not granted is refused, and the refresh token is still good.
    for bad in [app.issuer.as_str(), "https://other.example", "orders"] {
        ask(&party, refresh(&token), &[ORDERS, bad]).await.assert_error(400, "invalid_target");
    }
    ask(&party, refresh(&token), &[]).await.assert_status(200);
}

/// RFC 8707 §2.2: a request that named no resource was for the default, and may say so.
#[tokio::test]
async fn a_grant_that_names_no_resource_is_for_the_default_and_no_other() {
    for default in [None, Some(ORDERS)] {
        let app = start(default).await;
        let party = app.relying_party("first-party").scope("openid offline_access orders:read");
        let browser = app.signed_in("alice").await;
        let (code, request) = party.new_code(&browser, "alice").await;
        let own = default.unwrap_or(&app.issuer).to_owned();
        let answer = ask(&party, party.exchange(&code, &request), &[&own]).await;
        assert_eq!(reach(&app, &answer).await.0, json!(own));
        let token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
        ask(&party, refresh(&token), &[STOCK]).await.assert_error(400, "invalid_target");
        let (code, request) = party.new_code(&browser, "alice").await;
        ask(&party, party.exchange(&code, &request), &[STOCK]).await.assert_error(400, "invalid_target");
    }
}

/// RFC 8707 §2.2, RFC 6749 §3.3: nobody is asked for what no token could carry.
#[tokio::test]
async fn scopes_of_other_resources_are_left_out_and_nothing_but_those_is_refused() {
    let app = start(None).await;
    let party = app.relying_party("first-party").scope("orders:read stock:read");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", ORDERS);
    let code = party.code(&browser.get(&request.address()).await, &request);
    assert_eq!(reach(&app, &party.redeem(&code, &request).await).await, (json!(ORDERS), "orders:read".to_owned()));
    let request = party.scope("stock:read").request().and("resource", ORDERS);
    let answer = browser.get(&request.address()).await;
    assert_eq!(app.relying_party("first-party").error(&answer, &request), "invalid_scope");
    assert_eq!(app.rule_of(&answer).await, "AW-SCOPE");
}

/// RFC 6749 §3.1, RFC 8707 §2: `resource` alone may stand several times.
#[tokio::test]
async fn resource_is_the_only_parameter_that_may_be_repeated() {
    let app = start(None).await;
    let party = app.relying_party("first-party").scope("openid orders:read");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", ORDERS).and("resource", ORDERS);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let answer = ask(&party, party.exchange(&code, &request), &[ORDERS, ORDERS]).await;
    assert_eq!(reach(&app, &answer).await.0, json!(ORDERS), "named twice it counts once");
    let (code, request) = party.new_code(&browser, "alice").await;
    let mut fields = party.exchange(&code, &request);
    fields.push(("code".to_owned(), code.clone()));
    party.token(&fields).await.assert_error(400, "invalid_request");
}

/// The server's own API: its scopes are for administrators, whatever a client is registered for and a user has granted.
#[tokio::test]
async fn scopes_of_administration_are_given_to_administrators_as_long_as_they_are() {
    let app = start(None).await;
    let api = format!("{}/api", app.issuer);
    let party = app.relying_party("first-party").scope("openid offline_access admin:read");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", &api);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let answer = party.redeem(&code, &request).await;
    assert_eq!(reach(&app, &answer).await, (json!(api), "openid offline_access".to_owned()));
    app.change_user("alice", |user| user.roles = vec!["admin".to_owned()]).await;
    let answer = party.refresh(answer.json()["refresh_token"].as_str().unwrap()).await;
    assert_eq!(reach(&app, &answer).await, (json!(api), "openid offline_access admin:read".to_owned()));
    app.change_user("alice", |user| user.roles.clear()).await;
    let answer = party.refresh(answer.json()["refresh_token"].as_str().unwrap()).await;
    assert_eq!(reach(&app, &answer).await.1, "openid offline_access");
}
