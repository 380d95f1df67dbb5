//! Connections: the enum of the three databases, where a URL leads, and how a connection is set up.

use super::dialect;
use super::{Backend, StoreError};
use crate::domain::secret::Secret;
use diesel::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(not(feature = "mysql"))]
mod database {
    use diesel::prelude::*;

    /// A connection to one of the databases; what every storage function takes.
    #[derive(diesel::MultiConnection)]
    pub enum Db {
        /// A file of this machine.
        Sqlite(SqliteConnection),
        /// A PostgreSQL server.
        Postgresql(PgConnection),
    }
}

#[cfg(feature = "mysql")]
mod database {
    use diesel::prelude::*;

    /// A connection to one of the databases; what every storage function takes.
    #[derive(diesel::MultiConnection)]
    pub enum Db {
        /// A file of this machine.
        Sqlite(SqliteConnection),
        /// A PostgreSQL server.
        Postgresql(PgConnection),
        /// A MySQL or MariaDB server.
        Mysql(MysqlConnection),
    }
}

pub use database::Db;

/// What means something else in SQLite's URI form of a path.
const URI_SPECIAL: [(char, &str); 3] = [('%', "%25"), ('?', "%3f"), ('#', "%23")];

/// Where a database URL leads.
#[derive(Clone)]
pub(super) enum Place {
    /// A file of this machine.
    File(PathBuf),
    /// A server, with its URL.
    Server(Backend, Secret),
}

impl Place {
    /// Reads `sqlite://path`, `postgres://…` or `mysql://…`.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        match scheme {
            "sqlite" => file(&url["sqlite://".len()..]).map(Self::File),
            "postgres" | "postgresql" if asks_for_tls(url) => Err(refused(
                "this build's PostgreSQL client has no TLS: leave sslmode out, and protect the way to the server",
            )),
            "postgres" | "postgresql" => Ok(Self::Server(Backend::Postgresql, Secret::new(url))),
            "mysql" if cfg!(feature = "mysql") => Ok(Self::Server(Backend::Mysql, Secret::new(url))),
            "mysql" => Err(refused(
                "this build cannot speak to MySQL and MariaDB: build it with `--features mysql` (it needs libmariadb)",
            )),
            _ => Err(refused("a database URL begins with sqlite://, postgres:// or mysql://")),
        }
    }

    pub(super) const fn backend(&self) -> Backend {
        match self {
            Self::File(_) => Backend::Sqlite,
            Self::Server(backend, _) => *backend,
        }
    }
}

/// Whether a PostgreSQL URL demands what the bundled libpq cannot do.
fn asks_for_tls(url: &str) -> bool {
    ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"].iter().any(|demand| url.contains(demand))
}

fn refused(text: &str) -> StoreError {
    StoreError::Failed(text.to_owned())
}

fn file(path: &str) -> Result<PathBuf, StoreError> {
    if path.is_empty() || path == ":memory:" || path.ends_with('/') {
        return Err(refused("a sqlite:// URL names a file, such as sqlite://data/authward.db"));
    }
    if path.contains(['?', '\0']) {
        return Err(refused("a sqlite:// URL takes no parameters"));
    }
    Ok(PathBuf::from(path))
}

/// Makes the folder (mode 0700) and the file (mode 0600) of an embedded database where they are missing.
pub(super) fn create_file(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
            StoreError::Unavailable(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
    }
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!("{} cannot be made: {error}", path.display()))),
    }
}

/// What identifies the file behind a path, so that one that was deleted or put back is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

pub(super) fn identify(path: &Path) -> Result<FileIdentity, StoreError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)
        .map_err(|error| StoreError::Unavailable(format!("{} cannot be opened: {error}", path.display())))?;
    Ok(FileIdentity { device: metadata.dev(), inode: metadata.ino() })
}

/// What a connection to an embedded database is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Look-ups only.
    Read,
    /// The one writer.
    Write,
}

/// Opens an embedded database that exists. A missing one is not made here: that is the migration's work.
pub(super) fn open_file(path: &Path, access: Access, wait: Duration) -> Result<Db, StoreError> {
    let mut uri = path.display().to_string();
    for (character, escape) in URI_SPECIAL {
        uri = uri.replace(character, escape);
    }
    let connected = SqliteConnection::establish(&format!("file:{uri}?mode=rw"));
    let connection = connected.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut db = Db::Sqlite(connection);
    dialect::set_up_sqlite(&mut db, access, wait)?;
    Ok(db)
}

/// A connection to a server, as the pool keeps it.
pub(super) struct Pooled {
    pub(super) db: Db,
    /// Set when nothing of this connection can be trusted any more; the pool drops it then.
    pub(super) is_lost: bool,
}

/// Makes the pool's connections.
pub(super) struct Connector {
    pub(super) backend: Backend,
    pub(super) url: Secret,
    pub(super) wait: Duration,
}

impl r2d2::ManageConnection for Connector {
    type Connection = Pooled;
    type Error = StoreError;

    fn connect(&self) -> Result<Pooled, StoreError> {
        let db = dialect::connect(self.backend, self.url.reveal(), self.wait)?;
        Ok(Pooled { db, is_lost: false })
    }

    /// Not asked: a lost connection is noticed by the work on it, which is then done again on a new one.
    fn is_valid(&self, _: &mut Pooled) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.is_lost
    }
}
