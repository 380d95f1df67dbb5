//! From a document and what is stored to the changes, and the one transaction that makes them.

use super::Applier;
use super::change::{Change, Difference, Kind, difference_of};
use super::document::{Document, Entry, GivenPassword, UserEntry};
use super::tree::member;
use crate::clients;
use crate::clients::metadata::{FieldError, Registered};
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::client::{Client, ClientSecret};
use crate::domain::id::{ClientId, UserId};
use crate::domain::resource::{Resource, ScopeDescription};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::user::{LoginName, User};
use crate::passwords::{Passwords, PasswordsError};
use crate::store::{self, Db, Store, StoreError};
use crate::users;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// How many hashes are computed at the same time.
const AT_ONCE: usize = 16;
/// The name of the stored policy.
const REGISTRATION: &str = "registration";

/// What the document is compared with.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    users: Vec<Option<User>>,
    /// Who has the address of each user of the document.
    addresses: Vec<Option<User>>,
    clients: HashMap<ClientId, Client>,
    resources: Vec<Resource>,
    scopes: Vec<ScopeDescription>,
    registration: Option<String>,
}

/// What to ask the store for.
#[derive(Debug, Clone)]
struct Wanted {
    usernames: Vec<String>,
    addresses: Vec<String>,
    clients: Vec<ClientId>,
}

/// One entry before and after.
#[derive(Debug, Clone)]
struct Step<T> {
    at: String,
    before: Option<T>,
    after: T,
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
    registration: Option<String>,
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
    now: Timestamp,
) -> Result<Result<Plan, Vec<FieldError>>, super::ApplyError> {
    let wanted = Wanted::of(document);
    let asked = wanted.clone();
    let stored = applier.store.read(move |db| Stored::read(db, &asked)).await?;
    let errors = conflicts(document, &stored);
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    let passwords = settle_all(&applier.passwords, user_questions(document, &stored)).await?;
    let secrets = settle_all(&applier.passwords, client_questions(document, &stored)).await?;
    let step_user = |((entry, before), hash): ((&Entry<UserEntry>, &Option<User>), Option<String>)| Step {
        at: entry.at.clone(),
        before: before.clone(),
        after: user_after(applier, &entry.value, before.as_ref(), hash, now),
    };
    let step_client = |(entry, secret): (&Entry<Registered>, Option<String>)| {
        let before = stored.clients.get(&entry.value.client.id).cloned();
        Step { at: entry.at.clone(), after: client_after(&entry.value, before.as_ref(), secret, now), before }
    };
    let plan = Plan {
        users: document.users.iter().zip(&stored.users).zip(passwords).map(step_user).collect(),
        clients: document.clients.iter().zip(secrets).map(step_client).collect(),
        resources: steps(&document.resources, &stored.resources, |one, other| one.identifier == other.identifier),
        scopes: steps(&document.scopes, &stored.scopes, |one, other| one.name == other.name),
        registration: document.registration.as_ref().map(|policy| json(policy).to_string()),
        wanted,
        stored,
    };
    Ok(Ok(plan))
}

/// Makes the changes in one transaction, if what the plan rests on still stands.
pub(super) async fn carry_out(store: &Store, plan: Plan, by: &By) -> Result<Outcome, StoreError> {
    let taken = Arc::new(Mutex::new(None));
    let note = Arc::clone(&taken);
    let by = by.clone();
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
        let change = |kind, name: &str, difference| Change { kind, name: name.to_owned(), difference };
        let users =
            self.users.iter().map(|step| change(Kind::User, step.after.username.as_str(), user_difference(step)));
        let clients = self.clients.iter().map(|step| change(Kind::Client, step.after.id.as_str(), step.difference()));
        let resources =
            self.resources.iter().map(|step| change(Kind::Resource, &step.after.identifier, step.difference()));
        let scopes = self.scopes.iter().map(|step| change(Kind::Scope, &step.after.name, step.difference()));
        let registration = self.registration.iter().map(|policy| {
            let parse = |text: &str| serde_json::from_str(text).unwrap_or_default();
            let difference = difference_of(self.stored.registration.as_deref().map(parse).as_ref(), &parse(policy));
            change(Kind::Registration, REGISTRATION, difference)
        });
        users.chain(clients).chain(resources).chain(scopes).chain(registration).collect()
    }

    fn write(&self, db: &mut Db, by: &By, taken: &Mutex<Option<FieldError>>) -> Result<(), StoreError> {
        for step in &self.users {
            write_user(db, step, by).inspect_err(|error| {
                if *error == StoreError::Conflict {
                    let what = "a user name that looks like this one, or the address, is taken".to_owned();
                    let error = FieldError { field: member(&step.at, "username"), what };
                    *taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })?;
        }
        for step in &self.clients {
            clients::change::save(db, step.before.as_ref(), &step.after, by)?;
        }
        for step in self.resources.iter().filter(|step| step.differs()) {
            store::resources::save(db, &step.after, by.at)?;
            let kinds = (EventKind::ResourceCreated, EventKind::ResourceChanged);
            store::audit::insert(db, &step.event(kinds, &step.after.identifier, by))?;
        }
        for step in self.scopes.iter().filter(|step| step.differs()) {
            store::scopes::save(db, &step.after, by.at)?;
            let kinds = (EventKind::ScopeCreated, EventKind::ScopeChanged);
            store::audit::insert(db, &step.event(kinds, &step.after.name, by))?;
        }
        match &self.registration {
            Some(policy) if Some(policy) != self.stored.registration.as_ref() => {
                store::policies::save(db, REGISTRATION, policy, by.at)?;
                store::audit::insert(db, &Event::new(EventKind::RegistrationChanged, by))
            }
            _ => Ok(()),
        }
    }
}

