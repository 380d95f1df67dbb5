//! Usage: what is counted of the requests that this server answers, and the report of it.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::basic;
use crate::support::{START, TestApp, rows};
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::usage::{Dimension, Period, UsageFilter};
use authward::store::{Store, StoreOptions};
use authward::usage::report::{Question, Report};
use std::collections::BTreeMap;

/// What is told apart in most tests here.
const BY: [Dimension; 5] =
    [Dimension::Client, Dimension::Endpoint, Dimension::Grant, Dimension::Resource, Dimension::Outcome];

fn question(by: &[Dimension]) -> Question {
    Question {
        since: Timestamp::from_seconds(START),
        until: Timestamp::from_seconds(START).plus(Lifetime::hours(24)),
        period: Some(Period::Hour),
        by: by.to_vec(),
        filter: UsageFilter::default(),
        most: 1000,
    }
}

async fn report(app: &TestApp, by: &[Dimension]) -> Report {
    app.services.usage.report(question(by)).await.expect("a working database")
}

/// The values of a line, joined by `|`, and its requests.
async fn counts(app: &TestApp, by: &[Dimension]) -> BTreeMap<String, u64> {
    let line = |line: authward::usage::report::Line| {
        let values: Vec<String> = line.values.into_iter().map(|(_, value)| value).collect();
        (values.join("|"), line.tally.requests)
    };
    report(app, by).await.lines.into_iter().map(line).collect()
}

