//! Client authentication at `/token` (RFC 6749 §2.3): one method a request, and the registered one.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::basic;
use crate::support::{Answer, TestApp};
use authward::domain::client::{Client, ClientAuthentication, ClientSecret};
use authward::domain::id::ClientId;
use authward::domain::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

type Fields = Vec<(String, String)>;

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

async fn post(app: &TestApp, authorization: &[&str], fields: &Fields) -> Answer {
    let mut request = app.http.post(app.url("/token")).form(fields);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    app.send(request).await
}

/// RFC 6749 §2.3, RFC 6749 §2.3.1, RFC 6749 §5.2, RFC 7591 §2
#[tokio::test]
async fn a_client_has_one_method_and_no_other_works() {
    let app = TestApp::start().await;
    for (id, method) in [
        ("backend", ClientAuthentication::ClientSecretBasic),
        ("backend-post", ClientAuthentication::ClientSecretPost),
        ("first-party", ClientAuthentication::None),
    ] {
        let party = app.relying_party(id);
        let browser = app.signed_in("alice").await;
        let (code, request) = party.new_code(&browser, "alice").await;
        let exchange = party.exchange(&code, &request);
        for sent in ClientAuthentication::ALL {
            let mut other = party.clone();
            other.authentication = sent;
            if sent == method {
                continue;
            }
            let answer = other.token(&exchange).await;
            answer.assert_error(401, "invalid_client");
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"authward\", charset=\"UTF-8\"");
            assert_eq!(app.rule_of(&answer).await, "AW-CLIENT-AUTHENTICATION");
        }
        // A refused client neither used the code up nor counted as a replay.
        party.tokens(&party.token(&exchange).await, Some(&request)).await;
    }
}

/// RFC 6749 §5.2, RFC 9110 §11.6.1: unknown client and wrong secret look the same.
#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_look_the_same() {
    let app = TestApp::start().await;
    let refuse = async |id: &str, secret: &str, by: ClientAuthentication| {
        let mut party = app.relying_party("backend");
        party.client_id = id.to_owned();
        party.secret = secret.to_owned();
        party.authentication = by;
        let answer = party.refresh("x").await;
        answer.assert_error(401, "invalid_client");
        let reference = answer.reference();
        (answer.text().replace(&reference, "REFERENCE"), answer.header("www-authenticate"))
    };
    for by in [ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost] {
        let id = if by == ClientAuthentication::ClientSecretBasic { "backend" } else { "backend-post" };
        let wrong = refuse(id, "wrong", by).await;
        assert_eq!(refuse("nobody", "wrong", by).await, wrong);
        assert_eq!(refuse("nobody", SECRET, by).await, wrong);
        assert_eq!(refuse("first-party", SECRET, by).await, wrong);
    }
}

/// RFC 6749 §5.2: unknown client, wrong secret and wrong method last the same, most of which would be the hash.
#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_cost_the_same_work() {
    let app = TestApp::start().await;
    let hash = app.services.passwords.hash(&Secret::new("chosen by a person")).await.unwrap();
    let chosen =
        Client { id: ClientId::new("chosen"), secret: Some(ClientSecret::Stretched(hash)), ..clients::backend_basic() };
    app.register(chosen).await;
    let hashing = app.services.settings.accounts.passwords;
    let one_hash = u64::from(hashing.memory) * u64::from(hashing.iterations);
    let mut party = app.relying_party("backend");
    for by in [ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost] {
        for id in ["nobody", "backend", "backend-post", "first-party", "chosen"] {
            (party.client_id, party.secret, party.authentication) = (id.to_owned(), "wrong".to_owned(), by);
            let before = app.services.passwords.work();
            party.refresh("x").await.assert_error(401, "invalid_client");
            assert_eq!(app.services.passwords.work() - before, one_hash, "{id} {by:?}");
        }
    }
    party.authentication = ClientAuthentication::None;
    for id in ["nobody", "backend", "chosen"] {
        id.clone_into(&mut party.client_id);
        let before = app.services.passwords.work();
        party.refresh("x").await.assert_error(401, "invalid_client");
        assert_eq!(app.services.passwords.work(), before, "{id} without a secret");
    }
}

/// RFC 6749 §2.3.1: the exact secret, and nothing like it.
#[tokio::test]
async fn only_the_exact_secret_is_the_secret() {
    let app = TestApp::start().await;
    let similar = [
        SECRET[..SECRET.len() - 1].to_owned(),
        format!("{SECRET}x"),
        format!("{SECRET}\u{1}"),
        format!(" {SECRET}"),
        format!("{SECRET} "),
        SECRET.to_lowercase(),
        SECRET.to_uppercase(),
    ];
    for id in ["backend", "backend-post"] {
        for bad in &similar {
            let mut party = app.relying_party(id);
            party.secret.clone_from(bad);
            party.refresh("x").await.assert_error(401, "invalid_client");
        }
        app.relying_party(id).refresh("x").await.assert_error(400, "invalid_grant");
    }
}

