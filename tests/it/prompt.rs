//! `prompt` and `max_age` (OIDC Core §3.1.2.1), and what a stored session means for a request.

use crate::support::{PASSWORD, TestApp, clients, jwt};

/// OIDC Core §3.1.2.1, OIDC Core §3.1.2.6
#[tokio::test]
async fn prompt_none_shows_no_page() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let none = || party.request().with("prompt", "none");
    let stranger = app.browser();
    let request = none();
    assert_eq!(party.error(&stranger.get(&request.address()).await, &request), "login_required");
    let browser = app.signed_in("alice").await;
    let request = none();
    assert_eq!(party.error(&browser.get(&request.address()).await, &request), "consent_required");
    party.sign_in(&browser, "alice").await;
    let request = none();
    party.code(&browser.get(&request.address()).await, &request);
    let fragment = none().with("response_mode", "fragment");
    let answer = stranger.get(&fragment.address()).await;
    assert_eq!(answer.fragment()["error"], "login_required");
}

/// OIDC Core §3.1.2.1
#[tokio::test]
async fn prompt_none_by_post_works_with_the_session_too() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().with("prompt", "none");
    let answer = browser.follow(browser.post("/authorize", &request.parameters).await).await;
    party.code(&answer, &request);
    let stranger = app.browser();
    let request = party.request().with("prompt", "none");
    let answer = stranger.follow(stranger.post("/authorize", &request.parameters).await).await;
    assert_eq!(party.error(&answer, &request), "login_required");
}

/// OIDC Core §3.1.2.1, OIDC Core §2 `auth_time`
#[tokio::test]
async fn prompt_login_asks_for_the_password_again_and_auth_time_says_so() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    app.advance(500);
    let tokens = party.sign_in(&browser, "alice").await;
    let first = jwt::claims_of(tokens.id_token.as_ref().unwrap())["auth_time"].as_i64().unwrap();
    assert_eq!(first, crate::support::START);
    for prompt in ["login", "select_account", "login consent"] {
        let request = party.request().with("prompt", prompt);
        let page = browser.open(&request.address()).await;
        page.assert_page(200).form_with("password");
        // Going on without signing in leads back to the form.
        let interaction = page.form_with("password").field("interaction").to_owned();
        let again = browser.open(&format!("/authorize/continue?interaction={interaction}")).await;
        again.form_with("password");
        let answer = browser.finish(again, "alice").await;
        let code = party.code(&answer, &request);
        let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
        let claims = jwt::claims_of(tokens.id_token.as_ref().unwrap());
        assert_eq!(claims["auth_time"], app.now().seconds());
    }
}

/// OIDC Core §3.1.2.1: `prompt=login` is met by a sign-in in this very flow, not by one in another tab.
#[tokio::test]
async fn a_sign_in_elsewhere_does_not_meet_prompt_login() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().with("prompt", "login");
    let page = browser.open(&request.address()).await;
    let interaction = page.form_with("password").field("interaction").to_owned();
    let other = app.relying_party("first-party").request().with("prompt", "login");
    let answer = browser.finish(browser.get(&other.address()).await, "alice").await;
    party.code(&answer, &other);
    browser.open(&format!("/authorize/continue?interaction={interaction}")).await.form_with("password");
}

/// OIDC Core §3.1.2.1: `max_age=0` is as `prompt=login`, also within the second of the sign-in.
#[tokio::test]
async fn a_max_age_of_zero_is_met_by_no_session() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let silent = party.request().with("max_age", "0").with("prompt", "none");
    assert_eq!(party.error(&browser.get(&silent.address()).await, &silent), "login_required");
}

/// OpenID Connect Registration §2 `default_max_age`: as if the client had sent it, where it sends none.
#[tokio::test]
async fn a_registered_max_age_holds_where_none_is_sent() {
    let mut client = clients::first_party();
    client.metadata.insert("default_max_age".to_owned(), 60.into());
    let app = TestApp::usual().client(client).start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    app.advance(61);
    let silent = party.request().with("prompt", "none");
    assert_eq!(party.error(&browser.get(&silent.address()).await, &silent), "login_required");
    let own = silent.with("max_age", "3600");
    party.code(&browser.get(&own.address()).await, &own);
}

/// OIDC Core §3.1.2.1
#[tokio::test]
async fn max_age_asks_again_when_the_sign_in_is_older() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    app.advance(60);
    let fresh = party.request().with("max_age", "60");
    party.code(&browser.get(&fresh.address()).await, &fresh);
    app.advance(1);
    let old = party.request().with("max_age", "60").with("prompt", "none");
    assert_eq!(party.error(&browser.get(&old.address()).await, &old), "login_required");
    let old = party.request().with("max_age", "60");
    browser.open(&old.address()).await.form_with("password");
    let zero = party.request().with("max_age", "0");
    let page = browser.open(&zero.address()).await;
    let answer = browser.finish(page, "alice").await;
    let code = party.code(&answer, &zero);
    let tokens = party.tokens(&party.redeem(&code, &zero).await, Some(&zero)).await;
    assert_eq!(jwt::claims_of(tokens.id_token.as_ref().unwrap())["auth_time"], app.now().seconds());
}

/// OIDC Core §3.1.2.1
#[tokio::test]
async fn prompt_consent_asks_although_it_was_allowed_before() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    for client in ["spa", "first-party"] {
        let party = app.relying_party(client);
        party.sign_in(&browser, "alice").await;
        let request = party.request();
        party.code(&browser.get(&request.address()).await, &request);
        let request = party.request().with("prompt", "consent");
        let page = browser.open(&request.address()).await;
        let answer = browser.submit(&page, &[("decision", "allow")]).await;
        party.code(&answer, &request);
    }
}

/// OIDC Core §3.1.2.1 `login_hint`
#[tokio::test]
async fn a_login_hint_is_what_the_form_begins_with() {
    let app = TestApp::start().await;
    let request = app.relying_party("spa").request().with("login_hint", "alice\"<x>@example.com");
    let page = app.browser().open(&request.address()).await;
    let html = scraper::Html::parse_document(&page.text());
    let input = scraper::Selector::parse("input[name=username]").unwrap();
    assert_eq!(html.select(&input).next().unwrap().attr("value"), Some("alice\"<x>@example.com"));
}

/// OIDC Core §3.1.2.1 `ui_locales`
#[tokio::test]
async fn the_pages_of_a_flow_are_in_the_language_that_was_asked_for() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    for (asked, tag) in [("ko", "ko"), ("fr ko-KR en", "ko"), ("en", "en"), ("xx", "en")] {
        let browser = app.browser();
        let request = party.request().with("ui_locales", asked);
        let page = browser.open(&request.address()).await;
        assert!(page.text().contains(&format!("<html lang=\"{tag}\"")), "{asked}: {page:?}");
        let answer = browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
        let consent = browser.follow(answer).await;
        assert!(consent.text().contains(&format!("<html lang=\"{tag}\"")), "{asked}: {consent:?}");
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_too_long_or_too_old() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let ask = async |browser: &crate::support::Browser| {
        let request = party.request().with("prompt", "none");
        browser.get(&request.address()).await.query().contains_key("code")
    };
    let idle = app.signed_in("alice").await;
    let used = app.signed_in("alice").await;
    for _ in 0..3 {
        app.advance(8 * 3600 - 60);
        assert!(ask(&used).await, "every use keeps it");
    }
    assert!(!ask(&idle).await, "eight hours without use");
    for _ in 0..90 {
        app.advance(8 * 3600 - 60);
        ask(&used).await;
    }
    assert!(!ask(&used).await, "thirty days in any case");
}
