//! The audit: what people, clients and operators did, told once, without secrets, together with the act.

use crate::support::{PASSWORD, TestApp, rows};
use authward::domain::audit::{Actor, Event, EventKind, REFUSALS_A_MINUTE};
use authward::domain::id::ClientId;
use serde_json::{Value, json};

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn a_sign_in_is_told_from_the_form_to_the_grant() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    party.sign_in(&app.browser(), "alice").await;
    let alice = app.find_user("alice").await.unwrap().id;
    let events = app.events().await;
    assert_eq!(kinds(&events)[events.len() - 3..], ["sign_in", "consent_given", "grant_issued"]);
    for event in &events[events.len() - 3..] {
        assert_eq!(event.by.actor, Actor::User(alice.clone()), "{event:?}");
        assert_eq!((event.user_id.as_ref(), event.client_id.as_ref()), (Some(&alice), Some(&ClientId::new("spa"))));
        assert_eq!(event.by.request_id.as_ref().map(String::len), Some(16));
        assert_eq!(event.by.source, "127.0.0.1".parse().ok());
        assert_eq!(event.by.at, app.now());
    }
    let grant = &events[events.len() - 1].detail;
    assert_eq!(grant["scopes"], json!(party.scope));
    assert_eq!(grant["grant"].as_str().map(str::len), Some(36));
}

#[tokio::test]
async fn people_are_told_of_when_they_sign_up_fail_change_and_leave() {
    let app = TestApp::start().await;
    let before = app.events().await.len();
    let browser = app.browser();
    let form = browser.get("/signup").await;
    let fields = [
        ("username", "bob"),
        ("email", "bob@example.com"),
        ("password", PASSWORD),
        ("password_confirmation", PASSWORD),
    ];
    browser.submit(&form, &fields).await.assert_status(303);
    let other = app.browser();
    let login = other.get("/login").await;
    let wrong = other.submit(&login, &[("username", "bob"), ("password", "a guess that is wrong")]).await;
    let unknown = other.submit(&login, &[("username", "hunter2!"), ("password", "a guess that is wrong")]).await;
    other.sign_in("bob", PASSWORD).await;
    let form = browser.get("/account/password").await;
    let new = "nine lanterns over the harbour";
    let fields = [("current_password", PASSWORD), ("password", new), ("password_confirmation", new)];
    browser.submit(&form, &fields).await.assert_status(303);
    let form = browser.get("/logout").await;
    let csrf = form.form_with("csrf").field("csrf").to_owned();
    browser.submit(&form, &[("csrf", &csrf)]).await.assert_status(200);

    let events = app.events().await.split_off(before);
    let bob = app.find_user("bob").await.unwrap().id;
    let told = [
        "sign_up",
        "sign_in",
        "sign_in_failed",
        "sign_in_failed",
        "sign_in",
        "password_changed",
        "sessions_ended",
        "sign_out",
    ];
    assert_eq!(kinds(&events), told);
    let [failed, guessed] = [&events[2], &events[3]];
    assert_eq!((&failed.by.actor, failed.user_id.as_ref()), (&Actor::Nobody, Some(&bob)));
    assert_eq!(failed.reference.as_ref().unwrap().as_str(), wrong.reference());
    assert_eq!((guessed.user_id.as_ref(), &guessed.detail["account"]), (None, &json!("unknown")));
    assert_eq!(guessed.reference.as_ref().unwrap().as_str(), unknown.reference());
    assert!(!format!("{events:?}").contains("hunter2"), "what was typed may be a password");
    assert_eq!(events[6].detail["why"], json!("the password was changed"));
    assert_eq!(events[6].detail["sessions"], json!(1));
}

