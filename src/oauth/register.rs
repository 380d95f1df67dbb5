//! Dynamic client registration (RFC 7591, OpenID Connect Registration) and its management by the client itself (RFC
//! 7592).
//!
//! Who may register is the operator's policy (`registration` of `authward apply`). A client that registers itself gets
//! nothing that is the operator's to give, and the server makes its identifier, its secret and the token by which it
//! manages itself; of the latter two only hashes are kept, so they are shown in the answer to the request that made or
//! brought them.

use crate::clients::metadata::{self, FieldError, Rules};
use crate::clients::published::{Errand, PublishedError, Purpose};
use crate::clients::registration::{self, Outcome, RegistrationError, SECTOR, SectorError};
use crate::clients::{change, parse_id, secret};
use crate::domain::audit::Actor;
use crate::domain::client::{Client, ClientAuthentication, ClientSecret, hex};
use crate::domain::id::ClientId;
use crate::domain::refusal::{self as rules, Refusal};
use crate::domain::registration::{Admission, NotAdmitted, Registration};
use crate::domain::secret::Secret;
use crate::sessions::attempt::AttemptError;
use crate::sessions::guard::network;
use crate::store::StoreError;
use crate::web::answer::{self, bearer, json};
use crate::web::bearer_token;
use crate::web::extract::Edge;
use crate::web::json::JsonBody;
use crate::web::middleware::SeenClient;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpMessage as _, HttpResponse, web};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Seconds after which trying again makes sense where there are as many clients as there may be.
const RETRY_WHEN_FULL: i64 = 3600;
/// Members that the server says, and ignores where a client sends back what it was answered (RFC 7592 §2.2).
const OURS: [&str; 4] =
    ["client_id_issued_at", "client_secret_expires_at", "registration_access_token", "registration_client_uri"];

/// Why a registration, or its management, is refused.
#[derive(Debug)]
pub enum RegisterError {
    /// Registration is closed.
    Closed,
    /// No token that lets the request in.
    Token(Refusal),
    /// The body is no JSON object.
    Body(Refusal),
    /// Members that are wrong.
    Fields(Vec<FieldError>),
    /// `sector_identifier_uri` could not be read.
    SectorUnread(PublishedError),
    /// Too much of it, in seconds until there may be more.
    Throttled(i64),
    /// There are as many clients as there may be.
    Full,
    /// Too many secrets are being checked, or sectors read.
    Busy,
    /// The database.
    Store(StoreError),
}

/// `POST /register` (RFC 7591 §3)
pub async fn post(edge: Edge, body: JsonBody) -> HttpResponse {
    finish(&edge, register(&edge, body).await)
}

/// `GET /register/{client_id}` (RFC 7592 §2.1)
pub async fn show(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let result = async {
        let managed = Managed::find(&edge, &id).await?;
        Ok(information(&edge, StatusCode::OK, &managed.client, (&managed.token, None)))
    };
    finish(&edge, result.await)
}

/// `PUT /register/{client_id}` (RFC 7592 §2.2)
pub async fn replace(edge: Edge, id: web::Path<String>, body: JsonBody) -> HttpResponse {
    let result = async {
        let managed = Managed::find(&edge, &id).await?;
        managed.replace(&edge, body).await
    };
    finish(&edge, result.await)
}

/// `DELETE /register/{client_id}` (RFC 7592 §2.3)
pub async fn remove(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let result = async {
        let id = Managed::find(&edge, &id).await?.client.id;
        let (by, client) = (edge.by(Actor::Client(id.clone())), id.clone());
        edge.store.write(move |db| change::remove(db, &client, &by)).await?;
        edge.clients.forget(&id);
        Ok(HttpResponse::NoContent().finish())
    };
    finish(&edge, result.await)
}

