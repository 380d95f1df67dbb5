//! `/api/users`: accounts. A password is never answered, but a generated one once.

use super::input::{Parameters, read};
use super::{ApiError, by, created, finish, ok};
use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::domain::user::{Email, LoginName, User, Username};
use crate::passwords::policy::{Password, check_common};
use crate::store::{self, StoreError};
use crate::users;
use crate::web::answer::problem::Wrong;
use crate::web::extract::{Edge, Query};
use crate::web::json::JsonBody;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Accounts by their subjects, which is the order of their making.
#[derive(Serialize, ToSchema)]
pub struct UserPage {
    users: Vec<UserDocument>,
    /// What to send as `after` for the next page; missing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub struct UserDocument {
    /// The subject.
    sub: String,
    /// The user name.
    username: String,
    /// The e-mail address.
    email: String,
    /// Whether the address was proven.
    email_verified: bool,
    /// Standard claims beyond those above.
    claims: Map<String, Value>,
    /// Roles, such as `admin`.
    roles: Vec<String>,
    /// Whether there is a password to sign in with.
    has_password: bool,
    /// Whether the account is disabled.
    disabled: bool,
    /// When it was made.
    created_at: String,
    /// When anything of it last changed.
    updated_at: String,
}

/// An account that was just made, with the password that was generated for it: it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct NewUser {
    #[serde(flatten)]
    user: UserDocument,
    /// The generated password; missing where one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// A generated password: it is shown this once.
#[derive(Serialize, ToSchema)]
pub struct NewPassword {
    /// The subject.
    sub: String,
    /// The generated password; missing where one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// What is to be said of an account; what is left out stays as it is. A new one needs `username` and `email`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserInput {
    /// The user name: letters, digits, and `.` `-` `_` between them.
    username: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// Whether the address was proven.
    email_verified: Option<bool>,
    /// Standard claims beyond the members here, as a whole.
    claims: Option<Map<String, Value>>,
    /// Roles, such as `admin`.
    roles: Option<Vec<String>>,
}

/// A new account.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewUserInput {
    /// The user name: letters, digits, and `.` `-` `_` between them.
    #[schema(required = true, nullable = false)]
    username: Option<String>,
    /// The e-mail address.
    #[schema(required = true, nullable = false)]
    email: Option<String>,
    /// Whether the address was proven.
    email_verified: Option<bool>,
    /// Standard claims beyond the members here, as a whole.
    claims: Option<Map<String, Value>>,
    /// Roles, such as `admin`.
    roles: Option<Vec<String>>,
    /// The password; generated and shown once where it is left out.
    password: Option<String>,
}

/// A password to set.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordInput {
    /// The password; generated and shown once where it is left out.
    password: Option<String>,
}

impl From<User> for UserDocument {
    fn from(user: User) -> Self {
        Self {
            sub: user.id.to_string(),
            username: user.username.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            claims: user.claims,
            roles: user.roles,
            has_password: user.password_hash.is_some(),
            disabled: user.disabled_at.is_some(),
            created_at: user.created_at.rfc3339(),
            updated_at: user.updated_at.rfc3339(),
        }
    }
}

/// The accounts, in the order of their making; or the one with a user name or e-mail address.
#[utoipa::path(
    get, path = "/api/users", tag = "users", operation_id = "listUsers",
    params(
        ("login" = Option<String>, Query, description = "The account with this user name or e-mail address alone"),
        ("after" = Option<String>, Query, description = "After this subject: next of the page before"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "Entries of a page; 50 where it is missing"),
    ),
    responses((status = 200, description = "A page of accounts", body = UserPage)),
)]
pub async fn list(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let mut parameters = Parameters::of(query, &["login", "after", "limit"])?;
        let login = parameters.text("login");
        let (after, limit) = (parameters.text("after").map(UserId::new), parameters.limit());
        parameters.finish()?;
        let mut stored = match login {
            Some(login) => find_by_login(&edge, &login).await?.into_iter().collect(),
            None => edge.store.read(move |db| store::users::list(db, after.as_ref(), limit + 1)).await?,
        };
        let has_more = stored.len() as i64 > limit;
        stored.truncate(usize::try_from(limit).unwrap_or(0));
        let next = stored.last().filter(|_| has_more).map(|last| last.id.to_string());
        Ok(ok(&UserPage { users: stored.into_iter().map(UserDocument::from).collect(), next }))
    };
    finish(&edge, result.await)
}

async fn find_by_login(edge: &Edge, text: &str) -> Result<Option<User>, ApiError> {
    let Some(login) = LoginName::parse(text) else { return Ok(None) };
    Ok(edge.store.read(move |db| store::users::find_by_login(db, &login)).await?)
}

