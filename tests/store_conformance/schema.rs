//! The three sets of migrations have the same names and make the same tables.

use crate::databases::DatabaseKind;
use crate::harness::Database;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn migrations_have_the_same_names_in_every_folder() {
    let names = |folder: &str| -> BTreeSet<String> {
        std::fs::read_dir(format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let sqlite = names("sqlite");
    assert!(!sqlite.is_empty());
    assert_eq!(names("postgresql"), sqlite);
    assert_eq!(names("mysql"), sqlite);
}

/// Table -> its columns, each with whether it may be NULL.
type Tables = BTreeMap<String, BTreeSet<(String, bool)>>;

async fn tables(kind: DatabaseKind) -> Tables {
    let database = Database::create(kind).await;
    let listed = match kind {
        DatabaseKind::Sqlite => sqlite_columns(&database.test.url),
        DatabaseKind::Postgres => database.test.query(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'",
        ),
        DatabaseKind::Mysql => database.test.query(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = DATABASE()",
        ),
    };
    let mut tables = Tables::new();
    for line in listed.lines() {
        let mut cells = line.split('\t').map(str::to_owned);
        let (table, column, nullable) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        if !table.starts_with("__diesel") {
            tables.entry(table).or_default().insert((column, nullable == "YES"));
        }
    }
    tables
}

fn sqlite_columns(url: &str) -> String {
    use diesel::prelude::*;
    #[derive(diesel::QueryableByName)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        line: String,
    }
    let mut connection = SqliteConnection::establish(url.trim_start_matches("sqlite://")).unwrap();
    let columns: Vec<Column> = diesel::sql_query(
        "SELECT t.name || char(9) || c.name || char(9) || CASE c.\"notnull\" WHEN 0 THEN 'YES' ELSE 'NO' END AS line \
         FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'",
    )
    .load(&mut connection)
    .unwrap();
    columns.into_iter().map(|column| column.line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn postgresql_has_the_tables_of_sqlite() {
    let sqlite = tables(DatabaseKind::Sqlite).await;
    assert!(sqlite.len() >= 15, "{:?}", sqlite.keys());
    assert_eq!(tables(DatabaseKind::Postgres).await, sqlite);
}

#[cfg(feature = "mysql")]
#[tokio::test]
async fn mysql_has_the_tables_of_sqlite() {
    assert_eq!(tables(DatabaseKind::Mysql).await, tables(DatabaseKind::Sqlite).await);
}
