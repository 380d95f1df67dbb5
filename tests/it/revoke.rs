//! `/revoke` (RFC 7009): a client gives back its tokens.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::basic;
use crate::support::{Answer, RelyingParty, TestApp, rows};
use authward::domain::audit::Actor;
use authward::domain::client::Client;
use authward::domain::id::ClientId;
use serde_json::json;

/// The usual clients, and `everything`, which may introspect all tokens.
async fn start() -> TestApp {
    let mut client = Client { id: ClientId::new("everything"), ..clients::backend_basic() };
    client.metadata.insert("may_introspect".to_owned(), json!("all"));
    TestApp::usual().client(client).start().await
}

async fn is_active(app: &TestApp, token: &str) -> bool {
    let api = RelyingParty { client_id: "everything".to_owned(), ..app.relying_party("backend") };
    let answer = api.introspect(token).await;
    answer.assert_status(200).json()["active"].as_bool().unwrap()
}

/// RFC 7009 §2.2: 200, without a body and so without a type of it.
#[track_caller]
fn assert_revoked(answer: &Answer) {
    answer.assert_status(200).assert_no_store();
    assert!(answer.body.is_empty() && answer.headers("content-type").is_empty(), "{answer:?}");
}

/// RFC 7009 §2.1, RFC 7009 §2.2: the refresh token, its family and every access token of the grant end together.
#[tokio::test]
async fn a_refresh_token_of_any_generation_ends_all_that_came_from_its_grant() {
    let app = start().await;
    for id in ["spa", "native-app", "backend", "backend-post"] {
        for presented in 0..3 {
            let party = app.relying_party(id);
            let first = party.sign_in(&app.browser(), "alice").await;
            let second = party.tokens(&party.refresh(first.refresh()).await, None).await;
            let third = party.tokens(&party.refresh(second.refresh()).await, None).await;
            let all = [first, second, third];
            assert_revoked(&party.revoke(all[presented].refresh()).await);
            for tokens in &all {
                party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
                party.userinfo(&tokens.access_token).await.assert_status(401);
                assert!(!is_active(&app, &tokens.access_token).await);
            }
            assert_revoked(&party.revoke(all[2].refresh()).await);
        }
    }
}

/// RFC 7009 §2.1: an access token ends alone, and is remembered no longer than it could have lived.
#[tokio::test]
async fn an_access_token_ends_alone() {
    let app = start().await;
    let party = app.relying_party("spa");
    let first = party.sign_in(&app.browser(), "alice").await;
    let second = party.tokens(&party.refresh(first.refresh()).await, None).await;
    for _ in 0..2 {
        assert_revoked(&party.revoke(&first.access_token).await);
        party.userinfo(&first.access_token).await.assert_status(401);
        assert!(!is_active(&app, &first.access_token).await);
    }
    party.userinfo(&second.access_token).await.assert_status(200);
    assert!(is_active(&app, &second.access_token).await);
    party.tokens(&party.refresh(second.refresh()).await, None).await;
    assert_eq!(rows::count(&app, "revoked_tokens"), 1);
    let expired = first.access_token.clone();
    app.advance(600);
    assert_revoked(&party.revoke(&expired).await);
    assert_eq!(rows::count(&app, "revoked_tokens"), 1);
    let now = app.now();
    app.write(move |db| authward::store::sweep::expired(db, now, 100)).await;
    assert_eq!(rows::count(&app, "revoked_tokens"), 0);
}

/// What was revoked is told once, and without the token.
#[tokio::test]
async fn a_revocation_is_an_event() {
    let app = start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let before = app.events().await.len();
    let (access, refresh) = (tokens.access_token.as_str(), tokens.refresh());
    for token in [access, refresh, access, refresh, "x"] {
        assert_revoked(&party.revoke(token).await);
    }
    let events = app.events().await.split_off(before);
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["token_revoked", "grant_revoked"]);
    for event in &events {
        assert_eq!(event.client_id, Some(ClientId::new("spa")));
        assert_eq!(event.by.actor, Actor::Client(ClientId::new("spa")));
    }
    let told = format!("{events:?}");
    assert!(!told.contains(access) && !told.contains(refresh));
}

/// RFC 7009 §2.2: "invalid tokens do not cause an error response", and the hint is only a hint.
#[tokio::test]
async fn what_is_no_token_is_revoked_already() {
    let app = start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let before = rows::counts(&app);
    let (access, refresh) = (tokens.access_token.as_str(), tokens.refresh());
    let changed = format!("{}A", &refresh[..refresh.len() - 1]);
    for rubbish in [
        "x",
        "a.b.c",
        "a.0.0.b.c",
        &"A".repeat(43),
        &"x".repeat(10_000),
        &access[..access.len() - 1],
        &refresh[..refresh.len() - 1],
        &format!("{refresh}A"),
        &refresh.to_uppercase(),
        if changed == refresh { "x" } else { &changed },
        "한국어",
    ] {
        for hint in ["", "access_token", "refresh_token", "pct"] {
            assert_revoked(&party.ask("/revoke", &[("token", rubbish), ("token_type_hint", hint)]).await);
        }
    }
    assert_eq!(rows::counts(&app), before);
    assert!(is_active(&app, access).await);
    for (token, wrong) in [(access, "refresh_token"), (refresh, "access_token")] {
        assert_revoked(&party.ask("/revoke", &[("token", token), ("token_type_hint", wrong)]).await);
        assert!(!is_active(&app, token).await);
    }
    party.refresh(refresh).await.assert_error(400, "invalid_grant");
}