/// RFC 6749 §4.1.2, RFC 9700 §4.14.2: a replay is told once, however often it is tried; then it is a refusal.
#[tokio::test]
async fn replays_are_told_once_with_the_grant_they_ended() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.signed_in("alice").await;
    let (code, request) = party.new_code(&browser, "alice").await;
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    for _ in 0..3 {
        party.redeem(&code, &request).await.assert_status(400);
    }
    let tokens = party.sign_in(&browser, "alice").await;
    let next = party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    party.tokens(&party.refresh(next.refresh()).await, None).await;
    for _ in 0..3 {
        party.refresh(tokens.refresh()).await.assert_status(400);
    }
    let alice = app.find_user("alice").await.unwrap().id;
    let events = app.events().await;
    let issued: Vec<&Value> = events
        .iter()
        .filter(|event| event.kind == EventKind::GrantIssued)
        .map(|event| &event.detail["grant"])
        .collect();
    for (kind, grant) in [(EventKind::CodeReplayed, issued[0]), (EventKind::FamilyReplayed, issued[1])] {
        let told: Vec<&Event> = events.iter().filter(|event| event.kind == kind).collect();
        assert_eq!(told.len(), 1, "{kind:?}");
        assert_eq!(&told[0].detail["grant"], grant);
        assert_eq!(told[0].by.actor, Actor::Client(ClientId::new("spa")));
        assert_eq!(told[0].user_id.as_ref(), Some(&alice));
    }
    let refused: Vec<&Event> =
        events.iter().filter(|event| event.detail.get("rule") == Some(&json!("AW-CODE-REPLAYED"))).collect();
    assert_eq!(refused.len(), 3);
}

#[tokio::test]
async fn a_refresh_is_counted_and_not_told() {
    let app = TestApp::start().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let before = app.events().await;
    party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    assert_eq!(app.events().await, before);
}

#[tokio::test]
async fn a_refusal_that_matters_is_told_with_the_reference_that_explains_it() {
    let app = TestApp::start().await;
    let mut forged = app.relying_party("backend");
    "d3Jvbmcgc2VjcmV0".clone_into(&mut forged.secret);
    let answer = forged.refresh("none").await.assert_status(401).clone();
    app.get("/nothing-here").await.assert_status(404);
    let told = app.events_of(EventKind::Refused).await;
    assert_eq!(told.len(), 1, "an address that is not there is no event: {told:?}");
    assert_eq!(told[0].reference.as_ref().unwrap().as_str(), answer.reference());
    assert_eq!(told[0].detail["rule"], json!("AW-CLIENT-AUTHENTICATION"));
    assert_eq!(told[0].detail["endpoint"], json!("POST /token"));
    assert_eq!((&told[0].by.actor, told[0].client_id.as_ref()), (&Actor::Nobody, Some(&ClientId::new("backend"))));
}

/// A flood fills neither the audit nor the database, and its size is still known.
#[tokio::test]
async fn a_flood_of_refusals_is_told_up_to_a_bound_and_counted_beyond() {
    let app = TestApp::start().await;
    let sent = REFUSALS_A_MINUTE + 25;
    let address = app.relying_party("spa").request().with("redirect_uri", "https://evil.example/").address();
    for _ in 0..sent {
        app.get(&address).await.assert_status(400);
    }
    assert_eq!(app.events_of(EventKind::Refused).await.len(), REFUSALS_A_MINUTE);
    app.advance(60);
    let more = app.events_of(EventKind::RefusedMore).await;
    assert_eq!(more.len(), 1);
    assert_eq!(
        (&more[0].by.actor, &more[0].detail),
        (&Actor::System, json!({ "AW-REDIRECT-URI-MISMATCH": 25 }).as_object().unwrap())
    );
}

#[tokio::test]
async fn an_account_that_was_not_made_is_not_told_of() {
    let app = TestApp::start().await;
    let before = app.events().await;
    let browser = app.browser();
    let form = browser.get("/signup").await;
    let fields = [
        ("username", "alice"),
        ("email", "other@example.com"),
        ("password", PASSWORD),
        ("password_confirmation", PASSWORD),
    ];
    browser.submit(&form, &fields).await.assert_status(422);
    assert_eq!(app.events().await, before);
}

#[tokio::test]
async fn the_source_address_is_kept_only_where_the_settings_want_it() {
    let app = TestApp::with(|settings| settings.audit.source_address = false).await;
    app.signed_in("alice").await;
    let mut forged = app.relying_party("backend");
    "d3Jvbmcgc2VjcmV0".clone_into(&mut forged.secret);
    forged.refresh("none").await.assert_status(401);
    let events = app.events().await;
    assert!(kinds(&events).contains(&"refused") && kinds(&events).contains(&"sign_in"));
    assert!(events.iter().all(|event| event.by.source.is_none()), "{events:?}");
}

