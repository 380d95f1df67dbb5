//! Audit events, append-only: they are added and read here, and removed by the sweeper alone. The database numbers them.

use super::schema::audit_events as events;
use super::{Db, StoreError, from_json, is_storable, time, to_json};
use crate::domain::audit::{Actor, By, Event, EventKind, Filter, StoredEvent};
use crate::domain::id::{ClientId, Reference, UserId};
use diesel::prelude::*;

/// The most events of one page.
pub const LARGEST_PAGE: i64 = 1000;

#[derive(Queryable)]
struct Row {
    id: i64,
    occurred_at: i64,
    kind: String,
    actor_kind: String,
    actor: Option<String>,
    client_id: Option<String>,
    user_id: Option<String>,
    request_id: Option<String>,
    reference: Option<String>,
    source: Option<String>,
    detail: String,
}

impl TryFrom<Row> for StoredEvent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let actor = Actor::from_parts(&row.actor_kind, row.actor);
        let source = row.source.map(|text| text.parse().map_err(|_| StoreError::corrupt("audit_events.source")));
        let by = By {
            actor: actor.ok_or_else(|| StoreError::corrupt("audit_events.actor"))?,
            at: time(row.occurred_at),
            request_id: row.request_id,
            source: source.transpose()?,
        };
        let event = Event {
            kind: EventKind::parse(&row.kind).ok_or_else(|| StoreError::corrupt("audit_events.kind"))?,
            by,
            client_id: row.client_id.map(ClientId::new),
            user_id: row.user_id.map(UserId::new),
            reference: row.reference.map(Reference::new),
            detail: from_json(&row.detail, "audit_events.detail")?,
        };
        Ok(Self { id: row.id, event })
    }
}

/// Adds an event, in the transaction of the act that it tells of.
///
/// # Errors
/// [`StoreError`].
pub fn insert(db: &mut Db, event: &Event) -> Result<(), StoreError> {
    let by = &event.by;
    let row = (
        events::occurred_at.eq(by.at.seconds()),
        events::kind.eq(event.kind.as_str()),
        events::actor_kind.eq(by.actor.kind()),
        events::actor.eq(by.actor.name()),
        events::client_id.eq(event.client_id.as_ref().map(ClientId::as_str).filter(|id| is_storable(id))),
        events::user_id.eq(event.user_id.as_ref().map(UserId::as_str)),
        events::request_id.eq(by.request_id.as_deref()),
        events::reference.eq(event.reference.as_ref().map(Reference::as_str)),
        events::source.eq(by.source.map(|source| source.to_string())),
        events::detail.eq(to_json(&event.detail, "an event's detail")?),
    );
    diesel::insert_into(events::table).values(row).execute(db)?;
    Ok(())
}

/// Adds several events.
///
/// # Errors
/// [`StoreError`].
pub fn insert_all<'a>(db: &mut Db, events: impl IntoIterator<Item = &'a Event>) -> Result<(), StoreError> {
    events.into_iter().try_for_each(|event| insert(db, event))
}

/// The newest events that `filter` asks for, at most `limit` (1 to [`LARGEST_PAGE`]), newest first.
///
/// # Errors
/// [`StoreError`].
pub fn list(db: &mut Db, filter: &Filter, limit: i64) -> Result<Vec<StoredEvent>, StoreError> {
    let asked = [filter.actor.as_deref(), filter.reference.as_deref()];
    let ids = [filter.client_id.as_ref().map(ClientId::as_str), filter.user_id.as_ref().map(UserId::as_str)];
    if !asked.into_iter().chain(ids).flatten().all(is_storable) {
        return Ok(Vec::new());
    }
    let mut query = events::table.into_boxed::<<Db as diesel::Connection>::Backend>();
    if let Some(since) = filter.since {
        query = query.filter(events::occurred_at.ge(since.seconds()));
    }
    if let Some(until) = filter.until {
        query = query.filter(events::occurred_at.lt(until.seconds()));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(events::kind.eq(kind.as_str()));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(events::actor.eq(actor.as_str()).or(events::actor_kind.eq(actor.as_str()).nullable()));
    }
    if let Some(client) = &filter.client_id {
        query = query.filter(events::client_id.eq(client.as_str()));
    }
    if let Some(user) = &filter.user_id {
        query = query.filter(events::user_id.eq(user.as_str()));
    }
    if let Some(reference) = &filter.reference {
        let reference = reference.as_str();
        query = query.filter(events::reference.eq(reference).or(events::request_id.eq(reference)));
    }
    if let Some(before) = filter.before {
        let earlier = events::occurred_at.lt(before.at.seconds());
        let same_second = events::occurred_at.eq(before.at.seconds()).and(events::id.lt(before.id));
        query = query.filter(earlier.or(same_second));
    }
    let newest_first = (events::occurred_at.desc(), events::id.desc());
    let rows: Vec<Row> = query.order(newest_first).limit(limit.clamp(1, LARGEST_PAGE)).load(db)?;
    rows.into_iter().map(StoredEvent::try_from).collect()
}
