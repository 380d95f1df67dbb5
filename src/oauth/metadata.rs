//! Authorization server metadata (RFC 8414): says exactly what works.

use crate::clients::Catalogue;
use crate::domain::callback::ResponseMode;
use crate::domain::client::ClientAuthentication;
use crate::domain::client_key::ClientAlgorithm;
use crate::domain::issuer::Issuer;
use crate::domain::registration::RegistrationMode;
use crate::domain::response_type::ResponseType;
use crate::domain::scope::STANDARD;
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::{Map, Value, json};

/// How long clients may keep the document: seconds.
const MAX_AGE_SECONDS: u32 = 3600;

/// `GET /.well-known/oauth-authorization-server`
pub async fn get(edge: Edge) -> HttpResponse {
    answer(&Value::Object(shared(&edge).await))
}

/// The members that both discovery documents share, as things are now. Without a database the document says what always
/// works.
pub async fn shared(edge: &Edge) -> Map<String, Value> {
    let catalogue = edge.clients.catalogue().await.unwrap_or_default();
    let offered = edge.clients.offered().await.unwrap_or_default();
    let kinds: Vec<ResponseType> = offered.response_types(edge.context.now).collect();
    document(edge.issuer(), &catalogue, &kinds)
}

fn document(issuer: &Issuer, catalogue: &Catalogue, response_types: &[ResponseType]) -> Map<String, Value> {
    let methods: Vec<&str> = ClientAuthentication::ALL.iter().map(|method| method.as_str()).collect();
    let confidential_methods: Vec<&str> =
        methods.iter().copied().filter(|method| *method != ClientAuthentication::None.as_str()).collect();
    let algorithms = ClientAlgorithm::ALL.map(ClientAlgorithm::as_str);
    let modes: Vec<&str> = ResponseMode::ALL.iter().map(|mode| mode.as_str()).collect();
    let own_scopes = catalogue.scopes.iter().map(|scope| scope.name.as_str());
    let scopes: Vec<&str> = STANDARD.into_iter().chain(own_scopes).collect();
    // OpenID Connect Registration §2: what gives tokens in the browser needs the grant type implicit too.
    let has_implicit = response_types.iter().any(|kind| kind.allowance().is_some());
    let grants = ["authorization_code", "refresh_token", "client_credentials"];
    let grants: Vec<&str> = grants.into_iter().chain(has_implicit.then_some("implicit")).collect();
    let document = json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": issuer.endpoint("/authorize"),
        "token_endpoint": issuer.endpoint("/token"),
        "introspection_endpoint": issuer.endpoint("/introspect"),
        "revocation_endpoint": issuer.endpoint("/revoke"),
        "jwks_uri": issuer.endpoint("/jwks"),
        "scopes_supported": scopes,
        "response_types_supported": response_types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "response_modes_supported": modes,
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": confidential_methods,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "ui_locales_supported": ["en", "ko"],
        "authorization_response_iss_parameter_supported": true,
    });
    let Value::Object(mut members) = document else { return Map::new() };
    if catalogue.registration.mode != RegistrationMode::Closed {
        members.insert("registration_endpoint".to_owned(), json!(issuer.endpoint("/register")));
    }
    members
}

/// Metadata with its caching headers.
pub fn answer(document: &Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, format!("public, max-age={MAX_AGE_SECONDS}")))
        .json(document)
}
