//! Which clients a session signed in to. The rows outlive the grants, so that every client of a session hears of its
//! end; they end with the session.

use super::schema::session_clients;
use super::{Db, StoreError, save as save_row, time};
use crate::domain::id::{ClientId, Sid, UserId};
use crate::domain::logout::SessionClient;
use crate::domain::secret::TokenHash;
use crate::domain::session::Session;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

/// The most sessions, and the most clients of theirs, that are looked at in one act.
const MOST: usize = 1000;

type Row = (String, String, String, i64);

fn client((client_id, sid, user_id, created_at): Row) -> SessionClient {
    SessionClient {
        client_id: ClientId::new(client_id),
        sid: Sid::new(sid),
        user_id: UserId::new(user_id),
        created_at: time(created_at),
    }
}

/// Notes that a session, which is there until the transaction ends, signed in to a client. Once more, it stays as it
/// was.
///
/// # Errors
/// [`StoreError`].
pub fn note(db: &mut Db, session: &Session, client: &ClientId, now: Timestamp) -> Result<(), StoreError> {
    use session_clients as t;
    let (hash, sid) = (session.hash.as_bytes().as_slice(), session.sid.as_str());
    let row = t::table.find((hash, client.as_str(), sid));
    // Most often it is there, and nothing is to be written.
    let known: Option<i64> = row.select(t::expires_at).get_result(db).optional()?;
    if known == Some(session.expires_at.seconds()) {
        return Ok(());
    }
    save_row(
        db,
        |db| Ok(diesel::update(row).set(t::expires_at.eq(session.expires_at.seconds())).execute(db)?),
        |db| {
            let row = (
                t::session_hash.eq(hash),
                t::client_id.eq(client.as_str()),
                t::sid.eq(sid),
                t::user_id.eq(session.user_id.as_str()),
                t::created_at.eq(now.seconds()),
                t::expires_at.eq(session.expires_at.seconds()),
            );
            Ok(diesel::insert_into(t::table).values(row).execute(db)?)
        },
    )
}

/// The clients of these sessions, at most a thousand of both.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db, sessions: &[TokenHash]) -> Result<Vec<SessionClient>, StoreError> {
    use session_clients as t;
    let hashes: Vec<&[u8]> = sessions.iter().take(MOST).map(|hash| hash.as_bytes().as_slice()).collect();
    let rows: Vec<Row> = t::table
        .filter(t::session_hash.eq_any(hashes))
        .select((t::client_id, t::sid, t::user_id, t::created_at))
        .order((t::client_id, t::sid))
        .limit(MOST as i64)
        .load(db)?;
    Ok(rows.into_iter().map(client).collect())
}

/// Gives the clients of a session to the one that follows it in the same browser; how many.
///
/// # Errors
/// [`StoreError`].
pub fn pass_on(db: &mut Db, from: &TokenHash, to: &Session) -> Result<u64, StoreError> {
    use session_clients as t;
    let rows = t::table.filter(t::session_hash.eq(from.as_bytes().as_slice()));
    let columns = (t::session_hash.eq(to.hash.as_bytes().as_slice()), t::expires_at.eq(to.expires_at.seconds()));
    Ok(diesel::update(rows).set(columns).execute(db)? as u64)
}

/// Forgets the clients of a session; how many there were.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, session: &TokenHash) -> Result<u64, StoreError> {
    use session_clients as t;
    Ok(diesel::delete(t::table.filter(t::session_hash.eq(session.as_bytes().as_slice()))).execute(db)? as u64)
}
