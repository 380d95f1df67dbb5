//! From a document and what is stored to the changes, and the one transaction that makes them.

use super::change::{Change, Kind, Verb};
use super::describe::{self, Described};
use super::document::{Document, Entry, GivenPassword, RegistrationEntry, UserEntry};
use super::secrets::{Question, settle_all};
use super::tree::member;
use super::{Applier, Order};
use crate::clients::metadata::{FieldError, GivenSecret, Registered};
use crate::clients::{self, secret};
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::client::{Client, ClientAuthentication, ClientSecret};
use crate::domain::id::{ClientId, UserId};
use crate::domain::registration::{POLICY, Registration, RegistrationPolicy};
use crate::domain::resource::{Resource, ScopeDescription};
use crate::domain::time::Timestamp;
use crate::domain::user::{LoginName, User};
use crate::keys::SecretSeal;
use crate::store::{self, Db, Store, StoreError};
use crate::users;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How many accounts are read at a time when all of them are wanted.
const PAGE: i64 = 5000;

/// What the document is compared with.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    users: Vec<Option<User>>,
    /// Who has the address of each user of the document.
    addresses: Vec<Option<User>>,
    /// Who has the subject that a user of the document names.
    subjects: Vec<Option<User>>,
    clients: HashMap<ClientId, Client>,
    resources: Vec<Resource>,
    scopes: Vec<ScopeDescription>,
    registration: Option<String>,
    /// With `--prune`: every account, and every client that an operator made. Clients that registered themselves are
    /// nobody's to list.
    everybody: Vec<Account>,
    every_client: Vec<ClientId>,
}

/// An account in short: its identifier, name and the name's key.
#[derive(Debug, Clone, PartialEq)]
struct Account {
    id: UserId,
    name: String,
    key: String,
}

/// What to ask the store for.
#[derive(Debug, Clone)]
struct Wanted {
    usernames: Vec<String>,
    addresses: Vec<String>,
    subjects: Vec<Option<UserId>>,
    clients: Vec<ClientId>,
    everybody: bool,
    every_client: bool,
}

/// One entry before and after.
#[derive(Debug, Clone)]
struct Step<T> {
    at: String,
    before: Option<T>,
    after: T,
    change: Change,
}

/// What the document lacks, with `--prune`.
#[derive(Debug, Clone, Default)]
struct Removals {
    users: Vec<Account>,
    clients: Vec<ClientId>,
    resources: Vec<String>,
    scopes: Vec<String>,
    registration: bool,
}

/// All changes, ready to be made.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    wanted: Wanted,
    stored: Stored,
    users: Vec<Step<User>>,
    clients: Vec<Step<Client>>,
    resources: Vec<Step<Resource>>,
    scopes: Vec<Step<ScopeDescription>>,
    registration: Option<(String, Change)>,
    removals: Removals,
}

/// How the transaction went.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Everything is stored.
    Done,
    /// What the plan rests on was changed meanwhile; nothing is stored.
    Overtaken,
    /// A name that looks like this one is taken; nothing is stored.
    Taken(FieldError),
}

