//! What signed-in people get under `/account`: profile, e-mail address, sessions, apps with access.

use crate::support::{Answer, Browser, PASSWORD, START, TestApp, clients, rows};
use authward::domain::client::Client;
use authward::domain::device::Device;
use authward::domain::grant::Consent;
use authward::domain::id::{ClientId, Sid, UserId};
use authward::domain::resource::ScopeDescription;
use authward::domain::scope::ScopeSet;
use authward::domain::secret::TokenHash;
use authward::domain::session::Session;
use authward::domain::time::{Lifetime, Timestamp};
use authward::store;
use serde_json::json;

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/18.5 Mobile/15E148 Safari/604.1";

/// The pages of this room that are for signed-in people.
const PAGES: [&str; 6] = [
    "/account/profile",
    "/account/email",
    "/account/sessions",
    "/account/sessions/end?session=others",
    "/account/apps",
    "/account/apps/revoke?client=spa",
];

async fn user_id(app: &TestApp, name: &str) -> UserId {
    app.find_user(name).await.expect("the user").id
}

/// The sessions of a user, the one seen last first.
async fn sessions(app: &TestApp, name: &str) -> Vec<Session> {
    let id = user_id(app, name).await;
    app.read(move |db| store::sessions::list_of_user(db, &id)).await
}

/// The addresses of the links whose texts are this.
fn links(page: &Answer, text: &str) -> Vec<String> {
    let html = scraper::Html::parse_document(&page.text());
    let selector = scraper::Selector::parse("a[href]").unwrap();
    html.select(&selector)
        .filter(|link| link.text().collect::<String>().trim() == text)
        .map(|link| link.attr("href").unwrap().to_owned())
        .collect()
}

/// Ends a session as a person does: the link, the question, the button.
async fn end(browser: &Browser, address: &str) -> Answer {
    let question = browser.get(address).await;
    question.assert_page(200);
    browser.submit(&question, &[("session", question.form_with("session").field("session"))]).await
}

/// Takes the access of a client away, likewise.
async fn revoke(browser: &Browser, client: &str) -> Answer {
    let question = browser.get(&format!("/account/apps/revoke?client={client}")).await;
    question.assert_page(200);
    browser.submit(&question, &[("client", client)]).await
}

#[tokio::test]
async fn the_overview_tells_who_where_and_which_apps() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    app.signed_in("alice").await;
    app.relying_party("spa").sign_in(&browser, "alice").await;
    let page = browser.get("/account").await;
    page.assert_page(200);
    for words in ["alice Kim", "alice@example.com", "2 browsers", "One app"] {
        assert!(page.text().contains(words), "{words}: {page:?}");
    }
    assert!(!page.text().contains("Not confirmed") && !page.text().contains("/admin"), "{page:?}");
    app.change_user("alice", |user| (user.email_verified, user.roles) = (false, vec!["admin".to_owned()])).await;
    let page = browser.get("/account").await;
    assert!(page.text().contains("Not confirmed") && page.text().contains("/admin"), "{page:?}");
}

/// Signed out, a page is come back to after the sign-in, by its own path only (RFC 9700 §4.11).
#[tokio::test]
async fn signing_in_leads_back_to_the_page_that_was_asked_for() {
    let app = TestApp::empty().issuer("/tenant").user("alice").start().await;
    for page in PAGES {
        let browser = app.browser();
        let login = browser.get(page).await;
        let location = login.location().expect("a redirect");
        assert!(location.starts_with("/tenant/login?return=%2Ftenant%2Faccount%2F"), "{location}");
        let form = browser.get(&location).await;
        // A wrong password on the way does not lose the page.
        let form = browser.submit(&form, &[("username", "alice"), ("password", "wrong password")]).await;
        let answer = browser.submit(&form, &[("username", "alice"), ("password", PASSWORD)]).await;
        assert_eq!(answer.location(), Some(format!("/tenant{page}")), "{answer:?}");
        // Who is signed in already goes on at once.
        assert_eq!(browser.get(&location).await.location(), Some(format!("/tenant{page}")));
    }
}

