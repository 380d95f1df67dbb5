//! `grant_type=client_credentials` (RFC 6749 §4.4): a confidential client gets an access token for itself.
//!
//! Nothing is presented and nobody grants, so nothing is stored but an opaque token: no refresh token (RFC 6749 §4.4.3), no
//! ID token, no grant. The machine of `oxide_auth` is not used here: beyond the authentication that `clients` has done
//! it would only ask for a redirect URI and a grant, and a client that calls an API has neither.

use super::access_token::Plan;
use super::error::{Refused, TokenError};
use super::request::ClientCredentialsRequest;
use super::response::{self, Issuance, TokenResponse};
use crate::domain::client::{Client, ClientKind, GrantType};
use crate::domain::scope::{STANDARD, ScopeSet};
use crate::web::extract::Edge;
use std::sync::Arc;

/// Issues an access token to an authenticated client.
pub(super) async fn issue(
    edge: &Edge,
    client: Arc<Client>,
    request: &ClientCredentialsRequest,
) -> Result<TokenResponse, TokenError> {
    // RFC 6749 §4.4: "The client credentials grant type MUST only be used by confidential clients."
    if client.kind() == ClientKind::Public || !client.may_use(GrantType::ClientCredentials) {
        return Err(TokenError::GrantTypeForbidden("client_credentials", client.id.clone()));
    }
    let refused = |refused| TokenError::Refused(refused, client.id.clone());
    let scopes = scopes(&client, request.scopes.as_ref()).map_err(refused)?;
    let plan = Plan::prepare(edge, &client, &request.resources).await?;
    // RFC 8707 §2.2: a token is narrowed to what its resources understand; one that could do nothing of what was asked for
    // is not worth having.
    if request.scopes.is_some() && !scopes.is_empty() && plan.scopes(None, &scopes).is_empty() {
        let expected = format!("scopes of {}", plan.named(None).join(", "));
        return Err(refused(Refused::ScopeForbidden(scopes.to_string(), expected)));
    }
    let access_token = plan.carry_out_alone(edge, scopes).await?;
    response::sign(edge, &client, &Issuance { granted: None, access_token, refresh_token: None }).await
}

/// RFC 6749 §3.3: what is asked for, else all that the client is registered for. Those scopes that are about a user mean
/// nothing here: asked for by name they are refused.
fn scopes(client: &Client, asked: Option<&ScopeSet>) -> Result<ScopeSet, Refused> {
    let own = client.scopes.filtered(|scope| !STANDARD.contains(&scope));
    match asked {
        None => Ok(own),
        Some(asked) => match asked.first_outside(&own) {
            Some(forbidden) => Err(Refused::ScopeForbidden(forbidden.to_owned(), own.to_string())),
            None => Ok(asked.clone()),
        },
    }
}
