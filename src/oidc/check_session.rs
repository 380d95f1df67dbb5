//! The OP iframe (OpenID Connect Session Management 1.0 §3.2): a page without anything to see, which apps put into a frame
//! and ask whether the sign-in is still the one that they were told of. It answers where `sessions.session_management` is on.
//!
//! Any site may frame it: it shows nothing, takes no form, and says one of three words, by a hash over the asker's origin.

use crate::domain::refusal::{self, Refusal};
use crate::ui::Page;
use crate::web::answer::page;
use crate::web::cookies::{self, CookieKind};
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use serde::Serialize;

/// Its path.
pub const PATH: &str = "/check_session";
const POLICY: &str = "default-src 'none'; script-src 'self'; form-action 'none'; frame-ancestors *; base-uri 'none'";

#[derive(Serialize)]
struct CheckSessionPage {
    /// The name of the cookie that its script reads.
    cookie: String,
}

impl Page for CheckSessionPage {
    const TEMPLATE: &'static str = "pages/check_session.html";
}

/// `GET /check_session`
pub async fn get(edge: Edge) -> HttpResponse {
    if !edge.settings.sessions.session_management {
        return page::refuse(
            &edge,
            &Refusal::by(&refusal::NOT_FOUND).because(edge.endpoint(), "a path of this server"),
        );
    }
    let page = CheckSessionPage { cookie: cookies::name(edge.issuer(), CookieKind::BrowserState) };
    page::show_with(&edge, &page, None, POLICY)
}
