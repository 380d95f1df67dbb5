//! What people say of themselves: names and language. Which claims are a person's own, `domain/profile.rs` decides.

use super::sign_up::FieldErrors;
use super::{AccountError, browser, check_form, finish, require_signed_in, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::profile::{LONGEST_NAME, OWN_CLAIMS, Profile, ProfileError};
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::store;
use crate::ui::Page;
use crate::web::answer::{page, redirect};
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, refuse_repeated};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;

/// The languages that the form offers, each by its own name. Any other well-formed tag is kept where it is set already.
const LANGUAGES: [(&str, &str); 12] = [
    ("de-DE", "Deutsch"),
    ("en-GB", "English (UK)"),
    ("en-US", "English (US)"),
    ("es-ES", "Español"),
    ("fr-FR", "Français"),
    ("id-ID", "Bahasa Indonesia"),
    ("ja-JP", "日本語"),
    ("ko-KR", "한국어"),
    ("pt-BR", "Português (Brasil)"),
    ("vi-VN", "Tiếng Việt"),
    ("zh-CN", "简体中文"),
    ("zh-TW", "繁體中文"),
];

#[derive(Serialize)]
struct ProfilePage<'a> {
    action: String,
    csrf: String,
    username: &'a str,
    values: BTreeMap<&'static str, String>,
    languages: Vec<Language<'a>>,
    errors: &'a FieldErrors,
}

#[derive(Serialize)]
struct Language<'a> {
    tag: &'a str,
    name: &'a str,
}

impl Page for ProfilePage<'_> {
    const TEMPLATE: &'static str = "pages/profile.html";
}

/// `GET /account/profile`
pub async fn get(edge: Edge) -> HttpResponse {
    let result = async {
        let (session, user) = require_signed_in(&edge).await?;
        let stored = |claim| user.claims.get(claim).and_then(|value| value.as_str());
        show(&edge, (&session, &user), stored, &FieldErrors::new())
    };
    finish(&edge, result.await)
}

fn show<'a>(
    edge: &Edge,
    (session, user): (&Session, &User),
    value: impl Fn(&'static str) -> Option<&'a str>,
    errors: &FieldErrors,
) -> Result<HttpResponse, AccountError> {
    let (browser, new_cookie) = browser(edge);
    let value = |claim| value(claim).unwrap_or_default().chars().take(LONGEST_NAME).collect();
    let values: BTreeMap<&'static str, String> = OWN_CLAIMS.into_iter().map(|claim| (claim, value(claim))).collect();
    let page = ProfilePage {
        action: edge.path("/account/profile"),
        csrf: Binding { form: "profile", browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
        username: user.username.as_str(),
        languages: languages(&values["locale"]),
        values: values.clone(),
        errors,
    };
    let mut response = page::show(edge, &page);
    if !errors.is_empty() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(with_cookies(response, new_cookie))
}

/// The languages to choose from, with the one that is set.
fn languages(set: &str) -> Vec<Language<'_>> {
    let known = LANGUAGES.iter().map(|(tag, name)| Language { tag, name });
    let other = Some(set).filter(|set| !set.is_empty() && LANGUAGES.iter().all(|(tag, _)| tag != set));
    other.map(|set| Language { tag: set, name: set }).into_iter().chain(known).collect()
}

/// `POST /account/profile`
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
    check_form(edge, "profile", form.find("csrf"), session.sid.as_str())?;
    let profile = match Profile::parse(|claim| form.find(claim)) {
        Ok(profile) => profile,
        Err(problems) => {
            let errors = problems.into_iter().map(|(claim, problem)| (claim, words(problem))).collect();
            return show(edge, (&session, &user), |claim| form.find(claim), &errors);
        }
    };
    let changed = profile.differences(&user.claims);
    let by = edge.by(Actor::User(user.id.clone()));
    let event = Event::new(EventKind::ProfileChanged, &by).user(&user.id).with("fields", changed);
    // Only the claims are written: whatever an operator changed of the account meanwhile stays changed.
    edge.store
        .write(move |db| {
            store::users::change_claims(db, &user.id, event.by.at, |claims| profile.put_into(claims))?;
            store::audit::insert(db, &event)
        })
        .await?;
    Ok(redirect::see_other(&format!("{}?done=profile", edge.path("/account"))))
}

const fn words(problem: ProfileError) -> &'static str {
    match problem {
        ProfileError::Name => "profile-name-rule",
        ProfileError::Locale => "profile-locale-rule",
    }
}