async fn register(edge: &Edge, body: JsonBody) -> Result<HttpResponse, RegisterError> {
    let now = edge.context.now;
    let token = initial_access_token(edge)?;
    let limits = edge.settings.limits.registration;
    let from = (edge.context.source, now);
    let admission = edge.clients.admit(token.as_ref(), from).await?;
    let exceptions = edge.clients.catalogue().await?.registration.live_exceptions(now);
    let rules = Rules::of_registration(&edge.settings, admission.registered_by(), exceptions);
    let id = metadata::parse_client_id(&edge.entropy.uuid(now.seconds())).expect("a UUID is a client_id");
    let mut client = metadata::read(id, &body.0?, &rules)?.client;
    let is_open = admission == Admission::Open;
    if is_open {
        edge.clients.take_place(from, &limits).await?;
    }
    let network = network(edge.context.source);
    let errand = Errand { purpose: Purpose::Sector, of: &network, is_open };
    edge.clients.check_sector(&client, errand).await?;
    let access_token = edge.entropy.secret();
    let (secret, stored_secret) = new_secret(edge, (&client.id, client.authentication)).unzip();
    client.secret = stored_secret;
    client.registration = Some(Registration {
        by: admission.registered_by(),
        issued_at: now,
        access_token: Some(hex(access_token.hash().as_bytes())),
    });
    let (stored, by) = (client.clone(), edge.by(Actor::Nobody));
    match edge.store.write(move |db| registration::register(db, &stored, &admission, (&limits, &by))).await? {
        Outcome::Registered => {}
        Outcome::UsedUp => return Err(RegisterError::initial_token("a token whose uses are used up")),
        Outcome::Full => return Err(RegisterError::Full),
    }
    edge.clients.forget(&client.id);
    edge.request.extensions_mut().insert(SeenClient(Arc::new(client.clone())));
    Ok(information(edge, StatusCode::CREATED, &client, (&access_token, secret.as_ref())))
}

/// RFC 7591 §3: "an OAuth 2.0 Bearer token" in the header.
fn initial_access_token(edge: &Edge) -> Result<Option<Secret>, RegisterError> {
    if !edge.request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    bearer_token::presented(edge, None).map(|token| Some(Secret::new(token))).map_err(RegisterError::Token)
}

/// A new secret, and its stored form, for a client that authenticates itself with one.
fn new_secret(edge: &Edge, (id, method): (&ClientId, ClientAuthentication)) -> Option<(Secret, ClientSecret)> {
    let new = method.needs_secret().then(|| edge.entropy.secret())?;
    let stored = secret::generated(&edge.keys.secret_seal(), (id, method), &new);
    Some((new, stored))
}

/// A registered client and the token by which it manages itself.
struct Managed {
    client: Client,
    token: Secret,
}

impl Managed {
    async fn find(edge: &Edge, id: &str) -> Result<Self, RegisterError> {
        let token = Secret::new(bearer_token::presented(edge, None).map_err(RegisterError::Token)?);
        let unknown = || {
            let refusal = Refusal::by(&rules::REGISTRATION_ACCESS_TOKEN);
            let sent = format!("a token that does not manage a client {}", rules::excerpt(id));
            RegisterError::Token(refusal.because(sent, "the registration_access_token of this client"))
        };
        let (wanted, presented) = (parse_id(id).ok_or_else(unknown)?, token.clone());
        let found = edge.store.read(move |db| registration::find_managed(db, &wanted, &presented)).await?;
        let client = found.ok_or_else(unknown)?;
        edge.request.extensions_mut().insert(SeenClient(Arc::new(client.clone())));
        Ok(Self { client, token })
    }

