//! Signing in and out: sessions, what is told and what is not, and how guessing is slowed.

use crate::support::{Answer, Browser, PASSWORD, TestApp, rows};

/// A try to sign in on the login page.
async fn attempt(browser: &Browser, username: &str, password: &str) -> Answer {
    let page = browser.get("/login").await;
    browser.submit(&page, &[("username", username), ("password", password)]).await
}

/// What a page says without what differs by nature: the typed name, the reference, the form's token.
fn without_particulars(answer: &Answer, typed: &str) -> String {
    let csrf = answer.form_with("password").field("csrf").to_owned();
    answer.text().replace(&csrf, "TOKEN").replace(&answer.reference(), "REFERENCE").replace(typed, "NAME")
}

#[tokio::test]
async fn a_person_signs_in_by_user_name_or_address_in_any_case() {
    let app = TestApp::start().await;
    for name in ["alice", "ALICE", "ａｌｉｃｅ", "alice@example.com", "Alice@EXAMPLE.com", " alice "] {
        let browser = app.browser();
        let answer = attempt(&browser, name, PASSWORD).await;
        assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/account")), "{name}");
        let account = browser.get("/account").await;
        assert!(account.text().contains("alice@example.com"), "{name}");
    }
}

/// OWASP ASVS §2.2: unknown user and wrong password cannot be told apart.
#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let app = TestApp::start().await;
    app.add_user("gone").await;
    let now = app.now();
    app.change_user("gone", |user| user.disabled_at = Some(now)).await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong password here"),
        ("nobody", "wrong password here"),
        ("nobody@example.com", "wrong password here"),
        ("alice", ""),
        ("nobody", ""),
        ("gone", PASSWORD),
        ("not a name!", "x"),
        ("alice", &"x".repeat(5000)),
    ] {
        let browser = app.browser();
        let answer = attempt(&browser, name, password).await;
        answer.assert_page(401);
        assert_eq!(app.rule_of(&answer).await, "AW-PASSWORD-WRONG");
        assert_eq!(browser.cookie("session"), None);
        answers.push(without_particulars(&answer, name));
    }
    assert!(answers.iter().all(|text| *text == answers[0]), "{answers:#?}");
}

/// OWASP ASVS §2.2: nor by the time it takes, most of which is the hash.
#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_cost_the_same_work() {
    let app = TestApp::start().await;
    for name in ["gone", "bare"] {
        app.add_user(name).await;
    }
    let now = app.now();
    app.change_user("gone", |user| user.disabled_at = Some(now)).await;
    app.change_user("bare", |user| user.password_hash = None).await;
    let hashing = app.services.settings.accounts.passwords;
    let one_hash = u64::from(hashing.memory) * u64::from(hashing.iterations);
    for (name, password) in [
        ("alice", "wrong password here"),
        ("nobody", "wrong password here"),
        ("nobody@example.com", "wrong password here"),
        ("not a name!", "wrong password here"),
        ("bare", "wrong password here"),
        ("alice", ""),
        ("nobody", ""),
        ("gone", PASSWORD),
    ] {
        let before = app.services.passwords.work();
        attempt(&app.browser(), name, password).await.assert_status(401);
        assert_eq!(app.services.passwords.work() - before, one_hash, "{name} {password:?}");
    }
    // What cannot be anybody's password is not computed for anybody.
    for name in ["alice", "nobody"] {
        let before = app.services.passwords.work();
        attempt(&app.browser(), name, &"x".repeat(5000)).await.assert_status(401);
        assert_eq!(app.services.passwords.work(), before, "{name}");
    }
}

/// OWASP ASVS §2.1: as typed, in the form that keyboards disagree about, never cut off.
#[tokio::test]
async fn a_password_counts_whole_and_as_typed() {
    let app = TestApp::start().await;
    for wrong in [
        &PASSWORD[..PASSWORD.len() - 1],
        &format!("{PASSWORD} "),
        &format!(" {PASSWORD}"),
        &PASSWORD.to_uppercase(),
        &format!("{PASSWORD}\u{1}"),
    ] {
        attempt(&app.browser(), "alice", wrong).await.assert_status(401);
        app.advance(60);
    }
    attempt(&app.browser(), "alice", PASSWORD).await.assert_status(303);
}

