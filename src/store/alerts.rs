//! Alerts: which node watches a rule, and whether the rule holds.
//!
//! A rule is watched by one node at a time, which holds a lease on it, so that a change is announced once and nodes that
//! have watched for different spans do not contradict one another.

use super::schema::usage_alerts;
use super::{Db, StoreError, attempt};
use crate::domain::time::{Lifetime, Timestamp};
use diesel::prelude::*;

/// How long a node that says nothing keeps a rule: a few turns.
const LEASE: Lifetime = Lifetime::minutes(3);
/// How long a rule that nobody watches any more is remembered.
const KEPT: Lifetime = Lifetime::days(7);

/// Takes or keeps the lease of `node` on the rule; whether it has it.
///
/// # Errors
/// [`StoreError`].
pub fn hold(db: &mut Db, rule: &str, node: &str, now: Timestamp) -> Result<bool, StoreError> {
    use usage_alerts as t;
    let (until, forgotten) = (now.plus(LEASE).seconds(), now.plus(KEPT).seconds());
    let held = (t::holder.eq(node), t::held_until.eq(until), t::expires_at.eq(forgotten));
    let is_free = t::holder.eq(node).or(t::held_until.le(now.seconds()));
    if diesel::update(t::table.filter(t::name.eq(rule)).filter(is_free)).set(held).execute(db)? == 1 {
        return Ok(true);
    }
    let row = (t::name.eq(rule), held, t::is_firing.eq(false), t::changed_at.eq(now.seconds()));
    let insert = |db: &mut Db| Ok(diesel::insert_into(t::table).values(row).execute(db)?);
    match attempt(db, insert) {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Notes whether the rule holds; whether that is a change, made by the node that has the lease.
///
/// # Errors
/// [`StoreError`].
pub fn change(db: &mut Db, rule: &str, node: &str, is_firing: bool, now: Timestamp) -> Result<bool, StoreError> {
    use usage_alerts as t;
    let row = t::table.filter(t::name.eq(rule)).filter(t::holder.eq(node)).filter(t::is_firing.eq(!is_firing));
    let state = (t::is_firing.eq(is_firing), t::changed_at.eq(now.seconds()));
    Ok(diesel::update(row).set(state).execute(db)? == 1)
}
