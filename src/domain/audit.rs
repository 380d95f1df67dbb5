//! Audit: what was done, by whom, in which request, as append-only events. No event holds a secret: names of fields
//! that changed, never their values; counts and identifiers, never tokens.
//!
//! An event is stored in the transaction of the act that it tells of, so there is none without the other. Refreshed
//! tokens and tokens of clients for themselves are no events: they are counted.

use super::context::RequestContext;
use super::id::{ClientId, Reference, UserId};
use super::refusal::{self, RefusalRecord, Rule, excerpt};
use super::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use utoipa::ToSchema;

/// The largest detail, in bytes of JSON, and the most items of a list in it.
pub const LARGEST_DETAIL: usize = 8192;
const MOST_ITEMS: usize = 64;
/// The longest actor that is kept, in characters.
const LONGEST_ACTOR: usize = 255;
/// Refusals that become events in one minute, on one node. What is beyond is counted in one event.
pub const REFUSALS_A_MINUTE: usize = 60;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[doc = $doc])+ $name,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stored and printed text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What it means, in words.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),* }
            }
        }
    };
}

kinds! {
    /// Somebody made an account for themselves.
    SignedUp = "sign_up";
    /// Somebody signed in.
    SignedIn = "sign_in";
    /// A password, or another proof, was wrong.
    SignInFailed = "sign_in_failed";
    /// Somebody signed out.
    SignedOut = "sign_out";
    /// Sessions of a user were ended otherwise.
    SessionsEnded = "sessions_ended";
    /// A client was told that a session has ended.
    LogoutDelivered = "logout_delivered";
    /// A client could not be told that a session has ended, and is not tried any more.
    LogoutGivenUp = "logout_given_up";
    /// A password was changed.
    PasswordChanged = "password_changed";
    /// A person changed what they say of themselves, or their e-mail address.
    ProfileChanged = "profile_changed";
    /// A request was refused by a rule that matters to security.
    Refused = "refused";
    /// More was refused in a minute than is told one by one: how often by which rule.
    RefusedMore = "refused_more";
    /// A user allowed a client something for good.
    ConsentGiven = "consent_given";
    /// A user took back what a client was allowed.
    ConsentWithdrawn = "consent_withdrawn";
    /// A client was granted access on behalf of a user.
    GrantIssued = "grant_issued";
    /// A grant was revoked, and all that was issued from it.
    GrantRevoked = "grant_revoked";
    /// A single access token was revoked.
    TokenRevoked = "token_revoked";
    /// A code was used twice; what it gave was revoked.
    CodeReplayed = "code_replayed";
    /// A refresh token that was replaced before came back; its family was revoked.
    FamilyReplayed = "family_replayed";
    /// A signing key was made and published.
    KeyMade = "key_made";
    /// A signing key began to sign.
    KeyActivated = "key_activated";
    /// A signing key stopped signing.
    KeyRetiring = "key_retiring";
    /// A signing key left the JWKS.
    KeyRetired = "key_retired";
    /// All keys and sealed client secrets were sealed anew, under another master key.
    KeysResealed = "keys_resealed";
    /// An account was made, by an operator.
    UserCreated = "user_created";
    /// An account was changed, by its user or an operator.
    UserChanged = "user_changed";
    /// An account was removed, by an operator.
    UserRemoved = "user_removed";
    /// A client was registered.
    ClientCreated = "client_created";
    /// A client was changed.
    ClientChanged = "client_changed";
    /// A client was removed.
    ClientRemoved = "client_removed";
    /// A protected resource was registered.
    ResourceCreated = "resource_created";
    /// A protected resource was changed.
    ResourceChanged = "resource_changed";
    /// A protected resource was removed.
    ResourceRemoved = "resource_removed";
    /// A scope was described.
    ScopeCreated = "scope_created";
    /// The description of a scope was changed.
    ScopeChanged = "scope_changed";
    /// The description of a scope was removed.
    ScopeRemoved = "scope_removed";
    /// The policy of dynamic registration was changed.
    RegistrationChanged = "registration_changed";
}

impl EventKind {
    /// Reads the stored text; exact.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user who is signed in, or whose token it was.
    User(UserId),
    /// A client that authenticated itself, or a public one that said who it is.
    Client(ClientId),
    /// An operator, by this command.
    Operator(String),
    /// This server by itself.
    System,
    /// Somebody who proved nothing.
    Nobody,
}

