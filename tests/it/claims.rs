//! What a client is told of a person, and about whom: `claims`, `acr`, `id_token_hint`, pairwise subjects (OIDC Core
//! §5.5, §3.1.2.1, §8).

use crate::support::{AuthRequest, Browser, RelyingParty, TestApp, Tokens, clients, jwt};
use authward::domain::client::{ApplicationType, Client};
use authward::domain::id::ClientId;
use authward::domain::redirect_uri::RedirectUri;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

async fn redeemed(party: &RelyingParty<'_>, browser: &Browser, request: &AuthRequest) -> Tokens {
    let answer = party.authorize(browser, request, "alice").await;
    let code = party.code(&answer, request);
    party.tokens(&party.redeem(&code, request).await, Some(request)).await
}

fn id_claims(tokens: &Tokens) -> Map<String, Value> {
    jwt::claims_of(tokens.id_token.as_deref().expect("an ID token"))
}

/// OIDC Core §5.5: single claims come where they were asked for, and nowhere else.
#[tokio::test]
async fn single_claims_come_from_userinfo_and_in_the_id_token_as_asked() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party").scope("openid");
    let claims = json!({
        "userinfo": { "name": { "essential": true }, "nickname": null },
        "id_token": { "email": null, "locale": { "values": ["xx"] } },
    });
    let request = party.request().with("claims", &claims.to_string());
    let tokens = redeemed(&party, &app.browser(), &request).await;
    let id = id_claims(&tokens);
    assert_eq!(id["email"], "alice@example.com");
    assert!(!id.contains_key("name") && !id.contains_key("locale"), "{id:?}");
    let told = party.userinfo(&tokens.access_token).await.json();
    let mut names: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["name", "sub"], "alice has no nickname");
    assert_eq!(told["sub"], id["sub"]);
    // A refreshed grant tells the same.
    let request = party.request().with("scope", "openid offline_access").with("claims", &claims.to_string());
    let tokens = redeemed(&party, &app.signed_in("alice").await, &request).await;
    let refreshed = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_eq!(id_claims(&refreshed)["email"], "alice@example.com");
}

/// OIDC Core §5.5, §3.1.2.4: a person is asked about single claims as about the scope that covers them.
#[tokio::test]
async fn consent_is_asked_for_single_claims_too() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa").scope("openid");
    let browser = app.signed_in("alice").await;
    redeemed(&party, &browser, &party.request()).await;
    let request = party.request().with("claims", r#"{"userinfo": {"email": null}}"#);
    let page = browser.open(&request.address()).await;
    page.assert_page(200).form_with("decision");
    let code = party.code(&browser.finish(page, "alice").await, &request);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    assert_eq!(party.userinfo(&tokens.access_token).await.json()["email"], "alice@example.com");
    assert_eq!(tokens.scope, "openid", "claims are no scope");
}

/// OIDC Core §5.5
#[tokio::test]
async fn a_claim_of_a_scope_that_the_client_may_not_have_is_left_out() {
    let client = Client {
        scopes: authward::domain::scope::ScopeSet::parse("openid").unwrap(),
        id: ClientId::new("narrow"),
        ..clients::first_party()
    };
    let app = TestApp::usual().client(client).start().await;
    let party = app.relying_party("narrow").scope("openid");
    let request =
        party.request().with("claims", r#"{"userinfo": {"email": {"essential": true}}, "id_token": {"name": null}}"#);
    let tokens = redeemed(&party, &app.browser(), &request).await;
    assert!(!id_claims(&tokens).contains_key("name"));
    assert_eq!(party.userinfo(&tokens.access_token).await.json().as_object().unwrap().len(), 1, "sub alone");
}

/// OIDC Core §5.5
#[tokio::test]
async fn a_malformed_claims_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.browser();
    let too_long = format!(r#"{{"userinfo": {{"{}": null}}}}"#, "x".repeat(9000));
    for bad in ["x", "[]", r#"{"userinfo": 1}"#, r#"{"id_token": {"name": true}}"#, &too_long] {
        let request = party.request().with("claims", bad);
        let answer = browser.get(&request.address()).await;
        assert_eq!(party.error(&answer, &request), "invalid_request", "{bad}");
    }
}

/// OIDC Core §2, §5.5.1.1
#[tokio::test]
async fn the_context_of_the_sign_in_is_told_and_one_that_is_not_there_is_refused_if_essential() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.browser();
    let supported = app.get("/.well-known/openid-configuration").await.json()["acr_values_supported"][0].clone();
    let request = party.request().with("acr_values", "urn:example:gold urn:example:silver");
    let id = id_claims(&redeemed(&party, &browser, &request).await);
    assert_eq!((&id["acr"], &id["amr"]), (&supported, &json!(["pwd"])), "acr_values are voluntary");
    let essential =
        |values: Value| json!({ "id_token": { "acr": { "essential": true, "values": values } } }).to_string();
    let request = party.request().with("claims", &essential(json!(["urn:example:gold", supported])));
    assert_eq!(id_claims(&redeemed(&party, &browser, &request).await)["acr"], supported);
    let request = party.request().with("claims", &essential(json!(["urn:example:gold"])));
    let answer = browser.get(&request.address()).await;
    assert_eq!(party.error(&answer, &request), "unmet_authentication_requirements");
}

