//! `grant_type=authorization_code` at `/token`: what a code is bound to, and what happens to it.

use crate::support::clients::{self, redirects};
use crate::support::{AuthRequest, START, TestApp, jwt, rows};
use authward::domain::client::{ApplicationType, Client, GrantType};
use authward::domain::id::ClientId;

fn without(fields: &[(String, String)], name: &str) -> Vec<(String, String)> {
    fields.iter().filter(|(known, _)| known != name).cloned().collect()
}

fn with(fields: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut fields = without(fields, name);
    fields.push((name.to_owned(), value.to_owned()));
    fields
}

/// RFC 6749 §5.1, RFC 9068 §2.1, RFC 9068 §2.2, RFC 9068 §3, OIDC Core §2, OIDC Core §3.1.3.3
#[tokio::test]
async fn the_tokens_say_what_was_granted() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa").scope("openid email");
    let browser = app.signed_in("alice").await;
    app.advance(30);
    let (code, request) = party.new_code(&browser, "alice").await;
    app.advance(5);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    assert_eq!((tokens.scope.as_str(), tokens.expires_in), ("openid email", 600));
    let user = app.find_user("alice").await.unwrap();
    let access = jwt::verify(&app, &tokens.access_token).await;
    assert_eq!(access.header["alg"], "ES256");
    assert_eq!(access.text("sub"), user.id.as_str());
    assert_eq!(access.text("aud"), app.issuer, "without a resource the audience is the issuer");
    assert_eq!((access.number("auth_time"), access.number("iat")), (START, START + 35));
    let mut names: Vec<_> = access.claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"]);
    let id = jwt::verify(&app, tokens.id_token.as_ref().unwrap()).await;
    assert_eq!(id.header["alg"], "RS256", "the client registered nothing else");
    assert_eq!(id.text("nonce"), request.nonce);
    assert_eq!(id.number("auth_time"), START);
    assert!(!id.claims.contains_key("email"), "claims of a scope are at userinfo: {id:?}");
    let text = tokens.answer.text();
    assert!(!text.contains("null"), "{text}");
}

/// OpenID Connect Registration §2 `id_token_signed_response_alg`
#[tokio::test]
async fn an_id_token_is_signed_as_its_client_registered() {
    for algorithm in ["RS256", "ES256", "EdDSA", "PS256"] {
        let client = Client { id_token_algorithm: algorithm.to_owned(), ..clients::first_party() };
        let app = TestApp::empty().client(client).user("alice").start().await;
        let tokens = app.relying_party("first-party").sign_in(&app.browser(), "alice").await;
        let id = jwt::verify(&app, tokens.id_token.as_ref().unwrap()).await;
        assert_eq!(id.header["alg"], algorithm);
    }
}

/// OIDC Core §3.1.2.1: without `openid` there is no ID token, and a nonce is ignored rather than refused.
#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa").scope("profile");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    assert_eq!((tokens.scope.as_str(), tokens.id_token), ("profile", None));
}

/// RFC 6749 §3.3: what is granted without `scope` is told.
#[tokio::test]
async fn without_a_scope_the_answer_says_what_was_granted() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let request = party.request().without("scope");
    let answer = party.authorize(&app.browser(), &request, "alice").await;
    let code = party.code(&answer, &request);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    assert_eq!((tokens.scope.as_str(), tokens.id_token), ("profile email", None));
}

/// RFC 6749 §6: a client that may not refresh is given nothing to refresh with.
#[tokio::test]
async fn only_clients_of_the_refresh_grant_get_a_refresh_token() {
    let client = Client { grant_types: vec![GrantType::AuthorizationCode], ..clients::first_party() };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let party = app.relying_party("first-party").scope("openid");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    assert_eq!(tokens.refresh_token, None);
    party.refresh("x").await.assert_error(400, "unauthorized_client");
    assert_eq!(rows::count(&app, "refresh_token_families"), 0);
}

