//! What a login or sign-up form belongs to: a sign-in flow, or nothing but this browser.

use super::{AccountError, browser};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::authorization::Progress;
use crate::domain::client::Client;
use crate::domain::interaction::Interaction;
use crate::domain::secret::{Secret, TokenHash};
use crate::store;
use crate::web::back;
use crate::web::cookies::CookieKind;
use crate::web::csrf::Binding;
use crate::web::extract::Edge;
use crate::web::forms::StrictForm;
use crate::web::middleware::{FlowId, SeenClient};
use actix_web::HttpMessage as _;
use actix_web::cookie::Cookie;
use std::sync::Arc;

/// The place of a form.
pub(super) enum Place {
    /// Inside a flow.
    Flow { id: String, interaction: Box<Interaction>, client: Arc<Client>, cookie: Secret },
    /// On its own; `back` is the page that the person came for.
    Alone { browser: Secret, new_cookie: Option<Cookie<'static>>, back: Option<String> },
}

impl Place {
    /// Finds it by the interaction that a link or form names. Without one, `return` may name a page of this server.
    pub(super) async fn find(edge: &Edge, form: &StrictForm) -> Result<Self, AccountError> {
        let Some(id) = form.find("interaction") else {
            let (browser, new_cookie) = browser(edge);
            let back = form.find("return").and_then(|path| back::page(edge, path)).map(str::to_owned);
            return Ok(Self::Alone { browser, new_cookie, back });
        };
        let hash = TokenHash::of(id);
        let found = edge.store.read(move |db| store::interactions::find(db, &hash)).await?;
        let interaction = found.filter(|found| id.len() == 43 && !found.expires_at.is_past(edge.context.now));
        let interaction = interaction.ok_or(AccountError::InteractionGone)?;
        edge.request.extensions_mut().insert(FlowId(interaction.flow_id.clone()));
        let cookie = edge.cookie(CookieKind::Flow(id)).filter(|cookie| Some(cookie.hash()) == interaction.browser);
        let cookie = cookie.ok_or(AccountError::InteractionGone)?;
        let client =
            edge.clients.find(interaction.request.client_id.as_str()).await?.ok_or(AccountError::InteractionGone)?;
        edge.request.extensions_mut().insert(SeenClient(Arc::clone(&client)));
        Ok(Self::Flow { id: id.to_owned(), interaction: Box::new(interaction), client, cookie })
    }

    /// An event of this place, for the audit: about the client that asked, where one did.
    pub(super) fn event(&self, edge: &Edge, kind: EventKind, actor: Actor) -> Event {
        let event = Event::new(kind, &edge.by(actor));
        match self.request() {
            Some((_, client)) => event.client(&client.id),
            None => event,
        }
    }

    /// The token of a form in this place.
    pub(super) fn token(&self, edge: &Edge, form: &str) -> Result<String, AccountError> {
        Ok(self.binding(form).token(&edge.keys)?)
    }

    /// Whether a form of this place carries its token.
    pub(super) fn is_genuine(&self, edge: &Edge, form: &str, token: Option<&str>) -> Result<bool, AccountError> {
        Ok(self.binding(form).is_met_by(token.unwrap_or_default(), &edge.keys)?)
    }

    fn binding<'a>(&'a self, form: &'a str) -> Binding<'a> {
        match self {
            Self::Flow { id, cookie, .. } => Binding { form, browser: cookie, transaction: id },
            Self::Alone { browser, .. } => Binding { form, browser, transaction: "" },
        }
    }

    /// The interaction's id, for links and forms.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Flow { id, .. } => Some(id),
            Self::Alone { .. } => None,
        }
    }

    /// The stored request with its client.
    pub(super) fn request(&self) -> Option<(&Interaction, &Client)> {
        match self {
            Self::Flow { interaction, client, .. } => Some((interaction, client)),
            Self::Alone { .. } => None,
        }
    }

    /// The interaction and its progress once the user has signed in.
    pub(super) fn authenticated(&self) -> Option<(TokenHash, Progress)> {
        let (interaction, _) = self.request()?;
        Some((interaction.hash, Progress { authenticated: true, ..interaction.progress }))
    }

    /// The page to go to after a sign-in outside of flows.
    pub(super) fn back(&self) -> Option<&str> {
        match self {
            Self::Flow { .. } => None,
            Self::Alone { back, .. } => back.as_deref(),
        }
    }

    /// A page of this room, within the same flow.
    pub(super) fn link(&self, edge: &Edge, path: &str) -> String {
        match (self.id(), self.back()) {
            (Some(id), _) => format!("{}?interaction={id}", edge.path(path)),
            (None, Some(back)) => format!("{}?return={}", edge.path(path), back::encode(back)),
            (None, None) => edge.path(path),
        }
    }

    /// Where the browser goes once the user has signed in.
    pub(super) fn next(&self, edge: &Edge) -> String {
        match self {
            Self::Flow { .. } => self.link(edge, "/authorize/continue"),
            Self::Alone { back: Some(back), .. } => back.clone(),
            Self::Alone { back: None, .. } => edge.path("/account"),
        }
    }

    /// The cookie that the answer must set.
    pub(super) fn new_cookie(&self) -> Option<Cookie<'static>> {
        match self {
            Self::Flow { .. } => None,
            Self::Alone { new_cookie, .. } => new_cookie.clone(),
        }
    }
}
