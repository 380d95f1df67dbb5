//! Accounts as operators make and change them, by command and by the admin API alike: each function is one act with its
//! audit events, to be called inside one transaction. What people do with their own accounts is `account`'s.

pub mod ending;

use crate::domain::audit::{By, Event, EventKind};
use crate::domain::id::{Sid, UserId};
use crate::domain::secret::TokenHash;
use crate::domain::user::User;
use crate::store::{self, Db, StoreError};
use ending::Fate;
use serde_json::{Map, Value};

/// The most roles of an account.
pub const MOST_ROLES: usize = 32;
/// The largest claims of an account, in bytes of JSON.
const LARGEST_CLAIMS: usize = 16 * 1024;
/// Claims that come from fields of the account.
const OWN_CLAIMS: [&str; 5] = ["sub", "preferred_username", "email", "email_verified", "updated_at"];

/// Adds an account.
///
/// # Errors
/// [`StoreError::Conflict`] when its user name, one that looks like it, or its address is taken.
pub fn create(db: &mut Db, user: &User, by: &By) -> Result<(), StoreError> {
    store::users::insert(db, user)?;
    let event = Event::new(EventKind::UserCreated, by).user(&user.id).with("username", user.username.as_str());
    store::audit::insert(db, &event)
}

/// Changes an account by `change`, all but its password; the changed one, `None` where there is no such account.
///
/// # Errors
/// [`StoreError::Conflict`] when its new name or address is taken.
pub fn change(db: &mut Db, id: &UserId, by: &By, change: impl Fn(&mut User)) -> Result<Option<User>, StoreError> {
    let Some(before) = store::users::find(db, id)? else { return Ok(None) };
    let mut after = before.clone();
    change(&mut after);
    let fields = changed_fields(&before, &after);
    if fields.is_empty() {
        return Ok(Some(before));
    }
    after.updated_at = by.at;
    store::users::update(db, &after)?;
    store::audit::insert(db, &changed(id, &fields, by))?;
    Ok(Some(after))
}