/// RFC 7636 §4.5, RFC 7636 §4.6, RFC 9700 §2.1.1
#[tokio::test]
async fn a_missing_malformed_or_wrong_verifier_is_refused() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let wrong_case =
        |text: &str| text.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c }).collect();
    let verifiers: [(&dyn Fn(&str) -> Option<String>, &str); 9] = [
        (&|_| None, "invalid_grant"),
        (&|_| Some(String::new()), "invalid_grant"),
        (&|_| Some("w".repeat(43)), "invalid_grant"),
        (&|right| Some(format!("{right}x")), "invalid_grant"),
        (&|right| Some(wrong_case(right)), "invalid_grant"),
        (&|right| Some(jwt::challenge(right)), "invalid_grant"),
        (&|right| Some(right[..42].to_owned()), "invalid_request"),
        (&|right| Some(format!("{right}=")), "invalid_request"),
        (&|_| Some("v".repeat(129)), "invalid_request"),
    ];
    for (change, error) in verifiers {
        let (code, request) = party.new_code(&browser, "alice").await;
        let fields = without(&party.exchange(&code, &request), "code_verifier");
        let fields = match change(&request.verifier) {
            None => fields,
            Some(verifier) => with(&fields, "code_verifier", &verifier),
        };
        party.token(&fields).await.assert_error(400, error);
    }
}

/// RFC 7636 §4.6, RFC 9700 §4.5: a code whose verifier was wrong is burnt.
#[tokio::test]
async fn a_wrong_verifier_burns_the_code() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let (code, request) = party.new_code(&app.browser(), "alice").await;
    let wrong = AuthRequest { verifier: "w".repeat(43), ..request.clone() };
    let answer = party.redeem(&code, &wrong).await;
    answer.assert_error(400, "invalid_grant");
    assert_eq!(app.rule_of(&answer).await, "AW-CODE-VERIFIER");
    party.redeem(&code, &request).await.assert_error(400, "invalid_grant");
    assert_eq!(rows::count(&app, "refresh_token_families"), 0);
}

/// RFC 9700 §4.8.2: the downgrade attack.
#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let exception = authward::domain::exception::Allowance::NoPkce;
    let app = TestApp::empty().client(clients::excepted("old", exception, START + 1000)).user("alice").start().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    let request = party.request().without("code_challenge").without("code_challenge_method");
    let code = party.code(&browser.get(&request.address()).await, &request);
    party.redeem(&code, &request).await.assert_error(400, "invalid_grant");
    let fields = without(&party.exchange(&code, &request), "code_verifier");
    party.token(&fields).await.assert_error(400, "invalid_grant");
    // And a challenge keeps its verifier needed also for that client.
    let (code, request) = party.new_code(&browser, "alice").await;
    let fields = without(&party.exchange(&code, &request), "code_verifier");
    party.token(&fields).await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §4.1.2: codes are short-lived.
#[tokio::test]
async fn a_code_works_for_60_seconds() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let (in_time, first) = party.new_code(&browser, "alice").await;
    let (late, second) = party.new_code(&browser, "alice").await;
    app.advance(59);
    party.tokens(&party.redeem(&in_time, &first).await, Some(&first)).await;
    app.advance(1);
    let answer = party.redeem(&late, &second).await;
    answer.assert_error(400, "invalid_grant");
    assert_eq!(app.rule_of(&answer).await, "AW-CODE-INVALID");
}

/// RFC 6749 §4.1.2, RFC 6749 §10.5, RFC 9700 §4.5
#[tokio::test]
async fn a_second_use_of_a_code_revokes_what_the_first_one_gave() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let (code, request) = party.new_code(&app.browser(), "alice").await;
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    let refreshed = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    party.userinfo(&tokens.access_token).await.assert_status(200);
    let again = party.redeem(&code, &request).await;
    again.assert_error(400, "invalid_grant");
    assert_eq!(app.rule_of(&again).await, "AW-CODE-REPLAYED");
    for token in [&tokens, &refreshed] {
        party.userinfo(&token.access_token).await.assert_status(401);
        party.refresh(token.refresh()).await.assert_error(400, "invalid_grant");
    }
}

