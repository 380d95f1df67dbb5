//! Dynamic client registration (RFC 7591): who may register clients, and what is kept of one that was registered so.

use super::client::hex;
use super::exception::Exception;
use super::secret::TokenHash;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The name under which the policy is stored.
pub const POLICY: &str = "registration";
/// The end of what does not end: the last second of the year 9999.
const NEVER: Timestamp = Timestamp::from_seconds(253_402_300_799);

/// Who may register clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    /// Operators alone.
    #[default]
    Closed,
    /// Whoever brings an initial access token.
    Token,
    /// Anybody, within quotas.
    Open,
}

impl RegistrationMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Token, Self::Open];

    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Token => "token",
            Self::Open => "open",
        }
    }

    /// Reads the name in documents.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The policy of dynamic registration, as it is stored under [`POLICY`]. Without one, registration is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationPolicy {
    /// Who may register clients.
    pub mode: RegistrationMode,
    /// Initial access tokens, hashed.
    pub initial_access_tokens: Vec<InitialAccessToken>,
    /// Given to every client that is registered this way.
    pub exceptions: Vec<Exception>,
}

/// An initial access token (RFC 7591 §1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialAccessToken {
    /// SHA-256 of the token, 64 hexadecimal digits.
    pub sha256: String,
    /// How often it may be used; `None`: any number of times.
    pub uses: Option<u64>,
    /// When it ends.
    pub until: Option<Timestamp>,
}

impl InitialAccessToken {
    /// What its uses are counted by.
    pub fn subject(&self) -> TokenHash {
        TokenHash::of(&format!("initial access token {}", self.sha256))
    }

    /// When the count of its uses may be forgotten: at its end.
    pub fn expires_at(&self) -> Timestamp {
        self.until.unwrap_or(NEVER)
    }
}

/// By what right a client registers itself. Where the token may be used so often only, whether a use is left is seen when
/// it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// An initial access token that is listed and has not ended.
    Token(InitialAccessToken),
    /// Registration is open to anybody.
    Open,
}

impl Admission {
    /// How a client that is admitted so is marked.
    pub const fn registered_by(&self) -> RegisteredBy {
        match self {
            Self::Token(_) => RegisteredBy::Token,
            Self::Open => RegisteredBy::Open,
        }
    }
}

/// Why a client may not register itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Registration is closed.
    Closed,
    /// An initial access token is needed.
    NoToken,
    /// The token is none of those that are listed.
    UnknownToken,
    /// The token has ended.
    EndedToken,
}

impl RegistrationPolicy {
    /// Whether somebody who brings `token`, or none, may register a client (RFC 7591 §3). Where registration is open, a
    /// token is not needed, but one that is brought must be right: whoever brings it relies on it.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub fn admit(&self, token: Option<&str>, now: Timestamp) -> Result<Admission, NotAdmitted> {
        match (self.mode, token) {
            (RegistrationMode::Closed, _) => Err(NotAdmitted::Closed),
            (RegistrationMode::Token, None) => Err(NotAdmitted::NoToken),
            (RegistrationMode::Open, None) => Ok(Admission::Open),
            (RegistrationMode::Token | RegistrationMode::Open, Some(token)) => {
                let sha256 = hex(TokenHash::of(token).as_bytes());
                let known = self.initial_access_tokens.iter().find(|known| known.sha256 == sha256);
                let known = known.ok_or(NotAdmitted::UnknownToken)?;
                match known.until {
                    Some(until) if until.is_past(now) => Err(NotAdmitted::EndedToken),
                    _ => Ok(Admission::Token(known.clone())),
                }
            }
        }
    }

    /// The exceptions that are still in force, for a client that is registered at `now`.
    pub fn live_exceptions(&self, now: Timestamp) -> Vec<Exception> {
        self.exceptions.iter().filter(|exception| !exception.until.is_past(now)).cloned().collect()
    }
}

