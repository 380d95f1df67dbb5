//! Grants. Whatever is issued from a grant is live only while the grant is: a family that was added while its grant was
//! being revoked is found dead by its grant, so whoever uses a family reads both.

use super::schema::{grants, refresh_token_families as families, revoked_tokens, users};
use super::{Db, StoreError, from_json, is_storable, time, to_json};
use crate::domain::claims_request::ClaimsRequest;
use crate::domain::grant::Grant;
use crate::domain::id::{ClientId, GrantId, Sid, UserId};
use crate::domain::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use diesel::prelude::*;

/// How many sessions one statement names.
const MOST_SESSIONS: usize = 500;

#[derive(Queryable)]
pub(super) struct Row {
    id: String,
    user_id: String,
    client_id: String,
    sid: String,
    scopes: String,
    resources: String,
    nonce: Option<String>,
    auth_time: i64,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    claims: Option<String>,
}

impl TryFrom<Row> for Grant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId::new(row.id),
            user_id: UserId::new(row.user_id),
            client_id: ClientId::new(row.client_id),
            sid: Sid::new(row.sid),
            scopes: ScopeSet::parse(&row.scopes).map_err(|_| StoreError::corrupt("grants.scopes"))?,
            resources: from_json(&row.resources, "grants.resources")?,
            nonce: row.nonce,
            auth_time: time(row.auth_time),
            created_at: time(row.created_at),
            expires_at: time(row.expires_at),
            revoked_at: row.revoked_at.map(time),
            claims: row
                .claims
                .map_or_else(|| Ok(ClaimsRequest::default()), |claims| from_json(&claims, "grants.claims"))?,
        })
    }
}

/// Adds a grant.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, grant: &Grant) -> Result<(), StoreError> {
    let claims = (!grant.claims.is_empty()).then(|| to_json(&grant.claims, "a grant's claims")).transpose()?;
    let row = (
        grants::id.eq(grant.id.as_str()),
        grants::user_id.eq(grant.user_id.as_str()),
        grants::client_id.eq(grant.client_id.as_str()),
        grants::sid.eq(grant.sid.as_str()),
        grants::scopes.eq(grant.scopes.to_string()),
        grants::resources.eq(to_json(&grant.resources, "a grant's resources")?),
        grants::nonce.eq(grant.nonce.as_deref()),
        grants::auth_time.eq(grant.auth_time.seconds()),
        grants::created_at.eq(grant.created_at.seconds()),
        grants::expires_at.eq(grant.expires_at.seconds()),
        grants::revoked_at.eq(grant.revoked_at.map(Timestamp::seconds)),
        grants::claims.eq(claims),
    );
    diesel::insert_into(grants::table).values(row).execute(db)?;
    Ok(())
}

/// The grant with this identifier, revoked or not.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, id: &GrantId) -> Result<Option<Grant>, StoreError> {
    if !is_storable(id.as_str()) {
        return Ok(None);
    }
    let row: Option<Row> = grants::table.find(id.as_str()).get_result(db).optional()?;
    row.map(Grant::try_from).transpose()
}

/// What a token stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The grant that it names, revoked or not.
    pub grant: Grant,
    /// Who granted, disabled or not.
    pub user: User,
    /// Whether the token itself was revoked.
    pub is_token_revoked: bool,
}

/// What a token of this grant stands on, and whether the access token with this hash of its `jti` was revoked: all in
/// one statement, because protected resources ask for it with each of their requests. `None` without such a grant.
///
/// # Errors
/// [`StoreError`].
pub fn find_standing(db: &mut Db, id: &GrantId, token: Option<&TokenHash>) -> Result<Option<Standing>, StoreError> {
    if !is_storable(id.as_str()) {
        return Ok(None);
    }
    let token = token.map_or(&[][..], |hash| hash.as_bytes().as_slice());
    let row: Option<(Row, super::users::Row, Option<i64>)> = grants::table
        .inner_join(users::table.on(users::id.eq(grants::user_id)))
        .left_join(revoked_tokens::table.on(revoked_tokens::hash.eq(token)))
        .filter(grants::id.eq(id.as_str()))
        .select((grants::all_columns, users::all_columns, revoked_tokens::expires_at.nullable()))
        .get_result(db)
        .optional()?;
    let Some((grant, user, revoked)) = row else { return Ok(None) };
    Ok(Some(Standing { grant: grant.try_into()?, user: user.try_into()?, is_token_revoked: revoked.is_some() }))
}

/// Revokes a grant and its refresh token families; whether it was live.
///
/// # Errors
/// [`StoreError`].
pub fn revoke(db: &mut Db, id: &GrantId, now: Timestamp) -> Result<bool, StoreError> {
    let live = grants::table.find(id.as_str()).filter(grants::revoked_at.is_null());
    let was_live = diesel::update(live).set(grants::revoked_at.eq(now.seconds())).execute(db)? == 1;
    let of_it = families::table.filter(families::grant_id.eq(id.as_str())).filter(families::revoked_at.is_null());
    diesel::update(of_it).set(families::revoked_at.eq(now.seconds())).execute(db)?;
    Ok(was_live)
}

