//! Clients are told of ended sessions behind the browser's back (OpenID Connect Back-Channel Logout 1.0).

use crate::support::clients::{self, SECRET};
use crate::support::receiver::{OK, Receiver, Sent};
use crate::support::relying_party::basic;
use crate::support::{Answer, Browser, Builder, PASSWORD, RelyingParty, TestApp, jwt, rows};
use authward::domain::audit::EventKind;
use authward::domain::client::{Client, GrantType};
use authward::domain::id::{ClientId, Sid, UserId};
use authward::domain::logout::{LogoutNotice, SessionClient};
use authward::domain::time::Lifetime;
use authward::entropy::Entropy;
use authward::logouts::Logouts;
use authward::outbound::LazyFetcher;
use authward::settings::AllowedHost;
use authward::store;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REFUSED: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// First-party, told at this address.
fn listening(id: &str, receiver: &Receiver) -> Client {
    let mut client = clients::first_party();
    client.id = ClientId::new(id);
    client.metadata.insert("backchannel_logout_uri".to_owned(), json!(receiver.url.as_str()));
    client
}

/// The usual server, which may call the tests.
fn usual() -> Builder {
    TestApp::usual().client(clients::operator()).user("bob").settings(|settings| {
        settings.outbound.allow_hosts = vec![AllowedHost::Network("127.0.0.1/32".parse().unwrap())];
    })
}

async fn started(receiver: &Receiver) -> TestApp {
    usual().client(listening("told", receiver)).start().await
}

/// Signs in to a client; the claims of its ID token.
async fn signed_in(party: &RelyingParty<'_>, browser: &Browser, name: &str) -> serde_json::Map<String, Value> {
    jwt::claims_of(&party.sign_in(browser, name).await.id_token.expect("an ID token"))
}

/// Signs out on the page.
async fn sign_out(browser: &Browser) -> Answer {
    let page = browser.get("/logout").await;
    let csrf = page.form_with("csrf").field("csrf").to_owned();
    browser.submit(&page, &[("csrf", &csrf)]).await
}

#[track_caller]
fn logout_token(sent: &Sent) -> String {
    assert!(sent.head.contains("content-type: application/x-www-form-urlencoded"), "{}", sent.head);
    let fields: Vec<_> = url::form_urlencoded::parse(&sent.body).into_owned().collect();
    assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["logout_token"]);
    fields[0].1.clone()
}

/// The `sid` of the session that a request tells of.
#[track_caller]
fn sid_of(sent: &Sent) -> String {
    jwt::claims_of(&logout_token(sent))["sid"].as_str().unwrap().to_owned()
}

async fn outbox(app: &TestApp) -> Vec<LogoutNotice> {
    app.read(|db| store::logout_outbox::page(db, None, 1000)).await
}

/// Ends the turn that runs, and makes one more.
async fn settle(app: &TestApp) {
    app.services.logouts.deliver().await.expect("a working database");
}

/// OpenID Connect Back-Channel Logout §2.4, §2.5, §2.6, §4
#[tokio::test]
async fn a_client_of_the_session_is_sent_a_logout_token_at_once() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let browser = app.browser();
    let id = signed_in(&app.relying_party("told"), &browser, "alice").await;
    app.relying_party("first-party").sign_in(&browser, "alice").await;
    sign_out(&browser).await.assert_page(200);
    let sent = receiver.answer(OK).await;
    assert!(sent.head.starts_with("post /hook "), "{}", sent.head);
    let token = logout_token(&sent);
    let logout = jwt::verify(&app, &token).await;
    assert_eq!((&logout.header["typ"], &logout.header["alg"]), (&json!("logout+jwt"), &json!("RS256")));
    let names: BTreeSet<&str> = logout.claims.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]), "and no nonce");
    assert_eq!((logout.text("iss"), &logout.claims["aud"]), (app.issuer.as_str(), &json!("told")));
    assert_eq!((&logout.claims["sub"], &logout.claims["sid"]), (&id["sub"], &id["sid"]));
    assert_eq!(logout.claims["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert_eq!((logout.number("iat"), logout.number("exp")), (app.now().seconds(), app.now().seconds() + 120));
    settle(&app).await;
    assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await, "once, and nobody else");
    let told = app.events_of(EventKind::LogoutDelivered).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0].client_id, &told[0].detail["sid"]), (&Some(ClientId::new("told")), &id["sid"]));
    assert_eq!(app.services.logouts.counts().delivered, 1);
    assert_eq!(rows::count(&app, "session_clients"), 0);
}

