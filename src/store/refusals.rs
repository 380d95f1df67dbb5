//! Refusals, kept for the developers of clients.

use super::schema::refusals;
use super::{Db, StoreError, attempt, is_storable, time};
use crate::domain::id::{ClientId, Reference};
use crate::domain::refusal::RefusalRecord;
use diesel::prelude::*;

#[derive(Queryable)]
struct Row {
    reference: String,
    rule: String,
    client_id: Option<String>,
    sent: String,
    expected: String,
    request_id: String,
    endpoint: String,
    refused_at: i64,
    expires_at: i64,
}

impl From<Row> for RefusalRecord {
    fn from(row: Row) -> Self {
        Self {
            reference: Reference::new(row.reference),
            rule: row.rule,
            client_id: row.client_id.map(ClientId::new),
            sent: row.sent,
            expected: row.expected,
            request_id: row.request_id,
            endpoint: row.endpoint,
            refused_at: time(row.refused_at),
            expires_at: time(row.expires_at),
        }
    }
}

/// Adds refusals. One whose reference exists already is left out: references are random, and a refusal is worth less
/// than the others that are saved with it.
///
/// # Errors
/// [`StoreError`].
pub fn insert_many(db: &mut Db, records: &[RefusalRecord]) -> Result<(), StoreError> {
    for record in records {
        match attempt(db, |db| insert(db, record)) {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn insert(db: &mut Db, record: &RefusalRecord) -> Result<(), StoreError> {
    let row = (
        refusals::reference.eq(record.reference.as_str()),
        refusals::rule.eq(record.rule.as_str()),
        refusals::client_id.eq(record.client_id.as_ref().map(|id| without_nul(id.as_str()))),
        refusals::sent.eq(without_nul(&record.sent)),
        refusals::expected.eq(without_nul(&record.expected)),
        refusals::request_id.eq(record.request_id.as_str()),
        refusals::endpoint.eq(without_nul(&record.endpoint)),
        refusals::refused_at.eq(record.refused_at.seconds()),
        refusals::expires_at.eq(record.expires_at.seconds()),
    );
    diesel::insert_into(refusals::table).values(row).execute(db)?;
    Ok(())
}

/// What was sent is anything; PostgreSQL's text is anything but NUL.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The refusal with this reference.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, reference: &Reference) -> Result<Option<RefusalRecord>, StoreError> {
    if !is_storable(reference.as_str()) {
        return Ok(None);
    }
    let row: Option<Row> = refusals::table.find(reference.as_str()).get_result(db).optional()?;
    Ok(row.map(RefusalRecord::from))
}
