//! Response types: what the authorization endpoint answers with (RFC 6749 §3.1.1, OAuth 2.0 Multiple Response Types §3, §5).
//!
//! `code` is for everybody. The others bring tokens through the browser, which OAuth 2.1 and RFC 9700 §2.1.2 advise
//! against: each needs a client that registered it and holds a live dated exception.

use super::callback::ResponseMode;
use super::client::Client;
use super::exception::Allowance;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// `response_type`: one of the registered combinations; the order of its words means nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResponseType {
    /// `code`
    #[default]
    #[serde(rename = "code")]
    Code,
    /// `token`: the implicit grant of RFC 6749 §4.2.
    #[serde(rename = "token")]
    Token,
    /// `id_token` (OIDC Core §3.2)
    #[serde(rename = "id_token")]
    IdToken,
    /// `id_token token` (OIDC Core §3.2)
    #[serde(rename = "id_token token")]
    IdTokenToken,
    /// `code id_token` (OIDC Core §3.3)
    #[serde(rename = "code id_token")]
    CodeIdToken,
    /// `code token` (OIDC Core §3.3)
    #[serde(rename = "code token")]
    CodeToken,
    /// `code id_token token` (OIDC Core §3.3)
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
}

impl ResponseType {
    /// Every response type, each with its words in registered order.
    pub const ALL: [Self; 7] = [
        Self::Code,
        Self::Token,
        Self::IdToken,
        Self::IdTokenToken,
        Self::CodeIdToken,
        Self::CodeToken,
        Self::CodeIdTokenToken,
    ];

    /// The words in registered order.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Token => "token",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
        }
    }

    /// Reads the words in any order, each once, divided by single spaces (RFC 6749 §3.1.1).
    pub fn parse(text: &str) -> Option<Self> {
        let sorted = |text: &str| {
            let mut words: Vec<&str> = text.split(' ').take(4).collect();
            words.sort_unstable();
            words.join(" ")
        };
        let wanted = sorted(text);
        Self::ALL.into_iter().find(|kind| kind.as_str().len() == text.len() && sorted(kind.as_str()) == wanted)
    }

    /// Whether the answer has a code.
    pub const fn gives_code(self) -> bool {
        matches!(self, Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// Whether the answer has an ID token.
    pub const fn gives_id_token(self) -> bool {
        matches!(self, Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    /// Whether the answer has an access token.
    pub const fn gives_access_token(self) -> bool {
        matches!(self, Self::Token | Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// The exception that a client needs for it; `None` for `code`.
    pub const fn allowance(self) -> Option<Allowance> {
        match self {
            Self::Code => None,
            Self::Token | Self::IdToken | Self::IdTokenToken => Some(Allowance::Implicit),
            Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken => Some(Allowance::Hybrid),
        }
    }

    /// How the answer travels where the request does not say (OAuth 2.0 Multiple Response Types §2.1, §5).
    pub const fn default_mode(self) -> ResponseMode {
        match self {
            Self::Code => ResponseMode::Query,
            _ => ResponseMode::Fragment,
        }
    }

    /// Whether the answer may travel so: no token in a query (OAuth 2.0 Multiple Response Types §3, RFC 9700 §4.3.2).
    pub const fn allows(self, mode: ResponseMode) -> bool {
        matches!(self, Self::Code) || !matches!(mode, ResponseMode::Query)
    }

    /// Whether `client` may use it at `now`: it is registered for it, and an exception allows it where one is needed.
    pub fn is_allowed_to(self, client: &Client, now: Timestamp) -> bool {
        let is_registered = client.response_types.iter().any(|kind| kind == self.as_str());
        is_registered && self.allowance().is_none_or(|allowance| client.is_excepted(allowance, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 §3.1.1
    #[test]
    fn the_order_of_words_means_nothing_and_nothing_else_is_a_response_type() {
        for kind in ResponseType::ALL {
            assert_eq!(ResponseType::parse(kind.as_str()), Some(kind));
            let reversed = kind.as_str().split(' ').rev().collect::<Vec<_>>().join(" ");
            assert_eq!(ResponseType::parse(&reversed), Some(kind));
        }
        assert_eq!(ResponseType::parse("token code id_token"), Some(ResponseType::CodeIdTokenToken));
        for bad in [
            "",
            " ",
            "Code",
            "code ",
            " code",
            "code code",
            "code  token",
            "code token token",
            "code\ttoken",
            "none",
            "code none",
            "id_token code token code",
            "codetoken",
        ] {
            assert_eq!(ResponseType::parse(bad), None, "{bad:?}");
        }
    }

    /// OAuth 2.0 Multiple Response Types §5, OIDC Core §3.3.2.5
    #[test]
    fn tokens_travel_in_the_fragment_or_a_form_and_need_an_exception() {
        for kind in ResponseType::ALL {
            let has_tokens = kind.gives_id_token() || kind.gives_access_token();
            assert_eq!(kind.allows(ResponseMode::Query), !has_tokens, "{kind:?}");
            assert_eq!(kind.allowance().is_some(), has_tokens, "{kind:?}");
            assert!(kind.allows(kind.default_mode()) && kind.allows(ResponseMode::FormPost), "{kind:?}");
            assert_eq!(kind.gives_code(), kind.as_str().starts_with("code"), "{kind:?}");
        }
    }
}
