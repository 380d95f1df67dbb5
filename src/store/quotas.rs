//! What may happen so often only, counted by the hash of what it is: a use is taken by one conditional update, so no
//! race gives more than there are, on any number of nodes.

use super::schema::quotas;
use super::{Db, StoreError, attempt};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// Takes one of at most `most` uses; whether there was one left. `expires_at`: when the count may be forgotten, as the
/// first use says it.
///
/// # Errors
/// [`StoreError`].
pub fn take(db: &mut Db, subject: &TokenHash, most: u64, expires_at: Timestamp) -> Result<bool, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let key = subject.as_bytes().as_slice();
    let take_one_more = |db: &mut Db| -> Result<bool, StoreError> {
        let left = quotas::table.find(key).filter(quotas::uses.lt(most));
        Ok(diesel::update(left).set(quotas::uses.eq(quotas::uses + 1)).execute(db)? == 1)
    };
    if most == 0 {
        return Ok(false);
    }
    if take_one_more(db)? {
        return Ok(true);
    }
    let first = (quotas::subject.eq(key), quotas::uses.eq(1), quotas::expires_at.eq(expires_at.seconds()));
    match attempt(db, |db| Ok(diesel::insert_into(quotas::table).values(first).execute(db)?)) {
        Ok(_) => Ok(true),
        // It is there: whoever came first has made the row meanwhile, or nothing is left.
        Err(StoreError::Conflict) => take_one_more(db),
        Err(error) => Err(error),
    }
}

/// How often it has been taken.
///
/// # Errors
/// [`StoreError`].
pub fn uses(db: &mut Db, subject: &TokenHash) -> Result<u64, StoreError> {
    let key = subject.as_bytes().as_slice();
    let uses: Option<i64> = quotas::table.find(key).select(quotas::uses).get_result(db).optional()?;
    Ok(uses.map_or(0, i64::unsigned_abs))
}
