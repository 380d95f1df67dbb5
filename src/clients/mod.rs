//! Clients: finding them, and proving that a request comes from one.
//!
//! What was found is kept for two seconds, so a busy client costs no database read a request, and a change made on any
//! node is seen by all within that time.

pub mod assertion;
pub mod authenticate;
pub mod change;
pub mod encryption;
mod guesses;
pub mod keys;
pub mod metadata;
mod overview;
pub mod published;
pub mod registration;
pub mod request_object;
pub mod secret;

use crate::clock::{Clock, Stopwatch};
use crate::domain::client::Client;
use crate::domain::exception::Allowance;
use crate::domain::id::ClientId;
use crate::domain::registration::{POLICY, RegistrationPolicy};
use crate::domain::resource::{IndicatorError, Resource, ScopeDescription, resolve, scopes_at};
use crate::domain::response_type::ResponseType;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use crate::store::{self, Db, Store, StoreError};
use overview::{Overview, Overviews};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const KEPT_FOR: Duration = Duration::from_secs(2);
const MOST_KEPT: usize = 4096;

/// Something that was read, and when.
type Kept<T> = (Arc<T>, Stopwatch);

/// The registered clients, and what the operator says of scopes and resources.
#[derive(Clone)]
pub struct Clients {
    store: Store,
    built_in: Option<Arc<Client>>,
    built_in_resources: Arc<[Resource]>,
    kept: Arc<RwLock<HashMap<ClientId, Kept<Client>>>>,
    catalogue: Arc<RwLock<Option<Kept<Catalogue>>>>,
    overview: Overviews,
    proven: Arc<RwLock<HashMap<ClientId, authenticate::Proven>>>,
    guesses: Arc<guesses::Guesses>,
    assertions: assertion::Assertions,
}

/// What the operator says of scopes, resources and registration.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Words for consent pages.
    pub scopes: Vec<ScopeDescription>,
    /// Protected resources: the configured ones, then those that are built in.
    pub resources: Vec<Resource>,
    /// Who may register clients.
    pub registration: RegistrationPolicy,
}

impl Catalogue {
    /// The resource with this identifier.
    pub fn find_resource(&self, identifier: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.identifier == identifier)
    }

    /// The identifiers of the resources that a request names (RFC 8707 §2).
    ///
    /// # Errors
    /// [`IndicatorError`].
    pub fn resolve(&self, indicators: &[String]) -> Result<Vec<String>, IndicatorError> {
        resolve(indicators, &self.resources)
    }

    /// Those of `scopes` that a token for `audience` carries; all of them where nobody named an audience.
    pub fn scopes_at(&self, scopes: &ScopeSet, audience: &[String]) -> ScopeSet {
        scopes_at(scopes, audience, &self.resources)
    }
}

/// Until when response types and request objects are offered that need a dated exception: as long as a client, or the
/// policy of dynamic registration, holds a live one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offered {
    hybrid: Option<Timestamp>,
    implicit: Option<Timestamp>,
    unsigned_request_objects: Option<Timestamp>,
}

impl Offered {
    /// What is offered at `now`.
    pub fn at(&self, now: Timestamp) -> OfferedNow {
        let is_live = |until: Option<Timestamp>| until.is_some_and(|until| !until.is_past(now));
        OfferedNow {
            hybrid: is_live(self.hybrid),
            implicit: is_live(self.implicit),
            unsigned_request_objects: is_live(self.unsigned_request_objects),
        }
    }
}

/// What some client can use now by a dated exception, or could register for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfferedNow {
    hybrid: bool,
    implicit: bool,
    /// Request objects that nobody signed.
    pub unsigned_request_objects: bool,
}

impl OfferedNow {
    /// Whether this response type is offered.
    pub const fn includes(self, kind: ResponseType) -> bool {
        match kind.allowance() {
            None => true,
            Some(Allowance::Hybrid) => self.hybrid,
            Some(_) => self.implicit,
        }
    }

    /// Every response type that is offered.
    pub fn response_types(self) -> impl Iterator<Item = ResponseType> {
        ResponseType::ALL.into_iter().filter(move |kind| self.includes(*kind))
    }
}

