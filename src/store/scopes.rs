//! What consent pages say of scopes, each a document.

use super::schema::scopes;
use super::{Db, StoreError, from_json, save as save_row, to_json};
use crate::domain::resource::ScopeDescription;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// Saves a scope, new or known.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, scope: &ScopeDescription, now: Timestamp) -> Result<(), StoreError> {
    let document = to_json(scope, "a scope")?;
    let name = scope.name.as_str();
    save_row(
        db,
        |db| {
            let columns = (scopes::document.eq(&document), scopes::updated_at.eq(now.seconds()));
            Ok(diesel::update(scopes::table.find(name)).set(columns).execute(db)?)
        },
        |db| {
            let row = (scopes::name.eq(name), scopes::document.eq(&document), scopes::updated_at.eq(now.seconds()));
            Ok(diesel::insert_into(scopes::table).values(row).execute(db)?)
        },
    )
}

/// Removes a scope; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, name: &str) -> Result<bool, StoreError> {
    Ok(diesel::delete(scopes::table.find(name)).execute(db)? == 1)
}

/// Every scope described, by name.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db) -> Result<Vec<ScopeDescription>, StoreError> {
    let documents: Vec<String> = scopes::table.order(scopes::name).select(scopes::document).load(db)?;
    documents.iter().map(|document| from_json(document, "scopes.document")).collect()
}
