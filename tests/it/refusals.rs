//! Every refusal shows a reference; what it explains holds no secret. And what the database holds opens nothing.

use crate::support::clients::SECRET;
use crate::support::{Answer, AuthRequest, PASSWORD, TestApp, rows};
use authward::domain::refusal::find_rule;

const WRONG_PASSWORD: &str = "a password that was never right";
const WRONG_SECRET: &str = "d3Jvbmcgc2VjcmV0IG9mIHRoZSBiYWNrZW5k";
const WRONG_VERIFIER: &str = "wrong-verifier-wrong-verifier-wrong-verifier";

/// Refused requests of all kinds, and the secrets that were in them.
async fn refused(app: &TestApp) -> (Vec<Answer>, Vec<String>) {
    let spa = app.relying_party("spa");
    let backend = app.relying_party("backend");
    let browser = app.signed_in("alice").await;
    let tokens = spa.sign_in(&browser, "alice").await;
    let (code, request) = spa.new_code(&browser, "alice").await;
    let (burnt, other) = spa.new_code(&browser, "alice").await;
    let mut forged = backend.clone();
    forged.secret = WRONG_SECRET.to_owned();
    let next = spa.tokens(&spa.refresh(tokens.refresh()).await, None).await;
    let last = spa.tokens(&spa.refresh(next.refresh()).await, None).await;
    let wrong = AuthRequest { verifier: WRONG_VERIFIER.to_owned(), ..other.clone() };
    let short = AuthRequest { verifier: request.verifier[..42].to_owned(), ..request.clone() };
    let login = app.browser();
    let page = login.get("/login").await;
    let in_query = format!("{}?access_token={}", app.url("/userinfo"), last.access_token);
    let form = browser.get("/account/password").await;
    let answers = vec![
        app.get(&spa.request().with("redirect_uri", "https://evil.example/").address()).await,
        app.get(&spa.request().with("client_id", "nobody").address()).await,
        app.get(&spa.request().without("code_challenge").address()).await,
        app.get(&spa.request().with("prompt", "none").address()).await,
        forged.redeem(&code, &request).await,
        forged.refresh(last.refresh()).await,
        backend.redeem(&code, &request).await,
        backend.refresh(last.refresh()).await,
        spa.redeem(&code, &short).await,
        spa.redeem(&burnt, &wrong).await,
        spa.redeem(&burnt, &other).await,
        spa.refresh(&format!("{}x", last.refresh())).await,
        app.send(app.http.get(app.url("/userinfo")).bearer_auth(format!("{}x", last.access_token))).await,
        app.send(app.http.get(in_query)).await,
        app.send(app.http.post(app.url(&format!("/token?code={code}"))).form(&[("x", "y")])).await,
        login.submit(&page, &[("username", "alice"), ("password", WRONG_PASSWORD)]).await,
        login.submit(&page, &[("username", "alice"), ("password", WRONG_PASSWORD), ("csrf", "forged-token")]).await,
        browser.submit(&form, &[("current_password", WRONG_PASSWORD), ("csrf", "forged-token")]).await,
        spa.refresh(tokens.refresh()).await,
    ];
    let secrets = [
        code,
        burnt,
        request.verifier,
        other.verifier,
        WRONG_VERIFIER.to_owned(),
        WRONG_SECRET.to_owned(),
        WRONG_PASSWORD.to_owned(),
        SECRET.to_owned(),
        PASSWORD.to_owned(),
        "forged-token".to_owned(),
        browser.cookie("session").unwrap(),
    ]
    .into_iter()
    .chain([&tokens, &next, &last].iter().flat_map(|tokens| [tokens.refresh().to_owned(), tokens.access_token.clone()]))
    .collect();
    (answers, secrets)
}

#[tokio::test]
async fn every_refusal_has_a_reference_that_explains_it_without_secrets() {
    let app = TestApp::start().await;
    let (answers, secrets) = refused(&app).await;
    for answer in &answers {
        assert_ne!(answer.status, 200, "{answer:?}");
        let record = app.explain(answer).await;
        let rule = find_rule(&record.rule).expect("a rule");
        assert!(!rule.section.is_empty() && !rule.mend.is_empty());
        let explained = format!("{record:?}");
        for secret in &secrets {
            assert!(!explained.contains(secret.as_str()), "{secret} in {explained}");
            assert!(!answer.whole().contains(secret.as_str()), "{secret} in {answer:?}");
        }
        assert!(!record.endpoint.contains('?'), "{explained}");
    }
}

