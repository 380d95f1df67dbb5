//! One span a request, with the target `trace`: where a collector is set it becomes a trace of OpenTelemetry, joined to the
//! caller's by `traceparent` (W3C Trace Context §3.2); where none is set it costs a look at a flag.

use super::attribution::EndpointNames;
use super::{FlowId, SeenClient};
use crate::domain::context::RequestContext;
use crate::web::answer::Refused;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpMessage as _, HttpRequest};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, global};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// A span for this request. Its attributes are what the access log has: no query, no cookie, no body.
pub(super) fn begin(request: &ServiceRequest, context: &RequestContext) -> Span {
    let span = tracing::info_span!(
        target: "trace", "request", otel.kind = "server", otel.status_code = Empty,
        http.request.method = request.method().as_str(), http.response.status_code = Empty, http.route = Empty,
        request.id = context.request_id, client.id = Empty, flow.id = Empty, rule = Empty,
    );
    if !span.is_disabled() {
        let caller = global::get_text_map_propagator(|propagator| {
            propagator.extract_with_context(&Context::new(), &Carrier(request.headers()))
        });
        // An error means that nothing is traced.
        let _ = span.set_parent(caller);
    }
    span
}

/// Notes what is known when the answer is.
pub(super) fn end(span: &Span, request: &HttpRequest, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "error");
    }
    let name = request.app_data::<EndpointNames>().map_or("other", |names| names.of(request.method()));
    span.context().span().update_name(name);
    if let Some((_, route)) = name.split_once(' ') {
        span.record("http.route", route);
    }
    let extensions = request.extensions();
    if let Some(seen) = extensions.get::<SeenClient>() {
        span.record("client.id", seen.0.id.as_str());
    }
    if let Some(flow) = extensions.get::<FlowId>() {
        span.record("flow.id", flow.0.as_str());
    }
    if let Some(refused) = extensions.get::<Refused>() {
        span.record("rule", refused.rule);
    }
}

struct Carrier<'a>(&'a HeaderMap);

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
