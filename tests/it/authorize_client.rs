//! `/authorize`, stage one: client and redirect URI are settled before anything else; until then an error is a page.

use crate::support::clients::{self, native, redirects};
use crate::support::{TestApp, rows};
use authward::domain::client::{ApplicationType, Client};
use authward::domain::exception::Allowance;
use authward::domain::id::ClientId;

const SPA: &str = "https://spa.example/callback";

/// RFC 6749 §3.1.2.3, RFC 6749 §3.1.2.4, RFC 6749 §4.1.2.1, RFC 9700 §2.1, RFC 9700 §4.1.3, RFC 9700 §4.11
#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_a_page_and_never_a_redirect() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let with = |name, value: &str| party.request().with(name, value);
    let mut cases = vec![
        (with("client_id", "nobody"), "AW-CLIENT-UNKNOWN"),
        (with("client_id", "SPA"), "AW-CLIENT-UNKNOWN"),
        (with("client_id", "spa\0"), "AW-PARAMETER-MALFORMED"),
        (with("redirect_uri", "https://spa.example/callback\0"), "AW-PARAMETER-MALFORMED"),
        (with("client_id", "spa "), "AW-CLIENT-UNKNOWN"),
        (with("client_id", "스파"), "AW-CLIENT-UNKNOWN"),
        (party.request().without("client_id"), "AW-PARAMETER-MISSING"),
        (with("client_id", ""), "AW-PARAMETER-MISSING"),
        (party.request().and("client_id", "spa"), "AW-PARAMETER-REPEATED"),
        (party.request().and("client_id", "backend"), "AW-PARAMETER-REPEATED"),
        (party.request().and("redirect_uri", SPA), "AW-PARAMETER-REPEATED"),
        (party.request().and("redirect_uri", "https://evil.example/"), "AW-PARAMETER-REPEATED"),
        (with("client_id", "backend").without("redirect_uri"), "AW-REDIRECT-URI-MISSING"),
    ];
    for foreign in [
        "https://evil.example/callback",
        "https://spa.example/callback/",
        "https://spa.example/Callback",
        "https://SPA.example/callback",
        "https://spa.example/callback?x=1",
        "https://spa.example/callback?",
        "https://spa.example/callback#",
        "https://spa.example/callback#fragment",
        "https://spa.example/callback/../evil",
        "https://spa.example/callbac%6b",
        "https://spa.example:443/callback",
        "https://spa.example./callback",
        "https://spa.example@evil.example/callback",
        "https://user@spa.example/callback",
        "https://evil.example/callback@spa.example/callback",
        "https://spa.example\\@evil.example/callback",
        "https://spa.example.evil.example/callback",
        "https://sub.spa.example/callback",
        "http://spa.example/callback",
        "//spa.example/callback",
        "/callback",
        "https://spa.example/callback\r\nX: y",
        " https://spa.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/callback",
    ] {
        cases.push((with("redirect_uri", foreign), "AW-REDIRECT-URI-MISMATCH"));
    }
    for (request, rule) in cases {
        let answer = app.get(&request.address()).await;
        answer.assert_page(400);
        assert_eq!(app.rule_of(&answer).await, rule, "{request:?}");
        let posted = app.send(app.http.post(app.url("/authorize")).form(&request.parameters)).await;
        posted.assert_page(400);
        assert_eq!(app.rule_of(&posted).await, rule, "{request:?}");
    }
    assert_eq!(rows::count(&app, "interactions"), 0);
}

/// RFC 6749 §4.1.2.1: also when the rest of the request is wrong as well.
#[tokio::test]
async fn an_unregistered_redirect_uri_is_a_page_also_beside_other_mistakes() {
    let app = TestApp::start().await;
    let request =
        app.relying_party("spa").request().with("redirect_uri", "https://evil.example/").with("prompt", "none");
    for wrong in [request.clone().with("response_type", "token"), request.clone().and("state", "x"), request] {
        app.get(&wrong.with("response_mode", "fragment").address()).await.assert_page(400);
    }
}

#[tokio::test]
async fn a_disabled_client_is_unknown() {
    let app = TestApp::empty()
        .client(Client { disabled_at: Some(authward::domain::time::Timestamp::from_seconds(1)), ..clients::spa() })
        .start()
        .await;
    let answer = app.get(&app.relying_party("spa").request().address()).await;
    answer.assert_page(400);
    assert_eq!(app.rule_of(&answer).await, "AW-CLIENT-UNKNOWN");
}

