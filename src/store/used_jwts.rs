//! JWTs of clients that may be used once (RFC 7523 §3): the hash of client and `jti`, until the JWT would have ended by
//! itself.

use super::schema::used_jwts as used;
use super::{Db, StoreError, attempt};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// Remembers that a JWT was used; false where it was used before. One unique insert decides every race.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, hash: &TokenHash, expires_at: Timestamp) -> Result<bool, StoreError> {
    let row = (used::hash.eq(hash.as_bytes().as_slice()), used::expires_at.eq(expires_at.seconds()));
    match attempt(db, |db| Ok(diesel::insert_into(used::table).values(row).execute(db)?)) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
