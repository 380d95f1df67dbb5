//! The description of the JSON endpoints: an OpenAPI 3.1 document made from the code, and a page that shows it.
//!
//! Operations of the admin API are described beside their handlers, those of the protocol in `protocol.rs`. What holds
//! for all of them (who may ask, what is refused how) is added here from the route's policy, so it cannot be forgotten.
//! Tests compare the document with the route table and hold the server's answers against it.

mod page;
mod protocol;

pub use page::get as page;

use crate::admin::{audit, catalogue, clients, keys, outbox, report, users};
use crate::domain::issuer::Issuer;
use crate::routes;
use crate::web::answer::problem::Problem;
use crate::web::extract::Edge;
use crate::web::policy::Auth;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

/// How long the document may be kept: seconds.
const MAX_AGE_SECONDS: u32 = 300;

#[derive(OpenApi)]
#[openapi(
    paths(
        protocol::token,
        protocol::introspect,
        protocol::revoke,
        protocol::userinfo,
        protocol::userinfo_by_post,
        protocol::jwks,
        protocol::server_metadata,
        protocol::openid_configuration,
        protocol::live,
        protocol::ready,
        protocol::openapi,
        protocol::report_usage,
        report::get,
        protocol::register,
        protocol::show_registration,
        protocol::replace_registration,
        protocol::remove_registration,
        clients::list,
        clients::create,
        clients::show,
        clients::replace,
        clients::disable,
        clients::enable,
        clients::renew_secret,
        users::list,
        users::create,
        users::show,
        users::update,
        users::disable,
        users::enable,
        users::set_password,
        users::end_sessions,
        keys::list,
        keys::rotate,
        keys::retire,
        audit::list,
        outbox::list,
        catalogue::resources,
        catalogue::scopes,
    ),
    components(schemas(protocol::ErrorAnswer, Problem)),
    tags(
        (name = "clients", description = "Registered clients"),
        (name = "users", description = "Accounts"),
        (name = "keys", description = "Signing keys"),
        (name = "audit", description = "What was done, by whom, and when"),
        (name = "outbox", description = "What clients are still to be told of ended sessions"),
        (name = "catalogue", description = "Protected resources and scopes, as `authward apply` has set them up"),
        (name = "usage", description = "Who calls which API how often"),
        (name = "protocol", description = "OAuth 2 and OpenID Connect"),
        (name = "health", description = "Operations"),
    ),
)]
struct Operations;

/// `GET /api/openapi.json`
pub async fn get(edge: Edge) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, format!("public, max-age={MAX_AGE_SECONDS}")))
        .json(document(edge.issuer()))
}

/// The document of the server with this issuer.
pub fn document(issuer: &Issuer) -> Value {
    let mut document = serde_json::to_value(Operations::openapi()).expect("a document of texts and numbers is JSON");
    document["info"] = json!({
        "title": "authward",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": issuer.as_str() }]);
    document["components"]["securitySchemes"] = security_schemes(issuer);
    for (path, _, policy) in routes::paths() {
        let Some(operations) = document["paths"].get_mut(path).and_then(Value::as_object_mut) else { continue };
        for (method, operation) in operations.iter_mut() {
            complete(operation, (path, method), policy.auth);
        }
    }
    document
}

const DESCRIPTION: &str = "The JSON endpoints of this server: OAuth 2 and OpenID Connect, and the admin API under /api. \
    The admin API takes access tokens for the resource {issuer}/api with scope admin:read to look or admin:write to \
    change, of a client that is registered for that scope (client_credentials) or of a user with the role admin. Its \
    refusals are problem documents (RFC 9457); `authward explain` says more of each by its reference.";

fn security_schemes(issuer: &Issuer) -> Value {
    let scopes = json!({ "admin:read": "Look", "admin:write": "Change" });
    json!({
        "admin": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": { "tokenUrl": issuer.endpoint("/token"), "scopes": scopes },
                "authorizationCode": {
                    "authorizationUrl": issuer.endpoint("/authorize"),
                    "tokenUrl": issuer.endpoint("/token"),
                    "scopes": scopes,
                },
            },
        },
        "client": { "type": "http", "scheme": "basic", "description": "client_id and client_secret, each form-encoded" },
        "access_token": { "type": "http", "scheme": "bearer" },
    })
}

