//! Authorization server metadata (RFC 8414): says exactly what works.

use crate::clients::{Catalogue, OfferedNow};
use crate::domain::callback::ResponseMode;
use crate::domain::client::ClientAuthentication;
use crate::domain::client_key::ClientAlgorithm;
use crate::domain::issuer::Issuer;
use crate::domain::registration::RegistrationMode;
use crate::domain::response_type::ResponseType;
use crate::domain::scope::STANDARD;
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header::{self, ContentType};
use actix_web::web::{self, Bytes};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// How long clients may keep the document: seconds.
const MAX_AGE_SECONDS: u32 = 3600;

/// What the discovery documents are made from, as far as it changes while the server runs.
#[derive(Clone)]
pub struct Basis {
    catalogue: Arc<Catalogue>,
    /// What is offered by exceptions.
    pub offered: OfferedNow,
}

impl Basis {
    /// As things are now. Without a database it is what always works.
    pub async fn of(edge: &Edge) -> Self {
        let offered = edge.clients.offered().await.unwrap_or_default().at(edge.context.now);
        Self { catalogue: edge.clients.catalogue().await.unwrap_or_default(), offered }
    }
}

impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalogue, &other.catalogue) && self.offered == other.offered
    }
}

/// A discovery document as it was rendered last, and from what.
#[derive(Default)]
pub struct Rendered(Mutex<Option<(Basis, Bytes)>>);

impl Rendered {
    /// The document with its caching headers, made anew where something has changed.
    pub fn answer(&self, basis: Basis, make: impl FnOnce(&Basis) -> Value) -> HttpResponse {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match &*last {
            Some((known, bytes)) if *known == basis => bytes.clone(),
            _ => {
                let bytes = Bytes::from(make(&basis).to_string());
                *last = Some((basis, bytes.clone()));
                bytes
            }
        };
        drop(last);
        HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, format!("public, max-age={MAX_AGE_SECONDS}")))
            .content_type(ContentType::json())
            .body(bytes)
    }
}

/// The discovery documents of one worker.
#[derive(Default)]
pub struct Documents {
    authorization_server: Rendered,
    /// That of OpenID Connect.
    pub openid: Rendered,
}

/// `GET /.well-known/oauth-authorization-server`
pub async fn get(edge: Edge, documents: web::Data<Documents>) -> HttpResponse {
    let basis = Basis::of(&edge).await;
    documents.authorization_server.answer(basis, |basis| Value::Object(shared(edge.issuer(), basis)))
}

/// The members that both discovery documents share.
pub fn shared(issuer: &Issuer, basis: &Basis) -> Map<String, Value> {
    document(issuer, &basis.catalogue, &basis.offered.response_types().collect::<Vec<_>>())
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
