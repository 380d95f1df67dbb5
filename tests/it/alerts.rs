//! Alert rules over the counts of usage, the webhook that they call, and what may be fetched at all.

use crate::support::receiver::{OK, Receiver};
use crate::support::{START, TestApp};
use authward::domain::secret::Secret;
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::usage::{AlertCondition, AlertRule, UsageFilter};
use authward::entropy::Entropy;
use authward::outbound::{Fetcher, OutboundError};
use authward::settings::{AllowedHost, Settings};
use authward::usage::watching::Watcher;
use serde_json::Value;
use url::Url;

const KEY: &str = "the key of the webhook";

fn fetcher(allowed: &[&str]) -> Fetcher {
    let mut outbound = Settings::defaults().outbound;
    let host = |text: &&str| match text.parse::<ipnet::IpNet>() {
        Ok(network) => AllowedHost::Network(network),
        Err(_) => AllowedHost::Name((*text).to_owned()),
    };
    outbound.allow_hosts = allowed.iter().map(host).collect();
    Fetcher::new(&outbound).expect("a fetcher")
}

/// A watcher of one rule: more than ten calls of `GET /jwks` in ten minutes.
fn watcher(app: &TestApp, seed: u64, hook: &Receiver) -> Watcher {
    let mut settings = Settings::defaults().usage;
    settings.alerts = vec![AlertRule {
        name: "busy".to_owned(),
        condition: AlertCondition::Above(10),
        window: Lifetime::minutes(10),
        filter: UsageFilter { endpoint: Some("GET /jwks".to_owned()), ..UsageFilter::default() },
    }];
    settings.webhook = Some(hook.url.clone());
    settings.webhook_secret = Some(Secret::new(KEY));
    let (store, clock) = (app.services.store.clone(), app.clock.clone());
    Watcher::new(store, clock, &Entropy::seeded(seed), &settings, Some(fetcher(&["127.0.0.1/32"])))
}

async fn ask(app: &TestApp, times: usize) {
    for _ in 0..times {
        app.get("/jwks").await.assert_status(200);
        app.get("/login").await.assert_status(200);
    }
    app.services.usage.flush().await.expect("a working database");
}

#[tokio::test]
async fn an_alert_is_sent_signed_when_a_rule_begins_and_ends_to_hold() {
    let app = TestApp::start().await;
    let hook = Receiver::open().await;
    let watcher = watcher(&app, 7, &hook);
    ask(&app, 20).await;
    watcher.watch().await.unwrap();
    app.advance(60);
    ask(&app, 10).await;
    watcher.watch().await.unwrap();
    assert!(hook.is_untouched().await);
    app.advance(60);
    ask(&app, 1).await;
    watcher.watch().await.unwrap();
    let sent = hook.answer(OK).await;
    let told: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        told,
        serde_json::json!({
            "alert": "busy", "state": "firing", "at": START + 120, "window_seconds": 600, "requests": 11, "failed": 0,
            "condition": "more than 10 requests",
        })
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, KEY.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, &sent.body);
    let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(sent.head.contains(&format!("x-authward-signature: sha256={expected}")), "{}", sent.head);
    assert!(sent.head.starts_with("post /hook http/1.1"), "{}", sent.head);
    // It still holds: nothing is said twice.
    watcher.watch().await.unwrap();
    app.advance(600);
    watcher.watch().await.unwrap();
    let sent: Value = serde_json::from_slice(&hook.answer(OK).await.body).unwrap();
    assert_eq!((sent["state"].as_str(), sent["requests"].as_u64()), (Some("resolved"), Some(0)));
}

#[tokio::test]
async fn one_node_announces_and_another_takes_over_when_it_is_gone() {
    let app = TestApp::start().await;
    let (hook, other_hook) = (Receiver::open().await, Receiver::open().await);
    let (one, two) = (watcher(&app, 7, &hook), watcher(&app, 8, &other_hook));
    for watcher in [&one, &two] {
        watcher.watch().await.unwrap();
    }
    app.advance(60);
    ask(&app, 11).await;
    for watcher in [&two, &one, &two] {
        watcher.watch().await.unwrap();
    }
    assert_eq!(serde_json::from_slice::<Value>(&hook.answer(OK).await.body).unwrap()["state"], "firing");
    assert!(other_hook.is_untouched().await);
    // The first is gone. The second begins to watch, and finds all quiet.
    app.advance(181);
    two.watch().await.unwrap();
    let resolved: Value = serde_json::from_slice(&other_hook.answer(OK).await.body).unwrap();
    assert_eq!(resolved["state"], "resolved");
    one.watch().await.unwrap();
    assert!(hook.is_untouched().await);
}

#[tokio::test]
async fn nothing_private_is_fetched_unless_it_is_allowed() {
    let hook = Receiver::open().await;
    let by_name = Url::parse(&hook.url.as_str().replace("127.0.0.1", "localhost").replace("http:", "https:")).unwrap();
    let literal = Url::parse(&hook.url.as_str().replace("http:", "https:")).unwrap();
    for url in [by_name, literal] {
        let refused = fetcher(&[]).get(&url, 1000).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Address(_)), "{refused:?}");
        let refused = fetcher(&["10.0.0.0/8", "example.com"]).post(&url, &[], Vec::new(), 1000).await.unwrap_err();
        assert!(matches!(refused, OutboundError::Address(_)), "{refused:?}");
    }
    assert!(matches!(fetcher(&[]).get(&hook.url, 1000).await, Err(OutboundError::Url(_))));
    assert!(hook.is_untouched().await);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_answers_are_bounded() {
    let (hook, elsewhere) = (Receiver::open().await, Receiver::open().await);
    let fetcher = fetcher(&["127.0.0.0/8"]);
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url);
    let (answer, _) = tokio::join!(fetcher.get(&hook.url, 1000), hook.answer(&redirect));
    assert_eq!(answer.unwrap().status, 302);
    assert!(elsewhere.is_untouched().await);
    let exact = format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}", "x".repeat(10));
    let (answer, _) = tokio::join!(fetcher.get(&hook.url, 10), hook.answer(&exact));
    assert_eq!(answer.unwrap().body, b"xxxxxxxxxx");
    let (answer, _) = tokio::join!(fetcher.get(&hook.url, 9), hook.answer(&exact));
    assert_eq!(answer, Err(OutboundError::TooLarge(9)));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000));
    let (answer, _) = tokio::join!(fetcher.get(&hook.url, 5000), hook.answer_as_far_as_read(&endless));
    assert_eq!(answer, Err(OutboundError::TooLarge(5000)));
}

#[tokio::test]
async fn a_rule_starts_from_what_is_there_not_from_what_was() {
    let app = TestApp::start().await;
    let hook = Receiver::open().await;
    ask(&app, 50).await;
    let watcher = watcher(&app, 9, &hook);
    watcher.watch().await.unwrap();
    app.advance(60);
    watcher.watch().await.unwrap();
    assert!(hook.is_untouched().await);
    assert_eq!(app.now(), Timestamp::from_seconds(START + 60));
}