/// RFC 9700 §4.11
#[tokio::test]
async fn signing_in_leads_nowhere_else() {
    let app = TestApp::start().await;
    for bad in [
        "https://evil.example/account",
        "//evil.example/account",
        "/\\evil.example/account",
        "/account\\evil",
        "/accounts",
        "/logout",
        "/authorize?client_id=first-party",
        "javascript:alert(1)",
        "",
    ] {
        let browser = app.browser();
        let encoded: String = url::form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        let form = browser.get(&format!("/login?return={encoded}")).await;
        let shown = form.form_with("password");
        assert!(shown.action == "/login" && shown.fields.iter().all(|(name, _)| name != "return"), "{shown:?}");
        let fields = [("username", "alice"), ("password", PASSWORD), ("return", bad)];
        let answer = browser.submit(&form, &fields).await;
        assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/account")), "{bad}");
    }
}

#[tokio::test]
async fn nobody_who_is_disabled_or_signed_out_gets_anything() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let forms = [
        (browser.get("/account/profile").await, "name"),
        (browser.get("/account/email").await, "email"),
        (browser.get("/account/sessions/end?session=others").await, "session"),
    ];
    let now = app.now();
    app.change_user("alice", |user| user.disabled_at = Some(now)).await;
    let before = app.find_user("alice").await;
    for page in PAGES {
        assert!(browser.get(page).await.location().unwrap().starts_with("/login?return="), "{page}");
    }
    for (page, field) in forms {
        let values = [(field, "mallory@example.com"), ("current_password", PASSWORD)];
        let answer = browser.submit(&page, &values).await;
        assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/login")), "{answer:?}");
    }
    assert_eq!(app.find_user("alice").await, before);
}

/// OIDC Core §5.1: a person changes names and language, and apps see them.
#[tokio::test]
async fn a_profile_is_changed_and_apps_see_it() {
    let app = TestApp::start().await;
    app.change_user("alice", |user| {
        user.claims.insert("birthdate".into(), json!("1990-01-01"));
    })
    .await;
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("spa");
    let tokens = party.sign_in(&browser, "alice").await;
    app.advance(30);
    let page = browser.get("/account/profile").await;
    let values = [
        ("name", " 앨리스 김 "),
        ("given_name", "앨리스"),
        ("family_name", ""),
        ("nickname", "<b>al</b>"),
        ("locale", "en-GB"),
        // What is not the person's own is not read.
        ("birthdate", "1970-01-01"),
        ("email", "other@example.com"),
        ("email_verified", "true"),
        ("username", "root"),
        ("roles", "admin"),
        ("sub", "x"),
    ];
    let answer = browser.submit(&page, &values).await;
    assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/account?done=profile")));
    assert!(browser.follow(answer).await.text().contains("앨리스 김"));
    let user = app.find_user("alice").await.unwrap();
    let claims = json!({
        "name": "앨리스 김", "given_name": "앨리스", "nickname": "<b>al</b>", "locale": "en-GB", "birthdate": "1990-01-01",
    });
    assert_eq!(serde_json::Value::Object(user.claims), claims);
    assert_eq!((user.username.as_str(), user.roles.len()), ("alice", 0));
    assert_eq!((user.email.as_str(), user.email_verified, user.updated_at), ("alice@example.com", true, app.now()));
    let seen = party.userinfo(&tokens.access_token).await.json();
    assert_eq!((&seen["name"], &seen["updated_at"]), (&json!("앨리스 김"), &json!(app.now().seconds())));
    let shown = browser.get("/account/profile").await;
    assert!(shown.text().contains("&lt;b&gt;al&lt;/b&gt;") && !shown.text().contains("<b>al"), "{shown:?}");
}