/// RFC 6749 §2.3.1, RFC 6749 appendix B: both parts of the header are form-encoded.
#[tokio::test]
async fn both_parts_of_a_basic_header_are_form_decoded() {
    let (id, secret) = ("my:app+%25", "p+w:d%20 é~한");
    let app = TestApp::empty().start().await;
    let hash = app.services.passwords.hash(&Secret::new(secret)).await.unwrap();
    let client =
        Client { id: ClientId::new(id), secret: Some(ClientSecret::Stretched(hash)), ..clients::backend_basic() };
    app.register(client).await;
    let fields = vec![field("grant_type", "refresh_token"), field("refresh_token", "x")];
    let encoded = basic(id, secret);
    post(&app, &[&encoded], &fields).await.assert_error(400, "invalid_grant");
    post(&app, &[&encoded.replace("Basic", "bASIC")], &fields).await.assert_error(400, "invalid_grant");
    let unencoded = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    post(&app, &[&unencoded], &fields).await.assert_error(401, "invalid_client");
}

/// RFC 6749 §2.3: not more than one method in one request.
#[tokio::test]
async fn two_methods_at_once_are_an_error() {
    let app = TestApp::start().await;
    let right = basic("backend", SECRET);
    let base = vec![field("grant_type", "refresh_token"), field("refresh_token", "x")];
    let and = |more: &[(&str, &str)]| {
        base.iter().cloned().chain(more.iter().map(|(name, value)| field(name, value))).collect::<Fields>()
    };
    post(&app, &[&right], &and(&[("client_id", "backend"), ("client_secret", SECRET)]))
        .await
        .assert_error(400, "invalid_request");
    post(&app, &[&right], &and(&[("client_secret", SECRET)])).await.assert_error(400, "invalid_request");
    post(&app, &[&right], &and(&[("client_id", "first-party")])).await.assert_error(400, "invalid_request");
    post(&app, &[&right, &right], &base).await.assert_error(400, "invalid_request");
    // The header's client_id once more in the body says nothing new.
    post(&app, &[&right], &and(&[("client_id", "backend")])).await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §5.2, RFC 7617 §2
#[tokio::test]
async fn a_malformed_header_is_a_failed_authentication() {
    let app = TestApp::start().await;
    let base = vec![field("grant_type", "refresh_token"), field("refresh_token", "x")];
    let right = basic("backend", SECRET);
    let no_colon = format!("Basic {}", STANDARD.encode("backend"));
    let not_utf8 = format!("Basic {}", STANDARD.encode(b"backend:\xff\xfe"));
    let broken_percent = format!("Basic {}", STANDARD.encode("backend:%zz"));
    let nul = format!("Basic {}", STANDARD.encode(format!("backend\0:{SECRET}")));
    let long = format!("Basic {}", "A".repeat(9000));
    let bearer = right.replace("Basic", "Bearer");
    for header in
        ["Basic", "Basic ", "Basic !!!", "Digest x", "", &no_colon, &not_utf8, &broken_percent, &nul, &long, &bearer]
    {
        post(&app, &[header], &base).await.assert_error(401, "invalid_client");
    }
    post(&app, &[], &base).await.assert_error(401, "invalid_client");
    let assertion = [
        base,
        vec![
            field("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            field("client_assertion", "e30.e30.x"),
            field("client_id", "backend"),
        ],
    ]
    .concat();
    post(&app, &[], &assertion).await.assert_error(401, "invalid_client");
}

/// RFC 6749 §2.3.1: some libraries (x/oauth2 among them) try the header first, with an empty secret for a public client,
/// and then send the very same code in the body.
#[tokio::test]
async fn a_client_that_probes_for_its_method_still_gets_its_tokens() {
    let app = TestApp::start().await;
    for id in ["native-app", "backend-post"] {
        let party = app.relying_party(id);
        let (code, request) = party.new_code(&app.browser(), "alice").await;
        let exchange = party.exchange(&code, &request);
        let secret = if id == "native-app" { "" } else { SECRET };
        post(&app, &[&basic(id, secret)], &exchange).await.assert_error(401, "invalid_client");
        party.tokens(&party.token(&exchange).await, Some(&request)).await;
    }
}

/// RFC 6749 §2.3.1: guessing of client secrets is limited, and the right secret works again after the wait.
#[tokio::test]
async fn guessing_a_secret_is_slowed_down() {
    let app = TestApp::start().await;
    let mut guess = app.relying_party("backend");
    guess.secret = "wrong".to_owned();
    for _ in 0..20 {
        guess.refresh("x").await.assert_error(401, "invalid_client");
    }
    let mut longest = 0;
    for _ in 0..10 {
        let answer = guess.refresh("x").await;
        answer.assert_status(429).assert_no_store();
        let seconds: i64 = answer.header("retry-after").parse().unwrap();
        assert!((longest..=60).contains(&seconds), "{seconds} after {longest}");
        longest = seconds;
        app.advance(seconds);
        guess.refresh("x").await.assert_error(401, "invalid_client");
    }
    assert_eq!(longest, 60, "it grows, and is bounded");
    app.advance(60);
    app.relying_party("backend").refresh("x").await.assert_error(400, "invalid_grant");
    app.relying_party("backend-post").refresh("x").await.assert_error(400, "invalid_grant");
}

/// RFC 6749 §3.2.1: a client that was disabled is no client any more.
#[tokio::test]
async fn a_disabled_client_is_refused() {
    let disabled =
        Client { disabled_at: Some(authward::domain::time::Timestamp::from_seconds(1)), ..clients::backend_basic() };
    let app = TestApp::empty().client(disabled).start().await;
    app.relying_party("backend").refresh("x").await.assert_error(401, "invalid_client");
}
