//! Proof Key for Code Exchange: the grammar and the check (RFC 7636 §4).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How a challenge was made from its verifier (RFC 7636 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeChallengeMethod {
    /// `BASE64URL(SHA256(verifier))`
    S256,
    /// The verifier itself. Only under an exception on one client (RFC 9700 §2.1.1).
    #[serde(rename = "plain")]
    Plain,
}

impl CodeChallengeMethod {
    /// The name on the wire. `None` for any other name, whatever its case.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "S256" => Some(Self::S256),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }
}

/// Why a text is no challenge or verifier (RFC 7636 §4.1, §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// Fewer than 43 or more than 128 characters.
    #[error("it has {0} characters; 43 to 128 are allowed")]
    Length(usize),
    /// A character outside `ALPHA / DIGIT / "-" / "." / "_" / "~"`.
    #[error("character {0} is outside ALPHA / DIGIT / \"-\" / \".\" / \"_\" / \"~\"")]
    Character(usize),
    /// An S256 challenge that is not the base64url form of 32 bytes.
    #[error("an S256 challenge is 43 characters of base64url without padding")]
    NotS256,
}

/// A challenge with its method, as bound to a code (RFC 7636 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge {
    value: String,
    method: CodeChallengeMethod,
}

impl CodeChallenge {
    /// Checks the grammar of RFC 7636 §4.2; an S256 challenge must be base64url of exactly 32 bytes.
    ///
    /// # Errors
    /// A [`PkceError`] that says what is wrong.
    pub fn parse(value: &str, method: CodeChallengeMethod) -> Result<Self, PkceError> {
        check_grammar(value)?;
        if method == CodeChallengeMethod::S256 && decode_s256(value).is_none() {
            return Err(PkceError::NotS256);
        }
        Ok(Self { value: value.to_owned(), method })
    }

    /// From stored columns, which were parsed when they were written.
    pub const fn from_stored(value: String, method: CodeChallengeMethod) -> Self {
        Self { value, method }
    }

    /// The challenge as it was sent.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Its method.
    pub const fn method(&self) -> CodeChallengeMethod {
        self.method
    }

    /// Whether `verifier` belongs to this challenge (RFC 7636 §4.6), in constant time.
    pub fn is_met_by(&self, verifier: &CodeVerifier) -> bool {
        let made = match self.method {
            CodeChallengeMethod::S256 => verifier.s256(),
            CodeChallengeMethod::Plain => verifier.0.clone(),
        };
        made.as_bytes().ct_eq(self.value.as_bytes()).into()
    }
}

/// A verifier of 43 to 128 unreserved characters (RFC 7636 §4.1). It does not print.
#[derive(Clone)]
pub struct CodeVerifier(String);

impl CodeVerifier {
    /// Checks the grammar of RFC 7636 §4.1.
    ///
    /// # Errors
    /// A [`PkceError`] that says what is wrong, without the value.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        check_grammar(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The verifier in clear, for the machine that checks it once more.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn s256(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeVerifier(..)")
    }
}

fn check_grammar(text: &str) -> Result<(), PkceError> {
    if let Some(at) = text.bytes().position(|byte| !is_unreserved(byte)) {
        return Err(PkceError::Character(at + 1));
    }
    if !(43..=128).contains(&text.len()) {
        return Err(PkceError::Length(text.len()));
    }
    Ok(())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn decode_s256(value: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(value).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// RFC 7636 §4.6, appendix B
    #[test]
    fn the_example_of_the_specification_is_met() {
        let challenge = CodeChallenge::parse(CHALLENGE, CodeChallengeMethod::S256).unwrap();
        assert!(challenge.is_met_by(&CodeVerifier::parse(VERIFIER).unwrap()));
        assert!(!challenge.is_met_by(&CodeVerifier::parse(CHALLENGE).unwrap()));
    }

    /// RFC 7636 §4.1
    #[test]
    fn length_and_alphabet_of_a_verifier_are_checked() {
        assert_eq!(CodeVerifier::parse(&"a".repeat(42)).unwrap_err(), PkceError::Length(42));
        assert_eq!(CodeVerifier::parse(&"a".repeat(129)).unwrap_err(), PkceError::Length(129));
        assert!(CodeVerifier::parse(&"~".repeat(128)).is_ok());
        for bad in ["+", "/", "=", " ", "é", "\0", "%"] {
            let text = format!("{}{bad}", "a".repeat(50));
            assert_eq!(CodeVerifier::parse(&text).unwrap_err(), PkceError::Character(51), "{bad:?}");
        }
    }

    /// RFC 7636 §4.2
    #[test]
    fn an_s256_challenge_is_base64url_of_32_bytes() {
        for bad in [format!("{CHALLENGE}A"), "~".repeat(43), format!("{}=", &CHALLENGE[..42])] {
            assert!(CodeChallenge::parse(&bad, CodeChallengeMethod::S256).is_err(), "{bad}");
        }
        assert!(CodeChallenge::parse(VERIFIER, CodeChallengeMethod::Plain).is_ok());
    }

    /// RFC 7636 §4.3
    #[test]
    fn method_names_are_exact() {
        for bad in ["s256", "S512", "", "PLAIN", " S256"] {
            assert_eq!(CodeChallengeMethod::parse(bad), None, "{bad:?}");
        }
    }
}
