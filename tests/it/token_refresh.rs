//! `grant_type=refresh_token` at `/token`: rotation, retries, replays, lifetimes, scope.

use crate::support::clients;
use crate::support::{PASSWORD, TestApp, Tokens, rows};
use authward::domain::client::Client;
use authward::domain::scope::ScopeSet;
use authward::domain::time::Lifetime;

const WINDOW: i64 = 10;
const IDLE: i64 = 14 * 86_400;
const WHOLE: i64 = 90 * 86_400;

fn with_scope(refresh_token: &str, scope: &str) -> Vec<(String, String)> {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("scope", scope)];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// RFC 6749 §6, RFC 9700 §2.2.2, RFC 9700 §4.14.2, OIDC Core §12.2
#[tokio::test]
async fn a_public_clients_refresh_token_changes_at_each_use() {
    let app = TestApp::start().await;
    for id in ["native-app", "spa"] {
        let party = app.relying_party(id);
        let mut tokens = party.sign_in(&app.browser(), "alice").await;
        for _ in 0..5 {
            app.advance(60);
            let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
            assert_ne!(next.refresh(), tokens.refresh());
            assert_eq!(next.scope, tokens.scope);
            party.userinfo(&next.access_token).await.assert_status(200);
            tokens = next;
        }
    }
    assert_eq!(rows::count(&app, "refresh_token_families"), 2, "a family is one row");
}

/// RFC 9700 §2.2.2: a confidential client's token is bound to its authentication and stays.
#[tokio::test]
async fn a_confidential_clients_refresh_token_stays() {
    let app = TestApp::start().await;
    for id in ["backend", "backend-post"] {
        let party = app.relying_party(id);
        let tokens = party.sign_in(&app.browser(), "alice").await;
        for _ in 0..3 {
            app.advance(86_400);
            let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
            assert_eq!(next.refresh(), tokens.refresh());
        }
    }
}

/// RFC 7591 §2: a client's registration may say otherwise.
#[tokio::test]
async fn rotation_follows_the_registration() {
    let client = Client { refresh_token_rotation: Some(true), ..clients::backend_basic() };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_ne!(next.refresh(), tokens.refresh());
}

/// RFC 9700 §4.14.2: two tabs, parallel calls, a retry.
#[tokio::test]
async fn a_repeat_within_the_window_gives_the_very_same_successor() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let first = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    for pause in [0, 1, WINDOW - 1, WINDOW] {
        app.advance(pause);
        let again = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
        assert_eq!(again.refresh(), first.refresh(), "after {pause} s more");
    }
    let next = party.tokens(&party.refresh(first.refresh()).await, None).await;
    assert_ne!(next.refresh(), first.refresh());
}

/// RFC 9700 §4.14.2: the answer was lost, and the client comes back with what it has.
#[tokio::test]
async fn a_client_whose_answer_was_lost_is_not_logged_out() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let mut tokens = party.sign_in(&app.browser(), "alice").await;
    for _ in 0..3 {
        let lost = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
        app.advance(WINDOW + 1);
        let again = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
        assert_ne!(again.refresh(), lost.refresh(), "the unused successor is dead from then on");
        tokens = again;
    }
}

/// RFC 9700 §4.14.2: two usable branches never exist.
#[tokio::test]
async fn the_successor_that_was_replaced_is_a_replay() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let lost = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    app.advance(WINDOW + 1);
    let live = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    party.refresh(lost.refresh()).await.assert_error(400, "invalid_grant");
    party.refresh(live.refresh()).await.assert_error(400, "invalid_grant");
}

/// RFC 9700 §4.14.2, RFC 6749 §10.4: breach detection.
#[tokio::test]
async fn a_replay_ends_the_family_and_its_access_tokens() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let neighbour = party.sign_in(&browser, "alice").await;
    let first = party.sign_in(&browser, "alice").await;
    let second = party.tokens(&party.refresh(first.refresh()).await, None).await;
    let third = party.tokens(&party.refresh(second.refresh()).await, None).await;
    let replay = party.refresh(first.refresh()).await;
    replay.assert_error(400, "invalid_grant");
    assert_eq!(app.rule_of(&replay).await, "AW-REFRESH-TOKEN-REPLAYED");
    for dead in [&first, &second, &third] {
        party.refresh(dead.refresh()).await.assert_error(400, "invalid_grant");
        party.userinfo(&dead.access_token).await.assert_status(401);
    }
    party.userinfo(&neighbour.access_token).await.assert_status(200);
    party.tokens(&party.refresh(neighbour.refresh()).await, None).await;
}

/// RFC 6749 §10.4: the token of one client is of no use to another, and trying ends nothing.
#[tokio::test]
async fn another_clients_refresh_token_is_refused() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    for thief in ["native-app", "first-party", "backend", "backend-post"] {
        app.relying_party(thief).refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
    }
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
}

