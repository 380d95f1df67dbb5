//! Signing keys. Of each algorithm at most one key is next and at most one is active: these two states have a slot of
//! their own with a unique name, so of several nodes that rotate at once one wins.

use super::schema::signing_keys;
use super::{Db, StoreError, is_storable, time};
use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, KeyState, SigningKey};
use crate::domain::time::Timestamp;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    id: String,
    algorithm: String,
    state: String,
    _slot: Option<String>,
    public_jwk: String,
    sealed_private: Vec<u8>,
    created_at: i64,
    activated_at: Option<i64>,
    retiring_at: Option<i64>,
    retires_at: Option<i64>,
}

impl TryFrom<Row> for SigningKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let algorithm = Algorithm::parse(&row.algorithm);
        Ok(Self {
            id: KeyId::new(row.id),
            algorithm: algorithm.ok_or_else(|| StoreError::corrupt("signing_keys.algorithm"))?,
            state: KeyState::parse(&row.state).ok_or_else(|| StoreError::corrupt("signing_keys.state"))?,
            public_jwk: row.public_jwk,
            sealed_private: row.sealed_private,
            created_at: time(row.created_at),
            activated_at: row.activated_at.map(time),
            retiring_at: row.retiring_at.map(time),
            retires_at: row.retires_at.map(time),
        })
    }
}

/// The slot that a key of this state takes.
fn slot(algorithm: Algorithm, state: KeyState) -> Option<String> {
    match state {
        KeyState::Next | KeyState::Active => Some(format!("{}:{}", algorithm.as_str(), state.as_str())),
        KeyState::Retiring | KeyState::Retired => None,
    }
}

/// Every key, oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db) -> Result<Vec<SigningKey>, StoreError> {
    let rows: Vec<Row> = signing_keys::table.order((signing_keys::created_at, signing_keys::id)).load(db)?;
    rows.into_iter().map(SigningKey::try_from).collect()
}

/// Adds a key.
///
/// # Errors
/// [`StoreError::Conflict`] when another key of its algorithm is in its state, and that state has room for one.
pub fn insert(db: &mut Db, key: &SigningKey) -> Result<(), StoreError> {
    let row = (
        signing_keys::id.eq(key.id.as_str()),
        signing_keys::algorithm.eq(key.algorithm.as_str()),
        signing_keys::state.eq(key.state.as_str()),
        signing_keys::slot.eq(slot(key.algorithm, key.state)),
        signing_keys::public_jwk.eq(key.public_jwk.as_str()),
        signing_keys::sealed_private.eq(key.sealed_private.as_slice()),
        signing_keys::created_at.eq(key.created_at.seconds()),
        signing_keys::activated_at.eq(key.activated_at.map(Timestamp::seconds)),
        signing_keys::retiring_at.eq(key.retiring_at.map(Timestamp::seconds)),
        signing_keys::retires_at.eq(key.retires_at.map(Timestamp::seconds)),
    );
    diesel::insert_into(signing_keys::table).values(row).execute(db)?;
    Ok(())
}

/// Moves a key from one state to another, with the times of `key`; true for exactly one caller. The active key makes
/// room before the next one takes its place.
///
/// # Errors
/// [`StoreError::Conflict`] when the new state has room for one and is taken.
pub fn transition(db: &mut Db, id: &KeyId, from: KeyState, to: KeyState, key: &SigningKey) -> Result<bool, StoreError> {
    let standing_there = signing_keys::table.find(id.as_str()).filter(signing_keys::state.eq(from.as_str()));
    let columns = (
        signing_keys::state.eq(to.as_str()),
        signing_keys::slot.eq(slot(key.algorithm, to)),
        signing_keys::activated_at.eq(key.activated_at.map(Timestamp::seconds)),
        signing_keys::retiring_at.eq(key.retiring_at.map(Timestamp::seconds)),
        signing_keys::retires_at.eq(key.retires_at.map(Timestamp::seconds)),
    );
    Ok(diesel::update(standing_there).set(columns).execute(db)? == 1)
}

/// Removes a key; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, id: &KeyId) -> Result<bool, StoreError> {
    if !is_storable(id.as_str()) {
        return Ok(false);
    }
    Ok(diesel::delete(signing_keys::table.find(id.as_str())).execute(db)? == 1)
}

/// Replaces the sealed private half, when the master key changes; whether there is such a key, sealed as it was `from`.
///
/// # Errors
/// [`StoreError`].
pub fn reseal(db: &mut Db, id: &KeyId, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
    let sealed_so = signing_keys::table.find(id.as_str()).filter(signing_keys::sealed_private.eq(from));
    Ok(diesel::update(sealed_so).set(signing_keys::sealed_private.eq(to)).execute(db)? == 1)
}
