//! What differs between the three databases, arms side by side: how a connection is made and set up, how a write
//! begins, what an error means, and which lock keeps migrations apart.

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
         PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; \
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
    let mut db = Db::Mysql(establish_mysql(url, wait)?);
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

/// Connects on a thread of its own, because the client library knows no time limit for it. A thread that takes too long
/// is left behind until the operating system ends its attempt; there are never more than [`MOST_CONNECTING`].
#[cfg(feature = "mysql")]
fn establish_mysql(url: &str, wait: Duration) -> Result<MysqlConnection, StoreError> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    const MOST_CONNECTING: usize = 16;
    static CONNECTING: AtomicUsize = AtomicUsize::new(0);
    let too_long = || StoreError::Unavailable("connecting takes too long".to_owned());
    if CONNECTING.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTING {
        CONNECTING.fetch_sub(1, Ordering::Relaxed);
        return Err(too_long());
    }
    let (reply, answer) = std::sync::mpsc::channel();
    let url = crate::domain::secret::Secret::new(url);
    let started = std::thread::Builder::new().name("db-connect".to_owned()).spawn(move || {
        let connected = MysqlConnection::establish(url.reveal());
        CONNECTING.fetch_sub(1, Ordering::Relaxed);
        // Whoever waited may have given up; the connection is closed then.
        let _ = reply.send(connected);
    });
    started.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    answer.recv_timeout(wait).map_err(|_| too_long())?.map_err(unreachable)
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

/// A number as 64 bits, in SQL: sums of them are wider, or decimal, on the servers.
pub(super) fn big_integer(db: &Db, expression: &str) -> String {
    match db {
        Db::Sqlite(_) | Db::Postgresql(_) => format!("CAST({expression} AS BIGINT)"),
        #[cfg(feature = "mysql")]
        Db::Mysql(_) => format!("CAST({expression} AS SIGNED)"),
    }
}

/// A text that a database says of itself.
#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    said: String,
}

/// A number that a database says of itself.
#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    said: i64,
}

/// The product and its version.
pub(super) fn version(db: &mut Db) -> Result<String, StoreError> {
    let (product, query) = match db {
        Db::Sqlite(_) => ("SQLite ", "SELECT sqlite_version() AS said"),
        Db::Postgresql(_) => ("", "SELECT split_part(version(), ' on ', 1) AS said"),
        #[cfg(feature = "mysql")]
        Db::Mysql(_) => ("", "SELECT CONCAT(@@version_comment, ' ', VERSION()) AS said"),
    };
    let version: Text = diesel::sql_query(query).get_result(db)?;
    Ok(format!("{product}{}", shortened(&version.said)))
}

/// Seconds since the epoch by the server's clock; an embedded database has none of its own.
pub(super) fn clock(db: &mut Db) -> Result<Option<i64>, StoreError> {
    let query = match db {
        Db::Sqlite(_) => return Ok(None),
        Db::Postgresql(_) => "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS BIGINT) AS said",
        #[cfg(feature = "mysql")]
        Db::Mysql(_) => "SELECT CAST(UNIX_TIMESTAMP() AS SIGNED) AS said",
    };
    let seconds: Number = diesel::sql_query(query).get_result(db)?;
    Ok(Some(seconds.said))
}

/// About how many bytes a copy of an embedded database has.
pub(super) fn embedded_size(db: &mut Db) -> Result<u64, StoreError> {
    let query = "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS said";
    let size: Number = diesel::sql_query(query).get_result(db)?;
    Ok(size.said.unsigned_abs())
}

