//! The `claims` parameter (OIDC Core §5.5): single claims that a client asks for, in the ID token or from userinfo.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The longest `claims` parameter, in bytes.
pub const LONGEST_CLAIMS: usize = 8 * 1024;
/// The most claims one request may name, and the most values one claim may be asked to have.
const MOST_CLAIMS: usize = 64;
/// The longest name of a claim, in bytes.
const LONGEST_NAME: usize = 128;

/// What a client asks for beyond its scopes. Empty where it sent no `claims`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// Claims that the ID token shall carry.
    pub id_token: BTreeMap<String, Wish>,
    /// Claims that userinfo shall answer.
    pub userinfo: BTreeMap<String, Wish>,
}

/// How a claim is asked for (OIDC Core §5.5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// Whether the client says that it cannot do without.
    pub essential: bool,
    /// The values it would take, in its order; empty: any.
    pub values: Vec<Value>,
}

/// Why a text is no `claims` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsRequestError {
    /// Longer than [`LONGEST_CLAIMS`].
    #[error("claims is longer than {LONGEST_CLAIMS} bytes")]
    TooLong,
    /// Not a JSON object of objects of requests.
    #[error("claims is a JSON object with id_token and userinfo; each claim is null or has essential, value or values")]
    Malformed,
    /// More than 64 claims, values, or a name that is longer than 128 bytes.
    #[error("claims names too many claims or values")]
    TooMany,
}

impl ClaimsRequest {
    /// Reads the parameter. Members that are not understood are ignored (OIDC Core §5.5).
    ///
    /// # Errors
    /// [`ClaimsRequestError`].
    pub fn parse(text: &str) -> Result<Self, ClaimsRequestError> {
        if text.len() > LONGEST_CLAIMS {
            return Err(ClaimsRequestError::TooLong);
        }
        let whole: Map<String, Value> = serde_json::from_str(text).map_err(|_| ClaimsRequestError::Malformed)?;
        Self::read(&whole)
    }

    /// Reads the member of a request object, which is the same as JSON (OIDC Core §6.1).
    ///
    /// # Errors
    /// [`ClaimsRequestError`].
    pub fn read(whole: &Map<String, Value>) -> Result<Self, ClaimsRequestError> {
        let part = |name: &str| whole.get(name).map_or_else(|| Ok(BTreeMap::new()), wishes);
        Ok(Self { id_token: part("id_token")?, userinfo: part("userinfo")? })
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The one subject that the client wants the answer to be about (OIDC Core §5.5.1).
    pub fn subject(&self) -> Option<&str> {
        self.id_token.get("sub")?.values.first()?.as_str()
    }

    /// Without the claims for which `keep` does not hold.
    #[must_use]
    pub fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.id_token.retain(|name, _| keep(name));
        self.userinfo.retain(|name, _| keep(name));
        self
    }

    /// The names of all claims that are asked for, some of them twice.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.id_token.keys().chain(self.userinfo.keys()).map(String::as_str)
    }

    /// The authentication contexts without which the client wants no answer (OIDC Core §5.5.1.1); empty: any will do.
    pub fn essential_contexts(&self) -> Vec<&str> {
        let wish = self.id_token.get("acr").filter(|wish| wish.essential);
        wish.map(|wish| wish.values.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }
}

fn wishes(part: &Value) -> Result<BTreeMap<String, Wish>, ClaimsRequestError> {
    let part = match part {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(part) => part,
        _ => return Err(ClaimsRequestError::Malformed),
    };
    if part.len() > MOST_CLAIMS || part.keys().any(|name| name.len() > LONGEST_NAME) {
        return Err(ClaimsRequestError::TooMany);
    }
    part.iter().map(|(name, wish)| Ok((name.clone(), Wish::read(wish)?))).collect()
}

impl Wish {
    fn read(value: &Value) -> Result<Self, ClaimsRequestError> {
        let wish = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(wish) => wish,
            _ => return Err(ClaimsRequestError::Malformed),
        };
        let essential = match wish.get("essential") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(essential)) => *essential,
            Some(_) => return Err(ClaimsRequestError::Malformed),
        };
        let values = match (wish.get("value"), wish.get("values")) {
            (Some(value), _) if !value.is_null() => vec![value.clone()],
            (_, Some(Value::Array(values))) => values.clone(),
            (_, None | Some(Value::Null)) => Vec::new(),
            _ => return Err(ClaimsRequestError::Malformed),
        };
        if values.len() > MOST_CLAIMS { Err(ClaimsRequestError::TooMany) } else { Ok(Self { essential, values }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// OIDC Core §5.5
    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null, "picture": null,
            "http://example.info/claims/groups": null},
            "id_token": {"auth_time": {"essential": true}, "acr": {"values": ["urn:mace:incommon:iap:silver"]}}}"#;
        let claims = ClaimsRequest::parse(text).unwrap();
        assert!(claims.userinfo["given_name"].essential && !claims.userinfo["nickname"].essential);
        assert_eq!(claims.userinfo.len(), 4);
        assert_eq!(claims.id_token["acr"].values, [Value::from("urn:mace:incommon:iap:silver")]);
        assert!(claims.essential_contexts().is_empty(), "it is asked for, and not essential");
    }

    /// OIDC Core §5.5.1
    #[test]
    fn a_value_is_a_list_of_one() {
        let claims = ClaimsRequest::parse(r#"{"id_token": {"sub": {"value": "248289761001"}, "x": {"values": []}}}"#);
        assert_eq!(claims.unwrap().subject(), Some("248289761001"));
        let claims = ClaimsRequest::parse(r#"{"id_token": {"acr": {"essential": true, "values": ["1", "2"]}}}"#);
        assert_eq!(claims.unwrap().essential_contexts(), ["1", "2"]);
    }

    #[test]
    fn what_is_no_claims_request_is_refused() {
        let malformed = [
            "",
            "[]",
            "7",
            "{\"id_token\": 7}",
            "{\"userinfo\": {\"a\": 1}}",
            "{\"id_token\":{\"a\":{\"essential\":1}}}",
        ];
        for bad in malformed.into_iter().chain(["{\"id_token\":{\"a\":{\"values\":1}}}"]) {
            assert_eq!(ClaimsRequest::parse(bad), Err(ClaimsRequestError::Malformed), "{bad}");
        }
        let many: Map<String, Value> = (0..65).map(|n| (format!("claim{n}"), Value::Null)).collect();
        let many = serde_json::json!({ "userinfo": many }).to_string();
        assert_eq!(ClaimsRequest::parse(&many), Err(ClaimsRequestError::TooMany));
        assert_eq!(ClaimsRequest::parse(&" ".repeat(LONGEST_CLAIMS + 1)), Err(ClaimsRequestError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_stored_whole(text in "[{}\\[\\]\":,a-z0-9 ]{0,200}") {
            if let Ok(claims) = ClaimsRequest::parse(&text) {
                let stored = serde_json::to_string(&claims).unwrap();
                prop_assert_eq!(serde_json::from_str::<ClaimsRequest>(&stored).unwrap(), claims);
            }
        }
    }
}
