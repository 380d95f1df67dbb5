//! Policies of the whole server, such as who may register clients: one JSON document a name.

use super::schema::policies;
use super::{Db, StoreError, save as save_row};
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// Saves the document of a policy.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, name: &str, json: &str, now: Timestamp) -> Result<(), StoreError> {
    save_row(
        db,
        |db| {
            let columns = (policies::document.eq(json), policies::updated_at.eq(now.seconds()));
            Ok(diesel::update(policies::table.find(name)).set(columns).execute(db)?)
        },
        |db| {
            let row = (policies::name.eq(name), policies::document.eq(json), policies::updated_at.eq(now.seconds()));
            Ok(diesel::insert_into(policies::table).values(row).execute(db)?)
        },
    )
}

/// The document of a policy.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, name: &str) -> Result<Option<String>, StoreError> {
    Ok(policies::table.find(name).select(policies::document).get_result(db).optional()?)
}

/// Removes a policy, so that what holds without one holds again; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, name: &str) -> Result<bool, StoreError> {
    Ok(diesel::delete(policies::table.find(name)).execute(db)? == 1)
}
