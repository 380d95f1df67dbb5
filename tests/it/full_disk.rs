//! A full disk: an honest 503, nothing half done, and work again without a restart.

use crate::support::{Answer, PASSWORD, TestApp, rows};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::process::Command;

/// Set for the process of the test below that may not write.
const CHILD: &str = "AUTHWARD_TEST_ON_A_FULL_DISK";

/// A process whose files may not grow is as good as a full disk, and needs no rights. It cannot be this process, which
/// runs other tests, so the test runs itself once more: on an embedded database, whose writes are its own.
#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_done() {
    if std::env::var_os(CHILD).is_some() {
        return work_on_a_full_disk().await;
    }
    let name = "full_disk::a_full_disk_is_said_and_nothing_is_half_done";
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\""]).arg(std::env::current_exe().unwrap()).arg(name);
    let child = child.env(CHILD, "1").env("AUTHWARD_TEST_DATABASE", "sqlite").output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

async fn work_on_a_full_disk() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let tokens = party.sign_in(&browser, "alice").await;
    let (code, request) = party.new_code(&browser, "alice").await;
    let (newcomer, visitor) = (app.browser(), app.browser());
    let (sign_up, login) = (newcomer.get("/signup").await, visitor.get("/login").await);
    let person = [
        ("username", "bob"),
        ("email", "bob@example.com"),
        ("password", PASSWORD),
        ("password_confirmation", PASSWORD),
    ];
    let alice = [("username", "alice"), ("password", PASSWORD)];
    let before = rows::counts(&app);

    let_files_grow_to(Some(0));
    for _ in 0..2 {
        assert_unavailable(party.redeem(&code, &request).await.assert_error(503, "temporarily_unavailable"));
        assert_unavailable(party.refresh(tokens.refresh()).await.assert_error(503, "temporarily_unavailable"));
        assert_unavailable(newcomer.submit(&sign_up, &person).await.assert_page(503));
        assert_unavailable(visitor.submit(&login, &alice).await.assert_page(503));
        // What needs no writing goes on.
        party.userinfo(&tokens.access_token).await.assert_status(200);
        browser.get("/account").await.assert_status(200);
    }
    let_files_grow_to(None);

    assert_eq!(rows::counts(&app), before);
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    newcomer.submit(&sign_up, &person).await.assert_status(303);
    visitor.submit(&login, &alice).await.assert_status(303);
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.header("retry-after"), "5", "{answer:?}");
}

/// Bounds the files of this process; `None` takes the bound away.
fn let_files_grow_to(bytes: Option<u64>) {
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}
