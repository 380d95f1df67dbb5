//! What belongs to no feature: assets, the demonstration, and the discovery document that two rooms share.

use crate::domain::refusal::{self, Refusal};
use crate::oauth::metadata::{self, Basis, Documents};
use crate::oidc::discovery;
use crate::ui::Asset;
use crate::web::answer::page;
use crate::web::extract::Edge;
use actix_web::http::header;
use actix_web::{HttpResponse, web};

const DEMO_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                           form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery §4)
pub async fn openid_configuration(edge: Edge, documents: web::Data<Documents>) -> HttpResponse {
    let basis = Basis::of(&edge).await;
    documents.openid.answer(basis, |basis| {
        let has_session_management = edge.settings.sessions.session_management;
        let about = (edge.issuer(), has_session_management, basis.offered.unsigned_request_objects);
        discovery::document(metadata::shared(edge.issuer(), basis), about, edge.keys.algorithms())
    })
}

/// `GET /favicon.ico`, which browsers ask for where a page names no icon.
pub async fn icon(edge: Edge) -> HttpResponse {
    match edge.ui.asset_named("mark.svg") {
        Some(asset) => file(asset),
        None => nothing(&edge),
    }
}

/// `GET /assets/{name}`
pub async fn asset(edge: Edge, name: web::Path<String>) -> HttpResponse {
    match edge.ui.asset(&name) {
        Some(asset) => file(asset),
        None => nothing(&edge),
    }
}

/// `GET /demo`: on loopback issuers only.
pub async fn demo(edge: Edge) -> HttpResponse {
    demo_asset(&edge, "index.html")
}

/// `GET /demo/{name}`
pub async fn demo_file(edge: Edge, name: web::Path<String>) -> HttpResponse {
    demo_asset(&edge, &name)
}

fn demo_asset(edge: &Edge, name: &str) -> HttpResponse {
    match edge.ui.demo(name).filter(|_| edge.issuer().is_loopback()) {
        Some(asset) => {
            let mut response = file(asset);
            response
                .headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(DEMO_POLICY));
            response
        }
        None => nothing(edge),
    }
}

fn file(asset: &Asset) -> HttpResponse {
    HttpResponse::Ok().content_type(asset.content_type).body(asset.bytes.to_vec())
}

fn nothing(edge: &Edge) -> HttpResponse {
    page::refuse(edge, &Refusal::by(&refusal::NOT_FOUND).because(edge.endpoint(), "a file of this server"))
}
