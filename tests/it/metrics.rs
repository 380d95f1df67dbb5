//! Metrics for Prometheus: on their own address only, and true.

use crate::support::shared::server::free_port;
use crate::support::{PASSWORD, TestApp};
use std::net::{Ipv4Addr, SocketAddr};

/// A server with metrics, and where they are.
async fn start() -> (TestApp, String) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let app = TestApp::with(move |settings| {
        settings.observability.metrics_bind = Some(address);
        settings.usage.flush_every = std::time::Duration::from_secs(300);
    })
    .await;
    (app, format!("http://{address}"))
}

async fn scrape(app: &TestApp, address: &str) -> String {
    let answer = app.send(app.http.get(format!("{address}/metrics"))).await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.text()
}

/// The value of a line, 0 where there is none.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

#[tokio::test]
async fn metrics_are_on_their_own_address_only() {
    let (app, address) = start().await;
    app.get("/metrics").await.assert_status(404);
    let public = app.send(app.http.get(format!("{address}/jwks"))).await;
    public.assert_status(404);
    scrape(&app, &address).await;
    let without = TestApp::start().await;
    without.get("/metrics").await.assert_status(404);
}

#[tokio::test]
async fn what_is_counted_is_what_was_asked_and_a_flush_takes_nothing_away() {
    let (app, address) = start().await;
    for _ in 0..5 {
        app.get("/jwks").await.assert_status(200);
    }
    let party = app.relying_party("first-party");
    let browser = app.browser();
    browser.sign_in("alice", PASSWORD).await;
    let (code, request) = party.new_code(&browser, "alice").await;
    party.token(&party.exchange(&code, &request)).await.assert_status(200);
    party.token(&party.exchange(&code, &request)).await.assert_status(400);
    for _ in 0..2 {
        let text = scrape(&app, &address).await;
        let requests = |endpoint: &str, outcome: &str| {
            value(
                &text,
                &format!("authward_request_duration_seconds_count{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}}"),
            )
        };
        assert_eq!(requests("GET /jwks", "ok"), 5.0, "{text}");
        assert_eq!((requests("POST /token", "ok"), requests("POST /token", "invalid_grant")), (1.0, 1.0));
        let inf = "authward_request_duration_seconds_bucket{le=\"+Inf\",endpoint=\"GET /jwks\",outcome=\"ok\"}";
        assert_eq!(value(&text, inf), 5.0, "{text}");
        assert_eq!(value(&text, "authward_tokens_issued_total{grant=\"authorization_code\"}"), 1.0);
        assert_eq!(value(&text, "authward_sign_ins_total{outcome=\"ok\"}"), 1.0, "{text}");
        assert_eq!(value(&text, "authward_refusals_total{rule=\"AW-CODE-REPLAYED\"}"), 1.0);
        assert_eq!(value(&text, "authward_signing_keys{algorithm=\"ES256\",state=\"active\"}"), 1.0, "{text}");
        assert_eq!(value(&text, "authward_database_waiting"), 0.0);
        assert_eq!(value(&text, "authward_passwords_waiting"), 0.0);
        assert!(value(&text, "process_resident_memory_bytes") > 1_000_000.0, "{text}");
        assert!(value(&text, "process_open_fds") > 3.0 && text.contains("process_cpu_seconds_total "));
        assert!(text.contains(concat!("authward_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")), "{text}");
        assert!(text.ends_with("# EOF\n"));
        app.services.usage.flush().await.unwrap();
    }
}

#[tokio::test]
async fn no_label_names_a_client_or_a_person() {
    let (app, address) = start().await;
    let _ = app.signed_in("alice").await;
    for n in 0..10 {
        let id = format!("stranger-{n}");
        app.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", &id)]).await;
    }
    app.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "spa")]).await;
    let text = scrape(&app, &address).await;
    for word in ["spa\"", "stranger", "alice", "native-app"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[tokio::test]
async fn the_lag_of_the_flush_is_told_in_seconds_of_the_servers_clock() {
    let (app, address) = start().await;
    app.services.usage.flush().await.unwrap();
    app.advance(42);
    let text = scrape(&app, &address).await;
    assert_eq!(value(&text, "authward_usage_flush_lag_seconds"), 42.0, "{text}");
}