#[tokio::test]
async fn a_profile_with_mistakes_is_shown_again_and_changes_nothing() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let before = app.find_user("alice").await.unwrap();
    let page = browser.get("/account/profile").await;
    for (field, bad) in [
        ("name", "x".repeat(129)),
        ("given_name", "line\nbreak".to_owned()),
        ("family_name", "turned \u{202e} round".to_owned()),
        ("nickname", "x".repeat(15_000)),
        ("locale", "no language".to_owned()),
    ] {
        // The good value beside the bad one is not kept either.
        let good = if field == "nickname" { "given_name" } else { "nickname" };
        let answer = browser.submit(&page, &[(good, "Somebody Else"), (field, bad.as_str())]).await;
        answer.assert_page(422);
        assert_eq!(answer.texts(".field-error").len(), 1, "{field}: {answer:?}");
    }
    assert_eq!(app.find_user("alice").await.unwrap(), before);
}

/// A form that was opened before an operator's change does not undo it.
#[tokio::test]
async fn a_profile_form_writes_nothing_but_its_claims() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let page = browser.get("/account/profile").await;
    app.change_user("alice", |user| {
        user.roles = vec!["auditor".to_owned()];
        user.email_verified = false;
        user.claims.insert("address".into(), json!({ "country": "KR" }));
    })
    .await;
    browser.submit(&page, &[("name", "Alice")]).await.assert_status(303);
    let user = app.find_user("alice").await.unwrap();
    assert_eq!((user.roles, user.email_verified), (vec!["auditor".to_owned()], false));
    assert_eq!((&user.claims["name"], &user.claims["address"]["country"]), (&json!("Alice"), &json!("KR")));
}

/// OIDC Core §5.1: `email_verified` is of the address that was proven, and of no other.
#[tokio::test]
async fn a_new_address_needs_the_password_and_counts_as_unproven() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let page = browser.get("/account/email").await;
    for password in ["", "wrong password", &PASSWORD.to_uppercase()] {
        let answer = browser.submit(&page, &[("email", "new@example.com"), ("current_password", password)]).await;
        answer.assert_page(422);
        assert!(answer.text().contains("not your current password"), "{answer:?}");
        assert!(!answer.text().contains(PASSWORD), "{answer:?}");
    }
    let user = app.find_user("alice").await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), ("alice@example.com", true));
    let answer = browser.submit(&page, &[("email", " New@Example.com"), ("current_password", PASSWORD)]).await;
    assert_eq!(answer.location().as_deref(), Some("/account?done=email"), "{answer:?}");
    let user = app.find_user("alice").await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), ("New@Example.com", false));
    app.browser().sign_in("new@example.com", PASSWORD).await;
}

#[tokio::test]
async fn an_address_that_is_none_or_taken_is_refused() {
    let app = TestApp::start().await;
    app.add_user("bora").await;
    let browser = app.signed_in("alice").await;
    let page = browser.get("/account/email").await;
    for bad in ["", "nobody", "a@b@c", "BORA@example.com", "a@b.de\r\nBcc: x@y.z"] {
        let answer = browser.submit(&page, &[("email", bad), ("current_password", PASSWORD)]).await;
        answer.assert_page(422);
        assert_eq!(answer.texts(".field-error").len(), 1, "{bad}: {answer:?}");
    }
    let same = browser.submit(&page, &[("email", "alice@example.com"), ("current_password", PASSWORD)]).await;
    assert_eq!(same.location().as_deref(), Some("/account"));
    let user = app.find_user("alice").await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), ("alice@example.com", true));
}

/// OWASP ASVS §2.2.1: who is signed in cannot find out addresses, or a password, by the thousand.
#[tokio::test]
async fn trying_addresses_is_slowed_as_guessing_is() {
    let app = TestApp::with(|settings| settings.limits.login.account_source.free = 3).await;
    app.add_user("bora").await;
    let browser = app.signed_in("alice").await;
    let page = browser.get("/account/email").await;
    for _ in 0..3 {
        browser.submit(&page, &[("email", "bora@example.com"), ("current_password", PASSWORD)]).await;
    }
    let slowed = browser.submit(&page, &[("email", "free@example.com"), ("current_password", PASSWORD)]).await;
    slowed.assert_page(429);
    assert_eq!(slowed.header("retry-after"), "1");
    app.advance(60);
    let answer = browser.submit(&page, &[("email", "free@example.com"), ("current_password", PASSWORD)]).await;
    answer.assert_status(303);
}

