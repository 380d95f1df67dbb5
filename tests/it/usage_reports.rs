//! `POST /api/usage`: what protected resources report of the calls that they answered.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::basic;
use crate::support::{Answer, START, TestApp};
use authward::domain::client::{Client, ClientAuthentication, ClientSecret};
use authward::domain::id::ClientId;
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::usage::{Dimension, Period, UsageFilter};
use authward::usage::report::Question;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const API: &str = "https://api.example.com";

/// A server with the usual clients, a protected resource, the client that serves it, and one that serves another.
async fn start() -> TestApp {
    let serving = |id: &str| Client {
        authentication: ClientAuthentication::ClientSecretBasic,
        secret: Some(ClientSecret::generated(SECRET)),
        ..clients::client(id, id)
    };
    let resource = |identifier: &str, by: &str| Resource {
        identifier: identifier.to_owned(),
        scopes: Vec::new(),
        access_token_type: AccessTokenType::AtJwt,
        served_by: vec![ClientId::new(by)],
    };
    TestApp::usual()
        .client(serving("orders-api"))
        .client(serving("other-api"))
        .resource(resource(API, "orders-api"))
        .resource(resource("https://other.example.com", "other-api"))
        .start()
        .await
}

fn batch(id: &str, entries: &[Value]) -> Value {
    json!({ "resource": API, "batch_id": id, "entries": entries })
}

fn entry(client: &str, count: u64) -> Value {
    json!({ "client_id": client, "endpoint": "GET /orders/{id}", "outcome": "ok", "count": count, "at": START })
}

async fn post_as(app: &TestApp, client: &str, body: &Value) -> Answer {
    let request = app.http.post(app.url("/api/usage")).header("authorization", basic(client, SECRET));
    app.send(request.json(body)).await
}

async fn post(app: &TestApp, body: &Value) -> Answer {
    post_as(app, "orders-api", body).await
}

/// What was reported, by client, endpoint and outcome.
async fn reported(app: &TestApp) -> BTreeMap<String, u64> {
    let question = Question {
        since: Timestamp::from_seconds(START).minus(Lifetime::days(7)),
        until: Timestamp::from_seconds(START).plus(Lifetime::days(1)),
        period: Some(Period::Hour),
        by: vec![Dimension::Client, Dimension::Resource, Dimension::Endpoint, Dimension::Outcome],
        filter: UsageFilter { source: Some("resource".to_owned()), ..UsageFilter::default() },
        most: 1000,
    };
    let lines = app.services.usage.report(question).await.expect("a working database").lines;
    let told = |line: authward::usage::report::Line| {
        let values: Vec<String> = line.values.into_iter().map(|(_, value)| value).collect();
        (values.join("|"), line.tally.requests)
    };
    lines.into_iter().map(told).collect()
}

/// The refusal of a body, whose rule is told in the answer (RFC 9457 §3).
#[track_caller]
fn assert_problem(answer: &Answer, status: u16, rule: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(answer.json()["rule"], rule, "{answer:?}");
}

