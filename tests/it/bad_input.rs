//! What nobody should send, at every endpoint: the error its specification names, nothing stored, never a 5xx.

use crate::support::{Answer, Browser, TestApp, rows};
use reqwest::Method;

/// Values that are no text, or text that databases and parsers stumble over; already percent-encoded.
const VALUES: [&str; 14] = [
    "%ff",
    "%c3%28",
    "%c0%80",
    "%ed%a0%80",
    "%",
    "%4",
    "%zz",
    "%00",
    "a%00b",
    "%0d%0aSet-Cookie:%20x=y",
    "%27%3B%20DROP%20TABLE%20users%3B%20--",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "%F0%9F%A6%80%E2%80%AE%CC%81",
    "..%2f..%2f..%2fetc%2fpasswd",
];

/// Every endpoint that reads parameters, with the parameters it knows.
const ENDPOINTS: [(&str, &[&str]); 18] = [
    (
        "/authorize",
        &[
            "client_id",
            "redirect_uri",
            "response_type",
            "response_mode",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "prompt",
            "max_age",
            "login_hint",
            "ui_locales",
            "resource",
            "request",
            "request_uri",
            "unknown",
        ],
    ),
    ("/authorize/continue", &["interaction"]),
    ("/authorize/deny", &["interaction"]),
    ("/login", &["username", "password", "csrf", "interaction", "decision", "return"]),
    ("/signup", &["username", "email", "password", "password_confirmation", "csrf", "interaction"]),
    ("/consent", &["decision", "csrf", "interaction"]),
    ("/logout", &["csrf"]),
    ("/account/password", &["current_password", "password", "password_confirmation", "csrf"]),
    ("/account", &["done", "changed"]),
    ("/account/profile", &["name", "given_name", "family_name", "nickname", "locale", "csrf"]),
    ("/account/email", &["email", "current_password", "csrf"]),
    ("/account/sessions", &["page", "done"]),
    ("/account/sessions/end", &["session", "csrf"]),
    ("/account/apps/revoke", &["client", "csrf"]),
    (
        "/token",
        &[
            "grant_type",
            "code",
            "redirect_uri",
            "code_verifier",
            "client_id",
            "client_secret",
            "refresh_token",
            "scope",
            "resource",
            "client_assertion",
        ],
    ),
    ("/introspect", &["token", "token_type_hint", "client_id", "client_secret", "client_assertion"]),
    ("/revoke", &["token", "token_type_hint", "client_id", "client_secret", "client_assertion"]),
    ("/userinfo", &["access_token"]),
];

/// Whether an endpoint takes no POST.
fn is_for_get(path: &str) -> bool {
    path.starts_with("/authorize/") || ["/account", "/account/sessions"].contains(&path)
}

/// A good request of the endpoint, without this parameter, as a form.
fn rest(app: &TestApp, path: &str, name: &str) -> String {
    let base: Vec<(String, String)> = match path {
        "/authorize" => app.relying_party("spa").request().parameters,
        "/token" => [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "spa")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        _ => Vec::new(),
    };
    let kept = base.into_iter().filter(|(known, _)| known != name);
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

#[track_caller]
fn assert_harmless(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {answer:?}");
    assert!(answer.set_cookies().iter().all(|cookie| cookie.starts_with("authward-")), "{what}: {answer:?}");
    assert!(!answer.text().contains("<script>alert"), "{what}: {answer:?}");
    for internal in ["panicked", "diesel", "SELECT ", "src/", "stack backtrace", "rusqlite"] {
        assert!(!answer.whole().contains(internal), "{what}: {answer:?}");
    }
}

async fn post(browser: &Browser, app: &TestApp, path: &str, body: String) -> Answer {
    let request = app.http.post(app.url(path)).header("content-type", "application/x-www-form-urlencoded").body(body);
    browser.send(request).await
}

/// RFC 6749 appendix B, RFC 6749 §4.1.2.1, RFC 6749 §5.2
#[tokio::test]
async fn no_parameter_of_any_endpoint_takes_the_server_down_or_leaves_anything() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let before = rows::counts(&app);
    for (path, names) in ENDPOINTS {
        for name in names {
            for value in VALUES {
                let form = format!("{}&{name}={value}", rest(&app, path, name));
                let what = format!("{path} {name}={value}");
                assert_harmless(&browser.get(&format!("{path}?{form}")).await, &what);
                assert_harmless(&post(&browser, &app, path, form).await, &what);
            }
        }
    }
    let mut after = rows::counts(&app);
    // A state, hint or locale may be any text, so those requests were valid ones and wait for consent.
    after.insert("interactions", before["interactions"]);
    assert_eq!(after, before);
}

