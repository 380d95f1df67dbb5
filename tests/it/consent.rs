//! Consent (RFC 6749 §10.2): who is asked, about what, and what is remembered.

use crate::support::clients;
use crate::support::{Answer, PASSWORD, START, TestApp, rows};
use authward::domain::client::Client;
use authward::domain::id::ClientId;
use authward::domain::registration::{RegisteredBy, Registration};
use authward::domain::time::Timestamp;
use serde_json::json;

fn is_asked(answer: &Answer) -> bool {
    answer.status == 200 && answer.forms().iter().any(|form| form.buttons.iter().any(|(_, value)| value == "allow"))
}

/// RFC 6749 §10.2, OIDC Core §3.1.2.4
#[tokio::test]
async fn consent_names_the_client_the_account_and_the_scopes_in_words() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let page = browser.open(&app.relying_party("spa").request().address()).await;
    assert!(is_asked(&page));
    let text = page.text();
    assert!(text.contains("Single page") && text.contains("alice") && text.contains("spa.example"), "{text}");
    let scopes = page.texts("ul.scopes li");
    assert_eq!(scopes.len(), 3, "profile, email and offline access in words: {scopes:?}");
    assert!(scopes.iter().all(|words| words.contains(' ')), "{scopes:?}");
    let korean = app.signed_in("alice").await.with_header("accept-language", "ko");
    let page = korean.open(&app.relying_party("spa").request().address()).await;
    assert_ne!(page.texts("ul.scopes li"), scopes);
}

/// RFC 6749 §10.2
#[tokio::test]
async fn what_was_allowed_is_remembered_and_only_more_is_asked_for() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let ask = async |scope: &str| browser.open(&app.relying_party("spa").scope(scope).request().address()).await;
    let allow = async |page: &Answer| browser.submit(page, &[("decision", "allow")]).await.assert_status(303).clone();
    let first = ask("openid email").await;
    allow(&first).await;
    for within in ["openid email", "email", "openid"] {
        assert!(!is_asked(&ask(within).await), "{within}");
    }
    let more = ask("openid profile").await;
    assert!(is_asked(&more));
    assert_eq!(more.texts("ul.scopes li .badge").len(), 1, "the new one is marked");
    allow(&more).await;
    assert!(!is_asked(&ask("openid email profile").await), "what was allowed before still is");
    // Another client and another person are asked for themselves.
    app.add_user("bora").await;
    let other = app.signed_in("bora").await;
    assert!(is_asked(&other.open(&app.relying_party("spa").request().address()).await));
    assert!(is_asked(&browser.open(&app.relying_party("backend").request().address()).await));
}

/// RFC 6749 §4.1.2.1 `access_denied`
#[tokio::test]
async fn a_denial_is_honoured_and_nothing_is_remembered() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.signed_in("alice").await;
    for _ in 0..2 {
        let request = party.request();
        let page = browser.open(&request.address()).await;
        let answer = browser.submit(&page, &[("decision", "deny")]).await;
        assert_eq!(party.error(&answer, &request), "access_denied");
        assert_eq!(rows::count(&app, "grants") + rows::count(&app, "consents") + rows::count(&app, "interactions"), 0);
        // The same form again is finished.
        browser.submit(&page, &[("decision", "allow")]).await.assert_page(400);
    }
    // On the login page one may leave too.
    let stranger = app.browser();
    let request = party.request();
    let page = stranger.open(&request.address()).await;
    let answer = stranger.submit(&page, &[("decision", "deny")]).await;
    let answer = stranger.follow(answer).await;
    assert_eq!(party.error(&answer, &request), "access_denied");
}

#[tokio::test]
async fn a_first_party_client_is_not_asked_about() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.browser();
    let request = party.request();
    let login = browser.open(&request.address()).await;
    let answer = browser.submit(&login, &[("username", "alice"), ("password", PASSWORD)]).await;
    let answer = browser.follow(answer).await;
    party.code(&answer, &request);
}

