//! What a request is counted as: handlers note whom and what it was about, and after the answer it is counted.

use super::super::answer::Refused;
use super::super::policy::Policy;
use super::super::services::Services;
use super::SeenClient;
use crate::domain::context::RequestContext;
use crate::domain::usage;
use crate::usage::Observation;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage as _, HttpRequest, web};
use std::time::Duration;

/// The endpoint of a request that no route took.
const NO_ENDPOINT: &str = "unknown";

/// What a handler knows of the request that it answers, for the counters of usage, beside its [`SeenClient`]. No outcome need
/// be noted where the answer is a [`Refused`] one.
#[derive(Debug, Clone, Default)]
pub struct Attribution {
    /// The registered name of the grant type.
    pub grant: Option<&'static str>,
    /// The identifier of a registered protected resource, or the issuer.
    pub resource: Option<String>,
    /// `ok` or an error code.
    pub outcome: Option<&'static str>,
}

impl Attribution {
    /// Notes what is known now, beside what was noted before.
    pub fn note(request: &HttpRequest, change: impl FnOnce(&mut Self)) {
        let mut extensions = request.extensions_mut();
        if !extensions.contains::<Self>() {
            extensions.insert(Self::default());
        }
        if let Some(attribution) = extensions.get_mut::<Self>() {
            change(attribution);
        }
    }
}

/// The names of a route's endpoints: method and path, as the route table writes them.
#[derive(Debug, Clone, Copy)]
pub struct EndpointNames {
    /// The methods that the route takes.
    pub by_method: &'static [(&'static str, &'static str)],
    /// The question of a browser whether it may ask.
    pub preflight: &'static str,
    /// Every other method.
    pub other: &'static str,
}

impl EndpointNames {
    pub(super) fn of(&self, method: &Method) -> &'static str {
        let name = if *method == Method::HEAD { "GET" } else { method.as_str() };
        let own = self.by_method.iter().find(|(method, _)| *method == name).map(|(_, endpoint)| *endpoint);
        own.unwrap_or(if *method == Method::OPTIONS { self.preflight } else { self.other })
    }
}

/// Counts an answered request, unless the policy of its route says otherwise.
pub(super) fn count(request: &HttpRequest, context: &RequestContext, status: StatusCode, took: Duration) {
    if request.app_data::<Policy>().is_some_and(|policy| !policy.usage) {
        return;
    }
    let Some(services) = request.app_data::<web::Data<Services>>() else { return };
    let names = request.app_data::<EndpointNames>();
    let extensions = request.extensions();
    let noted = extensions.get::<Attribution>();
    let refused = || extensions.get::<Refused>().map(|refused| refused.code);
    services.usage.count(&Observation {
        at: context.now,
        client: extensions.get::<SeenClient>().map(|seen| &seen.0.id),
        endpoint: names.map_or(NO_ENDPOINT, |names| names.of(request.method())),
        grant: noted.and_then(|noted| noted.grant),
        resource: noted.and_then(|noted| noted.resource.as_deref()),
        outcome: noted.and_then(|noted| noted.outcome).or_else(refused).unwrap_or_else(|| by_status(status)),
        took,
    });
}

/// The outcome of an answer of which nothing else is known.
fn by_status(status: StatusCode) -> &'static str {
    if status.is_server_error() {
        "server_error"
    } else if status.is_client_error() {
        "invalid_request"
    } else {
        usage::OK
    }
}