#[tokio::test]
async fn an_explanation_says_what_was_sent_and_what_was_expected() {
    let app = TestApp::start().await;
    let request = app.relying_party("spa").request().with("redirect_uri", "https://spa.example/Callback");
    let record = app.explain(&app.get(&request.address()).await).await;
    assert_eq!(record.rule, "AW-REDIRECT-URI-MISMATCH");
    assert_eq!(
        (record.sent.as_str(), record.expected.as_str()),
        ("https://spa.example/Callback", "https://spa.example/callback")
    );
    assert_eq!(record.client_id.as_ref().map(|id| id.as_str()), Some("spa"));
    assert_eq!(record.endpoint, "GET /authorize");
    let difference = authward::domain::refusal::first_difference(&record.sent, &record.expected).unwrap();
    assert_eq!(difference, "at character 21: 'C' was sent, 'c' was expected");
}

/// The public texts tell nothing of what is private to the developer.
#[tokio::test]
async fn a_page_for_people_shows_neither_rule_nor_registered_addresses() {
    let app = TestApp::start().await;
    let request = app.relying_party("backend").request().with("redirect_uri", "https://evil.example/");
    let page = app.get(&request.address()).await;
    assert!(!page.text().contains("AW-") && !page.text().contains("app.example"));
}

/// RFC 6749 §10.3, RFC 6749 §10.4, RFC 6749 §10.5, RFC 6749 §10.10: a stolen database opens nothing.
#[tokio::test]
async fn nothing_that_opens_anything_is_stored_in_clear() {
    let app = TestApp::start().await;
    let mut secrets = Vec::new();
    for id in ["spa", "native-app", "backend", "backend-post"] {
        let party = app.relying_party(id);
        let browser = app.browser();
        let request = party.request();
        let login = browser.open(&request.address()).await;
        let form = login.form_with("password");
        secrets.extend([form.field("csrf").to_owned(), form.field("interaction").to_owned()]);
        // A flow that stays open, so that its row is there when we look.
        let open = browser.open(&party.request().address()).await;
        secrets.push(open.form_with("password").field("interaction").to_owned());
        secrets.extend(browser.cookies().into_values());
        let answer = browser.submit(&login, &[("username", "alice"), ("password", PASSWORD)]).await;
        let consent = browser.follow(answer).await;
        let answer = browser.submit(&consent, &[("decision", "allow")]).await;
        let code = party.code(&answer, &request);
        let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
        let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
        let (unused, later) = party.new_code(&browser, "alice").await;
        for token in [&tokens, &next] {
            let mac = token.refresh().rsplit('.').next().unwrap().to_owned();
            secrets.extend([token.refresh().to_owned(), mac, token.access_token.clone()]);
            secrets.push(token.id_token.clone().unwrap());
        }
        secrets.extend([code, unused, request.verifier, later.verifier]);
        secrets.push(browser.cookie("session").unwrap());
        secrets.push(browser.cookie("device").unwrap());
    }
    let (_, more) = refused(&app).await;
    secrets.extend(more);
    app.services.refusals.flush().await.unwrap();
    let stored = rows::dump(&app);
    assert!(contains(&stored, "alice@example.com") && contains(&stored, "native-app"), "the right place was looked at");
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        assert!(!contains(&stored, secret), "{secret}");
    }
    for private in ["PRIVATE KEY", "\"d\":\"", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"] {
        assert!(!contains(&stored, private), "{private}");
    }
}

fn contains(stored: &[u8], text: &str) -> bool {
    stored.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A flood of refusals fills neither memory nor database.
#[tokio::test]
async fn a_flood_of_refusals_is_bounded() {
    let app = TestApp::start().await;
    app.services.refusals.flush().await.unwrap();
    let before = rows::count(&app, "refusals");
    let requests = (0..400).map(|_| app.get("/nothing"));
    let answers = futures_util::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 404 && answer.find_reference().is_some()));
    app.services.refusals.flush().await.unwrap();
    let stored = rows::count(&app, "refusals") - before;
    assert!((100..=400).contains(&stored), "{stored}");
}
