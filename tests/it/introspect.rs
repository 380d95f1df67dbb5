//! `/introspect` (RFC 7662): what a token means, for those whose business it is.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::basic;
use crate::support::{Answer, RelyingParty, TestApp, jwt};
use authward::domain::audit::By;
use authward::domain::client::{Client, GrantType};
use authward::domain::id::{ClientId, KeyId};
use authward::domain::resource::{AccessTokenType, Resource};
use serde_json::{Value, json};

const ORDERS: &str = "https://orders.example";

/// A confidential client that may introspect as `may_introspect` says.
fn api(id: &str, may_introspect: Option<&str>) -> Client {
    let mut client = Client { id: ClientId::new(id), ..clients::backend_basic() };
    client.metadata.extend(may_introspect.map(|reach| ("may_introspect".to_owned(), json!(reach))));
    client
}

/// The usual clients, an API for each `may_introspect`, and a resource that `serving` serves.
async fn start() -> TestApp {
    let orders = Resource {
        identifier: ORDERS.to_owned(),
        scopes: Vec::new(),
        access_token_type: AccessTokenType::AtJwt,
        served_by: vec![ClientId::new("serving"), ClientId::new("serving-own")],
    };
    let itself = Resource { identifier: "urn:example:named".to_owned(), served_by: Vec::new(), ..orders.clone() };
    TestApp::usual()
        .client(api("everything", Some("all")))
        .client(api("serving", None))
        .client(api("serving-own", Some("own")))
        .client(api("urn:example:named", Some("audience")))
        .resource(orders)
        .resource(itself)
        .start()
        .await
}

fn caller<'a>(app: &'a TestApp, id: &str) -> RelyingParty<'a> {
    RelyingParty { client_id: id.to_owned(), ..app.relying_party("backend") }
}

/// The one answer about everything that is not live or not the caller's business.
#[track_caller]
fn assert_inactive(answer: &Answer) {
    answer.assert_status(200).assert_no_store();
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text(), r#"{"active":false}"#);
}

/// An access token of `first-party` for this resource.
async fn token_for(app: &TestApp, resource: Option<&str>) -> String {
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = resource.iter().fold(party.request(), |request, uri| request.and("resource", uri));
    let code = party.code(&browser.get(&request.address()).await, &request);
    let answer = party.redeem(&code, &request).await;
    answer.assert_status(200).json()["access_token"].as_str().unwrap().to_owned()
}

/// RFC 7662 §2.2: the whole answer, with what the token itself says.
#[tokio::test]
async fn an_active_access_token_is_described_as_it_describes_itself() {
    let app = start().await;
    let token = token_for(&app, Some(ORDERS)).await;
    let claims = jwt::claims_of(&token);
    let answer = caller(&app, "serving").introspect(&token).await;
    answer.assert_status(200).assert_no_store();
    assert_eq!(answer.header("content-type"), "application/json");
    let expected = json!({
        "active": true,
        "iss": app.issuer,
        "sub": app.find_user("alice").await.unwrap().id.as_str(),
        "aud": ORDERS,
        "client_id": "first-party",
        "username": "alice",
        "scope": clients::SCOPE,
        "token_type": "Bearer",
        "iat": app.now().seconds(),
        "exp": app.now().seconds() + 600,
        "jti": claims["jti"],
        "auth_time": claims["auth_time"],
    });
    assert_eq!(answer.json(), expected);
    for claim in ["iss", "sub", "aud", "client_id", "scope", "iat", "exp"] {
        assert_eq!(expected[claim], claims[claim], "{claim}");
    }
}

/// RFC 7662 §4: own, those whose audience the caller serves or is, or all.
#[tokio::test]
async fn who_may_ask_about_which_token_is_registered() {
    let app = start().await;
    let (issuer, orders, named) = (
        token_for(&app, None).await,
        token_for(&app, Some(ORDERS)).await,
        token_for(&app, Some("urn:example:named")).await,
    );
    for (id, may) in [
        ("everything", [true, true, true]),
        ("serving", [false, true, false]),
        ("serving-own", [false, false, false]),
        ("urn:example:named", [false, false, true]),
        ("backend", [false, false, false]),
    ] {
        let api = caller(&app, id);
        for (token, may) in [&issuer, &orders, &named].into_iter().zip(may) {
            let answer = api.introspect(token).await;
            if may {
                assert_eq!(answer.json()["active"], true, "{id}: {answer:?}");
            } else {
                assert_inactive(&answer);
            }
        }
    }
    // Its own tokens, for whatever resource.
    let own = app.relying_party("backend").sign_in(&app.browser(), "alice").await;
    let answer = app.relying_party("backend").introspect(&own.access_token).await;
    assert_eq!((&answer.json()["active"], &answer.json()["client_id"]), (&json!(true), &json!("backend")));
}

