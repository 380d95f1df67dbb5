//! What an operator wants to know of the database itself.

use super::{Db, StoreError, dialect};
use crate::domain::time::Timestamp;

/// The product and its version, in its own words.
///
/// # Errors
/// [`StoreError`].
pub fn version(db: &mut Db) -> Result<String, StoreError> {
    dialect::version(db)
}

/// The clock of the server; `None` for an embedded database, which has this machine's.
///
/// # Errors
/// [`StoreError`].
pub fn clock(db: &mut Db) -> Result<Option<Timestamp>, StoreError> {
    Ok(dialect::clock(db)?.map(super::time))
}
