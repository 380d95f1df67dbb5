//! Opaque access tokens (RFC 6749 §1.4): random values for resources that want them, understood by introspection only.

use crate::support::clients;
use crate::support::{Answer, RelyingParty, TestApp, jwt, rows};
use authward::domain::client::{Client, GrantType};
use authward::domain::id::ClientId;
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::scope::ScopeSet;
use serde_json::{Value, json};

const VAULT: &str = "https://vault.example";
const ORDERS: &str = "https://orders.example";

/// A first-party app, a machine whose default is the vault, and an API that serves the vault.
async fn start() -> TestApp {
    let resource = |identifier: &str, access_token_type, served_by: &[&str]| Resource {
        identifier: identifier.to_owned(),
        scopes: Vec::new(),
        access_token_type,
        served_by: served_by.iter().map(|id| ClientId::new(*id)).collect(),
    };
    let machine = Client {
        id: ClientId::new("machine"),
        grant_types: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        response_types: Vec::new(),
        scopes: ScopeSet::parse("vault:read").unwrap(),
        default_resource: Some(VAULT.to_owned()),
        ..clients::backend_basic()
    };
    TestApp::empty()
        .client(clients::first_party())
        .client(clients::spa())
        .client(clients::backend_basic())
        .client(machine)
        .resource(resource(VAULT, AccessTokenType::Opaque, &["backend"]))
        .resource(resource(ORDERS, AccessTokenType::AtJwt, &[]))
        .user("alice")
        .start()
        .await
}

/// A code of `first-party` for these resources, exchanged.
async fn exchange(app: &TestApp, resources: &[&str]) -> Answer {
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = resources.iter().fold(party.request(), |request, uri| request.and("resource", uri));
    let code = party.code(&browser.get(&request.address()).await, &request);
    party.redeem(&code, &request).await
}

#[track_caller]
fn text(answer: &Answer, name: &str) -> String {
    answer.assert_status(200).assert_no_store();
    answer.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer:?}")).to_owned()
}

#[track_caller]
fn assert_opaque(token: &str) {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(token.len() == 43 && token.bytes().all(is_base64url), "{token}");
}

/// What the API that serves the vault is told.
async fn introspect(app: &TestApp, token: &str) -> Value {
    let answer = app.relying_party("backend").introspect(token).await;
    answer.assert_status(200).json()
}

fn inactive() -> Value {
    json!({ "active": false })
}

/// RFC 6749 §1.4, RFC 7662 §2.2, OIDC Core §3.1.3.6: it says nothing itself, and is stored as a hash.
#[tokio::test]
async fn a_resource_that_wants_it_gets_an_opaque_token() {
    let app = start().await;
    let answer = exchange(&app, &[VAULT]).await;
    let token = text(&answer, "access_token");
    assert_opaque(&token);
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(600)));
    let id = jwt::verify(&app, &text(&answer, "id_token")).await;
    assert_eq!(id.text("at_hash"), jwt::at_hash(&token, id.header["alg"].as_str().unwrap()));
    let mut said = introspect(&app, &token).await;
    assert!(said["jti"].take().as_str().is_some_and(|jti| !jti.is_empty() && !token.contains(jti)));
    let expected = json!({
        "active": true,
        "iss": app.issuer,
        "sub": app.find_user("alice").await.unwrap().id.as_str(),
        "aud": VAULT,
        "client_id": "first-party",
        "username": "alice",
        "scope": body["scope"],
        "token_type": "Bearer",
        "iat": app.now().seconds(),
        "exp": app.now().seconds() + 600,
        "jti": null,
        "auth_time": app.now().seconds(),
    });
    assert_eq!(said, expected);
    app.relying_party("first-party").userinfo(&token).await.assert_status(200);
    let dump = rows::dump(&app);
    assert!(!dump.windows(token.len()).any(|window| window == token.as_bytes()), "it is stored in clear");
}

/// RFC 8707 §2.2: a token for several resources is opaque when one of them wants it so.
#[tokio::test]
async fn one_resource_that_wants_it_makes_the_token_opaque() {
    let app = start().await;
    let party = app.relying_party("first-party");
    let answer = exchange(&app, &[ORDERS, VAULT]).await;
    let token = text(&answer, "access_token");
    assert_opaque(&token);
    assert_eq!(introspect(&app, &token).await["aud"], json!([ORDERS, VAULT]));
    let refresh_token = text(&answer, "refresh_token");
    let refresh = async |token: &str, resource: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("resource", resource)];
        party.ask("/token", &fields).await
    };
    let signed = refresh(&refresh_token, ORDERS).await;
    let claims = jwt::verify(&app, &text(&signed, "access_token")).await;
    assert_eq!((&claims.claims["aud"], &claims.header["typ"]), (&json!(ORDERS), &json!("at+jwt")));
    let opaque = refresh(&text(&signed, "refresh_token"), VAULT).await;
    assert_opaque(&text(&opaque, "access_token"));
    assert_eq!(introspect(&app, &text(&opaque, "access_token")).await["aud"], VAULT);
}