impl Actor {
    /// The kind, as stored.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
            Self::System => "system",
            Self::Nobody => "nobody",
        }
    }

    /// Which one, where there are several.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id.as_str()),
            Self::Client(id) => Some(id.as_str()),
            Self::Operator(command) => Some(command),
            Self::System | Self::Nobody => None,
        }
    }

    /// From its stored parts.
    pub fn from_parts(kind: &str, name: Option<String>) -> Option<Self> {
        match (kind, name) {
            ("user", Some(id)) => Some(Self::User(UserId::new(id))),
            ("client", Some(id)) => Some(Self::Client(ClientId::new(id))),
            ("operator", Some(command)) => Some(Self::Operator(command)),
            ("system", None) => Some(Self::System),
            ("nobody", None) => Some(Self::Nobody),
            _ => None,
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

/// By whom, when and in which request: what the events of one act have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// The id of the request in the log; `None` for what is no request.
    pub request_id: Option<String>,
    /// The source address; `None` also where the settings do not want it kept.
    pub source: Option<IpAddr>,
}

impl By {
    /// By `actor`, in a request. `keep_source`: whether its address is kept (`audit.source_address`).
    pub fn request(actor: Actor, context: &RequestContext, keep_source: bool) -> Self {
        let source = context.source.filter(|_| keep_source);
        Self { actor, at: context.now, request_id: Some(context.request_id.clone()), source }
    }

    /// By an operator's command, such as `client disable`.
    pub fn command(name: &str, at: Timestamp) -> Self {
        let actor = Actor::Operator(name.chars().take(LONGEST_ACTOR).collect());
        Self { actor, at, request_id: None, source: None }
    }

    /// By this server itself.
    pub const fn system(at: Timestamp) -> Self {
        Self { actor: Actor::System, at, request_id: None, source: None }
    }

    /// The same act at the moment in which it is carried out.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Self {
        Self { at, ..self.clone() }
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// By whom, when, in which request.
    pub by: By,
    /// The client that it is about.
    pub client_id: Option<ClientId>,
    /// The user that it is about.
    pub user_id: Option<UserId>,
    /// The reference that was shown, where something was refused.
    pub reference: Option<Reference>,
    /// What else is to be known, bounded; never a secret.
    pub detail: Map<String, Value>,
}

impl Event {
    /// An event of this kind, with nothing said yet of what it is about.
    pub fn new(kind: EventKind, by: &By) -> Self {
        Self { kind, by: by.clone(), client_id: None, user_id: None, reference: None, detail: Map::new() }
    }

    /// About this client.
    #[must_use]
    pub fn client(mut self, id: &ClientId) -> Self {
        self.client_id = Some(id.clone());
        self
    }

    /// About this user.
    #[must_use]
    pub fn user(mut self, id: &UserId) -> Self {
        self.user_id = Some(id.clone());
        self
    }

    /// With the reference that was shown.
    #[must_use]
    pub fn reference(mut self, reference: &Reference) -> Self {
        self.reference = Some(reference.clone());
        self
    }

    /// With one more member of the detail. Long texts and lists are cut, and what does not fit any more is left out,
    /// which `cut` says then. Never a secret.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = bounded(value.into());
        if length(&self.detail) + length(&value) + name.len() + 16 > LARGEST_DETAIL {
            self.detail.insert("cut".to_owned(), true.into());
        } else {
            self.detail.insert(name.to_owned(), value);
        }
        self
    }
}

fn length(value: &impl serde::Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |json| json.len())
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(excerpt(&text)),
        Value::Array(items) => Value::Array(items.into_iter().take(MOST_ITEMS).map(bounded).collect()),
        Value::Object(_) => Value::Null,
        other => other,
    }
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Where it stands among events of the same second: greater is later.
    pub id: i64,
    /// The event.
    pub event: Event,
}

/// A stored event as it is printed and answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventDocument {
    /// Its place in the order of events.
    pub id: String,
    /// When, as RFC 3339 has it.
    pub time: String,
    /// What happened.
    pub kind: &'static str,
    /// Who did it: `user`, `client`, `operator`, `system` or `nobody`.
    pub actor_kind: &'static str,
    /// Which one: a subject, a client id, a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The client that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The subject of the user that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The request in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What `authward explain` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The source address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What else is to be known.
    pub detail: Map<String, Value>,
}

