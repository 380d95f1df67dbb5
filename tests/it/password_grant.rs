//! `grant_type=password` (RFC 6749 §4.3), which nobody should use: only under a dated exception (RFC 9700 §2.4), and then no
//! weaker than the login page.

use crate::support::clients::{self, SCOPE};
use crate::support::relying_party::RelyingParty;
use crate::support::{Answer, PASSWORD, START, TestApp, jwt, rows};
use authward::domain::client::{Client, GrantType};
use authward::domain::exception::Allowance;
use authward::domain::id::ClientId;
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::scope::ScopeSet;
use serde_json::json;

const DAY: i64 = 86_400;
const ORDERS: &str = "https://orders.example";

/// A backend that may use the grant until a day after the start.
fn legacy() -> Client {
    Client {
        id: ClientId::new("legacy"),
        grant_types: vec![GrantType::Password, GrantType::RefreshToken],
        exceptions: clients::excepted("legacy", Allowance::PasswordGrant, START + DAY).exceptions,
        ..clients::backend_basic()
    }
}

async fn start() -> TestApp {
    TestApp::usual().client(legacy()).start().await
}

fn party(app: &TestApp) -> RelyingParty<'_> {
    let mut party = app.relying_party("backend");
    party.client_id = "legacy".to_owned();
    party
}

async fn ask(party: &RelyingParty<'_>, username: &str, password: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [&[("grant_type", "password"), ("username", username), ("password", password)], more].concat();
    party.token(&fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()).await
}

/// RFC 6749 §4.3.3, RFC 6749 §5.1, RFC 9068 §2.2
#[tokio::test]
async fn an_excepted_client_gets_tokens_that_hang_on_a_grant() {
    let app = start().await;
    let party = party(&app);
    let answer = ask(&party, "alice", PASSWORD, &[("scope", SCOPE)]).await;
    let tokens = party.tokens(&answer, None).await;
    assert_eq!(tokens.scope, SCOPE);
    let alice = app.find_user("alice").await.unwrap();
    let access = jwt::verify(&app, &tokens.access_token).await;
    assert_eq!((access.text("sub"), access.number("auth_time")), (alice.id.as_str(), START));
    let id_token = jwt::verify(&app, tokens.id_token.as_deref().unwrap()).await;
    assert!(!id_token.claims.contains_key("sid"), "there is no session: {id_token:?}");
    assert_eq!((rows::count(&app, "grants"), rows::count(&app, "sessions")), (1, 0));
    assert_eq!(party.userinfo(&tokens.access_token).await.json()["email"], "alice@example.com");
    let refreshed = party.refresh(tokens.refresh()).await;
    party.tokens(&refreshed, None).await;
    // Whatever ends grants ends these too.
    let now = app.now();
    app.write(move |db| authward::store::grants::revoke_of_user(db, &alice.id, None, now)).await;
    party.userinfo(&tokens.access_token).await.assert_status(401);
    party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §3.3, RFC 6749 §4.3.2, RFC 8707 §2
#[tokio::test]
async fn scopes_and_resources_are_those_of_any_other_grant() {
    let client = Client { scopes: ScopeSet::parse("openid profile orders:read").unwrap(), ..legacy() };
    let resource = Resource {
        identifier: ORDERS.to_owned(),
        scopes: vec!["orders:read".to_owned()],
        access_token_type: AccessTokenType::AtJwt,
        served_by: Vec::new(),
    };
    let app = TestApp::usual().client(client).resource(resource).start().await;
    let party = party(&app);
    let answer = ask(&party, "alice", PASSWORD, &[]).await;
    assert_eq!(answer.assert_status(200).json()["scope"], "profile orders:read", "no ID token nobody asked for");
    let answer = ask(&party, "alice", PASSWORD, &[("resource", ORDERS), ("scope", "orders:read")]).await;
    let access = jwt::verify(&app, answer.assert_status(200).json()["access_token"].as_str().unwrap()).await;
    assert_eq!((&access.claims["aud"], access.text("scope")), (&json!(ORDERS), "orders:read"));
    ask(&party, "alice", PASSWORD, &[("scope", "email")]).await.assert_error(400, "invalid_scope");
    ask(&party, "alice", PASSWORD, &[("resource", "https://x.example")]).await.assert_error(400, "invalid_target");
}

/// RFC 9700 §2.4, RFC 6749 §5.2: registered for it, and excepted, and only until the date.
#[tokio::test]
async fn without_registration_or_a_live_exception_it_is_refused() {
    let unexcepted = Client { id: ClientId::new("unexcepted"), exceptions: Vec::new(), ..legacy() };
    let unregistered =
        Client { id: ClientId::new("unregistered"), grant_types: vec![GrantType::AuthorizationCode], ..legacy() };
    let app = TestApp::usual().client(legacy()).client(unexcepted).client(unregistered).start().await;
    for (id, rule) in [
        ("unexcepted", "AW-PASSWORD-GRANT"),
        ("unregistered", "AW-GRANT-TYPE-FORBIDDEN"),
        ("backend", "AW-GRANT-TYPE-FORBIDDEN"),
    ] {
        let mut party = party(&app);
        party.client_id = id.to_owned();
        let before = app.services.passwords.work();
        let answer = ask(&party, "alice", PASSWORD, &[]).await;
        answer.assert_error(400, "unauthorized_client");
        assert_eq!(app.rule_of(&answer).await, rule);
        assert_eq!(app.services.passwords.work(), before, "no password is looked at for {id}");
    }
    let party = party(&app);
    ask(&party, "alice", PASSWORD, &[]).await.assert_status(200);
    app.advance(DAY);
    let answer = ask(&party, "alice", PASSWORD, &[]).await;
    answer.assert_error(400, "unauthorized_client");
    assert_eq!(app.rule_of(&answer).await, "AW-PASSWORD-GRANT");
}

/// RFC 8414 §2: metadata lists what any client may count on.
#[tokio::test]
async fn metadata_does_not_list_it() {
    let app = start().await;
    let document = app.get("/.well-known/oauth-authorization-server").await.json();
    assert!(!document["grant_types_supported"].as_array().unwrap().contains(&json!("password")), "{document}");
}

/// RFC 6749 §5.2, OWASP ASVS §2.2: one answer and one price for everything that is not a right password.
#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_cannot_be_told_apart() {
    let app = start().await;
    for name in ["gone", "bare"] {
        app.add_user(name).await;
    }
    let now = app.now();
    app.change_user("gone", |user| user.disabled_at = Some(now)).await;
    app.change_user("bare", |user| user.password_hash = None).await;
    let party = party(&app);
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong password here"),
        ("nobody", "wrong password here"),
        ("nobody@example.com", "wrong password here"),
        ("not a name!", "wrong password here"),
        ("bare", "wrong password here"),
        ("gone", PASSWORD),
    ] {
        let before = app.services.passwords.work();
        let answer = ask(&party, name, password, &[]).await;
        answer.assert_error(400, "invalid_grant");
        assert_eq!(app.rule_of(&answer).await, "AW-RESOURCE-OWNER");
        answers.push((answer.text().replace(&answer.reference(), ""), app.services.passwords.work() - before));
        assert!(!answer.whole().contains(password), "{answer:?}");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(rows::count(&app, "grants"), 0);
}

