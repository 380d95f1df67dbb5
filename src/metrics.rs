//! Metrics for Prometheus, on an address of their own (`observability.metrics_bind`) and never on the public one.
//!
//! Nothing is counted for this alone: a scrape reads what the services count anyway. Labels have few values, and none of
//! them is a client or a person; who calls what is in the usage report.

use crate::domain::usage::{LATENCY_BOUNDS_MS, OK, Tally};
use crate::logouts::Counts;
use crate::usage::Seen;
use crate::web::Services;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt::Error;

const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The size of a page of memory, and the parts of a second in which Linux tells processor time.
const PAGE_BYTES: u64 = 4096;
const TICKS: f64 = 100.0;

/// `GET /metrics`
pub async fn get(services: web::Data<Services>) -> HttpResponse {
    let snapshot = Snapshot::take(&services);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, MEDIA_TYPE)).body(text),
        Err(error) => {
            tracing::error!(cause = %error, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Everything at one moment.
#[derive(Debug)]
struct Snapshot {
    requests: BTreeMap<(&'static str, &'static str), Tally>,
    tokens: BTreeMap<&'static str, u64>,
    sign_ins: BTreeMap<&'static str, u64>,
    refusals: Vec<(&'static str, u64)>,
    passwords_waiting: u64,
    database_waiting: u64,
    database_errors: u64,
    /// Algorithm, state, how many.
    keys: Vec<(&'static str, &'static str, u64)>,
    logouts: Counts,
    flush_lag: i64,
    process: Process,
}

impl Snapshot {
    fn take(services: &Services) -> Self {
        let mut requests: BTreeMap<_, Tally> = BTreeMap::new();
        let (mut tokens, mut sign_ins) = (BTreeMap::new(), BTreeMap::new());
        for (seen, tally) in services.usage.seen() {
            let Seen { endpoint, grant, outcome } = seen;
            requests.entry((endpoint, outcome)).or_default().add(&tally);
            if endpoint == "POST /token" && outcome == OK {
                *tokens.entry(grant).or_default() += tally.requests;
            }
            if endpoint == "POST /login" {
                *sign_ins.entry(outcome).or_default() += tally.requests;
            }
        }
        Self {
            requests,
            tokens,
            sign_ins,
            refusals: services.refusals.counts(),
            passwords_waiting: services.passwords.waiting() as u64,
            database_waiting: services.store.waiting() as u64,
            database_errors: services.store.failures(),
            keys: services.keys.states(),
            logouts: services.logouts.counts(),
            flush_lag: services.clock.now().since(services.usage.flushed_at()),
            process: Process::read(),
        }
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let encoder = &mut encoder;
        self.encode_requests(encoder)?;
        let tokens = self.tokens.iter().map(|(grant, count)| ([("grant", *grant)], *count));
        counters(encoder, "authward_tokens_issued", "Token answers by grant type", tokens)?;
        let sign_ins = self.sign_ins.iter().map(|(outcome, count)| ([("outcome", *outcome)], *count));
        counters(encoder, "authward_sign_ins", "Sent sign-in forms by outcome", sign_ins)?;
        let refusals = self.refusals.iter().map(|(rule, count)| ([("rule", *rule)], *count));
        counters(encoder, "authward_refusals", "Refused requests by rule", refusals)?;
        counter(encoder, "authward_database_failures", "Work that the database did not do", self.database_errors)?;
        gauge(encoder, "authward_database_waiting", "Work that waits for a database thread", self.database_waiting)?;
        gauge(encoder, "authward_passwords_waiting", "Hashes that wait to be computed", self.passwords_waiting)?;
        let keys = self.keys.iter().map(|(kind, state, count)| ([("algorithm", *kind), ("state", *state)], *count));
        gauges(encoder, "authward_signing_keys", "Signing keys by algorithm and state", keys)?;
        let Counts { delivered, failed, given_up, waiting } = self.logouts;
        let attempts = [("delivered", delivered), ("failed", failed), ("given_up", given_up)];
        let attempts = attempts.into_iter().map(|(outcome, count)| ([("outcome", outcome)], count));
        counters(
            encoder,
            "authward_logout_notices",
            "Attempts to tell clients of ended sessions by outcome",
            attempts,
        )?;
        let waiting = u64::try_from(waiting).unwrap_or(0);
        gauge(
            encoder,
            "authward_logout_notices_waiting",
            "Ended sessions that clients are still to be told of",
            waiting,
        )?;
        let lag = u64::try_from(self.flush_lag).unwrap_or(0);
        gauge(encoder, "authward_usage_flush_lag_seconds", "Time since all counts of usage were written", lag)?;
        let build = std::iter::once(([("version", env!("CARGO_PKG_VERSION"))], 1));
        gauges(encoder, "authward_build_info", "The program", build)?;
        self.process.encode(encoder)
    }
}

impl Snapshot {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let name = "authward_request_duration_seconds";
        let help = "Answered requests by endpoint and outcome";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for ((endpoint, outcome), tally) in &self.requests {
            let bounds = LATENCY_BOUNDS_MS.iter().map(|bound| f64::from(*bound) / 1000.0);
            let buckets: Vec<(f64, u64)> = bounds.chain(std::iter::once(f64::INFINITY)).zip(tally.latency).collect();
            family.encode_family(&[("endpoint", *endpoint), ("outcome", *outcome)])?.encode_histogram::<NoLabelSet>(
                seconds(tally.duration_us),
                tally.requests,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss, reason = "a sum for a graph")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1_000_000.0
}

type Labels<const N: usize> = [(&'static str, &'static str); N];

fn counters<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<N>, u64)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in values {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<N>, u64)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), Error> {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

/// What the operating system says of this process, under the names that every Prometheus client uses; what cannot be read
/// is left out.
#[derive(Debug)]
struct Process {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
}

impl Process {
    fn read() -> Self {
        let text = |path| std::fs::read_to_string(path).ok();
        Self {
            cpu_seconds: text("/proc/self/stat").as_deref().and_then(cpu_seconds),
            resident_bytes: text("/proc/self/statm").as_deref().and_then(resident_bytes),
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        if let Some(seconds) = self.cpu_seconds {
            let help = "Processor time of the process";
            let family = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(family)?;
        }
        if let Some(bytes) = self.resident_bytes {
            gauge(encoder, "process_resident_memory_bytes", "Resident memory of the process", bytes)?;
        }
        match self.open_files {
            Some(files) => gauge(encoder, "process_open_fds", "Open file descriptors of the process", files),
            None => Ok(()),
        }
    }
}

/// User and system time: the 14th and 15th field of `stat`, counted behind the name, which may hold spaces.
#[allow(clippy::cast_precision_loss, reason = "a time for a graph")]
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS)
}

fn resident_bytes(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_process_are_read() {
        let stat = "7 (a) b c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 200";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 nonsense"), None);
        assert_eq!(resident_bytes("1000 25 3"), Some(25 * 4096));
        let here = Process::read();
        assert!(here.cpu_seconds.is_some() && here.resident_bytes > Some(0) && here.open_files > Some(0));
    }
}
