//! Ending sessions because somebody wants it: what hangs on them is revoked, and the clients that they signed in to are
//! noted to be told (OpenID Connect Back-Channel Logout §2.4), by the transaction that ends them. A session that merely
//! expires is nobody's wish; nothing is told of it.

use crate::domain::id::{ClientId, Sid, UserId};
use crate::domain::logout::{LogoutNotice, SessionClient};
use crate::domain::secret::TokenHash;
use crate::domain::session::Session;
use crate::domain::time::Timestamp;
use crate::store::{self, Db, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// What of the grants of a session ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// What is bound to it: the grants without `offline_access` (OpenID Connect Back-Channel Logout §2.7, OIDC Core §11).
    Bound,
    /// Everything: the browser was lost, or is somebody else's.
    All,
    /// What the caller revokes.
    Elsewhere,
}

/// What ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many of the sessions were still there.
    pub sessions: u64,
    /// How many grants were revoked.
    pub grants: u64,
    /// The clients that the sessions had signed in to.
    pub clients: Vec<SessionClient>,
}

/// Ends sessions of one user. Of several callers one is told that a session was there.
///
/// # Errors
/// [`StoreError`].
pub fn end(
    db: &mut Db,
    user: &UserId,
    (sessions, fate): (&[Session], Fate),
    now: Timestamp,
) -> Result<Ended, StoreError> {
    // The sessions go first: whoever adds a grant holds its session, so none is added any more.
    let mut ended = Vec::new();
    for session in sessions {
        if store::sessions::remove(db, &session.hash)? {
            ended.push(session);
        }
    }
    let live: Vec<TokenHash> =
        ended.iter().filter(|session| session.is_live(now)).map(|session| session.hash).collect();
    let clients = store::session_clients::list(db, &live)?;
    for session in &ended {
        store::session_clients::remove(db, &session.hash)?;
    }
    let sids: BTreeSet<&Sid> =
        sessions.iter().map(|session| &session.sid).chain(clients.iter().map(|client| &client.sid)).collect();
    let sids: Vec<Sid> = sids.into_iter().cloned().collect();
    let grants = match fate {
        Fate::Bound => store::grants::revoke_bound_to_sessions(db, user, &sids, now)?,
        Fate::All => store::grants::revoke_of_sessions(db, user, &sids, now)?,
        Fate::Elsewhere => 0,
    };
    note_ends(db, &clients, now)?;
    Ok(Ended { sessions: ended.len() as u64, grants, clients })
}

/// Notes what is to be told to the clients that want to hear of it.
fn note_ends(db: &mut Db, clients: &[SessionClient], now: Timestamp) -> Result<(), StoreError> {
    let mut listens: BTreeMap<&ClientId, bool> = BTreeMap::new();
    for client in clients {
        let is_listening = match listens.get(&client.client_id) {
            Some(known) => *known,
            None => {
                let found = store::clients::find(db, &client.client_id)?;
                let listens_now = found.is_some_and(|found| found.backchannel_logout_uri().is_some());
                listens.insert(&client.client_id, listens_now);
                listens_now
            }
        };
        if is_listening {
            store::logout_outbox::insert(db, &LogoutNotice::new(client, now))?;
        }
    }
    Ok(())
}