/// RFC 6749 §10.5: a replay is a replay also long after the code has expired, and with a wrong verifier.
#[tokio::test]
async fn a_late_second_use_revokes_too() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let (code, request) = party.new_code(&app.browser(), "alice").await;
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    app.advance(400);
    let wrong = AuthRequest { verifier: "w".repeat(43), ..request };
    party.redeem(&code, &wrong).await.assert_error(400, "invalid_grant");
    party.userinfo(&tokens.access_token).await.assert_status(401);
    party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §4.1.3: other grants of the same user and client are another matter.
#[tokio::test]
async fn a_replay_revokes_one_grant_and_not_its_neighbours() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let neighbour = party.sign_in(&browser, "alice").await;
    let (code, request) = party.new_code(&browser, "alice").await;
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    party.redeem(&code, &request).await.assert_error(400, "invalid_grant");
    party.userinfo(&neighbour.access_token).await.assert_status(200);
    party.tokens(&party.refresh(neighbour.refresh()).await, None).await;
}

/// RFC 6749 §4.1.3, RFC 6749 §5.2, RFC 9700 §4.5
#[tokio::test]
async fn a_code_of_another_client_is_refused_and_not_burnt() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let (code, request) = party.new_code(&app.browser(), "alice").await;
    for thief in ["first-party", "native-app", "backend", "backend-post"] {
        let thief = app.relying_party(thief);
        thief.redeem(&code, &request).await.assert_error(400, "invalid_grant");
    }
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    // Nor does a stranger's attempt on a used code revoke anything.
    app.relying_party("first-party").redeem(&code, &request).await.assert_error(400, "invalid_grant");
    party.userinfo(&tokens.access_token).await.assert_status(200);
}

/// RFC 6749 §4.1.3
#[tokio::test]
async fn a_missing_or_other_redirect_uri_is_refused() {
    let client = Client {
        redirect_uris: redirects(&["https://own.example/callback", "https://own.example/b"], ApplicationType::Web),
        ..clients::first_party()
    };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for sent in [None, Some(""), Some("https://own.example/b"), Some("https://own.example/callback/"), Some("x")] {
        let (code, request) = party.new_code(&browser, "alice").await;
        let fields = without(&party.exchange(&code, &request), "redirect_uri");
        let fields = sent.map_or(fields.clone(), |uri| with(&fields, "redirect_uri", uri));
        let answer = party.token(&fields).await;
        answer.assert_error(400, "invalid_grant");
        assert_eq!(app.rule_of(&answer).await, "AW-CODE-REDIRECT-URI", "{sent:?}");
    }
}

/// RFC 8252 §7.3: the port of the authorization request is the port of the token request.
#[tokio::test]
async fn the_loopback_port_must_be_the_same_at_both_endpoints() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let (code, request) = party.new_code(&app.browser(), "alice").await;
    let other = AuthRequest { redirect_uri: "http://127.0.0.1:50000/callback".to_owned(), ..request };
    party.redeem(&code, &other).await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §4.1.3: where the authorization request named none, the token request may name the registered one only.
#[tokio::test]
async fn a_redirect_uri_that_was_not_sent_may_be_left_out_or_be_the_registered_one() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    for (sent, status) in
        [(None, 200), (Some("https://own.example/callback"), 200), (Some("https://evil.example/"), 400)]
    {
        let request = party.request().without("redirect_uri");
        let code = party.code(&browser.get(&request.address()).await, &request);
        let fields = without(&party.exchange(&code, &request), "redirect_uri");
        let fields = sent.map_or(fields.clone(), |uri| with(&fields, "redirect_uri", uri));
        party.token(&fields).await.assert_status(status);
    }
}