    /// What is left out gets its default. Identifier, secret and exceptions stay, and a client that begins to
    /// authenticate itself with a secret gets one.
    async fn replace(self, edge: &Edge, body: JsonBody) -> Result<HttpResponse, RegisterError> {
        let Self { client: stored, token } = self;
        let Some(registered) = stored.registration.as_ref() else { return Err(RegisterError::Closed) };
        let mut members = body.0?;
        let given = given_secret(edge, &stored, &members).await?;
        members.retain(|name, _| !OURS.contains(&name.as_str()));
        let live = stored.exceptions.iter().filter(|exception| !exception.until.is_past(edge.context.now));
        let rules = Rules::of_registration(&edge.settings, registered.by, live.cloned().collect());
        let said = metadata::read(stored.id.clone(), &members, &rules)?.client;
        edge.clients.check_sector(&said, Errand::of_client(Purpose::Sector, &stored)).await?;
        let method = said.authentication;
        let has_one = stored.secret.as_ref().is_some_and(|kept| secret::serves(kept, method));
        let new = if has_one { None } else { new_secret(edge, (&stored.id, method)) };
        let (shown, new) =
            new.map_or((given.filter(|_| method.needs_secret()), None), |(shown, new)| (Some(shown), Some(new)));
        let by = edge.by(Actor::Client(stored.id.clone()));
        let id = stored.id.clone();
        let change = move |client: &mut Client| *client = registration::replaced(client, &said, new.as_ref());
        let changed = edge.store.write(move |db| change::change(db, &id, &by, &change)).await?;
        let changed = changed.ok_or_else(|| RegisterError::gone(&stored))?;
        edge.clients.forget(&changed.id);
        Ok(information(edge, StatusCode::OK, &changed, (&token, shown.as_ref())))
    }
}

/// RFC 7592 §2.2: the client "MUST include its client_id field in the request", and "If the client includes the
/// client_secret field, the value ... MUST match the currently issued client secret". The secret, if it is given.
async fn given_secret(
    edge: &Edge,
    client: &Client,
    members: &Map<String, Value>,
) -> Result<Option<Secret>, RegisterError> {
    if members.get("client_id").and_then(Value::as_str) != Some(client.id.as_str()) {
        return Err(RegisterError::field("client_id", "it is required, and never changes"));
    }
    let Some(given) = members.get("client_secret").filter(|given| !given.is_null()) else { return Ok(None) };
    let given = given.as_str().map(Secret::new);
    let is_right = match &given {
        Some(given) => edge.clients.is_right(client, given, &edge.passwords).await?,
        None => false,
    };
    if is_right { Ok(given) } else { Err(RegisterError::field("client_secret", "it is not the secret of this client")) }
}

/// The client information response (RFC 7591 §3.2.1, RFC 7592 §3).
fn information(
    edge: &Edge,
    status: StatusCode,
    client: &Client,
    (access_token, secret): (&Secret, Option<&Secret>),
) -> HttpResponse {
    let mut members = registration::members(client);
    if let Some(registration) = &client.registration {
        members.insert("client_id_issued_at".to_owned(), json!(registration.issued_at.seconds()));
    }
    if let Some(secret) = secret {
        members.insert("client_secret".to_owned(), json!(secret.reveal()));
    }
    if client.secret.is_some() {
        // RFC 7591 §3.2.1: "REQUIRED if client_secret is issued ... or 0 if it will not expire".
        members.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    let address = edge.issuer().endpoint(&format!("/register/{}", percent_encoded(client.id.as_str())));
    members.insert("registration_client_uri".to_owned(), json!(address));
    members.insert("registration_access_token".to_owned(), json!(access_token.reveal()));
    HttpResponse::build(status).insert_header((header::PRAGMA, "no-cache")).json(members)
}

fn percent_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).map(|part| part.replace('+', "%20")).collect()
}

fn finish(edge: &Edge, result: Result<HttpResponse, RegisterError>) -> HttpResponse {
    result.unwrap_or_else(|error| error.answer(edge))
}

