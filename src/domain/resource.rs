//! Protected resources (RFC 8707) and the words of scopes, as an operator describes them.

use super::id::ClientId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A protected resource: an API that tokens are issued for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// An absolute URI without fragment (RFC 8707 §2): its primary key, at most 255 bytes.
    pub identifier: String,
    /// The scopes it understands.
    pub scopes: Vec<String>,
    /// What its access tokens look like.
    pub access_token_type: AccessTokenType,
    /// Clients that may introspect tokens for it.
    pub served_by: Vec<ClientId>,
}

/// The form of access tokens for a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessTokenType {
    /// A JWT with `typ: at+jwt` (RFC 9068).
    #[default]
    #[serde(rename = "at+jwt")]
    AtJwt,
    /// The same with `typ: JWT`, for libraries that refuse the other.
    #[serde(rename = "JWT")]
    Jwt,
    /// A random value that only introspection understands.
    #[serde(rename = "opaque")]
    Opaque,
}

/// What a consent page says of a scope, by language tag (`en`, `ko`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDescription {
    /// The scope token: its primary key, at most 255 bytes.
    pub name: String,
    /// Language tag -> words.
    pub description: BTreeMap<String, String>,
}