/// RFC 6749 §10.4, RFC 6749 §10.10: only the exact string is a token.
#[tokio::test]
async fn a_tampered_token_is_refused_and_harms_nothing() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let token = tokens.refresh();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 5, "family, generation, attempt, key, MAC");
    let mut changed = vec![
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\u{1}"),
        format!("{token}.x"),
        token.to_uppercase(),
        token.to_lowercase(),
        token.replacen(".0.0.", ".1.0.", 1),
        token.replacen(".0.0.", ".0.1.", 1),
        token.replacen(".0.0.", ".00.0.", 1),
        token.replacen(".0.0.", ".+0.0.", 1),
        token.replacen(".0.0.", ".-0.0.", 1),
        token.replacen(".0.0.", ".9223372036854775807.0.", 1),
        parts[..4].join("."),
        parts[4].to_owned(),
        String::from("...."),
        "x".repeat(5000),
    ];
    // The last character of 32 bytes in base64url has two bits to spare; with them set it is another string.
    let last = parts[4].chars().last().unwrap();
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let value = alphabet.iter().position(|c| *c == last).unwrap();
    for bits in 1..4 {
        changed.push(format!("{}{}", &token[..token.len() - 1], alphabet[value ^ bits]));
    }
    for bad in &changed {
        let answer = party.refresh(bad).await;
        answer.assert_error(400, "invalid_grant");
        assert_eq!(app.rule_of(&answer).await, "AW-REFRESH-TOKEN-INVALID", "{bad}");
    }
    party.tokens(&party.refresh(token).await, None).await;
}

/// RFC 6749 §6: other kinds of tokens are no refresh tokens.
#[tokio::test]
async fn codes_access_and_id_tokens_do_not_refresh() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let tokens = party.sign_in(&browser, "alice").await;
    let (code, request) = party.new_code(&browser, "alice").await;
    for other in [&tokens.access_token, tokens.id_token.as_ref().unwrap(), &code] {
        party.refresh(other).await.assert_error(400, "invalid_grant");
    }
    for other in [tokens.refresh(), &tokens.access_token] {
        party.redeem(other, &request).await.assert_error(400, "invalid_grant");
    }
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
}

/// RFC 6749 §6: the scope may be narrower, never wider, and what was granted stays.
#[tokio::test]
async fn a_narrower_scope_is_of_one_answer_and_a_wider_one_is_refused() {
    let app = TestApp::start().await;
    for id in ["spa", "backend"] {
        let party = app.relying_party(id).scope("openid email offline_access");
        let tokens = party.sign_in(&app.browser(), "alice").await;
        let narrow = party.tokens(&party.token(&with_scope(tokens.refresh(), "email")).await, None).await;
        assert_eq!((narrow.scope.as_str(), &narrow.id_token), ("email", &None));
        party.userinfo(&narrow.access_token).await.assert_status(403);
        for wider in ["openid profile", "openid email offline_access phone", "email admin", "EMAIL"] {
            let answer = party.token(&with_scope(narrow.refresh(), wider)).await;
            answer.assert_error(400, "invalid_scope");
            assert_eq!(app.rule_of(&answer).await, "AW-SCOPE-WIDENED");
        }
        party.token(&with_scope(narrow.refresh(), "a\"b")).await.assert_error(400, "invalid_scope");
        let whole = party.tokens(&party.refresh(narrow.refresh()).await, None).await;
        assert_eq!(whole.scope, "openid email offline_access", "the family did not shrink");
    }
}

/// RFC 7591 §2 `scope`: what was taken from a client it has no more, also by what it was given before.
#[tokio::test]
async fn a_scope_that_was_taken_from_the_client_is_not_refreshed() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa").scope("openid email offline_access");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let narrowed = Client { scopes: ScopeSet::parse("openid profile").unwrap(), ..clients::spa() };
    let change = async |client: Client| {
        let id = client.id.clone();
        app.register(client).await;
        app.services.clients.forget(&id);
    };
    change(narrowed).await;
    let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_eq!(next.scope, "openid offline_access");
    change(clients::spa()).await;
    let back = party.tokens(&party.refresh(next.refresh()).await, None).await;
    assert_eq!(back.scope, "openid email offline_access", "what the person allowed did not shrink");
}

/// RFC 6749 §6: a refused request does not use the token up.
#[tokio::test]
async fn a_refused_widening_rotates_nothing() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa").scope("openid");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    party.token(&with_scope(tokens.refresh(), "openid email")).await.assert_error(400, "invalid_scope");
    app.advance(WINDOW + 1);
    let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    party.tokens(&party.refresh(next.refresh()).await, None).await;
}

