//! `/userinfo` (OIDC Core §5.3), which is a protected resource (RFC 6750).

use crate::support::{Answer, TestApp, Tokens};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

async fn app_and_tokens(scope: &str) -> (TestApp, Tokens) {
    let app = TestApp::start().await;
    let tokens = app.relying_party("spa").scope(scope).sign_in(&app.browser(), "alice").await;
    (app, tokens)
}

#[track_caller]
fn assert_challenge(answer: &Answer, status: u16, error: &str) {
    answer.assert_status(status).assert_no_store();
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"authward\""), "{answer:?}");
    assert_eq!(challenge.contains("error="), !error.is_empty(), "{answer:?}");
    assert!(challenge.contains(error), "{answer:?}");
}

/// OIDC Core §5.3.1, RFC 6750 §2.1, RFC 6750 §2.2
#[tokio::test]
async fn the_token_comes_in_the_header_or_in_a_posted_body() {
    let (app, tokens) = app_and_tokens("openid email").await;
    let url = app.url("/userinfo");
    let token = tokens.access_token.as_str();
    let by_get = app.send(app.http.get(&url).bearer_auth(token)).await;
    let by_post = app.send(app.http.post(&url).bearer_auth(token)).await;
    let by_form = app.send(app.http.post(&url).form(&[("access_token", token)])).await;
    let lower = app.send(app.http.get(&url).header("authorization", format!("bearer {token}"))).await;
    for answer in [&by_get, &by_post, &by_form, &lower] {
        answer.assert_status(200).assert_no_store();
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), by_get.json());
    }
}

/// OIDC Core §5.3.2, OIDC Core §5.4
#[tokio::test]
async fn claims_are_those_of_the_scope() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let user = app.find_user("alice").await.unwrap();
    for (scope, expected) in [
        ("openid", vec!["sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid profile", vec!["locale", "name", "preferred_username", "sub", "updated_at"]),
        (
            "openid profile email",
            vec!["email", "email_verified", "locale", "name", "preferred_username", "sub", "updated_at"],
        ),
    ] {
        let party = app.relying_party("spa").scope(scope);
        let tokens = party.sign_in(&browser, "alice").await;
        let claims = party.userinfo(&tokens.access_token).await.json();
        let mut names: Vec<_> = claims.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{scope}");
        assert_eq!(claims["sub"], user.id.as_str());
    }
}

/// RFC 6750 §3.1: without a token the challenge names no error.
#[tokio::test]
async fn without_a_token_there_is_a_plain_challenge() {
    let app = TestApp::start().await;
    assert_challenge(&app.get("/userinfo").await, 401, "");
    assert_challenge(&app.post("/userinfo", &[]).await, 401, "");
    let basic = app.http.get(app.url("/userinfo")).basic_auth("alice", Some("x"));
    assert_challenge(&app.send(basic).await, 401, "");
}

/// RFC 6750 §2.3, RFC 9700 §4.3.2
#[tokio::test]
async fn a_token_in_the_query_is_refused_even_beside_a_good_one() {
    let (app, tokens) = app_and_tokens("openid").await;
    let token = tokens.access_token.as_str();
    let url = format!("{}?access_token={token}", app.url("/userinfo"));
    assert_challenge(&app.send(app.http.get(&url)).await, 400, "invalid_request");
    assert_challenge(&app.send(app.http.get(&url).bearer_auth(token)).await, 400, "invalid_request");
    assert_challenge(&app.send(app.http.post(&url)).await, 400, "invalid_request");
}

/// RFC 6750 §2, RFC 6750 §3.1
#[tokio::test]
async fn a_token_in_two_places_is_an_error() {
    let (app, tokens) = app_and_tokens("openid").await;
    let (url, token) = (app.url("/userinfo"), tokens.access_token.as_str());
    let both = app.http.post(&url).bearer_auth(token).form(&[("access_token", token)]);
    assert_challenge(&app.send(both).await, 400, "invalid_request");
    let twice = app.http.get(&url).bearer_auth(token).header("authorization", format!("Bearer {token}"));
    assert_challenge(&app.send(twice).await, 400, "invalid_request");
    let repeated = app.http.post(&url).form(&[("access_token", token), ("access_token", token)]);
    assert_challenge(&app.send(repeated).await, 400, "invalid_request");
    for malformed in ["Bearer", "Bearer ", "Bearer a b", "Bearer ä"] {
        let request = app.http.get(&url).header("authorization", malformed.as_bytes());
        assert_challenge(&app.send(request).await, 400, "invalid_request");
    }
}

/// RFC 6750 §3.1, RFC 9068 §4, RFC 8725 §3.1, RFC 8725 §3.11
#[tokio::test]
async fn only_live_access_tokens_of_this_issuer_are_accepted() {
    let (app, tokens) = app_and_tokens("openid").await;
    let party = app.relying_party("spa");
    let token = tokens.access_token.as_str();
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    let none = format!("{}.{}.", encode(r#"{"alg":"none","typ":"at+jwt"}"#), parts[1]);
    let hmac = format!("{}.{}.{}", encode(&header.replace("ES256", "HS256")), parts[1], parts[2]);
    let jku = encode(&header.replacen('{', r#"{"jku":"https://evil.example/jwks","#, 1));
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let other_payload = encode(&payload.replace("\"openid\"", "\"openid email\""));
    let strangers = TestApp::start().await;
    let stranger = strangers.relying_party("spa").sign_in(&strangers.browser(), "alice").await;
    for bad in [
        tokens.id_token.as_deref().unwrap(),
        tokens.refresh(),
        &token[..token.len() - 1],
        &format!("{token}A"),
        &none,
        &hmac,
        &format!("{jku}.{}.{}", parts[1], parts[2]),
        &format!("{}.{other_payload}.{}", parts[0], parts[2]),
        &format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        &stranger.access_token,
        "x",
        "a.b.c",
        "....",
        &"x".repeat(7000),
    ] {
        let answer = party.userinfo(bad).await;
        assert_challenge(&answer, 401, "invalid_token");
        assert_eq!(answer.json()["error"], "invalid_token");
    }
    party.userinfo(token).await.assert_status(200);
    app.advance(600 + 16);
    assert_challenge(&party.userinfo(token).await, 401, "invalid_token");
}

/// RFC 6750 §3.1 `insufficient_scope`
#[tokio::test]
async fn a_token_without_openid_has_too_little_scope() {
    let (app, tokens) = app_and_tokens("profile").await;
    let answer = app.relying_party("spa").userinfo(&tokens.access_token).await;
    assert_challenge(&answer, 403, "insufficient_scope");
    assert!(answer.header("www-authenticate").contains("scope=\"openid\""));
}

/// OIDC Core §5.3.3: a disabled account has no claims.
#[tokio::test]
async fn a_disabled_user_has_no_userinfo() {
    let (app, tokens) = app_and_tokens("openid").await;
    let party = app.relying_party("spa");
    party.userinfo(&tokens.access_token).await.assert_status(200);
    let now = app.now();
    app.change_user("alice", |user| user.disabled_at = Some(now)).await;
    assert_challenge(&party.userinfo(&tokens.access_token).await, 401, "invalid_token");
}
