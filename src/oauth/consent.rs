//! Consent: what a person is asked, and what they answer (RFC 6749 §10.2, OIDC Core §3.1.2.4).

use super::authorize::{self, AuthorizeError, Flow, SignedIn, find_flow};
use crate::domain::authorization::Progress;
use crate::domain::host;
use crate::domain::scope::OPENID;
use crate::store;
use crate::ui::{Locale, Page};
use crate::web::answer::{page, redirect};
use crate::web::cookies::CookieKind;
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use crate::web::scope_words;
use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Serialize)]
struct ConsentPage {
    action: String,
    csrf: String,
    interaction: String,
    client_name: String,
    client_host: String,
    username: String,
    scopes: Vec<ScopeWords>,
    /// The picture of the app, https only.
    logo_uri: Option<String>,
    client_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    unverified: bool,
    /// Whether nobody but the app itself says what it is called.
    self_registered: bool,
}

#[derive(Serialize)]
struct ScopeWords {
    name: String,
    description: String,
    new: bool,
}

impl Page for ConsentPage {
    const TEMPLATE: &'static str = "pages/consent.html";
}

/// Asks.
pub(super) async fn show(edge: &Edge, flow: &Flow, who: &SignedIn) -> Result<HttpResponse, AuthorizeError> {
    let request = &flow.interaction.request;
    let locale = edge.locale(request.ui_locales.as_deref());
    let link = |name: &str| flow.client.said_in(name, locale.tag()).map(str::to_owned);
    let logo = link("logo_uri").and_then(|uri| Some((image_origin(&uri)?, uri)));
    let page = ConsentPage {
        action: edge.path("/consent"),
        csrf: binding(flow, who.session.sid.as_str()).token(&edge.keys)?,
        interaction: flow.id.clone(),
        client_name: flow.client.display_name_in(locale.tag()).to_owned(),
        client_host: request.callback.host(),
        username: who.user.username.as_str().to_owned(),
        scopes: words(edge, flow, who, locale).await?,
        logo_uri: logo.as_ref().map(|(_, uri)| uri.clone()),
        client_uri: link("client_uri"),
        policy_uri: link("policy_uri"),
        tos_uri: link("tos_uri"),
        unverified: !flow.client.is_identified(request.callback.registered()),
        self_registered: flow.client.is_openly_registered(),
    };
    let image = logo.map(|(origin, _)| origin);
    Ok(page::show_in_flow_with_image(edge, &page, request.ui_locales.as_deref(), (&request.callback, image.as_deref())))
}

/// The origin of an https URL. `None` where its host is not plain: nobody can register that, but old rows may hold it.
fn image_origin(uri: &str) -> Option<String> {
    host::origin(uri).filter(|origin| origin.starts_with("https://"))
}

fn binding<'a>(flow: &'a Flow, sid: &'a str) -> Binding<'a> {
    Binding { form: "consent", browser: &flow.cookie, transaction: sid }
}

/// The scopes in words.
async fn words(edge: &Edge, flow: &Flow, who: &SignedIn, locale: Locale) -> Result<Vec<ScopeWords>, AuthorizeError> {
    let catalogue = edge.clients.catalogue().await?;
    let describe = |name: &str| scope_words::describe(&edge.ui, &catalogue, locale, name);
    let is_new = |name: &str| who.consent.as_ref().is_some_and(|consent| !consent.scopes.contains(name));
    let asked = flow.interaction.request.consent_scopes();
    let scopes = asked.iter().filter(|name| *name != OPENID || asked.iter().count() == 1);
    Ok(scopes
        .map(|name| ScopeWords { name: name.to_owned(), description: describe(name), new: is_new(name) })
        .collect())
}

/// `GET /consent`: the page is shown where the flow continues; a reload of its address leads there.
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let id = query
        .0
        .ok()
        .and_then(|form| form.find("interaction").map(str::to_owned))
        .filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    match id {
        Some(id) => redirect::see_other(&format!("{}?interaction={id}", edge.path("/authorize/continue"))),
        None => AuthorizeError::InteractionGone.answer(&edge),
    }
}

/// `POST /consent`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        answer(&edge, &form).await
    };
    match result.await {
        Ok(response) => response,
        Err(error) => error.answer(&edge),
    }
}

async fn answer(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AuthorizeError> {
    let mut flow = find_flow(edge, form.find("interaction")).await?;
    let sid = current_sid(edge).await?;
    let token = form.find("csrf").unwrap_or_default();
    if !binding(&flow, sid.as_deref().unwrap_or_default()).is_met_by(token, &edge.keys)? {
        // Another account signed in since the page was shown: it must be asked itself.
        return Ok(redirect::see_other(&format!("{}?interaction={}", edge.path("/authorize/continue"), flow.id)));
    }
    match form.find("decision") {
        Some("allow") => {
            flow.interaction.progress.consented = true;
            authorize::step(edge, flow).await
        }
        Some("deny") => authorize::refuse_denied(edge, &flow).await,
        Some("switch") => switch_account(edge, &flow).await,
        _ => Err(AuthorizeError::FormForged),
    }
}

async fn current_sid(edge: &Edge) -> Result<Option<String>, AuthorizeError> {
    let Some(cookie) = edge.cookie(CookieKind::Session) else { return Ok(None) };
    let (hash, now) = (cookie.hash(), edge.context.now);
    let session = edge.store.read(move |db| crate::sessions::find_live(db, &hash, now)).await?;
    Ok(session.map(|session| session.sid.to_string()))
}

/// Another account: the request asks for a sign-in from here on, whatever it asked before.
async fn switch_account(edge: &Edge, flow: &Flow) -> Result<HttpResponse, AuthorizeError> {
    let hash = flow.interaction.hash;
    edge.store.write(move |db| store::interactions::set_progress(db, &hash, &Progress::default())).await?;
    Ok(redirect::see_other(&format!("{}?interaction={}", edge.path("/login"), flow.id)))
}
