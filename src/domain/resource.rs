//! Protected resources (RFC 8707) and the words of scopes, as an operator describes them; which scopes a token for some
//! of them carries.

use super::id::ClientId;
use super::issuer::Issuer;
use super::scope::{ADMIN_READ, ADMIN_WRITE, STANDARD, ScopeSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most `resource` parameters of one request.
pub const MOST_INDICATORS: usize = 8;

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

impl Resource {
    /// The resources that need no registration: the server itself, whose userinfo every token may be shown to, and its
    /// administration at `{issuer}/api`.
    pub fn built_in(issuer: &Issuer) -> [Self; 2] {
        let resource = |identifier: String, scopes: &[&str]| Self {
            identifier,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            access_token_type: AccessTokenType::AtJwt,
            served_by: Vec::new(),
        };
        [resource(issuer.as_str().to_owned(), &[]), resource(issuer.endpoint("/api"), &[ADMIN_READ, ADMIN_WRITE])]
    }

    /// Whether a `resource` parameter means this one: the same string, but that libraries for URLs write `/` where the path
    /// is empty (RFC 3986 §6.2.3).
    fn is_named_by(&self, indicator: &str) -> bool {
        without_root_path(&self.identifier) == without_root_path(indicator)
    }

    fn understands(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }
}

/// `https://host/` as `https://host`; everything else as it is.
fn without_root_path(uri: &str) -> &str {
    match uri.split_once("://") {
        Some((_, rest)) if !rest.contains(['?', '#']) && rest.find('/') == Some(rest.len() - 1) => {
            &uri[..uri.len() - 1]
        }
        _ => uri,
    }
}

/// Why the `resource` parameters of a request are refused (RFC 8707 §2 `invalid_target`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndicatorError {
    /// Not an absolute URI without fragment of a known resource.
    #[error("{0} is not the absolute URI of a configured resource")]
    Unknown(String),
    /// More than [`MOST_INDICATORS`].
    #[error("{0} resources in one request")]
    TooMany(usize),
}

/// The identifiers of the resources that a request names, each once, in its order.
///
/// # Errors
/// [`IndicatorError`]; one that is unknown is named.
pub fn resolve(indicators: &[String], known: &[Resource]) -> Result<Vec<String>, IndicatorError> {
    if indicators.len() > MOST_INDICATORS {
        return Err(IndicatorError::TooMany(indicators.len()));
    }
    let mut identifiers: Vec<String> = Vec::new();
    for indicator in indicators {
        let resource = known.iter().find(|resource| resource.is_named_by(indicator));
        let identifier = &resource.ok_or_else(|| IndicatorError::Unknown(indicator.clone()))?.identifier;
        if !identifiers.contains(identifier) {
            identifiers.push(identifier.clone());
        }
    }
    Ok(identifiers)
}

/// Those of `scopes` that a token for `audience` carries (RFC 8707 §2.2): what one of these resources understands, and
/// what belongs to no resource, such as `openid`. Without an audience that somebody named, all of them.
pub fn scopes_at(scopes: &ScopeSet, audience: &[String], known: &[Resource]) -> ScopeSet {
    if audience.is_empty() {
        return scopes.clone();
    }
    scopes.filtered(|scope| {
        let mut owners = known.iter().filter(|resource| resource.understands(scope)).peekable();
        STANDARD.contains(&scope) || owners.peek().is_none() || owners.any(|owner| audience.contains(&owner.identifier))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Resource> {
        let issuer = Issuer::parse("https://id.example/tenant").unwrap();
        let resource = |identifier: &str, scopes: &[&str]| Resource {
            identifier: identifier.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            access_token_type: AccessTokenType::AtJwt,
            served_by: Vec::new(),
        };
        let configured = [
            resource("https://orders.example", &["orders:read", "shared"]),
            resource("https://stock.example/api", &["stock:read", "shared", "openid"]),
            resource("urn:example:printer", &["print"]),
        ];
        configured.into_iter().chain(Resource::built_in(&issuer)).collect()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// RFC 8707 §2, RFC 3986 §6.2.3
    #[test]
    fn a_resource_is_named_by_its_identifier_and_nothing_like_it() {
        let resolved = |named: &[&str]| resolve(&texts(named), &known());
        for (named, identifier) in [
            ("https://orders.example", "https://orders.example"),
            ("https://orders.example/", "https://orders.example"),
            ("https://stock.example/api", "https://stock.example/api"),
            ("urn:example:printer", "urn:example:printer"),
            ("https://id.example/tenant", "https://id.example/tenant"),
            ("https://id.example/tenant/api", "https://id.example/tenant/api"),
        ] {
            assert_eq!(resolved(&[named]), Ok(texts(&[identifier])));
        }
        for unknown in [
            "",
            "/",
            "orders.example",
            "https://orders.example//",
            "https://orders.example?",
            "https://orders.example/?",
            "https://orders.example/x",
            "https://orders.example#",
            "https://orders.example/#x",
            "https://ORDERS.example",
            "https://orders.example:443",
            "http://orders.example",
            "https://orders.example.evil.example/",
            "https://stock.example/api/",
            "https://stock.example",
            "urn:example:printer/",
            "https://id.example/tenant/",
            "https://id.example/api",
        ] {
            assert_eq!(resolved(&[unknown]), Err(IndicatorError::Unknown(unknown.to_owned())), "{unknown:?}");
        }
    }

    /// RFC 8707 §2: "multiple resource parameters MAY be used"
    #[test]
    fn several_resources_are_kept_in_order_each_once_and_are_bounded() {
        let named = texts(&["urn:example:printer", "https://orders.example/", "urn:example:printer"]);
        assert_eq!(resolve(&named, &known()), Ok(texts(&["urn:example:printer", "https://orders.example"])));
        assert_eq!(resolve(&[], &known()), Ok(Vec::new()));
        let many = vec!["urn:example:printer".to_owned(); MOST_INDICATORS + 1];
        assert_eq!(resolve(&many, &known()), Err(IndicatorError::TooMany(MOST_INDICATORS + 1)));
        assert_eq!(resolve(&many[1..], &known()), Ok(texts(&["urn:example:printer"])));
    }

    /// RFC 8707 §2.2: "the authorization server SHOULD downscope the issued token"
    #[test]
    fn a_token_carries_what_its_resources_understand_and_what_belongs_to_none() {
        let all = "openid orders:read stock:read shared print admin:read own";
        for (audience, expected) in [
            (vec![], all),
            (vec!["https://orders.example"], "openid orders:read shared own"),
            (vec!["https://stock.example/api"], "openid stock:read shared own"),
            (vec!["urn:example:printer"], "openid print own"),
            (vec!["https://orders.example", "urn:example:printer"], "openid orders:read shared print own"),
            (vec!["https://id.example/tenant"], "openid own"),
            (vec!["https://id.example/tenant/api"], "openid admin:read own"),
        ] {
            let scopes = scopes_at(&ScopeSet::parse(all).unwrap(), &texts(&audience), &known());
            assert_eq!(scopes.to_string(), expected, "{audience:?}");
        }
    }
}