/// RFC 6749 §6: each refresh gives a token of its own, with the scope that was asked for.
#[tokio::test]
async fn a_refresh_gives_another_one_and_narrows_its_scope() {
    let app = start().await;
    let party = app.relying_party("first-party");
    let answer = exchange(&app, &[VAULT]).await;
    let (first, refresh_token) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    app.advance(300);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("scope", "email")];
    let answer = party.ask("/token", &fields).await;
    let second = text(&answer, "access_token");
    assert_opaque(&second);
    assert_ne!(first, second);
    assert_eq!(
        (text(&answer, "scope").as_str(), &introspect(&app, &second).await["scope"]),
        ("email", &json!("email"))
    );
    assert_eq!(party.userinfo(&second).await.status, 403);
    assert_eq!(introspect(&app, &first).await["active"], true);
    app.advance(300);
    assert_eq!(
        (introspect(&app, &first).await, &introspect(&app, &second).await["active"]),
        (inactive(), &json!(true))
    );
    party.userinfo(&first).await.assert_status(401);
    let now = app.now();
    app.write(move |db| authward::store::sweep::expired(db, now, 100)).await;
    assert_eq!(rows::count(&app, "opaque_access_tokens"), 1);
}

/// RFC 7009 §2.1, RFC 6749 §4.1.2: it ends alone, or with its grant.
#[tokio::test]
async fn it_ends_alone_or_with_its_grant() {
    let app = start().await;
    let party = app.relying_party("first-party");
    let answer = exchange(&app, &[VAULT]).await;
    let (token, refresh_token) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    app.relying_party("spa").revoke(&token).await.assert_error(400, "invalid_grant");
    assert_eq!(introspect(&app, &token).await["active"], true);
    for _ in 0..2 {
        party.revoke(&token).await.assert_status(200);
        assert_eq!(introspect(&app, &token).await, inactive());
        party.userinfo(&token).await.assert_status(401);
    }
    let second = text(&party.refresh(&refresh_token).await, "access_token");
    let third = text(&party.refresh(&refresh_token).await, "access_token");
    for token in [&second, &third] {
        assert_eq!(introspect(&app, token).await["active"], true);
    }
    party.revoke(&refresh_token).await.assert_status(200);
    for token in [&second, &third] {
        assert_eq!(introspect(&app, token).await, inactive());
        party.userinfo(token).await.assert_status(401);
    }
}

/// RFC 7662 §4: nothing is active on behalf of a disabled user.
#[tokio::test]
async fn a_disabled_user_has_none_that_is_live() {
    let app = start().await;
    let token = text(&exchange(&app, &[VAULT]).await, "access_token");
    let now = app.now();
    app.change_user("alice", |user| user.disabled_at = Some(now)).await;
    assert_eq!(introspect(&app, &token).await, inactive());
    app.relying_party("first-party").userinfo(&token).await.assert_status(401);
}

/// RFC 6749 §4.4, RFC 9068 §3: for the client itself, by its default resource.
#[tokio::test]
async fn a_client_gets_one_for_itself() {
    let app = start().await;
    let machine = RelyingParty { client_id: "machine".to_owned(), ..app.relying_party("backend") };
    let token = text(&machine.ask("/token", &[("grant_type", "client_credentials")]).await, "access_token");
    assert_opaque(&token);
    let said = introspect(&app, &token).await;
    assert_eq!(
        (&said["active"], &said["sub"], &said["client_id"], &said["scope"], &said["username"], &said["auth_time"]),
        (&json!(true), &json!("machine"), &json!("machine"), &json!("vault:read"), &Value::Null, &Value::Null)
    );
    machine.revoke(&token).await.assert_status(200);
    assert_eq!(introspect(&app, &token).await, inactive());
    assert_eq!(rows::count(&app, "opaque_access_tokens"), 0);
}

/// RFC 6749 §4.1.2, RFC 9700 §4.5: stored with the redemption or not at all, and dead with a replayed code.
#[tokio::test]
async fn it_is_stored_with_the_redemption_or_not_at_all() {
    let app = start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().and("resource", VAULT);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let mut wrong = request.clone();
    wrong.verifier = "x".repeat(43);
    party.redeem(&code, &wrong).await.assert_error(400, "invalid_grant");
    assert_eq!(rows::count(&app, "opaque_access_tokens"), 0);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let answers = futures_util::future::join_all((0..20).map(|_| party.redeem(&code, &request))).await;
    let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!((good.len(), rows::count(&app, "opaque_access_tokens")), (1, 1));
    assert_eq!(introspect(&app, &text(good[0], "access_token")).await, inactive());
}
