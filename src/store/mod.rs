//! Storage: the only room that knows the database and its driver.
//!
//! [`Store::read`] and [`Store::write`] send a closure to database threads over a bounded queue and wait for its
//! outcome; nothing here blocks the caller's thread. Inside a closure the functions of this room take `&mut Db` and
//! values of the domain and return values of the domain. Rows are private to their file and become domain types or fail
//! as [`StoreError::Corrupt`].
//!
//! Everything that may happen once (a code, a rotation, a key's promotion) is one conditional UPDATE, DELETE or unique
//! INSERT that touched exactly one row, so every race is decided by the database, on any number of nodes. What differs
//! between the three databases stands in `dialect.rs`. A failed statement that a closure means to survive belongs into
//! [`attempt`]: a savepoint.
//!
//! A row with a unique key is read with `get_result`, which adds nothing to the statement. `first` binds a LIMIT, and
//! SQLite plans a statement anew each time another value is bound to one: that cost a code flow a seventh of its time.

pub mod accesses;
pub mod alerts;
pub mod audit;
pub mod backup;
pub mod clients;
pub mod codes;
mod connection;
pub mod consents;
mod dialect;
mod error;
pub mod grants;
pub mod inspect;
pub mod interactions;
pub mod logout_outbox;
pub mod migrate;
pub mod opaque_access_tokens;
pub mod open_registrations;
pub mod policies;
pub mod quotas;
pub mod refresh_tokens;
pub mod refusals;
pub mod resources;
pub mod revoked_tokens;
mod schema;
pub mod scopes;
pub mod secret_keys;
pub mod session_clients;
pub mod sessions;
pub mod signing_keys;
pub mod sweep;
mod threads;
pub mod throttles;
pub mod usage;
pub mod used_jwts;
pub mod users;

pub use connection::Db;
pub use error::StoreError;

use crate::domain::secret::{Secret, TokenHash};
use crate::domain::time::Timestamp;
use connection::Place;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use threads::{Mode, Task, Threads};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

/// What the caller is granted beyond [`StoreOptions::wait`] before it is told that nothing came.
const GRACE: Duration = Duration::from_millis(500);
/// How long a migration may take.
const LONGEST_MIGRATION: Duration = Duration::from_mins(10);

/// Which database a store is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file of this machine.
    Sqlite,
    /// A PostgreSQL server.
    Postgresql,
    /// A MySQL or MariaDB server.
    Mysql,
}

/// Where the database is and what is bounded.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite://path`, `postgres://…` or `mysql://…`. It does not print: it may hold a password.
    pub url: Secret,
    /// Readers of an embedded database, or connections to a server; at least 1.
    pub connections: u32,
    /// How many pieces of work may wait.
    pub queue: usize,
    /// How long anything may wait: for a connection, a lock, a statement.
    pub wait: Duration,
}

impl StoreOptions {
    /// The defaults for `url`: 4 readers of an embedded database or 16 connections to a server, 1024 pieces of work,
    /// 4 seconds.
    pub fn new(url: impl Into<String>) -> Self {
        let url = url.into();
        let connections = if url.starts_with("sqlite:") { 4 } else { 16 };
        Self { url: Secret::new(url), connections, queue: 1024, wait: Duration::from_secs(4) }
    }
}

/// The store. Clones share its threads; they end when the last clone is dropped, or at [`Store::close`].
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    place: Place,
    threads: Threads,
    wait: Duration,
    /// Whether the last answer was that the database is unavailable; the log has one line when this changes.
    is_down: AtomicBool,
    failures: AtomicU64,
}

impl Inner {
    fn note<T>(&self, outcome: &Result<T, StoreError>) {
        if matches!(outcome, Err(error) if *error != StoreError::Conflict) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        match outcome {
            Err(StoreError::Unavailable(reason)) => {
                if !self.is_down.swap(true, Ordering::Relaxed) {
                    tracing::warn!(database.error = reason.as_str(), "the database is unavailable");
                }
            }
            Ok(_) | Err(_) => {
                if self.is_down.swap(false, Ordering::Relaxed) {
                    tracing::info!("the database is available again");
                }
            }
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.backend()).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.threads.close();
    }
}

