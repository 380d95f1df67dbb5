//! Signing up and changing the password: the rules, and every mistake at once.

use crate::support::{Answer, Browser, PASSWORD, TestApp, rows};

struct Entry<'a> {
    username: &'a str,
    email: &'a str,
    password: &'a str,
    confirmation: &'a str,
}

const FINE: Entry<'static> =
    Entry { username: "bora", email: "bora@example.com", password: PASSWORD, confirmation: PASSWORD };

async fn sign_up(browser: &Browser, entry: &Entry<'_>) -> Answer {
    let page = browser.get("/signup").await;
    let values = [
        ("username", entry.username),
        ("email", entry.email),
        ("password", entry.password),
        ("password_confirmation", entry.confirmation),
    ];
    browser.submit(&page, &values).await
}

/// The names of the fields that a page marks as wrong.
fn wrong_fields(answer: &Answer) -> Vec<String> {
    let html = scraper::Html::parse_document(&answer.text());
    let invalid = scraper::Selector::parse("[aria-invalid=true]").unwrap();
    html.select(&invalid).filter_map(|field| field.attr("name").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_person_who_signs_up_is_signed_in() {
    let app = TestApp::empty().start().await;
    let browser = app.browser();
    let answer = sign_up(&browser, &FINE).await;
    assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/account")));
    browser.get("/account").await.assert_status(200);
    let user = app.find_user("bora").await.unwrap();
    assert!(!user.email_verified && user.password_hash.unwrap().starts_with("$argon2id$"));
    app.signed_in("BORA").await;
}

#[tokio::test]
async fn signing_up_inside_a_flow_goes_on_with_the_flow() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let request = party.request();
    let login = browser.open(&request.address()).await;
    let links = login.texts("p.aside a");
    assert_eq!(links.len(), 1, "{login:?}");
    let interaction = login.form_with("password").field("interaction").to_owned();
    let page = browser.get(&format!("/signup?interaction={interaction}")).await;
    let values = [
        ("username", "bora"),
        ("email", "bora@example.com"),
        ("password", PASSWORD),
        ("password_confirmation", PASSWORD),
    ];
    let answer = browser.submit(&page, &values).await;
    let answer = browser.finish(answer, "bora").await;
    let code = party.code(&answer, &request);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    let claims = party.userinfo(&tokens.access_token).await.json();
    assert_eq!((&claims["preferred_username"], &claims["email_verified"]), (&"bora".into(), &false.into()));
}

#[tokio::test]
async fn every_mistake_is_shown_at_once_and_nothing_is_stored() {
    let app = TestApp::empty().start().await;
    let browser = app.browser();
    let wrong = Entry { username: "no spaces", email: "nowhere", password: "short", confirmation: "other" };
    let answer = sign_up(&browser, &wrong).await;
    answer.assert_page(422);
    assert_eq!(wrong_fields(&answer), ["username", "email", "password", "password_confirmation"]);
    assert!(answer.text().contains("value=\"no spaces\"") && answer.text().contains("value=\"nowhere\""));
    assert!(!answer.text().contains("short") || !answer.text().contains("value=\"short\""));
    assert_eq!(rows::count(&app, "users"), 0);
}

/// OWASP ASVS §2.1.1, OWASP ASVS §2.1.2, OWASP ASVS §2.1.7
#[tokio::test]
async fn a_password_has_8_to_256_characters_and_is_none_of_the_commonest() {
    let app = TestApp::empty().start().await;
    let long = "가나다라마바사아자차".repeat(26);
    let longest: String = long.chars().take(256).collect();
    let too_long: String = long.chars().take(257).collect();
    for bad in [
        "",
        "1234567",
        "가나다라마바사",
        "password",
        "12345678",
        "qwertyuiop",
        "bora1234",
        "bora@example.com",
        &too_long,
    ] {
        let answer = sign_up(&app.browser(), &Entry { password: bad, confirmation: bad, ..FINE }).await;
        answer.assert_page(422);
        assert_eq!(wrong_fields(&answer), ["password"], "{bad:?}");
    }
    let browser = app.browser();
    sign_up(&browser, &Entry { password: &longest, confirmation: &longest, ..FINE }).await.assert_status(303);
    let (cut, page) = (longest.chars().take(255).collect::<String>(), app.browser());
    let login = page.get("/login").await;
    page.submit(&login, &[("username", "bora"), ("password", &cut)]).await.assert_status(401);
    page.sign_in("bora", &longest).await;
}

/// RFC 8265 §4: composed and decomposed characters are the same password.
#[tokio::test]
async fn keyboards_that_compose_differently_type_the_same_password() {
    let app = TestApp::empty().start().await;
    let composed = "pässwörter für é";
    sign_up(&app.browser(), &Entry { password: composed, confirmation: composed, ..FINE }).await.assert_status(303);
    app.browser().sign_in("bora", "pa\u{308}sswo\u{308}rter fu\u{308}r e\u{301}").await;
}

/// RFC 8265 §3, Unicode TS 39: one name, however it is written.
#[tokio::test]
async fn a_taken_name_or_address_is_taken_in_every_spelling() {
    let app = TestApp::empty().start().await;
    sign_up(&app.browser(), &Entry { username: "paypal", email: "a@example.com", ..FINE }).await.assert_status(303);
    for (username, email) in [
        ("paypal", "b@example.com"),
        ("PayPal", "b@example.com"),
        ("ｐａｙｐａｌ", "b@example.com"),
        ("pаypal", "b@example.com"),
        ("other", "a@example.com"),
        ("other", "A@Example.COM"),
    ] {
        let answer = sign_up(&app.browser(), &Entry { username, email, ..FINE }).await;
        answer.assert_page(422);
        // The page does not tell which of the two is taken.
        assert!(wrong_fields(&answer).is_empty(), "{username} {email}");
        assert_eq!(answer.set_cookies().len(), 0);
    }
    assert_eq!(rows::count(&app, "users"), 1);
}

#[tokio::test]
async fn names_of_many_scripts_are_fine_and_odd_ones_are_not() {
    let app = TestApp::empty().start().await;
    for (n, fine) in ["김민지", "x", "user.name-1_2", "Ελένη", "ñandú"].into_iter().enumerate() {
        let email = format!("p{n}@example.com");
        sign_up(&app.browser(), &Entry { username: fine, email: &email, ..FINE }).await.assert_status(303);
    }
    for odd in ["", "a b", ".a", "a.", "a@b", "a\u{202e}b", "<b>", "a\u{1}b", "a/b", &"x".repeat(65)] {
        let answer = sign_up(&app.browser(), &Entry { username: odd, ..FINE }).await;
        answer.assert_page(422);
        assert_eq!(wrong_fields(&answer), ["username"], "{odd:?}");
    }
}

#[tokio::test]
async fn what_was_typed_is_escaped_when_it_is_shown_again() {
    let app = TestApp::empty().start().await;
    let script = "\"><script>alert(1)</script>";
    let answer = sign_up(&app.browser(), &Entry { username: script, email: script, ..FINE }).await;
    assert!(!answer.text().contains("<script>alert"), "{answer:?}");
    let browser = app.browser();
    let page = browser.get("/login").await;
    let answer = browser.submit(&page, &[("username", script), ("password", "x")]).await;
    assert!(!answer.text().contains("<script>alert"), "{answer:?}");
}

#[tokio::test]
async fn sign_up_can_be_closed() {
    let app = TestApp::with(|settings| settings.accounts.sign_up = false).await;
    app.get("/signup").await.assert_status(404);
    app.post("/signup", &[("username", "x")]).await.assert_status(404);
    let login = app.browser().get("/login").await;
    assert!(!login.text().contains("/signup"), "{login:?}");
}

/// OWASP ASVS §2.1.5, OWASP ASVS §2.1.6, OWASP ASVS §3.3.3
#[tokio::test]
async fn a_password_change_needs_the_old_one_and_ends_the_other_sessions() {
    let app = TestApp::start().await;
    let (here, there) = (app.signed_in("alice").await, app.signed_in("alice").await);
    let new = "another tram stop under eight maples";
    let change = async |current: &str, new: &str, again: &str| {
        let page = here.get("/account/password").await;
        let values = [("current_password", current), ("password", new), ("password_confirmation", again)];
        here.submit(&page, &values).await
    };
    let answer = change("wrong", "short", "other").await;
    answer.assert_page(422);
    assert_eq!(wrong_fields(&answer), ["current_password", "password", "password_confirmation"]);
    change("wrong", new, new).await.assert_page(422);
    change(PASSWORD, "alice1234", "alice1234").await.assert_page(422);
    let answer = change(PASSWORD, new, new).await;
    assert_eq!(answer.location().as_deref(), Some("/account?changed=1"));
    here.get("/account").await.assert_status(200);
    assert_eq!(there.get("/account").await.location().as_deref(), Some("/login"));
    let old = app.browser();
    let page = old.get("/login").await;
    old.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await.assert_status(401);
    app.browser().sign_in("alice", new).await;
}

/// OWASP ASVS §2.2.1: an open session is no place to guess the password.
#[tokio::test]
async fn guessing_the_current_password_is_slowed_too() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let new = "another tram stop under eight maples";
    let change = async |current: &str| {
        let page = browser.get("/account/password").await;
        let values = [("current_password", current), ("password", new), ("password_confirmation", new)];
        browser.submit(&page, &values).await.status
    };
    for _ in 0..5 {
        assert_eq!(change("wrong").await, 422);
    }
    assert_eq!(change(PASSWORD).await, 429, "held up");
    app.advance(1);
    assert_eq!(change(PASSWORD).await, 303);
}
