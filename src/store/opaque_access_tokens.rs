//! Opaque access tokens, by their hash. A token that hangs on a grant is live only while the grant is, so it is found
//! together with its grant and user; revoking one removes its row.

use super::schema::{grants, opaque_access_tokens as tokens, users};
use super::{Db, StoreError, from_json, hash_from, time, to_json};
use crate::domain::access_token::OpaqueAccessToken;
use crate::domain::grant::Grant;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::scope::ScopeSet;
use crate::domain::secret::TokenHash;
use crate::domain::user::User;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    hash: Vec<u8>,
    client_id: String,
    grant_id: Option<String>,
    scopes: String,
    audience: String,
    issued_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for OpaqueAccessToken {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: hash_from(&row.hash, "opaque_access_tokens.hash")?,
            client_id: ClientId::new(row.client_id),
            grant_id: row.grant_id.map(GrantId::new),
            scopes: ScopeSet::parse(&row.scopes).map_err(|_| StoreError::corrupt("opaque_access_tokens.scopes"))?,
            audience: from_json(&row.audience, "opaque_access_tokens.audience")?,
            issued_at: time(row.issued_at),
            expires_at: time(row.expires_at),
        })
    }
}

/// A token with what it hangs on, whatever their state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The token.
    pub token: OpaqueAccessToken,
    /// Its grant, where it has one that was not swept.
    pub grant: Option<Grant>,
    /// The user who granted.
    pub user: Option<User>,
}

/// Adds a token.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, token: &OpaqueAccessToken) -> Result<(), StoreError> {
    let row = (
        tokens::hash.eq(token.hash.as_bytes().as_slice()),
        tokens::client_id.eq(token.client_id.as_str()),
        tokens::grant_id.eq(token.grant_id.as_ref().map(GrantId::as_str)),
        tokens::scopes.eq(token.scopes.to_string()),
        tokens::audience.eq(to_json(&token.audience, "an audience")?),
        tokens::issued_at.eq(token.issued_at.seconds()),
        tokens::expires_at.eq(token.expires_at.seconds()),
    );
    diesel::insert_into(tokens::table).values(row).execute(db)?;
    Ok(())
}

/// The token with this hash, its grant and its user, in one statement.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, hash: &TokenHash) -> Result<Option<Found>, StoreError> {
    let row: Option<(Row, Option<super::grants::Row>, Option<super::users::Row>)> = tokens::table
        .left_join(grants::table.on(grants::id.nullable().eq(tokens::grant_id)))
        .left_join(users::table.on(users::id.eq(grants::user_id)))
        .filter(tokens::hash.eq(hash.as_bytes().as_slice()))
        .select((tokens::all_columns, grants::all_columns.nullable(), users::all_columns.nullable()))
        .get_result(db)
        .optional()?;
    let Some((token, grant, user)) = row else { return Ok(None) };
    Ok(Some(Found {
        token: token.try_into()?,
        grant: grant.map(Grant::try_from).transpose()?,
        user: user.map(User::try_from).transpose()?,
    }))
}

/// Removes a token; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, hash: &TokenHash) -> Result<bool, StoreError> {
    Ok(diesel::delete(tokens::table.find(hash.as_bytes().as_slice())).execute(db)? == 1)
}