/// Writes what an embedded database holds at this moment to an empty file.
pub(super) fn vacuum_into(db: &mut Db, copy: &std::path::Path) -> Result<(), StoreError> {
    let copy = copy.to_str().ok_or_else(|| StoreError::Failed("the name of the copy is not UTF-8".to_owned()))?;
    diesel::sql_query("VACUUM INTO ?").bind::<diesel::sql_types::Text, _>(copy).execute(db)?;
    Ok(())
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
    const LOST: [&str; 36] = [
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
    const BUSY: [&str; 6] = [
        "database is locked",
        "database table is locked",
        "canceling statement due to",
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(kind: DatabaseErrorKind, message: &str) -> (Trouble, &'static str) {
        let (trouble, error) = classify(&Error::DatabaseError(kind, Box::new(message.to_owned())));
        let name = match error {
            StoreError::Unavailable(text) if text.contains("authward migrate") => "migrate",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Conflict => "conflict",
            StoreError::Corrupt(_) => "corrupt",
            StoreError::Failed(_) => "failed",
        };
        (trouble, name)
    }

    #[test]
    fn messages_of_each_database_have_their_meaning() {
        use Trouble::{Again, Lost, Statement};
        for (message, expected) in [
            ("database or disk is full", (Lost, "unavailable")),
            ("disk I/O error", (Lost, "unavailable")),
            ("attempt to write a readonly database", (Lost, "unavailable")),
            ("unable to open database file", (Lost, "unavailable")),
            ("database is locked", (Statement, "unavailable")),
            ("no such table: users", (Statement, "migrate")),
            ("table users has no column named x", (Statement, "migrate")),
            ("database disk image is malformed", (Statement, "failed")),
            ("server closed the connection unexpectedly\n\tThis probably means", (Lost, "unavailable")),
            ("terminating connection due to administrator command", (Lost, "unavailable")),
            ("the database system is shutting down", (Lost, "unavailable")),
            ("could not extend file \"base/1\": No space left on device", (Lost, "unavailable")),
            ("sorry, too many clients already", (Lost, "unavailable")),
            ("canceling statement due to lock timeout", (Statement, "unavailable")),
            ("canceling statement due to statement timeout", (Statement, "unavailable")),
            ("deadlock detected", (Again, "unavailable")),
            ("relation \"users\" does not exist", (Statement, "migrate")),
            ("syntax error at or near \"x\"", (Statement, "failed")),
            ("Lost connection to server during query", (Lost, "unavailable")),
            ("Lost connection to MySQL server during query", (Lost, "unavailable")),
            ("Server has gone away", (Lost, "unavailable")),
            ("MySQL server has gone away", (Lost, "unavailable")),
            ("Server shutdown in progress", (Lost, "unavailable")),
            ("The table 'users' is full", (Lost, "unavailable")),
            ("Lock wait timeout exceeded; try restarting transaction", (Again, "unavailable")),
            ("Table 'x.users' doesn't exist", (Statement, "migrate")),
            ("Unknown column 'x' in 'field list'", (Statement, "migrate")),
            ("Data too long for column 'id' at row 1", (Statement, "failed")),
        ] {
            assert_eq!(meaning(DatabaseErrorKind::Unknown, message), expected, "{message}");
        }
    }

    #[test]
    fn kinds_that_the_driver_knows_have_their_meaning() {
        use DatabaseErrorKind as Kind;
        assert_eq!(meaning(Kind::UniqueViolation, "x"), (Trouble::Statement, "conflict"));
        assert_eq!(meaning(Kind::SerializationFailure, "x"), (Trouble::Again, "unavailable"));
        assert_eq!(meaning(Kind::ClosedConnection, "x"), (Trouble::Lost, "unavailable"));
        assert_eq!(meaning(Kind::ReadOnlyTransaction, "x"), (Trouble::Lost, "unavailable"));
        assert_eq!(meaning(Kind::NotNullViolation, "x"), (Trouble::Statement, "failed"));
    }

    #[test]
    fn messages_are_bounded_to_one_line() {
        assert_eq!(shortened("first\nsecond"), "first");
        assert_eq!(shortened(&"x".repeat(5000)).len(), LONGEST_MESSAGE);
    }
}
