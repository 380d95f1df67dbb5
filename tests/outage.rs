//! `authward serve` while its database is away or comes and goes, and when it is told to stop: it answers 503 instead of
//! hanging or ending, heals without a restart, and finishes what is in flight.
//!
//! The databases of these tests are their own, because they are stopped and started under the server.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use support::databases::DatabaseKind;
use support::own_server::{OwnServer, Stop};
use support::server::free_port;
use tempfile::TempDir;

/// 32 bytes, the same on every node.
const MASTER_KEY: &str = "bm9kZXMgb2Ygb25lIGNsdXN0ZXIgc2hhcmUgdGhpcyE";
/// What a client may have to wait for an answer while the database is away.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// When a server must be ready again after its database came back.
const LONGEST_RECOVERY: Duration = Duration::from_secs(10);
/// Grace of the settings' default, and the end of the process after it.
const LONGEST_STOP: Duration = Duration::from_secs(15);
const CROWD: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);
/// The client that is there without registration on a loopback issuer.
const CLIENT: &str = "authward-demo";

#[tokio::test]
async fn nodes_started_without_their_database_heal_when_it_appears_on_postgresql() {
    nodes_started_without_their_database_heal_when_it_appears(DatabaseKind::Postgres).await;
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn nodes_started_without_their_database_heal_when_it_appears_on_mariadb() {
    nodes_started_without_their_database_heal_when_it_appears(DatabaseKind::Mysql).await;
}

async fn nodes_started_without_their_database_heal_when_it_appears(kind: DatabaseKind) {
    let mut database = OwnServer::install(kind);
    let mut migrating = Node::start(&database.url(), &[("AUTHWARD__DATABASE__MIGRATE_ON_START", "true")]);
    let mut waiting = Node::start(&database.url(), &[]);
    for node in [&mut migrating, &mut waiting] {
        node.until("/health/live", 200, LONGEST_RECOVERY).await;
        node.assert_unavailable().await;
    }
    database.start();
    migrating.until("/health/ready", 200, LONGEST_RECOVERY).await;
    waiting.until("/health/ready", 200, LONGEST_RECOVERY).await;
    for node in [&mut migrating, &mut waiting] {
        node.assert_serving().await;
    }
}

#[tokio::test]
async fn a_node_waits_for_a_schema_that_it_may_not_migrate() {
    let mut database = OwnServer::install(DatabaseKind::Postgres);
    let mut node = Node::start(&database.url(), &[]);
    node.until("/health/live", 200, LONGEST_RECOVERY).await;
    database.start();
    let migrated = patiently(LONGEST_RECOVERY, async || {
        // Before the schema is there the node must not be ready, whatever it asks the new database.
        assert_eq!(node.get("/health/ready").await.0, 503);
        node.command().arg("migrate").output().expect("the binary starts").status.success()
    });
    assert!(migrated.await, "`authward migrate` fails");
    node.until("/health/ready", 200, LONGEST_RECOVERY).await;
    node.assert_serving().await;
}

#[tokio::test]
async fn a_database_that_is_stopped_and_started_is_found_again_on_postgresql() {
    a_database_that_is_stopped_and_started_is_found_again(DatabaseKind::Postgres).await;
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn a_database_that_is_stopped_and_started_is_found_again_on_mariadb() {
    a_database_that_is_stopped_and_started_is_found_again(DatabaseKind::Mysql).await;
}

async fn a_database_that_is_stopped_and_started_is_found_again(kind: DatabaseKind) {
    let mut database = OwnServer::install(kind);
    database.start();
    let mut node = Node::start(&database.url(), &[("AUTHWARD__DATABASE__MIGRATE_ON_START", "true")]);
    node.until("/health/ready", 200, LONGEST_RECOVERY).await;
    for how in [Stop::Fast, Stop::Hard] {
        node.assert_serving().await;
        database.stop(how);
        node.assert_unavailable().await;
        assert_eq!(node.get("/health/live").await.0, 200, "a lost database is no reason to end the process");
        database.start();
        node.until("/health/ready", 200, LONGEST_RECOVERY).await;
    }
    node.assert_serving().await;
}

#[tokio::test]
async fn a_node_that_waits_for_its_database_stops_in_order() {
    let url = format!("postgres://authward@127.0.0.1:{}/postgres", free_port());
    let mut node = Node::start(&url, &[("AUTHWARD__DATABASE__MIGRATE_ON_START", "true")]);
    node.until("/health/live", 200, LONGEST_RECOVERY).await;
    node.signal("TERM");
    assert!(node.ended().await.success(), "{}", node.log());
}

#[tokio::test]
async fn sigterm_lets_a_request_finish_and_exits_with_0() {
    stops_after_what_is_in_flight("TERM").await;
}

#[tokio::test]
async fn sigint_lets_a_request_finish_and_exits_with_0() {
    stops_after_what_is_in_flight("INT").await;
}

/// The server has read a request's head and asked for its body (`100 Continue`) when the signal comes; the body follows
/// when nobody else is let in any more.
async fn stops_after_what_is_in_flight(signal: &str) {
    let mut node = Node::start("sqlite://authward.db", &[]);
    node.until("/health/ready", 200, LONGEST_RECOVERY).await;
    let body = format!("grant_type=authorization_code&client_id={CLIENT}&code={}", "c".repeat(43));
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).expect("the server accepts");
    stream.set_read_timeout(Some(LONGEST_STOP)).expect("a timeout");
    write!(
        stream,
        "POST /token HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        node.port,
        body.len()
    )
    .expect("the head is sent");
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut line = String::new();
    answers.read_line(&mut line).expect("an interim answer");
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");

    node.signal(signal);
    let port = node.port;
    let is_closed = patiently(LONGEST_STOP, async || TcpStream::connect(("127.0.0.1", port)).is_err()).await;
    assert!(is_closed, "the server still accepts\n{}", node.log());
    stream.write_all(body.as_bytes()).expect("the body is sent");
    let mut answer = String::new();
    answers.read_to_string(&mut answer).expect("an answer and the end of the connection");
    assert!(answer.contains("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("\"invalid_grant\""), "{answer}");
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.log());
}