/// Compares the document with what is stored, and hashes what is new.
pub(super) async fn make(
    applier: &Applier,
    document: &Document,
    order: Order,
    now: Timestamp,
) -> Result<Result<Plan, Vec<FieldError>>, super::ApplyError> {
    let wanted = Wanted::of(document, order);
    let asked = wanted.clone();
    let stored = applier.store.read(move |db| Stored::read(db, &asked)).await?;
    let removals = if order.prunes { Removals::find(document, &stored) } else { Removals::default() };
    let mut errors = conflicts(document, &stored, &removals);
    let seal = open_seal(applier, document).map_err(|error| errors.push(error)).ok().flatten();
    errors.extend(seal.as_ref().map(|seal| sealed_elsewhere(document, seal)).unwrap_or_default());
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    let mut questions = user_questions(document, &stored);
    questions.extend(client_questions(document, &stored));
    let mut passwords = settle_all(&applier.passwords, questions, &applier.progress).await?;
    let secrets = passwords.split_off(document.users.len());
    let step_user = |((entry, before), hash): ((&Entry<UserEntry>, &Option<User>), Option<String>)| {
        let after = user_after(applier, &entry.value, before.as_ref(), hash, now);
        let name = after.username.as_str().to_owned();
        let mut step = Step::new(&entry.at, before.clone(), after, (Kind::User, &name), describe::user);
        if before.is_none() && entry.value.sub.is_none() {
            // It is made anew each time somebody looks.
            step.change.fields.retain(|field| field.field != "sub");
        }
        step
    };
    let step_client = |(entry, secret): (&Entry<Registered>, Option<String>)| {
        let before = stored.clients.get(&entry.value.client.id).cloned();
        let after = client_after(&entry.value, before.as_ref(), (secret, seal.as_ref()), now);
        let name = after.id.as_str().to_owned();
        Step::new(&entry.at, before, after, (Kind::Client, &name), describe::client)
    };
    let step_resource = |entry: &Entry<Resource>| {
        let (name, after) = (&entry.value.identifier, entry.value.clone());
        let before = stored.resources.iter().find(|known| known.identifier == *name).cloned();
        Step::new(&entry.at, before, after, (Kind::Resource, name), describe::resource)
    };
    let step_scope = |entry: &Entry<ScopeDescription>| {
        let (name, after) = (&entry.value.name, entry.value.clone());
        let before = stored.scopes.iter().find(|known| known.name == *name).cloned();
        Step::new(&entry.at, before, after, (Kind::Scope, name), describe::scope)
    };
    let plan = Plan {
        users: document.users.iter().zip(&stored.users).zip(passwords).map(step_user).collect(),
        clients: document.clients.iter().zip(secrets).map(step_client).collect(),
        resources: document.resources.iter().map(step_resource).collect(),
        scopes: document.scopes.iter().map(step_scope).collect(),
        registration: document.registration.as_ref().map(|entry| registration_after(entry, &stored)),
        removals,
        wanted,
        stored,
    };
    Ok(Ok(plan))
}

/// Makes the changes in one transaction, if what the plan rests on still stands.
pub(super) async fn carry_out(store: &Store, plan: Plan, by: &By) -> Result<Outcome, StoreError> {
    let by = by.clone();
    let taken = Arc::new(Mutex::new(None));
    let note = Arc::clone(&taken);
    let result = store
        .write(move |db| {
            if Stored::read(db, &plan.wanted)? != plan.stored {
                return Ok(Outcome::Overtaken);
            }
            plan.write(db, &by, &note).map(|()| Outcome::Done)
        })
        .await;
    match result {
        Err(StoreError::Conflict) => {
            let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(taken.map_or(Outcome::Overtaken, Outcome::Taken))
        }
        outcome => outcome,
    }
}

impl Plan {
    pub(super) fn changes(&self) -> Vec<Change> {
        let users = self.users.iter().map(|step| &step.change).cloned();
        let clients = self.clients.iter().map(|step| &step.change).cloned();
        let resources = self.resources.iter().map(|step| &step.change).cloned();
        let scopes = self.scopes.iter().map(|step| &step.change).cloned();
        let registration = self.registration.iter().map(|(_, change)| change.clone());
        users.chain(clients).chain(resources).chain(scopes).chain(registration).chain(self.removals.changes()).collect()
    }

