//! The endpoints of the protocol as the document describes them. Their answers are written where they are made, often
//! member by member; here is what is promised of them, and the tests hold every answer against it.
#![allow(dead_code, reason = "these items are read by the document's macros alone")]

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A request to the token endpoint (RFC 6749 §3.2): the members of one grant type.
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    /// `authorization_code`, `refresh_token`, or another that the metadata document lists.
    grant_type: String,
    /// RFC 6749 §4.1.3
    code: Option<String>,
    /// RFC 6749 §4.1.3
    redirect_uri: Option<String>,
    /// RFC 7636 §4.5
    code_verifier: Option<String>,
    /// RFC 6749 §6
    refresh_token: Option<String>,
    /// RFC 6749 §3.3
    scope: Option<String>,
    /// RFC 8707 §2; may be repeated.
    resource: Option<String>,
    /// Of a client without `Authorization` header.
    client_id: Option<String>,
    /// Of a client with `client_secret_post`.
    client_secret: Option<String>,
}

/// What was issued (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenAnswer {
    /// The access token.
    access_token: String,
    /// `Bearer`
    token_type: String,
    /// Seconds.
    expires_in: i64,
    /// The refresh token, where one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// The ID token, where the scope holds `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id_token: Option<String>,
    /// What was granted.
    scope: String,
}

/// An error (RFC 6749 §5.2).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// The error code.
    error: String,
    /// The rule in words, and the reference that explains it.
    error_description: String,
}

/// Claims of the user (OIDC Core §5.3.2).
#[derive(Serialize, ToSchema)]
pub struct UserinfoAnswer {
    /// The subject.
    sub: String,
}

/// The access token where it is not sent in the header (RFC 6750 §2.2).
#[derive(Deserialize, ToSchema)]
pub struct UserinfoForm {
    /// The access token.
    access_token: Option<String>,
}

/// A question about a token, or an order to revoke it (RFC 7662 §2.1, RFC 7009 §2.1).
#[derive(Deserialize, ToSchema)]
pub struct TokenInquiryForm {
    /// The token.
    token: String,
    /// `access_token` or `refresh_token`.
    token_type_hint: Option<String>,
    /// Of a client without `Authorization` header.
    client_id: Option<String>,
    /// Of a client with `client_secret_post`.
    client_secret: Option<String>,
}

/// What a token means (RFC 7662 §2.2): `active` alone where it is not live, or not this client's business.
#[derive(Serialize, ToSchema)]
pub struct IntrospectionAnswer {
    /// Whether it is live.
    active: bool,
}

/// The public keys (RFC 7517 §5).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JwksAnswer {
    /// The keys.
    keys: Vec<JwkAnswer>,
}

/// A public key (RFC 7517 §4).
#[derive(Serialize, ToSchema)]
pub struct JwkAnswer {
    /// `EC`, `RSA` or `OKP`.
    kty: String,
    /// Its identifier.
    kid: String,
    /// The algorithm that it is for.
    alg: String,
    /// `sig`
    #[serde(rename = "use")]
    usage: String,
}

/// Client metadata (RFC 7591 §2, OpenID Connect Registration §2). Other registered members are kept, unknown ones ignored.
#[derive(Deserialize, ToSchema)]
pub struct RegistrationForm {
    /// Where answers may go.
    redirect_uris: Option<Vec<String>>,
    /// The name that people are shown.
    client_name: Option<String>,
    /// `client_secret_basic` where it is missing.
    token_endpoint_auth_method: Option<String>,
    /// `authorization_code` where it is missing.
    grant_types: Option<Vec<String>>,
    /// `code` where it is missing.
    response_types: Option<Vec<String>>,
    /// The scopes that it may ask for, separated by spaces; those of OpenID Connect where it is missing.
    scope: Option<String>,
    /// `web` or `native`.
    application_type: Option<String>,
    /// Required by PUT: the identifier, which never changes.
    client_id: Option<String>,
    /// At PUT: the present secret.
    client_secret: Option<String>,
}

/// A registered client (RFC 7591 §3.2.1, RFC 7592 §3): everything it is registered with, defaults included.
#[derive(Serialize, ToSchema)]
pub struct RegistrationAnswer {
    /// The identifier.
    client_id: String,
    /// When it was registered: seconds since the epoch.
    client_id_issued_at: i64,
    /// The secret, in the answer to the request that made or brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_secret: Option<String>,
    /// 0: the secret does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client_secret_expires_at: Option<i64>,
    /// Where the client manages its registration.
    registration_client_uri: String,
    /// The bearer token for it.
    registration_access_token: String,
    token_endpoint_auth_method: String,
    application_type: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<String>,
    response_types: Vec<String>,
    scope: String,
}

/// Authorization server metadata (RFC 8414 §2): what every such document of this server says.
#[derive(Serialize, ToSchema)]
pub struct MetadataAnswer {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<String>,
    response_types_supported: Vec<String>,
    response_modes_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    code_challenge_methods_supported: Vec<String>,
    ui_locales_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
}

/// Health.
#[derive(Serialize, ToSchema)]
pub struct HealthAnswer {
    /// `live`, `ready` or `unavailable`.
    status: String,
}

/// Calls that a protected resource answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageBatch {
    /// The identifier of the resource.
    resource: String,
    /// 1 to 128 visible ASCII characters, new for each batch. One that was taken before is not counted again.
    batch_id: String,
    /// 1 to 500.
    entries: Vec<UsageEntry>,
}

