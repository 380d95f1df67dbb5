//! Authorization requests that wait for their user, by the hash of their id.

use super::schema::interactions;
use super::{Db, StoreError, from_json, hash_from, time, to_json};
use crate::domain::authorization::Progress;
use crate::domain::interaction::Interaction;
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    hash: Vec<u8>,
    request: String,
    browser: Option<Vec<u8>>,
    authenticated: bool,
    consented: bool,
    flow_id: String,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for Interaction {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: hash_from(&row.hash, "interactions.hash")?,
            request: from_json(&row.request, "interactions.request")?,
            browser: row.browser.map(|browser| hash_from(&browser, "interactions.browser")).transpose()?,
            progress: Progress { authenticated: row.authenticated, consented: row.consented },
            flow_id: row.flow_id,
            created_at: time(row.created_at),
            expires_at: time(row.expires_at),
        })
    }
}

/// Adds an interaction.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, interaction: &Interaction) -> Result<(), StoreError> {
    let row = (
        interactions::hash.eq(interaction.hash.as_bytes().as_slice()),
        interactions::request.eq(to_json(&interaction.request, "an authorization request")?),
        interactions::browser.eq(interaction.browser.as_ref().map(|browser| browser.as_bytes().as_slice())),
        interactions::authenticated.eq(interaction.progress.authenticated),
        interactions::consented.eq(interaction.progress.consented),
        interactions::flow_id.eq(interaction.flow_id.as_str()),
        interactions::created_at.eq(interaction.created_at.seconds()),
        interactions::expires_at.eq(interaction.expires_at.seconds()),
    );
    diesel::insert_into(interactions::table).values(row).execute(db)?;
    Ok(())
}

/// The interaction with this id, whether or not it has ended.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, hash: &TokenHash) -> Result<Option<Interaction>, StoreError> {
    let row: Option<Row> = interactions::table.find(hash.as_bytes().as_slice()).get_result(db).optional()?;
    row.map(Interaction::try_from).transpose()
}

/// Binds an interaction to the first browser that shows its page, from then on until `expires_at`; true for exactly one
/// caller.
///
/// # Errors
/// [`StoreError`].
pub fn bind_browser(
    db: &mut Db,
    hash: &TokenHash,
    browser: &TokenHash,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let free = interactions::table.find(hash.as_bytes().as_slice()).filter(interactions::browser.is_null());
    let columns =
        (interactions::browser.eq(browser.as_bytes().as_slice()), interactions::expires_at.eq(expires_at.seconds()));
    Ok(diesel::update(free).set(columns).execute(db)? == 1)
}

/// Sets when an interaction ends; whether it still is.
///
/// # Errors
/// [`StoreError`].
pub fn extend(db: &mut Db, hash: &TokenHash, expires_at: Timestamp) -> Result<bool, StoreError> {
    let column = interactions::expires_at.eq(expires_at.seconds());
    Ok(diesel::update(interactions::table.find(hash.as_bytes().as_slice())).set(column).execute(db)? == 1)
}

/// How many are stored, those that have ended and are not swept yet included.
///
/// # Errors
/// [`StoreError`].
pub fn count(db: &mut Db) -> Result<u64, StoreError> {
    let count: i64 = interactions::table.count().get_result(db)?;
    Ok(count.unsigned_abs())
}

/// Writes what has happened in an interaction; whether it still is.
///
/// # Errors
/// [`StoreError`].
pub fn set_progress(db: &mut Db, hash: &TokenHash, progress: &Progress) -> Result<bool, StoreError> {
    let columns =
        (interactions::authenticated.eq(progress.authenticated), interactions::consented.eq(progress.consented));
    Ok(diesel::update(interactions::table.find(hash.as_bytes().as_slice())).set(columns).execute(db)? == 1)
}

/// Takes an interaction away; true for exactly one caller.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, hash: &TokenHash) -> Result<bool, StoreError> {
    Ok(diesel::delete(interactions::table.find(hash.as_bytes().as_slice())).execute(db)? == 1)
}
