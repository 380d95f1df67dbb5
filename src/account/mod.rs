//! People: signing up, signing in and out, and what signed-in people see and change of their account: profile, e-mail
//! address, password, sessions, apps with access.
//!
//! A form inside a sign-in flow names its interaction and goes back to `/authorize/continue`, which decides what is
//! next; this room knows nothing of the authorization request but who asked and in which language.

pub mod apps;
pub mod email;
pub mod home;
pub mod login;
pub mod logout;
pub mod password;
pub mod profile;
pub mod sessions;
pub mod sign_up;

mod device;
mod flow;
mod list;

use crate::domain::refusal::{self, Refusal};
use crate::domain::secret::Secret;
use crate::domain::session::Session;
use crate::domain::time::Lifetime;
use crate::domain::user::User;
use crate::keys::KeysError;
use crate::passwords::PasswordsError;
use crate::sessions::attempt::AttemptError;
use crate::store::StoreError;
use crate::web::answer::{self, page};
use crate::web::back;
use crate::web::cookies::{self, CookieKind};
use crate::web::csrf::Binding;
use crate::web::extract::Edge;
use crate::web::services::session_policy;
use crate::web::signed_in;
use actix_web::HttpResponse;
use actix_web::cookie::Cookie;

/// How long the cookie that ties forms to a browser lives.
const BROWSER_COOKIE_LIFETIME: Lifetime = Lifetime::days(30);

/// Why a page of this room is refused.
#[derive(Debug)]
pub enum AccountError {
    /// The form was malformed.
    Form(Refusal),
    /// The form was not sent from here.
    Forged,
    /// The interaction is finished, expired or another browser's.
    InteractionGone,
    /// Nobody is signed in.
    SignedOut,
    /// Too many attempts; the next may be made after so many seconds.
    Throttled(i64),
    /// Too many passwords are being checked.
    Busy,
    /// The database.
    Store(StoreError),
    /// The signing keys.
    Keys(KeysError),
}

impl AccountError {
    /// The answer.
    pub fn answer(&self, edge: &Edge) -> HttpResponse {
        let refusal = match self {
            Self::Form(refusal) => refusal.clone(),
            Self::Forged => Refusal::by(&refusal::FORM_FORGED),
            Self::InteractionGone => Refusal::by(&refusal::INTERACTION_GONE),
            Self::SignedOut => return answer::redirect::see_other(&back::login(edge)),
            Self::Throttled(seconds) => Refusal::by(&refusal::THROTTLED)
                .because("another attempt at a password", format!("a wait of {seconds} s"))
                .retry_after(*seconds),
            Self::Busy => Refusal::by(&refusal::UNAVAILABLE),
            Self::Store(error) => answer::from_store(error),
            Self::Keys(error) => answer::from_keys(error),
        };
        page::refuse(edge, &refusal)
    }
}

impl From<Refusal> for AccountError {
    fn from(refusal: Refusal) -> Self {
        Self::Form(refusal)
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<KeysError> for AccountError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

impl From<PasswordsError> for AccountError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy => Self::Busy,
            other => Self::Store(StoreError::Failed(other.to_string())),
        }
    }
}

impl From<AttemptError> for AccountError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Busy => Self::Busy,
            AttemptError::Store(error) => Self::Store(error),
        }
    }
}

/// Turns the result of a handler into its answer.
fn finish(edge: &Edge, result: Result<HttpResponse, AccountError>) -> HttpResponse {
    result.unwrap_or_else(|error| error.answer(edge))
}

/// Who is signed in, on a page that is for them alone. Their session is marked as seen.
///
/// # Errors
/// [`AccountError::SignedOut`], or the database.
async fn require_signed_in(edge: &Edge) -> Result<(Session, User), AccountError> {
    let (mut session, user) = signed_in::find(edge).await?.ok_or(AccountError::SignedOut)?;
    let now = edge.context.now;
    let policy = session_policy(edge);
    if crate::sessions::is_due(&session, policy, now) {
        let seen = session.clone();
        edge.store.write(move |db| crate::sessions::mark_seen(db, &seen, policy, now)).await?;
        session.last_seen_at = now;
    }
    Ok((session, user))
}

/// The cookie that ties forms outside of flows to this browser, made where it is missing.
fn browser(edge: &Edge) -> (Secret, Option<Cookie<'static>>) {
    match edge.cookie(CookieKind::Browser) {
        Some(known) => (known, None),
        None => {
            let secret = edge.entropy.secret();
            let cookie =
                cookies::set(edge.issuer(), CookieKind::Browser, secret.reveal(), Some(BROWSER_COOKIE_LIFETIME));
            (secret, Some(cookie))
        }
    }
}

/// Checks the token of a form outside of flows.
fn check_form(edge: &Edge, form: &str, token: Option<&str>, transaction: &str) -> Result<(), AccountError> {
    let browser = edge.cookie(CookieKind::Browser).ok_or(AccountError::Forged)?;
    let binding = Binding { form, browser: &browser, transaction };
    if binding.is_met_by(token.unwrap_or_default(), &edge.keys)? { Ok(()) } else { Err(AccountError::Forged) }
}

fn with_cookies(mut response: HttpResponse, cookies: impl IntoIterator<Item = Cookie<'static>>) -> HttpResponse {
    for cookie in cookies {
        if let Err(error) = response.add_cookie(&cookie) {
            tracing::error!(cause = %error, "a cookie could not be set");
        }
    }
    response
}
