//! Registered clients, each a document.

use super::schema::clients;
use super::{Db, StoreError, from_json, is_storable, save as save_row, to_json};
use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sql_types::Text;

/// How a secret that is sealed stands in a document.
const SEALED: &str = "\"sealed\":";

#[diesel::declare_sql_function]
extern "SQL" {
    /// `text` with `to` wherever `from` stood in it, byte for byte on every database.
    fn replace(text: Text, from: Text, to: Text) -> Text;
}

/// The client with this identifier, byte for byte.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &mut Db, id: &ClientId) -> Result<Option<Client>, StoreError> {
    if !is_storable(id.as_str()) {
        return Ok(None);
    }
    let document: Option<String> =
        clients::table.find(id.as_str()).select(clients::document).get_result(db).optional()?;
    document.map(|document| from_json(&document, "clients.document")).transpose()
}

/// Saves a client, new or known.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, client: &Client, now: Timestamp) -> Result<(), StoreError> {
    let document = to_json(client, "a client")?;
    let id = client.id.as_str();
    save_row(
        db,
        |db| {
            let columns = (clients::document.eq(&document), clients::updated_at.eq(now.seconds()));
            Ok(diesel::update(clients::table.find(id)).set(columns).execute(db)?)
        },
        |db| {
            let row = (clients::id.eq(id), clients::document.eq(&document), clients::updated_at.eq(now.seconds()));
            Ok(diesel::insert_into(clients::table).values(row).execute(db)?)
        },
    )
}

/// Removes a client; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, id: &ClientId) -> Result<bool, StoreError> {
    Ok(diesel::delete(clients::table.find(id.as_str())).execute(db)? == 1)
}

/// At most `limit` clients by identifier, those after `after`.
///
/// # Errors
/// [`StoreError`].
pub fn page(db: &mut Db, after: Option<&ClientId>, limit: i64) -> Result<Vec<Client>, StoreError> {
    let after = after.map_or("", ClientId::as_str);
    if !is_storable(after) {
        return Ok(Vec::new());
    }
    let documents: Vec<String> = clients::table
        .filter(clients::id.gt(after))
        .order(clients::id)
        .limit(limit.clamp(0, 10_000))
        .select(clients::document)
        .load(db)?;
    documents.iter().map(|document| from_json(document, "clients.document")).collect()
}

/// At most `limit` clients by identifier, those after `after`, that may have a sealed secret: the word stands in their
/// documents.
///
/// # Errors
/// [`StoreError`].
pub fn page_sealed(db: &mut Db, after: Option<&ClientId>, limit: i64) -> Result<Vec<Client>, StoreError> {
    let documents: Vec<String> = clients::table
        .filter(clients::id.gt(after.map_or("", ClientId::as_str)))
        .filter(replace(clients::document, SEALED, "").ne(clients::document))
        .order(clients::id)
        .limit(limit.clamp(0, 10_000))
        .select(clients::document)
        .load(db)?;
    documents.iter().map(|document| from_json(document, "clients.document")).collect()
}

/// Replaces the sealed form of a client's secret, when the master key changes; whether the client had it. In one
/// statement, so nothing else that is changed of the client at the same time is lost. When it was saved stays: nobody
/// who follows changes has to look at it.
///
/// # Errors
/// [`StoreError`].
pub fn reseal(db: &mut Db, id: &ClientId, from: &str, to: &str) -> Result<bool, StoreError> {
    let resealed = replace(clients::document, from, to);
    let having_it = clients::table.find(id.as_str()).filter(resealed.ne(clients::document));
    Ok(diesel::update(having_it).set(clients::document.eq(resealed)).execute(db)? == 1)
}

/// At most `limit` clients that were saved at a time or later, in the order of that: those after this place, a time and
/// the identifier that came last at it. With each, when it was saved.
///
/// # Errors
/// [`StoreError`].
pub fn changed(
    db: &mut Db,
    (since, after): (Timestamp, &ClientId),
    limit: i64,
) -> Result<Vec<(Client, Timestamp)>, StoreError> {
    let is_later = clients::updated_at.gt(since.seconds());
    let is_next = clients::updated_at.eq(since.seconds()).and(clients::id.gt(after.as_str()));
    let rows: Vec<(String, i64)> = clients::table
        .filter(clients::updated_at.ge(since.seconds()))
        .filter(is_later.or(is_next))
        .order((clients::updated_at, clients::id))
        .limit(limit.clamp(0, 10_000))
        .select((clients::document, clients::updated_at))
        .load(db)?;
    let read =
        |(document, at): (String, i64)| Ok((from_json(&document, "clients.document")?, Timestamp::from_seconds(at)));
    rows.into_iter().map(read).collect()
}

/// Every client, by identifier.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db) -> Result<Vec<Client>, StoreError> {
    let documents: Vec<String> = clients::table.order(clients::id).select(clients::document).load(db)?;
    documents.iter().map(|document| from_json(document, "clients.document")).collect()
}
