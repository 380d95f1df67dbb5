//! What differs between the three databases, arms side by side: how a connection is made and set up, how a write begins,
//! what an error means, and which lock keeps migrations apart.

use super::connection::{Access, Db};
use super::error::Trouble;
use super::{Backend, StoreError};
use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use std::time::Duration;

/// The longest part of a database's own message that is passed on, in characters.
const LONGEST_MESSAGE: usize = 300;
/// Prepared statements that a connection keeps are as many as this room has, so the cache is not bounded.
const STATEMENTS: diesel::connection::CacheSize = diesel::connection::CacheSize::Unbounded;

/// Sets up a connection to an embedded database. The wait comes first: the others may have to wait for a lock.
pub(super) fn set_up_sqlite(db: &mut Db, access: Access, wait: Duration) -> Result<(), StoreError> {
    let common = format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; \
         PRAGMA trusted_schema = OFF;",
        wait.as_millis()
    );
    db.set_prepared_statement_cache_size(STATEMENTS);
    db.batch_execute(&common)?;
    if access == Access::Read {
        db.batch_execute("PRAGMA query_only = ON;")?;
    }
    Ok(())
}

/// Connects to a server and bounds everything that could wait.
pub(super) fn connect(backend: Backend, url: &str, wait: Duration) -> Result<Db, StoreError> {
    let mut db = match backend {
        Backend::Sqlite => return Err(StoreError::Failed("an embedded database has no server".to_owned())),
        Backend::Postgresql => connect_postgresql(url, wait)?,
        Backend::Mysql => connect_mysql(url, wait)?,
    };
    db.set_prepared_statement_cache_size(STATEMENTS);
    Ok(db)
}

/// `tcp_user_timeout` ends a connection whose peer has vanished without a word.
fn connect_postgresql(url: &str, wait: Duration) -> Result<Db, StoreError> {
    let mut bounded =
        url::Url::parse(url).map_err(|_| StoreError::Failed("the database URL is malformed".to_owned()))?;
    let millis = wait.as_millis();
    let settings = [
        ("connect_timeout", wait.as_secs().max(2).to_string()),
        ("tcp_user_timeout", millis.to_string()),
        ("keepalives_idle", "10".to_owned()),
        ("keepalives_interval", "5".to_owned()),
        ("keepalives_count", "2".to_owned()),
        ("application_name", "authward".to_owned()),
    ];
    let known: Vec<String> = bounded.query_pairs().map(|(name, _)| name.into_owned()).collect();
    for (name, value) in settings {
        if !known.iter().any(|known| known == name) {
            bounded.query_pairs_mut().append_pair(name, &value);
        }
    }
    let connection = PgConnection::establish(bounded.as_str()).map_err(unreachable)?;
    let mut db = Db::Postgresql(connection);
    db.batch_execute(&format!(
        "SET statement_timeout = {millis}; SET lock_timeout = {millis}; \
         SET idle_in_transaction_session_timeout = {}; SET default_transaction_isolation = 'read committed'; \
         SET client_min_messages = warning;",
        millis * 2
    ))?;
    // Errors beyond SQLSTATEs that diesel knows are told apart by their text. Only a superuser may choose its language;
    // to everybody else the refusal is of no consequence on a server that speaks English.
    let _ = db.batch_execute("SET lc_messages = 'C'");
    Ok(db)
}

#[cfg(feature = "mysql")]
fn connect_mysql(url: &str, wait: Duration) -> Result<Db, StoreError> {
    knock(url, wait)?;
    let connection = MysqlConnection::establish(url).map_err(unreachable)?;
    let mut db = Db::Mysql(connection);
    let seconds = wait.as_secs().max(1);
    db.batch_execute(&format!(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', \
         SESSION innodb_lock_wait_timeout = {seconds}, SESSION lock_wait_timeout = {seconds}, \
         SESSION net_read_timeout = {seconds}, SESSION net_write_timeout = {seconds}, \
         SESSION lc_messages = 'en_US', SESSION time_zone = '+00:00', SESSION autocommit = 1"
    ))?;
    // A conditional update that lost reads again within its transaction and must see the winner.
    db.batch_execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
    // MariaDB bounds statements by one variable, MySQL look-ups by another: each refuses the other's.
    let _ = db.batch_execute(&format!("SET SESSION max_statement_time = {seconds}"));
    let _ = db.batch_execute(&format!("SET SESSION max_execution_time = {}", wait.as_millis()));
    Ok(db)
}

/// The client library takes no time limit for connecting from diesel, so the address is tried with one first.
#[cfg(feature = "mysql")]
fn knock(url: &str, wait: Duration) -> Result<(), StoreError> {
    use std::net::{TcpStream, ToSocketAddrs as _};
    let malformed = || StoreError::Failed("the database URL is malformed".to_owned());
    let parsed = url::Url::parse(url).map_err(|_| malformed())?;
    if parsed.query_pairs().any(|(name, _)| name == "unix_socket") {
        return Ok(());
    }
    let host = parsed.host_str().ok_or_else(malformed)?.trim_matches(['[', ']']);
    let addresses = (host, parsed.port().unwrap_or(3306)).to_socket_addrs();
    let addresses = addresses.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut failure = "the host has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(_) => return Ok(()),
            Err(error) => failure = error.to_string(),
        }
    }
    Err(StoreError::Unavailable(failure))
}