impl RegisterError {
    fn answer(&self, edge: &Edge) -> HttpResponse {
        let refusal = match self {
            Self::Closed => Refusal::by(&rules::REGISTRATION_CLOSED)
                .because("a registration", "registration.mode token or open, by authward apply"),
            Self::Token(refusal) => return bearer::refuse(edge, refusal),
            Self::Body(refusal) => refusal.clone(),
            Self::Fields(errors) => {
                let said = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let refusal = Refusal::by(rule_of(errors)).because(&said, "client metadata as RFC 7591 has it");
                return json::refuse_saying(edge, &refusal, &said);
            }
            Self::SectorUnread(cause) => {
                let said = format!("{SECTOR}: it could not be read");
                tracing::warn!(%cause, "what stands behind a sector_identifier_uri could not be read");
                let refusal = Refusal::by(&rules::REGISTRATION_METADATA)
                    .because(format!("{said}: {cause}"), "a JSON array of redirect URIs, with status 200");
                return json::refuse_saying(edge, &refusal, &said);
            }
            Self::Throttled(seconds) => Refusal::by(&rules::THROTTLED)
                .because("one more registration", "fewer within the hour, or the right token at once")
                .retry_after(*seconds),
            Self::Full => Refusal::by(&rules::THROTTLED)
                .because("one more registration", "fewer clients than limits.registration.most_clients")
                .retry_after(RETRY_WHEN_FULL),
            Self::Busy => Refusal::by(&rules::UNAVAILABLE),
            Self::Store(error) => answer::from_store(error),
        };
        json::refuse(edge, &refusal)
    }

    fn initial_token(sent: &str) -> Self {
        let refusal = Refusal::by(&rules::INITIAL_ACCESS_TOKEN);
        Self::Token(refusal.because(sent, "an initial access token that the operator has given, with a use left"))
    }

    fn field(field: &str, what: &str) -> Self {
        Self::Fields(vec![FieldError { field: field.to_owned(), what: what.to_owned() }])
    }

    /// Removed by somebody else in this very moment.
    fn gone(client: &Client) -> Self {
        let refusal = Refusal::by(&rules::REGISTRATION_ACCESS_TOKEN).of(&client.id);
        Self::Token(refusal.because("a token of a client that was removed", "a client that is registered"))
    }
}

/// RFC 7591 §3.2.2: an error of a redirect URI has a code of its own.
fn rule_of(errors: &[FieldError]) -> &'static rules::Rule {
    let is_of_redirect_uris = |error: &FieldError| error.field.split('[').next() == Some("redirect_uris");
    if errors.iter().any(is_of_redirect_uris) {
        &rules::REGISTRATION_REDIRECT_URI
    } else {
        &rules::REGISTRATION_METADATA
    }
}

impl From<RegistrationError> for RegisterError {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::NotAdmitted(NotAdmitted::Closed) => Self::Closed,
            RegistrationError::NotAdmitted(NotAdmitted::NoToken) => {
                let refusal = Refusal::by(&rules::TOKEN_MISSING);
                Self::Token(refusal.because("no token", "an initial access token in Authorization: Bearer"))
            }
            RegistrationError::NotAdmitted(NotAdmitted::UnknownToken) => {
                Self::initial_token("a token that is not listed")
            }
            RegistrationError::NotAdmitted(NotAdmitted::EndedToken) => Self::initial_token("a token that has ended"),
            RegistrationError::Throttled(seconds) => Self::Throttled(seconds),
            RegistrationError::Full => Self::Full,
            RegistrationError::Store(error) => Self::Store(error),
        }
    }
}

impl From<Refusal> for RegisterError {
    fn from(refusal: Refusal) -> Self {
        Self::Body(refusal)
    }
}

impl From<Vec<FieldError>> for RegisterError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Fields(errors)
    }
}

impl From<SectorError> for RegisterError {
    fn from(error: SectorError) -> Self {
        match error {
            SectorError::Unread(PublishedError::Busy) => Self::Busy,
            SectorError::Unread(cause) => Self::SectorUnread(cause),
            SectorError::Wrong(error) => Self::Fields(vec![error]),
        }
    }
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AttemptError> for RegisterError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Busy => Self::Busy,
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}
