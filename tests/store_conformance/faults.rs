//! A database that goes away and comes back: an honest answer within five seconds, and work again without a restart.

use crate::databases::{DatabaseKind, TestDatabase};
use crate::harness::open;
use crate::own_server::{OwnServer, Stop};
use crate::samples::user;
use authward::clock::Stopwatch;
use authward::domain::id::UserId;
use authward::store::{Store, StoreError, StoreOptions, migrate, users};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

async fn add(store: &Store, name: &'static str) -> Result<(), StoreError> {
    store.write(move |db| users::insert(db, &user(name))).await
}

async fn is_there(store: &Store, name: &str) -> Result<bool, StoreError> {
    let id = UserId::new(format!("user-{name}"));
    store.read(move |db| Ok(users::find(db, &id)?.is_some())).await
}

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>, clock: Stopwatch) {
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(clock.elapsed() < Duration::from_secs(5), "{:?}", clock.elapsed());
}

fn file_of(test: &TestDatabase) -> PathBuf {
    PathBuf::from(test.url.trim_start_matches("sqlite://"))
}

#[tokio::test]
async fn an_embedded_database_is_made_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/er/a b%20#.db");
    let store = open(&format!("sqlite://{}", file.display()));
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    assert!(!file.exists(), "opening makes nothing");
    migrate::run(&store).await.unwrap();
    store.ready().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    add(&store, "alice").await.unwrap();
    for name in std::fs::read_dir(file.parent().unwrap()).unwrap() {
        assert_eq!(mode(&name.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_file_that_vanishes_is_noticed_and_found_again() {
    let test = TestDatabase::create(DatabaseKind::Sqlite);
    let store = open(&test.url);
    migrate::run(&store).await.unwrap();
    add(&store, "alice").await.unwrap();
    store.close();
    let store = open(&test.url);
    assert!(is_there(&store, "alice").await.unwrap());
    add(&store, "bob").await.unwrap();

    let folder = file_of(&test).parent().unwrap().to_owned();
    let away = folder.with_extension("away");
    std::fs::rename(&folder, &away).unwrap();
    assert_unavailable(add(&store, "carol").await, Stopwatch::start());
    assert_unavailable(is_there(&store, "alice").await, Stopwatch::start());
    assert!(!folder.exists(), "nothing is made in its place");
    std::fs::rename(&away, &folder).unwrap();
    add(&store, "carol").await.unwrap();
    assert!(is_there(&store, "alice").await.unwrap() && is_there(&store, "bob").await.unwrap());
}

#[tokio::test]
async fn a_file_that_another_process_locks_is_waited_for_within_bounds() {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let test = TestDatabase::create(DatabaseKind::Sqlite);
    let store = open(&test.url);
    migrate::run(&store).await.unwrap();
    let mut other = SqliteConnection::establish(file_of(&test).to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert_unavailable(add(&store, "alice").await, Stopwatch::start());
    assert!(!is_there(&store, "alice").await.unwrap(), "readers do not wait for a writer");
    let waiting = store.clone();
    let waiting = tokio::spawn(async move { add(&waiting, "bob").await });
    tokio::task::spawn_blocking(move || other.batch_execute("COMMIT").unwrap()).await.unwrap();
    waiting.await.unwrap().unwrap();
    assert!(!is_there(&store, "alice").await.unwrap(), "who was told no has left nothing");
}

/// Set for the child process of the test below.
const CHILD: &str = "AUTHWARD_TEST_FILE_OF_BOUNDED_SIZE";

/// A process whose files may not grow is as good as a full disk, and needs no rights. It cannot be this process, which
/// runs other tests, so the test runs itself once more.
#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    if let Ok(url) = std::env::var(CHILD) {
        return fill_the_disk(&url).await;
    }
    let test = TestDatabase::create(DatabaseKind::Sqlite);
    migrate::run(&open(&test.url)).await.unwrap();
    let script = "trap '' XFSZ; ulimit -S -f 800; exec \"$0\" --exact faults::a_full_disk_is_said_and_survived";
    let child =
        Command::new("sh").args(["-c", script]).arg(std::env::current_exe().unwrap()).env(CHILD, &test.url).output();
    let child = child.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
}

async fn fill_the_disk(url: &str) {
    let store = open(url);
    let mut kept = 0;
    let insert =
        |n: u32| store.write(move |db| (0..20).try_for_each(|m| users::insert(db, &user(&format!("u{n}x{m}")))));
    let refused = loop {
        let clock = Stopwatch::start();
        match insert(kept).await {
            Ok(()) => kept += 1,
            Err(error) => break (error, clock),
        }
        assert!(kept < 10_000, "the file grew beyond its bound");
    };
    assert_unavailable(Err::<(), _>(refused.0), refused.1);
    let own = std::process::id();
    let freed = Command::new("prlimit").args([format!("--pid={own}"), "--fsize=unlimited".to_owned()]).status();
    assert!(freed.unwrap().success());
    insert(kept).await.unwrap();
    for n in 0..=kept {
        assert!(is_there(&store, &format!("u{n}x0")).await.unwrap(), "{n} was acknowledged");
    }
}

/// The kinds of server that this build can reach.
fn servers() -> impl Iterator<Item = DatabaseKind> {
    [DatabaseKind::Postgres, DatabaseKind::Mysql]
        .into_iter()
        .filter(|kind| *kind != DatabaseKind::Mysql || cfg!(feature = "mysql"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_and_starts_again_needs_no_restart_of_ours() {
    for kind in servers() {
        let mut server = OwnServer::install(kind);
        server.start();
        let store = open(&server.url());
        migrate::run(&store).await.unwrap();
        for name in ["alice", "bob", "carol", "dave"] {
            add(&store, name).await.unwrap();
        }
        server.stop(Stop::Hard);
        assert_unavailable(add(&store, "erin").await, Stopwatch::start());
        assert_unavailable(is_there(&store, "alice").await, Stopwatch::start());
        assert_unavailable(store.ready().await, Stopwatch::start());
        server.start();
        let clock = Stopwatch::start();
        while add(&store, "erin").await.is_err() {
            assert!(clock.elapsed() < Duration::from_secs(10), "{kind:?}");
        }
        assert!(is_there(&store, "alice").await.unwrap(), "{kind:?}");

        // A restart that nobody noticed costs nobody an error: lost connections are replaced before work is given up.
        server.stop(Stop::Hard);
        server.start();
        add(&store, "frank").await.unwrap();
        for _ in 0..8 {
            assert!(is_there(&store, "frank").await.unwrap(), "{kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_cost_nobody_an_error() {
    for kind in servers() {
        let database = crate::harness::Database::create(kind).await;
        for name in ["alice", "bob", "carol", "dave", "erin"] {
            add(&database.store, name).await.unwrap();
            end_connections(&database.test);
            assert!(is_there(&database.store, name).await.unwrap(), "{kind:?}");
            end_connections(&database.test);
        }
    }
}

/// Ends every connection to this database but the one that asks.
fn end_connections(test: &TestDatabase) {
    if test.kind == DatabaseKind::Postgres {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        test.query(others);
        return;
    }
    let others = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    for id in test.query(others).lines() {
        test.query(&format!("KILL {id}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_accepts_and_never_speaks_is_unavailable_within_five_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for kind in servers() {
        let scheme = if kind == DatabaseKind::Postgres { "postgres" } else { "mysql" };
        let store = open(&format!("{scheme}://nobody:hunter2@127.0.0.1:{port}/none"));
        for _ in 0..2 {
            let clock = Stopwatch::start();
            assert_unavailable(store.ready().await, clock);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waits_for_a_lock_gives_up_within_five_seconds() {
    for kind in servers() {
        let database = crate::harness::Database::create(kind).await;
        add(&database.store, "alice").await.unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel::<()>();
        let (held, began) = (std::sync::Mutex::new(held), std::sync::Mutex::new(Some(began)));
        let holder =
            Store::open(StoreOptions { wait: Duration::from_secs(60), ..StoreOptions::new(&database.test.url) });
        let holder = holder.unwrap();
        let holding = tokio::spawn(async move {
            let work = move |db: &mut _| {
                users::update(db, &user("alice"))?;
                began.lock().unwrap().take().unwrap().send(()).unwrap();
                held.lock().unwrap().recv().unwrap();
                Ok(())
            };
            holder.write(work).await
        });
        begun.await.unwrap();
        let clock = Stopwatch::start();
        assert_unavailable(database.store.write(|db| users::update(db, &user("alice"))).await, clock);
        release.send(()).unwrap();
        holding.await.unwrap().unwrap();
        assert!(database.store.write(|db| users::update(db, &user("alice"))).await.unwrap());
    }
}
