//! `/authorize`, stage two: everything else that is wrong is told to the client at its callback.

use crate::support::clients::{self, excepted};
use crate::support::{AuthRequest, START, TestApp, rows};
use authward::domain::client::{Client, GrantType};
use authward::domain::exception::Allowance;
use authward::domain::id::ClientId;

/// What goes wrong, the code on the wire, the rule.
type Case<'a> = (AuthRequest, &'a str, &'a str);

async fn check(app: &TestApp, cases: Vec<Case<'_>>) {
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for (request, code, rule) in cases {
        let answer = browser.get(&request.address()).await;
        assert_eq!(party.error(&answer, &request), code, "{request:?}");
        assert_eq!(app.rule_of(&answer).await, rule, "{request:?}");
    }
    assert_eq!(rows::count(app, "authorization_codes"), 0);
    assert_eq!(rows::count(app, "interactions"), 0);
}

/// RFC 7636 §4.2, RFC 7636 §4.3, RFC 7636 §4.4.1, RFC 9700 §2.1.1
#[tokio::test]
async fn without_a_well_formed_s256_challenge_nothing_begins() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let request = || party.request();
    let challenge = request().find("code_challenge").unwrap().to_owned();
    let mut cases = vec![
        (request().without("code_challenge"), "invalid_request", "AW-PKCE-MISSING"),
        (request().with("code_challenge", ""), "invalid_request", "AW-PKCE-MISSING"),
        (request().without("code_challenge").without("code_challenge_method"), "invalid_request", "AW-PKCE-MISSING"),
        (request().without("code_challenge_method"), "invalid_request", "AW-PKCE-METHOD"),
    ];
    for method in ["plain", "s256", "S512", "S256 ", "none", "S256,plain"] {
        cases.push((request().with("code_challenge_method", method), "invalid_request", "AW-PKCE-METHOD"));
    }
    let malformed = [
        challenge[..42].to_owned(),
        format!("{challenge}A"),
        format!("{challenge}="),
        format!("{}+", &challenge[..42]),
        format!("{}/", &challenge[..42]),
        format!("{}é", &challenge[..42]),
        format!("{} ", &challenge[..42]),
        // The last character holds two bits that no SHA-256 has.
        format!("{}B", &"A".repeat(42)),
        "a".repeat(128),
        "a".repeat(4000),
    ];
    for bad in &malformed {
        cases.push((request().with("code_challenge", bad), "invalid_request", "AW-PKCE-CHALLENGE"));
    }
    check(&app, cases).await;
}

/// RFC 6749 §3.1.1, RFC 6749 §4.1.2.1, RFC 9700 §2.1.2
#[tokio::test]
async fn other_response_types_and_modes_are_refused_by_name() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let with = |name, value| party.request().with(name, value);
    let mut cases = vec![
        (party.request().without("response_type"), "invalid_request", "AW-PARAMETER-MISSING"),
        (with("response_mode", "query.jwt"), "invalid_request", "AW-RESPONSE-MODE"),
        (with("response_mode", "web_message"), "invalid_request", "AW-RESPONSE-MODE"),
    ];
    for kind in ["code code", "none", "Code", "code ", "token code token", "code none"] {
        cases.push((with("response_type", kind), "unsupported_response_type", "AW-RESPONSE-TYPE"));
    }
    check(&app, cases).await;
    // RFC 6749 §4.2.2.1: where tokens are asked for, errors come as they would.
    for kind in ["token", "id_token", "code token", "code id_token"] {
        let request = with("response_type", kind);
        let answer = app.get(&request.address()).await;
        let fragment = answer.fragment();
        assert_eq!(
            (fragment["error"].as_str(), fragment["state"].as_str()),
            ("unsupported_response_type", &*request.state)
        );
        assert_eq!(app.rule_of(&answer).await, "AW-RESPONSE-TYPE", "{kind}");
    }
}

