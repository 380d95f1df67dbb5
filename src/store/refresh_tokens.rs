//! Refresh token families. Every change is one conditional update, so of two that race one touches no row, reads again
//! and decides again; a revoked family is never touched. A family is live only while its grant is: see `grants`.

use super::schema::refresh_token_families as families;
use super::{Db, StoreError, is_storable, time};
use crate::domain::id::{ClientId, FamilyId, GrantId, KeyId, UserId};
use crate::domain::refresh::{Position, RefreshTokenFamily, Rotation};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    id: String,
    grant_id: String,
    client_id: String,
    user_id: String,
    scopes: String,
    salt: Vec<u8>,
    key_id: String,
    rotates: bool,
    generation: i64,
    attempt: i64,
    previous_attempt: i64,
    rotated_at: i64,
    created_at: i64,
    last_used_at: i64,
    idle_expires_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<Row> for RefreshTokenFamily {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |_| StoreError::corrupt("refresh_token_families.scopes");
        Ok(Self {
            id: FamilyId::new(row.id),
            grant_id: GrantId::new(row.grant_id),
            client_id: ClientId::new(row.client_id),
            user_id: UserId::new(row.user_id),
            scopes: ScopeSet::parse(&row.scopes).map_err(corrupt)?,
            salt: row.salt.try_into().map_err(|_| StoreError::corrupt("refresh_token_families.salt"))?,
            key_id: KeyId::new(row.key_id),
            rotation: if row.rotates { Rotation::Rotated } else { Rotation::Kept },
            position: Position {
                generation: row.generation,
                attempt: row.attempt,
                previous_attempt: row.previous_attempt,
                rotated_at: time(row.rotated_at),
            },
            created_at: time(row.created_at),
            last_used_at: time(row.last_used_at),
            idle_expires_at: time(row.idle_expires_at),
            expires_at: time(row.expires_at),
            revoked_at: row.revoked_at.map(time),
        })
    }
}

/// Adds a family.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, family: &RefreshTokenFamily) -> Result<(), StoreError> {
    let row = (
        families::id.eq(family.id.as_str()),
        families::grant_id.eq(family.grant_id.as_str()),
        families::client_id.eq(family.client_id.as_str()),
        families::user_id.eq(family.user_id.as_str()),
        families::scopes.eq(family.scopes.to_string()),
        families::salt.eq(family.salt.as_slice()),
        families::key_id.eq(family.key_id.as_str()),
        families::rotates.eq(family.rotation == Rotation::Rotated),
        families::generation.eq(family.position.generation),
        families::attempt.eq(family.position.attempt),
        families::previous_attempt.eq(family.position.previous_attempt),
        families::rotated_at.eq(family.position.rotated_at.seconds()),
        families::created_at.eq(family.created_at.seconds()),
        families::last_used_at.eq(family.last_used_at.seconds()),
        families::idle_expires_at.eq(family.idle_expires_at.seconds()),
        families::expires_at.eq(family.expires_at.seconds()),
        families::revoked_at.eq(family.revoked_at.map(Timestamp::seconds)),
    );
    diesel::insert_into(families::table).values(row).execute(db)?;
    Ok(())
}

/// The family with this identifier, whatever its state.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, id: &FamilyId) -> Result<Option<RefreshTokenFamily>, StoreError> {
    if !is_storable(id.as_str()) {
        return Ok(None);
    }
    let row: Option<Row> = families::table.find(id.as_str()).get_result(db).optional()?;
    row.map(RefreshTokenFamily::try_from).transpose()
}

/// Moves a family from one position to the next; true for exactly one caller, and never for a revoked family.
///
/// # Errors
/// [`StoreError`].
pub fn advance(
    db: &mut Db,
    id: &FamilyId,
    from: Position,
    to: Position,
    now: Timestamp,
    idle_expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let standing_there = families::table
        .find(id.as_str())
        .filter(families::generation.eq(from.generation))
        .filter(families::attempt.eq(from.attempt))
        .filter(families::revoked_at.is_null());
    let columns = (
        families::generation.eq(to.generation),
        families::attempt.eq(to.attempt),
        families::previous_attempt.eq(to.previous_attempt),
        families::rotated_at.eq(to.rotated_at.seconds()),
        families::last_used_at.eq(now.seconds()),
        families::idle_expires_at.eq(idle_expires_at.seconds()),
    );
    Ok(diesel::update(standing_there).set(columns).execute(db)? == 1)
}

/// Notes a use that changes no token; whether the family is not revoked.
///
/// # Errors
/// [`StoreError`].
pub fn touch(db: &mut Db, id: &FamilyId, now: Timestamp, idle_expires_at: Timestamp) -> Result<bool, StoreError> {
    let live = families::table.find(id.as_str()).filter(families::revoked_at.is_null());
    let columns = (families::last_used_at.eq(now.seconds()), families::idle_expires_at.eq(idle_expires_at.seconds()));
    Ok(diesel::update(live).set(columns).execute(db)? == 1)
}

/// Revokes a family; whether it was not revoked before.
///
/// # Errors
/// [`StoreError`].
pub fn revoke(db: &mut Db, id: &FamilyId, now: Timestamp) -> Result<bool, StoreError> {
    let live = families::table.find(id.as_str()).filter(families::revoked_at.is_null());
    Ok(diesel::update(live).set(families::revoked_at.eq(now.seconds())).execute(db)? == 1)
}

/// How many families of a user are not revoked.
///
/// # Errors
/// [`StoreError`].
pub fn count_live(db: &mut Db, user: &UserId) -> Result<i64, StoreError> {
    let live = families::table.filter(families::user_id.eq(user.as_str())).filter(families::revoked_at.is_null());
    Ok(live.count().get_result(db)?)
}