/// Make an account. Without `password` one is generated and shown this once.
#[utoipa::path(
    post, path = "/api/users", tag = "users", operation_id = "createUser", request_body = NewUserInput,
    responses((status = 201, description = "The account, with a generated password", body = NewUser)),
)]
pub async fn create(edge: Edge, body: JsonBody) -> HttpResponse {
    let result = async {
        let NewUserInput { username, email, email_verified, claims, roles, password } = read(body)?;
        let (is_named, is_addressed) = (username.is_some(), email.is_some());
        let mut errors = Vec::new();
        for (name, is_there) in [("username", is_named), ("email", is_addressed)] {
            if !is_there {
                errors.push(Wrong { field: name.to_owned(), what: "it is required".to_owned() });
            }
        }
        let said = Said::read(UserInput { username, email, email_verified, claims, roles }, &mut errors);
        let (username, email) = (said.username.clone(), said.email.clone());
        let chosen = choose(&edge, password.as_deref(), (username.as_ref(), email.as_ref()), &mut errors);
        let (Some(username), Some(email), Some(chosen), true) = (username, email, chosen, errors.is_empty()) else {
            return Err(ApiError::Fields(errors));
        };
        let now = edge.context.now;
        let mut user = User {
            id: UserId::new(edge.entropy.uuid(now.seconds())),
            username,
            email,
            email_verified: false,
            password_hash: Some(edge.passwords.hash(&chosen).await?),
            claims: Map::new(),
            roles: Vec::new(),
            disabled_at: None,
            created_at: now,
            updated_at: now,
        };
        said.put(&mut user);
        let (stored, by) = (user.clone(), by(&edge));
        edge.store.write(move |db| users::create(db, &stored, &by)).await.map_err(taken)?;
        let shown = password.is_none().then(|| chosen.reveal().to_owned());
        let id = user.id.to_string();
        Ok(created(&edge, &["users", &id], &NewUser { user: user.into(), password: shown }))
    };
    finish(&edge, result.await)
}

/// One account.
#[utoipa::path(
    get, path = "/api/users/{sub}", tag = "users", operation_id = "showUser",
    params(("sub" = String, Path, description = "The subject")),
    responses((status = 200, description = "The account", body = UserDocument)),
)]
pub async fn show(edge: Edge, id: web::Path<String>, query: Query) -> HttpResponse {
    let result = async {
        Parameters::of(query, &[])?.finish()?;
        Ok(ok(&UserDocument::from(load(&edge, &id).await?)))
    };
    finish(&edge, result.await)
}

/// Change an account. What is left out stays as it is; another address is not proven unless that is said.
#[utoipa::path(
    patch, path = "/api/users/{sub}", tag = "users", operation_id = "changeUser",
    params(("sub" = String, Path, description = "The subject")), request_body = UserInput,
    responses((status = 200, description = "The account as it is now", body = UserDocument)),
)]
pub async fn update(edge: Edge, id: web::Path<String>, body: JsonBody) -> HttpResponse {
    let result = async {
        let mut errors = Vec::new();
        let said = Said::read(read(body)?, &mut errors);
        if !errors.is_empty() {
            return Err(ApiError::Fields(errors));
        }
        let (wanted, by) = (UserId::new(id.as_str()), by(&edge));
        let changed = edge.store.write(move |db| users::change(db, &wanted, &by, |user| said.put(user)));
        let user = changed.await.map_err(taken)?.ok_or_else(|| unknown(&id))?;
        Ok(ok(&UserDocument::from(user)))
    };
    finish(&edge, result.await)
}

/// Disable an account, end its sessions and revoke everything issued for it.
#[utoipa::path(
    post, path = "/api/users/{sub}/disable", tag = "users", operation_id = "disableUser",
    params(("sub" = String, Path, description = "The subject")),
    responses((status = 200, description = "The account as it is now", body = UserDocument)),
)]
pub async fn disable(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let (wanted, by) = (UserId::new(id.as_str()), by(&edge));
    let result = async {
        edge.store.write(move |db| users::disable(db, &wanted, &by)).await?.ok_or_else(|| unknown(&id))?;
        edge.logouts.wake();
        Ok(ok(&UserDocument::from(load(&edge, &id).await?)))
    };
    finish(&edge, result.await)
}

/// Enable an account that was disabled.
#[utoipa::path(
    post, path = "/api/users/{sub}/enable", tag = "users", operation_id = "enableUser",
    params(("sub" = String, Path, description = "The subject")),
    responses((status = 200, description = "The account as it is now", body = UserDocument)),
)]
pub async fn enable(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let (wanted, by) = (UserId::new(id.as_str()), by(&edge));
    let result = async {
        edge.store.write(move |db| users::enable(db, &wanted, &by)).await?.ok_or_else(|| unknown(&id))?;
        Ok(ok(&UserDocument::from(load(&edge, &id).await?)))
    };
    finish(&edge, result.await)
}

