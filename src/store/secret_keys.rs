//! Secret keys of the server, numbered within their purpose so that of several nodes that make one at once one wins.

use super::schema::secret_keys;
use super::{Db, StoreError, time};
use crate::domain::id::KeyId;
use crate::domain::key::SecretKey;
use diesel::prelude::*;

#[derive(Queryable, Selectable)]
#[diesel(table_name = secret_keys)]
struct Row {
    id: String,
    purpose: String,
    sealed: Vec<u8>,
    created_at: i64,
}

impl From<Row> for SecretKey {
    fn from(row: Row) -> Self {
        Self { id: KeyId::new(row.id), purpose: row.purpose, sealed: row.sealed, created_at: time(row.created_at) }
    }
}

/// The keys of a purpose, the newest last.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db, purpose: &str) -> Result<Vec<SecretKey>, StoreError> {
    let of_purpose = secret_keys::table.filter(secret_keys::purpose.eq(purpose));
    let rows: Vec<Row> = of_purpose.order(secret_keys::ordinal).select(Row::as_select()).load(db)?;
    Ok(rows.into_iter().map(SecretKey::from).collect())
}

/// The keys of every purpose, those included that only another version knows.
///
/// # Errors
/// [`StoreError`].
pub fn list_all(db: &mut Db) -> Result<Vec<SecretKey>, StoreError> {
    let in_order = secret_keys::table.order((secret_keys::purpose, secret_keys::ordinal));
    let rows: Vec<Row> = in_order.select(Row::as_select()).load(db)?;
    Ok(rows.into_iter().map(SecretKey::from).collect())
}

/// Adds a key as number `ordinal` of its purpose.
///
/// # Errors
/// [`StoreError::Conflict`] when another node was first.
pub fn insert(db: &mut Db, key: &SecretKey, ordinal: i64) -> Result<(), StoreError> {
    let row = (
        secret_keys::id.eq(key.id.as_str()),
        secret_keys::purpose.eq(key.purpose.as_str()),
        secret_keys::ordinal.eq(ordinal),
        secret_keys::sealed.eq(key.sealed.as_slice()),
        secret_keys::created_at.eq(key.created_at.seconds()),
    );
    diesel::insert_into(secret_keys::table).values(row).execute(db)?;
    Ok(())
}

/// Replaces the sealed bytes, when the master key changes; whether there is such a key, sealed as it was `from`.
///
/// # Errors
/// [`StoreError`].
pub fn reseal(db: &mut Db, id: &KeyId, from: &[u8], to: &[u8]) -> Result<bool, StoreError> {
    let sealed_so = secret_keys::table.find(id.as_str()).filter(secret_keys::sealed.eq(from));
    Ok(diesel::update(sealed_so).set(secret_keys::sealed.eq(to)).execute(db)? == 1)
}
