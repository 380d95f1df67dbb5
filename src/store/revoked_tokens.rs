//! Signed access tokens that were revoked one by one: the hash of their `jti`, until they would have ended by
//! themselves.

use super::schema::revoked_tokens as revoked;
use super::{Db, StoreError, attempt};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// Remembers that a token was revoked; whether it was not known before.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, hash: &TokenHash, expires_at: Timestamp) -> Result<bool, StoreError> {
    let row = (revoked::hash.eq(hash.as_bytes().as_slice()), revoked::expires_at.eq(expires_at.seconds()));
    let inserted = attempt(db, |db| Ok(diesel::insert_into(revoked::table).values(row).execute(db)?));
    match inserted {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a token was revoked.
///
/// # Errors
/// [`StoreError`].
pub fn contains(db: &mut Db, hash: &TokenHash) -> Result<bool, StoreError> {
    let found: Option<i64> =
        revoked::table.find(hash.as_bytes().as_slice()).select(revoked::expires_at).get_result(db).optional()?;
    Ok(found.is_some())
}