/// RFC 6749 appendix B: what is not UTF-8 is an error everywhere, not a replacement character; and so is NUL.
#[tokio::test]
async fn broken_encodings_are_errors() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    for (path, names) in ENDPOINTS {
        let cases = ["%ff", "%c3%28", "%c0%80", "%ed%a0%80", "%", "%4", "%zz", "%00", "a%00", "%00a"];
        for (broken, name) in cases.into_iter().flat_map(|broken| names.iter().map(move |name| (broken, name))) {
            let form = format!("{}&{name}={broken}", rest(&app, path, name));
            let answer = post(&browser, &app, path, form).await;
            answer.assert_status(if is_for_get(path) { 405 } else { 400 });
        }
    }
}

/// RFC 6749 §3.1, RFC 6749 §3.2
#[tokio::test]
async fn a_repeated_parameter_is_refused_by_every_form() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    for (path, names) in ENDPOINTS {
        if is_for_get(path) {
            continue;
        }
        for name in names.iter().filter(|name| **name != "resource") {
            let form = format!("{}&{name}=a&{name}=a", rest(&app, path, name));
            let answer = post(&browser, &app, path, form).await;
            let is_told =
                answer.status == 400 || answer.location().is_some_and(|to| to.contains("error=invalid_request"));
            assert!(is_told, "{path} {name}: {answer:?}");
        }
    }
    assert_eq!(rows::count(&app, "interactions"), 0);
}

/// RFC 9110 §15.5.6, RFC 9110 §10.2.1, RFC 6749 §3.2
#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_are_right() {
    let app = TestApp::start().await;
    for (path, methods, _) in authward::routes::paths() {
        let path = path.replace("{name}", "x");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
            if methods.contains(&method) {
                continue;
            }
            let request = app.http.request(Method::from_bytes(method.as_bytes()).unwrap(), app.url(&path));
            let answer = app.send(request).await;
            answer.assert_status(405);
            let allow = answer.header("allow");
            for right in &methods {
                assert!(allow.split(", ").any(|allowed| allowed == *right), "{method} {path}: {answer:?}");
            }
            assert_eq!(allow.contains("HEAD"), methods.contains(&"GET"), "{method} {path}");
        }
    }
}

/// RFC 9110 §9.3.2
#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let app = TestApp::start().await;
    for (path, methods, _) in authward::routes::paths() {
        if !methods.contains(&"GET") {
            continue;
        }
        let path = path.replace("{name}", "app.js");
        let (get, head) = (app.get(&path).await, app.send(app.http.head(app.url(&path))).await);
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("content-security-policy"), get.header("content-security-policy"), "{path}");
    }
}

/// RFC 6749 §3.2, RFC 6749 §4.1.3: forms only.
#[tokio::test]
async fn another_content_type_is_refused() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let before = rows::counts(&app);
    for path in [
        "/token",
        "/introspect",
        "/revoke",
        "/authorize",
        "/login",
        "/signup",
        "/consent",
        "/logout",
        "/account/password",
        "/account/profile",
        "/account/email",
        "/account/sessions/end",
        "/account/apps/revoke",
    ] {
        let body = rest(&app, path, "");
        for kind in
            ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form", "", "x"]
        {
            let request = app.http.post(app.url(path)).header("content-type", kind).body(body.clone());
            let answer = browser.send(request).await;
            answer.assert_status(400);
            assert_eq!(app.rule_of(&answer).await, "AW-CONTENT-TYPE", "{path} {kind}");
        }
        let answer = browser.send(app.http.post(app.url(path)).body(body.clone())).await;
        answer.assert_status(400);
        let twice = app
            .http
            .post(app.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-type", "application/json")
            .body(body);
        browser.send(twice).await.assert_status(400);
    }
    assert_eq!(rows::counts(&app), before);
    let party = app.relying_party("spa");
    let fields = "grant_type=refresh_token&refresh_token=x&client_id=spa";
    let with_charset = app
        .http
        .post(app.url("/token"))
        .header("content-type", "Application/X-WWW-Form-URLEncoded; charset=UTF-8")
        .body(fields);
    party.app.send(with_charset).await.assert_error(400, "invalid_grant");
}

/// Compressed bodies are not inflated: what is small here could be huge there.
#[tokio::test]
async fn a_compressed_body_is_refused() {
    let app = TestApp::start().await;
    // `grant_type=refresh_token&refresh_token=x&client_id=spa`, compressed by gzip.
    let gzip = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0x4b, 0x2f, 0x4a, 0xcc, 0x2b, 0x89, 0x2f, 0xa9, 0x2c, 0x48];
    for encoding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"] {
        let request = app
            .http
            .post(app.url("/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-encoding", encoding)
            .body(gzip.to_vec());
        let answer = app.send(request).await;
        answer.assert_error(400, "invalid_request");
        assert_eq!(app.rule_of(&answer).await, "AW-CONTENT-TYPE", "{encoding}");
    }
}

