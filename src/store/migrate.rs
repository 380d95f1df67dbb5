//! The schema and its migrations, one set a database with the same names in each.

use super::connection::{Db, Place, create_file};
use super::schema::__diesel_schema_migrations as migrations;
use super::{Store, StoreError, dialect};
use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::migration::{Migration as _, MigrationSource};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::sync::Arc;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRESQL: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
#[cfg(feature = "mysql")]
const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

/// The name of the lock that keeps migrations of several nodes apart, and its number on PostgreSQL.
#[cfg(feature = "mysql")]
const LOCK_NAME: &str = "authward.migrate";
const LOCK_NUMBER: i64 = 0x6175_7468_7761_7264;

/// Brings the schema up to date; several nodes may do so at once. Makes the file of an embedded database.
///
/// Returns the names of the migrations that were applied, in order.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached, [`StoreError::Failed`] when a migration fails.
pub async fn run(store: &Store) -> Result<Vec<String>, StoreError> {
    run_showing(store, Arc::new(|_, _| ())).await
}

/// Is told how many of how many missing migrations are applied, on a thread of the store.
pub type Show = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// The same as [`run`], for somebody who watches.
///
/// # Errors
/// As [`run`].
pub async fn run_showing(store: &Store, show: Show) -> Result<Vec<String>, StoreError> {
    if let Place::File(path) = &store.0.place {
        create_file(path)?;
    }
    store.alone(move |db| apply(db, &show)).await
}

/// The names of the migrations that are missing, in order.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached.
pub async fn pending(store: &Store) -> Result<Vec<String>, StoreError> {
    store.read(find_pending).await
}

fn apply(db: &mut Db, show: &Show) -> Result<Vec<String>, StoreError> {
    match db {
        Db::Sqlite(connection) => connection.immediate_transaction(|connection| run_pending(connection, SQLITE, show)),
        Db::Postgresql(connection) => connection.transaction(|connection| {
            connection.batch_execute(&format!(
                "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK_NUMBER})"
            ))?;
            run_pending(connection, POSTGRESQL, show)
        }),
        #[cfg(feature = "mysql")]
        Db::Mysql(connection) => apply_mysql(connection, show),
    }
}

/// Runs what is missing of `migrations` and returns its names. The lock is held.
fn run_pending<D, C>(connection: &mut C, migrations: EmbeddedMigrations, show: &Show) -> Result<Vec<String>, StoreError>
where
    D: diesel::backend::Backend,
    C: MigrationHarness<D>,
    EmbeddedMigrations: MigrationSource<D>,
{
    let mut applied = Vec::new();
    let pending = connection.pending_migrations(migrations).map_err(failed)?;
    for migration in &pending {
        show(applied.len(), pending.len());
        connection.run_migration(migration).map_err(failed)?;
        applied.push(migration.name().to_string());
    }
    Ok(applied)
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Failed(format!("a migration failed: {error}"))
}

/// DDL commits by itself here, so the lock belongs to the session, and every statement of a migration may run again.
#[cfg(feature = "mysql")]
fn apply_mysql(connection: &mut diesel::MysqlConnection, show: &Show) -> Result<Vec<String>, StoreError> {
    #[derive(diesel::QueryableByName)]
    struct Locked {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
        locked: Option<i64>,
    }
    // The bound on statements must not end the wait for the lock; this connection is not used again afterwards.
    let _ = connection.batch_execute("SET SESSION max_statement_time = 0");
    let _ = connection.batch_execute("SET SESSION max_execution_time = 0");
    let locked: Locked = diesel::sql_query(format!("SELECT CAST(GET_LOCK('{LOCK_NAME}', 300) AS SIGNED) AS locked"))
        .get_result(connection)?;
    if locked.locked != Some(1) {
        return Err(StoreError::Unavailable("another node holds the migration lock".to_owned()));
    }
    let applied = run_pending(connection, MYSQL, show);
    connection.batch_execute(&format!("DO RELEASE_LOCK('{LOCK_NAME}')"))?;
    applied
}

/// The names of the missing migrations. A database without the list of applied ones lacks all of them; nothing is made
/// here, so this may run on a reader.
pub(super) fn find_pending(db: &mut Db) -> Result<Vec<String>, StoreError> {
    let known = match db {
        Db::Sqlite(_) => known::<diesel::sqlite::Sqlite>(&SQLITE),
        Db::Postgresql(_) => known::<diesel::pg::Pg>(&POSTGRESQL),
        #[cfg(feature = "mysql")]
        Db::Mysql(_) => known::<diesel::mysql::Mysql>(&MYSQL),
    }?;
    let applied: Vec<String> = match migrations::table.select(migrations::version).load(db) {
        Ok(applied) => applied,
        Err(error) if dialect::is_missing_table(&error) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let is_missing = |version: &String| !applied.contains(version);
    Ok(known.into_iter().filter(|(version, _)| is_missing(version)).map(|(_, name)| name).collect())
}

/// Version and name of every migration of this build, in order.
fn known<D: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<(String, String)>, StoreError>
where
    EmbeddedMigrations: MigrationSource<D>,
{
    let all = MigrationSource::<D>::migrations(source).map_err(failed)?;
    let mut all: Vec<_> = all.iter().map(|one| (one.name().version().to_string(), one.name().to_string())).collect();
    all.sort();
    Ok(all)
}
