//! The authorization endpoint (RFC 6749 §3.1, §4.1; OAuth 2.1 §4.1; RFC 9207; OIDC Core §3.1.2).
//!
//! `GET /authorize` settles client and redirect URI first; until then an error is a page. Then it decides: issue at once,
//! refuse, or store an interaction and send the browser to sign in or consent. Everything comes back to [`proceed`], which
//! decides again, so no step knows another. A POST always stores an interaction: one that comes from another site brings no
//! cookies, and the browser comes back with them on the redirect.

mod error;
mod interaction;
mod request;
mod request_object;
mod respond;

pub use error::AuthorizeError;
pub use interaction::{Flow, find_flow};
pub use respond::{issue, refuse_denied};

use crate::domain::authorization::{AuthorizationRequest, Next, Present, Progress, Refused, decide};
use crate::domain::client::Client;
use crate::domain::grant::Consent;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::sessions;
use crate::store::{self, StoreError};
use crate::tokens::subject;
use crate::web::cookies::CookieKind;
use crate::web::extract::{Body, Edge, Query};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use std::sync::Arc;

/// `GET /authorize`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    match begin(&edge, query.0.map_err(AuthorizeError::from), true).await {
        Ok(response) => response,
        Err(error) => error.answer(&edge),
    }
}

/// `POST /authorize` (OIDC Core §3.1.2.1)
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    match begin(&edge, body.0.map_err(AuthorizeError::from), false).await {
        Ok(response) => response,
        Err(error) => error.answer(&edge),
    }
}

/// `GET /authorize/continue`: where signing in, signing up and consenting come back to.
pub async fn proceed(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0.map_err(AuthorizeError::from)?;
        let flow = find_flow(&edge, form.find("interaction")).await?;
        step(&edge, flow).await
    };
    match result.await {
        Ok(response) => response,
        Err(error) => error.answer(&edge),
    }
}

/// `GET /authorize/deny`: the person left the login page for the app.
pub async fn deny(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0.map_err(AuthorizeError::from)?;
        let flow = find_flow(&edge, form.find("interaction")).await?;
        refuse_denied(&edge, &flow).await
    };
    match result.await {
        Ok(response) => response,
        Err(error) => error.answer(&edge),
    }
}

async fn begin(
    edge: &Edge,
    form: Result<StrictForm, AuthorizeError>,
    has_cookies: bool,
) -> Result<HttpResponse, AuthorizeError> {
    let form = form?;
    let (client, request) = request::parse(edge, &form).await?;
    if !has_cookies {
        return interaction::store(edge, &request, has_cookies).await;
    }
    let standing = Standing::find(edge, &client, Progress::default()).await?;
    match standing.decide(&request, &client, edge) {
        Next::Issue => respond::issue(edge, &client, &request, standing.signed_in()?, None).await,
        Next::Refuse(refused) => Err(refused_error(refused, client, &request)),
        Next::Login | Next::Consent => interaction::store(edge, &request, has_cookies).await,
    }
}

/// One step of a stored request: decides again, and shows, redirects or issues.
pub(super) async fn step(edge: &Edge, flow: Flow) -> Result<HttpResponse, AuthorizeError> {
    let standing = Standing::find(edge, &flow.client, flow.interaction.progress).await?;
    let request = &flow.interaction.request;
    let response = match standing.decide(request, &flow.client, edge) {
        Next::Login => interaction::to_page(edge, "/login", &flow.id),
        Next::Consent => super::consent::show(edge, &flow, &standing.signed_in()?).await?,
        Next::Refuse(refused) => {
            interaction::finish(edge, &flow).await?;
            return Err(refused_error(refused, flow.client, request));
        }
        Next::Issue => {
            return respond::issue(edge, &flow.client, request, standing.signed_in()?, Some(&flow)).await;
        }
    };
    Ok(flow.bound(edge, response))
}

/// Who is signed in, and what they have allowed this client.
pub(super) struct Standing {
    session: Option<(Session, User)>,
    /// The user as the client knows them; empty where nobody is signed in.
    subject: String,
    consent: Option<Consent>,
    progress: Progress,
}

/// A live session with its user.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Its user, who is not disabled.
    pub user: User,
    /// What the user has allowed the client.
    pub consent: Option<Consent>,
}

impl Standing {
    pub(super) async fn find(edge: &Edge, client: &Arc<Client>, progress: Progress) -> Result<Self, AuthorizeError> {
        let Some(cookie) = edge.cookie(CookieKind::Session) else {
            return Ok(Self::nobody(progress));
        };
        let (hash, client_id, now) = (cookie.hash(), client.id.clone(), edge.context.now);
        let found = edge.store.read(move |db| -> Result<_, StoreError> {
            let Some(session) = sessions::find_live(db, &hash, now)? else { return Ok(None) };
            let Some(user) = store::users::find(db, &session.user_id)?.filter(|user| user.disabled_at.is_none()) else {
                return Ok(None);
            };
            let consent = store::consents::find(db, &user.id, &client_id)?;
            Ok(Some((session, user, consent)))
        });
        Ok(match found.await? {
            None => Self::nobody(progress),
            Some((session, user, consent)) => {
                let subject = subject::of(&edge.keys, client, &user.id)?;
                Self { session: Some((session, user)), subject, consent, progress }
            }
        })
    }

    fn nobody(progress: Progress) -> Self {
        Self { session: None, subject: String::new(), consent: None, progress }
    }

    fn decide(&self, request: &AuthorizationRequest, client: &Client, edge: &Edge) -> Next {
        let present = self.session.as_ref().map(|(session, _)| Present { session, subject: &self.subject });
        decide(request, client, present, self.consent.as_ref(), (self.progress, edge.context.now))
    }

    pub(super) fn signed_in(&self) -> Result<SignedIn, AuthorizeError> {
        let (session, user) = self.session.clone().ok_or(AuthorizeError::InteractionGone)?;
        Ok(SignedIn { session, user, consent: self.consent.clone() })
    }
}

fn refused_error(refused: Refused, client: Arc<Client>, request: &AuthorizationRequest) -> AuthorizeError {
    let cause = match refused {
        Refused::LoginRequired => error::Cause::LoginRequired,
        Refused::ConsentRequired => error::Cause::ConsentRequired,
    };
    AuthorizeError::at(client, request.callback.clone(), cause)
}
