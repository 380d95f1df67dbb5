//! Changing the password: ends the other sessions of the account and everything that was granted in them.

use super::device;
use super::sign_up::{FieldErrors, new_password};
use super::{AccountError, browser, check_form, finish, require_signed_in, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::sessions::attempt::{Attempt, Outcome};
use crate::sessions::guard::Taken;
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
    let taken = prove_current(edge, &user, form.find("current_password").unwrap_or_default()).await?;
    if taken.is_none() {
        errors.insert("current_password", "password-wrong-current");
    }
    let password = new_password(form, (user.username.as_str(), user.email.as_str()), &mut errors);
    // Asked for once: what follows takes its time, and is none of a guess.
    give_back(edge, taken).await?;
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

/// The attempt of a right password that was typed on a page for signed-in people, to be given back; `None` where it is
/// not theirs. Guessing the current password of a session that was left open is slowed as the login page is.
///
/// # Errors
/// [`AccountError::Throttled`] among others.
pub(super) async fn prove_current(edge: &Edge, user: &User, typed: &str) -> Result<Option<Taken>, AccountError> {
    let guard = device::guard(edge, &user.id)?;
    let attempt = Attempt::on(user.clone());
    match attempt.make((&edge.store, &edge.passwords, &edge.lines), typed, (guard, edge.context.now)).await? {
        Outcome::Right(_, taken) => Ok(Some(taken)),
        Outcome::Wait(seconds) => Err(AccountError::Throttled(seconds)),
        Outcome::Wrong => {
            let event = Event::new(EventKind::SignInFailed, &edge.by(Actor::Nobody)).user(&user.id);
            let event = event.with("form", "password");
            edge.store.write(move |db| store::audit::insert(db, &event)).await?;
            Ok(None)
        }
    }
}

/// Gives back the attempt of a right password, with which nothing is done for another reason.
pub(super) async fn give_back(edge: &Edge, taken: Option<Taken>) -> Result<(), AccountError> {
    match taken {
        Some(taken) => Ok(edge.store.write(move |db| taken.give_back(db)).await?),
        None => Ok(()),
    }
}
