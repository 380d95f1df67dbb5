//! Who is signed in in the browser that asks.

use super::cookies::CookieKind;
use super::extract::Edge;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::sessions;
use crate::store::{self, StoreError};

/// The live session of the request with its user, who is not disabled.
///
/// # Errors
/// The database.
pub async fn find(edge: &Edge) -> Result<Option<(Session, User)>, StoreError> {
    let Some(cookie) = edge.cookie(CookieKind::Session) else { return Ok(None) };
    let (hash, now) = (cookie.hash(), edge.context.now);
    edge.store
        .read(move |db| {
            let Some(session) = sessions::find_live(db, &hash, now)? else { return Ok(None) };
            let user = store::users::find(db, &session.user_id)?.filter(|user| user.disabled_at.is_none());
            Ok(user.map(|user| (session, user)))
        })
        .await
}
