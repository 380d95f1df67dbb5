//! A client that signs people out (OpenID Connect RP-Initiated Logout 1.0, OpenID Connect Front-Channel Logout 1.0).

use crate::support::{Answer, Browser, RelyingParty, TestApp, clients, rows};
use authward::domain::client::Client;
use authward::domain::id::ClientId;
use authward::domain::redirect_uri::RedirectUri;
use serde_json::json;

const BACK: &str = "https://own.example/bye";

/// First-party, with addresses to come back to.
fn leaving(id: &str) -> Client {
    let mut client = clients::first_party();
    client.id = ClientId::new(id);
    client.metadata.insert("post_logout_redirect_uris".to_owned(), json!([BACK, "https://own.example/bye?x=1"]));
    client
}

async fn started() -> TestApp {
    TestApp::usual().client(leaving("leaving")).user("bob").start().await
}

fn address(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/logout?{query}")
}

/// Presses the button of the page, with other values in its form.
async fn press(browser: &Browser, page: &Answer, changed: &[(&str, &str)]) -> Answer {
    let form = page.form_with("csrf");
    browser.post(&form.action, &form.with(changed)).await
}

async fn id_token(party: &RelyingParty<'_>, browser: &Browser, name: &str) -> String {
    party.sign_in(browser, name).await.id_token.expect("an ID token")
}

/// OpenID Connect RP-Initiated Logout §2, §3
#[tokio::test]
async fn with_an_id_token_of_who_is_signed_in_nobody_is_asked() {
    let app = started().await;
    let party = app.relying_party("leaving");
    for (uri, expected) in [
        (BACK, "https://own.example/bye?state=a+b%26c%3D%C3%A9"),
        ("https://own.example/bye?x=1", "https://own.example/bye?x=1&state=a+b%26c%3D%C3%A9"),
    ] {
        let browser = app.browser();
        let hint = id_token(&party, &browser, "alice").await;
        // The token may be as old as it likes.
        app.advance(7200);
        let wish = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", uri), ("state", "a b&c=é")];
        let answer = browser.get(&address(&wish)).await;
        answer.assert_status(303).assert_no_store();
        assert_eq!(answer.location().as_deref(), Some(expected));
        assert_eq!(browser.cookie("session"), None);
        assert_eq!(rows::count(&app, "sessions"), 0);
        let silent = party.request().with("prompt", "none");
        assert_eq!(party.error(&browser.get(&silent.address()).await, &silent), "login_required");
        // Once more, with nobody signed in.
        let again = browser.get(&address(&wish)).await;
        assert_eq!(again.location().as_deref(), Some(expected));
    }
}

/// OpenID Connect RP-Initiated Logout §2: POST as well, from the client's page, without cookies.
#[tokio::test]
async fn a_wish_may_come_as_a_post_from_another_site() {
    let app = started().await;
    let party = app.relying_party("leaving");
    let browser = app.browser();
    let hint = id_token(&party, &browser, "alice").await;
    let wish = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BACK), ("state", "s")];
    let answer = app.post("/logout", &wish).await;
    answer.assert_status(303);
    let answer = browser.get(&answer.location().unwrap()).await;
    assert_eq!(answer.location().as_deref(), Some("https://own.example/bye?state=s"));
}

/// OpenID Connect RP-Initiated Logout §2: without a hint, or with that of somebody else, a person is asked.
#[tokio::test]
async fn without_a_hint_at_this_person_a_page_asks() {
    let app = started().await;
    let party = app.relying_party("leaving");
    let bobs = id_token(&party, &app.browser(), "bob").await;
    let cases: [(&[(&str, &str)], Option<&str>); 4] = [
        (&[], None),
        (&[("state", "s")], None),
        (
            &[("client_id", "leaving"), ("post_logout_redirect_uri", BACK), ("state", "s")],
            Some("https://own.example/bye?state=s"),
        ),
        (&[("id_token_hint", &bobs), ("post_logout_redirect_uri", BACK)], Some(BACK)),
    ];
    for (wish, expected) in cases {
        let browser = app.signed_in("alice").await;
        let page = browser.get(&address(wish)).await;
        page.assert_page(200).form_with("csrf");
        assert!(browser.cookie("session").is_some(), "a link alone signs nobody out");
        let answer = press(&browser, &page, &[]).await;
        assert_eq!(answer.location().as_deref(), expected, "{wish:?}");
        assert_eq!(browser.cookie("session"), None);
        if expected.is_none() {
            answer.assert_page(200);
        }
    }
}

/// OpenID Connect RP-Initiated Logout §3: never to an address that the client did not register.
#[tokio::test]
async fn the_browser_goes_back_to_registered_addresses_only() {
    let app = started().await;
    let party = app.relying_party("leaving");
    let browser = app.browser();
    let hint = id_token(&party, &browser, "alice").await;
    let bad =
        ["https://own.example/bye?foo=bar", "https://own.example/bye/", "https://evil.example/", "javascript:alert(1)"];
    for uri in bad {
        let answer = browser.get(&address(&[("id_token_hint", &hint), ("post_logout_redirect_uri", uri)])).await;
        answer.assert_page(400);
        assert_eq!(app.rule_of(&answer).await, "AW-LOGOUT-REDIRECT-URI");
        assert!(browser.cookie("session").is_some(), "{uri}");
    }
    // Without a client no address is anybody's.
    let page = browser.get(&address(&[("post_logout_redirect_uri", BACK)])).await;
    assert_eq!(press(&browser, &page, &[]).await.location(), None);
}

