//! Stored requests: made when a page is needed, tied to the browser by a cookie of their own, finished exactly once.
//!
//! Each interaction has its own cookie, so any number of tabs can sign in at once, also in a browser that has no cookie
//! yet. Storing one takes a place ([`crate::sessions::waiting`]), and it is kept for long only where its browser comes
//! back for the first page.

use super::error::AuthorizeError;
use crate::domain::authorization::{AuthorizationRequest, Progress};
use crate::domain::client::Client;
use crate::domain::interaction::{INTERACTION_LIFETIME, Interaction, UNOPENED_LIFETIME};
use crate::domain::secret::Secret;
use crate::store::{self, Db};
use crate::web::answer::redirect;
use crate::web::cookies::{self, CookieKind};
use crate::web::extract::Edge;
use crate::web::middleware::{FlowId, SeenClient};
use actix_web::{HttpMessage as _, HttpResponse};
use std::sync::Arc;

/// An interaction with its client and the cookie that ties it to this browser.
pub struct Flow {
    /// The id, as in links and forms.
    pub id: String,
    /// The stored request.
    pub interaction: Interaction,
    /// Its client.
    pub client: Arc<Client>,
    /// The value of its cookie.
    pub cookie: Secret,
    is_new: bool,
}

impl Flow {
    /// Sets the cookie where this answer is the first that can carry it.
    pub fn bound(&self, edge: &Edge, mut response: HttpResponse) -> HttpResponse {
        if self.is_new {
            let cookie = cookies::set(
                edge.issuer(),
                CookieKind::Flow(&self.id),
                self.cookie.reveal(),
                Some(INTERACTION_LIFETIME),
            );
            add_cookie(&mut response, &cookie);
        }
        response
    }
}

fn add_cookie(response: &mut HttpResponse, cookie: &actix_web::cookie::Cookie<'_>) {
    if let Err(error) = response.add_cookie(cookie) {
        tracing::error!(cause = %error, "a cookie could not be set");
    }
}

/// Stores a request and sends the browser on.
pub(super) async fn store(
    edge: &Edge,
    request: &AuthorizationRequest,
    has_cookies: bool,
) -> Result<HttpResponse, AuthorizeError> {
    let now = edge.context.now;
    edge.waiting.take(edge.context.source, now).map_err(AuthorizeError::TooMany)?;
    let (id, cookie) = (edge.entropy.secret(), edge.entropy.secret());
    let interaction = Interaction {
        hash: id.hash(),
        request: request.clone(),
        browser: has_cookies.then(|| cookie.hash()),
        progress: Progress::default(),
        flow_id: edge.context.request_id.clone(),
        created_at: now,
        expires_at: now.plus(UNOPENED_LIFETIME),
    };
    edge.request.extensions_mut().insert(FlowId(interaction.flow_id.clone()));
    edge.store.write(move |db| store::interactions::insert(db, &interaction)).await?;
    let mut response = to_page(edge, "/authorize/continue", id.reveal());
    if has_cookies {
        add_cookie(
            &mut response,
            &cookies::set(edge.issuer(), CookieKind::Flow(id.reveal()), cookie.reveal(), Some(INTERACTION_LIFETIME)),
        );
    }
    Ok(response)
}

/// Sends the browser to a page of the flow.
pub(super) fn to_page(edge: &Edge, path: &str, id: &str) -> HttpResponse {
    redirect::see_other(&format!("{}?interaction={id}", edge.path(path)))
}

/// The interaction that a link or form names, if it is live and this browser's. One that no browser has yet (its
/// request came as a cross-site POST) becomes this browser's.
///
/// # Errors
/// [`AuthorizeError::InteractionGone`], or the database.
pub async fn find_flow(edge: &Edge, id: Option<&str>) -> Result<Flow, AuthorizeError> {
    let id = id.filter(|id| id.len() == 43).ok_or(AuthorizeError::InteractionGone)?;
    let hash = Secret::new(id).hash();
    let found = edge.store.read(move |db| store::interactions::find(db, &hash)).await?;
    let interaction =
        found.filter(|found| !found.expires_at.is_past(edge.context.now)).ok_or(AuthorizeError::InteractionGone)?;
    edge.request.extensions_mut().insert(FlowId(interaction.flow_id.clone()));
    let (cookie, is_new) = bind(edge, id, &interaction).await?;
    let client =
        edge.clients.find(interaction.request.client_id.as_str()).await?.ok_or(AuthorizeError::InteractionGone)?;
    edge.request.extensions_mut().insert(SeenClient(Arc::clone(&client)));
    Ok(Flow { id: id.to_owned(), interaction, client, cookie, is_new })
}

async fn bind(edge: &Edge, id: &str, interaction: &Interaction) -> Result<(Secret, bool), AuthorizeError> {
    let (hash, until) = (interaction.hash, interaction.opened_until());
    if let Some(browser) = interaction.browser {
        let cookie = edge.cookie(CookieKind::Flow(id)).filter(|cookie| cookie.hash() == browser);
        let cookie = cookie.ok_or(AuthorizeError::InteractionGone)?;
        let is_there = until.since(interaction.expires_at) <= 0
            || edge.store.write(move |db| store::interactions::extend(db, &hash, until)).await?;
        return if is_there { Ok((cookie, false)) } else { Err(AuthorizeError::InteractionGone) };
    }
    let cookie = edge.entropy.secret();
    let browser = cookie.hash();
    let bind = move |db: &mut Db| store::interactions::bind_browser(db, &hash, &browser, until);
    let is_ours = edge.store.write(bind).await?;
    if is_ours { Ok((cookie, true)) } else { Err(AuthorizeError::InteractionGone) }
}

/// Ends an interaction: true for exactly one caller.
pub(super) async fn finish(edge: &Edge, flow: &Flow) -> Result<bool, AuthorizeError> {
    let hash = flow.interaction.hash;
    Ok(edge.store.write(move |db| store::interactions::remove(db, &hash)).await?)
}