#[tokio::test]
async fn events_go_when_they_are_older_than_the_settings_say() {
    let app = TestApp::with(|settings| settings.audit.keep = authward::domain::time::Lifetime::days(30)).await;
    app.signed_in("alice").await;
    let jobs = app.jobs();
    app.advance(30 * 86_400 - 1);
    jobs.sweep().await.unwrap();
    assert!(!app.events_of(EventKind::SignedIn).await.is_empty());
    app.advance(1);
    jobs.sweep().await.unwrap();
    assert_eq!(rows::count(&app, "audit_events"), 0);
}

#[tokio::test]
async fn what_an_operator_changes_is_told_by_command_with_the_names_of_the_fields() {
    let app = TestApp::start().await;
    app.signed_in("alice").await;
    let run = |arguments: &[&str]| app.command(arguments).expect("the command succeeds");
    let secret = run(&["client", "set-secret", "backend"]);
    run(&["client", "disable", "spa"]);
    run(&["client", "disable", "spa"]);
    run(&["user", "disable", "alice"]);
    run(&["keys", "rotate", "--algorithm", "EdDSA", "--force"]);
    let events: Vec<Event> =
        app.events().await.into_iter().filter(|event| matches!(event.by.actor, Actor::Operator(_))).collect();
    let told: Vec<(String, &str)> =
        events.iter().map(|event| (event.by.actor.name().unwrap().to_owned(), event.kind.as_str())).collect();
    let expected = [
        ("client set-secret", "client_changed"),
        ("client disable", "client_changed"),
        ("user disable", "user_changed"),
        ("user disable", "sessions_ended"),
        ("keys rotate", "key_made"),
        ("keys rotate", "key_retiring"),
        ("keys rotate", "key_activated"),
    ];
    let mut told: Vec<(&str, &str)> = told.iter().map(|(command, kind)| (command.as_str(), *kind)).collect();
    // Whether the next key was there already depends on when the server last looked.
    told.retain(|one| *one != ("keys rotate", "key_made"));
    assert_eq!(told, expected.into_iter().filter(|one| *one != ("keys rotate", "key_made")).collect::<Vec<_>>());
    assert_eq!(events[0].detail["fields"], json!(["client_secret"]));
    assert_eq!(events[1].detail["fields"], json!(["disabled"]));
    let secret = secret.trim().rsplit(' ').next().unwrap();
    assert!(secret.len() >= 43 && !format!("{events:?}").contains(secret));
}

#[tokio::test]
async fn the_command_prints_events_newest_last_by_filter_and_explain_joins_them() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let login = browser.get("/login").await;
    let wrong = browser.submit(&login, &[("username", "alice"), ("password", "a guess that is wrong")]).await;
    app.advance(60);
    app.signed_in("alice").await;
    app.events().await;
    let json = |arguments: &[&str]| -> Vec<Value> {
        let printed = app.command(&[&["audit", "--format", "json"], arguments].concat()).expect("the command succeeds");
        printed.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
    };
    let of = |events: &[Value]| -> Vec<String> {
        events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of(&json(&["--user", "alice"])), ["sign_in_failed", "sign_in"]);
    assert_eq!(of(&json(&["--user", "alice@example.com", "--limit", "1"])), ["sign_in"]);
    assert_eq!(of(&json(&["--kind", "sign_in_failed"])), ["sign_in_failed"]);
    let reference = wrong.reference();
    assert_eq!(of(&json(&["--reference", &reference.to_lowercase()])), ["sign_in_failed"]);
    assert_eq!(of(&json(&["--user", "alice", "--since", "2027-01-15T08:01:00Z"])), ["sign_in"]);
    assert_eq!(of(&json(&["--user", "alice", "--until", "2027-01-15T08:01:00Z"])), ["sign_in_failed"]);
    assert!(json(&["--client", "nobody"]).is_empty());

    let table = app.command(&["audit", "--actor", "nobody"]).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("TIME") && lines.len() == 2, "{table}");
    assert!(
        lines[1].contains("sign_in_failed") && lines[1].contains("alice") && lines[1].contains(&reference),
        "{table}"
    );
    let explained = app.command(&["explain", &reference]).unwrap();
    assert!(explained.contains("AW-PASSWORD-WRONG") && explained.contains("sign_in_failed by nobody"), "{explained}");

    for (arguments, said) in [
        (["--kind", "sign_on"], "sign_in"),
        (["--since", "yesterday"], "2027-06-30"),
        (["--limit", "0"], "100000"),
        (["--last", "1y"], "7d"),
    ] {
        let error = app.command(&[&["audit"], &arguments[..]].concat()).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