/// Revokes the live grants of a user and their families, but those of one session; how many grants.
///
/// # Errors
/// [`StoreError`].
pub fn revoke_of_user(db: &mut Db, user: &UserId, except: Option<&Sid>, now: Timestamp) -> Result<u64, StoreError> {
    let live = grants::table.filter(grants::user_id.eq(user.as_str())).filter(grants::revoked_at.is_null());
    let ids: Vec<String> = match except {
        None => live.select(grants::id).order(grants::id).load(db)?,
        Some(sid) => live.filter(grants::sid.ne(sid.as_str())).select(grants::id).order(grants::id).load(db)?,
    };
    revoke_all(db, ids, now)
}

/// Revokes the live grants that a user gave in these sessions, and their families; how many grants. To be called after
/// the sessions are removed: whoever adds a grant holds its session, so none is added any more.
///
/// # Errors
/// [`StoreError`].
pub fn revoke_of_sessions(db: &mut Db, user: &UserId, sids: &[Sid], now: Timestamp) -> Result<u64, StoreError> {
    revoke_among(db, (user, sids), |_| true, now)
}

/// The same for those grants alone that end with their session: the ones without `offline_access`.
///
/// # Errors
/// [`StoreError`].
pub fn revoke_bound_to_sessions(db: &mut Db, user: &UserId, sids: &[Sid], now: Timestamp) -> Result<u64, StoreError> {
    let is_bound = |scopes: &str| scopes.split(' ').all(|scope| scope != OFFLINE_ACCESS);
    revoke_among(db, (user, sids), is_bound, now)
}

fn revoke_among(
    db: &mut Db,
    (user, sids): (&UserId, &[Sid]),
    by_scopes: impl Fn(&str) -> bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut revoked = 0;
    for some in sids.chunks(MOST_SESSIONS) {
        let live = grants::table
            .filter(grants::user_id.eq(user.as_str()))
            .filter(grants::sid.eq_any(some.iter().map(Sid::as_str)))
            .filter(grants::revoked_at.is_null());
        let found: Vec<(String, String)> = live.select((grants::id, grants::scopes)).order(grants::id).load(db)?;
        let ids = found.into_iter().filter(|(_, scopes)| by_scopes(scopes)).map(|(id, _)| id).collect();
        revoked += revoke_all(db, ids, now)?;
    }
    Ok(revoked)
}

/// The clients that hold a live grant given in one session, at most a hundred.
///
/// # Errors
/// [`StoreError`].
pub fn clients_of_session(db: &mut Db, user: &UserId, sid: &Sid, now: Timestamp) -> Result<Vec<ClientId>, StoreError> {
    let live = grants::table
        .filter(grants::user_id.eq(user.as_str()))
        .filter(grants::sid.eq(sid.as_str()))
        .filter(grants::revoked_at.is_null())
        .filter(grants::expires_at.gt(now.seconds()));
    let ids: Vec<String> = live.select(grants::client_id).distinct().order(grants::client_id).limit(100).load(db)?;
    Ok(ids.into_iter().map(ClientId::new).collect())
}

fn revoke_all(db: &mut Db, ids: Vec<String>, now: Timestamp) -> Result<u64, StoreError> {
    let mut revoked = 0;
    for id in ids {
        revoked += u64::from(revoke(db, &GrantId::new(id), now)?);
    }
    Ok(revoked)
}

/// Revokes the live grants that a client was given, and their families; how many grants. It looks at every grant: an
/// operator's order, not a request's.
///
/// # Errors
/// [`StoreError`].
pub fn revoke_of_client(db: &mut Db, client: &ClientId, now: Timestamp) -> Result<u64, StoreError> {
    let live = grants::table.filter(grants::client_id.eq(client.as_str())).filter(grants::revoked_at.is_null());
    let revoked = diesel::update(live).set(grants::revoked_at.eq(now.seconds())).execute(db)?;
    let of_it = families::table.filter(families::client_id.eq(client.as_str())).filter(families::revoked_at.is_null());
    diesel::update(of_it).set(families::revoked_at.eq(now.seconds())).execute(db)?;
    Ok(revoked as u64)
}

/// Moves the end of a grant, because something issued from it lives longer; whether there is such a grant.
///
/// # Errors
/// [`StoreError`].
pub fn extend(db: &mut Db, id: &GrantId, expires_at: Timestamp) -> Result<bool, StoreError> {
    let column = grants::expires_at.eq(expires_at.seconds());
    Ok(diesel::update(grants::table.find(id.as_str())).set(column).execute(db)? == 1)
}
