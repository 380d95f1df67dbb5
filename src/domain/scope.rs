//! Scopes (RFC 6749 §3.3).

use serde::{Deserialize, Serialize};

/// The most scope tokens one request may name.
pub const MOST_SCOPES: usize = 64;

/// The scope that asks for an ID token (OIDC Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// The scope that asks for a refresh token beyond the session (OIDC Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes every server knows without configuration.
pub const STANDARD: [&str; 6] = [OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// Reading at the server's own API, `{issuer}/api`.
pub const ADMIN_READ: &str = "admin:read";
/// Changing at the server's own API, `{issuer}/api`.
pub const ADMIN_WRITE: &str = "admin:write";

/// A set of scope tokens in the order in which they were asked for, each once. Its text form is stable, so answers,
/// tokens and tests agree from run to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(Vec<String>);

/// Why a scope parameter is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3).
    #[error(
        "a scope token may hold visible ASCII without quote and backslash, and tokens are divided by single spaces"
    )]
    Character,
    /// More than [`MOST_SCOPES`] tokens.
    #[error("more than {MOST_SCOPES} scope tokens")]
    TooMany,
}

impl ScopeSet {
    /// Reads a space-divided list. The empty string is the empty set; a token that is named twice counts once.
    ///
    /// # Errors
    /// [`ScopeError::Character`] for anything outside the grammar, [`ScopeError::TooMany`] beyond the bound.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let mut tokens: Vec<String> = Vec::new();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(is_scope_character) {
                return Err(ScopeError::Character);
            }
            if !tokens.iter().any(|known| known == token) {
                tokens.push(token.to_owned());
            }
            if tokens.len() > MOST_SCOPES {
                return Err(ScopeError::TooMany);
            }
        }
        Ok(Self(tokens))
    }

    /// Whether no scope is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `token` is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|known| known == token)
    }

    /// Whether every scope of this set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|token| other.contains(token))
    }

    /// The first scope of this set that `other` lacks.
    pub fn first_outside<'a>(&'a self, other: &Self) -> Option<&'a str> {
        self.0.iter().map(String::as_str).find(|token| !other.contains(token))
    }

    /// Those scopes of this set for which `keep` holds, in their order.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }

    /// This set followed by what `other` has beyond it.
    pub fn union(&self, other: &Self) -> Self {
        let mut tokens = self.0.clone();
        tokens.extend(other.0.iter().filter(|token| !self.contains(token)).cloned());
        Self(tokens)
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

impl std::fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ScopeSet> for String {
    fn from(scopes: ScopeSet) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 §3.3
    #[test]
    fn order_is_kept_and_repetition_counts_once() {
        let scopes = ScopeSet::parse("openid email openid profile").unwrap();
        assert_eq!(scopes.to_string(), "openid email profile");
    }

    /// RFC 6749 §3.3
    #[test]
    fn quote_backslash_and_control_characters_are_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "a\u{7f}", "é", "a\nb"] {
            assert_eq!(ScopeSet::parse(bad), Err(ScopeError::Character), "{bad:?}");
        }
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let many = (0..=MOST_SCOPES).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
        assert_eq!(ScopeSet::parse(&many), Err(ScopeError::TooMany));
    }
}
