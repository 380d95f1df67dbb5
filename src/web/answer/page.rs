//! Pages for people: rendered templates with their content security policy, and refusals as pages.

use super::{record, redirect, status, with_retry};
use crate::domain::callback::Callback;
use crate::domain::refusal::{self, Refusal};
use crate::ui::{Frame, Page};
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;

/// Shows a page whose forms go to this server only.
pub fn show(edge: &Edge, page: &impl Page) -> HttpResponse {
    show_with(edge, page, None, &policy(&[], true))
}

/// Shows a page inside a sign-in flow, in the language its client asked for. Its forms may end in a redirect to the
/// callback, which browsers check against `form-action` too.
pub fn show_in_flow(edge: &Edge, page: &impl Page, ui_locales: Option<&str>, callback: &Callback) -> HttpResponse {
    show_with(edge, page, ui_locales, &policy(&[&redirect::form_target(callback.redirect_uri())], true))
}

/// The same with an image of another origin, which this page alone may load.
pub fn show_in_flow_with_image(
    edge: &Edge,
    page: &impl Page,
    ui_locales: Option<&str>,
    (callback, image_origin): (&Callback, Option<&str>),
) -> HttpResponse {
    let policy = policy(&[&redirect::form_target(callback.redirect_uri())], true);
    let policy = match image_origin {
        None => policy,
        Some(origin) => policy.replace("img-src 'self'", &format!("img-src 'self'{}", sources(&[origin]))),
    };
    show_with(edge, page, ui_locales, &policy)
}

/// Shows a page with this content security policy.
pub fn show_with(edge: &Edge, page: &impl Page, ui_locales: Option<&str>, policy: &str) -> HttpResponse {
    render(edge, page, ui_locales, policy, &mut HttpResponse::Ok())
}

fn render(
    edge: &Edge,
    page: &impl Page,
    ui_locales: Option<&str>,
    policy: &str,
    builder: &mut actix_web::HttpResponseBuilder,
) -> HttpResponse {
    let frame = Frame {
        locale: edge.locale(ui_locales),
        base_path: edge.issuer().path().to_owned(),
        signed_in: None,
        here: here(edge),
    };
    match edge.ui.render(page, &frame) {
        Ok(html) => builder
            .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((header::CONTENT_SECURITY_POLICY, policy.to_owned()))
            .body(html),
        Err(error) => {
            tracing::error!(cause = %error, "a page could not be rendered");
            HttpResponse::InternalServerError()
                .content_type("text/plain; charset=utf-8")
                .body("This page could not be shown.")
        }
    }
}

/// Where the language links come back to. Forms are sent to the address of their page, so it serves for their answers
/// too.
fn here(edge: &Edge) -> String {
    edge.request.uri().path_and_query().map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned())
}

/// The content security policy of a page: nothing but own styles, images and, where a page needs one, an own script.
pub fn policy(form_targets: &[&str], with_script: bool) -> String {
    let targets = sources(form_targets);
    let script = if with_script { "; script-src 'self'" } else { "" };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'{script}; form-action 'self'{targets}; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The content security policy of a page that shows frames of these origins.
pub fn policy_with_frames(origins: &[&str]) -> String {
    format!("{}; frame-src{}", policy(&[], true), sources(origins))
}

/// Sources as they stand in a directive. What clients have said is among them: one with a character that no scheme,
/// host or port has is left out, because `;` or `,` would begin a directive or a policy of its own.
fn sources(sources: &[&str]) -> String {
    let is_safe = |source: &&&str| {
        source
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'/' | b'[' | b']' | b'-' | b'_' | b'+'))
    };
    sources.iter().filter(is_safe).map(|source| format!(" {source}")).collect()
}

#[derive(Serialize)]
struct ErrorPage {
    status: u16,
    title_key: &'static str,
    message_key: &'static str,
    reference: Option<String>,
    hint: Option<String>,
    back_href: Option<String>,
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "pages/error.html";
}

/// A refusal as a page: what it means in plain words, and the short reference for the developer.
pub fn refuse(edge: &Edge, refusal: &Refusal) -> HttpResponse {
    let reference = record(edge, refusal);
    let status = status(refusal.rule);
    let page = ErrorPage {
        status: status.as_u16(),
        title_key: "error-title",
        message_key: message_key(refusal),
        reference: Some(reference.to_string()),
        hint: None,
        back_href: None,
    };
    let mut builder = HttpResponse::build(status);
    with_retry(&mut builder, refusal);
    if refusal.rule.id == refusal::METHOD.id {
        builder.insert_header((header::ALLOW, refusal.expected.clone()));
    }
    render(edge, &page, None, &policy(&[], false), &mut builder)
}

fn message_key(refusal: &Refusal) -> &'static str {
    let id = refusal.rule.id;
    let is = |rule: &refusal::Rule| rule.id == id;
    if is(&refusal::CLIENT_UNKNOWN) {
        "error-client"
    } else if is(&refusal::REDIRECT_URI_MISMATCH) || is(&refusal::REDIRECT_URI_MISSING) {
        "error-redirect-uri"
    } else if is(&refusal::INTERACTION_GONE) {
        "error-expired"
    } else if is(&refusal::FORM_FORGED) {
        "error-csrf"
    } else if is(&refusal::NOT_FOUND) {
        "error-not-found"
    } else if is(&refusal::METHOD) {
        "error-method"
    } else if is(&refusal::BODY_TOO_LARGE) {
        "error-too-large"
    } else if is(&refusal::UNAVAILABLE) || is(&refusal::INTERNAL) {
        "error-busy"
    } else if is(&refusal::THROTTLED) {
        "error-throttled"
    } else if is(&refusal::DENIED) || is(&refusal::ADMIN_ONLY) {
        "error-denied"
    } else {
        "error-request"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a client has said of itself, a policy has the directives of its page and no others.
    #[test]
    fn a_source_begins_no_directive_and_no_policy() {
        let odd = ["https://a;sandbox", "https://a,x", "https://a x", "'none'", "*", "https://a\n", "https://é"];
        assert_eq!(policy(&odd, true), policy(&[], true));
        assert_eq!(policy_with_frames(&odd), format!("{}; frame-src", policy(&[], true)));
        let good = ["https:", "com.example.app+x:", "https://a_b.example:8443", "http://[::1]:80"];
        assert!(
            policy(&good, false)
                .contains("form-action 'self' https: com.example.app+x: https://a_b.example:8443 http://[::1]:80;")
        );
        let framed = policy_with_frames(&["https://a.example", odd[0], "https://b.example"]);
        assert!(framed.ends_with("; frame-src https://a.example https://b.example"), "{framed}");
    }
}