fn of(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(values, count)| ((*values).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_sign_in_is_attributed_to_client_endpoint_grant_resource_and_outcome() {
    let app = TestApp::start().await;
    let party = app.relying_party("native-app");
    let browser = app.signed_in("alice").await;
    let (code, request) = party.new_code(&browser, "alice").await;
    let tokens = party.tokens(&party.token(&party.exchange(&code, &request)).await, Some(&request)).await;
    let userinfo = async || app.send(app.http.get(app.url("/userinfo")).bearer_auth(&tokens.access_token)).await;
    userinfo().await.assert_status(200);
    party.token(&party.exchange(&code, &request)).await.assert_error(400, "invalid_grant");
    userinfo().await.assert_status(401);
    let mut after = counts(&app, &BY).await;
    after.retain(|key, _| key.contains("/token") || key.contains("/userinfo"));
    let issuer = app.issuer.as_str();
    assert_eq!(
        after,
        of(&[
            (&format!("native-app|POST /token|authorization_code|{issuer}|ok"), 1),
            ("native-app|POST /token|authorization_code||invalid_grant", 1),
            ("native-app|GET /userinfo|||ok", 1),
            ("unknown|GET /userinfo|||invalid_token", 1),
        ])
    );
    let pages = counts(&app, &[Dimension::Client, Dimension::Endpoint]).await;
    assert_eq!(pages.get("native-app|GET /authorize"), Some(&1), "{pages:?}");
    assert!(pages.keys().all(|key| !key.contains("alice")));
}

#[tokio::test]
async fn strangers_and_what_does_not_exist_are_one_key_each() {
    let app = TestApp::start().await;
    for n in 0..20 {
        let id = format!("stranger-{n}");
        app.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", &id)]).await;
        app.post("/token", &[("grant_type", &id), ("client_id", &id)]).await;
        app.get(&format!("/nothing/{n}")).await;
        app.send(app.http.request(format!("M{n}").parse().unwrap(), app.url("/token"))).await;
    }
    assert_eq!(
        counts(&app, &BY).await,
        of(&[
            ("unknown|POST /token|refresh_token||invalid_client", 20),
            ("unknown|POST /token|||unsupported_grant_type", 20),
            ("unknown|unknown|||not_found", 20),
            ("unknown|* /token|||invalid_request", 20),
        ])
    );
}

#[tokio::test]
async fn a_wrong_secret_is_not_counted_for_the_client_that_it_names() {
    let app = TestApp::start().await;
    let refused = app.http.post(app.url("/token")).header("authorization", basic("backend", "wrong"));
    app.send(refused.form(&[("grant_type", "refresh_token"), ("refresh_token", "x")])).await.assert_status(401);
    let proven = app.http.post(app.url("/token")).header("authorization", basic("backend", SECRET));
    app.send(proven.form(&[("grant_type", "refresh_token"), ("refresh_token", "x")])).await.assert_status(400);
    assert_eq!(
        counts(&app, &[Dimension::Client, Dimension::Outcome]).await,
        of(&[("unknown|invalid_client", 1), ("backend|invalid_grant", 1)])
    );
}

#[tokio::test]
async fn health_checks_and_assets_are_not_counted() {
    let app = TestApp::start().await;
    app.get("/health/live").await.assert_status(200);
    app.get("/health/ready").await.assert_status(200);
    app.get("/favicon.ico").await;
    app.get("/assets/none.css").await.assert_status(404);
    app.get("/jwks").await.assert_status(200);
    app.send(app.http.head(app.url("/jwks"))).await.assert_status(200);
    assert_eq!(counts(&app, &[Dimension::Endpoint]).await, of(&[("GET /jwks", 2)]));
}

#[tokio::test]
async fn a_token_for_a_resource_is_counted_for_that_resource() {
    let api = "https://api.example.com";
    let resource = Resource {
        identifier: api.to_owned(),
        scopes: Vec::new(),
        access_token_type: AccessTokenType::AtJwt,
        served_by: Vec::new(),
    };
    let mut client = clients::first_party();
    client.default_resource = Some(api.to_owned());
    let app = TestApp::empty().user("alice").client(client).resource(resource).start().await;
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("first-party");
    let (code, request) = party.new_code(&browser, "alice").await;
    party.token(&party.exchange(&code, &request)).await.assert_status(200);
    let by = [Dimension::Resource, Dimension::Endpoint, Dimension::Outcome];
    assert_eq!(counts(&app, &by).await.get(&format!("{api}|POST /token|ok")), Some(&1));
}

#[tokio::test]
async fn hours_are_those_of_the_servers_clock_and_the_range_before_is_compared() {
    let app = TestApp::start().await;
    for requests in [3, 0, 5] {
        for _ in 0..requests {
            app.get("/jwks").await.assert_status(200);
        }
        app.advance(3600);
    }
    let at = |hours: i64| Timestamp::from_seconds(START + hours * 3600);
    let by_hour = report(&app, &[Dimension::Time]).await;
    let hours: Vec<_> = by_hour.lines.iter().map(|line| (line.values[0].1.as_str(), line.tally.requests)).collect();
    assert_eq!(hours, [("2027-01-15T08:00:00Z", 3), ("2027-01-15T10:00:00Z", 5)]);
    let third = Question { since: at(2), until: at(3), ..question(&[Dimension::Endpoint]) };
    let first_two = Question { since: at(1), until: at(2), ..third.clone() };
    let third = app.services.usage.report(third).await.unwrap();
    assert_eq!((third.total.tally.requests, third.total.before, third.total.change()), (5, Some(0), None));
    let second = app.services.usage.report(first_two).await.unwrap();
    assert_eq!((second.total.tally.requests, second.total.before, second.total.change()), (0, Some(3), Some(-1.0)));
    assert_eq!((second.lines[0].values[0].1.as_str(), second.lines[0].before), ("GET /jwks", Some(3)));
}

#[tokio::test]
async fn every_answer_has_one_latency() {
    let app = TestApp::start().await;
    for _ in 0..10 {
        app.get("/jwks").await;
    }
    let total = report(&app, &[]).await.total;
    assert_eq!((total.tally.requests, total.tally.timed(), total.failed), (10, 10, 0));
    assert!(total.tally.quantile_ms(0.99).is_some_and(|ms| ms > 0.0));
}

#[tokio::test]
async fn more_keys_than_the_setting_allows_are_counted_as_other_and_nothing_is_lost() {
    let app = TestApp::with(|settings| settings.usage.most_keys = 2).await;
    for path in ["/jwks", "/.well-known/openid-configuration", "/", "/login", "/jwks"] {
        app.get(path).await.assert_status(200);
    }
    let counted = counts(&app, &[Dimension::Client, Dimension::Endpoint]).await;
    assert_eq!(
        counted,
        of(&[("unknown|GET /jwks", 2), ("unknown|GET /.well-known/openid-configuration", 1), ("other|other", 2),])
    );
}

/// What a server had counted is written when it stops in order.
#[tokio::test]
async fn an_orderly_stop_writes_what_was_counted() {
    let mut app = TestApp::with(|settings| settings.usage.flush_every = std::time::Duration::from_secs(300)).await;
    for _ in 0..7 {
        app.get("/jwks").await.assert_status(200);
    }
    app.stop();
    let store = Store::open(StoreOptions::new(app.database.url.as_str())).unwrap();
    let found = authward::usage::report::answer(&store, question(&[]), app.now(), Lifetime::days(14)).await;
    assert_eq!(found.unwrap().total.tally.requests, 7);
}

/// What any order of requests, hours and flushes, whole or broken off, adds up to.
#[tokio::test]
async fn the_report_of_a_random_history_is_what_was_sent() {
    for seed in [1, 2, 3] {
        let app = TestApp::usual().seed(seed).start().await;
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut roll = |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % sides
        };
        let mut sent = BTreeMap::<String, u64>::new();
        let mut hour = 0;
        for _ in 0..250 {
            let key = match roll(8) {
                0 => {
                    app.get("/jwks").await.assert_status(200);
                    "unknown|GET /jwks||ok"
                }
                1 => {
                    app.get("/login").await.assert_status(200);
                    "unknown|GET /login||ok"
                }
                2 => {
                    app.get("/nothing").await.assert_status(404);
                    "unknown|unknown||not_found"
                }
                3 | 4 => {
                    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "spa")];
                    app.post("/token", &form).await.assert_status(400);
                    "spa|POST /token|refresh_token|invalid_grant"
                }
                5 => {
                    let form = [("grant_type", "authorization_code"), ("code", "x"), ("client_id", "native-app")];
                    app.post("/token", &form).await.assert_status(400);
                    "native-app|POST /token|authorization_code|invalid_grant"
                }
                6 => {
                    app.advance(1800);
                    hour += 1;
                    continue;
                }
                _ => {
                    // Broken off somewhere: before it began, in between, or after the commit.
                    let patience = std::time::Duration::from_micros(roll(3) * 200);
                    let _ = tokio::time::timeout(patience, app.services.usage.flush()).await;
                    continue;
                }
            };
            let at = Timestamp::from_seconds(START + hour / 2 * 3600).seconds().to_string();
            *sent.entry(format!("{at}|{key}")).or_default() += 1;
        }
        let by = [Dimension::Time, Dimension::Client, Dimension::Endpoint, Dimension::Grant, Dimension::Outcome];
        for period in Period::ALL {
            let question = Question {
                since: Timestamp::from_seconds(START),
                until: Timestamp::from_seconds(START).plus(Lifetime::days(4)),
                period: Some(period),
                ..question(&by)
            };
            let report = app.services.usage.report(question).await.unwrap();
            let mut told = BTreeMap::<String, u64>::new();
            for line in report.lines {
                let values: Vec<String> = line.values.into_iter().map(|(_, value)| value).collect();
                *told.entry(values.join("|")).or_default() += line.tally.requests;
            }
            let mut expected = BTreeMap::<String, u64>::new();
            for (key, count) in &sent {
                let (at, rest) = key.split_once('|').unwrap();
                let start = period.start_of(Timestamp::from_seconds(at.parse().unwrap()));
                let start = time::OffsetDateTime::from_unix_timestamp(start.seconds()).unwrap();
                let start = start.format(&time::format_description::well_known::Rfc3339).unwrap();
                *expected.entry(format!("{start}|{rest}")).or_default() += count;
            }
            assert_eq!(told, expected, "seed {seed}");
            assert_eq!(report.total.tally.requests, sent.values().sum::<u64>());
        }
    }
}

#[tokio::test]
async fn what_could_not_be_written_is_kept_and_written_once_when_the_database_can() {
    let app = TestApp::with(|settings| settings.usage.flush_every = std::time::Duration::from_secs(300)).await;
    let ask = async |times: usize| {
        for _ in 0..times {
            app.get("/jwks").await.assert_status(200);
        }
    };
    ask(3).await;
    // The second table that a batch touches, so that it fails after its first statement.
    rows::execute(&app, "ALTER TABLE usage_rollups RENAME TO away");
    for _ in 0..3 {
        assert!(app.services.usage.flush().await.is_err());
        ask(2).await;
    }
    rows::execute(&app, "ALTER TABLE away RENAME TO usage_rollups");
    assert_eq!(counts(&app, &[Dimension::Endpoint]).await, of(&[("GET /jwks", 9)]));
    app.services.usage.flush().await.unwrap();
    assert_eq!(counts(&app, &[Dimension::Endpoint]).await, of(&[("GET /jwks", 9)]));
}
