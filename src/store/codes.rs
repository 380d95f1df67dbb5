//! Authorization codes, by their hash. A redeemed code stays as long as its grant may live, so that a second use,
//! however late, still revokes what the first one gave (RFC 6749 §4.1.2). There is no reference to clients: a client
//! may be known without a row.

use super::schema::authorization_codes as codes;
use super::{Db, StoreError, hash_from, time};
use crate::domain::code::AuthorizationCode;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::pkce::{CodeChallenge, CodeChallengeMethod};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    hash: Vec<u8>,
    grant_id: String,
    client_id: String,
    redirect_uri: String,
    redirect_uri_was_sent: bool,
    challenge: Option<String>,
    challenge_method: Option<String>,
    issued_at: i64,
    expires_at: i64,
    redeemed_at: Option<i64>,
    _sweep_at: i64,
}

impl TryFrom<Row> for AuthorizationCode {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            hash: hash_from(&row.hash, "authorization_codes.hash")?,
            grant_id: GrantId::new(row.grant_id),
            client_id: ClientId::new(row.client_id),
            redirect_uri: row.redirect_uri,
            redirect_uri_was_sent: row.redirect_uri_was_sent,
            challenge: challenge(row.challenge, row.challenge_method.as_deref())?,
            issued_at: time(row.issued_at),
            expires_at: time(row.expires_at),
            redeemed_at: row.redeemed_at.map(time),
        })
    }
}

fn challenge(value: Option<String>, method: Option<&str>) -> Result<Option<CodeChallenge>, StoreError> {
    let corrupt = || StoreError::corrupt("authorization_codes.challenge");
    match (value, method) {
        (None, None) => Ok(None),
        (Some(value), Some(method)) => {
            let method = CodeChallengeMethod::parse(method).ok_or_else(corrupt)?;
            Ok(Some(CodeChallenge::from_stored(value, method)))
        }
        _ => Err(corrupt()),
    }
}

/// Adds a code that is kept until `sweep_at`: when the last thing that may be issued from its grant will have ended.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, code: &AuthorizationCode, sweep_at: Timestamp) -> Result<(), StoreError> {
    let row = (
        codes::hash.eq(code.hash.as_bytes().as_slice()),
        codes::grant_id.eq(code.grant_id.as_str()),
        codes::client_id.eq(code.client_id.as_str()),
        codes::redirect_uri.eq(code.redirect_uri.as_str()),
        codes::redirect_uri_was_sent.eq(code.redirect_uri_was_sent),
        codes::challenge.eq(code.challenge.as_ref().map(CodeChallenge::value)),
        codes::challenge_method.eq(code.challenge.as_ref().map(|challenge| challenge.method().as_str())),
        codes::issued_at.eq(code.issued_at.seconds()),
        codes::expires_at.eq(code.expires_at.seconds()),
        codes::redeemed_at.eq(code.redeemed_at.map(Timestamp::seconds)),
        codes::sweep_at.eq(sweep_at.seconds()),
    );
    diesel::insert_into(codes::table).values(row).execute(db)?;
    Ok(())
}

/// The code with this hash, redeemed, expired or neither.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, hash: &TokenHash) -> Result<Option<AuthorizationCode>, StoreError> {
    let row: Option<Row> = codes::table.find(hash.as_bytes().as_slice()).get_result(db).optional()?;
    row.map(AuthorizationCode::try_from).transpose()
}

/// Redeems or burns a code; true for exactly one caller, on any number of nodes.
///
/// # Errors
/// [`StoreError`].
pub fn redeem(db: &mut Db, hash: &TokenHash, now: Timestamp) -> Result<bool, StoreError> {
    let unused = codes::table.find(hash.as_bytes().as_slice()).filter(codes::redeemed_at.is_null());
    Ok(diesel::update(unused).set(codes::redeemed_at.eq(now.seconds())).execute(db)? == 1)
}