/// RFC 6749 §10.2, RFC 8252 §8.6: a client that anybody can pose as is asked about each time.
#[tokio::test]
async fn a_native_app_is_asked_about_each_time() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("native-app");
    for redirect in ["http://127.0.0.1:5000/callback", "com.example.app:/callback"] {
        for _ in 0..2 {
            let page = browser.open(&party.request().with("redirect_uri", redirect).address()).await;
            assert!(is_asked(&page), "{redirect}");
            assert_eq!(page.texts("#unverified").len(), 1, "and the page says why");
            browser.submit(&page, &[("decision", "allow")]).await.assert_status(303);
        }
    }
    let silent = party.request().with("prompt", "none");
    assert_eq!(party.error(&browser.get(&silent.address()).await, &silent), "consent_required");
}

/// RFC 6749 §10.2: a consent page of one account is nothing to another one.
#[tokio::test]
async fn a_consent_page_does_not_speak_for_the_account_that_signed_in_since() {
    let app = TestApp::start().await;
    app.add_user("bora").await;
    let party = app.relying_party("spa");
    let browser = app.signed_in("alice").await;
    let request = party.request();
    let page = browser.open(&request.address()).await;
    browser.forget("session");
    browser.sign_in("bora", PASSWORD).await;
    let answer = browser.submit(&page, &[("decision", "allow")]).await;
    let shown = browser.follow(answer).await;
    assert!(is_asked(&shown) && shown.text().contains("bora"), "{shown:?}");
    assert_eq!(rows::count(&app, "grants"), 0);
    let answer = browser.submit(&shown, &[("decision", "allow")]).await;
    let code = party.code(&answer, &request);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    let claims = party.userinfo(&tokens.access_token).await.json();
    assert_eq!(claims["preferred_username"], "bora");
}

#[tokio::test]
async fn another_account_can_be_chosen_on_the_consent_page() {
    let app = TestApp::start().await;
    app.add_user("bora").await;
    let party = app.relying_party("spa");
    let browser = app.signed_in("alice").await;
    let request = party.request();
    let page = browser.open(&request.address()).await;
    let answer = browser.submit(&page, &[("decision", "switch")]).await;
    let login = browser.follow(answer).await;
    login.form_with("password");
    let answer = browser.submit(&login, &[("username", "bora"), ("password", PASSWORD)]).await;
    let consent = browser.follow(answer).await;
    assert!(consent.text().contains("bora") && !consent.text().contains("alice"), "{consent:?}");
    let answer = browser.submit(&consent, &[("decision", "allow")]).await;
    party.code(&answer, &request);
}

/// RFC 6749 §10.13: what a client says of itself is shown as text.
#[tokio::test]
async fn a_clients_own_words_are_escaped() {
    let mut metadata = serde_json::Map::new();
    metadata.insert("policy_uri".into(), "javascript:alert(1)".into());
    metadata.insert("tos_uri".into(), "https://spa.example/\"onclick=\"x".into());
    let client = Client {
        id: ClientId::new("spa"),
        name: Some("<script>alert(1)</script>\u{202e}\"'".to_owned()),
        metadata,
        ..clients::spa()
    };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let page = app.signed_in("alice").await.open(&app.relying_party("spa").request().address()).await;
    assert!(is_asked(&page));
    let text = page.text();
    assert!(!text.contains("<script>alert") && !text.contains("javascript:") && !text.contains("\"onclick"), "{text}");
}