/// OIDC Core §3.1.2.6, OIDC Core §6.1, OIDC Core §6.2
#[tokio::test]
async fn request_objects_are_refused_and_nothing_is_fetched() {
    let app = TestApp::start().await;
    let with = |name, value: &str| app.relying_party("first-party").request().with(name, value);
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/request", listener.local_addr().unwrap());
    check(
        &app,
        vec![
            (with("request", unsigned), "request_not_supported", "AW-REQUEST-OBJECT"),
            (with("request_uri", &uri), "request_uri_not_supported", "AW-REQUEST-URI"),
            (with("request_uri", "urn:ietf:params:oauth:request_uri:x"), "request_uri_not_supported", "AW-REQUEST-URI"),
            (with("request_uri", "file:///etc/passwd"), "request_uri_not_supported", "AW-REQUEST-URI"),
        ],
    )
    .await;
    let nobody_came = tokio::select! { biased; _ = listener.accept() => false, () = tokio::task::yield_now() => true };
    assert!(nobody_came);
}

/// RFC 6749 §3.3, RFC 8707 §2, OIDC Core §3.1.2.1
#[tokio::test]
async fn malformed_values_are_told_to_the_client() {
    let app = TestApp::start().await;
    let with = |name, value: &str| app.relying_party("first-party").request().with(name, value);
    let (long, longer) = ("x".repeat(1025), "x".repeat(257));
    check(
        &app,
        vec![
            (with("scope", "openid orders:write"), "invalid_scope", "AW-SCOPE"),
            (with("scope", "openid\tprofile"), "invalid_scope", "AW-SCOPE"),
            (with("scope", "openid \"x\""), "invalid_scope", "AW-SCOPE"),
            (with("scope", "openid \\"), "invalid_scope", "AW-SCOPE"),
            (with("scope", "openid \u{1}"), "invalid_scope", "AW-SCOPE"),
            (with("scope", "OPENID"), "invalid_scope", "AW-SCOPE"),
            (with("prompt", "none login"), "invalid_request", "AW-PROMPT"),
            (with("prompt", "none consent"), "invalid_request", "AW-PROMPT"),
            (with("prompt", "create"), "invalid_request", "AW-PROMPT"),
            (with("max_age", "-1"), "invalid_request", "AW-MAX-AGE"),
            (with("max_age", "1.5"), "invalid_request", "AW-MAX-AGE"),
            (with("max_age", "soon"), "invalid_request", "AW-MAX-AGE"),
            (with("max_age", "99999999999999999999"), "invalid_request", "AW-MAX-AGE"),
            (with("nonce", &long), "invalid_request", "AW-VALUE-TOO-LONG"),
            (with("login_hint", &longer), "invalid_request", "AW-VALUE-TOO-LONG"),
            (with("resource", "https://unknown.example"), "invalid_target", "AW-RESOURCE"),
            (with("resource", "not a uri"), "invalid_target", "AW-RESOURCE"),
        ],
    )
    .await;
}

/// RFC 6749 §3.1: request parameters must not be included more than once.
#[tokio::test]
async fn a_repeated_parameter_is_an_error_whichever_it_is() {
    let app = TestApp::start().await;
    let request = || app.relying_party("first-party").request();
    let names = [
        "response_type",
        "scope",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "response_mode",
        "prompt",
        "max_age",
        "login_hint",
        "ui_locales",
        "something_unknown",
    ];
    let twice = |name: &str| {
        let once = request();
        let value = once.find(name).unwrap_or("query").to_owned();
        once.with(name, &value).and(name, &value)
    };
    check(&app, names.map(|name| (twice(name), "invalid_request", "AW-PARAMETER-REPEATED")).to_vec()).await;
}

/// RFC 6749 §3.1: of two states neither is returned, because nobody knows which is the client's.
#[tokio::test]
async fn a_repeated_state_is_an_error_without_state() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let answer = app.get(&party.request().with("state", "a").and("state", "b").address()).await;
    let query = answer.assert_status(303).query();
    assert_eq!((query["error"].as_str(), query["iss"].as_str()), ("invalid_request", app.issuer.as_str()));
    assert!(!query.contains_key("state") && !query.contains_key("code"));
}