/// How a client came to be registered without an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegisteredBy {
    /// With an initial access token.
    Token,
    /// By anybody.
    Open,
}

impl RegisteredBy {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Token, Self::Open];

    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Open => "open",
        }
    }
}

/// What is kept of the registration of a client that no operator made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// How it was registered.
    pub by: RegisteredBy,
    /// `client_id_issued_at` (RFC 7591 §3.2.1)
    pub issued_at: Timestamp,
    /// SHA-256 of the registration access token (RFC 7592 §1.2), 64 hexadecimal digits; `None`: the client cannot manage
    /// itself any more.
    pub access_token: Option<String>,
}

impl Registration {
    /// Whether `token` is the registration access token.
    pub fn is_managed_by(&self, token: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        let presented = hex(TokenHash::of(token).as_bytes());
        self.access_token.as_ref().is_some_and(|known| known.as_bytes().ct_eq(presented.as_bytes()).into())
    }

    /// What an operator says of a registration, with the token that is stored where none is said.
    pub fn keeping_token(said: Option<Self>, stored: Option<&Self>) -> Option<Self> {
        let kept = || stored.and_then(|stored| stored.access_token.clone());
        said.map(|said| Self { access_token: said.access_token.clone().or_else(kept), ..said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn policy(mode: RegistrationMode) -> RegistrationPolicy {
        let token = |text: &str, until: Option<i64>| InitialAccessToken {
            sha256: hex(TokenHash::of(text).as_bytes()),
            uses: Some(1),
            until: until.map(Timestamp::from_seconds),
        };
        let tokens =
            vec![token("lasting", None), token("ending", Some(1_800_000_001)), token("ended", Some(1_800_000_000))];
        RegistrationPolicy { mode, initial_access_tokens: tokens, exceptions: Vec::new() }
    }

    /// RFC 7591 §3
    #[test]
    fn who_may_register_is_said_by_the_mode_and_the_token() {
        use RegistrationMode::{Closed, Open, Token};
        for (mode, token, expected) in [
            (Closed, None, Err(NotAdmitted::Closed)),
            (Closed, Some("lasting"), Err(NotAdmitted::Closed)),
            (Token, None, Err(NotAdmitted::NoToken)),
            (Token, Some("lasting"), Ok(RegisteredBy::Token)),
            (Token, Some("ending"), Ok(RegisteredBy::Token)),
            (Token, Some("ended"), Err(NotAdmitted::EndedToken)),
            (Token, Some("Lasting"), Err(NotAdmitted::UnknownToken)),
            (Token, Some(""), Err(NotAdmitted::UnknownToken)),
            (Open, None, Ok(RegisteredBy::Open)),
            (Open, Some("lasting"), Ok(RegisteredBy::Token)),
            (Open, Some("guess"), Err(NotAdmitted::UnknownToken)),
        ] {
            let admitted = policy(mode).admit(token, NOW).map(|admission| admission.registered_by());
            assert_eq!(admitted, expected, "{mode:?} {token:?}");
        }
    }

    #[test]
    fn without_a_policy_registration_is_closed() {
        assert_eq!(RegistrationPolicy::default().admit(None, NOW), Err(NotAdmitted::Closed));
    }

    /// RFC 7592 §2
    #[test]
    fn only_the_whole_registration_access_token_manages() {
        let access_token = Some(hex(TokenHash::of("abc").as_bytes()));
        let registration = Registration { by: RegisteredBy::Open, issued_at: NOW, access_token };
        assert!(registration.is_managed_by("abc"));
        for other in ["", "ab", "abcd", "ABC"] {
            assert!(!registration.is_managed_by(other), "{other}");
        }
        let lost = Registration { access_token: None, ..registration.clone() };
        assert!(!lost.is_managed_by("abc") && !lost.is_managed_by(""));
        assert_eq!(Registration::keeping_token(Some(lost), Some(&registration)), Some(registration));
    }
}
