//! Answers of the authorization endpoint. They need a [`Callback`], so an open redirect cannot be written.

use super::record;
use crate::domain::callback::{Callback, ResponseMode};
use crate::domain::refusal::Refusal;
use crate::web::answer::page;
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use url::form_urlencoded::Serializer;

/// A successful answer (RFC 6749 §4.1.2).
pub fn answer(edge: &Edge, callback: &Callback, client_name: &str, parameters: &[(&str, &str)]) -> HttpResponse {
    send(edge, callback, client_name, parameters)
}

/// A refusal (RFC 6749 §4.1.2.1).
pub fn refuse(edge: &Edge, callback: &Callback, client_name: &str, refusal: &Refusal) -> HttpResponse {
    let reference = record(edge, refusal);
    let description = format!("{} (reference {reference})", refusal.rule.description);
    send(edge, callback, client_name, &[("error", refusal.rule.code), ("error_description", &description)])
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct FormPostPage<'a> {
    action: &'a str,
    fields: Vec<Field<'a>>,
    client_name: &'a str,
}

impl crate::ui::Page for FormPostPage<'_> {
    const TEMPLATE: &'static str = "pages/form_post.html";
}

/// `state` byte for byte (RFC 6749 §4.1.2) and `iss` in every answer (RFC 9207 §2).
fn send(edge: &Edge, callback: &Callback, client_name: &str, parameters: &[(&str, &str)]) -> HttpResponse {
    let mut all = parameters.to_vec();
    if let Some(state) = callback.state() {
        all.push(("state", state));
    }
    all.push(("iss", edge.issuer().as_str()));
    match callback.mode() {
        ResponseMode::Query => see_other(&with_query(callback.redirect_uri(), &all)),
        ResponseMode::Fragment => see_other(&format!("{}#{}", callback.redirect_uri(), encode(&all))),
        ResponseMode::FormPost => {
            let fields = all.iter().map(|(name, value)| Field { name, value }).collect();
            let form = FormPostPage { action: callback.redirect_uri(), fields, client_name };
            let policy = page::policy(&[&form_target(callback.redirect_uri())], true);
            page::show_with(edge, &form, None, &policy)
        }
    }
}

/// 303: the browser goes on with GET, and never repeats a form with a password elsewhere (RFC 9700 §4.12).
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish()
}

/// What `form-action` must allow for a redirect to `uri` after a form. Browsers check every hop after a form, and a relying
/// party may pass its callback on to another of its hosts: so https as such, or the scheme of a native app, or plain http
/// where the address is on loopback.
pub fn form_target(uri: &str) -> String {
    uri.split_once(':').map_or_else(|| "'self'".to_owned(), |(scheme, _)| format!("{scheme}:"))
}

/// Appends to the query that the redirect URI may already have, which is kept (RFC 6749 §3.1.2).
pub fn with_query(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    let joint = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{joint}{}", encode(parameters))
}

fn encode(parameters: &[(&str, &str)]) -> String {
    let mut text = Serializer::new(String::new());
    for (name, value) in parameters {
        text.append_pair(name, value);
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 §3.1.2
    #[test]
    fn a_query_of_the_redirect_uri_is_kept() {
        let p = [("code", "a b"), ("state", "x&y=é")];
        assert_eq!(with_query("https://a/cb", &p), "https://a/cb?code=a+b&state=x%26y%3D%C3%A9");
        assert_eq!(with_query("https://a/cb?t=1", &p), "https://a/cb?t=1&code=a+b&state=x%26y%3D%C3%A9");
        assert_eq!(with_query("https://a/cb?", &p), "https://a/cb?code=a+b&state=x%26y%3D%C3%A9");
    }
}
