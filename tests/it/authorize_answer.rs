//! How `/authorize` answers: `state` byte for byte, `iss` always, in the query, the fragment or a form.

use crate::support::TestApp;
use std::collections::BTreeMap;

const STATES: [&str; 9] = [
    "a b+c&d=e%20%F0",
    "한국어 ✓ \u{1F980} e\u{301}",
    "\"'<script>&amp;</script>\\`",
    "+%2B+%252B",
    " leading and trailing ",
    "?#/;:@!$*(),~-._",
    "=&=&",
    "\u{202e}\u{1}\u{7f}",
    "{\"json\":[1,2,\"x\"]}",
];

/// RFC 6749 §4.1.2, RFC 9207 §2, OAuth 2.0 Multiple Response Types §2.1
#[tokio::test]
async fn state_returns_byte_for_byte_in_query_and_fragment() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for state in STATES {
        let request = party.request().with("state", state);
        let answer = browser.get(&request.address()).await;
        party.code(&answer, &request);
        let request = request.with("response_mode", "fragment");
        let answer = browser.get(&request.address()).await;
        answer.assert_status(303).assert_no_store();
        assert!(answer.location().unwrap().starts_with("https://own.example/callback#"), "{answer:?}");
        check(&app, &answer.fragment(), state);
        // And in errors.
        let wrong = request.clone().without("code_challenge");
        let answer = browser.get(&wrong.address()).await;
        let fragment = answer.fragment();
        assert_eq!(fragment["error"], "invalid_request");
        assert_eq!((fragment["state"].as_str(), fragment["iss"].as_str()), (state, app.issuer.as_str()));
    }
}

/// OAuth 2.0 Form Post Response Mode §2, RFC 9207 §2
#[tokio::test]
async fn state_returns_byte_for_byte_in_a_posted_form() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for state in STATES {
        let request = party.request().with("state", state).with("response_mode", "form_post");
        let answer = browser.get(&request.address()).await;
        answer.assert_page(200);
        let form = &answer.forms()[0];
        assert_eq!((form.method.as_str(), form.action.as_str()), ("post", "https://own.example/callback"));
        check(&app, &form.fields.iter().cloned().collect(), state);
        assert!(answer.header("content-security-policy").contains("form-action 'self' https:"), "{answer:?}");
        assert!(!answer.text().contains("<script>"), "nothing inline: {answer:?}");
        let wrong = request.with("response_type", "token");
        let answer = browser.get(&wrong.address()).await;
        let fields: BTreeMap<_, _> = answer.forms()[0].fields.iter().cloned().collect();
        assert_eq!(fields["error"], "unsupported_response_type");
        assert_eq!((fields["state"].as_str(), fields["iss"].as_str()), (state, app.issuer.as_str()));
    }
}

#[track_caller]
fn check(app: &TestApp, parameters: &BTreeMap<String, String>, state: &str) {
    assert_eq!(parameters.get("state").map(String::as_str), Some(state));
    assert_eq!(parameters.get("iss"), Some(&app.issuer));
    assert_eq!(parameters.get("code").map(String::len), Some(43));
    assert_eq!(parameters.len(), 3, "{parameters:?}");
}

/// RFC 6749 §4.1.2: through login and consent too.
#[tokio::test]
async fn state_and_mode_survive_login_and_consent() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let request = party.request().with("state", STATES[1]).with("response_mode", "fragment");
    let answer = party.authorize(&app.browser(), &request, "alice").await;
    check(&app, &answer.fragment(), STATES[1]);
}

/// RFC 6749 §4.1.2.1: a state that is too long to keep is refused, and nothing is cut off.
#[tokio::test]
async fn a_state_is_returned_whole_or_refused() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().with("state", &"s".repeat(4096));
    party.code(&browser.get(&request.address()).await, &request);
    let long = party.request().with("state", &"s".repeat(4097));
    let query = browser.get(&long.address()).await.query();
    assert_eq!(query["error"], "invalid_request");
    assert!(!query.contains_key("state"));
}

/// RFC 6749 §5.2, RFC 6749 §4.1.2.1: error texts are plain ASCII without quotes or backslashes.
#[tokio::test]
async fn an_error_description_is_within_its_grammar_and_repeats_nothing_that_was_sent() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let request = party.request().with("response_type", "<b>\"한\\");
    let answer = app.get(&request.address()).await;
    let query = answer.query();
    let description = &query["error_description"];
    assert!(description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)), "{description}");
    assert!(!description.contains("<b>"));
}

/// RFC 9700 §4.12: never 307, which would send the password on.
#[tokio::test]
async fn every_redirect_after_a_post_is_303() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let request = party.request();
    let login = browser.open(&request.address()).await;
    let answer = browser.submit(&login, &[("username", "alice"), ("password", crate::support::PASSWORD)]).await;
    answer.assert_status(303);
    let consent = browser.follow(answer).await;
    let answer = browser.submit(&consent, &[("decision", "allow")]).await;
    party.code(&answer, &request);
}