/// OpenID Connect RP-Initiated Logout §2, RFC 8725 §3.1
#[tokio::test]
async fn a_forged_hint_signs_nobody_out() {
    let app = started().await;
    let party = app.relying_party("leaving");
    let browser = app.browser();
    let tokens = party.sign_in(&browser, "alice").await;
    let hint = tokens.id_token.unwrap();
    let payload = hint.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{payload}.");
    let foreign = format!("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im9mLWEtc3RyYW5nZXIifQ.{payload}.AAAA");
    let other = [("client_id", "spa"), ("id_token_hint", hint.as_str())];
    for wish in [
        &[("id_token_hint", "x")][..],
        &[("id_token_hint", none.as_str())],
        &[("id_token_hint", foreign.as_str()), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", tokens.access_token.as_str())],
        &other,
    ] {
        let answer = browser.get(&address(wish)).await;
        assert!(answer.location().is_none() && [200, 400].contains(&answer.status), "{answer:?}");
        assert!(browser.cookie("session").is_some());
    }
    assert_eq!(rows::count(&app, "sessions"), 1);
}

/// RFC 6749 §10.12: the page's answer is bound to where it leads.
#[tokio::test]
async fn the_answer_of_the_page_leads_where_the_page_said() {
    let app = started().await;
    let browser = app.signed_in("alice").await;
    let page = browser.get(&address(&[("client_id", "leaving"), ("post_logout_redirect_uri", BACK)])).await;
    let changed = [("post_logout_redirect_uri", "https://own.example/bye?x=1")];
    press(&browser, &page, &changed).await.assert_page(400);
    press(&browser, &page, &[("state", "injected")]).await.assert_page(400);
    assert!(browser.cookie("session").is_some());
}

/// OpenID Connect Front-Channel Logout §2, §3
#[tokio::test]
async fn clients_of_the_session_hear_of_its_end_in_frames() {
    let mut listening = leaving("listening");
    listening.metadata.insert("frontchannel_logout_uri".to_owned(), json!("https://own.example/heard?a=1"));
    let mut elsewhere = leaving("elsewhere");
    elsewhere.metadata.insert("frontchannel_logout_uri".to_owned(), json!("https://evil.example/heard"));
    let app = TestApp::usual().client(leaving("leaving")).client(listening).client(elsewhere).start().await;
    let browser = app.browser();
    app.relying_party("elsewhere").sign_in(&browser, "alice").await;
    let hint = id_token(&app.relying_party("listening"), &browser, "alice").await;
    let sid = crate::support::jwt::claims_of(&hint)["sid"].as_str().unwrap().to_owned();
    // Another session of the same person is none of theirs.
    app.relying_party("listening").sign_in(&app.browser(), "alice").await;
    let answer =
        browser.get(&address(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BACK), ("state", "s")])).await;
    answer.assert_page(200);
    let issuer = url::form_urlencoded::byte_serialize(app.issuer.as_bytes()).collect::<String>();
    let frames = answer.text().matches("<iframe").count();
    assert_eq!(frames, 1, "only on an origin of the client: {answer:?}");
    let unescaped = answer.text().replace("&#x2f;", "/").replace("&amp;", "&");
    assert!(unescaped.contains(&format!("https://own.example/heard?a=1&iss={issuer}&sid={sid}")), "{answer:?}");
    assert!(unescaped.contains("https://own.example/bye?state=s"));
    // A frame keeps its cookies and scripts, and cannot send the whole window elsewhere.
    assert_eq!(answer.text().matches("sandbox=\"allow-scripts allow-same-origin\"").count(), 1, "{answer:?}");
    assert!(answer.header("content-security-policy").ends_with("; frame-src https://own.example"), "{answer:?}");
    assert_eq!(browser.cookie("session"), None);
}

/// A row of before hosts were checked: what it says of its host begins no directive and no policy.
#[tokio::test]
async fn a_host_cannot_add_to_the_policy_of_the_page_with_frames() {
    let mut honest = leaving("honest");
    honest.metadata.insert("frontchannel_logout_uri".to_owned(), json!("https://own.example/heard"));
    for host in ["evil.example;sandbox", "evil.example,x", "evil.example*", "'self'"] {
        let mut odd = leaving("odd");
        let stored = json!([format!("https://{host}/callback"), "https://own.example/callback"]);
        odd.redirect_uris = serde_json::from_value::<Vec<RedirectUri>>(stored).unwrap();
        odd.metadata.insert("frontchannel_logout_uri".to_owned(), json!(format!("https://{host}/fc")));
        let app = TestApp::usual().client(honest.clone()).client(odd).start().await;
        let browser = app.browser();
        app.relying_party("odd").sign_in(&browser, "alice").await;
        let hint = id_token(&app.relying_party("honest"), &browser, "alice").await;
        let answer = browser.get(&address(&[("id_token_hint", &hint)])).await;
        assert_eq!(answer.assert_page(200).text().matches("<iframe").count(), 1, "{host}: {answer:?}");
        let policy = answer.header("content-security-policy");
        assert!(policy.ends_with("; frame-src https://own.example"), "{host}: {policy}");
        assert!(!policy.contains("evil") && !policy.contains("; sandbox") && !policy.contains(','), "{host}: {policy}");
    }
}
