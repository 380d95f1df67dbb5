//! Removes what has expired, in bounded steps, so that tables do not grow with use.

use super::schema::{
    audit_events, authorization_codes, grants, interactions, logout_outbox, opaque_access_tokens, quotas,
    refresh_token_families, refusals, revoked_tokens, session_clients, sessions, signing_keys, throttles, usage_alerts,
    usage_batches, usage_rollups, used_jwts,
};
use super::{Db, StoreError};
use crate::domain::key::KeyState;
use crate::domain::time::{Lifetime, Timestamp};
use diesel::prelude::*;

/// How long a key that signs nothing and is published nowhere stays in the list.
const RETIRED_KEY_IS_KEPT: Lifetime = Lifetime::days(30);
/// The most rows of a table that one step removes: bound values of one statement.
const LARGEST_STEP: i64 = 1000;

/// Removes at most `limit` rows of `$table` whose `$expiry` is not after `$until`. The keys are read first and the
/// condition is checked again, because a row may have been extended in between.
macro_rules! step {
    ($db:expr, $table:ident, $key:ident: $type:ty, $expiry:ident, $until:expr, $limit:expr) => {{
        let ended = || $table::$expiry.le($until.seconds());
        let keys: Vec<$type> = $table::table.filter(ended()).select($table::$key).limit($limit).load($db)?;
        if keys.is_empty() {
            0
        } else {
            diesel::delete($table::table.filter($table::$key.eq_any(keys)).filter(ended())).execute($db)?
        }
    }};
}

/// Removes what has expired at `now`, at most `limit` rows (1 to 1000) a table and expiry; how many of which table.
/// A table of which nothing was removed is left out. Call it again while a number reaches the limit.
///
/// # Errors
/// [`StoreError`].
pub fn expired(db: &mut Db, now: Timestamp, limit: i64) -> Result<Vec<(&'static str, u64)>, StoreError> {
    let limit = limit.clamp(1, LARGEST_STEP);
    let mut removed = Vec::new();
    let mut note = |table: &'static str, count: usize| {
        if count > 0 {
            removed.push((table, count as u64));
        }
    };
    let (sessions, clients) = sessions(db, now, limit)?;
    note("sessions", sessions);
    note("session_clients", clients);
    note("logout_outbox", step!(db, logout_outbox, id: Vec<u8>, expires_at, now, limit));
    note("interactions", step!(db, interactions, hash: Vec<u8>, expires_at, now, limit));
    note("authorization_codes", step!(db, authorization_codes, hash: Vec<u8>, sweep_at, now, limit));
    let idle_families = step!(db, refresh_token_families, id: String, idle_expires_at, now, limit);
    let families = idle_families + step!(db, refresh_token_families, id: String, expires_at, now, limit);
    note("refresh_token_families", families);
    note("opaque_access_tokens", step!(db, opaque_access_tokens, hash: Vec<u8>, expires_at, now, limit));
    note("revoked_tokens", step!(db, revoked_tokens, hash: Vec<u8>, expires_at, now, limit));
    note("grants", step!(db, grants, id: String, expires_at, now, limit));
    note("throttles", step!(db, throttles, subject: Vec<u8>, expires_at, now, limit));
    note("quotas", step!(db, quotas, subject: Vec<u8>, expires_at, now, limit));
    note("refusals", step!(db, refusals, reference: String, expires_at, now, limit));
    note("usage_alerts", step!(db, usage_alerts, name: String, expires_at, now, limit));
    note("usage_batches", step!(db, usage_batches, id: Vec<u8>, expires_at, now, limit));
    note("usage_rollups", step!(db, usage_rollups, id: Vec<u8>, expires_at, now, limit));
    note("used_jwts", step!(db, used_jwts, hash: Vec<u8>, expires_at, now, limit));
    note("signing_keys", retired_keys(db, now.minus(RETIRED_KEY_IS_KEPT), limit)?);
    Ok(removed)
}

/// Removes audit events that happened at `until` or before, at most `limit` (1 to 1000); how many. Nothing else removes or
/// changes one.
///
/// # Errors
/// [`StoreError`].
pub fn audited(db: &mut Db, until: Timestamp, limit: i64) -> Result<u64, StoreError> {
    Ok(step!(db, audit_events, id: i64, occurred_at, until, limit.clamp(1, LARGEST_STEP)) as u64)
}

/// Sessions that were not used for too long, and those whose time is over, with what is known of their clients; how many
/// of both.
fn sessions(db: &mut Db, until: Timestamp, limit: i64) -> Result<(usize, usize), StoreError> {
    use {session_clients as c, sessions as s};
    let (idle, over) = (|| s::idle_expires_at.le(until.seconds()), || s::expires_at.le(until.seconds()));
    let mut ended: Vec<Vec<u8>> = s::table.filter(idle()).select(s::hash).limit(limit).load(db)?;
    let mut removed = diesel::delete(s::table.filter(s::hash.eq_any(&ended)).filter(idle())).execute(db)?;
    let more: Vec<Vec<u8>> = s::table.filter(over()).select(s::hash).limit(limit).load(db)?;
    removed += diesel::delete(s::table.filter(s::hash.eq_any(&more)).filter(over())).execute(db)?;
    ended.extend(more);
    ended.extend::<Vec<Vec<u8>>>(
        c::table.filter(c::expires_at.le(until.seconds())).select(c::session_hash).limit(limit).load(db)?,
    );
    if ended.is_empty() {
        return Ok((removed, 0));
    }
    // One that was used in between goes on.
    let live: Vec<Vec<u8>> = s::table.filter(s::hash.eq_any(&ended)).select(s::hash).load(db)?;
    ended.retain(|hash| !live.contains(hash));
    let clients = diesel::delete(c::table.filter(c::session_hash.eq_any(&ended))).execute(db)?;
    Ok((removed, clients))
}

fn retired_keys(db: &mut Db, until: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let long_past =
        || signing_keys::state.eq(KeyState::Retired.as_str()).and(signing_keys::retires_at.le(until.seconds()));
    let keys: Vec<String> = signing_keys::table.filter(long_past()).select(signing_keys::id).limit(limit).load(db)?;
    if keys.is_empty() {
        return Ok(0);
    }
    Ok(diesel::delete(signing_keys::table.filter(signing_keys::id.eq_any(keys)).filter(long_past())).execute(db)?)
}
