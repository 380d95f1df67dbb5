//! `/api/clients`: registered clients, in the words of RFC 7591 metadata as `authward apply` takes them.

use super::input::Parameters;
use super::{ApiError, by, created, finish, ok};
use crate::clients::metadata::{self, GivenSecret, Rules};
use crate::clients::{change, secret};
use crate::domain::client::{self as domain, ClientAuthentication, ClientSecret};
use crate::domain::id::ClientId;
use crate::domain::registration::Registration;
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use crate::store;
use crate::web::extract::{Edge, Query};
use crate::web::json::JsonBody;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Clients by their identifiers.
#[derive(Serialize, ToSchema)]
pub struct ClientPage {
    clients: Vec<ClientDocument>,
    /// What to send as `after` for the next page; missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A client: RFC 7591 client metadata and what an operator says besides. What stands here can be sent back by PUT.
#[derive(Serialize, ToSchema)]
pub struct ClientDocument {
    /// `client_id`
    client_id: String,
    /// The name that people are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    /// `none`, `client_secret_basic`, `client_secret_post`, `client_secret_jwt` or `private_key_jwt`.
    token_endpoint_auth_method: &'static str,
    /// `web` or `native`.
    #[schema(value_type = String)]
    application_type: domain::ApplicationType,
    /// Where answers may go.
    redirect_uris: Vec<String>,
    /// What it may use at the token endpoint.
    #[schema(value_type = Vec<String>)]
    grant_types: Vec<domain::GrantType>,
    /// What it may ask for at the authorization endpoint.
    response_types: Vec<String>,
    /// The scopes that it may ask for, separated by spaces.
    scope: String,
    /// The algorithm of its ID tokens.
    id_token_signed_response_alg: String,
    /// Whether nobody is asked for consent.
    skip_consent: bool,
    /// What is weaker than OAuth 2.1, until a day.
    exceptions: Vec<ExceptionDocument>,
    /// `aud` of its access tokens where no resource is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_resource: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_lifetime: Option<i64>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_idle_lifetime: Option<i64>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_lifetime: Option<i64>,
    /// Whether refresh tokens change at each use.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_rotation: Option<bool>,
    /// Web origins that may call the token endpoint, beyond those of the redirect URIs.
    allowed_origins: Vec<String>,
    /// Whether its requests are refused.
    disabled: bool,
    /// How it registered itself: `token` or `open`. Missing where an operator made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_by: Option<&'static str>,
    /// When it registered itself: seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id_issued_at: Option<i64>,
    /// Other registered metadata, as it came.
    #[serde(flatten)]
    metadata: Map<String, Value>,
}

/// A dated exception.
#[derive(Serialize, ToSchema)]
pub struct ExceptionDocument {
    /// What it allows.
    allow: &'static str,
    /// Why.
    reason: String,
    /// Who answers for it.
    owner: String,
    /// The last day on which it holds.
    until: String,
}

/// A client that was just made, with the secret that was generated for it: it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct NewClient {
    #[serde(flatten)]
    client: ClientDocument,
    /// The generated secret. Missing for a public client and where the secret was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// A generated secret: it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct NewSecret {
    /// `client_id`
    client_id: String,
    /// The secret.
    client_secret: String,
}

/// RFC 7591 client metadata, with `client_id`, `client_secret`, `exceptions` and what else a document for
/// `authward apply` may say of a client.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[allow(dead_code, reason = "describes a body that clients::metadata reads")]
pub struct ClientMetadata(Map<String, Value>);

