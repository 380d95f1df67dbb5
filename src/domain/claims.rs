//! The claims of a user, by scope (OIDC Core §5.1, §5.4).

use super::scope::ScopeSet;
use super::user::User;
use serde_json::{Map, Value, json};

const PROFILE: [&str; 14] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

/// Every claim that userinfo can give.
pub fn supported() -> Vec<&'static str> {
    ["sub"].into_iter().chain(PROFILE).chain(["email", "email_verified", "address"]).chain(PHONE).collect()
}

/// The claims about `user` that `scopes` ask for, with `sub`. A claim without a value is left out (OIDC Core §5.3.2).
pub fn for_scopes(user: &User, scopes: &ScopeSet) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(user.id.as_str()));
    let mut copy = |names: &[&str]| {
        for name in names {
            if let Some(value) = user.claims.get(*name).filter(|value| !value.is_null()) {
                claims.insert((*name).to_owned(), value.clone());
            }
        }
    };
    if scopes.contains("profile") {
        copy(&PROFILE);
    }
    if scopes.contains("address") {
        copy(&["address"]);
    }
    if scopes.contains("phone") {
        copy(&PHONE);
    }
    if scopes.contains("profile") {
        claims.entry("preferred_username").or_insert_with(|| json!(user.username.as_str()));
        claims.entry("updated_at").or_insert_with(|| json!(user.updated_at.seconds()));
    }
    if scopes.contains("email") {
        claims.insert("email".into(), json!(user.email.as_str()));
        claims.insert("email_verified".into(), json!(user.email_verified));
    }
    claims
}
