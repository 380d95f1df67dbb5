//! The middleware, from the outside in: request id, trace, access log, usage count, catch panic, real address, head checks, security
//! headers (all of them in [`outer`], for every request, also those that match no route); then, by the policy of the route,
//! who may use it, caching, cross-origin access and compression ([`by_policy`]). Forms check their own token, because what a form is bound to is
//! known to its handler only.
//!
//! The order has reasons. The id comes first so that every later line carries it. The log is outside the panic guard so that
//! a panic is logged with its status. The address is settled before anything counts by it. Security headers are outside of
//! what may answer early, so no answer goes without them.

mod attribution;
mod authority;
mod cross_origin;
mod head;
pub mod real_ip;
mod trace;

pub use attribution::{Attribution, EndpointNames};

use super::answer::{Refused, json, page, problem, redirect};
use super::connections::Busy;
use super::extract::Edge;
use super::policy::{Cache, Cors, Kind, Policy};
use super::services::Services;
use crate::clock::Stopwatch;
use crate::domain::audit::Actor;
use crate::domain::client::Client;
use crate::domain::context::RequestContext;
use crate::domain::refusal::{self, Refusal};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};
use authority::Turned;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::Instrument as _;

/// The client of a request, noted by its handler for cross-origin access and the access log.
#[derive(Clone)]
pub struct SeenClient(pub Arc<Client>);

/// Who acts at the admin API, as the door found it.
#[derive(Clone)]
pub struct Administrator(pub Actor);

/// The id that joins the log lines of one sign-in flow.
#[derive(Clone)]
pub struct FlowId(pub String);

/// What every request goes through.
///
/// No handle on the request is held while it is routed: actix wants to be its only owner then.
///
/// # Errors
/// Those of actix itself; what goes wrong in a handler becomes an answer.
pub async fn outer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let stopwatch = Stopwatch::start();
    let _busy = Busy::with(request.request());
    let context = context_of(&request);
    request.extensions_mut().insert(context.clone());
    let span = trace::begin(&request, &context);
    let mut response = match head::check(&request) {
        Err(refusal) => {
            let refused = close(refuse(request.request(), &refusal));
            request.into_response(refused)
        }
        Ok(()) => next.call(request).instrument(span.clone()).await?.map_into_boxed_body(),
    };
    let services = response.request().app_data::<web::Data<Services>>();
    let is_https = services.is_some_and(|services| services.settings.server.issuer.is_https());
    add_security_headers(response.headers_mut(), is_https);
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    attribution::count(response.request(), &context, response.status(), stopwatch.elapsed());
    log_access(response.request(), &context, response.status(), stopwatch);
    trace::end(&span, response.request(), response.status());
    Ok(response)
}

fn context_of(request: &ServiceRequest) -> RequestContext {
    let services = request.app_data::<web::Data<Services>>().expect("the app is built with its services, see app.rs");
    let peer = request.peer_addr().map(|peer| peer.ip());
    RequestContext {
        now: services.clock.now(),
        request_id: crate::domain::client::hex(&services.entropy.bytes::<8>()),
        source: peer.map(|peer| real_ip::source(peer, request.headers(), &services.settings.server.trusted_proxies)),
    }
}

/// A panic in a handler is an answer and a line in the log, not a dropped connection.
async fn guarded(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    handle: &HttpRequest,
) -> ServiceResponse<BoxBody> {
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => response.map_into_boxed_body(),
        Ok(Err(error)) => {
            let refusal = Refusal::by(&refusal::REQUEST_MALFORMED).because(error.to_string(), "a well-formed request");
            ServiceResponse::new(handle.clone(), refuse(handle, &refusal))
        }
        Err(_) => {
            tracing::error!(path = handle.path(), "a handler panicked");
            ServiceResponse::new(handle.clone(), refuse(handle, &Refusal::by(&refusal::INTERNAL)))
        }
    }
}

/// A refusal by the middleware itself, in the form that the route's readers expect.
fn refuse(request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let edge = Edge::of(request);
    match kind_of(request) {
        Kind::Page => page::refuse(&edge, refusal),
        Kind::Data => json::refuse(&edge, refusal),
        Kind::Api => problem::refuse(&edge, refusal),
    }
}

