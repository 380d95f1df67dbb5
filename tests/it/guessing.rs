//! Guesses at once: of any number that begin together as many are looked at as of guesses one after the other, and
//! guesses at clients take no room from people. How guesses in a row are slowed is told where each is made.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::RelyingParty;
use crate::support::{Answer, Browser, PASSWORD, START, TestApp, rows};
use authward::domain::client::{Client, ClientSecret, GrantType};
use authward::domain::exception::Allowance;
use authward::domain::id::ClientId;
use authward::domain::secret::Secret;
use futures_util::future::join_all;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

const NEW: &str = "another tram stop under eight maples";

/// How many passwords or secrets were stretched meanwhile.
fn stretched(app: &TestApp, before: u64) -> u64 {
    let hashing = app.services.settings.accounts.passwords;
    (app.services.passwords.work() - before) / (u64::from(hashing.memory) * u64::from(hashing.iterations))
}

/// So many were looked at and wrong, in an answer of this status; all others have to wait so long, and cost nothing.
#[track_caller]
fn assert_looked_at(answers: &[Answer], (looked_at, wrong): (usize, u16), wait: &str) {
    let of = |status| answers.iter().filter(move |answer| answer.status == status);
    assert_eq!((of(wrong).count(), of(429).count()), (looked_at, answers.len() - looked_at), "{answers:?}");
    assert!(of(429).all(|answer| answer.header("retry-after") == wait), "{answers:?}");
}

async fn sign_ins(browser: &Browser, names: &[&str], password: &str) -> Vec<Answer> {
    let page = &browser.get("/login").await;
    let sign_in = |name| async move { browser.submit(page, &[("username", name), ("password", password)]).await };
    join_all(names.iter().copied().map(sign_in)).await
}

/// OWASP ASVS §2.2.1
#[tokio::test]
async fn the_login_page_looks_at_no_more_guesses_at_once_than_in_a_row() {
    let app = TestApp::start().await;
    for name in ["alice", "nobody"] {
        for (free, wait) in [(5, 1), (1, 2), (1, 4)] {
            let before = app.services.passwords.work();
            let answers = sign_ins(&app.browser(), &[name; 60], "wrong password").await;
            assert_looked_at(&answers, (free, 401), &wait.to_string());
            assert_eq!(stretched(&app, before), free as u64, "{name}");
            app.advance(wait);
        }
    }
    sign_ins(&app.browser(), &["alice"], PASSWORD).await[0].assert_status(303);
}

/// OWASP ASVS §2.2.1: a right password is not held up by its own attempt, and leaves no count behind.
#[tokio::test]
async fn right_passwords_at_once_are_all_right_and_count_nowhere() {
    let app = TestApp::start().await;
    for _ in 0..4 {
        for answer in sign_ins(&app.browser(), &["alice"; 60], PASSWORD).await {
            answer.assert_status(303);
        }
    }
    assert_eq!(rows::count(&app, "throttles"), 0);
    sign_ins(&app.browser(), &["alice"; 4], "wrong password").await;
    sign_ins(&app.browser(), &["alice"], PASSWORD).await[0].assert_status(303);
    assert_eq!(rows::count(&app, "throttles"), 2, "of the source and of the account");
}

