//! Secret keys of the server, numbered within their purpose so that of several nodes that make one at once one wins.

use super::schema::secret_keys;
use super::{Db, StoreError, time};
use crate::domain::id::KeyId;
use crate::domain::key::SecretKey;
use diesel::prelude::*;

/// The keys of a purpose, the newest last.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db, purpose: &str) -> Result<Vec<SecretKey>, StoreError> {
    let rows: Vec<(String, Vec<u8>, i64)> = secret_keys::table
        .filter(secret_keys::purpose.eq(purpose))
        .order(secret_keys::ordinal)
        .select((secret_keys::id, secret_keys::sealed, secret_keys::created_at))
        .load(db)?;
    let key = |(id, sealed, created_at)| SecretKey {
        id: KeyId::new(id),
        purpose: purpose.to_owned(),
        sealed,
        created_at: time(created_at),
    };
    Ok(rows.into_iter().map(key).collect())
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
