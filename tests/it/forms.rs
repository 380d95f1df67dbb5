//! Forms are bound to their browser, their session and their transaction (RFC 6749 §10.12).

use crate::support::{Answer, Browser, PASSWORD, TestApp, rows};

/// What is sent instead of the right token.
fn wrong_tokens(right: &str) -> Vec<Option<String>> {
    let (key, mac) = right.split_once('.').expect("key and MAC");
    vec![
        None,
        Some(String::new()),
        Some("x".to_owned()),
        Some(mac.to_owned()),
        Some(format!("{key}.")),
        Some(format!("{right}A")),
        Some(right[..right.len() - 1].to_owned()),
        Some(format!("{}.{mac}", "A".repeat(key.len()))),
        Some("0".repeat(5000)),
    ]
}

/// Posts the form of `page` that has `input` with every wrong token, and returns the answers.
async fn with_wrong_tokens(browser: &Browser, page: &Answer, input: &str, values: &[(&str, &str)]) -> Vec<Answer> {
    let form = page.form_with(input);
    let mut answers = Vec::new();
    for token in wrong_tokens(form.field("csrf")) {
        let mut fields = form.with(values);
        fields.retain(|(name, _)| name != "csrf");
        fields.extend(token.map(|token| ("csrf".to_owned(), token)));
        answers.push(browser.post(&form.action, &fields).await);
    }
    answers
}

/// RFC 6749 §10.12: login CSRF would sign a victim in to the attacker's account.
#[tokio::test]
async fn a_login_without_its_token_signs_nobody_in() {
    let app = TestApp::start().await;
    let flow = app.relying_party("spa").request().address();
    for address in ["/login", flow.as_str()] {
        let browser = app.browser();
        let page = browser.open(address).await;
        let values = [("username", "alice"), ("password", PASSWORD)];
        for answer in with_wrong_tokens(&browser, &page, "username", &values).await {
            answer.assert_page(400);
            assert_eq!(app.rule_of(&answer).await, "AW-FORM-FORGED");
            // The form is shown again and works, for the person whose cookie changed under it.
            answer.form_with("password");
        }
        assert_eq!(browser.cookie("session"), None);
        let shown_again =
            browser.post(&page.form_with("username").action, &page.form_with("username").with(&[("csrf", "x")])).await;
        browser.submit(&shown_again, &values).await.assert_status(303);
    }
}

/// RFC 6749 §10.12
#[tokio::test]
async fn a_sign_up_without_its_token_makes_no_account() {
    let app = TestApp::empty().start().await;
    let browser = app.browser();
    let page = browser.get("/signup").await;
    let values = [
        ("username", "bora"),
        ("email", "bora@example.com"),
        ("password", PASSWORD),
        ("password_confirmation", PASSWORD),
    ];
    for answer in with_wrong_tokens(&browser, &page, "username", &values).await {
        assert!((400..500).contains(&answer.status) && answer.set_cookies().iter().all(|c| !c.contains("session")));
    }
    assert_eq!(rows::count(&app, "users"), 0);
    browser.submit(&page, &values).await.assert_status(303);
}

/// RFC 6749 §10.12
#[tokio::test]
async fn a_consent_without_its_token_grants_nothing() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let request = app.relying_party("spa").request();
    let page = browser.open(&request.address()).await;
    for decision in ["allow", "deny", "switch"] {
        for answer in with_wrong_tokens(&browser, &page, "decision", &[("decision", decision)]).await {
            assert!(answer.location().is_none_or(|to| to.starts_with("/authorize/continue?")), "{answer:?}");
        }
    }
    assert_eq!(rows::count(&app, "authorization_codes"), 0);
    assert_eq!(rows::count(&app, "consents"), 0);
    let answer = browser.submit(&page, &[("decision", "allow")]).await;
    app.relying_party("spa").code(&answer, &request);
}

/// RFC 6749 §10.12
#[tokio::test]
async fn a_password_change_and_a_logout_without_their_token_do_nothing() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let before = app.find_user("alice").await.unwrap().password_hash;
    let page = browser.get("/account/password").await;
    let new = "another tram stop under eight maples";
    let values = [("current_password", PASSWORD), ("password", new), ("password_confirmation", new)];
    for answer in with_wrong_tokens(&browser, &page, "current_password", &values).await {
        answer.assert_page(400);
        assert_eq!(app.rule_of(&answer).await, "AW-FORM-FORGED");
    }
    let page = browser.get("/logout").await;
    for answer in with_wrong_tokens(&browser, &page, "csrf", &[]).await {
        // Without any token it is the wish of a client, and the page asks.
        match answer.status {
            303 => assert_eq!(answer.location().as_deref(), Some("/logout?"), "{answer:?}"),
            _ => drop(answer.assert_page(400)),
        }
    }
    assert_eq!(app.find_user("alice").await.unwrap().password_hash, before);
    browser.get("/account").await.assert_status(200);
}

/// RFC 6749 §10.12: a token of another browser, another session or another form is a wrong one.
#[tokio::test]
async fn a_token_is_good_for_its_browser_session_and_form_only() {
    let app = TestApp::start().await;
    app.add_user("mallory").await;
    let (victim, attacker) = (app.signed_in("alice").await, app.signed_in("mallory").await);
    let token = |page: &Answer, input: &str| page.form_with(input).field("csrf").to_owned();
    let foreign = token(&attacker.get("/account/password").await, "current_password");
    let logout = token(&victim.get("/logout").await, "csrf");
    let page = victim.get("/account/password").await;
    let new = "another tram stop under eight maples";
    for csrf in [&foreign, &logout] {
        let values =
            [("current_password", PASSWORD), ("password", new), ("password_confirmation", new), ("csrf", csrf)];
        victim.submit(&page, &values).await.assert_page(400);
    }
    // A login form of the attacker's browser does not sign the victim's browser in.
    let form = app.browser().get("/login").await;
    let stranger = app.browser();
    stranger.get("/login").await;
    let answer = stranger.submit(&form, &[("username", "mallory"), ("password", PASSWORD)]).await;
    answer.assert_page(400);
    // After a new sign-in in the same browser the old session's forms are dead.
    let old = victim.get("/account/password").await;
    let logout_page = victim.get("/logout").await;
    victim.submit(&logout_page, &[("csrf", &token(&logout_page, "csrf"))]).await;
    victim.sign_in("alice", PASSWORD).await;
    let values = [("current_password", PASSWORD), ("password", new), ("password_confirmation", new)];
    victim.submit(&old, &values).await.assert_page(400);
}

/// Every form that changes something is sent by POST and carries a token.
#[tokio::test]
async fn every_form_is_posted_and_has_a_token() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let flow = app.relying_party("spa").request().address();
    let login = app.browser().open(&flow).await;
    let pages = [
        browser.get("/account").await,
        browser.get("/account/password").await,
        browser.get("/account/profile").await,
        browser.get("/account/email").await,
        browser.get("/account/sessions/end?session=others").await,
        browser.get("/logout").await,
        browser.get("/signup").await,
        browser.open(&flow).await,
        login,
    ];
    for page in pages {
        assert!(!page.forms().is_empty(), "{page:?}");
        for form in page.forms() {
            assert_eq!(form.method, "post", "{form:?}");
            assert!(!form.field("csrf").is_empty(), "{form:?}");
            assert!(form.action.starts_with('/'), "{form:?}");
        }
    }
}
