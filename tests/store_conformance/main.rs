//! Every storage function on the three databases, with the races that a database must decide and the losses that a
//! store must survive.
//!
//! `AUTHWARD_TEST_POSTGRES_URL` and `AUTHWARD_TEST_MYSQL_URL` name the servers; a missing one fails the run. The tests on
//! MySQL and MariaDB exist in builds with the feature `mysql`.

#[path = "../support/databases.rs"]
mod databases;
#[path = "../support/own_server.rs"]
mod own_server;

/// Makes of each function `name(db: Database)` one test on every database.
macro_rules! on_every_database {
    ($($(#[doc = $doc:literal])* async fn $name:ident($db:ident: Database) $body:block)*) => {
        $($(#[doc = $doc])* async fn $name($db: $crate::harness::Database) $body)*
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Database::create($crate::databases::DatabaseKind::Sqlite).await).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Database::create($crate::databases::DatabaseKind::Postgres).await).await;
            })*
        }
        #[cfg(feature = "mysql")]
        mod mysql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Database::create($crate::databases::DatabaseKind::Mysql).await).await;
            })*
        }
    };
}

mod access_tokens;
mod accesses;
mod audit;
mod catalogue;
mod faults;
mod flows;
mod harness;
mod keys;
mod logout;
mod people;
mod races;
mod registrations;
mod resealing;
mod samples;
mod schema;
mod sweeping;
mod transactions;
mod usage;