impl Store {
    /// Checks the URL and starts the threads. A database that is down is no error here: connections are made when there
    /// is work, and again after a loss.
    ///
    /// # Errors
    /// [`StoreError::Failed`] for a URL that this build cannot serve, or when threads cannot be started.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let place = Place::parse(options.url.reveal())?;
        let threads = Threads::start(place.clone(), options.connections.max(1), options.queue.max(1), options.wait)?;
        Ok(Self(Arc::new(Inner {
            place,
            threads,
            wait: options.wait,
            is_down: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        })))
    }

    /// Looks something up, outside of any transaction: two look-ups in one closure may see different moments. The
    /// closure must not write.
    ///
    /// # Errors
    /// The closure's, and [`StoreError::Unavailable`].
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.carry_out(Mode::Read, self.0.wait, work).instrument(self.span("read")).await
    }

    /// Runs the closure as one transaction, kept exactly when it returns `Ok` and this returns `Ok`. It may run more
    /// than once (deadlock, lost connection), so it must have no effects but on the database. After
    /// [`StoreError::Unavailable`] it is unknown whether it was kept.
    ///
    /// # Errors
    /// The closure's, and [`StoreError::Unavailable`].
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_within(self.0.wait, work).await
    }

    /// The same as [`Store::write`], for an operator's transaction of many statements, which may take as long as
    /// `longest`. Each statement is bounded as ever.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_within<T: Send + 'static>(
        &self,
        longest: Duration,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.carry_out(Mode::Write, longest, work).instrument(self.span("write")).await
    }

    /// Whether the database can be reached and its schema is current.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] that says which of the two is not so.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let pending = self.read(migrate::find_pending).await?;
        match pending.first() {
            None => Ok(()),
            Some(name) => Err(StoreError::Unavailable(format!(
                "the schema is not current, run `authward migrate` ({name} is missing)"
            ))),
        }
    }

    /// How much work waits for a database thread.
    pub fn waiting(&self) -> usize {
        let Inner { threads, .. } = &*self.0;
        let writes = if Arc::ptr_eq(&threads.reads, &threads.writes) { 0 } else { threads.writes.len() };
        threads.reads.len() + writes
    }

    /// How much work could not be done since the store was opened, whatever the reason but a unique value.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// A part of the trace of a request. What runs by itself is not traced.
    fn span(&self, operation: &'static str) -> Span {
        if Span::current().is_none() {
            return Span::none();
        }
        let system = match self.backend() {
            Backend::Sqlite => "sqlite",
            Backend::Postgresql => "postgresql",
            Backend::Mysql => "mysql",
        };
        tracing::info_span!(
            target: "trace", "database", otel.name = format_args!("database {operation}"), otel.kind = "client",
            db.system.name = system, db.operation.name = operation,
        )
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        self.0.place.backend()
    }

    /// Takes in no more work, finishes what waits, and waits for the threads, at most twice the wait of a statement. It
    /// blocks the calling thread meanwhile.
    pub fn close(&self) {
        self.0.threads.close();
        self.0.threads.join(self.0.wait * 2);
    }

    /// Runs the closure outside of any transaction of ours, with as much time as a migration needs.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.carry_out(Mode::Alone, LONGEST_MIGRATION, work).await
    }

    async fn carry_out<T: Send + 'static>(
        &self,
        mode: Mode,
        longest: Duration,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = Task::prepare(mode, work);
        let threads = &self.0.threads;
        let queue = if mode == Mode::Read { &threads.reads } else { &threads.writes };
        let outcome = match queue.push(job) {
            Ok(()) => await_answer(answer, longest + GRACE).await,
            Err(error) => Err(error),
        };
        self.0.note(&outcome);
        outcome
    }
}

async fn await_answer<T>(answer: oneshot::Receiver<Result<T, StoreError>>, longest: Duration) -> Result<T, StoreError> {
    match tokio::time::timeout(longest, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(StoreError::Unavailable("the work was given up".to_owned())),
        Err(_) => Err(StoreError::Unavailable("the database does not answer in time".to_owned())),
    }
}

/// Runs `work` in a savepoint within the transaction of a write: when it fails, only its own statements are undone, and
/// the rest of the transaction goes on. Whoever means to survive a [`StoreError::Conflict`] needs this: PostgreSQL
/// keeps nothing of a transaction in which a statement has failed.
///
/// # Errors
/// Those of `work`.
pub fn attempt<T>(db: &mut Db, work: impl FnOnce(&mut Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
    use diesel::connection::Connection as _;
    let before = error::trouble();
    let outcome = db.transaction(work);
    if outcome.is_err() {
        error::forgive(before);
    }
    outcome
}

/// Saves by update, then insert. Who loses the race of two first inserts updates after all.
fn save(
    db: &mut Db,
    update: impl Fn(&mut Db) -> Result<usize, StoreError>,
    insert: impl Fn(&mut Db) -> Result<usize, StoreError>,
) -> Result<(), StoreError> {
    if update(db)? > 0 {
        return Ok(());
    }
    match attempt(db, |db| insert(db)) {
        Err(StoreError::Conflict) => update(db).map(drop),
        outcome => outcome.map(drop),
    }
}

/// Whether a row is still there; where it is, it is not removed until the transaction ends. An embedded database has
/// one writer, so there looking is enough; PostgreSQL locks the row in a way that others may share; on MySQL an update
/// that changes nothing does.
macro_rules! holds {
    ($db:expr, $row:expr, $column:expr) => {
        match $db {
            Db::Sqlite(db) => diesel::select(diesel::dsl::exists($row.select($column)))
                .get_result::<bool>(db)
                .map_err(StoreError::from),
            Db::Postgresql(db) => {
                let found = $row.select($column).for_key_share().execute(db);
                found.map(|rows| rows == 1).map_err(StoreError::from)
            }
            #[cfg(feature = "mysql")]
            Db::Mysql(db) => {
                let found = diesel::update($row).set($column.eq($column)).execute(db);
                found.map(|rows| rows == 1).map_err(StoreError::from)
            }
        }
    };
}
use holds;

/// The rows of a query, held until the transaction ends: whoever holds one of them already is waited for, and what they
/// wrote is read. The query names its order, so that no two wait for each other. An embedded database has one writer.
macro_rules! load_held {
    ($db:expr, $query:expr) => {
        match $db {
            Db::Sqlite(db) => $query.load(db),
            Db::Postgresql(db) => $query.for_update().load(db),
            #[cfg(feature = "mysql")]
            Db::Mysql(db) => $query.for_update().load(db),
        }
    };
}
use load_held;

/// Whether a text from outside can be a stored key at all: PostgreSQL refuses NUL in text.
fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

fn hash_from(bytes: &[u8], place: &'static str) -> Result<TokenHash, StoreError> {
    bytes.try_into().map(TokenHash::from_bytes).map_err(|_| StoreError::corrupt(place))
}

const fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn to_json<T: serde::Serialize>(value: &T, place: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Failed(format!("{place} has no JSON form")))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, place: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("{place}: {error}")))
}
