//! What an operator orders on the command line, as those feel it who are signed in: at once, on a server that runs.

use crate::support::{Browser, PASSWORD, TestApp};
use authward::domain::audit::{Actor, Event, EventKind};
use authward::domain::client::Client;

/// Runs a command of an operator, and returns what it printed.
fn order(app: &TestApp, arguments: &[&str]) -> String {
    app.command(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// The session has ended, and the right password begins no other.
async fn assert_is_out(browser: &Browser) {
    assert_eq!(browser.get("/account").await.location().as_deref(), Some("/login"));
    let page = browser.get("/login").await;
    browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await.assert_status(401);
}

/// RFC 9700 §4.14.2: what was issued for an account ends with it.
#[tokio::test]
async fn disabling_an_account_ends_its_sessions_and_tokens_at_once() {
    let app = TestApp::usual().user("bob").start().await;
    let party = app.relying_party("spa");
    let (browser, others) = (app.browser(), app.browser());
    let tokens = party.sign_in(&browser, "alice").await;
    let others_tokens = party.sign_in(&others, "bob").await;
    order(&app, &["user", "disable", "alice"]);
    party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
    party.userinfo(&tokens.access_token).await.assert_status(401);
    assert_is_out(&browser).await;
    party.userinfo(&others_tokens.access_token).await.assert_status(200);
    order(&app, &["user", "enable", "alice"]);
    party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
    party.sign_in(&app.browser(), "alice").await;
}

/// RFC 9700 §4.14.2
#[tokio::test]
async fn a_new_password_of_an_operator_ends_everything_but_the_account() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let printed = order(&app, &["user", "set-password", "alice"]);
    party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
    party.userinfo(&tokens.access_token).await.assert_status(401);
    let password = printed.split("Password (shown this once): ").nth(1).expect("the password").trim().to_owned();
    let browser = app.browser();
    browser.sign_in("alice", &password).await;
    assert!(browser.open("/account").await.text().contains("alice"));
}

/// RFC 9700 §4.14.2: what a client was given ends with it, and does not come back with it.
#[tokio::test]
async fn disabling_a_client_revokes_what_it_was_given() {
    let app = TestApp::start().await;
    let (party, another) = (app.relying_party("spa"), app.relying_party("native-app"));
    let browser = app.browser();
    let tokens = party.sign_in(&browser, "alice").await;
    let others = another.sign_in(&browser, "alice").await;
    order(&app, &["client", "disable", "spa"]);
    party.userinfo(&tokens.access_token).await.assert_status(401);
    another.userinfo(&others.access_token).await.assert_status(200);
    order(&app, &["client", "enable", "spa"]);
    party.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
    another.tokens(&another.refresh(others.refresh()).await, None).await;
}

#[tokio::test]
async fn what_a_document_lacks_is_pruned_with_everything_of_it() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let browser = app.browser();
    let tokens = party.sign_in(&browser, "alice").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nobody.yaml");
    std::fs::write(&file, "users: []\nclients: []\n").expect("the document");
    order(&app, &["apply", "--prune", &file.display().to_string()]);
    assert!(app.find_user("alice").await.is_none());
    assert_eq!(app.read(authward::store::clients::list).await, Vec::<Client>::new());
    party.userinfo(&tokens.access_token).await.assert_status(401);
    assert_is_out(&browser).await;
    let by_apply = |event: &Event| event.by.actor == Actor::Operator("apply".to_owned());
    let kinds: Vec<_> = app.events().await.into_iter().filter(by_apply).map(|event| event.kind).collect();
    for kind in [EventKind::UserRemoved, EventKind::ClientRemoved, EventKind::SessionsEnded, EventKind::GrantRevoked] {
        assert!(kinds.contains(&kind), "{kind:?}: {kinds:?}");
    }
}