    /// What is removed goes first: its name or address may be somebody else's in the document.
    fn write(&self, db: &mut Db, by: &By, taken: &Mutex<Option<FieldError>>) -> Result<(), StoreError> {
        self.removals.carry_out(db, by)?;
        for step in self.users.iter().filter(|step| step.differs()) {
            write_user(db, step, by).inspect_err(|error| {
                if *error == StoreError::Conflict {
                    let what = "a user name that looks like this one, or the address, is taken".to_owned();
                    let error = FieldError { field: member(&step.at, "username"), what };
                    *taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })?;
        }
        for step in self.clients.iter().filter(|step| step.differs()) {
            clients::change::save(db, step.before.as_ref(), &step.after, by)?;
        }
        for step in self.resources.iter().filter(|step| step.differs()) {
            store::resources::save(db, &step.after, by.at)?;
            let kinds = (EventKind::ResourceCreated, EventKind::ResourceChanged);
            store::audit::insert(db, &step.event(kinds, by))?;
        }
        for step in self.scopes.iter().filter(|step| step.differs()) {
            store::scopes::save(db, &step.after, by.at)?;
            store::audit::insert(db, &step.event((EventKind::ScopeCreated, EventKind::ScopeChanged), by))?;
        }
        match &self.registration {
            Some((policy, change)) if change.change != Verb::Unchanged => {
                store::policies::save(db, POLICY, policy, by.at)?;
                store::audit::insert(db, &Event::new(EventKind::RegistrationChanged, by))
            }
            _ => Ok(()),
        }
    }
}

fn write_user(db: &mut Db, step: &Step<User>, by: &By) -> Result<(), StoreError> {
    let Some(before) = &step.before else { return users::create(db, &step.after, by) };
    let after = &step.after;
    store::users::update(db, after)?;
    let fields: Vec<&str> = step.change.fields.iter().map(|field| field.field.as_str()).collect();
    store::audit::insert(db, &users::changed(&after.id, &fields, by))?;
    if after.password_hash != before.password_hash
        && let Some(hash) = &after.password_hash
    {
        store::users::set_password_hash(db, &after.id, hash, by.at)?;
    }
    let is_newly_disabled = after.disabled_at.is_some() && before.disabled_at.is_none();
    if after.password_hash != before.password_hash || is_newly_disabled {
        let why = if is_newly_disabled { "the account was disabled" } else { "the password was set by an operator" };
        users::end_everything(db, &after.id, why, by)?;
    }
    Ok(())
}

impl<T> Step<T> {
    fn new(
        at: &str,
        before: Option<T>,
        after: T,
        (kind, name): (Kind, &str),
        describe: impl Fn(&T) -> Described,
    ) -> Self {
        let change = Change::between(kind, name, before.as_ref().map(&describe).as_ref(), &describe(&after));
        Self { at: at.to_owned(), before, after, change }
    }

    fn differs(&self) -> bool {
        self.change.change != Verb::Unchanged
    }

    /// What is audited of a step that differs.
    fn event(&self, (created, changed): (EventKind, EventKind), by: &By) -> Event {
        let name = self.change.name.as_str();
        if self.before.is_none() {
            return Event::new(created, by).with("name", name);
        }
        let fields: Vec<&str> = self.change.fields.iter().map(|field| field.field.as_str()).collect();
        Event::new(changed, by).with("name", name).with("fields", fields)
    }
}

impl Removals {
    /// What is stored and not in the document. Accounts are left alone by a document that has no list of them: people
    /// make accounts for themselves.
    fn find(document: &Document, stored: &Stored) -> Self {
        let users: HashSet<&str> = document.users.iter().map(|entry| entry.value.username.key()).collect();
        let clients: HashSet<&ClientId> = document.clients.iter().map(|entry| &entry.value.client.id).collect();
        let is_named =
            |resource: &Resource| document.resources.iter().any(|entry| entry.value.identifier == resource.identifier);
        let is_described =
            |scope: &ScopeDescription| document.scopes.iter().any(|entry| entry.value.name == scope.name);
        let lacking = stored.resources.iter().filter(|resource| !is_named(resource));
        let undescribed = stored.scopes.iter().filter(|scope| !is_described(scope));
        Self {
            users: stored.everybody.iter().filter(|user| !users.contains(user.key.as_str())).cloned().collect(),
            clients: stored.every_client.iter().filter(|id| !clients.contains(id)).cloned().collect(),
            resources: lacking.map(|resource| resource.identifier.clone()).collect(),
            scopes: undescribed.map(|scope| scope.name.clone()).collect(),
            registration: document.registration.is_none() && stored.registration.is_some(),
        }
    }

    fn changes(&self) -> impl Iterator<Item = Change> {
        let users = self.users.iter().map(|user| Change::removal(Kind::User, &user.name));
        let clients = self.clients.iter().map(|id| Change::removal(Kind::Client, id.as_str()));
        let resources = self.resources.iter().map(|name| Change::removal(Kind::Resource, name));
        let scopes = self.scopes.iter().map(|name| Change::removal(Kind::Scope, name));
        let registration = self.registration.then(|| Change::removal(Kind::Registration, POLICY));
        users.chain(clients).chain(resources).chain(scopes).chain(registration)
    }