/// RFC 6749 §5.2
#[tokio::test]
async fn what_is_no_code_is_an_invalid_grant() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let changed = [
        code[..42].to_owned(),
        format!("{code}A"),
        format!("{code} "),
        format!("{code}\u{1}"),
        code.to_uppercase(),
        "x".repeat(43),
        "x".repeat(4000),
        "'; DROP TABLE users; --".to_owned(),
    ];
    for bad in &changed {
        party.redeem(bad, &request).await.assert_error(400, "invalid_grant");
    }
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
}

/// RFC 6749 §5.2
#[tokio::test]
async fn missing_fields_and_other_grants_are_refused_by_name() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let fields = party.exchange(&code, &request);
    party.token(&without(&fields, "grant_type")).await.assert_error(400, "invalid_request");
    party.token(&without(&fields, "code")).await.assert_error(400, "invalid_request");
    party.token(&with(&fields, "grant_type", "refresh_token")).await.assert_error(400, "invalid_request");
    for other in [
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "AUTHORIZATION_CODE",
        "authorization_code ",
    ] {
        party.token(&with(&fields, "grant_type", other)).await.assert_error(400, "unsupported_grant_type");
    }
    party.token(&with(&fields, "grant_type", "client_credentials")).await.assert_error(400, "unauthorized_client");
    party.token(&with(&fields, "grant_type", "password")).await.assert_error(400, "invalid_request");
    party.tokens(&party.token(&fields).await, Some(&request)).await;
}

/// RFC 6749 §3.2: a repeated parameter is an error, and the code stays what it was.
#[tokio::test]
async fn a_repeated_parameter_is_refused_before_the_code_is_touched() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let fields = party.exchange(&code, &request);
    for name in ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "unknown"] {
        let mut twice = fields.clone();
        let value = fields.iter().find(|(known, _)| known == name).map_or("first-party", |(_, value)| value);
        twice.push((name.to_owned(), value.to_owned()));
        if name == "unknown" {
            twice.push((name.to_owned(), value.to_owned()));
        }
        let answer = party.token(&twice).await;
        answer.assert_error(400, "invalid_request");
        assert_eq!(app.rule_of(&answer).await, "AW-PARAMETER-REPEATED", "{name}");
    }
    party.tokens(&party.token(&fields).await, Some(&request)).await;
}

/// RFC 6749 §2.3.1, RFC 6749 §3.2, RFC 9700 §4.3.2: nothing secret in a URL.
#[tokio::test]
async fn parameters_in_the_query_are_refused() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let fields = party.exchange(&code, &request);
    for name in ["code", "code_verifier", "refresh_token", "client_secret", "client_assertion", "password"] {
        let url = format!("{}?{name}=x", app.url("/token"));
        let mut body = fields.clone();
        body.push(("client_id".into(), "first-party".into()));
        app.send(app.http.post(url).form(&body)).await.assert_error(400, "invalid_request");
    }
    party.tokens(&party.token(&fields).await, Some(&request)).await;
}

/// RFC 6749 §5.2: a disabled account gets no tokens.
#[tokio::test]
async fn a_user_who_was_disabled_since_gets_no_tokens() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let now = app.now();
    app.change_user("alice", |user| user.disabled_at = Some(now)).await;
    let answer = party.redeem(&code, &request).await;
    answer.assert_error(400, "invalid_grant");
    assert_eq!(app.rule_of(&answer).await, "AW-USER-DISABLED");
    assert_eq!(rows::count(&app, "refresh_token_families"), 0);
}

/// RFC 6749 §2.1: access tokens live as long as their client is registered with.
#[tokio::test]
async fn a_clients_own_lifetime_is_in_its_tokens() {
    let lifetime = authward::domain::time::Lifetime::seconds(77);
    let client =
        Client { id: ClientId::new("first-party"), access_token_lifetime: Some(lifetime), ..clients::first_party() };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let party = app.relying_party("first-party");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    assert_eq!(tokens.expires_in, 77);
    app.advance(76);
    party.userinfo(&tokens.access_token).await.assert_status(200);
    app.advance(20);
    party.userinfo(&tokens.access_token).await.assert_status(401);
}