/// OWASP ASVS §3.3.4: people see where they are signed in.
#[tokio::test]
async fn sessions_are_listed_with_what_makes_them_recognizable() {
    let app = TestApp::start().await;
    let phone = app.browser().with_header("user-agent", SAFARI);
    phone.sign_in("alice", PASSWORD).await;
    app.advance(7200);
    let browser = app.browser().with_header("user-agent", FIREFOX);
    browser.sign_in("alice", PASSWORD).await;
    app.add_user("bora").await;
    app.signed_in("bora").await;
    let page = browser.get("/account/sessions").await;
    page.assert_page(200);
    assert_eq!(page.texts(".entries h2"), ["Firefox on Windows", "Safari on iPhone"]);
    assert_eq!(page.texts(".entries li:first-child .badge"), ["This one"]);
    assert_eq!(page.texts(".entries .badge").len(), 1);
    assert_eq!(page.texts(".entries time"), ["just now", "just now", "2 hours ago", "2 hours ago"]);
    assert!(page.text().contains("127.0.0.x") && !page.text().contains("127.0.0.1"), "{page:?}");
    // Nothing of the header itself is kept, and nothing that opens the session is shown.
    let stored = sessions(&app, "alice").await;
    assert_eq!(stored[0].device.browser.as_deref(), Some("Firefox"));
    assert!(!page.text().contains(&browser.cookie("session").unwrap()), "{page:?}");
}

/// A session is seen when its pages are opened, not only at sign-ins to apps.
#[tokio::test]
async fn opening_a_page_of_the_account_marks_the_session_as_seen() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    app.advance(30);
    browser.get("/account/profile").await;
    assert_eq!(sessions(&app, "alice").await[0].last_seen_at.seconds(), app.now().seconds() - 30);
    app.advance(60);
    browser.get("/account/profile").await;
    let session = sessions(&app, "alice").await.remove(0);
    assert_eq!(session.last_seen_at, app.now());
    assert_eq!(session.idle_expires_at, app.now().plus(app.services.settings.sessions.idle_lifetime));
}

/// OWASP ASVS §3.3.4: a session is ended from another browser, at once, with what was granted in it.
#[tokio::test]
async fn ending_a_session_signs_that_browser_out_and_its_apps() {
    let app = TestApp::start().await;
    let (lost, kept) = (app.signed_in("alice").await, app.signed_in("alice").await);
    let (spa, backend) = (app.relying_party("spa"), app.relying_party("backend"));
    let of_lost = spa.sign_in(&lost, "alice").await;
    let of_kept = backend.sign_in(&kept, "alice").await;
    let link = links(&kept.get("/account/sessions").await, "End session").remove(0);
    let question = kept.get(&link).await;
    assert!(question.text().contains("Single page") && !question.text().contains("Backend"), "{question:?}");
    assert_eq!(rows::count(&app, "sessions"), 2, "a link alone ends nothing");
    let answer = end(&kept, &link).await;
    assert_eq!(answer.location().as_deref(), Some("/account/sessions?done=one"));
    assert_eq!(lost.get("/account").await.location().as_deref(), Some("/login"));
    spa.refresh(of_lost.refresh()).await.assert_error(400, "invalid_grant");
    spa.userinfo(&of_lost.access_token).await.assert_status(401);
    kept.get("/account").await.assert_status(200);
    backend.refresh(of_kept.refresh()).await.assert_status(200);
    // Once more is no harm.
    let again = kept.get(&link).await;
    assert_eq!(again.location().as_deref(), Some("/account/sessions?done=gone"));
}

