//! Signing up.
//!
//! The page never tells whether it was the user name or the e-mail address that is taken, and a taken one costs the same
//! work as a new one.

use super::flow::Place;
use super::{AccountError, finish, login, with_cookies};
use crate::domain::audit::{Actor, EventKind};
use crate::domain::id::UserId;
use crate::domain::refusal::{self, Refusal};
use crate::domain::secret::Secret;
use crate::domain::user::{Email, User, Username};
use crate::passwords::policy::{Password, PasswordProblem, check_common};
use crate::store::{self, StoreError};
use crate::ui::Page;
use crate::web::answer::{self, page};
use crate::web::extract::{Body, Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;

/// Which field is wrong, and the key of the words that say so.
pub(super) type FieldErrors = BTreeMap<&'static str, &'static str>;

#[derive(Serialize)]
struct SignUpPage<'a> {
    action: String,
    csrf: String,
    interaction: Option<&'a str>,
    back: Option<&'a str>,
    client_name: Option<&'a str>,
    username: String,
    email: String,
    errors: &'a FieldErrors,
    login_href: String,
}

impl Page for SignUpPage<'_> {
    const TEMPLATE: &'static str = "pages/signup.html";
}

/// `GET /signup`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        require_open(&edge)?;
        let place = Place::find(&edge, &form).await?;
        show(&edge, &place, &form, &FieldErrors::new())
    };
    finish(&edge, result.await)
}

/// `POST /signup`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        require_open(&edge)?;
        submit(&edge, &form).await
    };
    finish(&edge, result.await)
}

fn require_open(edge: &Edge) -> Result<(), AccountError> {
    if edge.settings.accounts.sign_up {
        return Ok(());
    }
    Err(Refusal::by(&refusal::NOT_FOUND)
        .because("sign-up", "an account that the operator made: accounts.sign_up is off")
        .into())
}

fn show(edge: &Edge, place: &Place, form: &StrictForm, errors: &FieldErrors) -> Result<HttpResponse, AccountError> {
    let typed = |name| form.find(name).unwrap_or_default().chars().take(254).collect();
    let page = SignUpPage {
        action: place.link(edge, "/signup"),
        csrf: place.token(edge, "signup")?,
        interaction: place.id(),
        back: place.back(),
        client_name: place.request().map(|(_, client)| client.display_name()),
        username: typed("username"),
        email: typed("email"),
        errors,
        login_href: place.link(edge, "/login"),
    };
    let mut response = match place.request() {
        Some((interaction, _)) => {
            page::show_in_flow(edge, &page, interaction.request.ui_locales.as_deref(), &interaction.request.callback)
        }
        None => page::show(edge, &page),
    };
    if !errors.is_empty() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(with_cookies(response, place.new_cookie()))
}

async fn submit(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AccountError> {
    let place = Place::find(edge, form).await?;
    if !place.is_genuine(edge, "signup", form.find("csrf"))? {
        answer::record(edge, &Refusal::by(&refusal::FORM_FORGED));
        return show(edge, &place, form, &FieldErrors::from([("form", "error-csrf")]));
    }
    let wanted = match read(form) {
        Ok(wanted) => wanted,
        Err(errors) => return show(edge, &place, form, &errors),
    };
    let hash = edge.passwords.hash(&wanted.password).await?;
    let user = wanted.user(edge, hash);
    let stored = user.clone();
    let event = place.event(edge, EventKind::SignedUp, Actor::User(user.id.clone())).user(&user.id);
    let write = move |db: &mut store::Db| {
        store::users::insert(db, &stored)?;
        store::audit::insert(db, &event)
    };
    match edge.store.write(write).await {
        Ok(()) => login::sign_in(edge, &place, &user, None).await,
        Err(StoreError::Conflict) => show(edge, &place, form, &FieldErrors::from([("form", "signup-taken")])),
        Err(error) => Err(error.into()),
    }
}

struct Wanted {
    username: Username,
    email: Email,
    password: Secret,
}

impl Wanted {
    fn user(self, edge: &Edge, hash: String) -> User {
        let now = edge.context.now;
        User {
            id: UserId::new(edge.entropy.uuid(now.seconds())),
            username: self.username,
            email: self.email,
            email_verified: false,
            password_hash: Some(hash),
            claims: serde_json::Map::new(),
            roles: Vec::new(),
            disabled_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Reads the whole form, so that every mistake is shown at once.
fn read(form: &StrictForm) -> Result<Wanted, FieldErrors> {
    let mut errors = FieldErrors::new();
    let field = |name| form.find(name).unwrap_or_default();
    let username = Username::parse(field("username").trim());
    let email = Email::parse(field("email"));
    if username.is_err() {
        errors.insert("username", "signup-username-rule");
    }
    if email.is_err() {
        errors.insert("email", "signup-email-rule");
    }
    let password = new_password(form, (field("username"), field("email")), &mut errors);
    match (username, email, password) {
        (Ok(username), Ok(email), Some(password)) if errors.is_empty() => Ok(Wanted { username, email, password }),
        _ => Err(errors),
    }
}

/// Reads `password` and `password_confirmation`; what is wrong with them goes into `errors`.
pub(super) fn new_password(
    form: &StrictForm,
    (username, email): (&str, &str),
    errors: &mut FieldErrors,
) -> Option<Secret> {
    let typed = form.find("password").unwrap_or_default();
    if form.find("password_confirmation").unwrap_or_default() != typed {
        errors.insert("password_confirmation", "password-mismatch");
    }
    let result =
        Password::parse(typed).and_then(|password| check_common(&password, username, email).map(|()| password));
    match result {
        Ok(password) => Some(password),
        Err(problem) => {
            errors.insert("password", password_words(problem));
            None
        }
    }
}

const fn password_words(problem: PasswordProblem) -> &'static str {
    match problem {
        PasswordProblem::TooShort | PasswordProblem::TooLong => "password-rule",
        PasswordProblem::Common => "password-common",
        PasswordProblem::LikeName => "password-like-name",
    }
}
