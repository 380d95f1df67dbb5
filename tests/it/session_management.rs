//! Apps watch the state of a sign-in from a frame (OpenID Connect Session Management 1.0), where the operator wants it.

use crate::support::tls::Certificate;
use crate::support::{Answer, Browser, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

async fn started() -> TestApp {
    TestApp::with(|settings| settings.sessions.session_management = true).await
}

/// What the script of the frame answers a page of `origin`.
fn is_unchanged(browser: &Browser, client_id: &str, origin: &str, session_state: &str) -> bool {
    let salt = session_state.split_once('.').expect("a salt").1;
    let browser_state = browser.cookie("browser-state").unwrap_or_default();
    let hash = Sha256::digest(format!("{client_id} {origin} {browser_state} {salt}"));
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash)) == session_state
}

async fn sign_out(browser: &Browser) -> Answer {
    let page = browser.get("/logout").await;
    let csrf = page.form_with("csrf").field("csrf").to_owned();
    browser.submit(&page, &[("csrf", &csrf)]).await
}

/// OpenID Connect Session Management §2, OpenID Connect Discovery §3
#[tokio::test]
async fn where_nobody_wants_it_there_is_nothing_of_it() {
    let app = TestApp::start().await;
    let document = app.get("/.well-known/openid-configuration").await.json();
    assert!(document.get("check_session_iframe").is_none(), "{document}");
    app.get("/check_session").await.assert_page(404);
    let party = app.relying_party("first-party");
    let (browser, request) = (app.signed_in("alice").await, party.request());
    let answer = browser.get(&request.address()).await;
    assert!(!party.callback(&answer, &request).contains_key("session_state"));
    assert_eq!(browser.cookie("browser-state"), None);
}

/// OpenID Connect Session Management §3.2, §3.3: any site may frame this one page, and no other.
#[tokio::test]
async fn the_frame_may_be_framed_and_runs_one_script() {
    let app = started().await;
    let document = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["check_session_iframe"], format!("{}/check_session", app.issuer));
    let frame = app.get("/check_session").await;
    frame.assert_page(200);
    assert!(frame.headers("x-frame-options").is_empty(), "{frame:?}");
    assert_eq!(
        frame.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; form-action 'none'; frame-ancestors *; base-uri 'none'"
    );
    assert!(frame.set_cookies().is_empty());
    for path in ["/login", "/logout", "/nothing", "/jwks"] {
        let answer = app.get(path).await;
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
    let text = frame.text();
    let script = text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script");
    let script = app.get(script).await;
    assert_eq!(script.assert_status(200).header("content-type"), "text/javascript; charset=utf-8");
}

/// OpenID Connect Session Management §2, §4.2
#[tokio::test]
async fn the_state_of_an_answer_holds_until_the_sign_in_changes() {
    let app = started().await;
    let party = app.relying_party("first-party");
    let browser = app.browser();
    let state = async || {
        let request = party.request();
        let answer = party.authorize(&browser, &request, "alice").await;
        let state = party.callback(&answer, &request)["session_state"].clone();
        assert!(!state.contains(' ') && state.len() == 66, "{state}");
        state
    };
    let first = state().await;
    let here = "https://own.example";
    assert!(is_unchanged(&browser, "first-party", here, &first));
    assert!(!is_unchanged(&browser, "first-party", "https://evil.example", &first));
    assert!(!is_unchanged(&browser, "spa", here, &first));
    let second = state().await;
    assert_ne!(first, second, "each answer has a salt of its own");
    assert!(
        is_unchanged(&browser, "first-party", here, &first) && is_unchanged(&browser, "first-party", here, &second)
    );
    // Another sign-in in the same browser.
    let page = browser.open(&party.request().with("prompt", "login").address()).await;
    let fields = [("username", "alice"), ("password", crate::support::PASSWORD)];
    browser.submit(&page, &fields).await.assert_status(303);
    assert!(!is_unchanged(&browser, "first-party", here, &first));
    let third = state().await;
    assert!(is_unchanged(&browser, "first-party", here, &third));
    sign_out(&browser).await.assert_page(200);
    assert_eq!(browser.cookie("browser-state"), None);
    assert!(!is_unchanged(&browser, "first-party", here, &third));
}

/// OpenID Connect Session Management §4.2: what scripts can read opens nothing, and frames of other sites get it.
#[tokio::test]
async fn what_scripts_can_read_is_worth_nothing() {
    let app = TestApp::usual()
        .tls(Certificate::ecdsa())
        .settings(|settings| settings.sessions.session_management = true)
        .start()
        .await;
    let browser = app.browser();
    let answer = browser.sign_in("alice", crate::support::PASSWORD).await;
    let lines = answer.set_cookies();
    let line = lines.iter().find(|line| line.starts_with("__Host-authward-browser-state=")).expect("the cookie");
    for attribute in ["Secure", "SameSite=None", "Path=/"] {
        assert!(line.contains(&format!("; {attribute}")), "{line}");
    }
    assert!(!line.contains("HttpOnly"), "{line}");
    for other in lines.iter().filter(|other| *other != line) {
        assert!(other.contains("; HttpOnly") && other.contains("; SameSite=Lax"), "{other}");
    }
    let (state, secret) = (browser.cookie("browser-state").unwrap(), browser.cookie("session").unwrap());
    assert_ne!(state, secret);
    let thief = app.browser();
    thief.set_cookie("__Host-authward-session", &state);
    assert!(thief.get("/account").await.location().is_some_and(|to| to.contains("/login")));
    let dump = crate::support::rows::dump(&app);
    let raw = URL_SAFE_NO_PAD.decode(&state).unwrap();
    assert!(!dump.windows(raw.len()).any(|window| window == raw), "nor does the database hold it");
}

/// OpenID Connect Session Management §3.1, §3.2: an app that asks again after "changed" is told so, and then all agree.
#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_noticed_at_the_next_request() {
    let app = started().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    // A browser that signed in before the operator wanted it gets its cookie with the next answer.
    browser.forget("browser-state");
    let request = party.request();
    let answer = browser.get(&request.address()).await;
    let state = party.callback(&answer, &request)["session_state"].clone();
    assert!(is_unchanged(&browser, "first-party", "https://own.example", &state));
    let alice = app.find_user("alice").await.unwrap().id;
    app.write(move |db| authward::store::sessions::remove_of_user(db, &alice, None)).await;
    let silent = party.request().with("prompt", "none");
    assert_eq!(party.error(&browser.get(&silent.address()).await, &silent), "login_required");
    assert_eq!(browser.cookie("browser-state"), None);
    assert!(!is_unchanged(&browser, "first-party", "https://own.example", &state));
}

/// OpenID Connect Session Management §2: for requests of OpenID Connect, at a web origin.
#[tokio::test]
async fn only_answers_to_openid_requests_at_web_origins_carry_a_state() {
    let app = started().await;
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("first-party");
    let request = party.request().with("scope", "profile");
    assert!(!party.callback(&browser.get(&request.address()).await, &request).contains_key("session_state"));
    let native = app.relying_party("native-app");
    let request = native.request().with("redirect_uri", "com.example.app:/callback");
    let answer = native.authorize(&browser, &request, "alice").await;
    assert!(!answer.location().unwrap().contains("session_state"), "{answer:?}");
}