    fn carry_out(&self, db: &mut Db, by: &By) -> Result<(), StoreError> {
        for user in &self.users {
            users::remove(db, &user.id, by)?;
        }
        for client in &self.clients {
            clients::change::remove(db, client, by)?;
        }
        for identifier in &self.resources {
            store::resources::remove(db, identifier)?;
            let event = Event::new(EventKind::ResourceRemoved, by).with("name", identifier.as_str());
            store::audit::insert(db, &event)?;
        }
        for name in &self.scopes {
            store::scopes::remove(db, name)?;
            store::audit::insert(db, &Event::new(EventKind::ScopeRemoved, by).with("name", name.as_str()))?;
        }
        if self.registration {
            store::policies::remove(db, POLICY)?;
            store::audit::insert(db, &Event::new(EventKind::RegistrationChanged, by))?;
        }
        Ok(())
    }
}

impl Wanted {
    fn of(document: &Document, order: Order) -> Self {
        let served_by = document.resources.iter().flat_map(|entry| entry.value.served_by.iter().cloned());
        let clients = document.clients.iter().map(|entry| entry.value.client.id.clone());
        Self {
            usernames: document.users.iter().map(|entry| entry.value.username.key().to_owned()).collect(),
            addresses: document.users.iter().map(|entry| entry.value.email.key().to_owned()).collect(),
            subjects: document.users.iter().map(|entry| entry.value.sub.clone()).collect(),
            clients: clients.chain(served_by).collect(),
            everybody: order.prunes && document.lists_users,
            every_client: order.prunes,
        }
    }
}

impl Stored {
    fn read(db: &mut Db, wanted: &Wanted) -> Result<Self, StoreError> {
        let mut find = |login| store::users::find_by_login(db, &login);
        let users =
            wanted.usernames.iter().cloned().map(|key| find(LoginName::Username(key))).collect::<Result<_, _>>()?;
        let addresses =
            wanted.addresses.iter().cloned().map(|key| find(LoginName::Email(key))).collect::<Result<_, _>>()?;
        let mut find_subject = |id: &Option<UserId>| match id {
            None => Ok(None),
            Some(id) => store::users::find(db, id),
        };
        let subjects = wanted.subjects.iter().map(&mut find_subject).collect::<Result<_, _>>()?;
        let mut clients = HashMap::new();
        for id in &wanted.clients {
            clients.extend(store::clients::find(db, id)?.map(|client| (id.clone(), client)));
        }
        let all_clients = if wanted.every_client { store::clients::list(db)? } else { Vec::new() };
        Ok(Self {
            users,
            addresses,
            subjects,
            clients,
            resources: store::resources::list(db)?,
            scopes: store::scopes::list(db)?,
            registration: store::policies::find(db, POLICY)?,
            everybody: if wanted.everybody { everybody(db)? } else { Vec::new() },
            every_client: all_clients
                .into_iter()
                .filter(|client| client.registration.is_none())
                .map(|client| client.id)
                .collect(),
        })
    }
}

fn everybody(db: &mut Db) -> Result<Vec<Account>, StoreError> {
    let mut all: Vec<Account> = Vec::new();
    loop {
        let page = store::users::list(db, all.last().map(|user| &user.id), PAGE)?;
        if page.is_empty() {
            all.sort_by(|one, other| one.key.cmp(&other.key));
            return Ok(all);
        }
        all.extend(page.into_iter().map(|user| Account {
            name: user.username.as_str().to_owned(),
            key: user.username.key().to_owned(),
            id: user.id,
        }));
    }
}

/// What cannot be, seen together with what is stored.
fn conflicts(document: &Document, stored: &Stored, removals: &Removals) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut object = |at: &str, name: &str, what: String| errors.push(FieldError { field: member(at, name), what });
    let leaving: HashSet<&UserId> = removals.users.iter().map(|user| &user.id).collect();
    let another = |owner: &Option<User>, entry: &Entry<UserEntry>| {
        let owner = owner.as_ref().filter(|owner| owner.username.key() != entry.value.username.key());
        owner.filter(|owner| !leaving.contains(&owner.id)).map(|owner| owner.username.as_str().to_owned())
    };
    for (n, user) in document.users.iter().enumerate() {
        if let Some(owner) = another(&stored.addresses[n], user) {
            object(&user.at, "email", format!("this address belongs to the user {owner}"));
        }
        if let Some(owner) = another(&stored.subjects[n], user) {
            object(&user.at, "sub", format!("this subject is the user {owner}"));
        }
        let (said, known) = (&user.value.sub, stored.users[n].as_ref().map(|user| &user.id));
        if let (Some(said), Some(known)) = (said, known)
            && said != known
        {
            object(&user.at, "sub", format!("a subject never changes; the stored one of this user is {known}"));
        }
    }
    for entry in &document.clients {
        let Registered { client, client_secret, .. } = &entry.value;
        let known = stored.clients.get(&client.id).and_then(|known| known.secret.as_ref());
        if client.authentication.needs_secret() && client_secret.is_none() {
            let method = client.authentication.as_str();
            if known.is_none() {
                let what = format!("it is required with token_endpoint_auth_method {method}, and none is stored yet");
                object(&entry.at, "client_secret", what);
            } else if !known.is_some_and(|known| secret::serves(known, client.authentication)) {
                let what =
                    format!("it is required with {method}: the stored one is a hash, which verifies no signature");
                object(&entry.at, "client_secret", what);
            }
        }
    }
    for resource in &document.resources {
        let before = stored.resources.iter().find(|known| known.identifier == resource.value.identifier);
        for (n, id) in resource.value.served_by.iter().enumerate() {
            let is_named = document.clients.iter().any(|entry| entry.value.client.id == *id);
            let stays = stored.clients.contains_key(id) && !removals.clients.contains(id);
            // A client that is gone may still stand in a list that is stored, and so in what was exported.
            let was_there = removals.clients.is_empty() && before.is_some_and(|known| known.served_by.contains(id));
            if !is_named && !stays && !was_there {
                let what = format!("there is no client {id}, neither here nor stored");
                object(&resource.at, &format!("served_by[{n}]"), what);
            }
        }
    }
    errors
}

