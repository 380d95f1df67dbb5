//! Counters of failures, by the hash of what is counted.

use super::schema::throttles;
use super::{Db, StoreError, hash_from, save as save_row, time};
use crate::domain::secret::TokenHash;
use crate::domain::throttle::Throttle;
use diesel::prelude::*;

/// Those of the counters that exist, in no order.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, subjects: &[TokenHash]) -> Result<Vec<Throttle>, StoreError> {
    let subjects = subjects.iter().map(|subject| subject.as_bytes().as_slice());
    let rows: Vec<(Vec<u8>, i64, i64, i64)> = throttles::table.filter(throttles::subject.eq_any(subjects)).load(db)?;
    rows.into_iter()
        .map(|(subject, failures, last_failed_at, expires_at)| {
            Ok(Throttle {
                subject: hash_from(&subject, "throttles.subject")?,
                failures,
                last_failed_at: time(last_failed_at),
                expires_at: time(expires_at),
            })
        })
        .collect()
}

/// Saves a counter.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, throttle: &Throttle) -> Result<(), StoreError> {
    let subject = throttle.subject.as_bytes().as_slice();
    let columns = (
        throttles::failures.eq(throttle.failures),
        throttles::last_failed_at.eq(throttle.last_failed_at.seconds()),
        throttles::expires_at.eq(throttle.expires_at.seconds()),
    );
    save_row(
        db,
        |db| Ok(diesel::update(throttles::table.find(subject)).set(columns).execute(db)?),
        |db| {
            let row = (throttles::subject.eq(subject), columns);
            Ok(diesel::insert_into(throttles::table).values(row).execute(db)?)
        },
    )
}

/// Forgets counters.
///
/// # Errors
/// [`StoreError`].
pub fn forget(db: &mut Db, subjects: &[TokenHash]) -> Result<(), StoreError> {
    let subjects = subjects.iter().map(|subject| subject.as_bytes().as_slice());
    diesel::delete(throttles::table.filter(throttles::subject.eq_any(subjects))).execute(db)?;
    Ok(())
}
