//! Changing the e-mail address. It is the key of account recovery, so the password is asked for; and the new address is
//! one that nobody has proven yet (OIDC Core §5.1 `email_verified`).

use super::password::{give_back, prove_current};
use super::sign_up::FieldErrors;
use super::{AccountError, browser, check_form, finish, require_signed_in, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::session::Session;
use crate::domain::user::{Email, User};
use crate::sessions::guard::Taken;
use crate::store::{self, StoreError};
use crate::ui::Page;
use crate::web::answer::{page, redirect};
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, refuse_repeated};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

#[derive(Serialize)]
struct EmailPage<'a> {
    action: String,
    csrf: String,
    username: &'a str,
    email: String,
    errors: &'a FieldErrors,
}

impl Page for EmailPage<'_> {
    const TEMPLATE: &'static str = "pages/email.html";
}

/// `GET /account/email`
pub async fn get(edge: Edge) -> HttpResponse {
    let result = async {
        let (session, user) = require_signed_in(&edge).await?;
        show(&edge, (&session, &user), user.email.as_str(), &FieldErrors::new())
    };
    finish(&edge, result.await)
}

fn show(
    edge: &Edge,
    (session, user): (&Session, &User),
    email: &str,
    errors: &FieldErrors,
) -> Result<HttpResponse, AccountError> {
    let (browser, new_cookie) = browser(edge);
    let page = EmailPage {
        action: edge.path("/account/email"),
        csrf: Binding { form: "email", browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
        username: user.username.as_str(),
        email: email.chars().take(254).collect(),
        errors,
    };
    let mut response = page::show(edge, &page);
    if !errors.is_empty() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(with_cookies(response, new_cookie))
}

/// `POST /account/email`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        submit(&edge, &form).await
    };
    finish(&edge, result.await)
}

async fn submit(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AccountError> {
    let (session, user) = require_signed_in(edge).await?;
    check_form(edge, "email", form.find("csrf"), session.sid.as_str())?;
    let typed = form.find("email").unwrap_or_default();
    let mut errors = FieldErrors::new();
    let email = Email::parse(typed);
    if email.is_err() {
        errors.insert("email", "signup-email-rule");
    }
    let taken = prove_current(edge, &user, form.find("current_password").unwrap_or_default()).await?;
    if taken.is_none() {
        errors.insert("current_password", "password-wrong-current");
    }
    let (Ok(email), Some(taken)) = (email, taken.clone()) else {
        give_back(edge, taken).await?;
        return show(edge, (&session, &user), typed, &errors);
    };
    if email == user.email {
        give_back(edge, Some(taken)).await?;
        return Ok(redirect::see_other(&edge.path("/account")));
    }
    if !save(edge, &user, email, taken).await? {
        return show(edge, (&session, &user), typed, &FieldErrors::from([("email", "email-taken")]));
    }
    Ok(redirect::see_other(&format!("{}?done=email", edge.path("/account"))))
}

/// Whether the address could be taken. With one that is another account's the attempt stays counted as a wrong guess,
/// so that addresses cannot be tried by the thousand to learn who has an account.
async fn save(edge: &Edge, user: &User, email: Email, taken: Taken) -> Result<bool, AccountError> {
    let (id, now) = (user.id.clone(), edge.context.now);
    let event = Event::new(EventKind::ProfileChanged, &edge.by(Actor::User(id.clone()))).user(&id);
    let event = event.with("fields", vec!["email"]);
    let write = move |db: &mut store::Db| {
        store::users::set_email(db, &id, &email, now)?;
        taken.give_back(db)?;
        store::audit::insert(db, &event)
    };
    match edge.store.write(write).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