/// The names, in documents, of what differs.
pub fn changed_fields(before: &User, after: &User) -> Vec<&'static str> {
    let fields = [
        ("username", before.username != after.username),
        ("email", before.email != after.email),
        ("email_verified", before.email_verified != after.email_verified),
        ("password", before.password_hash != after.password_hash),
        ("claims", before.claims != after.claims),
        ("roles", before.roles != after.roles),
        ("disabled", before.disabled_at != after.disabled_at),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// Whether a text can be a role: 1 to 64 visible ASCII characters.
pub fn is_role(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with the claims of an account, in words.
pub fn problem_with_claims(claims: &Map<String, Value>) -> Option<String> {
    if serde_json::to_string(claims).map_or(usize::MAX, |json| json.len()) > LARGEST_CLAIMS {
        return Some("they are larger than 16 KiB".to_owned());
    }
    let own = claims.keys().find(|name| OWN_CLAIMS.contains(&name.as_str()))?;
    Some(format!("{own} is made by the server, from the account's own fields"))
}

/// Disables an account, ends its sessions and revokes what was issued for it; whether it was in use, `None` where there
/// is no such account.
///
/// # Errors
/// [`StoreError`].
pub fn disable(db: &mut Db, id: &UserId, by: &By) -> Result<Option<bool>, StoreError> {
    let Some(user) = store::users::find(db, id)? else { return Ok(None) };
    if user.disabled_at.is_some() {
        return Ok(Some(false));
    }
    store::users::update(db, &User { disabled_at: Some(by.at), updated_at: by.at, ..user })?;
    store::audit::insert(db, &changed(id, &["disabled"], by))?;
    end_everything(db, id, "the account was disabled", by)?;
    Ok(Some(true))
}

/// Enables an account; whether it was disabled, `None` where there is no such account.
///
/// # Errors
/// [`StoreError`].
pub fn enable(db: &mut Db, id: &UserId, by: &By) -> Result<Option<bool>, StoreError> {
    let Some(user) = store::users::find(db, id)? else { return Ok(None) };
    if user.disabled_at.is_none() {
        return Ok(Some(false));
    }
    store::users::update(db, &User { disabled_at: None, updated_at: by.at, ..user })?;
    store::audit::insert(db, &changed(id, &["disabled"], by))?;
    Ok(Some(true))
}

/// Sets the password, ends the account's sessions and revokes what was issued for it; whether there is such an account.
///
/// # Errors
/// [`StoreError`].
pub fn set_password(db: &mut Db, id: &UserId, hash: &str, by: &By) -> Result<bool, StoreError> {
    if !store::users::set_password_hash(db, id, hash, by.at)? {
        return Ok(false);
    }
    store::audit::insert(db, &Event::new(EventKind::PasswordChanged, by).user(id))?;
    end_everything(db, id, "the password was set by an operator", by)?;
    Ok(true)
}

/// Replaces the roles; whether there is such an account.
///
/// # Errors
/// [`StoreError`].
pub fn set_roles(db: &mut Db, id: &UserId, roles: &[String], by: &By) -> Result<bool, StoreError> {
    let Some(user) = store::users::find(db, id)? else { return Ok(false) };
    if user.roles != roles {
        store::users::update(db, &User { roles: roles.to_vec(), updated_at: by.at, ..user })?;
        store::audit::insert(db, &changed(id, &["roles"], by))?;
    }
    Ok(true)
}

/// Removes an account and everything of it; whether there was one. Its grants stay as revoked ones until they expire, so
/// that an access token that is still about is known to be dead.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, id: &UserId, by: &By) -> Result<bool, StoreError> {
    let Some(user) = store::users::find(db, id)? else { return Ok(false) };
    end_everything(db, id, "the account was removed", by)?;
    store::consents::remove_of_user(db, id)?;
    store::users::remove(db, id)?;
    let event = Event::new(EventKind::UserRemoved, by).user(id).with("username", user.username.as_str());
    store::audit::insert(db, &event)?;
    Ok(true)
}

/// The event that tells which fields of an account were changed, by their names in documents.
pub fn changed(id: &UserId, fields: &[&str], by: &By) -> Event {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    Event::new(EventKind::UserChanged, by).user(id).with("fields", fields)
}

/// Ends all sessions of an account and revokes all its grants.
///
/// # Errors
/// [`StoreError`].
pub fn end_everything(db: &mut Db, id: &UserId, why: &str, by: &By) -> Result<(), StoreError> {
    end_others(db, id, None, why, by)
}

/// The same but for one session and what was granted in it. Tells how many ended, where any did.
///
/// # Errors
/// [`StoreError`].
pub fn end_others(
    db: &mut Db,
    id: &UserId,
    kept: Option<(&TokenHash, &Sid)>,
    why: &str,
    by: &By,
) -> Result<(), StoreError> {
    let mut theirs = store::sessions::list_of_user(db, id)?;
    theirs.retain(|session| kept.is_none_or(|(hash, _)| session.hash != *hash));
    let ended = ending::end(db, id, (&theirs, Fate::Elsewhere), by.at)?.sessions;
    // And what has begun since they were listed.
    let sessions = ended + store::sessions::remove_of_user(db, id, kept.map(|(hash, _)| hash))?;
    let grants = store::grants::revoke_of_user(db, id, kept.map(|(_, sid)| sid), by.at)?;
    tell_ended(db, id, (sessions, grants), why, by)
}

/// Tells the audit how many sessions and grants of an account have ended, where any did.
///
/// # Errors
/// [`StoreError`].
pub fn tell_ended(
    db: &mut Db,
    id: &UserId,
    (sessions, grants): (u64, u64),
    why: &str,
    by: &By,
) -> Result<(), StoreError> {
    for (kind, name, count) in
        [(EventKind::SessionsEnded, "sessions", sessions), (EventKind::GrantRevoked, "grants", grants)]
    {
        if count > 0 {
            store::audit::insert(db, &Event::new(kind, by).user(id).with(name, count).with("why", why))?;
        }
    }
    Ok(())
}
