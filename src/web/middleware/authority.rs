//! Who may use a route at all, by its policy: the door of the pages for administrators and of the admin API. What is not
//! allowed by a rule here is refused.

use crate::domain::refusal::{self, Refusal};
use crate::web::policy::Auth;
use actix_web::HttpRequest;
use actix_web::http::Method;

/// Lets a request through, or says why not.
pub(super) async fn check(request: &HttpRequest, auth: Auth) -> Result<(), Refusal> {
    match auth {
        Auth::Public | Auth::Client => Ok(()),
        Auth::AdminOrReport if request.method() == Method::POST => Ok(()),
        Auth::AdminPage | Auth::Admin | Auth::AdminOrReport => Err(Refusal::by(&refusal::ADMIN_ONLY)),
    }
}