impl From<&domain::Client> for ClientDocument {
    fn from(client: &domain::Client) -> Self {
        let exception = |exception: &crate::domain::exception::Exception| ExceptionDocument {
            allow: exception.allow.as_str(),
            reason: exception.reason.clone(),
            owner: exception.owner.clone(),
            until: exception.until.minus(Lifetime::seconds(1)).rfc3339().chars().take("2027-06-30".len()).collect(),
        };
        Self {
            client_id: client.id.to_string(),
            client_name: client.name.clone(),
            token_endpoint_auth_method: client.authentication.as_str(),
            application_type: client.application_type,
            redirect_uris: client.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            grant_types: client.grant_types.clone(),
            response_types: client.response_types.clone(),
            scope: client.scopes.to_string(),
            id_token_signed_response_alg: client.id_token_algorithm.clone(),
            skip_consent: client.skip_consent,
            exceptions: client.exceptions.iter().map(exception).collect(),
            default_resource: client.default_resource.clone(),
            access_token_lifetime: client.access_token_lifetime.map(Lifetime::as_seconds),
            refresh_token_idle_lifetime: client.refresh_token_idle_lifetime.map(Lifetime::as_seconds),
            refresh_token_lifetime: client.refresh_token_lifetime.map(Lifetime::as_seconds),
            refresh_token_rotation: client.refresh_token_rotation,
            allowed_origins: client.allowed_origins.clone(),
            disabled: client.disabled_at.is_some(),
            registered_by: client.registration.as_ref().map(|registration| registration.by.as_str()),
            client_id_issued_at: client.registration.as_ref().map(|registration| registration.issued_at.seconds()),
            metadata: client.metadata.clone(),
        }
    }
}

/// The clients, by their identifiers.
#[utoipa::path(
    get, path = "/api/clients", tag = "clients", operation_id = "listClients",
    params(
        ("after" = Option<String>, Query, description = "After this client: next of the page before"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "Entries of a page; 50 where it is missing"),
    ),
    responses((status = 200, description = "A page of clients", body = ClientPage)),
)]
pub async fn list(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let mut parameters = Parameters::of(query, &["after", "limit"])?;
        let (after, limit) = (parameters.text("after").map(ClientId::new), parameters.limit());
        parameters.finish()?;
        let mut stored = edge.store.read(move |db| store::clients::page(db, after.as_ref(), limit + 1)).await?;
        let has_more = stored.len() as i64 > limit;
        stored.truncate(usize::try_from(limit).unwrap_or(0));
        let next = stored.last().filter(|_| has_more).map(|last| last.id.to_string());
        Ok(ok(&ClientPage { clients: stored.iter().map(ClientDocument::from).collect(), next }))
    };
    finish(&edge, result.await)
}

/// Register a client. A confidential client that brings no `client_secret` gets a generated one, shown this once.
#[utoipa::path(
    post, path = "/api/clients", tag = "clients", operation_id = "createClient", request_body = ClientMetadata,
    responses((status = 201, description = "The client, with a generated secret", body = NewClient)),
)]
pub async fn create(edge: Edge, body: JsonBody) -> HttpResponse {
    let result = async {
        let members = body.0?;
        let id = match members.get("client_id").and_then(Value::as_str) {
            Some(_) => None,
            None => Some(edge.entropy.uuid(edge.context.now.seconds())),
        };
        let given = Given::read(&edge, id.as_deref(), members)?;
        let generated = given.needs_secret().then(|| edge.entropy.secret());
        let mut client = given.client(&edge, None).await?;
        if let Some(secret) = &generated {
            client.secret = Some(generated_form(&edge, &client, secret));
        }
        let (stored, by) = (client.clone(), by(&edge));
        if !edge.store.write(move |db| change::create(db, &stored, &by)).await? {
            return Err(ApiError::Taken("the client_id"));
        }
        let secret = generated.map(|secret| secret.reveal().to_owned());
        let new = NewClient { client: ClientDocument::from(&client), client_secret: secret };
        Ok(created(&edge, &["clients", client.id.as_str()], &new))
    };
    finish(&edge, result.await)
}

/// One client.
#[utoipa::path(
    get, path = "/api/clients/{client_id}", tag = "clients", operation_id = "showClient",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "The client", body = ClientDocument)),
)]
pub async fn show(edge: Edge, id: web::Path<String>, query: Query) -> HttpResponse {
    let result = async {
        Parameters::of(query, &[])?.finish()?;
        let client = load(&edge, &id).await?;
        Ok(ok(&ClientDocument::from(&client)))
    };
    finish(&edge, result.await)
}

