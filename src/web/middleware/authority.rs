//! Who may use a route at all, by its policy: the door of the pages for administrators and of the admin API. What is not
//! allowed by a rule here is refused.

use crate::domain::refusal::{self, Refusal};
use crate::domain::user::ADMIN;
use crate::web::answer;
use crate::web::extract::Edge;
use crate::web::policy::Auth;
use crate::web::{back, signed_in};
use actix_web::HttpRequest;
use actix_web::http::Method;

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
        Auth::Admin | Auth::AdminOrReport => Err(Refusal::by(&refusal::ADMIN_ONLY).into()),
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
