//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5, §4.6).
//!
//! One transaction: the code is used up by one conditional update, checked by the machine, and the family is stored. What
//! is refused is committed too: a wrong verifier burns the code, a second use revokes everything the first one gave.

use super::access_token::{Plan, Settled};
use super::error::{Refused, TokenError};
use super::request::CodeRequest;
use super::response::{self, Granted, Issuance, TokenResponse};
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::client::{Client, GrantType};
use crate::domain::grant::Grant;
use crate::domain::id::{ClientId, GrantId};
use crate::domain::refresh::{Presented, RefreshTokenFamily};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::oauth::engine::{CodeExchange, ExchangeFault, ExchangeSteps, RecoveredCode};
use crate::store::{self, Db, StoreError};
use crate::tokens::{self, refresh_token};
use crate::web::extract::Edge;
use std::sync::Arc;

/// Redeems a code.
pub(super) async fn redeem(
    edge: &Edge,
    client: Arc<Client>,
    request: &CodeRequest,
) -> Result<TokenResponse, TokenError> {
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(TokenError::GrantTypeForbidden("authorization_code", client.id.clone()));
    }
    let exchange = Exchange {
        request: CodeExchange {
            client_id: client.id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            verifier: request.verifier.clone(),
        },
        code: request.code.hash(),
        access_token: Plan::prepare(edge, &client, &request.resources).await?,
        family: tokens::new_family(&edge.settings, (&edge.keys, &edge.entropy), &client, edge.context.now)?,
        now: edge.context.now,
        by: edge.by(Actor::Client(client.id.clone())),
    };
    let outcome = edge.store.write(move |db| exchange.run(db)).await?;
    let redeemed = outcome.map_err(|refused| TokenError::Refused(refused, client.id.clone()))?;
    let refresh_token = match &redeemed.family {
        Some(family) => Some(refresh_token::derive(&edge.keys, family, Presented { generation: 0, attempt: 0 })?),
        None => None,
    };
    let issuance = Issuance {
        access_token: redeemed.access_token,
        granted: Some(Granted { nonce: redeemed.grant.nonce.clone(), grant: redeemed.grant, user: redeemed.user }),
        refresh_token,
    };
    response::sign(edge, &client, &issuance).await
}

/// What one transaction needs. It may run again after a deadlock, so it holds no state of a run.
struct Exchange {
    request: CodeExchange,
    code: TokenHash,
    access_token: Plan,
    family: Option<RefreshTokenFamily>,
    now: Timestamp,
    by: By,
}

struct Redeemed {
    grant: Grant,
    user: User,
    access_token: Settled,
    family: Option<RefreshTokenFamily>,
}

impl Exchange {
    fn run(&self, db: &mut Db) -> Result<Result<Redeemed, Refused>, StoreError> {
        let mut steps = Steps { exchange: self, db, found: None, redeemed: None, redirect_uri: String::new() };
        let result = self.request.run(&mut steps);
        let (redeemed, redirect_uri) = (steps.redeemed.take(), steps.redirect_uri);
        Ok(match result {
            Ok(()) => redeemed.ok_or(Refused::Machine),
            Err(ExchangeFault::Step(Fault::Store(error))) => return Err(error),
            Err(ExchangeFault::Step(Fault::Refused(refused))) => Err(refused),
            Err(ExchangeFault::RedirectUri) => {
                let sent = self.request.redirect_uri.clone().unwrap_or_else(|| "no redirect_uri".to_owned());
                Err(Refused::RedirectUri(sent, redirect_uri))
            }
            Err(ExchangeFault::Verifier) => Err(Refused::Verifier(match self.request.verifier {
                None => "no code_verifier",
                Some(_) => "a code_verifier that does not fit, or where no challenge was sent",
            })),
            Err(ExchangeFault::Machine) => Err(Refused::Machine),
        })
    }
}

struct Steps<'a> {
    exchange: &'a Exchange,
    db: &'a mut Db,
    /// What the code stands for, while it is checked.
    found: Option<(Grant, User)>,
    redeemed: Option<Redeemed>,
    redirect_uri: String,
}

enum Fault {
    Refused(Refused),
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl ExchangeSteps for Steps<'_> {
    type Error = Fault;

    fn recover(&mut self) -> Result<RecoveredCode, Fault> {
        let now = self.exchange.now;
        let code = store::codes::find(self.db, &self.exchange.code)?.filter(|code| self.is_ours(&code.client_id));
        let code = code.ok_or(Fault::Refused(Refused::CodeUnknown))?;
        // RFC 6749 §4.1.2: a second use revokes what the first one gave, also when both overlap: whoever does not win the
        // conditional update is second.
        if code.redeemed_at.is_some() || !store::codes::redeem(self.db, &self.exchange.code, now)? {
            self.revoke_replayed(&code.grant_id)?;
            return Err(Fault::Refused(Refused::CodeReplayed));
        }
        if code.expires_at.is_past(now) {
            return Err(Fault::Refused(Refused::CodeExpired));
        }
        let grant = store::grants::find(self.db, &code.grant_id)?.filter(|grant| grant.revoked_at.is_none());
        let grant = grant.ok_or(Fault::Refused(Refused::GrantRevoked))?;
        if let Some(sent) = self.exchange.access_token.first_foreign_resource(&grant) {
            return Err(Fault::Refused(Refused::Resource(sent.to_owned())));
        }
        let user = store::users::find(self.db, &grant.user_id)?.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(Fault::Refused(Refused::UserDisabled))?;
        self.found = Some((grant, user));
        self.redirect_uri.clone_from(&code.redirect_uri);
        Ok(RecoveredCode {
            client_id: code.client_id,
            redirect_uri: code.redirect_uri,
            redirect_uri_was_sent: code.redirect_uri_was_sent,
            challenge: code.challenge,
        })
    }

    fn issue(&mut self) -> Result<(), Fault> {
        let Some((grant, user)) = self.found.take() else { return Err(Fault::Refused(Refused::Machine)) };
        let family = self.exchange.family.as_ref().map(|blank| RefreshTokenFamily {
            grant_id: grant.id.clone(),
            user_id: grant.user_id.clone(),
            scopes: grant.scopes.clone(),
            ..blank.clone()
        });
        if let Some(family) = &family {
            store::refresh_tokens::insert(self.db, family)?;
        }
        let access_token = self.exchange.access_token.carry_out(self.db, Some((&grant, &user)), &grant.scopes)?;
        self.redeemed = Some(Redeemed { grant, user, access_token, family });
        Ok(())
    }
}

impl Steps<'_> {
    /// Only the use that ends the grant is an event: every further one is a refusal, and counted as such.
    fn revoke_replayed(&mut self, id: &GrantId) -> Result<(), StoreError> {
        let by = &self.exchange.by;
        let Some(grant) = store::grants::find(self.db, id)? else { return Ok(()) };
        if store::grants::revoke(self.db, id, by.at)? {
            let event = Event::new(EventKind::CodeReplayed, by).user(&grant.user_id).client(&grant.client_id);
            store::audit::insert(self.db, &event.with("grant", id.as_str()))?;
        }
        Ok(())
    }

    fn is_ours(&self, client_id: &ClientId) -> bool {
        *client_id == self.exchange.request.client_id
    }
}
