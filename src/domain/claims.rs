//! The claims of a user, by scope (OIDC Core §5.1, §5.4).

use super::claims_request::Wish;
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

/// The scope that covers a claim (OIDC Core §5.4); `None` for a claim that is not about a person's data.
pub fn scope_of(claim: &str) -> Option<&'static str> {
    match claim {
        "email" | "email_verified" => Some("email"),
        "address" => Some("address"),
        name if PHONE.contains(&name) => Some("phone"),
        name if PROFILE.contains(&name) => Some("profile"),
        _ => None,
    }
}

/// The value of one claim about `user`; `None` where there is none.
pub fn find(user: &User, claim: &str) -> Option<Value> {
    match claim {
        "email" => Some(json!(user.email.as_str())),
        "email_verified" => Some(json!(user.email_verified)),
        name => {
            scope_of(name)?;
            let said = user.claims.get(name).filter(|value| !value.is_null()).cloned();
            said.or_else(|| match name {
                "preferred_username" => Some(json!(user.username.as_str())),
                "updated_at" => Some(json!(user.updated_at.seconds())),
                _ => None,
            })
        }
    }
}

/// The claims about `user` among those that were asked for one by one (OIDC Core §5.5). A wish for certain values is met
/// by one of them only.
pub fn wished<'a>(user: &User, wishes: impl IntoIterator<Item = (&'a String, &'a Wish)>) -> Map<String, Value> {
    let given = wishes.into_iter().filter_map(|(name, wish)| {
        let value = find(user, name).filter(|value| wish.values.is_empty() || wish.values.contains(value))?;
        Some((name.clone(), value))
    });
    given.collect()
}

/// The claims about `user` that `scopes` ask for. A claim without a value is left out (OIDC Core §5.3.2).
pub fn for_scopes(user: &User, scopes: &ScopeSet) -> Map<String, Value> {
    let names = PROFILE.into_iter().chain(["email", "email_verified", "address"]).chain(PHONE);
    let asked = names.filter(|name| scope_of(name).is_some_and(|scope| scopes.contains(scope)));
    asked.filter_map(|name| Some((name.to_owned(), find(user, name)?))).collect()
}