/// OWASP ASVS §3.3.4
#[tokio::test]
async fn all_other_sessions_end_at_once() {
    let app = TestApp::start().await;
    let (this, other) = (app.signed_in("alice").await, app.signed_in("alice").await);
    app.signed_in("alice").await;
    app.add_user("bora").await;
    let bora = app.signed_in("bora").await;
    let spa = app.relying_party("spa");
    let (of_this, of_other) = (spa.sign_in(&this, "alice").await, spa.sign_in(&other, "alice").await);
    let link = links(&this.get("/account/sessions").await, "End all other sessions").remove(0);
    assert!(this.get(&link).await.text().contains("2 other browsers"));
    let answer = end(&this, &link).await;
    assert_eq!(answer.location().as_deref(), Some("/account/sessions?done=all"));
    assert_eq!(sessions(&app, "alice").await.len(), 1);
    assert_eq!(other.get("/account").await.location().as_deref(), Some("/login"));
    spa.refresh(of_other.refresh()).await.assert_error(400, "invalid_grant");
    spa.refresh(of_this.refresh()).await.assert_status(200);
    let alone = this.get("/account/sessions").await;
    assert!(links(&alone, "End all other sessions").is_empty() && links(&alone, "End session").is_empty());
    bora.get("/account").await.assert_status(200);
}

/// OWASP ASVS §4.2.1: another person's session is not there.
#[tokio::test]
async fn another_persons_session_cannot_be_seen_or_ended() {
    let app = TestApp::start().await;
    app.add_user("mallory").await;
    let (alice, mallory) = (app.signed_in("alice").await, app.signed_in("mallory").await);
    app.relying_party("spa").sign_in(&alice, "alice").await;
    let theirs = sessions(&app, "alice").await[0].sid.to_string();
    let own = mallory.get("/account/sessions/end?session=others").await;
    for sid in [theirs.as_str(), "nobody", "' OR 1=1 --", &"x".repeat(10_000), ""] {
        let encoded: String = url::form_urlencoded::byte_serialize(sid.as_bytes()).collect();
        let question = mallory.get(&format!("/account/sessions/end?session={encoded}")).await;
        assert_eq!(question.location().as_deref(), Some("/account/sessions?done=gone"), "{sid}");
        let answer = mallory.submit(&own, &[("session", sid)]).await;
        assert_eq!(answer.location().as_deref(), Some("/account/sessions?done=gone"), "{sid}");
    }
    alice.get("/account").await.assert_status(200);
    assert_eq!(rows::count(&app, "sessions"), 2);
    // One's own is signed out by the page that is for it.
    let mine = sessions(&app, "mallory").await[0].sid.to_string();
    let answer = mallory.submit(&own, &[("session", &mine)]).await;
    assert_eq!(answer.location().as_deref(), Some("/logout"));
}

/// Sessions from before there was anything to remember of their browser, and very many of them.
#[tokio::test]
async fn a_long_list_of_sessions_has_pages() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let this = sessions(&app, "alice").await.remove(0);
    app.write(move |db| {
        for number in 0..25 {
            let name = format!("old {number}");
            let session = Session {
                hash: TokenHash::of(&name),
                sid: Sid::new(format!("sid-{number}")),
                last_seen_at: this.last_seen_at.minus(Lifetime::seconds(number)),
                device: Device::default(),
                ..this.clone()
            };
            store::sessions::insert(db, &session)?;
        }
        Ok(())
    })
    .await;
    let first = browser.get("/account/sessions").await;
    assert_eq!(first.texts(".entries h2").len(), 21);
    assert!(first.texts(".entries h2")[1..].iter().all(|name| name == "An unknown browser"));
    let next = links(&first, "Next").remove(0);
    let second = browser.get(&next).await;
    assert_eq!(second.texts(".entries h2").len(), 5);
    assert!(links(&second, "Next").is_empty());
    for odd in ["0", "-1", "x", "99999999999999999999", "100000"] {
        browser.get(&format!("/account/sessions?page={odd}")).await.assert_page(200);
    }
}

