//! Stored requests: one a tab, one browser each, used once, for an hour, and not more of them than may wait.

use crate::support::{PASSWORD, TestApp, rows};

/// OAuth 2.1 §7.12
#[tokio::test]
async fn two_tabs_of_one_browser_finish_a_flow_each() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let (spa, backend) = (app.relying_party("spa"), app.relying_party("backend"));
    let (first, second) = (spa.request(), backend.request());
    let one = browser.open(&first.address()).await;
    let two = browser.open(&second.address()).await;
    // Both were asked to sign in; the second tab signs in first.
    let answer = browser.submit(&two, &[("username", "alice"), ("password", PASSWORD)]).await;
    let consent_two = browser.follow(answer).await;
    let answer = browser.submit(&one, &[("username", "alice"), ("password", PASSWORD)]).await;
    let consent_one = browser.follow(answer).await;
    let answer = browser.submit(&consent_one, &[("decision", "allow")]).await;
    let code = spa.code(&answer, &first);
    spa.tokens(&spa.redeem(&code, &first).await, Some(&first)).await;
    // The page of the first sign-in belongs to a session that has ended: it is asked once more, and the flow goes on.
    let answer = browser.submit(&consent_two, &[("decision", "allow")]).await;
    let answer = browser.finish(answer, "alice").await;
    let code = backend.code(&answer, &second);
    backend.tokens(&backend.redeem(&code, &second).await, Some(&second)).await;
}

#[tokio::test]
async fn a_tab_that_waited_while_another_signed_in_just_goes_on() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let party = app.relying_party("first-party");
    let (first, second) = (party.request(), party.request());
    let waiting = browser.open(&first.address()).await;
    let answer = browser.finish(browser.get(&second.address()).await, "alice").await;
    party.code(&answer, &second);
    let interaction = waiting.form_with("password").field("interaction").to_owned();
    let answer = browser.open(&format!("/authorize/continue?interaction={interaction}")).await;
    party.code(&answer, &first);
}

/// RFC 9700 §4.7, OAuth 2.1 §7.12: an interaction cannot be handed to somebody else.
#[tokio::test]
async fn an_interaction_of_another_browser_is_refused() {
    let app = TestApp::start().await;
    let (attacker, victim) = (app.browser(), app.signed_in("alice").await);
    let request = app.relying_party("first-party").request();
    let login = attacker.open(&request.address()).await;
    let interaction = login.form_with("password").field("interaction").to_owned();
    for path in ["/authorize/continue", "/login", "/signup", "/authorize/deny"] {
        let answer = victim.get(&format!("{path}?interaction={interaction}")).await;
        answer.assert_page(400);
        assert_eq!(app.rule_of(&answer).await, "AW-INTERACTION-GONE", "{path}");
    }
    let values = [("username", "alice"), ("password", PASSWORD)];
    victim.submit(&login, &values).await.assert_page(400);
    // A cookie of the right name is not enough.
    for name in attacker.cookies().into_keys().filter(|name| name.contains("flow-")) {
        victim.set_cookie(&name, &"x".repeat(43));
    }
    for path in ["/authorize/continue", "/login", "/signup", "/authorize/deny"] {
        victim.get(&format!("{path}?interaction={interaction}")).await.assert_page(400);
    }
    victim.submit(&login, &values).await.assert_page(400);
    assert_eq!(rows::count(&app, "authorization_codes"), 0);
}

#[tokio::test]
async fn a_finished_an_expired_and_an_unknown_interaction_are_gone() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let party = app.relying_party("spa");
    let request = party.request();
    let login = browser.open(&request.address()).await;
    let finished = login.form_with("password").field("interaction").to_owned();
    let answer = browser.submit(&login, &[("username", "alice"), ("password", PASSWORD)]).await;
    let consent = browser.follow(answer).await;
    browser.submit(&consent, &[("decision", "allow")]).await.assert_status(303);
    browser.submit(&consent, &[("decision", "allow")]).await.assert_page(400);
    let page = browser.open(&party.request().with("prompt", "login").address()).await;
    let expired = page.form_with("password").field("interaction").to_owned();
    app.advance(3600);
    browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await.assert_page(400);
    for id in [&finished, &expired, &"x".repeat(43), &"x".repeat(4000), &String::new(), &"\0".repeat(43)] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("interaction", id).finish();
        browser.get(&format!("/authorize/continue?{query}")).await.assert_page(400);
        browser.get(&format!("/authorize/deny?{query}")).await.assert_page(400);
        if !id.is_empty() {
            browser.get(&format!("/login?{query}")).await.assert_page(400);
        }
    }
}

/// OIDC Core §3.1.2.1: a form on another site sends no cookies with its POST; the redirect brings them.
#[tokio::test]
async fn a_cross_site_post_goes_on_with_the_session_that_is_there() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let browser = app.signed_in("alice").await;
    let request = party.request();
    let posted = app.send(app.http.post(app.url("/authorize")).form(&request.parameters)).await;
    posted.assert_status(303);
    let location = posted.location().unwrap();
    assert!(location.starts_with("/authorize/continue?interaction="), "{location}");
    let answer = browser.open(&location).await;
    party.code(&answer, &request);
    // Without a session too.
    let stranger = app.browser();
    let request = party.request();
    let posted = app.send(app.http.post(app.url("/authorize")).form(&request.parameters)).await;
    let answer = stranger.finish(stranger.get(&posted.location().unwrap()).await, "alice").await;
    party.code(&answer, &request);
}