/// OIDC Core §3.1.2.1 `id_token_hint`
#[tokio::test]
async fn a_hint_at_somebody_else_is_not_answered_with_who_is_signed_in() {
    let app = TestApp::usual().user("bob").start().await;
    let party = app.relying_party("first-party");
    let (alice, bob) = (app.signed_in("alice").await, app.signed_in("bob").await);
    let hint = redeemed(&party, &alice, &party.request()).await.id_token.unwrap();
    app.advance(7200);
    let with_hint = || party.request().with("id_token_hint", &hint);
    let silent = with_hint().with("prompt", "none");
    party.code(&alice.get(&silent.address()).await, &silent);
    let silent = with_hint().with("prompt", "none");
    assert_eq!(party.error(&bob.get(&silent.address()).await, &silent), "login_required");
    // With pages the other one may sign in instead; bob once more is not whom the client expects.
    let request = with_hint();
    let page = bob.open(&request.address()).await;
    page.assert_page(200).form_with("password");
    let answer = bob.finish(page, "bob").await;
    assert_eq!(party.error(&answer, &request), "login_required");
    let request = with_hint();
    let page = bob.open(&request.address()).await;
    party.code(&bob.finish(page, "alice").await, &request);
}

/// OIDC Core §3.1.2.1 `id_token_hint`
#[tokio::test]
async fn a_hint_that_is_no_id_token_of_this_client_is_refused() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let tokens = redeemed(&party, &browser, &party.request()).await;
    let others = app.relying_party("spa").sign_in(&browser, "alice").await.id_token.unwrap();
    let id_token = tokens.id_token.unwrap();
    let (signed, signature) = id_token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    for bad in ["x", "a.b.c", &tokens.access_token, &others, &forged] {
        let request = party.request().with("id_token_hint", bad).with("prompt", "none");
        let answer = browser.get(&request.address()).await;
        assert_eq!(party.error(&answer, &request), "invalid_request", "{bad}");
    }
}

/// OIDC Core §5.5.1: `sub` with a value is a hint too.
#[tokio::test]
async fn a_subject_in_claims_counts_as_a_hint() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let user = app.find_user("alice").await.unwrap();
    let with = |sub: &str| {
        let claims = json!({ "id_token": { "sub": { "value": sub } } }).to_string();
        party.request().with("claims", &claims).with("prompt", "none")
    };
    let request = with(user.id.as_str());
    party.code(&browser.get(&request.address()).await, &request);
    let request = with("248289761001");
    assert_eq!(party.error(&browser.get(&request.address()).await, &request), "login_required");
}

/// A client with pairwise subjects and these redirect URIs.
fn pairwise(id: &str, redirect_uris: &[&str]) -> Client {
    let kind = ApplicationType::Native;
    let uris = redirect_uris.iter().map(|uri| RedirectUri::register(uri, kind).unwrap()).collect();
    let mut client = Client { redirect_uris: uris, application_type: kind, ..clients::first_party() };
    client.id = ClientId::new(id);
    client.metadata.insert("subject_type".to_owned(), json!("pairwise"));
    client
}

/// The claims that this client is told of alice at this redirect URI.
async fn told_at(app: &TestApp, browser: &Browser, (id, uri): (&str, &str)) -> Map<String, Value> {
    let party = RelyingParty { redirect_uri: uri.to_owned(), ..app.relying_party(id) };
    id_claims(&redeemed(&party, browser, &party.request()).await)
}