/// RFC 6749 §3.1: parameters without a value count as omitted, unrecognized ones are ignored.
#[tokio::test]
async fn empty_parameters_are_omitted_and_unknown_ones_ignored() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request().with("prompt", "").with("max_age", "").with("state", "").with("unknown", "1");
    let answer = browser.get(&request.address()).await;
    let query = answer.assert_status(303).query();
    assert!(query.contains_key("code") && !query.contains_key("state"), "{query:?}");
}

/// OIDC Core §3.1.2.1: GET and POST are the same request.
#[tokio::test]
async fn a_request_may_be_posted() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request();
    let answer = browser.post("/authorize", &request.parameters).await;
    let answer = browser.follow(answer).await;
    let code = party.code(&answer, &request);
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    let wrong = party.request().without("code_challenge");
    let answer = browser.post("/authorize", &wrong.parameters).await;
    assert_eq!(party.error(&answer, &wrong), "invalid_request");
}

/// RFC 6749 §4.1.2.1 `unauthorized_client`
#[tokio::test]
async fn a_client_without_the_code_grant_is_not_authorized() {
    let client = Client {
        id: ClientId::new("machine"),
        grant_types: vec![GrantType::ClientCredentials],
        response_types: Vec::new(),
        ..clients::first_party()
    };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let party = app.relying_party("machine");
    let request = party.request();
    let answer = app.signed_in("alice").await.get(&request.address()).await;
    assert_eq!(party.error(&answer, &request), "unauthorized_client");
}

/// RFC 9700 §2.1.1: going without PKCE needs a dated exception, and is refused after its date.
#[tokio::test]
async fn the_exception_to_go_without_pkce_ends_with_its_date() {
    let app = TestApp::empty().client(excepted("old", Allowance::NoPkce, START + 1000)).user("alice").start().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    let without = || party.request().without("code_challenge").without("code_challenge_method");
    let request = without();
    let code = party.code(&browser.get(&request.address()).await, &request);
    let fields: Vec<_> =
        party.exchange(&code, &request).into_iter().filter(|(name, _)| name != "code_verifier").collect();
    party.tokens(&party.token(&fields).await, Some(&request)).await;
    // A method without challenge is no request without PKCE, and `plain` is another exception.
    let half = party.request().without("code_challenge");
    assert_eq!(party.error(&browser.get(&half.address()).await, &half), "invalid_request");
    let plain = party.request().with("code_challenge_method", "plain");
    assert_eq!(party.error(&browser.get(&plain.address()).await, &plain), "invalid_request");
    app.advance(999);
    let last = without();
    party.code(&browser.get(&last.address()).await, &last);
    app.advance(1);
    let late = without();
    assert_eq!(party.error(&browser.get(&late.address()).await, &late), "invalid_request");
}

/// RFC 7636 §4.2, RFC 7636 §4.3, RFC 7636 §4.6
#[tokio::test]
async fn the_exception_for_plain_ends_with_its_date() {
    let app = TestApp::empty().client(excepted("old", Allowance::PlainPkce, START + 1000)).user("alice").start().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    let plain = |explicit: bool| {
        let request = party.request();
        let verifier = request.verifier.clone();
        let request = request.with("code_challenge", &verifier);
        if explicit { request.with("code_challenge_method", "plain") } else { request.without("code_challenge_method") }
    };
    for explicit in [true, false] {
        let request = plain(explicit);
        let code = party.code(&browser.get(&request.address()).await, &request);
        party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    }
    let request = plain(true);
    let code = party.code(&browser.get(&request.address()).await, &request);
    let other = AuthRequest { verifier: "x".repeat(43), ..request };
    party.redeem(&code, &other).await.assert_error(400, "invalid_grant");
    let none = party.request().without("code_challenge").without("code_challenge_method");
    assert_eq!(party.error(&browser.get(&none.address()).await, &none), "invalid_request");
    app.advance(1000);
    let late = plain(true);
    assert_eq!(party.error(&browser.get(&late.address()).await, &late), "invalid_request");
}
