//! What applying a document changes, in words.

use crate::clients::metadata::changed_members;
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
    let names = changed_members(before, after);
    if names.is_empty() { Difference::Unchanged } else { Difference::Changed(names) }
}