/// OIDC Core §8.1
#[tokio::test]
async fn pairwise_subjects_differ_by_sector_and_never_change() {
    let app = TestApp::usual()
        .client(pairwise("one", &["https://one.example/callback"]))
        .client(pairwise("one-too", &["https://one.example/other"]))
        .client(pairwise("two", &["https://two.example/callback"]))
        .start()
        .await;
    let browser = app.signed_in("alice").await;
    let mut subjects = Vec::new();
    for (id, uri) in [
        ("one", "https://one.example/callback"),
        ("one-too", "https://one.example/other"),
        ("two", "https://two.example/callback"),
        ("one", "https://one.example/callback"),
    ] {
        let party = RelyingParty { redirect_uri: uri.to_owned(), ..app.relying_party(id) };
        let tokens = redeemed(&party, &browser, &party.request()).await;
        let sub = id_claims(&tokens)["sub"].as_str().unwrap().to_owned();
        assert_eq!(party.userinfo(&tokens.access_token).await.json()["sub"], sub.as_str());
        // The hint of such a client names its own subject.
        let silent = party.request().with("id_token_hint", tokens.id_token.as_deref().unwrap()).with("prompt", "none");
        party.code(&browser.get(&silent.address()).await, &silent);
        subjects.push(sub);
    }
    let user = app.find_user("alice").await.unwrap();
    assert_eq!(subjects[0], subjects[1]);
    assert_eq!(subjects[0], subjects[3]);
    assert_ne!(subjects[0], subjects[2]);
    assert!(!subjects.iter().any(|sub| sub == user.id.as_str()));
}

/// OIDC Core §8.1, RFC 8252 §8.6: an app on a device is told the subjects of nobody else, whatever host it names
/// besides; so is one that was stored before that was refused.
#[tokio::test]
async fn a_pairwise_app_on_a_device_is_a_sector_of_its_own() {
    let (real, loopback, private) = ("https://pw.example.com/cb", "http://127.0.0.1/cb", "com.evil.app:/cb");
    let behind = "com.evil.app://pw.example.com/cb";
    let clients = [
        ("real", vec![real]),
        ("joined", vec![real, private]),
        ("joined-loopback", vec![loopback, real]),
        ("app", vec![loopback]),
        ("other-app", vec![loopback, "http://[::1]/cb", "com.other.app:/cb"]),
        ("private", vec![private]),
        ("behind", vec![behind]),
        // Called as if it were a host.
        ("pw.example.com", vec![loopback]),
    ];
    let app = clients.iter().fold(TestApp::usual(), |app, (id, uris)| app.client(pairwise(id, uris))).start().await;
    let mut subjects = BTreeMap::new();
    for (id, uris) in &clients {
        let sub = told_at(&app, &app.signed_in("alice").await, (id, uris[uris.len() - 1])).await["sub"].clone();
        if let Some(other) = subjects.insert(sub.to_string(), id) {
            panic!("{id} and {other} are told the same subject");
        }
    }
    let again = told_at(&app, &app.signed_in("alice").await, ("app", "http://127.0.0.1:49152/cb")).await;
    assert_eq!(subjects.get(&again["sub"].to_string()), Some(&&"app"));
}

/// OIDC Core §8.1, OpenID Connect Front-Channel Logout §3: clients of a session cannot find each other by its `sid`.
#[tokio::test]
async fn clients_with_pairwise_subjects_are_told_a_session_by_sector() {
    let (one, other, two) = ("https://one.example/cb", "https://one.example/other", "https://two.example/cb");
    let app = TestApp::usual()
        .client(pairwise("one", &[one]))
        .client(pairwise("one-too", &[other]))
        .client(pairwise("two", &[two]))
        .start()
        .await;
    let browser = app.signed_in("alice").await;
    let own = told_at(&app, &browser, ("first-party", "https://own.example/callback")).await["sid"].clone();
    let mut sids = Vec::new();
    for told in [("one", one), ("one-too", other), ("two", two), ("one", one)] {
        sids.push(told_at(&app, &browser, told).await["sid"].clone());
    }
    assert!(sids[0] == sids[1] && sids[0] == sids[3] && sids[0] != sids[2], "{sids:?}");
    assert!(!sids.contains(&own));
    let elsewhere = told_at(&app, &app.signed_in("alice").await, ("one", one)).await;
    assert_ne!(elsewhere["sid"], sids[0], "another session");
    // What is refreshed tells the same.
    let party = RelyingParty { redirect_uri: two.to_owned(), ..app.relying_party("two") };
    let tokens = redeemed(&party, &browser, &party.request()).await;
    let refreshed = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_eq!(id_claims(&refreshed)["sid"], sids[2]);
}