/// RFC 9700 §2.2.2, OIDC Core §11: what an app may do, since when, and the end of it.
#[tokio::test]
async fn apps_are_listed_with_what_they_may_do() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let spa = app.relying_party("spa").scope("openid email");
    let tokens = spa.sign_in(&browser, "alice").await;
    app.advance(3 * 86_400);
    app.relying_party("first-party").scope("openid profile").sign_in(&browser, "alice").await;
    app.advance(7200);
    let refreshed = spa.refresh(tokens.refresh()).await;
    refreshed.assert_status(200);
    let later = app.signed_in("alice").await;
    let page = later.get("/account/apps").await;
    page.assert_page(200);
    assert_eq!(page.texts(".app-name"), ["Single page", "Our own"], "the one used last is the first");
    assert_eq!(
        page.texts(".scopes li"),
        ["See your e-mail address", "See your profile: name, user name, language"],
        "{page:?}"
    );
    assert_eq!(page.texts(".entries time"), ["just now", "3 days ago", "2 hours ago", "2 hours ago"]);
    assert_eq!(page.texts(".app-host"), ["spa.example", "own.example"]);
}

/// OIDC Core §4: an app that begins sign-ins by itself is opened with this issuer, over https only.
#[tokio::test]
async fn an_app_that_begins_sign_ins_is_opened_from_the_list() {
    for (registered, expected) in [
        (
            json!({ "initiate_login_uri": "https://spa.example/login?a=1", "client_uri": "https://spa.example/home?x=1&y" }),
            Some(
                "https://spa.example/login?a=1&iss=ISSUER&target_link_uri=https%3A%2F%2Fspa.example%2Fhome%3Fx%3D1%26y",
            ),
        ),
        (json!({ "initiate_login_uri": "https://spa.example/login" }), Some("https://spa.example/login?iss=ISSUER")),
        (json!({ "initiate_login_uri": "http://spa.example/login" }), None),
        (json!({ "initiate_login_uri": "javascript:alert(1)" }), None),
        (json!({ "client_uri": "https://spa.example/" }), None),
    ] {
        let client = Client { metadata: registered.as_object().unwrap().clone(), ..clients::spa() };
        let app = TestApp::empty().client(client).user("alice").start().await;
        let browser = app.signed_in("alice").await;
        app.relying_party("spa").sign_in(&browser, "alice").await;
        let page = browser.get("/account/apps").await;
        let html = scraper::Html::parse_document(page.assert_status(200).text().as_str());
        let links = scraper::Selector::parse(".entries a[rel='noopener noreferrer']").unwrap();
        let shown: Vec<&str> = html.select(&links).filter_map(|link| link.attr("href")).collect();
        let issuer: String = url::form_urlencoded::byte_serialize(app.issuer.as_bytes()).collect();
        let expected: Vec<String> = expected.iter().map(|uri| uri.replace("ISSUER", &issuer)).collect();
        assert_eq!(shown, expected, "{registered}");
    }
}

