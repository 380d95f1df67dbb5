//! What all clients say together: the web origins of their pages, and until when exceptions let some client use what is
//! offered to nobody else.
//!
//! Read whole once, and afterwards only what has changed since, so a question costs the same however many clients there
//! are. A client that a command or another node has removed stays until the next whole reading, which a job makes.

use crate::clock::{Clock, Stopwatch};
use crate::domain::client::Client;
use crate::domain::exception::Allowance;
use crate::domain::id::ClientId;
use crate::domain::time::{Lifetime, Timestamp};
use crate::store::{self, Db, Store, StoreError};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::Mutex;

/// Clients of one read.
const PAGE: i64 = 1000;
/// How much of what was read already is read again: clocks of nodes differ, and a change is seen when its transaction
/// ends.
const OVERLAP: Lifetime = Lifetime::minutes(1);

/// The overview of a store's clients, kept current. Clones share it.
#[derive(Clone)]
pub(super) struct Overviews {
    store: Store,
    clock: Clock,
    state: Arc<RwLock<State>>,
    /// One reading at a time.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct State {
    overview: Option<Overview>,
    /// When it was brought up to date, and until which time of the clock changes are in it.
    read: Option<(Stopwatch, Timestamp)>,
    /// Clients that this node has changed since.
    touched: HashSet<ClientId>,
}

impl State {
    fn is_current(&self) -> bool {
        self.touched.is_empty() && self.read.is_some_and(|(since, _)| since.elapsed() < super::KEPT_FOR)
    }
}

impl Overviews {
    /// Of the clients in `store`; nothing is read yet.
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, state: Arc::default(), turn: Arc::default() }
    }

    /// Asks the overview, at most two seconds old; what this node has changed is in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn ask<T>(&self, question: impl Fn(&Overview) -> T) -> Result<T, StoreError> {
        if let Some(answer) = self.current(&question) {
            return Ok(answer);
        }
        let turn = self.turn.lock().await;
        if let Some(answer) = self.current(&question) {
            return Ok(answer);
        }
        self.refresh().await?;
        drop(turn);
        Ok(question(self.reading().overview.as_ref().unwrap_or(&Overview::default())))
    }

    /// This node has changed a client, or removed it.
    pub(super) fn touch(&self, id: &ClientId) {
        self.writing().touched.insert(id.clone());
    }

    /// Reads everything anew, where something was asked before; questions are answered meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn reread(&self) -> Result<(), StoreError> {
        if self.reading().overview.is_none() {
            return Ok(());
        }
        let (since, now) = (Stopwatch::start(), self.clock.now());
        let whole = self.read_whole().await?;
        let _turn = self.turn.lock().await;
        let mut state = self.writing();
        state.overview = Some(whole);
        // What has changed since the reading began is read with the next question.
        state.read = Some((since, now));
        Ok(())
    }

    fn current<T>(&self, question: impl Fn(&Overview) -> T) -> Option<T> {
        let state = self.reading();
        state.overview.as_ref().filter(|_| state.is_current()).map(question)
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let (now, since) = (self.clock.now(), Stopwatch::start());
        let (touched, before) = {
            let state = self.reading();
            (state.touched.clone(), state.read.map(|(_, until)| until))
        };
        let Some(before) = before else {
            let whole = self.read_whole().await?;
            let mut state = self.writing();
            state.overview = Some(whole);
            state.read = Some((since, now));
            state.touched.retain(|id| !touched.contains(id));
            return Ok(());
        };
        let ids: Vec<ClientId> = touched.iter().cloned().collect();
        let find = move |db: &mut Db| {
            let found = ids.iter().map(|id| store::clients::find(db, id).map(|client| (id.clone(), client)));
            found.collect::<Result<Vec<_>, _>>()
        };
        let own = if touched.is_empty() { Vec::new() } else { self.store.read(find).await? };
        let mut changed = Vec::new();
        let mut place = (before.minus(OVERLAP), ClientId::new(""));
        loop {
            let after = place.clone();
            let page = self.store.read(move |db| store::clients::changed(db, (after.0, &after.1), PAGE)).await?;
            let is_last = (page.len() as i64) < PAGE;
            if let Some((client, at)) = page.last() {
                place = (*at, client.id.clone());
            }
            changed.extend(page.into_iter().map(|(client, _)| client));
            if is_last {
                break;
            }
        }
        let mut state = self.writing();
        state.touched.retain(|id| !touched.contains(id));
        state.read = Some((since, now));
        let overview = state.overview.get_or_insert_default();
        for client in &changed {
            overview.put(client);
        }
        // These were read first: where one has changed again since, that was read too.
        for (id, client) in own.into_iter().filter(|(id, _)| !changed.iter().any(|known| known.id == *id)) {
            match client {
                Some(client) => overview.put(&client),
                None => overview.remove(&id),
            }
        }
        Ok(())
    }

    async fn read_whole(&self) -> Result<Overview, StoreError> {
        let mut overview = Overview::default();
        let mut after: Option<ClientId> = None;
        loop {
            let place = after.clone();
            let page = self.store.read(move |db| store::clients::page(db, place.as_ref(), PAGE)).await?;
            page.iter().for_each(|client| overview.put(client));
            match page.last() {
                Some(last) if page.len() as i64 == PAGE => after = Some(last.id.clone()),
                _ => return Ok(overview),
            }
        }
    }

    fn reading(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    origins: Vec<String>,
    exceptions: Vec<(Allowance, Timestamp)>,
}

