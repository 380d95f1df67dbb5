//! Watching: the job that judges the alert rules, announces changes in the log, and sends them to the webhook.

use super::alerts::{Load, Verdict, Watch};
use crate::clock::Clock;
use crate::domain::client::hex;
use crate::domain::secret::Secret;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{AlertCondition, AlertRule, Dimension, Period, UsageQuery, UsageTotal};
use crate::entropy::Entropy;
use crate::outbound::{Fetcher, OutboundError};
use crate::settings;
use crate::store::{self, Store, StoreError};
use aws_lc_rs::hmac;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// What is waited before each further attempt to reach the webhook.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
/// The most of a webhook's answer that is read.
const MOST_BYTES: usize = 16 * 1024;
/// The header with the signature: `sha256=` and the HMAC-SHA256 of the body in hexadecimal digits.
const SIGNATURE: &str = "x-authward-signature";

/// Watches the rules of the settings. Clones share what they have seen.
#[derive(Clone)]
pub struct Watcher(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    node: String,
    rules: Vec<AlertRule>,
    webhook: Option<Webhook>,
    watches: Mutex<HashMap<String, Watch>>,
}

struct Webhook {
    url: Url,
    secret: Secret,
    fetcher: Fetcher,
}

/// What is sent.
#[derive(Debug, Serialize)]
struct Announcement<'a> {
    alert: &'a str,
    /// `firing` or `resolved`.
    state: &'static str,
    /// Seconds since the epoch.
    at: i64,
    window_seconds: i64,
    requests: u64,
    failed: u64,
    /// What the rule says.
    condition: String,
}

impl Watcher {
    /// Watches what `settings` say; sends through `fetcher`.
    pub fn new(
        store: Store,
        clock: Clock,
        entropy: &Entropy,
        settings: &settings::Usage,
        fetcher: Option<Fetcher>,
    ) -> Self {
        let secret = settings.webhook_secret.clone();
        let webhook = settings.webhook.clone().zip(secret).zip(fetcher);
        let webhook = webhook.map(|((url, secret), fetcher)| Webhook { url, secret, fetcher });
        let node = hex(&entropy.bytes::<16>());
        Self(Arc::new(Inner { store, clock, node, rules: settings.alerts.clone(), webhook, watches: Mutex::default() }))
    }

    /// Judges every rule that this node has the lease of, and announces what has changed. To be called once a minute.
    ///
    /// # Errors
    /// [`StoreError`]; what was judged before it stays judged.
    pub async fn watch(&self) -> Result<(), StoreError> {
        let mut watches = self.0.watches.lock().await;
        for rule in &self.0.rules {
            let now = self.0.clock.now();
            let Some(sums) = self.read(rule, now).await? else {
                watches.remove(&rule.name);
                continue;
            };
            let watch = watches.entry(rule.name.clone()).or_default();
            match watch.judge(rule, sums, now) {
                Verdict::Unknown => {}
                Verdict::Quiet(load) => self.note(rule, false, load, now).await?,
                Verdict::Firing(load) => self.note(rule, true, load, now).await?,
            }
        }
        Ok(())
    }

    /// The sums of the last hours by hour; `None` where another node watches the rule.
    async fn read(&self, rule: &AlertRule, now: Timestamp) -> Result<Option<BTreeMap<Timestamp, Load>>, StoreError> {
        let (name, node) = (rule.name.clone(), self.0.node.clone());
        let is_ours = self.0.store.write(move |db| store::alerts::hold(db, &name, &node, now)).await?;
        if !is_ours {
            return Ok(None);
        }
        let query = UsageQuery {
            period: Period::Hour,
            since: Period::Hour.start_of(now.minus(Lifetime::hours(2))),
            until: Period::Hour.start_of(now).plus(Lifetime::hours(1)),
            by: vec![Dimension::Time],
            filter: rule.filter.clone(),
        };
        let totals = self.0.store.read(move |db| store::usage::totals(db, &query, 24)).await?;
        let sum = |total: UsageTotal| {
            let hour = total.values.first()?.parse().ok()?;
            let requests = total.tally.requests;
            Some((Timestamp::from_seconds(hour), Load { requests, failed: requests.saturating_sub(total.succeeded) }))
        };
        Ok(Some(totals.into_iter().filter_map(sum).collect()))
    }

    async fn note(&self, rule: &AlertRule, is_firing: bool, load: Load, now: Timestamp) -> Result<(), StoreError> {
        let (name, node) = (rule.name.clone(), self.0.node.clone());
        if self.0.store.write(move |db| store::alerts::change(db, &name, &node, is_firing, now)).await? {
            self.announce(rule, is_firing, load, now);
        }
        Ok(())
    }

    fn announce(&self, rule: &AlertRule, is_firing: bool, load: Load, now: Timestamp) {
        let announcement = Announcement {
            alert: &rule.name,
            state: if is_firing { "firing" } else { "resolved" },
            at: now.seconds(),
            window_seconds: rule.window.as_seconds(),
            requests: load.requests,
            failed: load.failed,
            condition: in_words(rule.condition),
        };
        let Announcement { alert, state, requests, failed, condition, .. } = &announcement;
        tracing::warn!(alert, state, requests, failed, condition, "usage alert");
        let body = serde_json::to_vec(&announcement).unwrap_or_default();
        if self.0.webhook.is_some() {
            let watcher = self.clone();
            tokio::spawn(async move { watcher.deliver(body).await });
        }
    }

    /// Sends an announcement, a bounded number of times until it is taken.
    async fn deliver(&self, body: Vec<u8>) {
        let Some(webhook) = &self.0.webhook else { return };
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            match webhook.send(&body).await {
                Ok(()) => return,
                Err(cause) => tracing::warn!(%cause, "the usage webhook did not take an alert"),
            }
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tracing::error!("an alert was not delivered; it stands in this log"),
            }
        }
    }
}

impl Webhook {
    async fn send(&self, body: &[u8]) -> Result<(), OutboundError> {
        let signature = signature(&self.secret, body);
        let headers = [("content-type", "application/json"), (SIGNATURE, signature.as_str())];
        let answer = self.fetcher.post(&self.url, &headers, body.to_vec(), MOST_BYTES).await?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(OutboundError::Unreachable(format!("status {status}"))),
        }
    }
}

fn signature(secret: &Secret, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    format!("sha256={}", hex(hmac::sign(&key, body).as_ref()))
}

fn in_words(condition: AlertCondition) -> String {
    match condition {
        AlertCondition::Above(most) => format!("more than {most} requests"),
        AlertCondition::Below(least) => format!("fewer than {least} requests"),
        AlertCondition::FailedShare { above, of_at_least } => {
            format!("a share of failed requests above {above}, of at least {of_at_least}")
        }
    }
}
