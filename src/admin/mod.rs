//! Pages for administrators. Who may see them is decided before a handler runs, by the policy of the route
//! (`web/policy.rs`): a session whose user has the role `admin`.

pub mod home;
pub mod usage;

use crate::domain::refusal::Refusal;
use crate::store::StoreError;
use crate::web::answer::{self, page};
use crate::web::extract::Edge;
use actix_web::HttpResponse;

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

/// Turns the result of a handler into its answer.
fn finish(edge: &Edge, result: Result<HttpResponse, AdminError>) -> HttpResponse {
    result.unwrap_or_else(|error| error.answer(edge))
}
