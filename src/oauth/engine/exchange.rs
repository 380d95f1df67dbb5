//! The code exchange (RFC 6749 §4.1.3, RFC 7636 §4.6).

use super::{NEVER, no_scope};
use crate::domain::id::ClientId;
use crate::domain::pkce::{CodeChallenge, CodeVerifier};
use oxide_auth::code_grant::accesstoken::{AccessToken, Authorization, Input, Output, Request};
use oxide_auth::code_grant::extensions::Pkce;
use oxide_auth::primitives::grant::{Extensions, Grant};
use oxide_auth::primitives::issuer::{IssuedToken, TokenType};
use std::borrow::Cow;

/// What the token request brings.
#[derive(Debug, Clone)]
pub struct CodeExchange {
    /// The authenticated client.
    pub client_id: ClientId,
    /// `redirect_uri`, where it was sent.
    pub redirect_uri: Option<String>,
    /// `code_verifier`, where it was sent.
    pub verifier: Option<CodeVerifier>,
}

/// What was stored with the code.
#[derive(Debug, Clone)]
pub struct RecoveredCode {
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// Whether the authorization request named it.
    pub redirect_uri_was_sent: bool,
    /// The challenge.
    pub challenge: Option<CodeChallenge>,
}

/// What the machine asks of its caller. `Error` ends the exchange; the caller decides what is committed.
pub trait ExchangeSteps {
    /// Why a step failed.
    type Error;
    /// Uses the code up and says what was stored with it.
    fn recover(&mut self) -> Result<RecoveredCode, Self::Error>;
    /// Everything was checked: stores what is issued.
    fn issue(&mut self) -> Result<(), Self::Error>;
}

/// Why an exchange is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeFault<E> {
    /// The redirect URI is missing or another one.
    RedirectUri,
    /// The verifier is missing, does not fit, or was sent where no challenge was.
    Verifier,
    /// The machine came to a state that must not be.
    Machine,
    /// A step failed.
    Step(E),
}

impl CodeExchange {
    /// Carries the exchange through the machine.
    ///
    /// # Errors
    /// [`ExchangeFault`].
    pub fn run<S: ExchangeSteps>(&self, steps: &mut S) -> Result<(), ExchangeFault<S::Error>> {
        let mut machine = AccessToken::new(self);
        let mut input = Input::None;
        loop {
            input = match machine.advance(input) {
                // The client was authenticated before; the machine is told by whom the code must have been got.
                Output::Authenticate { .. } => Input::Authenticated,
                Output::Recover { .. } => {
                    let recovered = steps.recover().map_err(ExchangeFault::Step)?;
                    self.check_redirect_uri(&recovered)?;
                    self.check_downgrade(&recovered)?;
                    Input::Recovered(Some(Box::new(library_grant(&recovered))))
                }
                Output::Extend { extensions } => {
                    self.check_verifier(extensions)?;
                    Input::Extended { access_extensions: Extensions::new() }
                }
                Output::Issue { .. } => {
                    steps.issue().map_err(ExchangeFault::Step)?;
                    Input::Issued(nothing_issued())
                }
                Output::Ok(_) => return Ok(()),
                Output::Err(_) => return Err(ExchangeFault::Machine),
            };
        }
    }

    /// RFC 6749 §4.1.3: where the authorization request named it, it must be named again and be identical, as a string; the
    /// library compares parsed URLs, for which `https://a/` and `https://a:443/` are one.
    fn check_redirect_uri<E>(&self, recovered: &RecoveredCode) -> Result<(), ExchangeFault<E>> {
        match &self.redirect_uri {
            Some(sent) if *sent == recovered.redirect_uri => Ok(()),
            None if !recovered.redirect_uri_was_sent => Ok(()),
            Some(_) | None => Err(ExchangeFault::RedirectUri),
        }
    }

    /// RFC 9700 §4.8.2: a verifier without a challenge means that somebody took the challenge away.
    fn check_downgrade<E>(&self, recovered: &RecoveredCode) -> Result<(), ExchangeFault<E>> {
        if recovered.challenge.is_some() == self.verifier.is_some() { Ok(()) } else { Err(ExchangeFault::Verifier) }
    }

