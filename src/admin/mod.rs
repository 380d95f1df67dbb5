//! Pages for administrators, and the admin API under `/api`: clients, users, keys, audit, usage, resources and scopes, as JSON (its description is `openapi`'s).
//!
//! The door (`web/middleware/authority.rs`) has let the request through and says who it is; here it is carried out by the
//! same functions that the commands use, in one transaction with its audit events. Refusals are problem documents (RFC
//! 9457). Nothing secret is ever answered, but a generated secret once.

pub mod audit;
pub mod catalogue;
pub mod clients;
pub mod home;
pub mod keys;
pub mod outbox;
pub mod report;
pub mod usage;
pub mod users;

mod input;

use crate::clients::metadata::FieldError;
use crate::domain::audit::{Actor, By};
use crate::domain::refusal::{self, Refusal};
use crate::keys::KeysError;
use crate::passwords::PasswordsError;
use crate::store::StoreError;
use crate::web::answer;
use crate::web::answer::page;
use crate::web::answer::problem::{self, Wrong};
use crate::web::extract::Edge;
use crate::web::middleware::Administrator;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpMessage as _, HttpResponse};
use serde::Serialize;

/// The most entries of a page, and how many there are where nothing is said.
pub const LARGEST_PAGE: i64 = 500;
const PAGE: i64 = 50;

/// Why a request to the API is refused.
#[derive(Debug)]
pub enum ApiError {
    /// The query or the body is malformed.
    Malformed(Refusal),
    /// Members of the body, or parameters, are wrong.
    Fields(Vec<Wrong>),
    /// There is no such thing: what it is, its identifier.
    Unknown(&'static str, String),
    /// There is one already, or its name is taken: what is taken.
    Taken(&'static str),
    /// Its state does not allow that: how it is, what would be needed.
    State(&'static str, &'static str),
    /// Too many passwords are being computed.
    Busy,
    /// The database.
    Store(StoreError),
    /// The signing keys.
    Keys(KeysError),
}

impl ApiError {
    fn answer(&self, edge: &Edge) -> HttpResponse {
        let refusal = match self {
            Self::Malformed(refusal) => refusal.clone(),
            Self::Fields(errors) => {
                let names = errors.iter().map(|wrong| wrong.field.as_str()).collect::<Vec<_>>().join(", ");
                let refusal = Refusal::by(&refusal::FIELDS).because(names, "members as the document describes them");
                return problem::refuse_fields(edge, &refusal, errors.clone());
            }
            Self::Unknown(what, id) => {
                Refusal::by(&refusal::UNKNOWN).because(format!("{what} {id}"), format!("a {what} that is there"))
            }
            Self::Taken(what) => Refusal::by(&refusal::TAKEN).because(*what, "one that is free"),
            Self::State(found, needed) => Refusal::by(&refusal::STATE).because(*found, *needed),
            Self::Busy => Refusal::by(&refusal::UNAVAILABLE),
            Self::Store(error) => answer::from_store(error),
            Self::Keys(error) => answer::from_keys(error),
        };
        problem::refuse(edge, &refusal)
    }

    /// One wrong member.
    fn field(field: &str, what: impl Into<String>) -> Self {
        Self::Fields(vec![Wrong { field: field.to_owned(), what: what.into() }])
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Malformed(refusal)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Vec<FieldError>> for ApiError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Fields(errors.into_iter().map(|error| Wrong { field: error.field, what: error.what }).collect())
    }
}

impl From<PasswordsError> for ApiError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy => Self::Busy,
            other => Self::Store(StoreError::Failed(other.to_string())),
        }
    }
}

impl From<KeysError> for ApiError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

/// Turns the result of a handler into its answer.
fn finish(edge: &Edge, result: Result<HttpResponse, ApiError>) -> HttpResponse {
    result.unwrap_or_else(|error| error.answer(edge))
}

fn ok(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// 201, with the address of what was made.
fn created(edge: &Edge, path: &[&str], body: &impl Serialize) -> HttpResponse {
    let mut address = edge.issuer().endpoint("/api");
    for segment in path {
        address.push('/');
        address.extend(url::form_urlencoded::byte_serialize(segment.as_bytes()).map(|part| part.replace('+', "%20")));
    }
    HttpResponse::build(StatusCode::CREATED).insert_header((header::LOCATION, address)).json(body)
}

/// Who acts, as the door found it.
fn by(edge: &Edge) -> By {
    let known = edge.request.extensions().get::<Administrator>().map(|administrator| administrator.0.clone());
    edge.by(known.unwrap_or(Actor::Nobody))
}

/// Why a page of this room is refused.
#[derive(Debug)]
pub enum AdminError {
    /// The query was malformed.
    Form(Refusal),
    /// The database.
    Store(StoreError),
}

impl AdminError {
    /// The answer.
    pub fn answer(&self, edge: &Edge) -> HttpResponse {
        let refusal = match self {
            Self::Form(refusal) => refusal.clone(),
            Self::Store(error) => answer::from_store(error),
        };
        page::refuse(edge, &refusal)
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        Self::Form(refusal)
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Turns the result of a page's handler into its answer.
fn finish_page(edge: &Edge, result: Result<HttpResponse, AdminError>) -> HttpResponse {
    result.unwrap_or_else(|error| error.answer(edge))
}
