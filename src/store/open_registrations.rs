//! Clients that anybody has registered: how many there are, and which of them nobody has used.

use super::schema::open_registrations;
use super::{Db, StoreError};
use crate::domain::id::ClientId;
use crate::domain::time::Timestamp;
use diesel::dsl::count_star;
use diesel::prelude::*;

/// Notes a client that was registered just now, which ends at `expires_at` unless somebody uses it.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, client: &ClientId, expires_at: Timestamp) -> Result<(), StoreError> {
    let row = (
        open_registrations::client_id.eq(client.as_str()),
        open_registrations::expires_at.eq(Some(expires_at.seconds())),
    );
    diesel::insert_into(open_registrations::table).values(row).execute(db)?;
    Ok(())
}

/// How many there are.
///
/// # Errors
/// [`StoreError`].
pub fn count(db: &mut Db) -> Result<u64, StoreError> {
    let count: i64 = open_registrations::table.select(count_star()).get_result(db)?;
    Ok(count.unsigned_abs())
}

/// At most `limit` clients whose time ended, at `now` or before, and that nobody has used.
///
/// # Errors
/// [`StoreError`].
pub fn list_ended(db: &mut Db, now: Timestamp, limit: i64) -> Result<Vec<ClientId>, StoreError> {
    let ended: Vec<String> = open_registrations::table
        .filter(open_registrations::expires_at.le(now.seconds()))
        .order(open_registrations::expires_at)
        .limit(limit)
        .select(open_registrations::client_id)
        .load(db)?;
    Ok(ended.into_iter().map(ClientId::new).collect())
}

/// Keeps a client for good, because somebody uses it; whether it would have ended.
///
/// # Errors
/// [`StoreError`].
pub fn keep(db: &mut Db, client: &ClientId) -> Result<bool, StoreError> {
    let ending = open_registrations::table.find(client.as_str()).filter(open_registrations::expires_at.is_not_null());
    Ok(diesel::update(ending).set(open_registrations::expires_at.eq(None::<i64>)).execute(db)? == 1)
}

/// Forgets a client whose time ended at `now` or before; false where somebody has used it meanwhile.
///
/// # Errors
/// [`StoreError`].
pub fn remove_ended(db: &mut Db, client: &ClientId, now: Timestamp) -> Result<bool, StoreError> {
    let ended =
        open_registrations::table.find(client.as_str()).filter(open_registrations::expires_at.le(now.seconds()));
    Ok(diesel::delete(ended).execute(db)? == 1)
}

/// Forgets a client that nobody has used; whether it was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove_unused(db: &mut Db, client: &ClientId) -> Result<bool, StoreError> {
    let unused = open_registrations::table.find(client.as_str()).filter(open_registrations::expires_at.is_not_null());
    Ok(diesel::delete(unused).execute(db)? == 1)
}

/// Forgets a client; whether it was noted here.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, client: &ClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(open_registrations::table.find(client.as_str())).execute(db)? == 1)
}