/// OpenID Connect Back-Channel Logout §2.4, OIDC Core §8.1, RFC 8725 §3.11: no token of another kind.
#[tokio::test]
async fn a_client_is_told_of_the_subject_it_knows_with_the_algorithm_it_knows() {
    let receiver = Receiver::open().await;
    let mut client = Client { id_token_algorithm: "EdDSA".to_owned(), ..listening("told", &receiver) };
    client.metadata.insert("subject_type".to_owned(), json!("pairwise"));
    client.metadata.insert("post_logout_redirect_uris".to_owned(), json!(["https://own.example/bye"]));
    let app = usual().client(client).start().await;
    let browser = app.browser();
    let party = app.relying_party("told");
    let tokens = party.sign_in(&browser, "alice").await;
    let hint = tokens.id_token.unwrap();
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("id_token_hint", &hint).finish();
    browser.get(&format!("/logout?{query}")).await.assert_page(200);
    let token = logout_token(&receiver.answer(OK).await);
    let logout = jwt::verify(&app, &token).await;
    assert_eq!(logout.header["alg"], "EdDSA");
    assert_eq!(logout.claims["sub"], jwt::claims_of(&hint)["sub"]);
    assert_ne!(logout.text("sub"), app.find_user("alice").await.unwrap().id.as_str());
    // A logout token is no ID token and no access token.
    app.get(&format!("/logout?id_token_hint={token}")).await.assert_page(400);
    party.userinfo(&token).await.assert_status(401);
}

/// OIDC Core §8.1, OpenID Connect Back-Channel Logout §2.4, OpenID Connect Front-Channel Logout §2: ID token, logout
/// token and frame say the same of a session to one client, and nothing by which clients of other sectors find it.
#[tokio::test]
async fn a_client_with_pairwise_subjects_hears_of_the_session_by_the_name_it_was_told() {
    let receiver = Receiver::open().await;
    let mut client = listening("told", &receiver);
    client.metadata.insert("subject_type".to_owned(), json!("pairwise"));
    client.metadata.insert("frontchannel_logout_uri".to_owned(), json!("https://own.example/heard"));
    let app = usual().client(client).start().await;
    let browser = app.browser();
    let own = signed_in(&app.relying_party("first-party"), &browser, "alice").await["sid"].clone();
    let told = signed_in(&app.relying_party("told"), &browser, "alice").await["sid"].clone();
    let page = sign_out(&browser).await;
    assert_eq!(sid_of(&receiver.answer(OK).await), told.as_str().unwrap());
    assert!(page.text().contains(&format!("sid={}\"", told.as_str().unwrap())), "{page:?}");
    assert!(!page.text().contains(own.as_str().unwrap()), "{page:?}");
    settle(&app).await;
    let delivered = app.events_of(EventKind::LogoutDelivered).await;
    assert_eq!(delivered[0].detail["sid"], own, "operators find the session");
}