/// RFC 7662 §2.2: `{"active":false}` and no more, with status 200.
#[tokio::test]
async fn what_is_not_live_is_inactive_and_nothing_more_is_said() {
    let app = start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let strangers = TestApp::start().await;
    let stranger = strangers.relying_party("spa").sign_in(&strangers.browser(), "alice").await;
    let api = caller(&app, "everything");
    let token = tokens.access_token.as_str();
    let long = "x".repeat(10_000);
    for rubbish in [
        tokens.id_token.as_deref().unwrap(),
        stranger.access_token.as_str(),
        stranger.refresh(),
        &token[..token.len() - 1],
        &format!("{token}A"),
        &token.to_uppercase(),
        "x",
        "a.b.c",
        "....",
        "a.0.0.b.c",
        "none",
        "' OR 1=1 --",
        "한국어",
        &"A".repeat(43),
        &long,
    ] {
        assert_inactive(&api.introspect(rubbish).await);
    }
    assert_eq!(api.introspect(token).await.json()["active"], true);
    app.advance(600);
    assert_inactive(&api.introspect(token).await);
}

/// RFC 7662 §2.2, RFC 7662 §4: a disabled user's tokens are dead at once, and so are those of a revoked grant.
#[tokio::test]
async fn a_disabled_user_and_a_revoked_grant_have_no_active_tokens() {
    let app = start().await;
    let api = caller(&app, "everything");
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let now = app.now();
    app.change_user("alice", |user| user.disabled_at = Some(now)).await;
    assert_inactive(&api.introspect(&tokens.access_token).await);
    app.change_user("alice", |user| user.disabled_at = None).await;
    assert_eq!(api.introspect(&tokens.access_token).await.json()["active"], true);
    // A replay of the code revokes the grant (RFC 6749 §4.1.2).
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let given = party.redeem(&code, &request).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.introspect(&given).await.json()["active"], true);
    party.redeem(&code, &request).await.assert_error(400, "invalid_grant");
    assert_inactive(&api.introspect(&given).await);
}

/// RFC 7662 §2.2, RFC 8725 §3.1: a key that was taken out of use takes its tokens with it, also those that were seen before.
#[tokio::test]
async fn a_token_of_a_key_that_was_taken_out_of_use_is_inactive() {
    let app = start().await;
    let token = token_for(&app, None).await;
    let api = caller(&app, "everything");
    for _ in 0..2 {
        assert_eq!(api.introspect(&token).await.json()["active"], true);
    }
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    app.services.keys.retire(&KeyId::new(kid), &By::command("keys retire", app.now())).await.unwrap();
    assert_inactive(&api.introspect(&token).await);
    assert_eq!(api.introspect(&token_for(&app, None).await).await.json()["active"], true);
}

/// RFC 7662 §2.1: `token_type_hint` is a hint; a wrong or unknown one changes nothing.
#[tokio::test]
async fn a_hint_changes_nothing() {
    let app = start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    for token in [tokens.access_token.as_str(), tokens.refresh(), "x"] {
        let without = party.introspect(token).await;
        for hint in ["access_token", "refresh_token", "id_token", "", "pct", "한", &"x".repeat(300)] {
            let with = party.ask("/introspect", &[("token", token), ("token_type_hint", hint)]).await;
            assert_eq!((with.status, with.text()), (200, without.text()), "{hint}");
        }
    }
}

/// RFC 7662 §2.2: a refresh token is its own client's business, and only the current one is active.
#[tokio::test]
async fn a_refresh_token_is_active_to_its_own_client_while_it_is_the_current_one() {
    let app = start().await;
    let rotated = Client { refresh_token_rotation: Some(true), ..api("rotating", Some("all")) };
    app.register(rotated).await;
    let party = caller(&app, "rotating");
    let first = party.sign_in(&app.browser(), "alice").await;
    let answer = party.introspect(first.refresh()).await.assert_status(200).json();
    let idle = app.services.settings.tokens.refresh_token_idle_lifetime.as_seconds();
    let expected = json!({
        "active": true,
        "iss": app.issuer,
        "sub": app.find_user("alice").await.unwrap().id.as_str(),
        "aud": app.issuer,
        "client_id": "rotating",
        "username": "alice",
        "scope": clients::SCOPE,
        "iat": app.now().seconds(),
        "exp": app.now().seconds() + idle,
        "auth_time": app.now().seconds(),
    });
    assert_eq!(answer, expected);
    assert_inactive(&caller(&app, "everything").introspect(first.refresh()).await);
    let second = party.tokens(&party.refresh(first.refresh()).await, None).await;
    assert_inactive(&party.introspect(first.refresh()).await);
    assert_eq!(party.introspect(second.refresh()).await.json()["active"], true);
    app.advance(idle);
    assert_inactive(&party.introspect(second.refresh()).await);
}