impl From<StoredEvent> for EventDocument {
    fn from(stored: StoredEvent) -> Self {
        let position = stored.position();
        let Event { kind, by, client_id, user_id, reference, detail } = stored.event;
        Self {
            id: position.to_string(),
            time: by.at.rfc3339(),
            kind: kind.as_str(),
            actor_kind: by.actor.kind(),
            actor: by.actor.name().map(str::to_owned),
            client_id: client_id.map(|id| id.to_string()),
            user_id: user_id.map(|id| id.to_string()),
            request_id: by.request_id,
            reference: reference.map(|reference| reference.to_string()),
            source: by.source.map(|source| source.to_string()),
            detail,
        }
    }
}

/// A place in the order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The second.
    pub at: Timestamp,
    /// The id within it.
    pub id: i64,
}

impl StoredEvent {
    /// Where it stands.
    pub const fn position(&self) -> Position {
        Position { at: self.event.by.at, id: self.id }
    }
}

impl Position {
    /// Reads what [`Position`] prints.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('.')?;
        Some(Self { at: Timestamp::from_seconds(at.parse().ok()?), id: id.parse().ok()? })
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at.seconds(), self.id)
    }
}

/// Which events are asked for. An empty filter means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// By this user, client or command, or by this kind of actor.
    pub actor: Option<String>,
    /// About this client.
    pub client_id: Option<ClientId>,
    /// About this user.
    pub user_id: Option<UserId>,
    /// With this reference, or in the request with this id.
    pub reference: Option<String>,
    /// Older than this place: the end of the page before.
    pub before: Option<Position>,
}

/// The rules that are events when a request is refused by one: guessing, forging and replaying, and what only a
/// mistaken or a hostile client sends. What people meet every day (an expired form, a cancelled sign-in) is none.
const SECURITY: [&Rule; 20] = [
    &refusal::THROTTLED,
    &refusal::FORM_FORGED,
    &refusal::REDIRECT_URI_MISMATCH,
    &refusal::PKCE_MISSING,
    &refusal::PKCE_METHOD,
    &refusal::CLIENT_AUTHENTICATION,
    &refusal::CLIENT_AUTHENTICATION_TWICE,
    &refusal::CLIENT_ASSERTION,
    &refusal::REQUEST_OBJECT_INVALID,
    &refusal::GRANT_TYPE_FORBIDDEN,
    &refusal::CODE_REPLAYED,
    &refusal::CODE_REDIRECT_URI,
    &refusal::CODE_VERIFIER,
    &refusal::REFRESH_TOKEN_REPLAYED,
    &refusal::SCOPE_WIDENED,
    &refusal::USER_DISABLED,
    &refusal::TOKEN_IN_QUERY,
    &refusal::ADMIN_ONLY,
    &refusal::INITIAL_ACCESS_TOKEN,
    &refusal::REGISTRATION_ACCESS_TOKEN,
];

/// Whether a refusal by this rule is an event. A wrong password is one already, told by the act itself.
pub fn is_event(rule: &str) -> bool {
    SECURITY.iter().any(|known| known.id == rule)
}

/// Makes events of refusals, no more than [`REFUSALS_A_MINUTE`] one by one, so that no flood of bad requests fills the
/// database; what is beyond is counted by rule.
#[derive(Debug, Default)]
pub struct Refusals {
    minute: i64,
    told: usize,
    untold: BTreeMap<String, u64>,
}

impl Refusals {
    /// The events that tell of one more refusal: none where its rule matters little, or where it is only counted; the
    /// counts of the minute before, where a new one begins.
    pub fn add(&mut self, record: &RefusalRecord, source: Option<IpAddr>) -> Vec<Event> {
        let mut events = self.turn(record.refused_at);
        if !is_event(&record.rule) {
            return events;
        }
        if self.told >= REFUSALS_A_MINUTE {
            *self.untold.entry(record.rule.clone()).or_default() += 1;
            return events;
        }
        self.told += 1;
        events.push(event_of(record, source));
        events
    }

    /// Counts a refusal that is not explained, because too many wait.
    pub fn count(&mut self, record: &RefusalRecord) {
        if is_event(&record.rule) {
            *self.untold.entry(record.rule.clone()).or_default() += 1;
        }
    }

    /// The counts of the last minute, once it is over.
    pub fn turn(&mut self, now: Timestamp) -> Vec<Event> {
        let minute = now.seconds().div_euclid(60);
        if minute <= self.minute {
            return Vec::new();
        }
        let end = Timestamp::from_seconds(self.minute * 60 + 59);
        (self.minute, self.told) = (minute, 0);
        let untold = std::mem::take(&mut self.untold);
        if untold.is_empty() {
            return Vec::new();
        }
        let event = Event::new(EventKind::RefusedMore, &By::system(end));
        vec![untold.into_iter().fold(event, |event, (rule, count)| event.with(&rule, count))]
    }
}