/// OpenID Connect Back-Channel Logout §2.3: every way in which somebody ends sessions.
#[tokio::test]
async fn every_wanted_end_of_a_session_is_told() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let party = app.relying_party("told");
    let alice = app.find_user("alice").await.unwrap().id;
    let api = Api::new(&app).await;
    for way in ["others", "one", "password", "somebody else", "api sessions", "api password", "command"] {
        let (browser, other) = (app.signed_in("alice").await, app.browser());
        let told = signed_in(&party, &other, "alice").await["sid"].as_str().unwrap().to_owned();
        match way {
            "others" => press(&browser, "/account/sessions/end?session=others").await,
            "one" => press(&browser, &format!("/account/sessions/end?session={told}")).await,
            "password" => {
                let form = browser.get("/account/password").await;
                let fields =
                    [("current_password", PASSWORD), ("password", PASSWORD), ("password_confirmation", PASSWORD)];
                browser.submit(&form, &fields).await.assert_status(303);
            }
            "somebody else" => {
                let request = party.request().with("prompt", "login");
                let page = other.open(&request.address()).await;
                other.submit(&page, &[("username", "bob"), ("password", PASSWORD)]).await.assert_status(303);
            }
            "api sessions" => api.send("DELETE", &format!("/api/users/{alice}/sessions"), None).await,
            "api password" => {
                let body = json!({ "password": PASSWORD });
                api.send("POST", &format!("/api/users/{alice}/password"), Some(&body)).await;
            }
            _ => {
                app.command(&["user", "disable", "alice"]).unwrap();
                app.services.logouts.wake();
            }
        }
        assert_eq!(sid_of(&receiver.answer(OK).await), told, "{way}");
        settle(&app).await;
        assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await, "{way}");
    }
}

/// The session that does it goes on, and so do its clients.
#[tokio::test]
async fn the_session_that_ends_the_others_is_not_told_of() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let browser = app.browser();
    signed_in(&app.relying_party("told"), &browser, "alice").await;
    signed_in(&app.relying_party("told"), &app.browser(), "bob").await;
    press(&browser, "/account/sessions/end?session=others").await;
    settle(&app).await;
    assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await);
    assert_eq!(rows::count(&app, "session_clients"), 2);
}

/// OpenID Connect Back-Channel Logout §2.3: what merely expires is nobody's wish.
#[tokio::test]
async fn a_session_that_expires_is_not_told_of_and_leaves_nothing() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    signed_in(&app.relying_party("told"), &app.browser(), "alice").await;
    app.advance(app.services.settings.sessions.idle_lifetime.as_seconds());
    app.jobs().sweep().await.unwrap();
    settle(&app).await;
    assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await);
    assert_eq!((rows::count(&app, "sessions"), rows::count(&app, "session_clients")), (0, 0));
}

/// OpenID Connect Back-Channel Logout §2.3, OpenID Connect Front-Channel Logout §3: also when nothing of what the
/// client was granted lives any more, and when people signed in once more in between.
#[tokio::test]
async fn a_client_hears_of_the_end_long_after_its_grant_and_through_further_sign_ins() {
    let receiver = Receiver::open().await;
    let short = Client { grant_types: vec![GrantType::AuthorizationCode], ..listening("told", &receiver) };
    let mut framed = Client { grant_types: vec![GrantType::AuthorizationCode], ..clients::first_party() };
    framed.id = ClientId::new("framed");
    framed.metadata.insert("frontchannel_logout_uri".to_owned(), json!("https://own.example/heard"));
    let app = usual().client(short).client(framed).start().await;
    let browser = app.browser();
    let party = app.relying_party("told").scope("openid");
    let first = signed_in(&party, &browser, "alice").await["sid"].clone();
    signed_in(&app.relying_party("framed").scope("openid"), &browser, "alice").await;
    app.advance(3600);
    app.jobs().sweep().await.unwrap();
    assert_eq!(rows::count(&app, "grants"), 0);
    let again = app.relying_party("first-party");
    let page = browser.open(&again.request().with("prompt", "login").address()).await;
    let answer = browser.submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
    browser.follow(answer).await;
    let answer = sign_out(&browser).await;
    assert_eq!(sid_of(&receiver.answer(OK).await), first.as_str().unwrap());
    let unescaped = answer.text().replace("&#x2f;", "/").replace("&amp;", "&");
    assert!(unescaped.contains("https://own.example/heard?iss="), "{answer:?}");
    assert!(unescaped.contains(&format!("&sid={}", first.as_str().unwrap())), "{answer:?}");
    settle(&app).await;
    assert!(outbox(&app).await.is_empty());
}

