//! What is stored, in the words of a document: what `export` prints, and what differences are told in. Reading what is
//! written here gives the same values again; a property test holds it to that.
//!
//! A user is written with every field, because fields that a document leaves out stay as they are stored. A client is
//! wholly what its entry says, so what has the value of a client that says nothing is left out.

use crate::clients::metadata::{SEALED, SHA256};
use crate::domain::client::{ApplicationType, Client, ClientSecret};
use crate::domain::exception::Exception;
use crate::domain::registration::{InitialAccessToken, RegistrationPolicy};
use crate::domain::resource::{Resource, ScopeDescription};
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::user::User;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

/// Fields that hold secrets or what secrets are verified with, at any depth of an entry.
pub const SECRET: [&str; 4] = ["password_hash", "client_secret_hash", "token_hash", "registration_access_token_hash"];

/// An entry: its fields in the order in which people read them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Described(pub Vec<(String, Value)>);

impl Described {
    /// The value of a field.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The same without the stored forms of secrets. Initial access tokens are nothing without theirs, so the whole
    /// list is left out; then what is stored of it stays.
    pub fn without_secrets(mut self) -> Self {
        self.0.retain(|(name, _)| !SECRET.contains(&name.as_str()) && name != "initial_access_tokens");
        self
    }

    fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn add_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

impl Serialize for Described {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A user.
pub fn user(user: &User) -> Described {
    let mut entry = Described::default();
    entry.add("username", user.username.as_str());
    entry.add("sub", user.id.as_str());
    entry.add("email", user.email.as_str());
    entry.add("email_verified", user.email_verified);
    entry.add_some("password_hash", user.password_hash.as_deref());
    entry.add("claims", user.claims.clone());
    entry.add("roles", json!(user.roles));
    entry.add("disabled", user.disabled_at.is_some());
    entry
}

/// A client.
pub fn client(client: &Client) -> Described {
    let mut entry = Described::default();
    entry.add("client_id", client.id.as_str());
    entry.add_some("client_name", client.name.as_deref());
    entry.add("token_endpoint_auth_method", client.authentication.as_str());
    entry.add_some("client_secret_hash", client.secret.as_ref().map(secret));
    if client.application_type != ApplicationType::default() {
        entry.add("application_type", json!(client.application_type));
    }
    if !client.redirect_uris.is_empty() {
        entry.add("redirect_uris", json!(client.redirect_uris));
    }
    entry.add("grant_types", json!(client.grant_types));
    entry.add("response_types", json!(client.response_types));
    entry.add("scope", client.scopes.to_string());
    entry.add("id_token_signed_response_alg", client.id_token_algorithm.as_str());
    entry.add_some("skip_consent", client.skip_consent.then_some(true));
    if !client.exceptions.is_empty() {
        entry.add("exceptions", exceptions(&client.exceptions));
    }
    entry.add_some("default_resource", client.default_resource.as_deref());
    for (name, lifetime) in [
        ("access_token_lifetime", client.access_token_lifetime),
        ("refresh_token_idle_lifetime", client.refresh_token_idle_lifetime),
        ("refresh_token_lifetime", client.refresh_token_lifetime),
    ] {
        entry.add_some(name, lifetime.map(Lifetime::as_seconds));
    }
    entry.add_some("refresh_token_rotation", client.refresh_token_rotation);
    if !client.allowed_origins.is_empty() {
        entry.add("allowed_origins", json!(client.allowed_origins));
    }
    for (name, value) in &client.metadata {
        entry.add(name, value.clone());
    }
    if let Some(registration) = &client.registration {
        entry.add("registered_by", registration.by.as_str());
        entry.add("client_id_issued_at", registration.issued_at.seconds());
        let token = registration.access_token.as_ref();
        entry.add_some("registration_access_token_hash", token.map(|digits| format!("{SHA256}{digits}")));
    }
    entry.add("disabled", client.disabled_at.is_some());
    entry
}

/// A protected resource.
pub fn resource(resource: &Resource) -> Described {
    let mut entry = Described::default();
    entry.add("identifier", resource.identifier.as_str());
    entry.add("scopes", json!(resource.scopes));
    entry.add("access_token_type", json!(resource.access_token_type));
    entry.add("served_by", json!(resource.served_by));
    entry
}

/// The words of a scope.
pub fn scope(scope: &ScopeDescription) -> Described {
    let mut entry = Described::default();
    entry.add("name", scope.name.as_str());
    entry.add("description", json!(scope.description));
    entry
}

/// The policy of dynamic registration.
pub fn registration(policy: &RegistrationPolicy) -> Described {
    let mut entry = Described::default();
    entry.add("mode", policy.mode.as_str());
    let tokens: Vec<Value> = policy.initial_access_tokens.iter().map(initial_access_token).collect();
    entry.add("initial_access_tokens", tokens);
    entry.add("exceptions", exceptions(&policy.exceptions));
    entry
}

fn secret(secret: &ClientSecret) -> String {
    match secret {
        ClientSecret::Sha256(digits) => format!("{SHA256}{digits}"),
        ClientSecret::Stretched(phc) => phc.clone(),
        ClientSecret::Sealed(sealed) => format!("{SEALED}{sealed}"),
    }
}

fn initial_access_token(token: &InitialAccessToken) -> Value {
    let mut entry = serde_json::Map::new();
    entry.insert("token_hash".to_owned(), json!(format!("{SHA256}{}", token.sha256)));
    entry.extend(token.uses.map(|uses| ("uses".to_owned(), json!(uses))));
    entry.extend(token.until.map(|until| ("until".to_owned(), json!(last_day(until)))));
    Value::Object(entry)
}

fn exceptions(exceptions: &[Exception]) -> Value {
    let entry = |exception: &Exception| {
        json!({
            "allow": exception.allow.as_str(), "reason": exception.reason, "owner": exception.owner,
            "until": last_day(exception.until),
        })
    };
    Value::Array(exceptions.iter().map(entry).collect())
}

/// The day before the second at which something ends: `2027-06-30`.
fn last_day(until: Timestamp) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let last = time::OffsetDateTime::from_unix_timestamp(until.minus(Lifetime::seconds(1)).seconds());
    last.ok().and_then(|last| last.date().format(format).ok()).unwrap_or_else(|| "9999-12-31".to_owned())
}
