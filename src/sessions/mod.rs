//! Browser sessions: begin, find, end. The database keeps the hash of the cookie; the cookie is new at every sign-in.
//! And what comes before one: an [`attempt`] with a password, slowed by its [`guard`], and how much may be [`waiting`]
//! for one.

pub mod attempt;
pub mod guard;
pub mod line;
pub mod waiting;

use crate::domain::device::Device;
use crate::domain::id::{Sid, UserId};
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::session::Session;
use crate::domain::time::{Lifetime, Timestamp};
use crate::entropy::Entropy;
use crate::store::{self, Db, StoreError};

/// Sessions are marked as seen at most this often, and ten times within their idle lifetime where that is short.
const SEEN_EVERY: Lifetime = Lifetime::minutes(1);

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct SessionPolicy {
    /// Without use.
    pub idle_lifetime: Lifetime,
    /// In any case.
    pub lifetime: Lifetime,
}

/// A new session and the value of its cookie. The caller says in which device it begins, where that is known.
pub fn begin(entropy: &Entropy, policy: SessionPolicy, user_id: UserId, now: Timestamp) -> (Session, Secret) {
    let cookie = entropy.secret();
    let session = Session {
        hash: cookie.hash(),
        sid: Sid::new(entropy.uuid(now.seconds())),
        user_id,
        auth_time: now,
        created_at: now,
        last_seen_at: now,
        idle_expires_at: now.plus(policy.idle_lifetime),
        expires_at: now.plus(policy.lifetime),
        device: Device::default(),
    };
    (session, cookie)
}

/// The live session of a cookie.
///
/// # Errors
/// [`StoreError`].
pub fn find_live(db: &mut Db, cookie: &TokenHash, now: Timestamp) -> Result<Option<Session>, StoreError> {
    Ok(store::sessions::find(db, cookie)?.filter(|session| session.is_live(now)))
}

/// Whether the session should be marked as seen now.
pub fn is_due(session: &Session, policy: SessionPolicy, now: Timestamp) -> bool {
    let pause = SEEN_EVERY.as_seconds().min(policy.idle_lifetime.as_seconds() / 10);
    now.since(session.last_seen_at) >= pause
}

/// Marks the session as seen where that is due; whether it is still there. Where it is, it stays until the transaction
/// ends.
///
/// # Errors
/// [`StoreError`].
pub fn mark_seen(db: &mut Db, session: &Session, policy: SessionPolicy, now: Timestamp) -> Result<bool, StoreError> {
    if !is_due(session, policy, now) {
        return store::sessions::confirm(db, &session.hash);
    }
    store::sessions::touch(db, &session.hash, now, now.plus(policy.idle_lifetime))
}