/// Keeps the password pool at work, as fast as the database may bring attempts.
async fn keep_busy(app: &TestApp, is_over: &AtomicBool) {
    const SLOW: &str = "$2b$12$J.71kY1.BnCrSScI6dHQzuUxPqyHzhA6xj2bl8jGUJ3aGQn2uGx06";
    while !is_over.load(Ordering::SeqCst) {
        let looked_at = app.services.passwords.verify(&Secret::new("x"), Some(SLOW.to_owned())).await;
        if looked_at.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

/// OWASP ASVS §2.2.1: what could not be looked at is no failure.
#[tokio::test]
async fn an_attempt_that_finds_the_pool_full_counts_nowhere() {
    let app = TestApp::with(|settings| {
        settings.accounts.passwords.queue = 1;
        let login = &mut settings.limits.login;
        (login.account_source.free, login.source.free, login.account.free) = (1000, 1000, 1000);
    })
    .await;
    let browser = app.browser();
    let is_over = AtomicBool::new(false);
    let sign_in = async {
        let answers = sign_ins(&browser, &["alice"; 60], PASSWORD).await;
        is_over.store(true, Ordering::SeqCst);
        answers
    };
    let (answers, _) = futures_util::join!(sign_in, join_all((0..8).map(|_| keep_busy(&app, &is_over))));
    assert!(answers.iter().any(|answer| answer.status == 503), "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 303 | 503)), "{answers:?}");
    assert_eq!(rows::count(&app, "throttles"), 0);
}

/// RFC 6749 §4.3.2: "MUST protect the endpoint against brute force attacks"
#[tokio::test]
async fn the_password_grant_looks_at_no_more_guesses_at_once_than_in_a_row() {
    let legacy = Client {
        id: ClientId::new("legacy"),
        grant_types: vec![GrantType::Password],
        exceptions: clients::excepted("legacy", Allowance::PasswordGrant, START + 86_400).exceptions,
        ..clients::backend_basic()
    };
    let app = TestApp::usual().client(legacy).start().await;
    let party = RelyingParty { client_id: "legacy".to_owned(), ..app.relying_party("backend") };
    let fields = |password: &str| {
        let fields = [("grant_type", "password"), ("username", "alice"), ("password", password)];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let wrong = fields("wrong password");
    for (free, wait) in [(5, 1), (1, 2)] {
        let before = app.services.passwords.work();
        let answers = join_all((0..60).map(|_| party.token(&wrong))).await;
        assert_looked_at(&answers, (free, 400), &wait.to_string());
        assert_eq!(stretched(&app, before), free as u64);
        app.advance(wait);
    }
    party.token(&fields(PASSWORD)).await.assert_status(200);
}

/// OWASP ASVS §2.2.1: an open session is no place to guess the password.
#[tokio::test]
async fn the_change_of_a_password_looks_at_no_more_guesses_at_once_than_in_a_row() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let (browser, page) = (&browser, &browser.get("/account/password").await);
    let change = |current| async move {
        let values = [("current_password", current), ("password", NEW), ("password_confirmation", NEW)];
        browser.submit(page, &values).await
    };
    for (free, wait) in [(5, 1), (1, 2)] {
        let before = app.services.passwords.work();
        let answers = join_all((0..60).map(|_| change("wrong password"))).await;
        assert_looked_at(&answers, (free, 422), &wait.to_string());
        assert_eq!(stretched(&app, before), free as u64);
        app.advance(wait);
    }
    change(PASSWORD).await.assert_status(303);
}

/// OWASP ASVS §2.2.1: addresses are not tried by the thousand at once either.
#[tokio::test]
async fn the_change_of_an_address_tries_no_more_addresses_at_once_than_in_a_row() {
    let app = TestApp::start().await;
    app.add_user("bora").await;
    let browser = app.signed_in("alice").await;
    let (browser, page) = (&browser, &browser.get("/account/email").await);
    let change = |email| async move { browser.submit(page, &[("email", email), ("current_password", PASSWORD)]).await };
    let answers = join_all((0..60).map(|_| change("bora@example.com"))).await;
    assert_looked_at(&answers, (5, 422), "1");
    app.advance(1);
    change("free@example.com").await.assert_status(303);
}

/// A client whose secret a person chose: [`SECRET`].
async fn chosen(app: &TestApp, id: &str) {
    let hash = app.services.passwords.hash(&Secret::new(SECRET)).await.expect("a hash");
    let secret = Some(ClientSecret::Stretched(hash));
    app.register(Client { id: ClientId::new(id), secret, ..clients::backend_basic() }).await;
}

fn party<'a>(app: &'a TestApp, id: &str, secret: &str) -> RelyingParty<'a> {
    RelyingParty { client_id: id.to_owned(), secret: secret.to_owned(), ..app.relying_party("backend") }
}

/// RFC 6749 §2.3.1: "MUST protect any endpoint utilizing it against brute force attacks"
#[tokio::test]
async fn no_more_guesses_at_a_client_secret_are_looked_at_at_once_than_in_a_row() {
    let app = TestApp::start().await;
    chosen(&app, "chosen").await;
    chosen(&app, "proven").await;
    party(&app, "proven", SECRET).refresh("x").await.assert_error(400, "invalid_grant");
    for id in ["backend", "chosen", "proven"] {
        for (free, wait) in [(20, 1), (1, 2)] {
            let before = app.services.passwords.work();
            let guesser = party(&app, id, "wrong");
            let answers = join_all((0..64).map(|_| guesser.refresh("x"))).await;
            assert_looked_at(&answers, (free, 401), &wait.to_string());
            assert_eq!(stretched(&app, before), free as u64, "{id}");
            app.advance(wait);
        }
        party(&app, id, SECRET).refresh("x").await.assert_error(400, "invalid_grant");
    }
}

/// RFC 6749 §2.3.1: a client that begins with many requests at once is not held up by any of them.
#[tokio::test]
async fn a_right_secret_that_was_not_proven_yet_is_right_any_number_of_times_at_once() {
    let app = TestApp::start().await;
    chosen(&app, "chosen").await;
    let (party, before) = (party(&app, "chosen", SECRET), app.services.passwords.work());
    for answer in join_all((0..64).map(|_| party.refresh("x"))).await {
        answer.assert_error(400, "invalid_grant");
    }
    assert_eq!(stretched(&app, before), 1);
}

async fn flood(app: &TestApp, numbers: Range<usize>) -> Vec<Answer> {
    let ask = |n| async move {
        let client_id = format!("nobody-{n}");
        let form = [("grant_type", "client_credentials"), ("client_id", &client_id), ("client_secret", "x")];
        app.post("/token", &form).await
    };
    join_all(numbers.map(ask)).await
}

/// RFC 6749 §2.3.1: made-up clients wait by the network that they come from; those that are known there go on.
#[tokio::test]
async fn a_network_that_makes_up_clients_waits_and_nobody_else_does() {
    let app = TestApp::start().await;
    for id in ["chosen", "proven"] {
        chosen(&app, id).await;
    }
    party(&app, "proven", SECRET).refresh("x").await.assert_error(400, "invalid_grant");
    let names = ["bora", "chin", "dara", "eunji"];
    for name in names {
        app.add_user(name).await;
    }
    let browser = app.browser();
    for start in (0..450).step_by(50) {
        assert!(flood(&app, start..start + 50).await.iter().all(|answer| answer.status == 401));
    }
    let (flood, people) = futures_util::join!(flood(&app, 450..560), sign_ins(&browser, &names, PASSWORD));
    assert_looked_at(&flood, (50, 401), "1");
    for answer in people {
        answer.assert_status(303);
    }
    for id in ["backend", "proven"] {
        party(&app, id, SECRET).refresh("x").await.assert_error(400, "invalid_grant");
    }
    party(&app, "chosen", SECRET).refresh("x").await.assert_error(429, "temporarily_unavailable");
    app.advance(1);
    party(&app, "chosen", SECRET).refresh("x").await.assert_error(400, "invalid_grant");
}

/// RFC 9110 §15.6.4: what clients may have of the password pool is bounded; they are told so, and people sign in.
#[tokio::test]
async fn a_flood_of_made_up_clients_leaves_people_room_on_the_password_pool() {
    let app = TestApp::with(|settings| settings.accounts.passwords.queue = 8).await;
    let names = ["bora", "chin", "dara", "eunji"];
    for name in names {
        app.add_user(name).await;
    }
    let browser = app.browser();
    let (flood, people) = futures_util::join!(flood(&app, 0..90), sign_ins(&browser, &names, PASSWORD));
    for answer in people {
        answer.assert_status(303);
    }
    assert!(flood.iter().all(|answer| matches!(answer.status, 401 | 503)), "{flood:?}");
    app.relying_party("backend").refresh("x").await.assert_error(400, "invalid_grant");
}