/// One `authward serve`, which is not waited for.
struct Node {
    port: u16,
    home: TempDir,
    environment: Vec<(&'static str, String)>,
    child: Child,
    http: reqwest::Client,
}

impl Node {
    fn start(url: &str, more: &[(&'static str, &str)]) -> Self {
        let (home, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let mut environment = vec![
            ("AUTHWARD__SERVER__BIND", format!("127.0.0.1:{port}")),
            ("AUTHWARD__SERVER__ISSUER", format!("http://127.0.0.1:{port}")),
            ("AUTHWARD__DATABASE__URL", url.to_owned()),
            ("AUTHWARD__KEYS__MASTER_KEY", MASTER_KEY.to_owned()),
        ];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let log = std::fs::File::create(home.path().join("serve.log")).expect("the log file");
        let errors = log.try_clone().expect("a second handle");
        let child = command(home.path(), &environment).arg("serve").stdout(log).stderr(errors).spawn();
        let http = reqwest::Client::builder().timeout(LONGEST_RECOVERY).build().expect("a client");
        Self { port, home, environment, child: child.expect("the binary starts"), http }
    }

    fn command(&self) -> Command {
        command(self.home.path(), &self.environment)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("serve.log")).unwrap_or_default()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Status and seconds of `Retry-After`; status 0 while nothing listens.
    async fn get(&self, path: &str) -> (u16, Option<u32>) {
        match self.http.get(self.url(path)).send().await {
            Ok(answer) => (answer.status().as_u16(), retry_after(&answer)),
            Err(_) => (0, None),
        }
    }

    /// Presents a code that was never issued.
    async fn redeem(&self) -> (u16, Option<u32>, Value) {
        let code = "c".repeat(43);
        let form = [("grant_type", "authorization_code"), ("client_id", CLIENT), ("code", &code)];
        let answer = self.http.post(self.url("/token")).form(&form).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("/token does not answer: {error}\n{}", self.log()));
        let (status, seconds) = (answer.status().as_u16(), retry_after(&answer));
        (status, seconds, answer.json().await.expect("a JSON body"))
    }

    async fn assert_unavailable(&self) {
        let (status, seconds) = self.timed(self.get("/health/ready")).await;
        assert_eq!(status, 503, "{}", self.log());
        assert!(seconds.is_some(), "/health/ready has no Retry-After");
        let (status, seconds, body) = self.timed(self.redeem()).await;
        assert_eq!((status, body["error"].as_str()), (503, Some("temporarily_unavailable")), "{body}\n{}", self.log());
        assert!(seconds.is_some(), "/token has no Retry-After");
        // Those who come together wait together, not one after the other.
        let answers = self.timed(join_all((0..CROWD).map(|_| self.redeem()))).await;
        assert!(answers.iter().all(|(status, seconds, _)| *status == 503 && seconds.is_some()), "{answers:?}");
    }

    async fn assert_serving(&self) {
        let (status, _, body) = self.timed(self.redeem()).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")), "{body}\n{}", self.log());
    }

    async fn timed<T>(&self, answer: impl Future<Output = T>) -> T {
        let answer = tokio::time::timeout(LONGEST_ANSWER, answer).await;
        answer.unwrap_or_else(|_| panic!("no answer within {LONGEST_ANSWER:?}\n{}", self.log()))
    }

    async fn until(&mut self, path: &str, status: u16, longest: Duration) {
        let is_so = patiently(longest, async || {
            if let Some(ended) = self.child.try_wait().expect("our own child") {
                panic!("`authward serve` ended with {ended}\n{}", self.log());
            }
            self.get(path).await.0 == status
        });
        assert!(is_so.await, "{path} is not {status} after {longest:?}\n{}", self.log());
    }

    fn signal(&self, name: &str) {
        send(name, &self.child);
    }

    async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        patiently(LONGEST_STOP, async || {
            status = self.child.try_wait().expect("our own child");
            status.is_some()
        })
        .await;
        status.unwrap_or_else(|| panic!("the process runs after {LONGEST_STOP:?}\n{}", self.log()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary with these settings and no other.
fn command(home: &Path, environment: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authward"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AUTHWARD_")) {
        command.env_remove(name);
    }
    command.current_dir(home).stdin(Stdio::null());
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    command
}

fn retry_after(answer: &reqwest::Response) -> Option<u32> {
    answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

/// Asks again until the answer is yes; `false` when it was not within `longest`.
#[allow(clippy::disallowed_methods, reason = "a bound on how long a real process may take, no decision of the server")]
async fn patiently(longest: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < longest {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
    assert!(status.expect("kill runs").success(), "no process takes {signal}");
}