/// OAuth 2.1 §7.12: whoever opens it first has it.
#[tokio::test]
async fn an_interaction_that_was_posted_belongs_to_the_first_browser_that_opens_it() {
    let app = TestApp::start().await;
    let request = app.relying_party("spa").request();
    let posted = app.send(app.http.post(app.url("/authorize")).form(&request.parameters)).await;
    let location = posted.location().unwrap();
    let (first, second) = (app.browser(), app.browser());
    let page = first.open(&location).await;
    page.form_with("password");
    second.open(&location).await.assert_page(400);
    // The same browser may open it again.
    first.open(&location).await.form_with("password");
}

/// What nobody follows up is kept for ten minutes. Whoever comes back for the first page has an hour in all.
#[tokio::test]
async fn a_request_is_kept_for_long_only_where_its_browser_comes_back() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let request = party.request();
    let post = async || app.send(app.http.post(app.url("/authorize")).form(&request.parameters)).await;
    let unopened = [post().await, app.browser().get(&request.address()).await].map(|answer| answer.location().unwrap());
    let (posting, asking) = (app.browser(), app.browser());
    let (posted, asked) = (post().await, asking.get(&request.address()).await);
    app.advance(599);
    let pages = [posting.open(&posted.location().unwrap()).await, asking.open(&asked.location().unwrap()).await];
    app.advance(1);
    for location in unopened {
        app.browser().get(&location).await.assert_page(400);
    }
    app.jobs().sweep().await.expect("a working database");
    assert_eq!(rows::count(&app, "interactions"), 2);
    app.advance(2999);
    for (browser, page) in [posting, asking].iter().zip(&pages) {
        let answer = browser.submit(page, &[("username", "alice"), ("password", PASSWORD)]).await;
        party.code(&browser.finish(answer, "alice").await, &request);
    }
}

/// Anybody may have requests stored, so each source has a rate. What is answered at once is not stored.
#[tokio::test]
async fn requests_of_one_source_are_stored_at_a_rate() {
    let app = TestApp::with(|settings| {
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        settings.limits.authorization.from_source = 3;
    })
    .await;
    let party = app.relying_party("first-party");
    let request = party.request();
    let post = async |source: &str| {
        let sent = app.http.post(app.url("/authorize")).header("x-forwarded-for", source).form(&request.parameters);
        app.send(sent).await
    };
    for source in ["203.0.113.1", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:2::"] {
        post(source).await.assert_status(303);
    }
    let refused = post("2001:db8:0:1::3").await;
    refused.assert_page(429);
    assert_eq!((refused.header("retry-after").as_str(), rows::count(&app, "interactions")), ("20", 4));
    assert_eq!(app.rule_of(&refused).await, "AW-THROTTLED");
    let strange = app.browser().with_header("x-forwarded-for", "2001:db8:0:1::4");
    strange.get(&request.address()).await.assert_page(429);
    post("2001:db8:0:2::1").await.assert_status(303);
    let browser = app.browser().with_header("x-forwarded-for", "2001:db8:0:1::5");
    browser.sign_in("alice", PASSWORD).await;
    for _ in 0..5 {
        party.code(&browser.get(&request.address()).await, &request);
    }
    app.advance(20);
    post("2001:db8:0:1::3").await.assert_status(303);
    post("2001:db8:0:1::3").await.assert_page(429);
}

/// However many sources there are, what they have stored is bounded until it has ended.
#[tokio::test]
async fn no_more_requests_are_stored_than_may_wait() {
    let app = TestApp::with(|settings| settings.limits.authorization.most_stored = 3).await;
    let party = app.relying_party("first-party");
    let request = party.request();
    let post = async || app.send(app.http.post(app.url("/authorize")).form(&request.parameters)).await;
    let (browser, answer) = (app.browser(), post().await);
    let page = browser.open(&answer.location().unwrap()).await;
    post().await.assert_status(303);
    post().await.assert_status(303);
    for _ in 0..2 {
        let refused = post().await;
        refused.assert_page(503);
        assert_eq!(refused.header("retry-after"), "30");
        assert_eq!(app.rule_of(&refused).await, "AW-UNAVAILABLE");
        // What has not ended is still there.
        app.jobs().sweep().await.expect("a working database");
    }
    // Who was let in goes on, and what is finished makes room as soon as the job has looked.
    let answer = browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
    party.code(&browser.finish(answer, "alice").await, &request);
    party.code(&browser.get(&request.address()).await, &request);
    app.jobs().sweep().await.expect("a working database");
    post().await.assert_status(303);
    post().await.assert_page(503);
    app.advance(600);
    app.jobs().sweep().await.expect("a working database");
    post().await.assert_status(303);
}

/// RFC 6749 §10.12: the request that was checked is the one that is answered; nothing of it travels in forms.
#[tokio::test]
async fn nothing_of_the_request_is_in_the_hands_of_the_forms() {
    let app = TestApp::start().await;
    let party = app.relying_party("spa");
    let browser = app.browser();
    let request = party.request();
    let login = browser.open(&request.address()).await;
    let fields: Vec<String> = login.form_with("password").fields.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(fields, ["csrf", "interaction"]);
    assert!(!login.text().contains(request.find("code_challenge").unwrap()));
    let more = [
        ("username", "alice"),
        ("password", PASSWORD),
        ("redirect_uri", "https://evil.example/"),
        ("scope", "everything"),
        ("code_challenge", "x"),
        ("next", "https://evil.example/"),
    ];
    let answer = browser.submit(&login, &more).await;
    let answer = browser.finish(answer, "alice").await;
    let code = party.code(&answer, &request);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    assert_eq!(tokens.scope, party.scope);
}