fn event_of(record: &RefusalRecord, source: Option<IpAddr>) -> Event {
    let by = By { actor: Actor::Nobody, at: record.refused_at, request_id: Some(record.request_id.clone()), source };
    let event = Event::new(EventKind::Refused, &by)
        .reference(&record.reference)
        .with("rule", record.rule.as_str())
        .with("endpoint", record.endpoint.as_str());
    record.client_id.iter().fold(event, Event::client)
}

#[cfg(test)]
mod tests {
    use super::super::refusal::{CLIENT_AUTHENTICATION, INTERACTION_GONE};
    use super::*;

    fn record(rule: &Rule, at: i64) -> RefusalRecord {
        RefusalRecord {
            reference: Reference::new("7K2M-9QX1"),
            rule: rule.id.to_owned(),
            client_id: Some(ClientId::new("backend")),
            sent: "a secret of 43 characters".to_owned(),
            expected: "the client's secret".to_owned(),
            request_id: "0123456789abcdef".to_owned(),
            endpoint: "POST /token".to_owned(),
            refused_at: Timestamp::from_seconds(at),
            expires_at: Timestamp::from_seconds(at + 1),
        }
    }

    #[test]
    fn kinds_are_read_back_and_unique() {
        for (n, kind) in EventKind::ALL.iter().enumerate() {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
            assert!(EventKind::ALL[..n].iter().all(|other| other.as_str() != kind.as_str()));
            assert!(kind.meaning().trim().ends_with('.') || kind.meaning().contains(':'), "{}", kind.meaning());
        }
        assert_eq!(EventKind::parse("Sign_in"), None);
    }

    #[test]
    fn actors_are_read_back_from_their_parts() {
        for actor in [
            Actor::User(UserId::new("u")),
            Actor::Client(ClientId::new("c")),
            Actor::Operator("client disable".to_owned()),
            Actor::System,
            Actor::Nobody,
        ] {
            let name = actor.name().map(str::to_owned);
            assert_eq!(Actor::from_parts(actor.kind(), name), Some(actor));
        }
        assert_eq!(Actor::from_parts("user", None), None);
        assert_eq!(Actor::from_parts("system", Some("x".to_owned())), None);
    }

    #[test]
    fn positions_are_read_back() {
        let position = Position { at: Timestamp::from_seconds(1_800_000_000), id: 42 };
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        for bad in ["", ".", "1", "1.", ".1", "1.x", "9999999999999999999999.1"] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_detail_is_bounded_and_holds_no_control_characters() {
        let mut event = Event::new(EventKind::ClientChanged, &By::system(Timestamp::from_seconds(0)));
        for n in 0..5000 {
            event = event.with(&format!("n{n}"), vec!["\u{1b}".repeat(10_000), "x".to_owned()]);
        }
        let text = Value::Object(event.detail).to_string();
        assert!(text.len() <= LARGEST_DETAIL, "{}", text.len());
        assert!(text.contains("\"n0\"") && text.contains("\"cut\":true"), "{text}");
        assert!(!text.contains("\\u001b"), "control characters are made visible");
    }

    #[test]
    fn refusals_that_matter_are_told_up_to_a_bound_and_counted_beyond() {
        let mut refusals = Refusals::default();
        assert!(refusals.add(&record(&INTERACTION_GONE, 60), None).is_empty());
        let mut told = 0;
        for _ in 0..REFUSALS_A_MINUTE + 5 {
            told += refusals.add(&record(&CLIENT_AUTHENTICATION, 61), None).len();
        }
        assert_eq!(told, REFUSALS_A_MINUTE);
        refusals.count(&record(&CLIENT_AUTHENTICATION, 62));
        assert!(refusals.turn(Timestamp::from_seconds(119)).is_empty());
        let events = refusals.add(&record(&CLIENT_AUTHENTICATION, 120), None);
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::RefusedMore, EventKind::Refused]);
        assert_eq!(events[0].detail, *serde_json::json!({ "AW-CLIENT-AUTHENTICATION": 6 }).as_object().unwrap());
        assert_eq!(events[1].reference, Some(Reference::new("7K2M-9QX1")));
        assert!(refusals.turn(Timestamp::from_seconds(600)).is_empty());
    }
}
