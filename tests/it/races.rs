//! Many requests at once for one code or one token. What holds here on one node is decided by the database, so it holds on
//! several; that is tested with two servers elsewhere.

use crate::support::{Answer, RelyingParty, TestApp, rows};
use std::collections::BTreeSet;

const MANY: usize = 20;

/// Sends the same token request many times at once.
async fn at_once(party: &RelyingParty<'_>, fields: &[(String, String)]) -> Vec<Answer> {
    let requests = (0..MANY).map(|_| party.token(fields));
    futures_util::future::join_all(requests).await
}

/// RFC 6749 §4.1.2, RFC 9700 §4.5: once, and whoever comes second revokes what the first one gave.
#[tokio::test]
async fn twenty_exchanges_of_one_code_give_tokens_once_and_leave_nothing_live() {
    let app = TestApp::start().await;
    for id in ["spa", "backend"] {
        let party = app.relying_party(id);
        let (code, request) = party.new_code(&app.browser(), "alice").await;
        let answers = at_once(&party, &party.exchange(&code, &request)).await;
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(good.len(), 1);
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.assert_error(400, "invalid_grant");
        }
        let json = good[0].json();
        party.userinfo(json["access_token"].as_str().unwrap()).await.assert_status(401);
        party.refresh(json["refresh_token"].as_str().unwrap()).await.assert_error(400, "invalid_grant");
    }
    assert_eq!(rows::count(&app, "refresh_token_families"), 2);
}

/// RFC 9700 §4.14.2: one live branch, and nobody is logged out.
#[tokio::test]
async fn twenty_refreshes_of_one_token_give_one_successor() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let mut token = party.sign_in(&app.browser(), "alice").await.refresh().to_owned();
    for _ in 0..3 {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &token)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answers = at_once(&party, &fields).await;
        let successors: BTreeSet<String> = answers
            .iter()
            .map(|answer| answer.assert_status(200).json()["refresh_token"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(successors.len(), 1);
        token = successors.into_iter().next().unwrap();
    }
    party.tokens(&party.refresh(&token).await, None).await;
}

/// RFC 9700 §4.14.2: revocation beats a concurrent refresh: once it was acknowledged nothing lives.
#[tokio::test]
async fn a_replay_among_refreshes_leaves_nothing_live() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let first = party.sign_in(&app.browser(), "alice").await;
    let second = party.tokens(&party.refresh(first.refresh()).await, None).await;
    let third = party.tokens(&party.refresh(second.refresh()).await, None).await;
    let (live, stolen) = (third.refresh().to_owned(), first.refresh().to_owned());
    let requests = (0..MANY).map(|n| party.refresh(if n == MANY / 2 { &stolen } else { &live }));
    let answers = futures_util::future::join_all(requests).await;
    answers[MANY / 2].assert_error(400, "invalid_grant");
    party.refresh(&live).await.assert_error(400, "invalid_grant");
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        let json = answer.json();
        party.refresh(json["refresh_token"].as_str().unwrap()).await.assert_error(400, "invalid_grant");
        party.userinfo(json["access_token"].as_str().unwrap()).await.assert_status(401);
    }
}

/// RFC 6749 §10.12: one consent gives one code, however often its button is pressed.
#[tokio::test]
async fn a_consent_that_is_sent_ten_times_at_once_gives_one_code() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.signed_in("alice").await;
    let request = party.request();
    let page = browser.open(&request.address()).await;
    let form = page.form_with("decision");
    let fields = form.with(&[("decision", "allow")]);
    let posts = (0..10).map(|_| browser.post(&form.action, &fields));
    let answers = futures_util::future::join_all(posts).await;
    let with_code = answers.iter().filter(|answer| answer.location().is_some_and(|to| to.contains("code="))).count();
    assert_eq!(with_code, 1);
    assert!(answers.iter().all(|answer| answer.status < 500), "{answers:?}");
    assert_eq!(rows::count(&app, "authorization_codes"), 1);
}

#[tokio::test]
async fn a_name_that_is_taken_ten_times_at_once_is_taken_once() {
    let app = TestApp::empty().start().await;
    let browsers: Vec<_> = (0..10).map(|_| app.browser()).collect();
    let sign_ups = browsers.iter().enumerate().map(|(n, browser)| async move {
        let page = browser.get("/signup").await;
        let email = format!("bora{n}@example.com");
        let password = crate::support::PASSWORD;
        let fields = [
            ("username", "bora"),
            ("email", email.as_str()),
            ("password", password),
            ("password_confirmation", password),
        ];
        browser.submit(&page, &fields).await.status
    });
    let mut statuses = futures_util::future::join_all(sign_ups).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (303, &[422; 9][..]));
    assert_eq!(rows::count(&app, "users"), 1);
}

/// A person ends a session, or takes an app's access away, in the very moment in which that session gets a code: once the
/// end was acknowledged, no code and no token that came of it is good for anything.
#[tokio::test]
async fn a_grant_given_while_its_session_or_its_consent_ends_does_not_live() {
    let app = TestApp::start().await;
    let owner = app.signed_in("alice").await;
    for round in 0..16 {
        let id = if round % 2 == 0 { "first-party" } else { "spa" };
        let party = app.relying_party(id);
        let other = app.signed_in("alice").await;
        party.sign_in(&other, "alice").await;
        let question = if round % 2 == 0 {
            owner.get("/account/sessions/end?session=others").await
        } else {
            owner.get("/account/apps/revoke?client=spa").await
        };
        let field = if round % 2 == 0 { "session" } else { "client" };
        let value = question.form_with(field).field(field).to_owned();
        let requests: Vec<_> = (0..MANY).map(|_| party.request()).collect();
        let answers = futures_util::future::join_all(requests.iter().map(|request| {
            let address = request.address();
            let other = &other;
            async move { other.get(&address).await }
        }));
        let end = [(field, value.as_str())];
        let (answers, ended) = tokio::join!(answers, owner.submit(&question, &end));
        ended.assert_status(303);
        for (answer, request) in answers.iter().zip(&requests) {
            assert!(answer.status < 500, "{answer:?}");
            if answer.location().is_some_and(|to| to.contains("code=")) {
                party.redeem(&party.code(answer, request), request).await.assert_error(400, "invalid_grant");
            }
        }
    }
}