/// Replace a client: what is left out gets its default. The secret stays, unless another is given.
#[utoipa::path(
    put, path = "/api/clients/{client_id}", tag = "clients", operation_id = "replaceClient",
    params(("client_id" = String, Path, description = "The client")), request_body = ClientMetadata,
    responses((status = 200, description = "The client as it is now", body = ClientDocument)),
)]
pub async fn replace(edge: Edge, id: web::Path<String>, body: JsonBody) -> HttpResponse {
    let result = async {
        let before = load(&edge, &id).await?;
        let given = Given::read(&edge, Some(&id), body.0?)?;
        let method = given.registered.authentication;
        if given.needs_secret() && !before.secret.as_ref().is_some_and(|stored| secret::serves(stored, method)) {
            let what = "it is required: the client has none yet, or one that is kept as a hash and cannot sign";
            return Err(ApiError::field("client_secret", what));
        }
        let after = given.client(&edge, Some(&before)).await?;
        altered(&edge, &id, move |client| {
            let secret = if after.secret.is_some() || !has_secret(&after) { &after.secret } else { &client.secret };
            let (said, stored) = (after.registration.clone(), client.registration.as_ref());
            let registration = Registration::keeping_token(said, stored);
            *client = domain::Client { secret: secret.clone(), registration, ..after.clone() };
        })
        .await
    };
    finish(&edge, result.await)
}

/// Disable a client: its requests are refused, on every node within seconds.
#[utoipa::path(
    post, path = "/api/clients/{client_id}/disable", tag = "clients", operation_id = "disableClient",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "The client as it is now", body = ClientDocument)),
)]
pub async fn disable(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let now = edge.context.now;
    let result = altered(&edge, &id, move |client| client.disabled_at = client.disabled_at.or(Some(now)));
    finish(&edge, result.await)
}

/// Enable a client that was disabled.
#[utoipa::path(
    post, path = "/api/clients/{client_id}/enable", tag = "clients", operation_id = "enableClient",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "The client as it is now", body = ClientDocument)),
)]
pub async fn enable(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let result = altered(&edge, &id, |client| client.disabled_at = None);
    finish(&edge, result.await)
}

/// Replace the secret by a generated one, shown this once. The old one is refused on every node within seconds.
#[utoipa::path(
    post, path = "/api/clients/{client_id}/secret", tag = "clients", operation_id = "renewClientSecret",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "The new secret", body = NewSecret)),
)]
pub async fn renew_secret(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let result = async {
        let client = load(&edge, &id).await?;
        if !has_secret(&client) {
            let sent = "a client whose token_endpoint_auth_method needs no secret";
            return Err(ApiError::State(sent, "a client that has a secret"));
        }
        let secret = edge.entropy.secret();
        let stored = generated_form(&edge, &client, &secret);
        alter(&edge, &id, move |client| client.secret = Some(stored.clone())).await?;
        Ok(ok(&NewSecret { client_id: id.to_string(), client_secret: secret.reveal().to_owned() }))
    };
    finish(&edge, result.await)
}

/// What a body says of a client.
struct Given {
    registered: domain::Client,
    secret: Option<GivenSecret>,
    disabled: Option<bool>,
}

