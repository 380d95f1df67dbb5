//! What the database holds, seen from outside of the server.

use super::app::TestApp;
use super::shared::databases::DatabaseKind;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use std::collections::BTreeMap;

/// What requests can fill. Refusals are left out: they are explanations, bounded and swept.
pub const TABLES: [&str; 11] = [
    "users",
    "sessions",
    "interactions",
    "grants",
    "consents",
    "authorization_codes",
    "refresh_token_families",
    "opaque_access_tokens",
    "revoked_tokens",
    "throttles",
    "used_jwts",
];

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// Rows by table.
pub fn counts(app: &TestApp) -> BTreeMap<&'static str, i64> {
    TABLES.into_iter().map(|table| (table, count(app, table))).collect()
}

pub fn count(app: &TestApp, table: &str) -> i64 {
    match app.database.kind {
        DatabaseKind::Sqlite => {
            let mut db = open(app);
            let row: Count = diesel::sql_query(format!("SELECT COUNT(*) AS \"rows\" FROM {table}"))
                .get_result(&mut db)
                .expect("a count");
            row.rows
        }
        _ => app.database.query(&format!("SELECT COUNT(*) FROM {table}")).trim().parse().expect("a number"),
    }
}

/// Every byte that the database holds: the files of an embedded one, the rows of all tables of a server's.
pub fn dump(app: &TestApp) -> Vec<u8> {
    let tables =
        ["audit_events", "clients", "refusals", "signing_keys", "secret_keys", "scopes", "resources", "policies"];
    match app.database.kind {
        DatabaseKind::Sqlite => {
            let path = std::path::PathBuf::from(app.database.url.trim_start_matches("sqlite://"));
            let folder = path.parent().expect("a folder");
            let files = std::fs::read_dir(folder).expect("the folder of the database");
            files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("a readable file")).collect()
        }
        _ => TABLES
            .into_iter()
            .chain(tables)
            .flat_map(|table| app.database.query(&format!("SELECT * FROM {table}")).into_bytes())
            .collect(),
    }
}

fn open(app: &TestApp) -> SqliteConnection {
    let path = app.database.url.trim_start_matches("sqlite://");
    let mut db = SqliteConnection::establish(path).expect("the database file");
    let _: Vec<Mode> = diesel::sql_query("PRAGMA busy_timeout = 5000").load(&mut db).unwrap_or_default();
    db
}

#[derive(QueryableByName)]
struct Mode {
    #[diesel(sql_type = Text)]
    #[allow(dead_code)]
    timeout: String,
}

/// Changes the database behind the server's back.
pub fn execute(app: &TestApp, sql: &str) {
    match app.database.kind {
        DatabaseKind::Sqlite => {
            diesel::sql_query(sql).execute(&mut open(app)).expect("a statement");
        }
        _ => {
            app.database.query(sql);
        }
    }
}