/// RFC 9700 §2.2.2, RFC 6749 §10.3: access that was taken away is gone at once, whatever was issued.
#[tokio::test]
async fn taking_access_away_ends_everything_of_that_client_at_once() {
    let app = TestApp::start().await;
    app.add_user("bora").await;
    let (first, second, bora) =
        (app.signed_in("alice").await, app.signed_in("alice").await, app.signed_in("bora").await);
    let (spa, backend) = (app.relying_party("spa"), app.relying_party("backend"));
    let gone = [spa.sign_in(&first, "alice").await, spa.sign_in(&second, "alice").await];
    let (code, request) = spa.new_code(&first, "alice").await;
    let kept = backend.sign_in(&first, "alice").await;
    let of_bora = spa.sign_in(&bora, "bora").await;
    let answer = revoke(&first, "spa").await;
    assert_eq!(answer.location().as_deref(), Some("/account/apps?done=revoked"));
    for tokens in &gone {
        spa.refresh(tokens.refresh()).await.assert_error(400, "invalid_grant");
        spa.userinfo(&tokens.access_token).await.assert_status(401);
    }
    spa.redeem(&code, &request).await.assert_error(400, "invalid_grant");
    let id = user_id(&app, "alice").await;
    let client = ClientId::new("spa");
    assert_eq!(app.read(move |db| store::consents::find(db, &id, &client)).await, None);
    // Others' access is theirs.
    backend.refresh(kept.refresh()).await.assert_status(200);
    spa.refresh(of_bora.refresh()).await.assert_status(200);
    spa.userinfo(&of_bora.access_token).await.assert_status(200);
    // The app asks again, and the session stands.
    let page = first.open(&spa.request().address()).await;
    page.form_with("decision");
    let apps = first.get("/account/apps").await;
    assert_eq!(apps.texts(".app-name"), ["Backend"]);
}

#[tokio::test]
async fn access_that_is_not_there_is_not_taken_away() {
    let app = TestApp::start().await;
    app.add_user("mallory").await;
    let (alice, mallory) = (app.signed_in("alice").await, app.signed_in("mallory").await);
    let spa = app.relying_party("spa");
    let tokens = spa.sign_in(&alice, "alice").await;
    app.relying_party("backend").sign_in(&mallory, "mallory").await;
    let own = mallory.get("/account/apps/revoke?client=backend").await;
    for client in ["spa", "nobody", "%00", "", &"x".repeat(300)] {
        let question = mallory.get(&format!("/account/apps/revoke?client={}", client.replace('%', "%25"))).await;
        assert_eq!(question.location().as_deref(), Some("/account/apps?done=gone"), "{client}");
        let answer = mallory.submit(&own, &[("client", client)]).await;
        assert_eq!(answer.location().as_deref(), Some("/account/apps?done=gone"), "{client}");
    }
    spa.refresh(tokens.refresh()).await.assert_status(200);
    assert_eq!(mallory.get("/account/apps").await.texts(".app-name"), ["Backend"]);
}

/// A client that was disabled or removed still has a line, so that its access can be taken away.
#[tokio::test]
async fn a_client_that_is_gone_can_still_be_cut_off() {
    let disabled = Client { disabled_at: Some(Timestamp::from_seconds(START)), ..clients::backend_basic() };
    let app = TestApp::empty().user("alice").client(disabled).start().await;
    let (user, now) = (user_id(&app, "alice").await, app.now());
    app.write(move |db| {
        for client in ["backend", "removed"] {
            let (user_id, client_id) = (user.clone(), ClientId::new(client));
            let scopes = ScopeSet::parse("openid").unwrap();
            store::consents::save(db, &Consent { user_id, client_id, scopes, updated_at: now })?;
        }
        Ok(())
    })
    .await;
    let browser = app.signed_in("alice").await;
    assert_eq!(browser.get("/account/apps").await.texts(".app-name"), ["Backend", "removed"]);
    for client in ["removed", "backend"] {
        let answer = revoke(&browser, client).await;
        assert_eq!(answer.location().as_deref(), Some("/account/apps?done=revoked"));
    }
    assert!(browser.get("/account/apps").await.text().contains("No app has access"));
}

