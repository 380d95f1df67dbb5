//! What clients can do with an account: remembered consents and live grants taken together, by client.

use super::schema::{consents, grants, refresh_token_families as families};
use super::{Db, StoreError, is_storable, time};
use crate::domain::grant::Access;
use crate::domain::id::{ClientId, UserId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use diesel::dsl::{max, min};
use diesel::prelude::*;
use std::collections::BTreeMap;

/// The most rows that each look-up takes: a client has one consent, and one row for each set of scopes it was granted.
const MOST_ROWS: i64 = 10_000;

/// The clients that have access to a user's account at `now`, by identifier.
///
/// # Errors
/// [`StoreError`].
pub fn list_of_user(db: &mut Db, user: &UserId, now: Timestamp) -> Result<Vec<Access>, StoreError> {
    let mut found = Found::default();
    let consented: Vec<(String, String, i64)> = consents::table
        .filter(consents::user_id.eq(user.as_str()))
        .select((consents::client_id, consents::scopes, consents::updated_at))
        .order(consents::client_id)
        .limit(MOST_ROWS)
        .load(db)?;
    for (client, scopes, at) in consented {
        found.note(client, &scopes, at, at)?;
    }
    let granted: Vec<(String, String, Option<i64>, Option<i64>)> = grants::table
        .filter(grants::user_id.eq(user.as_str()))
        .filter(grants::revoked_at.is_null())
        .filter(grants::expires_at.gt(now.seconds()))
        .group_by((grants::client_id, grants::scopes))
        .select((grants::client_id, grants::scopes, min(grants::created_at), max(grants::created_at)))
        .limit(MOST_ROWS)
        .load(db)?;
    for (client, scopes, first, last) in granted {
        found.note(client, &scopes, first.unwrap_or_default(), last.unwrap_or_default())?;
    }
    let refreshed: Vec<(String, Option<i64>)> = families::table
        .filter(families::user_id.eq(user.as_str()))
        .filter(families::revoked_at.is_null())
        .filter(families::idle_expires_at.gt(now.seconds()))
        .filter(families::expires_at.gt(now.seconds()))
        .group_by(families::client_id)
        .select((families::client_id, max(families::last_used_at)))
        .limit(MOST_ROWS)
        .load(db)?;
    for (client, last) in refreshed {
        found.note_use(&client, last.unwrap_or_default());
    }
    Ok(found.by_client.into_values().collect())
}

/// Takes a client's access to an account away: the consent is forgotten, and all grants end with everything issued from
/// them. Whether there was a consent, and how many grants. Grants before families, as everywhere, so that no two revocations wait for each other.
///
/// # Errors
/// [`StoreError`].
pub fn revoke(db: &mut Db, user: &UserId, client: &ClientId, now: Timestamp) -> Result<(bool, u64), StoreError> {
    if !is_storable(client.as_str()) {
        return Ok((false, 0));
    }
    let had_consent = super::consents::remove(db, user, client)?;
    let live = grants::table
        .filter(grants::user_id.eq(user.as_str()))
        .filter(grants::client_id.eq(client.as_str()))
        .filter(grants::revoked_at.is_null());
    let ended = diesel::update(live).set(grants::revoked_at.eq(now.seconds())).execute(db)?;
    let of_them = families::table
        .filter(families::user_id.eq(user.as_str()))
        .filter(families::client_id.eq(client.as_str()))
        .filter(families::revoked_at.is_null());
    diesel::update(of_them).set(families::revoked_at.eq(now.seconds())).execute(db)?;
    Ok((had_consent, ended as u64))
}

#[derive(Default)]
struct Found {
    by_client: BTreeMap<String, Access>,
}

impl Found {
    fn note(&mut self, client: String, scopes: &str, first: i64, last: i64) -> Result<(), StoreError> {
        let scopes = ScopeSet::parse(scopes).map_err(|_| StoreError::corrupt("grants.scopes"))?;
        let known = self.by_client.entry(client).or_insert_with_key(|client| Access {
            client_id: ClientId::new(client.clone()),
            scopes: ScopeSet::default(),
            since: time(first),
            last_used_at: time(last),
        });
        known.scopes = known.scopes.union(&scopes);
        known.since = known.since.min(time(first));
        known.last_used_at = known.last_used_at.max(time(last));
        Ok(())
    }

    /// A family whose grant is dead is dead itself, and shows nothing.
    fn note_use(&mut self, client: &str, last: i64) {
        if let Some(known) = self.by_client.get_mut(client) {
            known.last_used_at = known.last_used_at.max(time(last));
        }
    }
}