impl Clients {
    /// Clients of `store`, with one that needs no registration (the demonstration, on a loopback issuer) and the
    /// resources that need none.
    pub fn new(
        (store, clock): (Store, Clock),
        built_in: Option<Client>,
        built_in_resources: impl Into<Arc<[Resource]>>,
        assertions: assertion::Assertions,
    ) -> Self {
        Self {
            overview: Overviews::new(store.clone(), clock),
            store,
            assertions,
            built_in: built_in.map(Arc::new),
            built_in_resources: built_in_resources.into(),
            kept: Arc::default(),
            catalogue: Arc::default(),
            proven: Arc::default(),
            guesses: Arc::default(),
        }
    }

    /// What checks what clients sign.
    pub const fn assertions(&self) -> &assertion::Assertions {
        &self.assertions
    }

    /// The client with this identifier; `None` where it is unknown or disabled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let Some(id) = parse_id(id) else { return Ok(None) };
        if let Some(client) = self.built_in.as_ref().filter(|client| client.id == id) {
            return Ok(Some(Arc::clone(client)));
        }
        if let Some(client) = self.find_kept(&id) {
            return Ok(Some(client));
        }
        let wanted = id.clone();
        let found = self.store.read(move |db| store::clients::find(db, &wanted)).await?;
        let Some(client) = found.filter(|client| client.disabled_at.is_none()).map(Arc::new) else { return Ok(None) };
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(id, (Arc::clone(&client), Stopwatch::start()));
        Ok(Some(client))
    }

    fn find_kept(&self, id: &ClientId) -> Option<Arc<Client>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(id).filter(|(_, since)| since.elapsed() < KEPT_FOR).map(|(client, _)| Arc::clone(client))
    }

    /// Forgets what was found of a client, so that this node sees a change at once.
    pub fn forget(&self, id: &ClientId) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.overview.touch(id);
    }

    /// Whether web pages of `origin` belong to some client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows_origin(&self, origin: &str) -> Result<bool, StoreError> {
        if self.built_in.as_ref().is_some_and(|client| client.allows_origin(origin)) {
            return Ok(true);
        }
        self.overview.ask(|clients| clients.knows_origin(origin)).await
    }

    /// Scopes, resources and who may register clients, at most two seconds old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, StoreError> {
        if let Some((catalogue, since)) = &*self.catalogue.read().unwrap_or_else(PoisonError::into_inner)
            && since.elapsed() < KEPT_FOR
        {
            return Ok(Arc::clone(catalogue));
        }
        let mut catalogue = self.store.read(read_catalogue).await?;
        catalogue.resources.extend(self.built_in_resources.iter().cloned());
        let catalogue = Arc::new(catalogue);
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) =
            Some((Arc::clone(&catalogue), Stopwatch::start()));
        Ok(catalogue)
    }

    /// Which response types are offered, at most two seconds old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn offered(&self) -> Result<Offered, StoreError> {
        let policy = &self.catalogue().await?.registration;
        let until = |clients: &Overview, allowance| {
            let may_register = policy.exceptions.iter().filter(|exception| exception.allow == allowance);
            may_register.map(|exception| exception.until).chain(clients.until(allowance)).max()
        };
        let read = |clients: &Overview| Offered {
            hybrid: until(clients, Allowance::Hybrid),
            implicit: until(clients, Allowance::Implicit),
            unsigned_request_objects: until(clients, Allowance::UnsignedRequestObject),
        };
        self.overview.ask(read).await
    }

    /// Reads anew what all clients say together, which tells of those that were removed elsewhere.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reread(&self) -> Result<(), StoreError> {
        self.overview.reread().await
    }
}

fn read_catalogue(db: &mut Db) -> Result<Catalogue, StoreError> {
    Ok(Catalogue {
        scopes: store::scopes::list(db)?,
        resources: store::resources::list(db)?,
        registration: read_policy(db)?,
    })
}

fn read_policy(db: &mut Db) -> Result<RegistrationPolicy, StoreError> {
    let policy = store::policies::find(db, POLICY)?.map(|policy| serde_json::from_str(&policy)).transpose();
    let policy = policy.map_err(|error| StoreError::Corrupt(format!("policies.document: {error}")))?;
    Ok(policy.unwrap_or_default())
}

/// A client identifier is 1 to 255 visible ASCII characters (RFC 6749 appendix A.1, without space).
pub fn parse_id(text: &str) -> Option<ClientId> {
    let is_fine = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_fine.then(|| ClientId::new(text))
}