/// Everything from outside is bounded.
#[tokio::test]
async fn oversized_bodies_queries_and_headers_are_refused() {
    let app = TestApp::start().await;
    let browser = app.browser();
    for path in
        ["/token", "/introspect", "/revoke", "/authorize", "/login", "/signup", "/consent", "/logout", "/userinfo"]
    {
        let body = format!("a={}", "x".repeat(70_000));
        post(&browser, &app, path, body).await.assert_status(413);
        let many = (0..150).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        post(&browser, &app, path, many).await.assert_status(400);
        let long = format!("a={}", "x".repeat(17_000));
        post(&browser, &app, path, long).await.assert_status(400);
    }
    for path in ["/authorize", "/login", "/jwks", "/nothing"] {
        let answer = app.get(&format!("{path}?a={}", "x".repeat(33_000))).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    let mut request = app.http.get(app.url("/login"));
    for n in 0..95 {
        request = request.header(format!("x-junk-{n}"), "y");
    }
    let answer = app.send(request).await;
    assert!(matches!(answer.status, 400 | 431), "{answer:?}");
    let long_cookie = app.http.get(app.url("/account")).header("cookie", format!("a={}", "x".repeat(20_000)));
    assert!(app.send(long_cookie).await.status < 500);
}

/// RFC 9110 §15.5.14
#[tokio::test]
async fn the_bound_of_a_body_is_the_configured_one() {
    for most in [2_000, 100_000] {
        let app = TestApp::with(move |settings| settings.limits.body_bytes = most).await;
        let browser = app.browser();
        // Parameters nobody knows are ignored, so what decides is the size.
        let fields = "grant_type=refresh_token&refresh_token=x&client_id=spa";
        let padding: String = (0..20).map(|n| format!("&p{n}={}", "x".repeat(10_000))).collect();
        let fitting = format!("{fields}{}", &padding[..most - fields.len()]);
        assert_eq!(fitting.len(), most);
        post(&browser, &app, "/token", fitting.clone()).await.assert_error(400, "invalid_grant");
        let answer = post(&browser, &app, "/token", format!("{fitting}x")).await;
        answer.assert_error(413, "invalid_request");
        assert_eq!(app.rule_of(&answer).await, "AW-BODY-TOO-LARGE");
    }
}

/// RFC 9110 §5.5: headers may hold bytes that are no text.
#[tokio::test]
async fn junk_in_headers_and_cookies_is_no_5xx() {
    let app = TestApp::start().await;
    let (session, browser) = (format!("authward-{}-session", app.port), format!("authward-{}-browser", app.port));
    let junk: [&[u8]; 6] = [b"\xff\xfe", b"\xc3\x28", b"\"", b",,;;==", b"=", &[b'x'; 6000]];
    for name in ["cookie", "origin", "accept", "accept-language", "user-agent", "referer", "authorization", "forwarded"]
    {
        for value in junk {
            for path in ["/", "/login", "/account", "/authorize", "/userinfo", "/jwks", "/token"] {
                let answer = app.send(app.http.get(app.url(path)).header(name, value)).await;
                assert!(answer.status < 500, "{name} {path}: {answer:?}");
            }
        }
    }
    for value in ["", "x", "%00", "\"quoted\"", &"x".repeat(300)] {
        for name in [&session, &browser] {
            let answer = app.send(app.http.get(app.url("/account")).header("cookie", format!("{name}={value}"))).await;
            answer.assert_status(303);
            let login = app.send(app.http.get(app.url("/login")).header("cookie", format!("{name}={value}"))).await;
            login.assert_status(200);
        }
    }
}

/// RFC 9110 §15.5.5
#[tokio::test]
async fn what_is_not_there_is_404_for_people_and_programs() {
    let app = TestApp::start().await;
    for path in [
        "/nothing",
        "/token/",
        "/.env",
        "/metrics",
        "/api/nothing",
        "//evil.example",
        "/%2e%2e/x",
        "/login/..%2f",
        "/assets/../x",
    ] {
        let page = app.send(app.http.get(format!("{}{path}", app.base)).header("accept", "text/html")).await;
        assert_eq!((page.status, page.header("content-type").as_str()), (404, "text/html; charset=utf-8"), "{path}");
        let data = app.send(app.http.get(format!("{}{path}", app.base))).await;
        assert_eq!((data.status, data.json()["error"].as_str()), (404, Some("not_found")), "{path}");
    }
}

/// RFC 9700 §4.11: the way back from a choice of language stays on this server.
#[tokio::test]
async fn a_return_address_never_leads_elsewhere() {
    let app = TestApp::start().await;
    for elsewhere in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", ""]
    {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("tag", "ko"), ("return", elsewhere)])
            .finish();
        let answer = app.get(&format!("/locale?{query}")).await;
        assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/")), "{elsewhere}");
    }
    let answer = app.get("/locale?tag=ko&return=/signup").await;
    assert_eq!(answer.location().as_deref(), Some("/signup"));
}