/// RFC 6749 §3.1.2.3: the one registered redirect URI need not be named.
#[tokio::test]
async fn a_client_with_one_redirect_uri_may_leave_it_out() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().without("redirect_uri");
    let answer = browser.get(&request.address()).await;
    let code = party.code(&answer, &request);
    let fields: Vec<_> =
        party.exchange(&code, &request).into_iter().filter(|(name, _)| name != "redirect_uri").collect();
    party.tokens(&party.token(&fields).await, Some(&request)).await;
}

/// RFC 6749 §3.1.2: a query of the redirect URI is kept.
#[tokio::test]
async fn the_query_of_a_redirect_uri_stays_before_the_answer() {
    let app = TestApp::start().await;
    let mut party = app.relying_party("backend");
    "https://app.example/other?t=1".clone_into(&mut party.redirect_uri);
    let (_, request) = party.new_code(&app.browser(), "alice").await;
    assert_eq!(request.redirect_uri, "https://app.example/other?t=1");
}

/// RFC 8252 §7.3, RFC 8252 §8.3, RFC 9700 §4.1.3
#[tokio::test]
async fn only_the_port_of_a_native_apps_loopback_literal_may_differ() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let browser = app.signed_in("alice").await;
    for good in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:80/callback",
        "http://127.0.0.1:1024/callback",
        "http://127.0.0.1:65535/callback",
        "http://[::1]:61023/callback",
    ] {
        let request = party.request().with("redirect_uri", good);
        let answer = party.authorize(&browser, &request, "alice").await;
        let code = party.code(&answer, &request);
        let exchanged = party.redeem(&code, &request).await;
        party.tokens(&exchanged, Some(&request)).await;
    }
    for bad in [
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:+80/callback",
        "http://127.0.0.1:80x/callback",
        "http://127.0.0.1:80/other",
        "http://127.0.0.1:80/callback?x=1",
        "http://127.0.0.1:80/callback#x",
        "http://127.0.0.1:80/callback/",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.2:80/callback",
        "http://127.1:80/callback",
        "http://2130706433/callback",
        "http://0.0.0.0:80/callback",
        "http://[::ffff:127.0.0.1]:80/callback",
        "http://[0:0:0:0:0:0:0:1]:80/callback",
        "http://localhost:80/callback",
        "https://127.0.0.1:443/callback",
        "HTTP://127.0.0.1:80/callback",
    ] {
        let answer = browser.get(&party.request().with("redirect_uri", bad).address()).await;
        assert_eq!((answer.status, answer.location()), (400, None), "{bad}");
    }
}

/// RFC 8252 §7.3: the exception is for native apps.
#[tokio::test]
async fn the_port_of_a_web_clients_loopback_redirect_is_fixed() {
    let web = Client {
        id: ClientId::new("web-on-loopback"),
        redirect_uris: redirects(&["http://127.0.0.1:3000/callback"], ApplicationType::Web),
        ..clients::spa()
    };
    let app = TestApp::empty().client(web).start().await;
    let party = app.relying_party("web-on-loopback");
    let ask = async |uri| app.get(&party.request().with("redirect_uri", uri).address()).await.status;
    assert_eq!(ask("http://127.0.0.1:3000/callback").await, 303);
    assert_eq!(ask("http://127.0.0.1:3001/callback").await, 400);
    assert_eq!(ask("http://127.0.0.1/callback").await, 400);
}

/// RFC 8252 §8.3
#[tokio::test]
async fn localhost_counts_as_loopback_only_until_the_exception_ends() {
    let client = Client {
        application_type: ApplicationType::Native,
        redirect_uris: redirects(&["http://localhost/callback"], ApplicationType::Native),
        ..clients::excepted("old-app", Allowance::LoopbackHostname, crate::support::START + 100)
    };
    let app = TestApp::empty().client(client).start().await;
    let party = app.relying_party("old-app");
    let ask = async || {
        app.get(&party.request().with("redirect_uri", "http://localhost:5000/callback").address()).await.status
    };
    assert_eq!(ask().await, 303);
    app.advance(100);
    assert_eq!(ask().await, 400);
}

/// RFC 8252 §7.1
#[tokio::test]
async fn a_private_use_scheme_is_answered_as_it_was_registered() {
    let app = TestApp::empty().client(native()).user("alice").start().await;
    let party = app.relying_party("native-app");
    let request = party.request().with("redirect_uri", "com.example.app:/callback");
    let answer = party.authorize(&app.browser(), &request, "alice").await;
    let code = party.code(&answer, &request);
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    for bad in ["com.example.app:/callback/", "com.example.app://callback", "COM.example.app:/callback"] {
        app.get(&party.request().with("redirect_uri", bad).address()).await.assert_page(400);
    }
}
