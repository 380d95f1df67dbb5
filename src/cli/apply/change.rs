//! What applying a document changes, in words. Secrets are never shown, neither in clear nor in their stored forms.

use super::describe::{Described, SECRET};
use serde::Serialize;
use serde_json::{Map, Value};

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

/// What happens to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// It is not stored yet.
    Created,
    /// Some of its fields differ.
    Changed,
    /// Nothing differs.
    Unchanged,
    /// It is stored, and the document lacks it.
    Removed,
}

/// An entry and how it differs from what is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub change: Verb,
    /// The fields that differ, by their names in documents.
    pub fields: Vec<FieldChange>,
}

/// One field before and after. A secret is shown as [`HIDDEN`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name in documents.
    pub field: String,
    /// As it is stored; `None` where nothing is.
    pub before: Option<Value>,
    /// As the document has it; `None` where it has nothing.
    pub after: Option<Value>,
}

/// What stands in the place of a secret.
pub const HIDDEN: &str = "(secret)";

impl Change {
    /// The difference of an entry from what is stored of it.
    pub(super) fn between(kind: Kind, name: &str, before: Option<&Described>, after: &Described) -> Self {
        let none = Described::default();
        let fields = differences(before.unwrap_or(&none), after);
        let change = match (before, fields.is_empty()) {
            (None, _) => Verb::Created,
            (Some(_), true) => Verb::Unchanged,
            (Some(_), false) => Verb::Changed,
        };
        Self { kind, name: name.to_owned(), change, fields }
    }

    /// That something is removed.
    pub(super) fn removal(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), change: Verb::Removed, fields: Vec::new() }
    }
}

fn differences(before: &Described, after: &Described) -> Vec<FieldChange> {
    let gone = before.0.iter().filter(|(name, _)| after.find(name).is_none());
    let mut fields = Vec::new();
    for (name, _) in after.0.iter().chain(gone) {
        let (old, new) = (before.find(name), after.find(name));
        if old != new {
            let shown = |value: Option<&Value>| value.map(|value| hidden(name, value));
            fields.push(FieldChange { field: public_name(name).to_owned(), before: shown(old), after: shown(new) });
        }
    }
    fields
}

/// The value without its secrets.
fn hidden(name: &str, value: &Value) -> Value {
    match value {
        _ if SECRET.contains(&name) => Value::from(HIDDEN),
        Value::Array(items) => items.iter().map(|item| hidden(name, item)).collect(),
        // Claims are not secrets, whatever they are called.
        Value::Object(members) if name != "claims" => {
            let member = |(name, value): (&String, &Value)| (public_name(name).to_owned(), hidden(name, value));
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        value => value.clone(),
    }
}

/// People know a secret by the field that takes it in clear.
fn public_name(name: &str) -> &str {
    match name {
        "password_hash" => "password",
        "client_secret_hash" => "client_secret",
        "token_hash" => "token",
        "registration_access_token_hash" => "registration_access_token",
        name => name,
    }
}
