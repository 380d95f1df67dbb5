//! Protected resources, each a document.

use super::schema::resources;
use super::{Db, StoreError, from_json, is_storable, save as save_row, to_json};
use crate::domain::resource::Resource;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// The resource with this identifier, byte for byte.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, identifier: &str) -> Result<Option<Resource>, StoreError> {
    if !is_storable(identifier) {
        return Ok(None);
    }
    let document: Option<String> =
        resources::table.find(identifier).select(resources::document).get_result(db).optional()?;
    document.map(|document| from_json(&document, "resources.document")).transpose()
}

/// Saves a resource, new or known.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, resource: &Resource, now: Timestamp) -> Result<(), StoreError> {
    let document = to_json(resource, "a resource")?;
    let identifier = resource.identifier.as_str();
    save_row(
        db,
        |db| {
            let columns = (resources::document.eq(&document), resources::updated_at.eq(now.seconds()));
            Ok(diesel::update(resources::table.find(identifier)).set(columns).execute(db)?)
        },
        |db| {
            let row = (
                resources::identifier.eq(identifier),
                resources::document.eq(&document),
                resources::updated_at.eq(now.seconds()),
            );
            Ok(diesel::insert_into(resources::table).values(row).execute(db)?)
        },
    )
}

/// Removes a resource; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, identifier: &str) -> Result<bool, StoreError> {
    Ok(diesel::delete(resources::table.find(identifier)).execute(db)? == 1)
}

/// Every resource, by identifier.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db) -> Result<Vec<Resource>, StoreError> {
    let documents: Vec<String> = resources::table.order(resources::identifier).select(resources::document).load(db)?;
    documents.iter().map(|document| from_json(document, "resources.document")).collect()
}