/// Some calls of one client to one endpoint with one outcome within one hour.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageEntry {
    /// The client; null where there was no valid token.
    client_id: Option<String>,
    /// Method and template of the path.
    endpoint: String,
    /// `ok`, `denied`, `error`, or a status class such as `2xx`.
    outcome: String,
    /// How many calls.
    count: u64,
    /// When, in seconds since the epoch.
    at: i64,
    /// Calls by the upper bound of their bucket in milliseconds.
    latency: Option<BTreeMap<String, u64>>,
    /// What they took together.
    duration_ms: Option<u64>,
}

/// A batch that is counted.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageTaken {
    /// The batch.
    batch_id: String,
    /// Whether it was counted before.
    repeated: bool,
    /// The calls of the batch.
    calls: u64,
}

/// Exchange a code, a refresh token or a client's own credentials for tokens (RFC 6749 §3.2).
#[utoipa::path(
    post, path = "/token", tag = "protocol", operation_id = "token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What was issued", body = TokenAnswer)),
)]
fn token() {}

/// Ask what a token means, and whether it still does (RFC 7662).
#[utoipa::path(
    post, path = "/introspect", tag = "protocol", operation_id = "introspect",
    request_body(content = TokenInquiryForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What it means", body = IntrospectionAnswer)),
)]
fn introspect() {}

/// Revoke a token: a refresh token with all that came from its sign-in, an access token alone (RFC 7009).
#[utoipa::path(
    post, path = "/revoke", tag = "protocol", operation_id = "revoke",
    request_body(content = TokenInquiryForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It is not live any more, or never was")),
)]
fn revoke() {}

/// Claims of the user whose access token is sent (OIDC Core §5.3).
#[utoipa::path(
    get, path = "/userinfo", tag = "protocol", operation_id = "userinfo",
    responses((
        status = 200, description = "The claims that the scopes allow; a JWT where the client registered so",
        content((UserinfoAnswer = "application/json"), (String = "application/jwt")),
    )),
)]
fn userinfo() {}

/// The same, with the access token in the header or in the body (RFC 6750 §2.2).
#[utoipa::path(
    post, path = "/userinfo", tag = "protocol", operation_id = "userinfoByPost",
    request_body(content = UserinfoForm, content_type = "application/x-www-form-urlencoded"),
    responses((
        status = 200, description = "The claims that the scopes allow; a JWT where the client registered so",
        content((UserinfoAnswer = "application/json"), (String = "application/jwt")),
    )),
)]
fn userinfo_by_post() {}

/// The public keys that tokens are verified with (RFC 7517).
#[utoipa::path(
    get, path = "/jwks", tag = "protocol", operation_id = "jwks",
    responses(
        (status = 200, description = "The keys", body = JwksAnswer, content_type = "application/jwk-set+json"),
        (status = 304, description = "They are those that If-None-Match names"),
    ),
)]
fn jwks() {}

/// Authorization server metadata (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "protocol", operation_id = "serverMetadata",
    responses((status = 200, description = "What this server does", body = MetadataAnswer)),
)]
fn server_metadata() {}

/// The same with what OpenID Connect Discovery adds.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "protocol", operation_id = "openidConfiguration",
    responses((status = 200, description = "What this server does", body = MetadataAnswer)),
)]
fn openid_configuration() {}

/// Register a client (RFC 7591 §3). Who may, the operator says; where it is not anybody, with an initial access token.
#[utoipa::path(
    post, path = "/register", tag = "protocol", operation_id = "register",
    request_body(content = RegistrationForm, content_type = "application/json"),
    responses((status = 201, description = "The client", body = RegistrationAnswer)),
)]
fn register() {}

/// The registration of a client, as the client itself asks for it (RFC 7592 §2.1).
#[utoipa::path(
    get, path = "/register/{client_id}", tag = "protocol", operation_id = "showRegistration",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 200, description = "The client", body = RegistrationAnswer)),
)]
fn show_registration() {}

/// Replace the metadata of a client, as the client itself does (RFC 7592 §2.2). What is left out gets its default.
#[utoipa::path(
    put, path = "/register/{client_id}", tag = "protocol", operation_id = "replaceRegistration",
    params(("client_id" = String, Path, description = "The client")),
    request_body(content = RegistrationForm, content_type = "application/json"),
    responses((status = 200, description = "The client as it is now", body = RegistrationAnswer)),
)]
fn replace_registration() {}

/// Remove a client and everything it was given, as the client itself does (RFC 7592 §2.3).
#[utoipa::path(
    delete, path = "/register/{client_id}", tag = "protocol", operation_id = "removeRegistration",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = 204, description = "It is gone")),
)]
fn remove_registration() {}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/health/live", tag = "health", operation_id = "live",
    responses((status = 200, description = "It does", body = HealthAnswer)),
)]
fn live() {}

/// Whether it can serve: database, schema, signing keys.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", operation_id = "ready",
    responses(
        (status = 200, description = "It can", body = HealthAnswer),
        (status = 503, description = "It cannot yet", body = HealthAnswer),
    ),
)]
fn ready() {}

/// Report calls that a protected resource answered, as a client that serves it.
#[utoipa::path(
    post, path = "/api/usage", tag = "usage", operation_id = "reportUsage",
    request_body(content = UsageBatch, content_type = "application/json"),
    responses((status = 200, description = "It is counted", body = UsageTaken)),
)]
fn report_usage() {}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "health", operation_id = "openapi",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = serde_json::Value)),
)]
fn openapi() {}
