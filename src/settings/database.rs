//! `database.*`: where everything is kept.

use super::reader::Reader;
use crate::domain::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// `database.*`
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://…`, `postgres://…` or `mysql://…`; holds a password.
    pub url: Secret,
    /// Connections, at least 1: readers beside the one writer on SQLite.
    pub connections: usize,
    /// Work that may wait for a connection.
    pub queue: usize,
    /// How long work may wait before it is given up.
    pub wait: Duration,
    /// Whether `serve` brings an old schema up to date on PostgreSQL and MySQL.
    pub migrate_on_start: bool,
}

/// Which database a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// Embedded.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

impl Database {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let url = reader.text("database.url", |text| check_url(text).map(|()| Secret::new(text)));
        let automatic = if kind_of(url.reveal()) == Some(DatabaseKind::Sqlite) { 4 } else { 16 };
        Self {
            url,
            connections: reader.count_or("database.connections", 256, automatic),
            queue: reader.count("database.queue", 1..=65_536),
            wait: reader.duration("database.wait", 1..=60),
            migrate_on_start: reader.flag("database.migrate_on_start"),
        }
    }

    /// Which database the URL names.
    pub fn kind(&self) -> DatabaseKind {
        kind_of(self.url.reveal()).unwrap_or(DatabaseKind::Sqlite)
    }

    /// The file of an embedded database; `None` for the others.
    pub fn embedded_path(&self) -> Option<PathBuf> {
        self.url.reveal().strip_prefix("sqlite://").map(PathBuf::from)
    }
}

fn kind_of(url: &str) -> Option<DatabaseKind> {
    match url.split_once("://")?.0 {
        "sqlite" => Some(DatabaseKind::Sqlite),
        "postgres" | "postgresql" => Some(DatabaseKind::Postgres),
        "mysql" => Some(DatabaseKind::Mysql),
        _ => None,
    }
}

/// The messages repeat nothing of the URL: it may hold a password anywhere.
fn check_url(url: &str) -> Result<(), String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    match kind_of(url) {
        None => Err("it begins with none of sqlite://, postgres://, mysql://".to_owned()),
        Some(_) if rest.is_empty() => Err("there is nothing after ://".to_owned()),
        Some(DatabaseKind::Sqlite) if rest.starts_with(':') || rest.contains(['?', '#']) => {
            Err("after sqlite:// comes the path of a file, without options".to_owned())
        }
        Some(DatabaseKind::Mysql) if !cfg!(feature = "mysql") => {
            Err("this program was built without MySQL and MariaDB; build it with --features mysql".to_owned())
        }
        Some(_) => Ok(()),
    }
}