/// OpenID Connect Back-Channel Logout §2.7: what is bound to the session ends with it, what may be used offline does
/// not.
#[tokio::test]
async fn signing_out_ends_grants_without_offline_access_and_no_others() {
    let app = TestApp::start().await;
    let party = app.relying_party("first-party");
    let (browser, other) = (app.browser(), app.browser());
    let bound = party.clone().scope("openid profile").sign_in(&browser, "alice").await;
    let lasting = party.clone().scope("openid offline_access").sign_in(&browser, "alice").await;
    let elsewhere = party.clone().scope("openid profile").sign_in(&other, "alice").await;
    sign_out(&browser).await.assert_page(200);
    party.refresh(bound.refresh()).await.assert_error(400, "invalid_grant");
    party.userinfo(&bound.access_token).await.assert_status(401);
    for tokens in [&lasting, &elsewhere] {
        party.userinfo(&tokens.access_token).await.assert_status(200);
        party.tokens(&party.refresh(tokens.refresh()).await, None).await;
    }
    let revoked = app.events_of(EventKind::GrantRevoked).await;
    assert_eq!(revoked.iter().map(|event| &event.detail["grants"]).collect::<Vec<_>>(), [&json!(1)]);
}

/// OpenID Connect Back-Channel Logout §2.5: a client out of reach is tried again when it is due, and not before.
#[tokio::test]
async fn a_client_that_was_down_is_told_when_it_is_up_again() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let browser = app.browser();
    let told = signed_in(&app.relying_party("told"), &browser, "alice").await["sid"].as_str().unwrap().to_owned();
    let port = receiver.port();
    drop(receiver);
    sign_out(&browser).await.assert_page(200);
    settle(&app).await;
    let waiting = outbox(&app).await;
    assert_eq!(waiting.iter().map(|notice| (notice.attempts, notice.given_up_at)).collect::<Vec<_>>(), [(1, None)]);
    assert!(waiting[0].problem.as_ref().is_some_and(|problem| problem.starts_with("no answer: ")), "{waiting:?}");
    assert_eq!(waiting[0].due_at.since(app.now()), 5);
    let receiver = Receiver::at(port).await;
    app.advance(4);
    settle(&app).await;
    assert!(receiver.is_untouched().await);
    app.advance(1);
    // It takes it, but says that it failed.
    let (sent, ()) = tokio::join!(receiver.answer(REFUSED), settle(&app));
    assert_eq!(sid_of(&sent), told);
    let waiting = outbox(&app).await;
    assert_eq!(waiting[0].problem.as_deref(), Some("the client answered with status 500"));
    assert_eq!((waiting[0].attempts, waiting[0].due_at.since(app.now())), (2, 30));
    app.advance(30);
    let first = jwt::claims_of(&logout_token(&sent));
    let (sent, ()) = tokio::join!(receiver.answer(OK), settle(&app));
    let last = jwt::claims_of(&logout_token(&sent));
    assert_eq!((&last["sid"], last["iat"].as_i64()), (&first["sid"], Some(app.now().seconds())));
    assert_ne!(last["jti"], first["jti"]);
    settle(&app).await;
    assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await);
    let counts = app.services.logouts.counts();
    assert_eq!((counts.delivered, counts.failed, counts.given_up, counts.waiting), (1, 2, 0, 0));
}

/// OpenID Connect Back-Channel Logout §2.5: a bounded number of times; the operator sees what was given up, for a week.
#[tokio::test]
async fn a_client_that_stays_away_is_given_up_and_named() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let browser = app.browser();
    let told = signed_in(&app.relying_party("told"), &browser, "alice").await["sid"].clone();
    sign_out(&browser).await.assert_page(200);
    let mut attempts = 0;
    loop {
        tokio::join!(receiver.answer(REFUSED), settle(&app));
        attempts += 1;
        let notice = outbox(&app).await.remove(0);
        assert_eq!(notice.attempts, attempts);
        if notice.given_up_at.is_some() {
            break;
        }
        assert!(attempts < 20);
        app.advance(notice.due_at.since(app.now()));
    }
    assert_eq!(attempts, 9);
    app.advance(86_400);
    settle(&app).await;
    assert!(receiver.is_untouched().await);
    let api = Api::new(&app).await;
    let listed = api.get("/api/outbox").await.assert_status(200).json();
    assert_eq!((&listed["waiting"], &listed["given_up"]), (&json!(0), &json!(1)));
    let notice = &listed["notices"][0];
    assert_eq!((&notice["state"], &notice["client_id"]), (&json!("given_up"), &json!("told")));
    assert_eq!((&notice["sid"], &notice["attempts"]), (&told, &json!(9)));
    assert_eq!(notice["problem"], "the client answered with status 500");
    assert!(notice.get("due_at").is_none(), "{notice}");
    let given_up = app.events_of(EventKind::LogoutGivenUp).await;
    assert_eq!(given_up.len(), 1);
    assert_eq!((&given_up[0].detail["sid"], &given_up[0].detail["attempts"]), (&told, &json!(9)));
    assert_eq!(app.services.logouts.counts().given_up, 1);
    app.advance(6 * 86_400);
    app.jobs().sweep().await.unwrap();
    assert!(outbox(&app).await.is_empty());
}