/// OWASP ASVS §3.2.1: session fixation.
#[tokio::test]
async fn every_sign_in_gives_a_new_session_and_ends_the_old_one() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let planted = format!("authward-{}-session", app.port);
    browser.set_cookie(&planted, "a-value-that-an-attacker-planted-here-000000");
    browser.sign_in("alice", PASSWORD).await;
    let first = browser.cookie("session").unwrap();
    assert_eq!(first.len(), 43);
    assert!(!first.contains("planted"));
    let thief = browser.stolen();
    thief.get("/account").await.assert_status(200);
    let request = app.relying_party("first-party").request().with("prompt", "login");
    browser.finish(browser.get(&request.address()).await, "alice").await;
    assert_ne!(browser.cookie("session").unwrap(), first);
    assert_eq!(thief.get("/account").await.location().as_deref(), Some("/login"));
    assert_eq!(rows::count(&app, "sessions"), 1);
}

/// OWASP ASVS §3.3.1: the server forgets the session, not only the browser.
#[tokio::test]
async fn a_logout_ends_the_session_at_the_server() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let thief = browser.stolen();
    let page = browser.get("/logout").await;
    page.assert_page(200);
    assert_eq!(rows::count(&app, "sessions"), 1, "a link alone signs nobody out");
    let answer = browser.submit(&page, &[("csrf", page.form_with("csrf").field("csrf"))]).await;
    answer.assert_page(200);
    assert_eq!(browser.cookie("session"), None);
    assert_eq!(rows::count(&app, "sessions"), 0);
    assert_eq!(thief.get("/account").await.location().as_deref(), Some("/login"));
    let request = app.relying_party("first-party").request().with("prompt", "none");
    assert_eq!(thief.get(&request.address()).await.query()["error"], "login_required");
}

/// OWASP ASVS §3.3: a disabled account has no session any more.
#[tokio::test]
async fn a_disabled_user_is_signed_out_everywhere() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let now = app.now();
    app.change_user("alice", |user| user.disabled_at = Some(now)).await;
    assert_eq!(browser.get("/account").await.location().as_deref(), Some("/login"));
    let request = app.relying_party("first-party").request().with("prompt", "none");
    assert_eq!(browser.get(&request.address()).await.query()["error"], "login_required");
}

