//! What people may say of themselves: the claims that an account's owner changes, and the bounds of their values.
//!
//! Only what describes a person to other people is the person's own (OIDC Core §5.1): names and language. What an app
//! may decide by (`address`, `birthdate`, `phone_number` with its `_verified`), what it would follow as a link
//! (`profile`, `picture`, `website`), and the user name are the operator's.

use super::visible::is_hidden;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The claims that people change themselves, in the order of the form.
pub const OWN_CLAIMS: [&str; 5] = ["name", "given_name", "family_name", "nickname", "locale"];
/// The longest name, in characters.
pub const LONGEST_NAME: usize = 128;
/// The longest language tag (RFC 5646 §4.4.1), in bytes.
const LONGEST_TAG: usize = 35;

/// Values for all of [`OWN_CLAIMS`]; `None` for a claim that is not to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(Vec<(&'static str, Option<String>)>);

/// Why a value is none for its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// More than [`LONGEST_NAME`] characters, or one that is not shown.
    #[error("a name has at most {LONGEST_NAME} characters that can be shown")]
    Name,
    /// No language tag.
    #[error("a language is a tag such as en or ko-KR")]
    Locale,
}

impl Profile {
    /// Reads what was typed, by claim. What is empty is taken away.
    ///
    /// # Errors
    /// Every [`ProfileError`], by claim.
    pub fn parse<'a>(
        typed: impl Fn(&'static str) -> Option<&'a str>,
    ) -> Result<Self, BTreeMap<&'static str, ProfileError>> {
        let mut values = Vec::with_capacity(OWN_CLAIMS.len());
        let mut errors = BTreeMap::new();
        for claim in OWN_CLAIMS {
            let text = typed(claim).map(str::trim).filter(|text| !text.is_empty());
            let value = match claim {
                "locale" => text.map(parse_tag).transpose(),
                _ => text.map(parse_name).transpose(),
            };
            match value {
                Ok(value) => values.push((claim, value)),
                Err(error) => {
                    errors.insert(claim, error);
                }
            }
        }
        if errors.is_empty() { Ok(Self(values)) } else { Err(errors) }
    }

    /// The claims that are other than in `claims`.
    pub fn differences(&self, claims: &Map<String, Value>) -> Vec<&'static str> {
        let stored = |claim: &str| claims.get(claim).filter(|value| !value.is_null());
        let is_other = |(claim, value): &&(&'static str, Option<String>)| {
            stored(claim) != value.clone().map(Value::String).as_ref()
        };
        self.0.iter().filter(is_other).map(|(claim, _)| *claim).collect()
    }

    /// Puts these values into the claims of an account; the other claims stay.
    pub fn put_into(&self, claims: &mut Map<String, Value>) {
        for (claim, value) in &self.0 {
            match value {
                Some(value) => claims.insert((*claim).to_owned(), Value::String(value.clone())),
                None => claims.remove(*claim),
            };
        }
    }
}

/// Any script, in NFC; no line breaks, and no marks that turn the reading direction of what stands around the name.
fn parse_name(text: &str) -> Result<String, ProfileError> {
    use unicode_normalization::UnicodeNormalization as _;
    if text.len() > LONGEST_NAME * 4 {
        return Err(ProfileError::Name);
    }
    let text: String = text.nfc().collect();
    if text.chars().count() > LONGEST_NAME || text.contains(is_hidden) {
        return Err(ProfileError::Name);
    }
    Ok(text)
}

/// The shape of a language tag (RFC 5646 §2.1): a language of two or three letters, and further parts of up to eight
/// letters and digits.
fn parse_tag(text: &str) -> Result<String, ProfileError> {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let well_formed = text.len() <= LONGEST_TAG
        && (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if well_formed { Ok(text.to_owned()) } else { Err(ProfileError::Locale) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(claim: &'static str, value: &str) -> Result<Profile, BTreeMap<&'static str, ProfileError>> {
        Profile::parse(|name| (name == claim).then_some(value))
    }

    /// OIDC Core §5.1
    #[test]
    fn only_the_persons_own_claims_change() {
        let mut claims = json!({ "name": "Old", "nickname": "O", "birthdate": "1990-01-01", "email": "x" });
        let claims = claims.as_object_mut().unwrap();
        let typed = [("name", " 김민지 "), ("locale", "ko-KR"), ("birthdate", "1980-01-01"), ("sub", "other")];
        let profile =
            Profile::parse(|name| typed.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)).unwrap();
        assert_eq!(profile.differences(claims), ["name", "nickname", "locale"]);
        profile.put_into(claims);
        assert_eq!(profile.differences(claims), [""; 0]);
        let expected = json!({ "name": "김민지", "locale": "ko-KR", "birthdate": "1990-01-01", "email": "x" });
        assert_eq!(Value::Object(claims.clone()), expected);
    }

    #[test]
    fn a_name_is_bounded_and_holds_nothing_that_is_not_shown() {
        assert!(read("name", &"가".repeat(LONGEST_NAME)).is_ok());
        for bad in ["a\nb", "a\u{0}b", "a\u{202e}b", "a\u{2066}b", &"x".repeat(LONGEST_NAME + 1), &"x".repeat(16_000)] {
            assert_eq!(read("given_name", bad).unwrap_err()["given_name"], ProfileError::Name, "{bad:?}");
        }
    }

    /// RFC 5646 §2.1
    #[test]
    fn a_language_is_a_tag() {
        for good in ["ko", "ko-KR", "zh-Hant-TW", "sr-Latn-RS"] {
            assert!(read("locale", good).is_ok(), "{good}");
        }
        for bad in ["k", "korean", "ko_KR", "ko-", "-", "ko KR", "ko-überlang", &format!("ko{}", "-aaaaaaaa".repeat(5))]
        {
            assert_eq!(read("locale", bad).unwrap_err()["locale"], ProfileError::Locale, "{bad:?}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let errors = Profile::parse(|_| Some("\u{7}")).unwrap_err();
        assert_eq!(errors.len(), OWN_CLAIMS.len());
    }
}
