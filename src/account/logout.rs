//! Signing out: a page asks, because a link alone must not sign anybody out; the session ends at the server.

use super::{AccountError, browser, check_form, finish, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::store;
use crate::ui::Page;
use crate::web::answer::page;
use crate::web::cookies::{self, CookieKind};
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, refuse_repeated};
use crate::web::forms::StrictForm;
use crate::web::signed_in;
use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Serialize)]
struct LogoutPage {
    action: String,
    csrf: String,
    username: String,
    client_name: Option<String>,
}

impl Page for LogoutPage {
    const TEMPLATE: &'static str = "pages/logout.html";
}

#[derive(Serialize)]
struct LoggedOutPage {}

impl Page for LoggedOutPage {
    const TEMPLATE: &'static str = "pages/logged_out.html";
}

/// `GET /logout`
pub async fn get(edge: Edge) -> HttpResponse {
    let result = async {
        let Some((session, user)) = signed_in::find(&edge).await? else {
            return Ok(page::show(&edge, &LoggedOutPage {}));
        };
        let (browser, new_cookie) = browser(&edge);
        let page = LogoutPage {
            action: edge.path("/logout"),
            csrf: Binding { form: "logout", browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
            username: user.username.as_str().to_owned(),
            client_name: None,
        };
        Ok(with_cookies(page::show(&edge, &page), new_cookie))
    };
    finish(&edge, result.await)
}

/// `POST /logout`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        submit(&edge, &form).await
    };
    finish(&edge, result.await)
}

async fn submit(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AccountError> {
    if let Some((session, user)) = signed_in::find(edge).await? {
        check_form(edge, "logout", form.find("csrf"), session.sid.as_str())?;
        let event = Event::new(EventKind::SignedOut, &edge.by(Actor::User(user.id.clone()))).user(&user.id);
        let write = move |db: &mut store::Db| {
            if store::sessions::remove(db, &session.hash)? {
                store::audit::insert(db, &event)?;
            }
            Ok(())
        };
        edge.store.write(write).await?;
    }
    let response = page::show(edge, &LoggedOutPage {});
    Ok(with_cookies(response, [cookies::remove(edge.issuer(), CookieKind::Session)]))
}
