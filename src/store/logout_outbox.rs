//! What clients are still to be told of ended sessions. A notice is written by the transaction that ends the session. A
//! node claims it by one conditional update that counts the attempt, so no two nodes make the same one; whoever lost
//! its claim changes nothing any more.

use super::schema::logout_outbox as t;
use super::{Db, StoreError, attempt, hash_from, time};
use crate::domain::id::{ClientId, Sid, UserId};
use crate::domain::logout::LogoutNotice;
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// The row of a notice while nobody has begun another attempt.
macro_rules! as_known {
    ($notice:expr) => {
        t::table.find($notice.id.as_bytes().as_slice()).filter(t::attempts.eq($notice.attempts))
    };
}

#[derive(Queryable)]
struct Row {
    id: Vec<u8>,
    client_id: String,
    user_id: String,
    sid: String,
    attempts: i64,
    due_at: i64,
    problem: Option<String>,
    given_up_at: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for LogoutNotice {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: hash_from(&row.id, "logout_outbox.id")?,
            client_id: ClientId::new(row.client_id),
            user_id: UserId::new(row.user_id),
            sid: Sid::new(row.sid),
            attempts: row.attempts,
            due_at: time(row.due_at),
            problem: row.problem,
            given_up_at: row.given_up_at.map(time),
            created_at: time(row.created_at),
            expires_at: time(row.expires_at),
        })
    }
}

/// Adds a notice; false where the same end is told of already.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, notice: &LogoutNotice) -> Result<bool, StoreError> {
    let row = (
        t::id.eq(notice.id.as_bytes().as_slice()),
        t::client_id.eq(notice.client_id.as_str()),
        t::user_id.eq(notice.user_id.as_str()),
        t::sid.eq(notice.sid.as_str()),
        t::attempts.eq(notice.attempts),
        t::due_at.eq(notice.due_at.seconds()),
        t::problem.eq(notice.problem.as_deref()),
        t::given_up_at.eq(notice.given_up_at.map(Timestamp::seconds)),
        t::created_at.eq(notice.created_at.seconds()),
        t::expires_at.eq(notice.expires_at.seconds()),
    );
    match attempt(db, |db| Ok(diesel::insert_into(t::table).values(row).execute(db)?)) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The notices that are due, the longest due first, without those for the clients `but`.
///
/// # Errors
/// [`StoreError`].
pub fn due(db: &mut Db, now: Timestamp, but: &[ClientId], limit: i64) -> Result<Vec<LogoutNotice>, StoreError> {
    let rows: Vec<Row> = t::table
        .filter(t::given_up_at.is_null())
        .filter(t::due_at.le(now.seconds()))
        .filter(t::client_id.ne_all(but.iter().map(ClientId::as_str).collect::<Vec<_>>()))
        .order((t::due_at, t::id))
        .limit(limit.clamp(0, 1000))
        .load(db)?;
    rows.into_iter().map(LogoutNotice::try_from).collect()
}

/// Claims a notice for its next attempt, until `until`; the notice with that attempt counted, or `None` where another
/// node was faster.
///
/// # Errors
/// [`StoreError`].
pub fn claim(
    db: &mut Db,
    notice: &LogoutNotice,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<LogoutNotice>, StoreError> {
    let free = as_known!(notice).filter(t::given_up_at.is_null()).filter(t::due_at.le(now.seconds()));
    let columns = (t::attempts.eq(notice.attempts + 1), t::due_at.eq(until.seconds()));
    let is_ours = diesel::update(free).set(columns).execute(db)? == 1;
    Ok(is_ours.then(|| LogoutNotice { attempts: notice.attempts + 1, due_at: until, ..notice.clone() }))
}

/// Removes a notice that was taken, or that nobody is left to take; whether it was still this node's.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, claimed: &LogoutNotice) -> Result<bool, StoreError> {
    Ok(diesel::delete(as_known!(claimed)).execute(db)? == 1)
}

/// Writes what comes after a failed attempt; whether the notice was still this node's.
///
/// # Errors
/// [`StoreError`].
pub fn postpone(db: &mut Db, failed: &LogoutNotice) -> Result<bool, StoreError> {
    let columns = (
        t::due_at.eq(failed.due_at.seconds()),
        t::problem.eq(failed.problem.as_deref()),
        t::given_up_at.eq(failed.given_up_at.map(Timestamp::seconds)),
        t::expires_at.eq(failed.expires_at.seconds()),
    );
    Ok(diesel::update(as_known!(failed)).set(columns).execute(db)? == 1)
}

/// All notices by identifier, those after `after`: at most `limit`.
///
/// # Errors
/// [`StoreError`].
pub fn page(db: &mut Db, after: Option<&TokenHash>, limit: i64) -> Result<Vec<LogoutNotice>, StoreError> {
    let after = after.map_or(&[][..], |after| after.as_bytes().as_slice());
    let rows: Vec<Row> = t::table.filter(t::id.gt(after)).order(t::id).limit(limit.clamp(0, 10_000)).load(db)?;
    rows.into_iter().map(LogoutNotice::try_from).collect()
}

/// How many notices wait, and how many were given up.
///
/// # Errors
/// [`StoreError`].
pub fn count(db: &mut Db) -> Result<(i64, i64), StoreError> {
    let waiting = t::table.filter(t::given_up_at.is_null()).count().get_result(db)?;
    let given_up = t::table.filter(t::given_up_at.is_not_null()).count().get_result(db)?;
    Ok((waiting, given_up))
}
