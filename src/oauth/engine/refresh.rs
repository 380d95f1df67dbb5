//! The refresh (RFC 6749 §6). Rotation is decided by `domain::refresh`; the machine carries the order of the steps.

use super::{NEVER, no_scope};
use crate::domain::id::ClientId;
use oxide_auth::code_grant::refresh::{Input, Output, Refresh, Request};
use oxide_auth::primitives::grant::{Extensions, Grant};
use oxide_auth::primitives::issuer::{RefreshedToken, TokenType};
use std::borrow::Cow;

/// What the machine asks of its caller.
pub trait RefreshSteps {
    /// Why a step failed.
    type Error;
    /// Finds what the token belongs to: the client it was issued to.
    fn recover(&mut self) -> Result<ClientId, Self::Error>;
    /// Everything was checked: moves the family.
    fn refresh(&mut self) -> Result<(), Self::Error>;
}

/// Why a refresh is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshFault<E> {
    /// The token was issued to another client.
    Client,
    /// The machine came to a state that must not be.
    Machine,
    /// A step failed.
    Step(E),
}

/// Carries a refresh by the authenticated `client_id` through the machine.
///
/// # Errors
/// [`RefreshFault`].
pub fn refresh<S: RefreshSteps>(client_id: &ClientId, steps: &mut S) -> Result<(), RefreshFault<S::Error>> {
    let mut machine = Refresh::new(&Presented { client_id });
    let mut input = Input::None;
    loop {
        input = match machine.advance(input) {
            Output::Unauthenticated { .. } => Input::Authenticated { scope: None },
            Output::RecoverRefresh { .. } => {
                let owner = steps.recover().map_err(RefreshFault::Step)?;
                // The library never compares a public client's id with the token's.
                if owner != *client_id {
                    return Err(RefreshFault::Client);
                }
                Input::Recovered { scope: None, grant: Some(Box::new(library_grant(client_id))) }
            }
            Output::Refresh { .. } => {
                steps.refresh().map_err(RefreshFault::Step)?;
                Input::Refreshed(RefreshedToken {
                    token: String::new(),
                    refresh: None,
                    until: NEVER,
                    token_type: TokenType::Bearer,
                })
            }
            Output::Ok(_) => return Ok(()),
            Output::Err(_) => return Err(RefreshFault::Machine),
        };
    }
}

fn library_grant(client_id: &ClientId) -> Grant {
    Grant {
        owner_id: String::new(),
        client_id: client_id.to_string(),
        scope: no_scope(),
        redirect_uri: url::Url::parse("https://compared.invalid/").expect("a constant URL parses"),
        until: NEVER,
        extensions: Extensions::new(),
    }
}

struct Presented<'a> {
    client_id: &'a ClientId,
}

impl Request for Presented<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("kept outside"))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("refresh_token"))
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((Cow::Borrowed(self.client_id.as_str()), Cow::Borrowed(&[])))
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Steps(&'static str, bool);

    impl RefreshSteps for Steps {
        type Error = ();

        fn recover(&mut self) -> Result<ClientId, ()> {
            Ok(ClientId::new(self.0))
        }

        fn refresh(&mut self) -> Result<(), ()> {
            self.1 = true;
            Ok(())
        }
    }

    /// RFC 6749 §6
    #[test]
    fn a_token_of_another_client_moves_nothing() {
        let mut steps = Steps("app", false);
        assert_eq!(refresh(&ClientId::new("other"), &mut steps), Err(RefreshFault::Client));
        assert!(!steps.1);
        assert_eq!(refresh(&ClientId::new("app"), &mut steps), Ok(()));
        assert!(steps.1);
    }
}