#[cfg(not(feature = "mysql"))]
fn connect_mysql(_: &str, _: Duration) -> Result<Db, StoreError> {
    Err(StoreError::Failed("this build cannot speak to MySQL and MariaDB".to_owned()))
}

fn unreachable(error: diesel::ConnectionError) -> StoreError {
    match error {
        diesel::ConnectionError::CouldntSetupConfiguration(error) => error.into(),
        diesel::ConnectionError::InvalidConnectionUrl(_) | diesel::ConnectionError::InvalidCString(_) => {
            StoreError::Failed("the database URL is malformed".to_owned())
        }
        error => StoreError::Unavailable(shortened(&error.to_string())),
    }
}

/// Begins a write. SQLite takes its lock at once: a transaction that reads first could not be upgraded.
pub(super) fn begin_write(db: &mut Db) -> Result<(), StoreError> {
    match db {
        Db::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")?,
        Db::Postgresql(connection) => AnsiTransactionManager::begin_transaction(connection)?,
        #[cfg(feature = "mysql")]
        Db::Mysql(connection) => AnsiTransactionManager::begin_transaction(connection)?,
    }
    Ok(())
}

/// Whether a failed statement spoils the rest of its transaction.
pub(super) const fn is_spoilt_by_a_failed_statement(db: &Db) -> bool {
    matches!(db, Db::Postgresql(_))
}

/// What an error means to the transaction, and to the caller.
pub(super) fn classify(error: &Error) -> (Trouble, StoreError) {
    match error {
        Error::DatabaseError(kind, information) => classify_kind(kind, information.message()),
        Error::RollbackErrorOnCommit { commit_error, .. } => {
            (Trouble::Lost, StoreError::Unavailable(shortened(&commit_error.to_string())))
        }
        Error::BrokenTransactionManager => {
            (Trouble::Lost, StoreError::Unavailable("the connection was lost in a transaction".to_owned()))
        }
        error => (Trouble::Statement, StoreError::Failed(shortened(&error.to_string()))),
    }
}

fn classify_kind(kind: &DatabaseErrorKind, message: &str) -> (Trouble, StoreError) {
    match kind {
        DatabaseErrorKind::UniqueViolation => (Trouble::Statement, StoreError::Conflict),
        DatabaseErrorKind::SerializationFailure => (Trouble::Again, StoreError::Unavailable(shortened(message))),
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
            (Trouble::Lost, StoreError::Unavailable(shortened(message)))
        }
        DatabaseErrorKind::ReadOnlyTransaction => (Trouble::Lost, StoreError::Unavailable(shortened(message))),
        _ => classify_text(message),
    }
}

/// Whether a table is not there.
pub(super) fn is_missing_table(error: &Error) -> bool {
    let Error::DatabaseError(_, information) = error else { return false };
    let message = information.message();
    message.contains("no such table") || message.contains("does not exist") || message.contains("doesn't exist")
}

/// diesel passes on neither SQLSTATE nor error number for the rest, so their texts are told apart. Each line: SQLite's,
/// PostgreSQL's, then MySQL's and MariaDB's words.
fn classify_text(message: &str) -> (Trouble, StoreError) {
    const AGAIN: [&str; 4] = [
        "deadlock detected",
        "could not serialize access",
        "Deadlock found when trying to get lock",
        "Lock wait timeout exceeded",
    ];
    const LOST: [&str; 37] = [
        "disk I/O error",
        "database or disk is full",
        "attempt to write a readonly database",
        "unable to open database file",
        "out of memory",
        "server closed the connection",
        "no connection to the server",
        "connection not open",
        "could not receive data from server",
        "could not send data to server",
        "SSL SYSCALL error",
        "Connection timed out",
        "terminating connection",
        "database system is shutting down",
        "database system is starting up",
        "database system is in recovery mode",
        "too many clients already",
        "remaining connection slots",
        "No space left on device",
        "could not extend file",
        "could not write",
        "could not fsync",
        "cannot execute",
        "ost connection to",
        "erver has gone away",
        "erver shutdown in progress",
        "Connection was killed",
        "Too many connections",
        "max_user_connections",
        "is full",
        "Disk full",
        "disk full",
        "read-only",
        "disconnected by the server",
        "Got packets out of order",
        "Can't connect to",
        "Error writing file",
    ];
    const BUSY: [&str; 7] = [
        "database is locked",
        "database table is locked",
        "canceling statement due to",
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
        "Query execution was interrupted",
        "interrupted",
    ];
    const OUTDATED: [&str; 6] =
        ["no such table", "no such column", "has no column named", "does not exist", "doesn't exist", "Unknown column"];
    let is_one_of = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let text = shortened(message);
    if is_one_of(&AGAIN) {
        (Trouble::Again, StoreError::Unavailable(text))
    } else if is_one_of(&LOST) {
        (Trouble::Lost, StoreError::Unavailable(text))
    } else if is_one_of(&BUSY) {
        (Trouble::Statement, StoreError::Unavailable(text))
    } else if is_one_of(&OUTDATED) {
        (
            Trouble::Statement,
            StoreError::Unavailable(format!("the schema is not current, run `authward migrate` ({text})")),
        )
    } else {
        (Trouble::Statement, StoreError::Failed(text))
    }
}

/// The first line of a database's message, bounded.
fn shortened(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(LONGEST_MESSAGE).collect()
}
