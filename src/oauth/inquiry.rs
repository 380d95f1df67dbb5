//! What introspection and revocation are asked: about one token, by one client (RFC 7662 §2.1, RFC 7009 §2.1).
//!
//! `token_type_hint` is only a hint, and the forms of our tokens cannot be mistaken for one another: it is never looked at.

use crate::clients::authenticate::Credentials;
use crate::domain::refusal::{self, Refusal};
use crate::domain::secret::Secret;
use crate::store::StoreError;
use crate::web::answer;
use crate::web::client_credentials::{self, ClientError};
use crate::web::extract::{Body, Edge, refuse_repeated, refuse_secrets_in_query};

/// A request whose form was right.
pub(super) struct Inquiry {
    pub credentials: Credentials,
    pub token: Secret,
}

/// A refused inquiry. What the token is, is never an error of introspection.
#[derive(Debug)]
pub enum InquiryError {
    /// The body was not a form, a parameter stood twice, or a secret in the query.
    Form(Refusal),
    /// No `token`.
    Missing,
    /// No client stands behind the request.
    Client(ClientError),
    /// The token was issued to another client, which alone may revoke it.
    Foreign(crate::domain::id::ClientId),
    /// The token is an ID token: nothing revokes it.
    Kind(crate::domain::id::ClientId),
    /// The database.
    Store(StoreError),
}

impl Inquiry {
    pub(super) fn parse(edge: &Edge, body: Body) -> Result<Self, InquiryError> {
        refuse_secrets_in_query(&edge.request)?;
        let form = body.0?;
        refuse_repeated(&form)?;
        let credentials = client_credentials::read(&edge.request, &form)?;
        let token = form.find("token").map(Secret::new).ok_or(InquiryError::Missing)?;
        Ok(Self { credentials, token })
    }
}

impl InquiryError {
    /// What the client is told, and what its developer can look up.
    pub fn refusal(&self) -> Refusal {
        use refusal as rules;
        match self {
            Self::Form(refusal) => refusal.clone(),
            Self::Missing => Refusal::by(&rules::PARAMETER_MISSING).because("no token", "token"),
            Self::Client(error) => error.refusal(),
            Self::Foreign(client) => Refusal::by(&rules::TOKEN_FOREIGN)
                .because("a token that was issued to another client", "a token of this client")
                .of(client),
            Self::Kind(client) => Refusal::by(&rules::TOKEN_KIND)
                .because("a token that is neither an access token nor a refresh token", "one of these two")
                .of(client),
            Self::Store(error) => answer::from_store(error),
        }
    }
}

impl From<Refusal> for InquiryError {
    fn from(refusal: Refusal) -> Self {
        Self::Form(refusal)
    }
}

impl From<ClientError> for InquiryError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<StoreError> for InquiryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