/// RFC 7662 §2.1, RFC 7662 §2.3: only clients that authenticate themselves may ask.
#[tokio::test]
async fn who_does_not_authenticate_itself_is_told_nothing() {
    let app = start().await;
    let token = token_for(&app, None).await;
    let mut wrong = app.relying_party("backend");
    wrong.secret = "wrong".to_owned();
    for party in [app.relying_party("spa"), app.relying_party("native-app"), wrong] {
        let answer = party.introspect(&token).await;
        answer.assert_error(401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"authward\", charset=\"UTF-8\"");
        assert_eq!(app.rule_of(&answer).await, "AW-CLIENT-AUTHENTICATION");
    }
    app.post("/introspect", &[("token", &token)]).await.assert_error(401, "invalid_client");
    let bearer = app.http.post(app.url("/introspect")).bearer_auth(&token).form(&[("token", token.as_str())]);
    app.send(bearer).await.assert_error(401, "invalid_client");
}

/// RFC 7662 §2.1, RFC 7662 §4: by POST, form-encoded, with the token in the body.
#[tokio::test]
async fn a_malformed_request_is_an_error() {
    let app = start().await;
    let party = app.relying_party("backend");
    party.ask("/introspect", &[]).await.assert_error(400, "invalid_request");
    party.ask("/introspect", &[("token", "")]).await.assert_error(400, "invalid_request");
    party.ask("/introspect", &[("token", "x"), ("token", "x")]).await.assert_error(400, "invalid_request");
    party.ask("/introspect?token=x", &[("token", "x")]).await.assert_error(400, "invalid_request");
    party.ask("/introspect", &[("token", &"x".repeat(20_000))]).await.assert_error(400, "invalid_request");
    let header = basic("backend", SECRET);
    let send = async |request: reqwest::RequestBuilder| app.send(request.header("authorization", &header)).await;
    send(app.http.post(app.url("/introspect")).json(&json!({ "token": "x" })))
        .await
        .assert_error(400, "invalid_request");
    let get = send(app.http.get(app.url("/introspect?token=x"))).await;
    get.assert_error(405, "invalid_request");
    assert_eq!(get.header("allow"), "POST");
}

/// RFC 7662 §4: a browser page has no business here, whatever its origin.
#[tokio::test]
async fn no_page_of_another_origin_may_read_the_answer() {
    let app = start().await;
    for origin in ["https://app.example", "https://evil.example"] {
        let request = caller(&app, "everything").request_to("/introspect", &[("token".to_owned(), "x".to_owned())]);
        let answer = app.send(request.header("origin", origin)).await;
        assert_inactive(&answer);
        assert!(answer.headers("access-control-allow-origin").is_empty(), "{answer:?}");
    }
}

/// RFC 6749 §4.4, RFC 9068 §2.2, RFC 7662 §2.2
#[tokio::test]
async fn a_clients_own_token_has_no_username_and_the_client_as_its_subject() {
    let app = start().await;
    let machine = Client {
        grant_types: vec![GrantType::ClientCredentials],
        redirect_uris: Vec::new(),
        response_types: Vec::new(),
        scopes: authward::domain::scope::ScopeSet::parse("orders:read").unwrap(),
        ..api("machine", None)
    };
    app.register(machine).await;
    let party = caller(&app, "machine");
    let answer = party.ask("/token", &[("grant_type", "client_credentials")]).await;
    let token = answer.assert_status(200).json()["access_token"].as_str().unwrap().to_owned();
    let said = party.introspect(&token).await.json();
    assert_eq!(said["active"], true);
    assert_eq!((&said["sub"], &said["client_id"]), (&json!("machine"), &json!("machine")));
    assert_eq!((&said["username"], &said["auth_time"]), (&Value::Null, &Value::Null));
    party.ask("/revoke", &[("token", &token)]).await.assert_status(200);
    assert_inactive(&party.introspect(&token).await);
    let other = party.ask("/token", &[("grant_type", "client_credentials")]).await.json();
    assert_eq!(party.introspect(other["access_token"].as_str().unwrap()).await.json()["active"], true);
}

/// OIDC Core §8.1, §17.3: who is known by another subject in each sector is known by no name either.
#[tokio::test]
async fn a_token_of_a_pairwise_client_tells_no_user_name() {
    let mut pairwise = Client { id: ClientId::new("paired"), ..clients::backend_basic() };
    pairwise.metadata.insert("subject_type".to_owned(), json!("pairwise"));
    pairwise.redirect_uris.truncate(1);
    let app = TestApp::usual().client(pairwise).client(api("everything", Some("all"))).start().await;
    let (paired, everything) = (caller(&app, "paired"), caller(&app, "everything"));
    let tokens = paired.sign_in(&app.browser(), "alice").await;
    let sub = jwt::claims_of(&tokens.access_token)["sub"].clone();
    for answer in [
        everything.introspect(&tokens.access_token).await,
        paired.introspect(&tokens.access_token).await,
        paired.introspect(tokens.refresh()).await,
    ] {
        let told = answer.json();
        assert_eq!((&told["active"], &told["sub"], told.get("username")), (&json!(true), &sub, None), "{told}");
    }
}