/// OWASP ASVS §2.2.1: guessing is slowed, the wait grows and is bounded, and the right password works after it.
#[tokio::test]
async fn guessing_is_slowed_and_never_locks_anybody_out() {
    let app = TestApp::start().await;
    let guesser = app.browser();
    for _ in 0..5 {
        attempt(&guesser, "alice", "wrong password").await.assert_status(401);
    }
    let mut waits = Vec::new();
    for _ in 0..9 {
        let held_up = attempt(&guesser, "alice", PASSWORD).await;
        held_up.assert_page(429);
        assert_eq!(app.rule_of(&held_up).await, "AW-THROTTLED");
        let seconds: i64 = held_up.header("retry-after").parse().unwrap();
        waits.push(seconds);
        app.advance(seconds);
        attempt(&guesser, "alice", "wrong password").await.assert_status(401);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    app.advance(60);
    attempt(&guesser, "alice", PASSWORD).await.assert_status(303);
}

/// OWASP ASVS §2.2.1: any spelling of the name is the same account, and so is its address.
#[tokio::test]
async fn other_spellings_of_a_name_count_as_the_same_account() {
    let app = TestApp::start().await;
    for name in ["alice", "ALICE", "Alice", "alice@example.com", "ａｌｉｃｅ"] {
        attempt(&app.browser(), name, "wrong password").await.assert_status(401);
    }
    attempt(&app.browser(), "aLiCe", PASSWORD).await.assert_status(429);
}

/// RFC 7239 §8.1: headers of strangers are not believed.
#[tokio::test]
async fn a_forwarding_header_is_no_way_round() {
    let app = TestApp::start().await;
    for n in 0..5 {
        let browser = app.browser().with_header("x-forwarded-for", &format!("203.0.113.{n}"));
        attempt(&browser, "alice", "wrong password").await.assert_status(401);
    }
    for (name, value) in [
        ("x-forwarded-for", "198.51.100.7"),
        ("forwarded", "for=198.51.100.7"),
        ("x-real-ip", "198.51.100.7"),
        ("true-client-ip", "198.51.100.7"),
        ("cf-connecting-ip", "198.51.100.7"),
    ] {
        attempt(&app.browser().with_header(name, value), "alice", PASSWORD).await.assert_status(429);
    }
}

/// RFC 7239 §4: behind a trusted proxy the source is who the proxy says.
#[tokio::test]
async fn a_trusted_proxys_header_tells_sources_apart() {
    let app = TestApp::with(|settings| settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    for _ in 0..5 {
        let browser = app.browser().with_header("x-forwarded-for", "203.0.113.5");
        attempt(&browser, "alice", "wrong password").await.assert_status(401);
    }
    let same = app.browser().with_header("x-forwarded-for", "198.51.100.1, 203.0.113.5");
    attempt(&same, "alice", PASSWORD).await.assert_status(429);
    let other = app.browser().with_header("x-forwarded-for", "203.0.113.5, 198.51.100.1");
    attempt(&other, "alice", PASSWORD).await.assert_status(303);
}

/// OWASP ASVS §2.2.1: the owner's own device is not held up by the guesses of others.
#[tokio::test]
async fn a_device_that_signed_in_before_is_not_held_up() {
    let app = TestApp::start().await;
    let owner = app.signed_in("alice").await;
    owner.forget("session");
    for _ in 0..6 {
        attempt(&app.browser(), "alice", "wrong password").await;
    }
    attempt(&app.browser(), "alice", PASSWORD).await.assert_status(429);
    attempt(&owner, "alice", PASSWORD).await.assert_status(303);
    // The mark is for its account and cannot be made up.
    app.add_user("mallory").await;
    let mallory = app.signed_in("mallory").await;
    mallory.forget("session");
    attempt(&mallory, "alice", PASSWORD).await.assert_status(429);
    let forger = app.browser();
    forger.set_cookie(&format!("authward-{}-device", app.port), "0123456789abcdef.k.AAAA");
    attempt(&forger, "alice", PASSWORD).await.assert_status(429);
}

/// OWASP ASVS §2.2.1: live sessions are not touched by guesses.
#[tokio::test]
async fn guesses_do_not_end_the_owners_sessions() {
    let app = TestApp::start().await;
    let owner = app.signed_in("alice").await;
    for _ in 0..10 {
        attempt(&app.browser(), "alice", "wrong password").await;
    }
    owner.get("/account").await.assert_status(200);
}

/// OWASP ASVS §2.2.1: unknown names are held up alike, or waiting would tell who has an account.
#[tokio::test]
async fn an_unknown_name_is_held_up_as_a_known_one() {
    let app = TestApp::start().await;
    for name in ["alice", "nobody"] {
        let mut statuses = Vec::new();
        for _ in 0..7 {
            statuses.push(attempt(&app.browser(), name, "wrong password").await.status);
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{name}");
    }
}

#[tokio::test]
async fn one_source_that_tries_many_accounts_is_slowed_too() {
    let app = TestApp::with(|settings| settings.limits.login.source.free = 8).await;
    for n in 0..8 {
        attempt(&app.browser(), &format!("person{n}"), "wrong password").await.assert_status(401);
    }
    attempt(&app.browser(), "alice", PASSWORD).await.assert_status(429);
    app.advance(1);
    attempt(&app.browser(), "alice", PASSWORD).await.assert_status(303);
}

#[tokio::test]
async fn somebody_who_is_signed_in_needs_no_login_page() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    assert_eq!(browser.get("/login").await.location().as_deref(), Some("/account"));
    assert_eq!(app.browser().get("/account").await.location().as_deref(), Some("/login"));
    let asked = app.browser().get("/account/password").await;
    assert_eq!(asked.location().as_deref(), Some("/login?return=%2Faccount%2Fpassword"));
}

/// OWASP ASVS §2.4.4: a hash of weaker parameters is replaced at the next sign-in.
#[tokio::test]
async fn a_weak_stored_hash_is_renewed_at_the_next_sign_in() {
    let app = TestApp::with(|settings| settings.accounts.passwords.memory = 128).await;
    let options = authward::settings::PasswordHashing { memory: 64, ..app.services.settings.accounts.passwords };
    let weak = authward::passwords::Passwords::new(&options, authward::entropy::Entropy::seeded(7)).unwrap();
    let hash = weak.hash(&authward::domain::secret::Secret::new(PASSWORD)).await.unwrap();
    let (user, now, stored) = (app.find_user("alice").await.unwrap(), app.now(), hash.clone());
    app.write(move |db| authward::store::users::set_password_hash(db, &user.id, &stored, now)).await;
    app.signed_in("alice").await;
    let renewed = app.find_user("alice").await.unwrap().password_hash.unwrap();
    assert!(renewed.contains("m=128,") && hash.contains("m=64,"), "{renewed}");
    app.signed_in("alice").await;
}

/// OWASP ASVS §2.4: a hash from another system signs its user in, once, and is ours from then on.
#[tokio::test]
async fn a_hash_from_elsewhere_is_replaced_at_the_first_right_password() {
    let app = TestApp::start().await;
    for hash in [
        "$2b$04$J.71kY1.BnCrSScI6dHQzuUxPqyHzhA6xj2bl8jGUJ3aGQn2uGx06",
        "$pbkdf2-sha256$1000$/p.zlnIu5dy7d06JcU6pNQ$Fd.Vz/mZW.YupLvyK.GbH.8EGr8HZiR6z3Panz2B5OY",
        "$scrypt$ln=8,r=8,p=1$L4XQWivlnNN6D8FYSyllbA$g7FqryzwxZDWq0T2IIoFNhe4lTWjLZPGcX8YSf3U7qk",
        "pbkdf2_sha256$1000$seasalt2$dwxh+eztyaatgVrBVH32ijwsWy2PYybj3EV6WRlw6Ws=",
    ] {
        import(&app, hash).await;
        attempt(&app.browser(), "alice", "wrong password here").await.assert_status(401);
        attempt(&app.browser(), "alice", "").await.assert_status(401);
        assert_eq!(app.find_user("alice").await.unwrap().password_hash.as_deref(), Some(hash));
        attempt(&app.browser(), "alice", PASSWORD).await.assert_status(303);
        let renewed = app.find_user("alice").await.unwrap().password_hash.unwrap();
        assert!(renewed.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}: {renewed}");
        attempt(&app.browser(), "alice", PASSWORD).await.assert_status(303);
        assert_eq!(app.find_user("alice").await.unwrap().password_hash.unwrap(), renewed);
    }
}

/// bcrypt looked at 72 bytes. Its users sign in as before, and a mistyped end never becomes their password.
#[tokio::test]
async fn a_password_that_bcrypt_has_cut_signs_in_and_is_not_taken_for_whole() {
    let app = TestApp::start().await;
    let (password, hash) = ("seven maples ".repeat(8), "$2b$04$.KBwteH4Sm5vhMIt5jObdeGvRHM98zdyNDRBlmV1AouAYgYi8Nluu");
    import(&app, hash).await;
    for typed in [format!("{}typo", &password[..100]), password.clone()] {
        attempt(&app.browser(), "alice", &typed).await.assert_status(303);
        assert_eq!(app.find_user("alice").await.unwrap().password_hash.as_deref(), Some(hash));
    }
    attempt(&app.browser(), "alice", &password[..71]).await.assert_status(401);
}

/// What is stored and cannot be used is our fault, not a wrong password.
#[tokio::test]
async fn a_stored_hash_that_cannot_be_used_is_told_from_a_wrong_password() {
    let app = TestApp::start().await;
    import(&app, "$2b$31$J.71kY1.BnCrSScI6dHQzuUxPqyHzhA6xj2bl8jGUJ3aGQn2uGx06").await;
    attempt(&app.browser(), "alice", PASSWORD).await.assert_page(500);
}

async fn import(app: &TestApp, hash: &str) {
    let (user, now, hash) = (app.find_user("alice").await.unwrap(), app.now(), hash.to_owned());
    app.write(move |db| authward::store::users::set_password_hash(db, &user.id, &hash, now)).await;
}
