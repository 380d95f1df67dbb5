//! Security headers and cookies of every answer.

use crate::support::{Answer, PASSWORD, TestApp};

#[track_caller]
fn assert_secure(answer: &Answer) {
    let expect = |name: &str, value: &str| assert_eq!(answer.header(name), value, "{name}: {answer:?}");
    expect("x-content-type-options", "nosniff");
    expect("x-frame-options", "DENY");
    expect("referrer-policy", "same-origin");
    expect("cross-origin-opener-policy", "same-origin");
    assert!(answer.header("permissions-policy").contains("camera=()"), "{answer:?}");
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{answer:?}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    assert!(answer.headers("server").is_empty() && answer.headers("x-powered-by").is_empty(), "{answer:?}");
    if answer.header("content-type").starts_with("text/html") {
        let text = answer.text();
        for inline in ["<style", " style=", "onclick=", "onload=", "onsubmit=", "javascript:"] {
            assert!(!text.contains(inline), "{inline}: {answer:?}");
        }
        assert!(!text.contains("<script>"), "{answer:?}");
    }
}

/// RFC 9700 §4.16, OAuth 2.1 §7.11, RFC 6749 §10.13
#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let flow = app.relying_party("spa").request().address();
    for path in [
        "/",
        "/account",
        "/account/password",
        "/account/profile",
        "/account/sessions",
        "/account/apps",
        "/logout",
        "/signup",
        "/health/live",
        "/health/ready",
        "/jwks",
        "/.well-known/openid-configuration",
        "/userinfo",
        "/token",
        "/introspect",
        "/revoke",
        "/nothing/here",
        "/assets/nothing.css",
        "/authorize",
        "/demo",
        &flow,
    ] {
        assert_secure(&browser.get(path).await);
    }
    assert_secure(&browser.open(&flow).await);
    assert_secure(&app.browser().open(&flow).await);
    assert_secure(&app.browser().get("/login").await);
    assert_secure(&app.relying_party("spa").refresh("x").await);
}

/// RFC 6749 §5.1, RFC 9111 §5.2.2.5: nothing with tokens, forms or personal data is cached.
#[tokio::test]
async fn pages_and_tokens_are_not_cached() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("spa");
    let request = party.request();
    for path in [
        "/",
        "/account",
        "/account/password",
        "/account/sessions",
        "/account/apps",
        "/logout",
        "/signup",
        "/authorize",
        &request.address(),
    ] {
        browser.get(path).await.assert_no_store();
    }
    app.browser().get("/login").await.assert_no_store();
    party.refresh("x").await.assert_no_store();
    app.get("/userinfo").await.assert_no_store();
}

/// RFC 6265 §4.1.2, RFC 6265bis §4.1.3.2
#[tokio::test]
async fn cookies_of_an_https_issuer_are_secure_and_bound_to_the_host() {
    let app = TestApp::usual().issuer("https://idp.example").start().await;
    let browser = app.browser();
    let request = app.relying_party("spa").request();
    let mut cookies = Vec::new();
    let first = browser.get(&request.address()).await;
    cookies.extend(first.set_cookies());
    let login = browser.follow(first).await;
    assert_eq!(login.header("strict-transport-security"), "max-age=31536000");
    let answer = browser.submit(&login, &[("username", "alice"), ("password", PASSWORD)]).await;
    cookies.extend(answer.set_cookies());
    cookies.extend(app.browser().get("/login").await.set_cookies());
    cookies.extend(browser.get("/locale?tag=ko&return=/").await.set_cookies());
    for kind in ["session", "device", "browser", "flow-", "locale"] {
        assert!(
            cookies.iter().any(|cookie| cookie.starts_with(&format!("__Host-authward-{kind}"))),
            "{kind}: {cookies:?}"
        );
    }
    for cookie in &cookies {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(&format!("; {attribute}")), "{cookie}");
        }
        assert!(!cookie.to_lowercase().contains("domain="), "{cookie}");
    }
}

#[tokio::test]
async fn an_https_issuer_signs_people_in_under_its_own_name() {
    let app = TestApp::usual().issuer("https://idp.example").start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    app.get("/demo").await.assert_status(404);
}

/// RFC 6265 §8.5: cookies are shared by all ports of a host, so on loopback the port is in the name.
#[tokio::test]
async fn cookies_of_a_loopback_issuer_carry_its_port() {
    let app = TestApp::start().await;
    let answer = app.signed_in("alice").await;
    let names = answer.cookies();
    assert!(names.keys().all(|name| name.starts_with(&format!("authward-{}-", app.port))), "{names:?}");
    let page = app.browser().get("/login").await;
    for cookie in page.set_cookies() {
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && !cookie.contains("Secure"));
    }
}

/// RFC 9700 §4.2: nothing about a flow leaves by the referrer, and no page loads anything from elsewhere.
#[tokio::test]
async fn pages_load_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let consent = app.relying_party("spa").request().address();
    for path in ["/", "/account", "/signup", "/account/password", &consent] {
        let page = browser.open(path).await;
        let html = scraper::Html::parse_document(&page.text());
        let all = scraper::Selector::parse("[src], link[href], [data], [poster]").unwrap();
        for element in html.select(&all) {
            let address = element.attr("src").or_else(|| element.attr("href")).unwrap_or_default();
            assert!(address.starts_with("/assets/") || address.starts_with("/favicon"), "{path}: {address}");
            if address.starts_with("/assets/") {
                let asset = app.get(address).await;
                asset.assert_status(200);
                assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
            }
        }
    }
}

/// BREACH: compression never where an answer carries tokens or the secret of a form.
#[tokio::test]
async fn only_what_carries_no_secret_is_compressed() {
    let app = TestApp::start().await;
    let ask = async |path: &str| {
        app.send(app.http.get(app.url(path)).header("accept-encoding", "gzip"))
            .await
            .headers("content-encoding")
            .concat()
    };
    assert_eq!(ask("/.well-known/openid-configuration").await, "gzip");
    for path in ["/login", "/signup", "/", "/userinfo", "/authorize"] {
        assert_eq!(ask(path).await, "", "{path}");
    }
}