/// OpenID Connect Back-Channel Logout §2.5: an attempt is made by one node.
#[tokio::test]
async fn two_nodes_tell_once() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let port = receiver.port();
    drop(receiver);
    for _ in 0..5 {
        let browser = app.browser();
        signed_in(&app.relying_party("told"), &browser, "alice").await;
        sign_out(&browser).await.assert_page(200);
    }
    settle(&app).await;
    assert_eq!(outbox(&app).await.len(), 5);
    app.advance(3600);
    let services = &app.services;
    let other = Logouts::new(
        (services.store.clone(), services.keys.clone(), services.clients.clone()),
        (app.clock.clone(), Entropy::seeded(9), LazyFetcher::new(services.settings.outbound.clone())),
        services.settings.clone(),
    );
    let receiver = Receiver::at(port).await;
    let answers = async {
        let mut sids = BTreeSet::new();
        for _ in 0..5 {
            sids.insert(sid_of(&receiver.answer(OK).await));
        }
        sids
    };
    let (sids, here, there) = tokio::join!(answers, services.logouts.deliver(), other.deliver());
    here.unwrap();
    there.unwrap();
    assert_eq!(sids.len(), 5);
    assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await);
    assert_eq!(services.logouts.counts().delivered + other.counts().delivered, 5);
}

/// Ends of sessions that nobody has told `client` of yet, the first of them `seconds` ago.
async fn put(app: &TestApp, client: &'static str, count: usize, seconds: i64) {
    let at = app.now().minus(Lifetime::seconds(seconds));
    app.write(move |db| {
        for n in 0..count {
            let of = SessionClient {
                client_id: ClientId::new(client),
                sid: Sid::new(format!("{client}-{n}")),
                user_id: UserId::new("user"),
                created_at: at,
            };
            store::logout_outbox::insert(db, &LogoutNotice::new(&of, at))?;
        }
        Ok(())
    })
    .await;
}

/// OpenID Connect Back-Channel Logout §2.5: who does not answer holds up its own notices alone, however many they are.
#[tokio::test]
async fn a_client_that_keeps_its_connections_waiting_holds_up_nobody() {
    let (silent, receiver) = (Receiver::open().await, Receiver::open().await);
    let app = usual().client(listening("silent", &silent)).client(listening("told", &receiver)).start().await;
    put(&app, "silent", 100, 60).await;
    put(&app, "told", 3, 0).await;
    app.services.logouts.wake();
    let mut told = BTreeSet::new();
    for _ in 0..3 {
        told.insert(sid_of(&receiver.answer(OK).await));
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), ["told-0", "told-1", "told-2"]);
    let attempts = async || outbox(&app).await.iter().map(|notice| notice.attempts).sum::<i64>();
    assert!(
        (1..=5).contains(&attempts().await),
        "two connections at a time, and what was delivered may stand there still"
    );
    // What ends while the silent one is still waited for is told as well.
    let browser = app.browser();
    let id = signed_in(&app.relying_party("told"), &browser, "alice").await;
    sign_out(&browser).await.assert_page(200);
    assert_eq!(sid_of(&receiver.answer(OK).await), id["sid"].as_str().unwrap());
}

