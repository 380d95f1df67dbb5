//! Signing in.
//!
//! Unknown user and wrong password give the same page after the same work. What is throttled is refused before any hash
//! is computed. A sign-in gives a new session id and ends the session that the browser had.

use super::device;
use super::flow::Place;
use super::{AccountError, finish, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::device::Device;
use crate::domain::id::UserId;
use crate::domain::refusal::{self, Refusal};
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::session::Session;
use crate::domain::time::Lifetime;
use crate::domain::user::User;
use crate::sessions::attempt::{Attempt, LONGEST_NAME, Outcome};
use crate::sessions::guard::Taken;
use crate::store::{self, StoreError};
use crate::ui::Page;
use crate::users::ending::Fate;
use crate::users::{self, ending};
use crate::web::answer::{self, page, redirect};
use crate::web::browser_state;
use crate::web::cookies::{self, CookieKind};
use crate::web::extract::{Body, Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use crate::web::services::session_policy;
use crate::web::signed_in;
use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::{StatusCode, header};
use serde::Serialize;

const DEVICE_LIFETIME: Lifetime = Lifetime::days(365);

#[derive(Serialize)]
struct LoginPage {
    action: String,
    csrf: String,
    interaction: Option<String>,
    back: Option<String>,
    client_name: Option<String>,
    client_host: Option<String>,
    username: String,
    error: Option<&'static str>,
    error_seconds: Option<i64>,
    signup_href: Option<String>,
    reference: Option<String>,
    cancel: bool,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "pages/login.html";
}

/// What the form says besides its fields.
#[derive(Default)]
struct Notice {
    error: Option<&'static str>,
    seconds: Option<i64>,
    reference: Option<String>,
}

/// `GET /login`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let place = Place::find(&edge, &form).await?;
        if place.request().is_none() && signed_in::find(&edge).await?.is_some() {
            return Ok(redirect::see_other(&place.next(&edge)));
        }
        let hint = place.request().and_then(|(interaction, _)| interaction.request.login_hint.clone());
        let must_again = place.request().is_some_and(|(interaction, _)| interaction.request.prompt.login)
            && signed_in::find(&edge).await?.is_some();
        let notice = Notice { error: must_again.then_some("login-again"), ..Notice::default() };
        show(&edge, &place, hint.as_deref().unwrap_or_default(), notice)
    };
    finish(&edge, result.await)
}

fn show(edge: &Edge, place: &Place, username: &str, notice: Notice) -> Result<HttpResponse, AccountError> {
    let may_sign_up = edge.settings.accounts.sign_up;
    let wanted = place.request().and_then(|(interaction, _)| interaction.request.ui_locales.as_deref());
    let locale = edge.locale(wanted);
    let page = LoginPage {
        action: place.link(edge, "/login"),
        csrf: place.token(edge, "login")?,
        interaction: place.id().map(str::to_owned),
        back: place.back().map(str::to_owned),
        client_name: place.request().map(|(_, client)| client.display_name_in(locale.tag()).to_owned()),
        client_host: place.request().map(|(interaction, _)| interaction.request.callback.host()),
        username: username.chars().take(LONGEST_NAME).collect(),
        error: notice.error,
        error_seconds: notice.seconds,
        signup_href: may_sign_up.then(|| place.link(edge, "/signup")),
        reference: notice.reference,
        cancel: place.id().is_some(),
    };
    let response = match place.request() {
        Some((interaction, _)) => {
            page::show_in_flow(edge, &page, interaction.request.ui_locales.as_deref(), &interaction.request.callback)
        }
        None => page::show(edge, &page),
    };
    Ok(with_cookies(response, place.new_cookie()))
}

/// `POST /login`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        submit(&edge, &form).await
    };
    finish(&edge, result.await)
}

async fn submit(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AccountError> {
    let place = Place::find(edge, form).await?;
    let typed = form.find("username").unwrap_or_default();
    if !place.is_genuine(edge, "login", form.find("csrf"))? {
        // The cookie changed under the form, as when two tabs were opened at once: shown again, it works.
        let reference = answer::record(edge, &Refusal::by(&refusal::FORM_FORGED)).to_string();
        let mut response = show(
            edge,
            &place,
            typed,
            Notice { error: Some("login-again"), reference: Some(reference), ..Notice::default() },
        )?;
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    if form.find("decision") == Some("deny") && place.id().is_some() {
        return Ok(redirect::see_other(&place.link(edge, "/authorize/deny")));
    }
    let attempt = Attempt::find(&edge.store, typed).await?;
    let guard = attempt.guard(edge.settings.limits.login, &device::source(edge, attempt.user_id())?);
    let password = form.find("password").unwrap_or_default();
    match attempt.make((&edge.store, &edge.passwords, &edge.lines), password, (guard, edge.context.now)).await? {
        Outcome::Right(user, taken) => sign_in(edge, &place, &user, Some(taken)).await,
        Outcome::Wrong => wrong(edge, &place, typed, attempt.user_id()).await,
        Outcome::Wait(seconds) => throttled(edge, &place, typed, seconds),
    }
}

fn throttled(edge: &Edge, place: &Place, typed: &str, seconds: i64) -> Result<HttpResponse, AccountError> {
    let refusal = Refusal::by(&refusal::THROTTLED)
        .because("another attempt to sign in", format!("a wait of {seconds} s"))
        .retry_after(seconds);
    let reference = answer::record(edge, &refusal).to_string();
    let notice = Notice { error: Some("login-throttled"), seconds: Some(seconds), reference: Some(reference) };
    let mut response = show(edge, place, typed, notice)?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds.unsigned_abs()));
    Ok(response)
}

