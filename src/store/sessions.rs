//! Browser sessions, by the hash of their cookie.

use super::schema::sessions;
use super::{Db, StoreError, hash_from, holds, is_storable, time};
use crate::domain::device::Device;
use crate::domain::id::{Sid, UserId};
use crate::domain::secret::TokenHash;
use crate::domain::session::Session;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    hash: Vec<u8>,
    sid: String,
    user_id: String,
    auth_time: i64,
    created_at: i64,
    last_seen_at: i64,
    idle_expires_at: i64,
    expires_at: i64,
    browser: Option<String>,
    system: Option<String>,
    network: Option<String>,
}

impl TryFrom<Row> for Session {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: hash_from(&row.hash, "sessions.hash")?,
            sid: Sid::new(row.sid),
            user_id: UserId::new(row.user_id),
            auth_time: time(row.auth_time),
            created_at: time(row.created_at),
            last_seen_at: time(row.last_seen_at),
            idle_expires_at: time(row.idle_expires_at),
            expires_at: time(row.expires_at),
            device: Device { browser: row.browser, system: row.system, network: row.network },
        })
    }
}

/// Adds a session.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, session: &Session) -> Result<(), StoreError> {
    let row = (
        sessions::hash.eq(session.hash.as_bytes().as_slice()),
        sessions::sid.eq(session.sid.as_str()),
        sessions::user_id.eq(session.user_id.as_str()),
        sessions::auth_time.eq(session.auth_time.seconds()),
        sessions::created_at.eq(session.created_at.seconds()),
        sessions::last_seen_at.eq(session.last_seen_at.seconds()),
        sessions::idle_expires_at.eq(session.idle_expires_at.seconds()),
        sessions::expires_at.eq(session.expires_at.seconds()),
        sessions::browser.eq(session.device.browser.as_deref()),
        sessions::system.eq(session.device.system.as_deref()),
        sessions::network.eq(session.device.network.as_deref()),
    );
    diesel::insert_into(sessions::table).values(row).execute(db)?;
    Ok(())
}

/// The session of a cookie, whether or not it has ended.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
    let row: Option<Row> = sessions::table.find(hash.as_bytes().as_slice()).get_result(db).optional()?;
    row.map(Session::try_from).transpose()
}

/// Notes that a session was seen; whether it still is.
///
/// # Errors
/// [`StoreError`].
pub fn touch(db: &mut Db, hash: &TokenHash, last_seen: Timestamp, idle_expires: Timestamp) -> Result<bool, StoreError> {
    let columns =
        (sessions::last_seen_at.eq(last_seen.seconds()), sessions::idle_expires_at.eq(idle_expires.seconds()));
    Ok(diesel::update(sessions::table.find(hash.as_bytes().as_slice())).set(columns).execute(db)? == 1)
}

/// Whether a session is still there; where it is, it stays until the transaction ends.
///
/// # Errors
/// [`StoreError`].
pub fn confirm(db: &mut Db, hash: &TokenHash) -> Result<bool, StoreError> {
    holds!(db, sessions::table.find(hash.as_bytes().as_slice()), sessions::last_seen_at)
}

/// Ends a session; true for exactly one caller.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, hash: &TokenHash) -> Result<bool, StoreError> {
    Ok(diesel::delete(sessions::table.find(hash.as_bytes().as_slice())).execute(db)? == 1)
}

/// Ends the sessions of a user, but one; how many.
///
/// # Errors
/// [`StoreError`].
pub fn remove_of_user(db: &mut Db, user: &UserId, except: Option<&TokenHash>) -> Result<u64, StoreError> {
    let theirs = sessions::table.filter(sessions::user_id.eq(user.as_str()));
    let removed = match except {
        None => diesel::delete(theirs).execute(db)?,
        Some(kept) => diesel::delete(theirs.filter(sessions::hash.ne(kept.as_bytes().as_slice()))).execute(db)?,
    };
    Ok(removed as u64)
}

/// The session of a user with this public identifier, whether or not it has ended. Another user's is not found.
///
/// # Errors
/// [`StoreError`].
pub fn find_of_user(db: &mut Db, user: &UserId, sid: &Sid) -> Result<Option<Session>, StoreError> {
    if !is_storable(sid.as_str()) {
        return Ok(None);
    }
    let theirs = sessions::table.filter(sessions::user_id.eq(user.as_str())).filter(sessions::sid.eq(sid.as_str()));
    let row: Option<Row> = theirs.get_result(db).optional()?;
    row.map(Session::try_from).transpose()
}

/// The live sessions of the same user besides this one, the one seen last first: at most `limit` after the first
/// `skipped`.
///
/// # Errors
/// [`StoreError`].
pub fn list_others(
    db: &mut Db,
    session: &Session,
    now: Timestamp,
    (skipped, limit): (i64, i64),
) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<Row> = sessions::table
        .filter(sessions::user_id.eq(session.user_id.as_str()))
        .filter(sessions::hash.ne(session.hash.as_bytes().as_slice()))
        .filter(sessions::idle_expires_at.gt(now.seconds()))
        .filter(sessions::expires_at.gt(now.seconds()))
        .order((sessions::last_seen_at.desc(), sessions::sid))
        .offset(skipped.max(0))
        .limit(limit.clamp(0, 1000))
        .load(db)?;
    rows.into_iter().map(Session::try_from).collect()
}

/// How many live sessions the same user has besides this one.
///
/// # Errors
/// [`StoreError`].
pub fn count_others(db: &mut Db, session: &Session, now: Timestamp) -> Result<i64, StoreError> {
    let others = sessions::table
        .filter(sessions::user_id.eq(session.user_id.as_str()))
        .filter(sessions::hash.ne(session.hash.as_bytes().as_slice()))
        .filter(sessions::idle_expires_at.gt(now.seconds()))
        .filter(sessions::expires_at.gt(now.seconds()));
    Ok(others.count().get_result(db)?)
}

/// The sessions of a user, the one seen last first; also those that have ended and are not swept yet.
///
/// # Errors
/// [`StoreError`].
pub fn list_of_user(db: &mut Db, user: &UserId) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<Row> = sessions::table
        .filter(sessions::user_id.eq(user.as_str()))
        .order((sessions::last_seen_at.desc(), sessions::sid))
        .load(db)?;
    rows.into_iter().map(Session::try_from).collect()
}