/// Scopes are told in the operator's words, in the language of the page.
#[tokio::test]
async fn scopes_of_apps_are_told_as_on_the_consent_page() {
    let scopes = ScopeSet::parse("openid orders:read").unwrap();
    let app = TestApp::empty().user("alice").client(Client { scopes, ..clients::spa() }).start().await;
    let described = ScopeDescription {
        name: "orders:read".to_owned(),
        description: [("en", "See your orders"), ("ko", "주문 내역 보기")]
            .map(|(tag, words)| (tag.to_owned(), words.to_owned()))
            .into(),
    };
    let now = app.now();
    app.write(move |db| store::scopes::save(db, &described, now)).await;
    let browser = app.signed_in("alice").await;
    app.relying_party("spa").scope("openid orders:read").sign_in(&browser, "alice").await;
    assert_eq!(browser.get("/account/apps").await.texts(".scopes li"), ["See your orders"]);
    browser.get("/locale?tag=ko&return=/account/apps").await;
    assert_eq!(browser.get("/account/apps").await.texts(".scopes li"), ["주문 내역 보기"]);
}

/// OWASP ASVS §7.2: what a person changes of their account is told, without the values.
#[tokio::test]
async fn what_people_do_to_their_account_is_told() {
    let app = TestApp::start().await;
    let browser = app.signed_in("alice").await;
    let other = app.signed_in("alice").await;
    app.relying_party("spa").sign_in(&other, "alice").await;
    app.relying_party("spa").sign_in(&browser, "alice").await;
    let before = app.events().await.len();
    let profile = browser.get("/account/profile").await;
    browser.submit(&profile, &[("name", "Somebody"), ("locale", "ko-KR")]).await.assert_status(303);
    let email = browser.get("/account/email").await;
    browser.submit(&email, &[("email", "new@example.com"), ("current_password", PASSWORD)]).await.assert_status(303);
    end(&browser, "/account/sessions/end?session=others").await;
    revoke(&browser, "spa").await;
    let events = app.events().await.split_off(before);
    let told: Vec<_> =
        events.iter().map(|event| (event.kind.as_str(), serde_json::Value::Object(event.detail.clone()))).collect();
    assert_eq!(
        told,
        [
            ("profile_changed", json!({ "fields": ["name"] })),
            ("profile_changed", json!({ "fields": ["email"] })),
            ("sessions_ended", json!({ "sessions": 1, "why": "ended by the person" })),
            ("grant_revoked", json!({ "grants": 1, "why": "ended by the person" })),
            ("consent_withdrawn", json!({})),
            ("grant_revoked", json!({ "grants": 1, "why": "access was taken away" })),
        ]
    );
    let alice = user_id(&app, "alice").await;
    assert!(events.iter().all(|event| event.user_id.as_ref() == Some(&alice)), "{events:?}");
}

/// RFC 6749 §10.12
#[tokio::test]
async fn a_form_of_the_account_without_its_token_does_nothing() {
    let app = TestApp::start().await;
    app.add_user("mallory").await;
    let (victim, attacker) = (app.signed_in("alice").await, app.signed_in("mallory").await);
    app.signed_in("alice").await;
    let spa = app.relying_party("spa");
    let tokens = spa.sign_in(&victim, "alice").await;
    app.relying_party("spa").sign_in(&attacker, "mallory").await;
    let before = (app.find_user("alice").await, rows::counts(&app));
    for (address, values) in [
        ("/account/profile", vec![("name", "Mallory")]),
        ("/account/email", vec![("email", "mallory2@example.com"), ("current_password", PASSWORD)]),
        ("/account/sessions/end?session=others", vec![("session", "others")]),
        ("/account/apps/revoke?client=spa", vec![("client", "spa")]),
    ] {
        let own = victim.get(address).await;
        let foreign = attacker.get(address).await.form_with(values[0].0).field("csrf").to_owned();
        let other_form = victim.get("/logout").await.form_with("csrf").field("csrf").to_owned();
        for csrf in ["", "x", foreign.as_str(), other_form.as_str()] {
            let answer = victim.submit(&own, &[values.as_slice(), &[("csrf", csrf)]].concat()).await;
            answer.assert_page(400);
            assert_eq!(app.rule_of(&answer).await, "AW-FORM-FORGED");
        }
    }
    assert_eq!((app.find_user("alice").await, rows::counts(&app)), before);
    spa.refresh(tokens.refresh()).await.assert_status(200);
}