/// The seal, where some client of the document needs it.
fn open_seal(applier: &Applier, document: &Document) -> Result<Option<SecretSeal>, FieldError> {
    let needs = |entry: &&Entry<Registered>| {
        let is_sealed = matches!(entry.value.client_secret, Some(GivenSecret::Stored(ClientSecret::Sealed(_))));
        is_sealed || entry.value.client.authentication == ClientAuthentication::ClientSecretJwt
    };
    let Some(first) = document.clients.iter().find(needs) else { return Ok(None) };
    applier.seal.open().map(Some).map_err(|error| FieldError {
        field: member(&first.at, "client_secret"),
        what: format!("it cannot be sealed: {error}"),
    })
}

/// Sealed secrets that the master key of this server does not open.
fn sealed_elsewhere(document: &Document, seal: &SecretSeal) -> Vec<FieldError> {
    let problem = |entry: &Entry<Registered>| {
        let Some(GivenSecret::Stored(ClientSecret::Sealed(sealed))) = &entry.value.client_secret else { return None };
        let error = seal.open(&entry.value.client.id, sealed).err()?;
        Some(FieldError { field: member(&entry.at, "client_secret_hash"), what: error.to_string() })
    };
    document.clients.iter().filter_map(problem).collect()
}

fn user_questions(document: &Document, stored: &Stored) -> Vec<Question> {
    let question = |(entry, before): (&Entry<UserEntry>, &Option<User>)| {
        let stored = before.as_ref().and_then(|user| user.password_hash.clone());
        match &entry.value.password {
            None => Question::Keep(stored),
            Some(GivenPassword::Hashed(hash)) => Question::Import(hash.clone(), stored),
            Some(GivenPassword::Clear(password)) => Question::Fit(password.clone(), stored),
        }
    };
    document.users.iter().zip(&stored.users).map(question).collect()
}