/// RFC 9700 §4.14.2: refresh tokens expire when they are not used.
#[tokio::test]
async fn an_idle_family_ends_and_a_used_one_ends_too_at_last() {
    let app = TestApp::start().await;
    for id in ["native-app", "backend"] {
        let party = app.relying_party(id);
        let browser = app.browser();
        let (last, idle) = (party.sign_in(&browser, "alice").await, party.sign_in(&browser, "alice").await);
        app.advance(IDLE - 1);
        let mut used = party.tokens(&party.refresh(last.refresh()).await, None).await;
        app.advance(1);
        let answer = party.refresh(idle.refresh()).await;
        answer.assert_error(400, "invalid_grant");
        assert_eq!(app.rule_of(&answer).await, "AW-REFRESH-TOKEN-INVALID");
        let mut age = IDLE;
        while age + IDLE - 2 < WHOLE {
            app.advance(IDLE - 2);
            age += IDLE - 2;
            used = party.tokens(&party.refresh(used.refresh()).await, None).await;
        }
        app.advance(WHOLE - 1 - age);
        used = party.tokens(&party.refresh(used.refresh()).await, None).await;
        app.advance(1);
        party.refresh(used.refresh()).await.assert_error(400, "invalid_grant");
    }
}

/// RFC 9700 §4.14.2: lifetimes of a client's own.
#[tokio::test]
async fn a_clients_own_refresh_lifetimes_hold() {
    let client = Client {
        refresh_token_idle_lifetime: Some(Lifetime::seconds(100)),
        refresh_token_lifetime: Some(Lifetime::seconds(250)),
        ..clients::spa()
    };
    let app = TestApp::empty().client(client).user("alice").start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let (mut used, idle) = (party.sign_in(&browser, "alice").await, party.sign_in(&browser, "alice").await);
    for _ in 0..2 {
        app.advance(99);
        used = party.tokens(&party.refresh(used.refresh()).await, None).await;
    }
    party.refresh(idle.refresh()).await.assert_error(400, "invalid_grant");
    app.advance(51);
    party.tokens(&party.refresh(used.refresh()).await, None).await;
    app.advance(1);
    party.refresh(used.refresh()).await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §6: the user who refreshes must still be one.
#[tokio::test]
async fn a_disabled_user_is_refused_and_comes_back_when_enabled() {
    let app = TestApp::start().await;
    for id in ["spa", "backend"] {
        let party = app.relying_party(id);
        let tokens = party.sign_in(&app.browser(), "alice").await;
        let now = app.now();
        app.change_user("alice", |user| user.disabled_at = Some(now)).await;
        let answer = party.refresh(tokens.refresh()).await;
        answer.assert_error(400, "invalid_grant");
        assert_eq!(app.rule_of(&answer).await, "AW-USER-DISABLED");
        party.userinfo(&tokens.access_token).await.assert_status(401);
        app.change_user("alice", |user| user.disabled_at = None).await;
        party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    }
}

/// RFC 9700 §4.14.2: refresh tokens end with a password change, save those of the session that changed it.
#[tokio::test]
async fn a_password_change_ends_the_families_of_other_sessions() {
    let app = TestApp::start().await;
    let (here, there) = (app.signed_in("alice").await, app.signed_in("alice").await);
    let party = app.relying_party("spa");
    let own: Tokens = party.sign_in(&here, "alice").await;
    let other = party.sign_in(&there, "alice").await;
    let backend = app.relying_party("backend").sign_in(&there, "alice").await;
    let page = here.get("/account/password").await;
    let new = "another tram stop under eight maples";
    let fields = [("current_password", PASSWORD), ("password", new), ("password_confirmation", new)];
    here.submit(&page, &fields).await.assert_status(303);
    party.refresh(other.refresh()).await.assert_error(400, "invalid_grant");
    party.userinfo(&other.access_token).await.assert_status(401);
    app.relying_party("backend").refresh(backend.refresh()).await.assert_error(400, "invalid_grant");
    party.userinfo(&own.access_token).await.assert_status(200);
    party.tokens(&party.refresh(own.refresh()).await, None).await;
}

/// OIDC Core §11: signing out of the browser does not end what was granted for offline use.
#[tokio::test]
async fn a_logout_does_not_end_refresh_tokens() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let browser = app.browser();
    let tokens = party.sign_in(&browser, "alice").await;
    let page = browser.get("/logout").await;
    browser.submit(&page, &[("csrf", page.form_with("csrf").field("csrf"))]).await.assert_status(200);
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
}

/// RFC 6749 §5.2: the window of a retry may be set to nothing.
#[tokio::test]
async fn without_a_window_a_repeat_in_the_same_second_still_gives_the_same_successor() {
    let app = TestApp::with(|settings| settings.tokens.refresh_retry_window = Lifetime::seconds(0)).await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let first = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    let again = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_eq!(first.refresh(), again.refresh());
    app.advance(1);
    let later = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_ne!(later.refresh(), first.refresh());
}