/// OpenID Connect Back-Channel Logout §2.5: a client out of reach is not asked for each of its notices.
#[tokio::test]
async fn a_client_out_of_reach_is_asked_a_few_times_for_all_its_notices() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    drop(receiver);
    put(&app, "told", 50, 0).await;
    settle(&app).await;
    let notices = outbox(&app).await;
    assert_eq!(notices.len(), 50);
    assert!(notices.iter().all(|notice| notice.attempts == 1 && notice.due_at > app.now()));
    let not_sent = |notice: &&LogoutNotice| notice.problem.as_deref().is_some_and(|said| said.starts_with("not sent"));
    let asked = 50 - notices.iter().filter(not_sent).count();
    assert!((1..=4).contains(&asked), "asked {asked} times");
}

/// A node that claimed a notice and died loses its claim.
#[tokio::test]
async fn what_a_dead_node_had_claimed_is_told_by_another_after_a_minute() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let of = SessionClient {
        client_id: ClientId::new("told"),
        sid: Sid::new("sid"),
        user_id: UserId::new("user"),
        created_at: app.now(),
    };
    let now = app.now();
    app.write(move |db| {
        let notice = LogoutNotice::new(&of, now);
        store::logout_outbox::insert(db, &notice)?;
        store::logout_outbox::claim(db, &notice, (now, now.plus(Lifetime::minutes(1))))
    })
    .await;
    app.advance(59);
    settle(&app).await;
    assert!(receiver.is_untouched().await);
    app.advance(1);
    let (sent, ()) = tokio::join!(receiver.answer(OK), settle(&app));
    assert_eq!(sid_of(&sent), "sid");
}

/// A client that is gone, or does not listen any more, is nobody to be told.
#[tokio::test]
async fn a_client_that_does_not_listen_any_more_is_forgotten() {
    let receiver = Receiver::open().await;
    let app = started(&receiver).await;
    let now = app.now();
    app.write(move |db| {
        for client in ["gone", "first-party"] {
            let of = SessionClient {
                client_id: ClientId::new(client),
                sid: Sid::new("sid"),
                user_id: UserId::new("user"),
                created_at: now,
            };
            store::logout_outbox::insert(db, &LogoutNotice::new(&of, now))?;
        }
        Ok(())
    })
    .await;
    settle(&app).await;
    assert!(outbox(&app).await.is_empty() && receiver.is_untouched().await);
    assert_eq!(app.services.logouts.counts().delivered, 0);
}

/// Nothing private is reached unless the operator says so.
#[tokio::test]
async fn an_address_of_a_client_is_fetched_by_the_rules_of_the_guard() {
    let receiver = Receiver::open().await;
    let app = TestApp::usual().client(listening("told", &receiver)).start().await;
    let browser = app.browser();
    signed_in(&app.relying_party("told"), &browser, "alice").await;
    sign_out(&browser).await.assert_page(200);
    settle(&app).await;
    let waiting = outbox(&app).await;
    assert!(waiting[0].problem.as_ref().is_some_and(|problem| problem.contains("allow_hosts")), "{waiting:?}");
    assert!(receiver.is_untouched().await);
}

/// Answers the question that stands before a session ends.
async fn press(browser: &Browser, address: &str) {
    let page = browser.get(address).await;
    let form = page.assert_page(200).form_with("session");
    browser.post(&form.action, &form.with(&[])).await.assert_status(303);
}

/// A program of the operator at the admin API.
struct Api<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Api<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let resource = format!("{}/api", app.issuer);
        let form = [("grant_type", "client_credentials"), ("scope", "admin:read admin:write"), ("resource", &resource)];
        let request = app.http.post(app.url("/token")).header("authorization", basic("operator", SECRET)).form(&form);
        let answer = app.send(request).await;
        Self { app, token: answer.assert_status(200).json()["access_token"].as_str().unwrap().to_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.app.send(self.app.http.get(self.app.url(path)).bearer_auth(&self.token)).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.app.http.request(method, self.app.url(path)).bearer_auth(&self.token);
        let request = body.into_iter().fold(request, |request, body| request.json(body));
        let answer = self.app.send(request).await;
        assert!([200, 204].contains(&answer.status), "{answer:?}");
    }
}
