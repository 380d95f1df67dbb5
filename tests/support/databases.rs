//! A database of its own for every test, on the backend the run was asked for.
//!
//! Server databases are made and dropped with the command line clients of PostgreSQL and MariaDB, so that no driver
//! but the server's own is in the graph. `tests/run` starts the servers and sets the variables read here.
#![allow(dead_code, reason = "each test binary uses a part of the shared support")]

use std::env;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use url::Url;

/// Which backend a run is about: `AUTHWARD_TEST_DATABASE`.
const KIND: &str = "AUTHWARD_TEST_DATABASE";
/// Server-level URL of a PostgreSQL whose user may create databases.
const POSTGRES: &str = "AUTHWARD_TEST_POSTGRES_URL";
/// Server-level URL of a MySQL or MariaDB whose user may create databases.
const MYSQL: &str = "AUTHWARD_TEST_MYSQL_URL";

/// One of the three backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
    Mysql,
}

impl DatabaseKind {
    /// All of them, for tests that run on each.
    pub const ALL: [DatabaseKind; 3] = [DatabaseKind::Sqlite, DatabaseKind::Postgres, DatabaseKind::Mysql];

    /// What `AUTHWARD_TEST_DATABASE` says: `sqlite` (the default), `postgres` or `mysql`.
    pub fn from_env() -> Self {
        match env::var(KIND).as_deref().unwrap_or("sqlite") {
            "sqlite" => DatabaseKind::Sqlite,
            "postgres" => DatabaseKind::Postgres,
            "mysql" => DatabaseKind::Mysql,
            other => panic!("{KIND} is `{other}`: it may be sqlite, postgres or mysql"),
        }
    }
}

/// A fresh and empty database, gone when this value is dropped.
pub struct TestDatabase {
    /// For `database.url`.
    pub url: String,
    pub kind: DatabaseKind,
    /// The server it lives on and its name there.
    server: Option<(Url, String)>,
    /// The folder of an embedded database.
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A database on the backend that `AUTHWARD_TEST_DATABASE` names.
    pub fn from_env() -> Self {
        Self::create(DatabaseKind::from_env())
    }

    /// A database on the given backend.
    ///
    /// # Panics
    /// When the server's URL is not in the environment, or the server refuses.
    pub fn create(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => Self::embedded(),
            DatabaseKind::Postgres => Self::copy_of("template0"),
            DatabaseKind::Mysql => Self::on_server(kind, MYSQL, "CHARACTER SET utf8mb4"),
        }
    }

    /// A PostgreSQL database that begins as a copy of another one on the same server, to which nobody is connected.
    ///
    /// # Panics
    /// As [`TestDatabase::create`].
    pub fn copy_of(template: &str) -> Self {
        Self::on_server(DatabaseKind::Postgres, POSTGRES, &format!("TEMPLATE {template} ENCODING 'UTF8'"))
    }

    /// Gives this PostgreSQL database another name, under which it stays. Where the name is taken, this one goes.
    pub fn keep_as(self, name: &str) {
        let (server, own) = self.server.as_ref().expect("a database of a server");
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{own}'");
        execute(self.kind, server, &end);
        // Another process may have been faster.
        let _ = client(self.kind, server, &format!("ALTER DATABASE {own} RENAME TO {name}")).output();
    }

    fn embedded() -> Self {
        let folder = tempfile::Builder::new().prefix("authward-test-").tempdir().expect("a temporary folder");
        let file = folder.path().join("authward.db");
        Self {
            url: format!("sqlite://{}", file.display()),
            kind: DatabaseKind::Sqlite,
            server: None,
            _folder: Some(folder),
        }
    }

    fn on_server(kind: DatabaseKind, variable: &str, options: &str) -> Self {
        let server = server_url(variable);
        let name = fresh_name();
        let create = format!("CREATE DATABASE {name} {options}");
        let is_made = client(kind, &server, &create).output().is_ok_and(|output| output.status.success());
        if !is_made {
            // A run that was killed may have left one of the same name.
            execute(kind, &server, &drop_statement(kind, &name));
            execute(kind, &server, &create);
        }
        let mut url = server.clone();
        url.set_path(&name);
        Self { url: url.to_string(), kind, server: Some((server, name)), _folder: None }
    }

    /// Runs one statement in this database with the backend's own command line client and returns what it prints,
    /// one row a line and columns separated by tabs: for tests that look at rows from outside.
    ///
    /// # Panics
    /// When the client fails, and for SQLite, which has no server to ask.
    pub fn query(&self, sql: &str) -> String {
        let url = Url::parse(&self.url).expect("our own URL");
        execute(self.kind, &url, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.server {
            // A failing drop leaves a database on a server that ends with the run: nothing to panic about.
            let _ = client(self.kind, server, &drop_statement(self.kind, name)).output();
        }
    }
}

/// Whether a PostgreSQL database of this name is there.
///
/// # Panics
/// As [`TestDatabase::create`].
pub fn is_there(name: &str) -> bool {
    let look = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    execute(DatabaseKind::Postgres, &server_url(POSTGRES), &look) == "1"
}

fn server_url(variable: &str) -> Url {
    let value = env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests through `tests/run`, which starts the servers")
    });
    Url::parse(&value).unwrap_or_else(|error| panic!("{variable} is not a URL: {error}"))
}

/// Unique among the processes that share a server and within each of them.
fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("authward_test_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn drop_statement(kind: DatabaseKind, name: &str) -> String {
    match kind {
        DatabaseKind::Postgres => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        _ => format!("DROP DATABASE IF EXISTS {name}"),
    }
}

fn execute(kind: DatabaseKind, url: &Url, sql: &str) -> String {
    let output = client(kind, url, sql).output().unwrap_or_else(|error| {
        panic!("the command line client of {kind:?} did not start ({error}): `tests/run` installs it")
    });
    assert!(output.status.success(), "{kind:?} refused `{sql}`: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn client(kind: DatabaseKind, url: &Url, sql: &str) -> Command {
    match kind {
        DatabaseKind::Postgres => psql(url, sql),
        DatabaseKind::Mysql => mariadb(url, sql),
        DatabaseKind::Sqlite => panic!("an embedded database has no server to ask"),
    }
}

fn psql(url: &Url, sql: &str) -> Command {
    // Debian's psql on the path is a wrapper that takes longer than a test's own statements.
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let program = installed.map(|version| version.path().join("bin/psql")).find(|path| path.exists());
    let mut command = Command::new(program.unwrap_or_else(|| "psql".into()));
    command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t"]);
    command.args(["--set=ON_ERROR_STOP=1", "--dbname", url.as_str(), "--command", sql]);
    command.env("PGOPTIONS", "-c client_min_messages=warning").env("PGCONNECT_TIMEOUT", "20");
    command
}

fn mariadb(url: &Url, sql: &str) -> Command {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "--protocol=tcp", "--batch", "--skip-column-names", "--connect-timeout=20"]);
    command.arg(format!("--host={}", url.host_str().expect("a server's URL has a host")));
    command.arg(format!("--port={}", url.port().unwrap_or(3306)));
    command.arg(format!("--user={}", url.username()));
    command.env("MYSQL_PWD", url.password().unwrap_or_default());
    command.args(["--execute", sql, url.path().trim_start_matches('/')]);
    command
}
