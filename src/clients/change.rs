//! Clients as they are made and changed, by document, by command, by the admin API and by themselves (RFC 7591) alike:
//! each function is one act with its audit event, to be called inside one transaction.

use super::metadata::changed_members;
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::store::{self, Db, StoreError};

/// Adds a client; false where its identifier is taken.
///
/// # Errors
/// [`StoreError`].
pub fn create(db: &mut Db, client: &Client, by: &By) -> Result<bool, StoreError> {
    if store::clients::find(db, &client.id)?.is_some() {
        return Ok(false);
    }
    save(db, None, client, by).map(|()| true)
}

/// Changes a client; the changed one, `None` where there is no such client.
///
/// # Errors
/// [`StoreError`].
pub fn change(db: &mut Db, id: &ClientId, by: &By, change: impl Fn(&mut Client)) -> Result<Option<Client>, StoreError> {
    let Some(before) = store::clients::find(db, id)? else { return Ok(None) };
    let mut after = before.clone();
    change(&mut after);
    save(db, Some(&before), &after, by)?;
    Ok(Some(after))
}

/// Removes a client, what it was given and what people have allowed it; whether there was one.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &mut Db, id: &ClientId, by: &By) -> Result<bool, StoreError> {
    // Where nobody has used it yet there is nothing to end, and no need to look through every grant for it.
    if !store::open_registrations::remove_unused(db, id)? {
        end_access(db, id, "the client was removed", by)?;
        store::consents::remove_of_client(db, id)?;
        store::open_registrations::remove(db, id)?;
    }
    if !store::clients::remove(db, id)? {
        return Ok(false);
    }
    store::audit::insert(db, &Event::new(EventKind::ClientRemoved, by).client(id))?;
    Ok(true)
}

/// Saves a client where it differs from what was stored before, with the event that says so. One that is newly disabled
/// loses what it was given, and does not get it back when it is enabled.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &mut Db, before: Option<&Client>, after: &Client, by: &By) -> Result<(), StoreError> {
    let event = match before {
        None => registered(after, Event::new(EventKind::ClientCreated, by)),
        Some(before) if before == after => return Ok(()),
        Some(before) => Event::new(EventKind::ClientChanged, by).with("fields", changed_fields(before, after)),
    };
    store::clients::save(db, after, by.at)?;
    store::audit::insert(db, &event.client(&after.id))?;
    let was_enabled = before.is_some_and(|before| before.disabled_at.is_none());
    if was_enabled && after.disabled_at.is_some() {
        end_access(db, &after.id, "the client was disabled", by)?;
    }
    Ok(())
}

/// Revokes everything that a client was given, and tells how much, where there was anything.
fn end_access(db: &mut Db, id: &ClientId, why: &str, by: &By) -> Result<(), StoreError> {
    let grants = store::grants::revoke_of_client(db, id, by.at)?;
    if grants == 0 {
        return Ok(());
    }
    let event = Event::new(EventKind::GrantRevoked, by).client(id).with("grants", grants).with("why", why);
    store::audit::insert(db, &event)
}

/// How a client that no operator made was registered.
fn registered(client: &Client, event: Event) -> Event {
    client.registration.iter().fold(event, |event, registration| event.with("registered_by", registration.by.as_str()))
}

/// The names, in documents, of what differs.
fn changed_fields(before: &Client, after: &Client) -> Vec<String> {
    let json = |client| serde_json::to_value(client).expect("a client is JSON: its keys are texts");
    changed_members(&json(before), &json(after))
}
