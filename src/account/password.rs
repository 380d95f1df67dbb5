//! Changing the password: ends the other sessions of the account and everything that was granted in them.

use super::device;
use super::sign_up::{FieldErrors, new_password};
use super::{AccountError, browser, check_form, finish, require_signed_in, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::passwords::policy::Password;
use crate::store;
use crate::ui::Page;
use crate::users;
use crate::web::answer::{page, redirect};
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, refuse_repeated};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

#[derive(Serialize)]
struct PasswordPage<'a> {
    action: String,
    csrf: String,
    username: &'a str,
    errors: &'a FieldErrors,
}

impl Page for PasswordPage<'_> {
    const TEMPLATE: &'static str = "pages/password.html";
}

/// `GET /account/password`
pub async fn get(edge: Edge) -> HttpResponse {
    let result = async {
        let (session, user) = require_signed_in(&edge).await?;
        show(&edge, &session, &user, &FieldErrors::new())
    };
    finish(&edge, result.await)
}

fn show(edge: &Edge, session: &Session, user: &User, errors: &FieldErrors) -> Result<HttpResponse, AccountError> {
    let (browser, new_cookie) = browser(edge);
    let page = PasswordPage {
        action: edge.path("/account/password"),
        csrf: Binding { form: "password", browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
        username: user.username.as_str(),
        errors,
    };
    let mut response = page::show(edge, &page);
    if !errors.is_empty() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(with_cookies(response, new_cookie))
}

/// `POST /account/password`
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
    check_form(edge, "password", form.find("csrf"), session.sid.as_str())?;
    let mut errors = FieldErrors::new();
    if !is_current(edge, &user, form.find("current_password").unwrap_or_default()).await? {
        errors.insert("current_password", "password-wrong-current");
    }
    let password = new_password(form, (user.username.as_str(), user.email.as_str()), &mut errors);
    let Some(password) = password.filter(|_| errors.is_empty()) else {
        return show(edge, &session, &user, &errors);
    };
    let hash = edge.passwords.hash(&password).await?;
    let by = edge.by(Actor::User(user.id.clone()));
    edge.store
        .write(move |db| {
            store::users::set_password_hash(db, &user.id, &hash, by.at)?;
            store::audit::insert(db, &Event::new(EventKind::PasswordChanged, &by).user(&user.id))?;
            let kept = Some((&session.hash, &session.sid));
            users::end_others(db, &user.id, kept, "the password was changed", &by)
        })
        .await?;
    edge.logouts.wake();
    Ok(redirect::see_other(&format!("{}?changed=1", edge.path("/account"))))
}

/// Whether a password that was typed on a page for signed-in people is theirs.
/// Guessing the current password of a session that was left open is slowed as the login page is.
pub(super) async fn is_current(edge: &Edge, user: &User, typed: &str) -> Result<bool, AccountError> {
    let guard = device::guard(edge, &user.id)?;
    let now = edge.context.now;
    if edge.store.read(move |db| guard.wait(db, now)).await? > 0 {
        return Ok(false);
    }
    let Ok(typed) = Password::typed(typed) else { return Ok(false) };
    let is_right = user.password_hash.is_some() && edge.passwords.verify(&typed, user.password_hash.clone()).await?;
    if !is_right {
        let event = Event::new(EventKind::SignInFailed, &edge.by(Actor::Nobody)).user(&user.id);
        let event = event.with("form", "password");
        let write = move |db: &mut store::Db| {
            guard.failed(db, now)?;
            store::audit::insert(db, &event)
        };
        edge.store.write(write).await?;
    }
    Ok(is_right)
}
