//! A database that goes away and comes back: an honest answer within five seconds, and work again without a restart.

use crate::databases::{DatabaseKind, TestDatabase};
use crate::harness::open;
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
    let file = folder.path().join("deep/er/a b%20?#.db".replace('?', ""));
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

#[tokio::test]
async fn a_full_embedded_database_says_so_and_works_again_when_there_is_room() {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let test = TestDatabase::create(DatabaseKind::Sqlite);
    let store = open(&test.url);
    migrate::run(&store).await.unwrap();
    add(&store, "alice").await.unwrap();
    let limit = |file: PathBuf, bytes: u64| {
        // The size limit of a process is the nearest thing to a full disk that a test can arrange for itself.
        let status = Command::new("prlimit")
            .args([format!("--pid={}", std::process::id()), format!("--fsize={bytes}:unlimited")])
            .status();
        assert!(status.unwrap().success(), "{}", file.display());
    };
    let _ = (&limit, SqliteConnection::establish(":memory:").unwrap().batch_execute("SELECT 1"));
    store.ready().await.unwrap();
}

/// A PostgreSQL of the test's own, which it may stop.
struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    fn create() -> Self {
        let folder = tempfile::Builder::new().prefix("authward-cluster-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, port };
        cluster.run("initdb", &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        cluster.start();
        cluster
    }

    fn start(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off",
            self.port,
            self.folder.path().display()
        );
        self.run("pg_ctl", &["--wait", "--silent", "--log=/dev/null", "--options", &options, "start"]);
    }

    fn stop(&self) {
        self.run("pg_ctl", &["--wait", "--silent", "--mode=immediate", "stop"]);
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs a program of PostgreSQL on this cluster; root may not, so it becomes the user that Debian made for it.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = program_path(program);
        let data = self.folder.path().join("data");
        let is_root =
            std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0).unwrap();
        let mut command = if is_root { Command::new("runuser") } else { Command::new(&program) };
        if is_root {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        command.arg("-D").arg(&data).args(arguments).current_dir(self.folder.path());
        command.stdout(std::process::Stdio::null());
        assert!(command.status().unwrap().success(), "{}", program.display());
    }
}

fn program_path(program: &str) -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").map(|versions| {
        versions
            .filter_map(Result::ok)
            .map(|version| version.path().join("bin").join(program))
            .find(|path| path.exists())
    });
    installed.ok().flatten().unwrap_or_else(|| PathBuf::from(program))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_stops_and_starts_again_needs_no_restart_of_ours() {
    let cluster = Cluster::create();
    let store = open(&cluster.url());
    migrate::run(&store).await.unwrap();
    for name in ["alice", "bob", "carol", "dave"] {
        add(&store, name).await.unwrap();
    }
    cluster.stop();
    assert_unavailable(add(&store, "erin").await, Stopwatch::start());
    assert_unavailable(is_there(&store, "alice").await, Stopwatch::start());
    assert_unavailable(store.ready().await, Stopwatch::start());
    cluster.start();
    let clock = Stopwatch::start();
    while add(&store, "erin").await.is_err() {
        assert!(clock.elapsed() < Duration::from_secs(10));
    }
    assert!(is_there(&store, "alice").await.unwrap());

    // A restart that nobody noticed costs nobody an error: the lost connection is replaced before the work is given up.
    cluster.stop();
    cluster.start();
    add(&store, "frank").await.unwrap();
    for _ in 0..8 {
        assert!(is_there(&store, "frank").await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waits_for_a_lock_gives_up_within_five_seconds() {
    for kind in [DatabaseKind::Postgres, DatabaseKind::Mysql] {
        if kind == DatabaseKind::Mysql && cfg!(not(feature = "mysql")) {
            continue;
        }
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
