//! Users: resource owners with an account here.

use super::id::UserId;
use super::time::Timestamp;
use serde_json::{Map, Value};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The subject (`sub`).
    pub id: UserId,
    /// As chosen, 1 to 64 characters.
    pub username: Username,
    /// As given, with its key.
    pub email: Email,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// A PHC string (`$argon2id$…`) or another scheme's; `None`: no password, no password sign-in.
    pub password_hash: Option<String>,
    /// Standard claims beyond those above (OIDC Core §5.1), at most 16 KiB as JSON.
    pub claims: Map<String, Value>,
    /// Role names, such as `admin`.
    pub roles: Vec<String>,
    /// Since when the account is disabled.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// The role of administrators.
pub const ADMIN: &str = "admin";

impl User {
    /// Whether the user has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known == role)
    }
}

/// A user name with its canonical forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    text: String,
    key: String,
    skeleton: String,
}

/// An e-mail address with its canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

/// Why a text is no user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Empty, or more than 64 characters.
    #[error("a user name has 1 to 64 characters")]
    Length,
    /// A character that is neither letter, digit, `.`, `-` nor `_`, or one of those at an end.
    #[error("a user name is made of letters, digits, and . - _ between them")]
    Character,
}

/// Why a text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address has one @ with a name before it and a host name after it, at most 254 bytes")]
pub struct EmailError;

impl Username {
    /// Reads a user name: NFKC, letters and digits of any script, and `.` `-` `_` between them. Names that differ only
    /// in case share a key; names that look alike share a skeleton (Unicode TS 39), and both are unique.
    ///
    /// # Errors
    /// [`UsernameError`].
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        use unicode_normalization::UnicodeNormalization as _;
        if text.len() > 512 {
            return Err(UsernameError::Length);
        }
        let text: String = text.nfkc().collect();
        if !(1..=64).contains(&text.chars().count()) {
            return Err(UsernameError::Length);
        }
        let is_joint = |c: char| matches!(c, '.' | '-' | '_');
        let well_formed = text.chars().all(|c| c.is_alphanumeric() || is_combining(c) || is_joint(c))
            && text.chars().next().is_some_and(char::is_alphanumeric)
            && !text.ends_with(is_joint);
        if !well_formed {
            return Err(UsernameError::Character);
        }
        let key: String = text.to_lowercase().nfkc().collect();
        let skeleton: String = unicode_security::skeleton(&key).collect();
        Ok(Self { text, key, skeleton })
    }

    /// From stored columns.
    pub const fn from_stored(text: String, key: String, skeleton: String) -> Self {
        Self { text, key, skeleton }
    }

    /// As chosen.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form to look up: lower case, NFKC.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The form in which look-alikes are equal.
    pub fn skeleton(&self) -> &str {
        &self.skeleton
    }
}

fn is_combining(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

impl Email {
    /// Reads an address: one `@`, a non-empty local part without spaces or control characters, a host name with a dot
    /// or `localhost`. Deliberately lenient; only a message that arrives proves an address.
    ///
    /// # Errors
    /// [`EmailError`].
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let (local, host) = text.rsplit_once('@').ok_or(EmailError)?;
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"' | '@');
        let host_is_fine = !host.is_empty()
            && host.len() <= 253
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        if text.len() > 254 || local.is_empty() || local.len() > 64 || local.contains(bad) || !host_is_fine {
            return Err(EmailError);
        }
        Ok(Self { text: text.to_owned(), key: text.to_lowercase() })
    }

    /// From stored columns.
    pub const fn from_stored(text: String, key: String) -> Self {
        Self { text, key }
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form to look up: lower case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What a person typed as "user name or e-mail address", as keys to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginName {
    /// The key of a user name.
    Username(String),
    /// The key of an e-mail address.
    Email(String),
}

impl LoginName {
    /// Reads what was typed; `None` when it can be neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains('@') {
            Email::parse(text).ok().map(|email| Self::Email(email.key))
        } else {
            Username::parse(text).ok().map(|name| Self::Username(name.key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_or_width_share_a_key() {
        let key = |text| Username::parse(text).unwrap().key().to_owned();
        assert_eq!(key("Alice"), key("alice"));
        assert_eq!(key("ａｌｉｃｅ"), key("alice"));
        assert_eq!(Username::parse("김민지").unwrap().as_str(), "김민지");
    }

    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        let skeleton = |text| Username::parse(text).unwrap().skeleton().to_owned();
        assert_eq!(skeleton("pаypal"), skeleton("paypal"), "the first has a Cyrillic а");
    }

    #[test]
    fn odd_names_are_refused() {
        for bad in ["", " ", "a b", ".a", "a.", "-", "a@b", "a\0b", "a\u{202e}b", "<b>", &"x".repeat(65)] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn odd_addresses_are_refused() {
        for bad in ["", "a", "@", "a@", "@b", "a@b@c.de", "a b@c.de", "a@-b.de", "a@b..de", "a@b.de\r\nBcc: x@y.z"] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Email::parse(" Alice@Example.COM ").unwrap().key(), "alice@example.com");
    }
}
