//! What applying a document changes, in words.

use serde::Serialize;
use serde_json::Value;

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An account.
    User,
    /// A client.
    Client,
    /// A protected resource.
    Resource,
    /// The words of a scope.
    Scope,
    /// The policy of dynamic registration.
    Registration,
}

impl Kind {
    /// Every kind, in the order of a summary, with its plural.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::User, "users"),
        (Self::Client, "clients"),
        (Self::Resource, "resources"),
        (Self::Scope, "scopes"),
        (Self::Registration, "registration"),
    ];

    /// The name of one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Registration => "registration",
        }
    }
}

/// How an entry of a document and what is stored differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// It is not stored yet.
    Created,
    /// These fields differ, by their names in documents.
    Changed(Vec<String>),
    /// Nothing differs.
    Unchanged,
}

/// An entry of a document and how it differs from what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// How it differs.
    pub difference: Difference,
}

/// The difference of two stored documents, by member.
pub(super) fn difference_of(before: Option<&Value>, after: &Value) -> Difference {
    let Some(before) = before else { return Difference::Created };
    let none = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&none), after.as_object().unwrap_or(&none));
    let mut names: Vec<String> = Vec::new();
    for name in after.keys().chain(before.keys()) {
        if before.get(name) != after.get(name) && !names.iter().any(|known| known == document_name(name)) {
            names.push(document_name(name).to_owned());
        }
    }
    if names.is_empty() { Difference::Unchanged } else { Difference::Changed(names) }
}

/// The name in documents of a member as it is stored.
fn document_name(name: &str) -> &str {
    match name {
        "name" => "client_name",
        "secret" => "client_secret",
        "authentication" => "token_endpoint_auth_method",
        "scopes" => "scope",
        "id_token_algorithm" => "id_token_signed_response_alg",
        "disabled_at" => "disabled",
        "metadata" => "other metadata",
        other => other,
    }
}