async fn wrong(edge: &Edge, place: &Place, typed: &str, user: Option<&UserId>) -> Result<HttpResponse, AccountError> {
    let refusal = Refusal::by(&refusal::PASSWORD_WRONG).because("a user name and a password", "those of an account");
    let reference = answer::record(edge, &refusal);
    // What was typed is not told: people type passwords into the wrong field.
    let event = place.event(edge, EventKind::SignInFailed, Actor::Nobody).reference(&reference);
    let event = match user {
        Some(user) => event.user(user),
        None => event.with("account", "unknown"),
    };
    edge.store.write(move |db| store::audit::insert(db, &event)).await?;
    let notice = Notice { error: Some("login-wrong"), reference: Some(reference.to_string()), ..Notice::default() };
    let mut response = show(edge, place, typed, notice)?;
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(response)
}

/// Begins a session for `user` and goes on where the form belongs.
pub(super) async fn sign_in(
    edge: &Edge,
    place: &Place,
    user: &User,
    taken: Option<Taken>,
) -> Result<HttpResponse, AccountError> {
    let (session, cookie) =
        crate::sessions::begin(&edge.entropy, session_policy(edge), user.id.clone(), edge.context.now);
    let begin = Begin {
        session: Session { device: Device::recognize(edge.header(header::USER_AGENT), edge.context.source), ..session },
        old: edge.cookie(CookieKind::Session).map(|cookie| cookie.hash()),
        progress: place.authenticated(),
        taken,
        event: place.event(edge, EventKind::SignedIn, Actor::User(user.id.clone())).user(&user.id),
    };
    edge.store.write(move |db| begin.store(db)).await?;
    edge.logouts.wake();
    tracing::info!(user.id = user.id.as_str(), request.id = edge.context.request_id, "signed in");
    Ok(with_cookies(redirect::see_other(&place.next(edge)), session_cookies(edge, &cookie, &user.id)?))
}

fn session_cookies(edge: &Edge, cookie: &Secret, user: &UserId) -> Result<Vec<Cookie<'static>>, AccountError> {
    let lifetime = edge.settings.sessions.lifetime;
    let device = device::mark(edge, user)?;
    let set = [
        cookies::set(edge.issuer(), CookieKind::Session, cookie.reveal(), Some(lifetime)),
        cookies::set(edge.issuer(), CookieKind::Device, device.reveal(), Some(DEVICE_LIFETIME)),
    ];
    Ok(set.into_iter().chain(browser_state::begin(edge, cookie)).collect())
}

/// What one transaction stores at a sign-in. The clients of the session that the browser had go over to the new one, so
/// that they hear of its end; where somebody else signs in, the session before has ended for good.
struct Begin {
    session: Session,
    old: Option<TokenHash>,
    progress: Option<(TokenHash, crate::domain::authorization::Progress)>,
    taken: Option<Taken>,
    event: Event,
}

impl Begin {
    fn store(&self, db: &mut store::Db) -> Result<(), StoreError> {
        if let Some(old) = &self.old {
            self.follow(db, old)?;
        }
        store::sessions::insert(db, &self.session)?;
        if let Some((interaction, progress)) = &self.progress {
            store::interactions::set_progress(db, interaction, progress)?;
        }
        store::audit::insert(db, &self.event)?;
        match &self.taken {
            Some(taken) => taken.succeeded(db),
            None => Ok(()),
        }
    }

    fn follow(&self, db: &mut store::Db, old: &TokenHash) -> Result<(), StoreError> {
        let (session, now) = (&self.session, self.session.created_at);
        let Some(before) = store::sessions::find(db, old)? else { return Ok(()) };
        if before.is_live(now) && before.user_id != session.user_id {
            let sessions = std::slice::from_ref(&before);
            let ended = ending::end(db, &before.user_id, (sessions, Fate::Bound), now)?;
            let count = (ended.sessions, ended.grants);
            return users::tell_ended(db, &before.user_id, count, "somebody else signed in", &self.event.by);
        }
        if before.is_live(now) {
            store::session_clients::pass_on(db, old, session)?;
        }
        store::sessions::remove(db, old).map(drop)
    }
}