/// Adds to one operation what its route's policy says of it.
fn complete(operation: &mut Value, (path, method): (&str, &str), auth: Auth) {
    let scope = if method == "get" { "admin:read" } else { "admin:write" };
    let is_report = auth == Auth::AdminOrReport && method == "post";
    let is_api = matches!(auth, Auth::Admin | Auth::AdminOrReport);
    let security = match auth {
        _ if is_report => json!([{ "client": [] }]),
        Auth::Admin | Auth::AdminOrReport => json!([{ "admin": [scope] }]),
        // A public client names itself in the body (RFC 6749 §3.2.1).
        Auth::Client => json!([{ "client": [] }, {}]),
        // An initial access token, where the operator wants one (RFC 7591 §3).
        Auth::Public if path == "/register" => json!([{ "access_token": [] }, {}]),
        Auth::Public | Auth::AdminPage if takes_token(path) => json!([{ "access_token": [] }]),
        Auth::Public | Auth::AdminPage => json!([]),
    };
    let has_body = operation.get("requestBody").is_some();
    operation["security"] = security;
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for status in refused((path, method), auth, has_body) {
        responses.entry(status.to_string()).or_insert_with(|| refusal(status, is_api, path));
    }
}

/// The statuses with which an operation refuses, beyond what it says of itself.
fn refused((path, method): (&str, &str), auth: Auth, has_body: bool) -> Vec<u16> {
    let mut refused = Vec::new();
    if matches!(auth, Auth::Admin | Auth::AdminOrReport) {
        refused.extend([400, 401, 403, 503]);
        refused.extend(path.contains('{').then_some(404));
        refused.extend((method != "get").then_some(409));
        refused.extend(has_body.then_some([413, 415]).into_iter().flatten());
        refused.extend((auth == Auth::AdminOrReport && method == "post").then_some(429));
    } else if auth == Auth::Client {
        refused.extend([400, 401, 413, 429, 503]);
    } else if path.starts_with("/register") {
        refused.extend([400, 401, 503]);
        refused.extend((method == "post").then_some([403, 429]).into_iter().flatten());
        refused.extend(has_body.then_some([413, 415]).into_iter().flatten());
    } else if path == "/userinfo" {
        refused.extend([400, 401, 403, 413, 503]);
    } else {
        refused.extend([400, 503]);
    }
    refused
}

/// Whether an access token, or one of those that registration knows, is brought as RFC 6750 has it.
fn takes_token(path: &str) -> bool {
    path == "/userinfo" || path.starts_with("/register")
}

/// How a status of refusal is described.
fn refusal(status: u16, is_api: bool, path: &str) -> Value {
    let description = match status {
        400 => "The request is malformed, or something in it is wrong",
        401 => "Nobody is proven: no token or client, or one that is not valid here",
        403 => "Whoever asks may not do that",
        404 => "There is no such thing",
        409 => "It is there already, or its state does not allow that",
        413 => "The body is larger than allowed",
        415 => "The body is not JSON",
        429 => "Too many attempts; Retry-After says when to try again",
        _ => "The server cannot answer right now; Retry-After says when to try again",
    };
    let (media_type, schema) =
        if is_api { ("application/problem+json", "Problem") } else { ("application/json", "ErrorAnswer") };
    let mut response = json!({ "description": description });
    // RFC 6750 §3.1: without a token there is nothing to say but the challenge.
    if status != 401 || !takes_token(path) {
        response["content"] = json!({ media_type: { "schema": { "$ref": format!("#/components/schemas/{schema}") } } });
    } else {
        response["content"] = json!({ media_type: { "schema": {} } });
    }
    let headers: Map<String, Value> = match status {
        401 => [("WWW-Authenticate", "What is to be proven, and how")].into_iter().map(described).collect(),
        429 | 503 => [("Retry-After", "Seconds")].into_iter().map(described).collect(),
        _ => Map::new(),
    };
    if !headers.is_empty() {
        response["headers"] = Value::Object(headers);
    }
    response
}

fn described((name, description): (&str, &str)) -> (String, Value) {
    (name.to_owned(), json!({ "description": description, "schema": { "type": "string" } }))
}