/// Only stretched secrets are asked about here: whether a generated or sealed one fits, [`client_after`] sees for itself.
fn client_questions(document: &Document, stored: &Stored) -> Vec<Question> {
    let question = |entry: &Entry<Registered>| {
        let before = stored.clients.get(&entry.value.client.id).and_then(|client| client.secret.as_ref());
        match (&entry.value.client_secret, before) {
            (None | Some(GivenSecret::Stored(_)), _) => Question::Keep(None),
            _ if entry.value.client.authentication == ClientAuthentication::ClientSecretJwt => Question::Keep(None),
            (Some(GivenSecret::Clear(secret)), Some(known))
                if known.matches_generated(secret.reveal()) == Some(true) =>
            {
                Question::Keep(None)
            }
            (Some(GivenSecret::Clear(secret)), Some(ClientSecret::Stretched(hash))) => {
                Question::Fit(secret.clone(), Some(hash.clone()))
            }
            (Some(GivenSecret::Clear(secret)), _) => Question::Fit(secret.clone(), None),
        }
    };
    document.clients.iter().map(question).collect()
}

fn user_after(
    applier: &Applier,
    entry: &UserEntry,
    before: Option<&User>,
    password_hash: Option<String>,
    now: Timestamp,
) -> User {
    let mut user = before.cloned().unwrap_or_else(|| User {
        id: entry.sub.clone().unwrap_or_else(|| UserId::new(applier.entropy.uuid(now.seconds()))),
        username: entry.username.clone(),
        email: entry.email.clone(),
        email_verified: false,
        password_hash: None,
        claims: serde_json::Map::new(),
        roles: Vec::new(),
        disabled_at: None,
        created_at: now,
        updated_at: now,
    });
    // Another address is not the one that was proven.
    let stays_verified = user.email_verified && user.email == entry.email;
    user.username = entry.username.clone();
    user.email = entry.email.clone();
    user.email_verified = entry.email_verified.unwrap_or(stays_verified);
    user.password_hash = password_hash;
    if let Some(claims) = &entry.claims {
        user.claims = claims.clone();
    }
    if let Some(roles) = &entry.roles {
        user.roles = roles.clone();
    }
    user.disabled_at = disabled_after(entry.disabled, user.disabled_at, now);
    if before.is_some_and(|before| *before != user) {
        user.updated_at = now;
    }
    user
}

fn client_after(
    entry: &Registered,
    before: Option<&Client>,
    (stretched, seal): (Option<String>, Option<&SecretSeal>),
    now: Timestamp,
) -> Client {
    let (id, method) = (&entry.client.id, entry.client.authentication);
    let stored = before.and_then(|client| client.secret.clone());
    let secret = match &entry.client_secret {
        _ if !method.needs_secret() => None,
        Some(GivenSecret::Stored(secret)) => Some(secret.clone()),
        Some(GivenSecret::Clear(secret)) if method == ClientAuthentication::ClientSecretJwt => {
            let fits = |stored: &ClientSecret| match (stored, seal) {
                (ClientSecret::Sealed(sealed), Some(seal)) => seal.open(id, sealed).as_ref() == Ok(secret),
                _ => false,
            };
            stored.filter(fits).or_else(|| seal.and_then(|seal| secret::sealed(seal, (id, method), secret)))
        }
        Some(GivenSecret::Clear(_)) | None => stretched.map(ClientSecret::Stretched).or(stored),
    };
    Client {
        secret,
        registration: Registration::keeping_token(
            entry.client.registration.clone(),
            before.and_then(|client| client.registration.as_ref()),
        ),
        disabled_at: disabled_after(entry.disabled, before.and_then(|client| client.disabled_at), now),
        ..entry.client.clone()
    }
}

/// The policy as it is stored afterwards, and how it differs. Tokens that the document does not list stay.
fn registration_after(entry: &RegistrationEntry, stored: &Stored) -> (String, Change) {
    let before: Option<RegistrationPolicy> =
        stored.registration.as_deref().and_then(|policy| serde_json::from_str(policy).ok());
    let kept = || before.as_ref().map(|policy| policy.initial_access_tokens.clone()).unwrap_or_default();
    let after = RegistrationPolicy {
        mode: entry.mode,
        initial_access_tokens: entry.initial_access_tokens.clone().unwrap_or_else(kept),
        exceptions: entry.exceptions.clone(),
    };
    let described = before.as_ref().map(describe::registration);
    let change = Change::between(Kind::Registration, POLICY, described.as_ref(), &describe::registration(&after));
    (serde_json::to_string(&after).expect("a policy is JSON: its keys are texts"), change)
}

fn disabled_after(said: Option<bool>, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match said {
        None => before,
        Some(true) => before.or(Some(now)),
        Some(false) => None,
    }
}
