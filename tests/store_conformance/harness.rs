//! A database of its own for each test, migrated, and what tests repeat.

use crate::databases::{DatabaseKind, TestDatabase};
use authward::store::{Db, Store, StoreError, StoreOptions, migrate};

/// A fresh and migrated database with a store on it.
pub struct Database {
    pub store: Store,
    pub test: TestDatabase,
}

impl Database {
    pub async fn create(kind: DatabaseKind) -> Self {
        let test = TestDatabase::create(kind);
        let store = open(&test.url);
        migrate::run(&store).await.expect("the migrations");
        Self { store, test }
    }

    /// Another node on the same database.
    pub fn another_store(&self) -> Store {
        open(&self.test.url)
    }

    pub async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.write(work).await.expect("the write")
    }

    pub async fn read<T: Send + 'static>(&self, work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static) -> T {
        self.store.read(work).await.expect("the read")
    }
}

pub fn open(url: &str) -> Store {
    Store::open(StoreOptions { connections: 4, ..StoreOptions::new(url) }).expect("the store")
}
