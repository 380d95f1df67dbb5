//! Extractors: what handlers are given. They do not fail by themselves; what is wrong with a request is a [`Refusal`] that
//! its endpoint answers in its own way.

use super::cookies::{self, CookieKind};
use super::forms::{FormError, LONGEST_VALUE, MOST_PARAMETERS, StrictForm};
use super::services::Services;
use crate::domain::audit::{Actor, By};
use crate::domain::context::RequestContext;
use crate::domain::issuer::Issuer;
use crate::domain::refusal::{self, Refusal, Rule};
use crate::domain::secret::Secret;
use crate::ui::Locale;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::StreamExt as _;
use futures_util::future::{LocalBoxFuture, Ready, ready};
use std::convert::Infallible;
use std::ops::Deref;

/// A request with the services and its context.
#[derive(Clone)]
pub struct Edge {
    services: web::Data<Services>,
    /// Time, id and source of the request.
    pub context: RequestContext,
    /// The request itself, for headers and cookies.
    pub request: HttpRequest,
}

impl Deref for Edge {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl Edge {
    /// From a request that went through the middleware.
    pub fn of(request: &HttpRequest) -> Self {
        let services =
            request.app_data::<web::Data<Services>>().cloned().expect("the app is built with its services, see app.rs");
        let context = request.extensions().get::<RequestContext>().cloned().unwrap_or_else(|| RequestContext {
            now: services.clock.now(),
            request_id: String::from("none"),
            source: None,
        });
        Self { services, context, request: request.clone() }
    }

    /// The issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.settings.server.issuer
    }

    /// The value of a cookie.
    pub fn cookie(&self, kind: CookieKind<'_>) -> Option<Secret> {
        cookies::find(&self.request, self.issuer(), kind)
    }

    /// A header as text; `None` where it is missing or not text.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The language to answer in: what the client asked for, then the person's choice, then the browser's.
    pub fn locale(&self, ui_locales: Option<&str>) -> Locale {
        let chosen = self.cookie(CookieKind::Locale);
        let asked =
            Locale::asked_for(ui_locales, chosen.as_ref().map(Secret::reveal), self.header(header::ACCEPT_LANGUAGE));
        asked.or_else(|| Locale::parse(&self.settings.ui.default_locale)).unwrap_or_default()
    }

    /// Method and path, for explanations.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.request.method(), refusal::excerpt(self.request.path()))
    }

    /// By whom something is done in this request, for the audit.
    pub fn by(&self, actor: Actor) -> By {
        By::request(actor, &self.context, self.settings.audit.source_address)
    }

    /// The path of a page of this server, with the issuer's path before it.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.issuer().path())
    }
}

impl FromRequest for Edge {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// The parameters of the query.
pub struct Query(pub Result<StrictForm, Refusal>);

impl FromRequest for Query {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(StrictForm::parse(request.query_string().as_bytes()).map_err(malformed))))
    }
}

/// The parameters of a form-encoded body, bounded in size and time.
pub struct Body(pub Result<StrictForm, Refusal>);

impl FromRequest for Body {
    type Error = Infallible;
    type Future = LocalBoxFuture<'static, Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move { Ok(Self(read(&request, payload).await)) })
    }
}

/// RFC 6749 §3.2 and appendix B: form-encoded.
async fn read(request: &HttpRequest, payload: Payload) -> Result<StrictForm, Refusal> {
    check_headers(request, "application/x-www-form-urlencoded", &refusal::CONTENT_TYPE)?;
    let body = whole_body(request, payload).await?;
    StrictForm::parse(&body).map_err(malformed)
}

/// A JSON document as the body, not parsed yet, bounded in size and time.
pub struct JsonBody(pub Result<Vec<u8>, Refusal>);

impl FromRequest for JsonBody {
    type Error = Infallible;
    type Future = LocalBoxFuture<'static, Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move { Ok(Self(read_json(&request, payload).await)) })
    }
}

async fn read_json(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, Refusal> {
    check_headers(request, "application/json", &refusal::CONTENT_TYPE_JSON)?;
    whole_body(request, payload).await
}

/// The body of a request, bounded in size and time by `limits.*`.
///
/// # Errors
/// The [`Refusal`] of a body that is too large, too slow or broken.
pub async fn whole_body(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, Refusal> {
    let limits = Edge::of(request).settings.limits;
    let body = tokio::time::timeout(limits.body_timeout, collect(payload, limits.body_bytes)).await;
    body.unwrap_or_else(|_| {
        let expected = format!("a body within {} s", limits.body_timeout.as_secs());
        Err(Refusal::by(&refusal::REQUEST_MALFORMED).because("a body that took too long", expected))
    })
}

/// Of the type that the endpoint takes, and not compressed, because nothing here inflates what a stranger sends.
fn check_headers(request: &HttpRequest, expected: &str, rule: &'static Rule) -> Result<(), Refusal> {
    let header = |name: header::HeaderName| {
        request.headers().get_all(name).map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>()
    };
    let types = header(header::CONTENT_TYPE);
    let media_type = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if types.len() != 1 || media_type(types[0]) != expected {
        return Err(Refusal::by(rule)
            .because(format!("Content-Type: {}", types.join(" | ")), format!("Content-Type: {expected}")));
    }
    if !is_uncompressed(request) {
        let encodings = header(header::CONTENT_ENCODING).join(" | ");
        return Err(
            Refusal::by(rule).because(format!("Content-Encoding: {encodings}"), "a body that is not compressed")
        );
    }
    Ok(())
}

/// Whether a body is sent as it is.
pub(super) fn is_uncompressed(request: &HttpRequest) -> bool {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING);
    encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

async fn collect(mut payload: Payload, most_bytes: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Refusal::by(&refusal::REQUEST_MALFORMED).because(format!("a broken body: {error}"), "a whole body")
        })?;
        if body.len() + chunk.len() > most_bytes {
            return Err(
                Refusal::by(&refusal::BODY_TOO_LARGE).because("a larger body", format!("at most {most_bytes} bytes"))
            );
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn malformed(error: FormError) -> Refusal {
    let expected = format!("UTF-8; at most {MOST_PARAMETERS} parameters and {LONGEST_VALUE} bytes a value");
    Refusal::by(&refusal::PARAMETER_MALFORMED).because(error.to_string(), expected)
}

/// What must not stand in a query, where logs and histories would keep it (RFC 6749 §2.3.1, RFC 9700 §4.3.2).
const NEVER_IN_QUERY: [&str; 7] =
    ["client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "password", "token"];

/// Refuses a request to the token endpoint or its family that has a secret in its query.
///
/// # Errors
/// The [`Refusal`] that names the parameter.
pub fn refuse_secrets_in_query(request: &HttpRequest) -> Result<(), Refusal> {
    let refuse = |name: &str| {
        Refusal::by(&refusal::CONTENT_TYPE).because(format!("{name} in the query"), "parameters in the body")
    };
    let query = StrictForm::parse(request.query_string().as_bytes()).map_err(|_| refuse("a broken query"))?;
    match NEVER_IN_QUERY.iter().find(|name| query.find(name).is_some()) {
        Some(name) => Err(refuse(name)),
        None => Ok(()),
    }
}

/// Refuses a form in which a parameter is repeated (RFC 6749 §3.1, §3.2).
///
/// # Errors
/// The [`Refusal`] that names the parameter.
pub fn refuse_repeated(form: &StrictForm) -> Result<(), Refusal> {
    match form.repeated() {
        None => Ok(()),
        Some(name) => {
            Err(Refusal::by(&refusal::PARAMETER_REPEATED)
                .because(format!("{name} more than once"), format!("{name} once")))
        }
    }
}