/// What the clients say that are in use.
#[derive(Debug, Default)]
pub(super) struct Overview {
    clients: HashMap<ClientId, Said>,
    /// How many clients name each origin.
    origins: HashMap<String, usize>,
    /// The clients that hold an exception.
    excepted: Vec<ClientId>,
}

impl Overview {
    /// A client as it is now, new or known; one that is disabled says nothing.
    pub(super) fn put(&mut self, client: &Client) {
        self.remove(&client.id);
        if client.disabled_at.is_some() {
            return;
        }
        let mut origins: Vec<String> = client.origins().collect();
        origins.sort_unstable();
        origins.dedup();
        let exceptions: Vec<_> = client.exceptions.iter().map(|said| (said.allow, said.until)).collect();
        if origins.is_empty() && exceptions.is_empty() {
            return;
        }
        for origin in &origins {
            *self.origins.entry(origin.clone()).or_default() += 1;
        }
        if !exceptions.is_empty() {
            self.excepted.push(client.id.clone());
        }
        self.clients.insert(client.id.clone(), Said { origins, exceptions });
    }

    /// A client that is there no more.
    pub(super) fn remove(&mut self, id: &ClientId) {
        let Some(said) = self.clients.remove(id) else { return };
        for origin in said.origins {
            if let Some(clients) = self.origins.get_mut(&origin) {
                *clients -= 1;
                if *clients == 0 {
                    self.origins.remove(&origin);
                }
            }
        }
        if !said.exceptions.is_empty() {
            self.excepted.retain(|known| known != id);
        }
    }

    /// Whether a page of this origin belongs to some client.
    pub(super) fn knows_origin(&self, origin: &str) -> bool {
        self.origins.contains_key(origin)
    }

    /// Until when some client holds this exception.
    pub(super) fn until(&self, allowance: Allowance) -> Option<Timestamp> {
        let said = self.excepted.iter().filter_map(|id| self.clients.get(id)).flat_map(|said| &said.exceptions);
        said.filter(|(allow, _)| *allow == allowance).map(|(_, until)| *until).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::clients::metadata::{self, Rules};
    use crate::settings::Settings;
    use serde_json::{Value, json};

    fn client(id: &str, redirect_uris: &[&str], exceptions: &[(&str, &str)]) -> Client {
        let exception =
            |(allow, until): &(&str, &str)| json!({ "allow": allow, "reason": "r", "owner": "o", "until": until });
        let said = json!({
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": redirect_uris,
            "exceptions": exceptions.iter().map(exception).collect::<Vec<Value>>(),
        });
        let rules = Rules::of_operator(&Settings::defaults());
        metadata::read(ClientId::new(id), said.as_object().unwrap(), &rules).unwrap().client
    }

    #[test]
    fn what_clients_say_is_counted_once_each_and_forgotten_with_them() {
        let mut overview = Overview::default();
        let (a, b) = ("https://a.example", "https://b.example");
        let (at_a, at_b) = ("https://a.example/cb", "https://b.example/cb");
        let until = |day| Some(metadata::parse_until(day).unwrap());
        let exceptions = [("hybrid", "2027-01-01"), ("no_pkce", "2027-09-01")];
        overview.put(&client("one", &[at_a, "https://a.example/other", at_b], &exceptions));
        overview.put(&client("two", &[at_a], &[("hybrid", "2027-03-01")]));
        overview.put(&client("two", &[at_a], &[("hybrid", "2027-02-01")]));
        overview.put(&client("three", &["com.example.app:/cb"], &[]));
        assert!(overview.knows_origin(a) && overview.knows_origin(b) && !overview.knows_origin("https://c.example"));
        assert_eq!(overview.until(Allowance::Hybrid), until("2027-02-01"));
        assert_eq!(overview.until(Allowance::Implicit), None);
        overview.remove(&ClientId::new("two"));
        assert!(overview.knows_origin(a), "the first client still names it");
        assert_eq!(overview.until(Allowance::Hybrid), until("2027-01-01"));
        let mut disabled = client("one", &[at_a, at_b], &exceptions);
        disabled.disabled_at = until("2026-01-01");
        overview.put(&disabled);
        assert!(!overview.knows_origin(a) && !overview.knows_origin(b));
        assert_eq!(overview.until(Allowance::Hybrid), None);
        assert!(overview.clients.is_empty() && overview.origins.is_empty() && overview.excepted.is_empty());
    }
}
