//! What counting costs a request: `cargo bench --bench usage`. Prints nanoseconds a request, from one thread and from as
//! many as there are cores.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use authward::clock::{Clock, Stopwatch};
use authward::domain::id::ClientId;
use authward::domain::time::Timestamp;
use authward::entropy::Entropy;
use authward::settings::Settings;
use authward::store::{Store, StoreOptions};
use authward::usage::{Observation, Usage};
use std::time::Duration;

const ROUNDS: u32 = 2_000_000;
const CLIENTS: usize = 50;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/usage.db", folder.path().display());
    let store = Store::open(StoreOptions::new(url)).expect("a store");
    let clock = Clock::standing_at(Timestamp::from_seconds(1_800_000_000));
    let usage = Usage::new(store, clock, &Entropy::seeded(1), &Settings::defaults().usage);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for threads in [1, cores] {
        let each = (0..5).map(|_| round(&usage, threads)).fold(f64::INFINITY, f64::min);
        println!("{threads} threads: {each:.0} ns a request and thread (best of 5)");
    }
}

/// Nanoseconds that one thread spends on one request.
fn round(usage: &Usage, threads: usize) -> f64 {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(usage))).collect();
        let times = running.into_iter().map(|thread| thread.join().expect("a thread"));
        times.sum::<f64>() / threads as f64
    })
}

fn work(usage: &Usage) -> f64 {
    let clients: Vec<ClientId> = (0..CLIENTS).map(|n| ClientId::new(format!("client-number-{n}"))).collect();
    let stopwatch = Stopwatch::start();
    for n in 0..ROUNDS {
        usage.count(&Observation {
            at: Timestamp::from_seconds(1_800_000_000 + i64::from(n / 10_000)),
            client: clients.get(n as usize % (CLIENTS + 1)),
            endpoint: "POST /token",
            grant: Some("refresh_token"),
            resource: Some("https://api.example.com/orders"),
            outcome: if n % 10 == 0 { "invalid_grant" } else { "ok" },
            took: Duration::from_micros(u64::from(n % 4000)),
        });
    }
    stopwatch.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}