/// RFC 7591 §2, RFC 7591 §2.2: its picture, its page, its policy and its terms, in the language of the page. The policy
/// lets this page alone load the picture, from nowhere else.
#[tokio::test]
async fn a_client_is_shown_with_its_picture_and_papers_in_the_persons_language() {
    let metadata = json!({
        "client_name#ko": "가게", "client_uri": "https://shop.example/", "logo_uri": "https://cdn.shop.example:8443/logo.png?v=1",
        "policy_uri": "https://shop.example/policy", "policy_uri#ko-KR": "https://shop.example/ko/policy",
        "tos_uri": "https://shop.example/tos",
    });
    let client = Client { metadata: metadata.as_object().unwrap().clone(), ..clients::spa() };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("spa");
    let page = browser.open(&party.request().address()).await;
    assert!(is_asked(&page));
    let csp = page.header("content-security-policy");
    assert!(csp.contains("img-src 'self' https://cdn.shop.example:8443;"), "{csp}");
    assert!(csp.contains("default-src 'none'"), "{csp}");
    let html = scraper::Html::parse_document(&page.text());
    let image = scraper::Selector::parse("img.logo").unwrap();
    let image = html.select(&image).next().expect("the picture");
    assert_eq!(image.attr("src"), Some("https://cdn.shop.example:8443/logo.png?v=1"));
    assert_eq!(image.attr("referrerpolicy"), Some("no-referrer"));
    let papers = scraper::Selector::parse(".papers a").unwrap();
    let shown: Vec<_> =
        html.select(&papers).map(|link| (link.attr("href").unwrap(), link.attr("rel").unwrap())).collect();
    let safe = "noopener noreferrer";
    let expected = ["https://shop.example/", "https://shop.example/policy", "https://shop.example/tos"];
    assert_eq!(shown, expected.map(|uri| (uri, safe)));

    let korean = browser.open(&party.request().with("ui_locales", "ko").address()).await;
    assert!(korean.text().contains("가게") && korean.text().contains("https://shop.example/ko/policy"), "{korean:?}");
    let login = app.browser().open(&party.request().address()).await;
    assert!(!login.header("content-security-policy").contains("cdn.shop.example"));
}

/// A picture of a client is loaded over https only, and what a client writes there, or once wrote, cannot widen the
/// policy.
#[tokio::test]
async fn a_picture_that_is_not_at_a_plain_https_address_is_not_shown() {
    for uri in [
        "http://shop.example/logo.png",
        "data:image/png;base64,AAAA",
        "https://x; script-src *",
        "https://evil.example;sandbox/l.png",
        "https://evil.example,x/l.png",
        "javascript:alert(1)",
    ] {
        let mut client = clients::spa();
        client.metadata.insert("logo_uri".to_owned(), json!(uri));
        let app = TestApp::empty().client(client).user("alice").start().await;
        let page = app.signed_in("alice").await.open(&app.relying_party("spa").request().address()).await;
        assert!(is_asked(&page) && page.texts("img.logo").is_empty(), "{uri}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("img-src 'self';") && !policy.contains("evil"), "{uri}: {policy}");
    }
}

/// Whoever registers itself may call itself anything; people are told.
#[tokio::test]
async fn an_app_that_registered_itself_is_shown_as_such() {
    for (by, is_told) in [(Some(RegisteredBy::Open), true), (Some(RegisteredBy::Token), false), (None, false)] {
        let registration =
            by.map(|by| Registration { by, issued_at: Timestamp::from_seconds(START), access_token: None });
        let client = Client { registration, ..clients::spa() };
        let app = TestApp::empty().client(client).user("alice").start().await;
        let page = app.signed_in("alice").await.open(&app.relying_party("spa").request().address()).await;
        assert_eq!(page.texts("#self-registered").len(), usize::from(is_told), "{by:?}");
    }
}

#[tokio::test]
async fn a_decision_that_is_none_decides_nothing() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let page = browser.open(&app.relying_party("spa").request().address()).await;
    for decision in ["", "ALLOW", "yes", "allow "] {
        browser.submit(&page, &[("decision", decision)]).await.assert_page(400);
    }
    assert_eq!(rows::count(&app, "grants"), 0);
    browser.submit(&page, &[("decision", "allow")]).await.assert_status(303);
}