/// Set the password, end the account's sessions and revoke everything issued for it.
#[utoipa::path(
    post, path = "/api/users/{sub}/password", tag = "users", operation_id = "setUserPassword",
    params(("sub" = String, Path, description = "The subject")), request_body = PasswordInput,
    responses((status = 200, description = "A generated password, where none was chosen", body = NewPassword)),
)]
pub async fn set_password(edge: Edge, id: web::Path<String>, body: JsonBody) -> HttpResponse {
    let result = async {
        let input: PasswordInput = read(body)?;
        let user = load(&edge, &id).await?;
        let mut errors = Vec::new();
        let names = (Some(&user.username), Some(&user.email));
        let chosen = choose(&edge, input.password.as_deref(), names, &mut errors);
        let chosen = chosen.ok_or(ApiError::Fields(errors))?;
        let hash = edge.passwords.hash(&chosen).await?;
        let (wanted, by) = (user.id, by(&edge));
        if !edge.store.write(move |db| users::set_password(db, &wanted, &hash, &by)).await? {
            return Err(unknown(&id));
        }
        edge.logouts.wake();
        let shown = input.password.is_none().then(|| chosen.reveal().to_owned());
        Ok(ok(&NewPassword { sub: id.to_string(), password: shown }))
    };
    finish(&edge, result.await)
}

/// End the account's sessions and revoke everything issued for it.
#[utoipa::path(
    delete, path = "/api/users/{sub}/sessions", tag = "users", operation_id = "endUserSessions",
    params(("sub" = String, Path, description = "The subject")),
    responses((status = 204, description = "Nothing of it is live any more")),
)]
pub async fn end_sessions(edge: Edge, id: web::Path<String>) -> HttpResponse {
    let result = async {
        let (wanted, by) = (load(&edge, &id).await?.id, by(&edge));
        edge.store.write(move |db| users::end_everything(db, &wanted, "an operator ended them", &by)).await?;
        edge.logouts.wake();
        Ok(HttpResponse::NoContent().finish())
    };
    finish(&edge, result.await)
}

/// What was said of an account, checked.
struct Said {
    username: Option<Username>,
    email: Option<Email>,
    email_verified: Option<bool>,
    claims: Option<Map<String, Value>>,
    roles: Option<Vec<String>>,
}

impl Said {
    fn read(input: UserInput, errors: &mut Vec<Wrong>) -> Self {
        let mut note = |field: &str, what: String| errors.push(Wrong { field: field.to_owned(), what });
        let username = input
            .username
            .and_then(|text| Username::parse(&text).map_err(|error| note("username", error.to_string())).ok());
        let email =
            input.email.and_then(|text| Email::parse(&text).map_err(|error| note("email", error.to_string())).ok());
        for role in input.roles.iter().flatten().filter(|role| !users::is_role(role)) {
            note(
                "roles",
                format!("{:?} is not 1 to 64 visible ASCII characters", crate::domain::refusal::excerpt(role)),
            );
        }
        if input.roles.as_ref().is_some_and(|roles| roles.len() > users::MOST_ROLES) {
            note("roles", format!("there are more than {}", users::MOST_ROLES));
        }
        if let Some(what) = input.claims.as_ref().and_then(users::problem_with_claims) {
            note("claims", what);
        }
        Self { username, email, email_verified: input.email_verified, claims: input.claims, roles: input.roles }
    }

    fn put(&self, user: &mut User) {
        if let Some(username) = &self.username {
            user.username = username.clone();
        }
        if let Some(email) = &self.email {
            // Another address is not the one that was proven.
            user.email_verified &= user.email == *email;
            user.email = email.clone();
        }
        user.email_verified = self.email_verified.unwrap_or(user.email_verified);
        if let Some(claims) = &self.claims {
            user.claims.clone_from(claims);
        }
        if let Some(roles) = &self.roles {
            user.roles.clone_from(roles);
        }
    }
}

/// The password that was chosen, checked as at sign-up, or a generated one.
fn choose(
    edge: &Edge,
    chosen: Option<&str>,
    (username, email): (Option<&Username>, Option<&Email>),
    errors: &mut Vec<Wrong>,
) -> Option<Secret> {
    let Some(text) = chosen else { return Some(edge.entropy.secret()) };
    let (username, email) = (username.map_or("", Username::as_str), email.map_or("", Email::as_str));
    let password = Password::parse(text)
        .and_then(|password| check_common(&password, username, email).map(|()| password))
        .map_err(|problem| errors.push(Wrong { field: "password".to_owned(), what: problem.to_string() }));
    password.ok()
}

fn taken(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict => ApiError::Taken("the user name, one that looks like it, or the e-mail address"),
        error => error.into(),
    }
}

fn unknown(id: &str) -> ApiError {
    ApiError::Unknown("user", id.to_owned())
}

async fn load(edge: &Edge, id: &str) -> Result<User, ApiError> {
    let wanted = UserId::new(id);
    let found = edge.store.read(move |db| store::users::find(db, &wanted)).await?;
    found.ok_or_else(|| unknown(id))
}