#[tokio::test]
async fn calls_that_a_protected_resource_reports_are_counted_by_client_endpoint_and_outcome() {
    let app = start().await;
    let latency = json!({ "5": 2, "inf": 1 });
    let slow = json!({
        "client_id": "native-app", "endpoint": "POST /orders", "outcome": "5xx", "count": 3, "at": START + 100,
        "latency": latency, "duration_ms": 5000,
    });
    let nobody =
        json!({ "client_id": null, "endpoint": "GET /orders/{id}", "outcome": "denied", "count": 4, "at": START });
    let answer =
        post(&app, &batch("one", &[entry("native-app", 5), entry("spa", 1), entry("stranger", 2), nobody, slow])).await;
    answer.assert_status(200);
    assert_eq!(answer.json(), json!({ "batch_id": "one", "repeated": false, "calls": 15 }));
    let expected = [
        (format!("native-app|{API}|GET /orders/{{id}}|ok"), 5),
        (format!("spa|{API}|GET /orders/{{id}}|ok"), 1),
        (format!("unknown|{API}|GET /orders/{{id}}|ok"), 2),
        (format!("unknown|{API}|GET /orders/{{id}}|denied"), 4),
        (format!("native-app|{API}|POST /orders|5xx"), 3),
    ];
    assert_eq!(reported(&app).await, expected.into());
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_taken_and_counted_once() {
    let app = start().await;
    for n in 0..3 {
        let answer = post(&app, &batch("same", &[entry("spa", 5)])).await;
        answer.assert_status(200);
        assert_eq!(answer.json(), json!({ "batch_id": "same", "repeated": n > 0, "calls": 5 }));
        // The id is remembered as long as what it counts would be taken.
        app.advance(3 * 86_400 - 1);
    }
    assert_eq!(reported(&app).await.values().sum::<u64>(), 5);
    app.advance(2 * 86_400);
    assert_problem(&post(&app, &batch("same", &[entry("spa", 5)])).await, 400, "AW-USAGE-REPORT");
}

#[tokio::test]
async fn a_batch_id_is_that_of_one_client_and_one_resource() {
    let app = start().await;
    let other = json!({ "resource": "https://other.example.com", "batch_id": "1", "entries": [entry("spa", 3)] });
    post(&app, &batch("1", &[entry("spa", 2)])).await.assert_status(200);
    let answer = post_as(&app, "other-api", &other).await;
    assert_eq!(answer.assert_status(200).json()["repeated"], false);
    assert_eq!(reported(&app).await.values().sum::<u64>(), 5);
}

/// RFC 6749 §2.3, RFC 9110 §11.6.1, RFC 9110 §15.5.4
#[tokio::test]
async fn only_a_client_that_serves_the_resource_may_report_for_it() {
    let app = start().await;
    let body = batch("one", &[entry("spa", 5)]);
    assert_problem(&post_as(&app, "other-api", &body).await, 403, "AW-USAGE-RESOURCE");
    let elsewhere = json!({ "resource": "https://api.example.com/", "batch_id": "1", "entries": [entry("spa", 1)] });
    assert_problem(&post(&app, &elsewhere).await, 403, "AW-USAGE-RESOURCE");
    let none = app.send(app.http.post(app.url("/api/usage")).json(&body)).await;
    assert_problem(&none, 401, "AW-CLIENT-AUTHENTICATION");
    assert_eq!(none.header("www-authenticate"), "Basic realm=\"authward\", charset=\"UTF-8\"");
    let wrong = app.http.post(app.url("/api/usage")).header("authorization", basic("orders-api", "wrong"));
    assert_problem(&app.send(wrong.json(&body)).await, 401, "AW-CLIENT-AUTHENTICATION");
    let bearer = app.http.post(app.url("/api/usage")).bearer_auth("x");
    assert_problem(&app.send(bearer.json(&body)).await, 401, "AW-CLIENT-AUTHENTICATION");
    let public = app.http.post(app.url("/api/usage")).header("authorization", basic("spa", ""));
    assert_problem(&app.send(public.json(&body)).await, 401, "AW-CLIENT-AUTHENTICATION");
    assert!(reported(&app).await.is_empty());
}

/// RFC 9110 §15.5.1, RFC 9457 §3
#[tokio::test]
async fn a_report_that_is_malformed_or_out_of_bounds_is_refused_as_a_whole() {
    let app = start().await;
    let good = entry("spa", 1);
    let changed = |member: &str, value: Value| {
        let mut bad = good.clone();
        bad[member] = value;
        batch("bad", &[good.clone(), bad])
    };
    let both = |latency: Value, duration: Value| {
        let mut bad = good.clone();
        (bad["latency"], bad["duration_ms"]) = (latency, duration);
        batch("bad", &[bad])
    };
    let cases = [
        json!([]),
        json!({}),
        json!(null),
        json!({ "resource": API, "batch_id": "1" }),
        json!({ "resource": API, "batch_id": "1", "entries": [good], "more": 1 }),
        batch("", std::slice::from_ref(&good)),
        batch(&"x".repeat(129), std::slice::from_ref(&good)),
        batch("a b", std::slice::from_ref(&good)),
        batch("é", std::slice::from_ref(&good)),
        batch("none", &[]),
        batch("many", &vec![good.clone(); 501]),
        changed("client_id", json!("")),
        changed("client_id", json!("x".repeat(256))),
        changed("client_id", json!("a\u{0}b")),
        changed("client_id", json!(7)),
        changed("endpoint", json!("")),
        changed("endpoint", json!("GET orders")),
        changed("endpoint", json!("GET /orders?id=1")),
        changed("endpoint", json!(format!("GET /{}", "x".repeat(300)))),
        changed("endpoint", json!("GET /\u{0}")),
        changed("outcome", json!("fine")),
        changed("outcome", json!("6xx")),
        changed("count", json!(0)),
        changed("count", json!(-1)),
        changed("count", json!(1.5)),
        changed("count", json!(1_000_000_001)),
        changed("count", json!("1")),
        changed("at", json!(START + 301)),
        changed("at", json!(START - 7 * 86_400 - 1)),
        changed("at", json!(i64::MAX)),
        changed("at", json!(i64::MIN)),
        changed("at", json!("now")),
        changed("secret", json!("x")),
        both(json!({ "5": 1 }), json!(null)),
        both(json!(null), json!(10)),
        both(json!({ "7": 1 }), json!(10)),
        both(json!({ "5": 2 }), json!(10)),
        both(json!({ "5": u64::MAX, "10": 1 }), json!(10)),
        both(json!({ "5": 1 }), json!(86_400_001)),
    ];
    for body in &cases {
        let answer = post(&app, body).await;
        assert_problem(&answer, 400, "AW-USAGE-REPORT");
    }
    for text in ["", "{", "{\"resource\":", "\u{0}", "[".repeat(5000).as_str(), "{\"entries\":[],\"entries\":[]}"] {
        let request = app.http.post(app.url("/api/usage")).header("authorization", basic("orders-api", SECRET));
        let request = request.header("content-type", "application/json").body(text.to_owned());
        assert_problem(&app.send(request).await, 400, "AW-USAGE-REPORT");
    }
    assert!(reported(&app).await.is_empty());
    // A refused batch was not taken: mended, it counts.
    post(&app, &batch("bad", &[good])).await.assert_status(200);
    assert_eq!(reported(&app).await.values().sum::<u64>(), 1);
}

/// RFC 9110 §15.5.14, RFC 9110 §15.5.16
#[tokio::test]
async fn a_report_is_json_that_is_not_compressed_and_not_too_large() {
    let app = start().await;
    let send = async |kind: &str, encoding: &str, body: String| {
        let request = app.http.post(app.url("/api/usage")).header("authorization", basic("orders-api", SECRET));
        app.send(request.header("content-type", kind).header("content-encoding", encoding).body(body)).await
    };
    let body = batch("one", &[entry("spa", 1)]).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        assert_problem(&send(kind, "identity", body.clone()).await, 415, "AW-CONTENT-TYPE-JSON");
    }
    assert_problem(&send("application/json", "gzip", body.clone()).await, 415, "AW-CONTENT-TYPE-JSON");
    let padded = format!("{body}{}", " ".repeat(65_536));
    assert_problem(&send("application/json", "identity", padded).await, 413, "AW-BODY-TOO-LARGE");
    send("application/json; charset=utf-8", "identity", body).await.assert_status(200);
    assert_eq!(reported(&app).await.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn the_report_itself_is_counted_for_the_client_that_sends_it() {
    let app = start().await;
    post(&app, &batch("one", &[entry("spa", 1)])).await.assert_status(200);
    let question = Question {
        since: Timestamp::from_seconds(START),
        until: Timestamp::from_seconds(START).plus(Lifetime::hours(1)),
        period: Some(Period::Hour),
        by: vec![Dimension::Client, Dimension::Resource],
        filter: UsageFilter { endpoint: Some("POST /api/usage".to_owned()), ..UsageFilter::default() },
        most: 10,
    };
    let lines = app.services.usage.report(question).await.unwrap().lines;
    let values: Vec<&str> = lines[0].values.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!((values, lines[0].tally.requests), (vec!["orders-api", API], 1));
}

/// `GET /api/usage` for an administrator: what was reported, told apart and filtered as on the command line.
#[tokio::test]
async fn the_admin_api_tells_what_was_counted() {
    let app = TestApp::usual().client(clients::operator()).start().await;
    let token = |scope: &'static str| {
        let resource = format!("{}/api", app.issuer);
        let form =
            vec![("grant_type", "client_credentials".to_owned()), ("scope", scope.to_owned()), ("resource", resource)];
        let request = app.http.post(app.url("/token")).header("authorization", basic("operator", SECRET)).form(&form);
        async { app.send(request).await.json()["access_token"].as_str().unwrap().to_owned() }
    };
    let reader = token("admin:read").await;
    let ask = |query: &'static str| {
        let request = app.http.get(app.url(&format!("/api/usage{query}"))).bearer_auth(&reader);
        async { app.send(request).await }
    };
    let answer = ask("?by=client,endpoint,outcome&client=operator&last=1d").await;
    answer.assert_status(200).assert_no_store();
    let report = answer.json();
    assert_eq!(report["total"]["requests"], 1, "{report}");
    let line = &report["lines"][0];
    assert_eq!(
        (&line["client"], &line["endpoint"], &line["outcome"]),
        (&json!("operator"), &json!("POST /token"), &json!("ok"))
    );
    assert_eq!(report["period"], "hour");
    assert_eq!(ask("?by=time&period=day&limit=1").await.json()["period"], "day");
    for (query, field) in [
        ("?last=7", "last"),
        ("?last=7d&since=2027-01-01", "last"),
        ("?since=2027-01-02&until=2027-01-01", "since"),
        ("?period=week", "period"),
        ("?by=client,colour", "by"),
        ("?source=elsewhere", "source"),
        ("?limit=0", "limit"),
        ("?sinc=2027-01-01", "sinc"),
        ("?by=client&by=outcome", "by"),
    ] {
        let answer = ask(query).await;
        answer.assert_status(400);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}: {answer:?}");
    }
    app.get("/api/usage").await.assert_status(401);
}
