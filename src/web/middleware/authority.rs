//! Who may use a route at all, by its policy: the door of the pages for administrators and of the admin API. What is not
//! allowed by a rule here is refused.

use super::{Administrator, SeenClient};
use crate::domain::audit::Actor;
use crate::domain::refusal::{self, Refusal};
use crate::domain::scope::{ADMIN_READ, ADMIN_WRITE};
use crate::domain::user::ADMIN;
use crate::tokens::LiveAccessToken;
use crate::web::answer;
use crate::web::bearer_token;
use crate::web::extract::Edge;
use crate::web::policy::Auth;
use crate::web::{back, signed_in};
use actix_web::http::Method;
use actix_web::{HttpMessage as _, HttpRequest};

/// What somebody who is not let through is answered.
pub(super) enum Turned {
    /// A refusal, in the form that the route's readers expect.
    Away(Refusal),
    /// To the login page, which leads back here: its address.
    ToLogin(String),
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self::Away(refusal)
    }
}

/// Lets a request through, or says why not.
pub(super) async fn check(request: &HttpRequest, auth: Auth) -> Result<(), Turned> {
    match auth {
        Auth::Public | Auth::Client => Ok(()),
        Auth::AdminPage => admin_page(&Edge::of(request)).await,
        Auth::AdminOrReport if request.method() == Method::POST => Ok(()),
        Auth::Admin | Auth::AdminOrReport => Ok(check_token(&Edge::of(request)).await?),
    }
}

/// A session whose user has the role of administrators.
async fn admin_page(edge: &Edge) -> Result<(), Turned> {
    match signed_in::find(edge).await.map_err(|error| answer::from_store(&error))? {
        None => Err(Turned::ToLogin(back::login(edge))),
        Some((_, user)) if user.has_role(ADMIN) => Ok(()),
        Some(_) => Err(Refusal::by(&refusal::ADMIN_ONLY)
            .because("a session of a user without that role", "a session of a user with the role admin")
            .into()),
    }
}

/// RFC 6750, RFC 9068 §4: a live token for this API with the scope that the method needs, of somebody who may have it now.
async fn check_token(edge: &Edge) -> Result<(), Refusal> {
    let token = bearer_token::load(edge, None).await?;
    edge.request.extensions_mut().insert(SeenClient(token.client.clone()));
    let audience = edge.issuer().endpoint("/api");
    if !token.audience.contains(&audience) {
        let sent = format!("a token for {}", token.audience.join(" "));
        return Err(Refusal::by(&refusal::TOKEN_INVALID).because(sent, format!("a token for {audience}")));
    }
    let is_safe = matches!(*edge.request.method(), Method::GET | Method::HEAD);
    let scope = if is_safe { ADMIN_READ } else { ADMIN_WRITE };
    let actor = actor(&token, scope).map_err(|refusal| refusal.of(&token.client.id))?;
    edge.request.extensions_mut().insert(Administrator(actor));
    Ok(())
}

/// A user acts as an administrator while they have the role, a client while it is registered for the scope: neither is
/// believed for as long as a token that was issued before lives.
fn actor(token: &LiveAccessToken, scope: &str) -> Result<Actor, Refusal> {
    let refusal = Refusal::by(&refusal::ADMIN_ONLY);
    if !token.scopes.contains(scope) {
        return Err(refusal.because(format!("a token with scope {}", token.scopes), format!("scope {scope}")));
    }
    match &token.user {
        Some(user) if user.has_role(ADMIN) => Ok(Actor::User(user.id.clone())),
        Some(_) => Err(refusal.because("a token of a user without the role admin", "the role admin")),
        None if token.client.scopes.contains(scope) => Ok(Actor::Client(token.client.id.clone())),
        None => Err(refusal.because("a token of a client that is not registered for it", format!("scope {scope}"))),
    }
}