fn write_user(db: &mut Db, step: &Step<User>, by: &By) -> Result<(), StoreError> {
    let Some(before) = &step.before else { return users::create(db, &step.after, by) };
    let after = &step.after;
    if before == after {
        return Ok(());
    }
    store::users::update(db, after)?;
    if let Difference::Changed(fields) = user_difference(step) {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        store::audit::insert(db, &users::changed(&after.id, &fields, by))?;
    }
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

impl<T: Serialize + PartialEq> Step<T> {
    fn differs(&self) -> bool {
        self.before.as_ref() != Some(&self.after)
    }

    /// What is audited of a step that differs.
    fn event(&self, (created, changed): (EventKind, EventKind), name: &str, by: &By) -> Event {
        match self.difference() {
            Difference::Changed(fields) => Event::new(changed, by).with("name", name).with("fields", fields),
            Difference::Created | Difference::Unchanged => Event::new(created, by).with("name", name),
        }
    }

    fn difference(&self) -> Difference {
        difference_of(self.before.as_ref().map(json).as_ref(), &json(&self.after))
    }
}

impl Wanted {
    fn of(document: &Document) -> Self {
        let served_by = document.resources.iter().flat_map(|entry| entry.value.served_by.iter().cloned());
        let clients = document.clients.iter().map(|entry| entry.value.client.id.clone());
        Self {
            usernames: document.users.iter().map(|entry| entry.value.username.key().to_owned()).collect(),
            addresses: document.users.iter().map(|entry| entry.value.email.key().to_owned()).collect(),
            clients: clients.chain(served_by).collect(),
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
        let mut clients = HashMap::new();
        for id in &wanted.clients {
            clients.extend(store::clients::find(db, id)?.map(|client| (id.clone(), client)));
        }
        Ok(Self {
            users,
            addresses,
            clients,
            resources: store::resources::list(db)?,
            scopes: store::scopes::list(db)?,
            registration: store::policies::find(db, REGISTRATION)?,
        })
    }
}

/// What cannot be, seen together with what is stored.
fn conflicts(document: &Document, stored: &Stored) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (user, owner) in document.users.iter().zip(&stored.addresses) {
        if let Some(owner) = owner.as_ref().filter(|owner| owner.username.key() != user.value.username.key()) {
            let what = format!("this address belongs to the user {}", owner.username.as_str());
            errors.push(FieldError { field: member(&user.at, "email"), what });
        }
    }
    for resource in &document.resources {
        for (n, id) in resource.value.served_by.iter().enumerate() {
            let is_named = document.clients.iter().any(|entry| entry.value.client.id == *id);
            if !is_named && !stored.clients.contains_key(id) {
                let what = format!("there is no client {id}, neither here nor stored");
                errors.push(FieldError { field: format!("{}.served_by[{n}]", resource.at), what });
            }
        }
    }
    errors
}

/// What is to be known about one secret: which stored form to keep.
#[derive(Debug)]
enum Question {
    /// Nothing was said: keep what is stored.
    Keep(Option<String>),
    /// This form, unless what is stored was made of it since: its user signed in, or chose another password.
    Import(String, Option<String>),
    /// The stored form if it fits the secret, else a new one.
    Fit(Secret, Option<String>),
}

impl Question {
    async fn settle(self, passwords: Passwords) -> Result<Option<String>, PasswordsError> {
        match self {
            Self::Keep(stored) => Ok(stored),
            Self::Import(hash, stored) => {
                let outgrown = stored.filter(|stored| passwords.has_outgrown(stored, &hash));
                Ok(outgrown.or(Some(hash)))
            }
            Self::Fit(secret, stored) => {
                let fits = match stored.clone() {
                    Some(stored) => passwords.verify(&secret, Some(stored)).await,
                    None => Ok(false),
                };
                match fits {
                    Ok(true) => Ok(stored),
                    Ok(false) | Err(PasswordsError::Stored(_)) => passwords.hash(&secret).await.map(Some),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// Settles all questions, some at a time, so that the password pool is used and never overrun.
async fn settle_all(passwords: &Passwords, questions: Vec<Question>) -> Result<Vec<Option<String>>, PasswordsError> {
    let mut answers: Vec<Option<String>> = std::iter::repeat_with(|| None).take(questions.len()).collect();
    let mut running = JoinSet::new();
    for (n, question) in questions.into_iter().enumerate() {
        if running.len() >= AT_ONCE {
            take_answer(&mut running, &mut answers).await?;
        }
        let passwords = passwords.clone();
        running.spawn(async move { (n, question.settle(passwords).await) });
    }
    while !running.is_empty() {
        take_answer(&mut running, &mut answers).await?;
    }
    Ok(answers)
}

type Answer = (usize, Result<Option<String>, PasswordsError>);

async fn take_answer(running: &mut JoinSet<Answer>, answers: &mut [Option<String>]) -> Result<(), PasswordsError> {
    if let Some(joined) = running.join_next().await {
        let (n, answer) = joined.map_err(|_| PasswordsError::Failed)?;
        answers[n] = answer?;
    }
    Ok(())
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

/// Only stretched secrets are asked about here: whether a generated one fits, [`client_after`] sees for itself.
fn client_questions(document: &Document, stored: &Stored) -> Vec<Question> {
    let question = |entry: &Entry<Registered>| {
        let before = stored.clients.get(&entry.value.client.id).and_then(|client| client.secret.as_ref());
        match (&entry.value.client_secret, before) {
            (None, _) => Question::Keep(None),
            (Some(secret), Some(known)) if known.matches_generated(secret.reveal()) == Some(true) => {
                Question::Keep(None)
            }
            (Some(secret), Some(ClientSecret::Stretched(hash))) => Question::Fit(secret.clone(), Some(hash.clone())),
            (Some(secret), _) => Question::Fit(secret.clone(), None),
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
        id: UserId::new(applier.entropy.uuid(now.seconds())),
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

fn client_after(entry: &Registered, before: Option<&Client>, stretched: Option<String>, now: Timestamp) -> Client {
    let kept = || before.and_then(|client| client.secret.clone()).filter(|_| entry.client_secret.is_some());
    Client {
        secret: stretched.map(ClientSecret::Stretched).or_else(kept),
        disabled_at: disabled_after(entry.disabled, before.and_then(|client| client.disabled_at), now),
        ..entry.client.clone()
    }
}

fn disabled_after(said: Option<bool>, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match said {
        None => before,
        Some(true) => before.or(Some(now)),
        Some(false) => None,
    }
}

fn steps<T: Clone>(entries: &[Entry<T>], stored: &[T], is_same: impl Fn(&T, &T) -> bool) -> Vec<Step<T>> {
    let step = |entry: &Entry<T>| Step {
        at: entry.at.clone(),
        before: stored.iter().find(|known| is_same(known, &entry.value)).cloned(),
        after: entry.value.clone(),
    };
    entries.iter().map(step).collect()
}

fn user_difference(step: &Step<User>) -> Difference {
    let Some(before) = &step.before else { return Difference::Created };
    let after = &step.after;
    let fields = [
        ("username", before.username != after.username),
        ("email", before.email != after.email),
        ("email_verified", before.email_verified != after.email_verified),
        ("password", before.password_hash != after.password_hash),
        ("claims", before.claims != after.claims),
        ("roles", before.roles != after.roles),
        ("disabled", before.disabled_at != after.disabled_at),
    ];
    let changed: Vec<String> =
        fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()).collect();
    if changed.is_empty() { Difference::Unchanged } else { Difference::Changed(changed) }
}

fn json<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("values of the domain are JSON: their keys are texts")
}