impl Given {
    /// Reads metadata by the rules of an operator. `id` is the client's, where the body need not say it.
    fn read(edge: &Edge, id: Option<&str>, mut members: Map<String, Value>) -> Result<Self, ApiError> {
        let said = members.get("client_id").filter(|value| !value.is_null()).cloned();
        let id = match (id, &said) {
            (Some(id), None) => id.to_owned(),
            (Some(id), Some(Value::String(said))) if id == said => id.to_owned(),
            (Some(_), Some(_)) => return Err(ApiError::field("client_id", "it is another one than in the path")),
            (None, Some(Value::String(said))) => said.clone(),
            (None, _) => return Err(ApiError::field("client_id", "it is not a text")),
        };
        let id = metadata::parse_client_id(&id).map_err(|what| ApiError::field("client_id", what))?;
        let says = |name: &str| members.get(name).is_some_and(|secret| !secret.is_null());
        let gives_secret = says("client_secret") || says("client_secret_hash");
        if !gives_secret && needs_secret(&members) {
            // Whether there is one already is asked later; the rules want one said.
            members.insert("client_secret".to_owned(), json!(edge.entropy.secret().reveal()));
        }
        let registered = metadata::read(id, &members, &Rules::of_operator(&edge.settings))?;
        let secret = registered.client_secret.filter(|_| gives_secret);
        Ok(Self { registered: registered.client, secret, disabled: registered.disabled })
    }

    fn needs_secret(&self) -> bool {
        has_secret(&self.registered) && self.secret.is_none()
    }

    /// The client, its chosen secret stretched.
    async fn client(self, edge: &Edge, before: Option<&domain::Client>) -> Result<domain::Client, ApiError> {
        let (id, method) = (&self.registered.id, self.registered.authentication);
        let seal = edge.keys.secret_seal();
        let secret = match &self.secret {
            Some(GivenSecret::Clear(secret)) => match secret::sealed(&seal, (id, method), secret) {
                Some(sealed) => Some(sealed),
                None => Some(ClientSecret::Stretched(edge.passwords.hash(secret).await?)),
            },
            Some(GivenSecret::Stored(ClientSecret::Sealed(sealed))) => {
                let opened = seal.open(id, sealed);
                opened.map_err(|error| ApiError::field("client_secret_hash", error.to_string()))?;
                Some(ClientSecret::Sealed(sealed.clone()))
            }
            Some(GivenSecret::Stored(stored)) => Some(stored.clone()),
            None => None,
        };
        let was_disabled = before.and_then(|client| client.disabled_at);
        let disabled_at = match self.disabled {
            None => was_disabled,
            Some(true) => was_disabled.or(Some(edge.context.now)),
            Some(false) => None,
        };
        Ok(domain::Client { secret, disabled_at, ..self.registered })
    }
}

/// Whether a client with this metadata has a secret. What is no method is found later.
fn needs_secret(members: &Map<String, Value>) -> bool {
    let said = members.get("token_endpoint_auth_method").and_then(Value::as_str);
    let method = ClientAuthentication::ALL.into_iter().find(|method| said == Some(method.as_str()));
    method.is_none_or(ClientAuthentication::needs_secret)
}

const fn has_secret(client: &domain::Client) -> bool {
    client.authentication.needs_secret()
}

fn generated_form(edge: &Edge, client: &domain::Client, secret: &Secret) -> ClientSecret {
    secret::generated(&edge.keys.secret_seal(), (&client.id, client.authentication), secret)
}

fn unknown(id: &str) -> ApiError {
    ApiError::Unknown("client", id.to_owned())
}

async fn load(edge: &Edge, id: &str) -> Result<domain::Client, ApiError> {
    let wanted = crate::clients::parse_id(id).ok_or_else(|| unknown(id))?;
    let found = edge.store.read(move |db| store::clients::find(db, &wanted)).await?;
    found.ok_or_else(|| unknown(id))
}

async fn alter(
    edge: &Edge,
    id: &str,
    change: impl Fn(&mut domain::Client) + Send + 'static,
) -> Result<domain::Client, ApiError> {
    let wanted = crate::clients::parse_id(id).ok_or_else(|| unknown(id))?;
    let by = by(edge);
    let changed = edge.store.write(move |db| change::change(db, &wanted, &by, &change)).await?;
    changed.ok_or_else(|| unknown(id))
}

async fn altered(
    edge: &Edge,
    id: &str,
    change: impl Fn(&mut domain::Client) + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let client = alter(edge, id, change).await?;
    Ok(ok(&ClientDocument::from(&client)))
}
