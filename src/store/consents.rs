//! What users have allowed clients for good.

use super::schema::consents;
use super::{Db, StoreError, holds, is_storable, save as save_row, time};
use crate::domain::grant::Consent;
use crate::domain::id::{ClientId, UserId};
use crate::domain::scope::ScopeSet;
use diesel::prelude::*;

/// What a user has allowed a client.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, user: &UserId, client: &ClientId) -> Result<Option<Consent>, StoreError> {
    if !is_storable(client.as_str()) {
        return Ok(None);
    }
    let row: Option<(String, i64)> = consents::table
        .find((user.as_str(), client.as_str()))
        .select((consents::scopes, consents::updated_at))
        .get_result(db)
        .optional()?;
    row.map(|(scopes, updated_at)| {
        Ok(Consent {
            user_id: user.clone(),
            client_id: client.clone(),
            scopes: ScopeSet::parse(&scopes).map_err(|_| StoreError::corrupt("consents.scopes"))?,
            updated_at: time(updated_at),
        })
    })
    .transpose()
}

/// Whether a user's consent is still there; where it is, it stays as it is until the transaction ends.
///
/// # Errors
/// [`StoreError`].
pub fn confirm(db: &mut Db, user: &UserId, client: &ClientId) -> Result<bool, StoreError> {
    holds!(db, consents::table.find((user.as_str(), client.as_str())), consents::updated_at)
}

/// Saves what a user has allowed a client.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, consent: &Consent) -> Result<(), StoreError> {
    let (user, client) = (consent.user_id.as_str(), consent.client_id.as_str());
    let (scopes, updated_at) = (consent.scopes.to_string(), consent.updated_at.seconds());
    save_row(
        db,
        |db| {
            let columns = (consents::scopes.eq(&scopes), consents::updated_at.eq(updated_at));
            Ok(diesel::update(consents::table.find((user, client))).set(columns).execute(db)?)
        },
        |db| {
            let row = (
                consents::user_id.eq(user),
                consents::client_id.eq(client),
                consents::scopes.eq(&scopes),
                consents::updated_at.eq(updated_at),
            );
            Ok(diesel::insert_into(consents::table).values(row).execute(db)?)
        },
    )
}

/// Forgets what a user has allowed a client; whether there was anything.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, user: &UserId, client: &ClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(consents::table.find((user.as_str(), client.as_str()))).execute(db)? == 1)
}

/// Forgets all that a user has allowed; how many clients.
///
/// # Errors
/// [`StoreError`].
pub fn remove_of_user(db: &mut Db, user: &UserId) -> Result<u64, StoreError> {
    Ok(diesel::delete(consents::table.filter(consents::user_id.eq(user.as_str()))).execute(db)? as u64)
}

/// Forgets what a client was allowed by anybody; by how many users. It looks at every consent.
///
/// # Errors
/// [`StoreError`].
pub fn remove_of_client(db: &mut Db, client: &ClientId) -> Result<u64, StoreError> {
    Ok(diesel::delete(consents::table.filter(consents::client_id.eq(client.as_str()))).execute(db)? as u64)
}
