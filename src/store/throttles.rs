//! Counters of failures, by the hash of what is counted.

use super::schema::throttles;
use super::{Db, StoreError, hash_from, load_held, save as save_row, time};
use crate::domain::secret::TokenHash;
use crate::domain::throttle::Throttle;
use diesel::dsl::Eq;
use diesel::prelude::*;

/// A row: subject, failures, when the last one happened, when it may go.
type Row = (Vec<u8>, i64, i64, i64);

/// Those of the counters that exist, in no order.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, subjects: &[TokenHash]) -> Result<Vec<Throttle>, StoreError> {
    let subjects = subjects.iter().map(|subject| subject.as_bytes().as_slice());
    let rows: Vec<Row> = throttles::table.filter(throttles::subject.eq_any(subjects)).load(db)?;
    rows.into_iter().map(from_row).collect()
}

/// The same within a write: nobody else counts at those that exist until the transaction ends.
///
/// # Errors
/// [`StoreError`].
pub fn hold(db: &mut Db, subjects: &[TokenHash]) -> Result<Vec<Throttle>, StoreError> {
    let subjects = subjects.iter().map(|subject| subject.as_bytes().as_slice());
    let wanted = throttles::table.filter(throttles::subject.eq_any(subjects)).order(throttles::subject);
    let rows: Vec<Row> = load_held!(db, wanted)?;
    rows.into_iter().map(from_row).collect()
}

fn from_row((subject, failures, last_failed_at, expires_at): Row) -> Result<Throttle, StoreError> {
    Ok(Throttle {
        subject: hash_from(&subject, "throttles.subject")?,
        failures,
        last_failed_at: time(last_failed_at),
        expires_at: time(expires_at),
    })
}

/// Makes a counter.
///
/// # Errors
/// [`StoreError::Conflict`] where it is there already.
pub fn insert(db: &mut Db, throttle: &Throttle) -> Result<(), StoreError> {
    insert_row(db, throttle).map(drop)
}

/// Saves a counter.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, throttle: &Throttle) -> Result<(), StoreError> {
    save_row(db, |db| update_row(db, throttle), |db| insert_row(db, throttle))
}

fn update_row(db: &mut Db, throttle: &Throttle) -> Result<usize, StoreError> {
    let row = throttles::table.find(throttle.subject.as_bytes().as_slice());
    Ok(diesel::update(row).set(columns(throttle)).execute(db)?)
}

fn insert_row(db: &mut Db, throttle: &Throttle) -> Result<usize, StoreError> {
    let row = (throttles::subject.eq(throttle.subject.as_bytes().as_slice()), columns(throttle));
    Ok(diesel::insert_into(throttles::table).values(row).execute(db)?)
}

/// What a counter says besides its subject.
type Columns = (Eq<throttles::failures, i64>, Eq<throttles::last_failed_at, i64>, Eq<throttles::expires_at, i64>);

fn columns(throttle: &Throttle) -> Columns {
    (
        throttles::failures.eq(throttle.failures),
        throttles::last_failed_at.eq(throttle.last_failed_at.seconds()),
        throttles::expires_at.eq(throttle.expires_at.seconds()),
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