    fn check_verifier<E>(&self, extensions: &mut Extensions) -> Result<(), ExchangeFault<E>> {
        let pkce = pkce();
        let verifier = self.verifier.as_ref().map(|verifier| Cow::Borrowed(verifier.reveal()));
        pkce.verify(extensions.remove(&pkce), verifier).map_err(|()| ExchangeFault::Verifier)
    }
}

/// Which methods a client may use was decided when the challenge was stored.
fn pkce() -> Pkce {
    let mut pkce = Pkce::optional();
    pkce.allow_plain();
    pkce
}

fn library_grant(recovered: &RecoveredCode) -> Grant {
    let mut extensions = Extensions::new();
    if let Some(challenge) = &recovered.challenge {
        let pkce = pkce();
        let value =
            pkce.challenge(Some(Cow::Borrowed(challenge.method().as_str())), Some(Cow::Borrowed(challenge.value())));
        if let Ok(Some(value)) = value {
            extensions.set(&pkce, value);
        }
    }
    Grant {
        owner_id: String::new(),
        client_id: recovered.client_id.to_string(),
        scope: no_scope(),
        redirect_uri: placeholder(),
        until: NEVER,
        extensions,
    }
}

/// The machine wants a redirect URI on both sides; ours were compared as strings.
fn placeholder() -> url::Url {
    url::Url::parse("https://compared.invalid/").expect("a constant URL parses")
}

fn nothing_issued() -> IssuedToken {
    IssuedToken { token: String::new(), refresh: None, until: NEVER, token_type: TokenType::Bearer }
}

impl Request for CodeExchange {
    fn valid(&self) -> bool {
        true
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("kept outside"))
    }

    fn authorization(&self) -> Authorization<'_> {
        Authorization::Username(Cow::Borrowed(self.client_id.as_str()))
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(placeholder().into()))
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("authorization_code"))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pkce::CodeChallengeMethod;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    struct Steps {
        code: RecoveredCode,
        issued: bool,
    }

    impl ExchangeSteps for Steps {
        type Error = ();

        fn recover(&mut self) -> Result<RecoveredCode, ()> {
            Ok(self.code.clone())
        }

        fn issue(&mut self) -> Result<(), ()> {
            self.issued = true;
            Ok(())
        }
    }

    fn stored(challenge: Option<CodeChallenge>) -> Steps {
        let code = RecoveredCode {
            client_id: ClientId::new("app"),
            redirect_uri: "https://a.example/cb".into(),
            redirect_uri_was_sent: true,
            challenge,
        };
        Steps { code, issued: false }
    }

    fn sent(client: &str, redirect_uri: Option<&str>, verifier: Option<&str>) -> CodeExchange {
        CodeExchange {
            client_id: ClientId::new(client),
            redirect_uri: redirect_uri.map(str::to_owned),
            verifier: verifier.map(|text| CodeVerifier::parse(text).unwrap()),
        }
    }

    fn s256() -> Option<CodeChallenge> {
        Some(CodeChallenge::parse(CHALLENGE, CodeChallengeMethod::S256).unwrap())
    }

    /// RFC 7636 §4.6, RFC 6749 §4.1.3, RFC 9700 §4.8.2
    #[test]
    fn a_token_is_issued_only_when_everything_fits() {
        let uri = Some("https://a.example/cb");
        let wrong = "a".repeat(43);
        for (exchange, challenge, expected) in [
            (sent("app", uri, Some(VERIFIER)), s256(), Ok(())),
            (sent("app", uri, Some(&wrong)), s256(), Err(ExchangeFault::Verifier)),
            (sent("app", uri, None), s256(), Err(ExchangeFault::Verifier)),
            (sent("app", uri, Some(VERIFIER)), None, Err(ExchangeFault::Verifier)),
            (sent("app", uri, None), None, Ok(())),
            (sent("app", None, Some(VERIFIER)), s256(), Err(ExchangeFault::RedirectUri)),
            (sent("app", Some("https://a.example:443/cb"), Some(VERIFIER)), s256(), Err(ExchangeFault::RedirectUri)),
            (sent("other", uri, Some(VERIFIER)), s256(), Err(ExchangeFault::Machine)),
        ] {
            let mut steps = stored(challenge);
            assert_eq!(exchange.run(&mut steps), expected, "{exchange:?}");
            assert_eq!(steps.issued, expected.is_ok());
        }
    }
}