fn kind_of(request: &HttpRequest) -> Kind {
    let wants_html = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    match request.app_data::<Policy>() {
        Some(policy) => policy.kind,
        None if wants_html => Kind::Page,
        None => Kind::Data,
    }
}

fn close(mut response: HttpResponse) -> HttpResponse {
    response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    response
}

/// The answer to a path that is not there, and to a method that a path does not take.
pub async fn nothing_here(edge: Edge) -> HttpResponse {
    let refusal = Refusal::by(&refusal::NOT_FOUND).because(edge.endpoint(), "a path of this server");
    refuse(&edge.request, &refusal)
}

/// The methods of a path, for `Allow`.
#[derive(Clone)]
pub struct AllowedMethods(pub String);

/// The answer to a method that a path does not take.
pub async fn method_not_allowed(edge: Edge) -> HttpResponse {
    let allowed = edge.request.app_data::<AllowedMethods>().map(|allowed| allowed.0.clone()).unwrap_or_default();
    refuse(&edge.request, &Refusal::by(&refusal::METHOD).because(edge.request.method().as_str(), allowed))
}

/// Lets a request through that the route's policy allows. A method that the path does not take gets its 405 from anybody.
async fn admitted(request: &HttpRequest, policy: Policy) -> Result<(), Turned> {
    let methods = request.app_data::<AllowedMethods>();
    let is_taken = methods.is_none_or(|methods| methods.0.split(", ").any(|name| name == request.method().as_str()));
    if is_taken { authority::check(request, policy.auth).await } else { Ok(()) }
}

/// What a route's policy adds.
///
/// # Errors
/// What the handler fails with.
pub async fn by_policy(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let policy = request.app_data::<Policy>().copied().unwrap_or(Policy::PAGE);
    let handle = request.request().clone();
    let mut response = if request.method() == Method::OPTIONS && policy.cors != Cors::Never {
        request.into_response(HttpResponse::NoContent().finish())
    } else {
        match admitted(&handle, policy).await {
            Ok(()) => guarded(request, next, &handle).await,
            Err(Turned::Away(refusal)) => request.into_response(refuse(&handle, &refusal)),
            Err(Turned::ToLogin(address)) => request.into_response(redirect::see_other(&address)),
        }
    };
    match policy.cache {
        Cache::Never => insert(response.headers_mut(), header::CACHE_CONTROL, "no-store"),
        Cache::Immutable if response.status() == StatusCode::OK => {
            insert(response.headers_mut(), header::CACHE_CONTROL, "public, max-age=31536000, immutable");
        }
        Cache::Handler | Cache::Immutable => {}
    }
    cross_origin::add(&handle, policy.cors, response.headers_mut()).await;
    Ok(response)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

fn add_security_headers(headers: &mut HeaderMap, is_https: bool) {
    insert(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    insert(headers, header::REFERRER_POLICY, "same-origin");
    insert(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    insert(
        headers,
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        insert(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    }
    // For browsers that do not know `frame-ancestors`: the same that the policy says.
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    if !policy.is_some_and(|policy| policy.contains("frame-ancestors *")) {
        insert(headers, header::X_FRAME_OPTIONS, "DENY");
    }
    if is_https {
        insert(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// One line a request. The path goes without its query, because queries carry codes and states.
fn log_access(request: &HttpRequest, context: &RequestContext, status: StatusCode, stopwatch: Stopwatch) {
    let duration_ms = stopwatch.elapsed().as_secs_f64() * 1000.0;
    let extensions = request.extensions();
    let client = extensions.get::<SeenClient>().map(|seen| seen.0.id.as_str());
    let flow = extensions.get::<FlowId>().map(|flow| flow.0.as_str());
    let rule = extensions.get::<Refused>().map(|refused| refused.rule);
    let path: String = request.path().chars().take(200).collect();
    let is_quiet = request.app_data::<Policy>().is_some_and(|policy| policy.quiet) && status.is_success();
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "access",
                method = request.method().as_str(), path, status = status.as_u16(), duration_ms,
                request.id = context.request_id, client.id = client, flow.id = flow, rule, "answered"
            )
        };
    }
    if is_quiet { line!(debug) } else { line!(info) }
}