/// RFC 7009 §2.1: "the request is refused and the client is informed of the error", and the token stays as it is.
#[tokio::test]
async fn nobody_revokes_the_token_of_another_client() {
    let app = start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    for other in ["first-party", "backend", "everything"] {
        let id = if other == "everything" { "backend" } else { other };
        let other = RelyingParty { client_id: other.to_owned(), ..app.relying_party(id) };
        for token in [tokens.access_token.as_str(), tokens.refresh()] {
            let answer = other.revoke(token).await;
            answer.assert_error(400, "invalid_grant");
            assert_eq!(app.rule_of(&answer).await, "AW-TOKEN-FOREIGN");
        }
    }
    party.userinfo(&tokens.access_token).await.assert_status(200);
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
}

/// RFC 7009 §2.2.1
#[tokio::test]
async fn an_id_token_is_no_token_to_revoke() {
    let app = start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let answer = party.revoke(tokens.id_token.as_deref().unwrap()).await;
    answer.assert_error(400, "unsupported_token_type");
    assert_eq!(app.rule_of(&answer).await, "AW-TOKEN-KIND");
}

/// RFC 7009 §2.1, RFC 6749 §2.3: by the registered method, and a public client by its `client_id`.
#[tokio::test]
async fn who_is_not_the_client_revokes_nothing() {
    let app = start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let mut wrong = party.clone();
    wrong.secret = "wrong".to_owned();
    let answer = wrong.revoke(tokens.refresh()).await;
    answer.assert_error(401, "invalid_client");
    assert_eq!(answer.header("www-authenticate"), "Basic realm=\"authward\", charset=\"UTF-8\"");
    let form = [("token", tokens.refresh()), ("client_id", "backend")];
    app.post("/revoke", &form).await.assert_error(401, "invalid_client");
    app.post("/revoke", &form[..1]).await.assert_error(401, "invalid_client");
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
}

/// RFC 7009 §2.1: by POST, form-encoded, with the token in the body.
#[tokio::test]
async fn a_malformed_request_is_an_error() {
    let app = start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let token = tokens.refresh();
    party.ask("/revoke", &[]).await.assert_error(400, "invalid_request");
    party.ask("/revoke", &[("token", token), ("token", token)]).await.assert_error(400, "invalid_request");
    party.ask(&format!("/revoke?token={token}"), &[("token", token)]).await.assert_error(400, "invalid_request");
    let header = basic("backend", SECRET);
    let json = app.http.post(app.url("/revoke")).header("authorization", header).json(&json!({ "token": token }));
    app.send(json).await.assert_error(400, "invalid_request");
    app.get("/revoke").await.assert_error(405, "invalid_request");
    party.tokens(&party.refresh(token).await, None).await;
}

/// OAuth 2.0 for Browser-Based Apps §6.3.2, RFC 7009 §2.3: a page revokes the tokens of its own client.
#[tokio::test]
async fn a_page_may_revoke_the_tokens_of_its_client() {
    let app = start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    for (origin, allowed) in [("https://evil.example", false), ("https://spa.example", true)] {
        let fields = [("token".to_owned(), tokens.refresh().to_owned())];
        let answer = app.send(party.request_to("/revoke", &fields).header("origin", origin)).await;
        assert_revoked(&answer);
        let expected = if allowed { origin } else { "" };
        assert_eq!(answer.header("access-control-allow-origin"), expected);
    }
}

/// RFC 7009 §2: a revocation that was acknowledged beats every refresh that races with it, whoever came first.
#[tokio::test]
async fn two_hundred_revocations_that_race_with_refreshes_leave_nothing_live() {
    const ROUNDS: usize = 200;
    let app = start().await;
    let browser = app.signed_in("alice").await;
    let mut refreshed = 0;
    for round in 0..ROUNDS {
        let party = app.relying_party("first-party");
        let (code, request) = party.new_code(&browser, "alice").await;
        let tokens = party.redeem(&code, &request).await.assert_status(200).json();
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let revoke = async {
            // Who comes first changes from round to round.
            for _ in 0..round % 5 {
                tokio::task::yield_now().await;
            }
            party.revoke(refresh).await
        };
        let (first, revoked, second, third) =
            tokio::join!(party.refresh(refresh), revoke, party.refresh(refresh), party.refresh(refresh));
        assert_revoked(&revoked);
        let mut given = vec![(access.to_owned(), refresh.to_owned())];
        for answer in [first, second, third] {
            if answer.status == 200 {
                refreshed += 1;
                let json = answer.json();
                let text = |name: &str| json[name].as_str().unwrap().to_owned();
                given.push((text("access_token"), text("refresh_token")));
            } else {
                answer.assert_error(400, "invalid_grant");
            }
        }
        for (access, refresh) in given {
            assert!(!is_active(&app, &access).await, "round {round}");
            party.userinfo(&access).await.assert_status(401);
            party.refresh(&refresh).await.assert_error(400, "invalid_grant");
        }
    }
    println!("{refreshed} of {} refreshes came before the revocation", 3 * ROUNDS);
}