/// RFC 6749 §4.3.2: "MUST protect the endpoint against brute force attacks", counted together with the login page.
#[tokio::test]
async fn guessing_is_slowed_together_with_the_login_page() {
    let app = start().await;
    let party = party(&app);
    for _ in 0..5 {
        ask(&party, "alice", "wrong password", &[]).await.assert_error(400, "invalid_grant");
    }
    let before = app.services.passwords.work();
    let held_up = ask(&party, "ALICE@example.com", PASSWORD, &[]).await;
    held_up.assert_error(429, "temporarily_unavailable");
    assert_eq!(held_up.header("retry-after"), "1");
    assert_eq!(app.rule_of(&held_up).await, "AW-THROTTLED");
    assert_eq!(app.services.passwords.work(), before, "refused before anything is computed");
    let browser = app.browser();
    let page = browser.get("/login").await;
    browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await.assert_page(429);
    app.advance(1);
    ask(&party, "alice", PASSWORD, &[]).await.assert_status(200);
    // A right password forgets the failures of this source.
    ask(&party, "alice", "wrong password", &[]).await.assert_error(400, "invalid_grant");
    ask(&party, "alice", PASSWORD, &[]).await.assert_status(200);
}

/// RFC 6749 §4.3.2, RFC 6749 §2.3.1
#[tokio::test]
async fn a_request_is_whole_and_in_the_body() {
    let app = start().await;
    let party = party(&app);
    for (username, password) in [("", PASSWORD), ("alice", "")] {
        ask(&party, username, password, &[]).await.assert_error(400, "invalid_request");
    }
    ask(&party, "alice", PASSWORD, &[("username", "bob")]).await.assert_error(400, "invalid_request");
    let mut wrong = party.clone();
    wrong.secret = "wrong".to_owned();
    ask(&wrong, "alice", PASSWORD, &[]).await.assert_error(401, "invalid_client");
    let query = format!("/token?password={}", PASSWORD.replace(' ', "+"));
    app.post(&query, &[("grant_type", "password")]).await.assert_error(400, "invalid_request");
}

/// OWASP ASVS §2.4: a hash from another system is replaced here as at the login page.
#[tokio::test]
async fn a_hash_from_elsewhere_is_replaced_here_too() {
    let app = start().await;
    let (user, now) = (app.find_user("alice").await.unwrap(), app.now());
    let stored = "$2b$04$J.71kY1.BnCrSScI6dHQzuUxPqyHzhA6xj2bl8jGUJ3aGQn2uGx06";
    app.write(move |db| authward::store::users::set_password_hash(db, &user.id, stored, now)).await;
    ask(&party(&app), "alice", PASSWORD, &[]).await.assert_status(200);
    assert!(app.find_user("alice").await.unwrap().password_hash.unwrap().starts_with("$argon2id$"));
}
