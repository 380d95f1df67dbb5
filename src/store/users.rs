//! Accounts.

use super::schema::users;
use super::{Db, StoreError, from_json, is_storable, time, to_json};
use crate::domain::id::UserId;
use crate::domain::time::Timestamp;
use crate::domain::user::{Email, LoginName, User, Username};
use diesel::prelude::*;
use serde_json::{Map, Value};

/// Races for the claims of one account end: each loser sees them changed.
const MOST_ROUNDS: usize = 8;

/// All columns but the password hash; on update, `None` writes NULL.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
struct Profile<'a> {
    username: &'a str,
    username_key: &'a str,
    username_skeleton: &'a str,
    email: &'a str,
    email_key: &'a str,
    email_verified: bool,
    claims: String,
    roles: String,
    disabled_at: Option<i64>,
    updated_at: i64,
}

impl<'a> Profile<'a> {
    fn of(user: &'a User) -> Result<Self, StoreError> {
        Ok(Self {
            username: user.username.as_str(),
            username_key: user.username.key(),
            username_skeleton: user.username.skeleton(),
            email: user.email.as_str(),
            email_key: user.email.key(),
            email_verified: user.email_verified,
            claims: to_json(&user.claims, "a user's claims")?,
            roles: to_json(&user.roles, "a user's roles")?,
            disabled_at: user.disabled_at.map(Timestamp::seconds),
            updated_at: user.updated_at.seconds(),
        })
    }
}

#[derive(Queryable)]
pub(super) struct Row {
    id: String,
    username: String,
    username_key: String,
    username_skeleton: String,
    email: String,
    email_key: String,
    email_verified: bool,
    password_hash: Option<String>,
    claims: String,
    roles: String,
    disabled_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for User {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::new(row.id),
            username: Username::from_stored(row.username, row.username_key, row.username_skeleton),
            email: Email::from_stored(row.email, row.email_key),
            email_verified: row.email_verified,
            password_hash: row.password_hash,
            claims: from_json(&row.claims, "users.claims")?,
            roles: from_json(&row.roles, "users.roles")?,
            disabled_at: row.disabled_at.map(time),
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
        })
    }
}

/// Adds an account.
///
/// # Errors
/// [`StoreError::Conflict`] when its user name, one that looks like it, or its address is taken.
pub fn insert(db: &mut Db, user: &User) -> Result<(), StoreError> {
    let row = (
        users::id.eq(user.id.as_str()),
        users::password_hash.eq(user.password_hash.as_deref()),
        users::created_at.eq(user.created_at.seconds()),
        Profile::of(user)?,
    );
    diesel::insert_into(users::table).values(row).execute(db)?;
    Ok(())
}

/// The account with this subject.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, id: &UserId) -> Result<Option<User>, StoreError> {
    if !is_storable(id.as_str()) {
        return Ok(None);
    }
    let row: Option<Row> = users::table.find(id.as_str()).get_result(db).optional()?;
    row.map(User::try_from).transpose()
}

/// The account that is meant by what a person typed.
///
/// # Errors
/// [`StoreError`].
pub fn find_by_login(db: &mut Db, login: &LoginName) -> Result<Option<User>, StoreError> {
    let (LoginName::Username(key) | LoginName::Email(key)) = login;
    if !is_storable(key) {
        return Ok(None);
    }
    let row: Option<Row> = match login {
        LoginName::Username(key) => users::table.filter(users::username_key.eq(key)).get_result(db).optional()?,
        LoginName::Email(key) => users::table.filter(users::email_key.eq(key)).get_result(db).optional()?,
    };
    row.map(User::try_from).transpose()
}

/// Writes all columns but the password hash and the date of making; whether there is such an account.
///
/// # Errors
/// [`StoreError::Conflict`] when its new name or address is taken.
pub fn update(db: &mut Db, user: &User) -> Result<bool, StoreError> {
    Ok(diesel::update(users::table.find(user.id.as_str())).set(Profile::of(user)?).execute(db)? == 1)
}

/// Changes the claims of an account; whether there is such an account. Who loses a race changes what the winner wrote.
///
/// # Errors
/// [`StoreError::Unavailable`] when others kept changing them.
pub fn change_claims(
    db: &mut Db,
    id: &UserId,
    now: Timestamp,
    change: impl Fn(&mut Map<String, Value>),
) -> Result<bool, StoreError> {
    for _ in 0..MOST_ROUNDS {
        let stored: Option<String> = users::table.find(id.as_str()).select(users::claims).get_result(db).optional()?;
        let Some(before) = stored else { return Ok(false) };
        let mut claims: Map<String, Value> = from_json(&before, "users.claims")?;
        change(&mut claims);
        let columns = (users::claims.eq(to_json(&claims, "a user's claims")?), users::updated_at.eq(now.seconds()));
        let unchanged = users::table.find(id.as_str()).filter(users::claims.eq(&before));
        if diesel::update(unchanged).set(columns).execute(db)? == 1 {
            return Ok(true);
        }
    }
    Err(StoreError::Unavailable("the claims of an account kept changing".to_owned()))
}

/// Writes an address that nobody has proven yet; whether there is such an account.
///
/// # Errors
/// [`StoreError::Conflict`] when it is another account's.
pub fn set_email(db: &mut Db, id: &UserId, email: &Email, now: Timestamp) -> Result<bool, StoreError> {
    let columns = (
        users::email.eq(email.as_str()),
        users::email_key.eq(email.key()),
        users::email_verified.eq(false),
        users::updated_at.eq(now.seconds()),
    );
    Ok(diesel::update(users::table.find(id.as_str())).set(columns).execute(db)? == 1)
}

/// Writes the password hash; whether there is such an account.
///
/// # Errors
/// [`StoreError`].
pub fn set_password_hash(db: &mut Db, id: &UserId, hash: &str, now: Timestamp) -> Result<bool, StoreError> {
    let columns = (users::password_hash.eq(hash), users::updated_at.eq(now.seconds()));
    Ok(diesel::update(users::table.find(id.as_str())).set(columns).execute(db)? == 1)
}

/// Replaces a password hash by another one of the same password, if it still is the one that was read; whether it was.
/// Nothing about the account changes by that.
///
/// # Errors
/// [`StoreError`].
pub fn upgrade_password_hash(db: &mut Db, id: &UserId, from: &str, to: &str) -> Result<bool, StoreError> {
    // MySQL compares this column without regard to spaces at the end, so the value itself is looked at as well.
    let stored: Option<Option<String>> =
        users::table.find(id.as_str()).select(users::password_hash).get_result(db).optional()?;
    if stored.flatten().as_deref() != Some(from) {
        return Ok(false);
    }
    let known = users::table.find(id.as_str()).filter(users::password_hash.eq(from));
    Ok(diesel::update(known).set(users::password_hash.eq(to)).execute(db)? == 1)
}

/// At most `limit` accounts by subject, those after `after`.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db, after: Option<&UserId>, limit: i64) -> Result<Vec<User>, StoreError> {
    let after = after.map_or("", UserId::as_str);
    if !is_storable(after) {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> =
        users::table.filter(users::id.gt(after)).order(users::id).limit(limit.clamp(0, 10_000)).load(db)?;
    rows.into_iter().map(User::try_from).collect()
}

/// Removes an account; whether there was one. What hangs on it (sessions, grants, consents) is the caller's to end in
/// the same transaction.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, id: &UserId) -> Result<bool, StoreError> {
    Ok(diesel::delete(users::table.find(id.as_str())).execute(db)? == 1)
}
