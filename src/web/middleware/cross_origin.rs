//! Cross-origin access (Fetch §3.2): by the policy of the route, and for the token endpoint by the client that asks.
//! Credentials are never allowed, so no cookie of a person ever travels with such a request.

use super::{AllowedMethods, SeenClient};
use crate::web::extract::Edge;
use crate::web::policy::Cors;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};

pub(super) async fn add(request: &HttpRequest, cors: Cors, headers: &mut HeaderMap) {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        if cors == Cors::Client {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if cors == Cors::Open {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        return;
    };
    let allowed = match cors {
        Cors::Never => return,
        Cors::Open | Cors::Bearer => Some(HeaderValue::from_static("*")),
        Cors::Client => {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
            is_allowed(request, &origin).await.then_some(origin)
        }
    };
    let Some(allowed) = allowed else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id"),
    );
    if request.method() == Method::OPTIONS {
        let methods = request.app_data::<AllowedMethods>().map_or("GET, POST", |methods| methods.0.as_str());
        if let Ok(methods) = HeaderValue::from_str(&format!("{methods}, OPTIONS")) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Authorization, Content-Type, DPoP"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

/// The origin must be one of the client's. A preflight names no client, and neither does a request that was refused before
/// its client was known: then it must be some client's.
async fn is_allowed(request: &HttpRequest, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let seen = request.extensions().get::<SeenClient>().cloned();
    match seen {
        Some(SeenClient(client)) => client.allows_origin(origin),
        None => Edge::of(request).clients.knows_origin(origin).await.unwrap_or(false),
    }
}
