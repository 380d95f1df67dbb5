//! `grant_type=refresh_token` (RFC 6749 §6, RFC 9700 §4.14).
//!
//! What a token means is decided by `domain::refresh::decide`; one conditional update on where the family stands decides
//! every race, and who loses reads again and decides again.

use super::access_token::{Plan, Settled};
use super::error::{Refused, TokenError};
use super::request::RefreshRequest;
use super::response::{self, Granted, Issuance, TokenResponse};
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::client::{Client, GrantType};
use crate::domain::grant::Grant;
use crate::domain::id::ClientId;
use crate::domain::refresh::{Decision, Position, Presented, RefreshTokenFamily, decide};
use crate::domain::scope::ScopeSet;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::user::User;
use crate::keys::Keys;
use crate::oauth::engine::{self, RefreshFault, RefreshSteps};
use crate::store::{self, Db, StoreError};
use crate::tokens;
use crate::tokens::refresh_token::{self, ParsedRefreshToken};
use crate::web::extract::Edge;
use std::sync::Arc;

/// Races for one family end: each loser sees a family that has moved on.
const MOST_ROUNDS: usize = 16;

/// Redeems a refresh token.
pub(super) async fn redeem(
    edge: &Edge,
    client: Arc<Client>,
    request: &RefreshRequest,
) -> Result<TokenResponse, TokenError> {
    let refused = |refused| TokenError::Refused(refused, client.id.clone());
    if !client.may_use(GrantType::RefreshToken) {
        return Err(TokenError::GrantTypeForbidden("refresh_token", client.id.clone()));
    }
    let token =
        refresh_token::parse(request.refresh_token.reveal()).ok_or_else(|| refused(Refused::RefreshTokenUnknown))?;
    let refresh = Refresh {
        client_id: client.id.clone(),
        token,
        scopes: request.scopes.clone(),
        access_token: Plan::prepare(edge, &client, &request.resources).await?,
        keys: edge.keys.clone(),
        now: edge.context.now,
        by: edge.by(Actor::Client(client.id.clone())),
        idle_lifetime: tokens::idle_lifetime(&edge.settings, &client),
        retry_window: edge.settings.tokens.refresh_retry_window,
    };
    let outcome = edge.store.write(move |db| refresh.run(db)).await?;
    let refreshed = outcome.map_err(refused)?;
    let successor = refresh_token::derive(&edge.keys, &refreshed.family, refreshed.successor)?;
    let issuance = Issuance {
        access_token: refreshed.access_token,
        granted: Some(Granted { grant: refreshed.grant, user: refreshed.user, nonce: None }),
        refresh_token: Some(successor),
    };
    response::sign(edge, &client, &issuance).await
}

struct Refresh {
    client_id: ClientId,
    token: ParsedRefreshToken,
    scopes: Option<ScopeSet>,
    access_token: Plan,
    keys: Keys,
    now: Timestamp,
    by: By,
    idle_lifetime: Lifetime,
    retry_window: Lifetime,
}

struct Refreshed {
    family: RefreshTokenFamily,
    successor: Presented,
    access_token: Settled,
    grant: Grant,
    user: User,
}

impl Refresh {
    fn run(&self, db: &mut Db) -> Result<Result<Refreshed, Refused>, StoreError> {
        let mut steps = Steps { refresh: self, db, family: None, done: None };
        let result = engine::refresh(&self.client_id, &mut steps);
        let done = steps.done.take();
        Ok(match result {
            Ok(()) => done.ok_or(Refused::Machine),
            Err(RefreshFault::Step(Fault::Store(error))) => return Err(error),
            Err(RefreshFault::Step(Fault::Refused(refused))) => Err(refused),
            Err(RefreshFault::Client) => Err(Refused::RefreshTokenUnknown),
            Err(RefreshFault::Machine) => Err(Refused::Machine),
        })
    }

    /// Only the exact string is a token: its HMAC is checked before anything of it is believed.
    fn find_family(&self, db: &mut Db) -> Result<Option<RefreshTokenFamily>, StoreError> {
        let Some(family) = store::refresh_tokens::find(db, &self.token.family_id)? else { return Ok(None) };
        match self.token.is_genuine(&self.keys, &family) {
            Ok(is_genuine) => Ok(is_genuine.then_some(family)),
            Err(crate::keys::KeysError::Unknown(_)) => Ok(None),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    fn check_live(&self, family: &RefreshTokenFamily) -> Result<(), Refused> {
        if family.revoked_at.is_some() {
            return Err(Refused::RefreshTokenRevoked);
        }
        if family.idle_expires_at.is_past(self.now) || family.expires_at.is_past(self.now) {
            return Err(Refused::RefreshTokenExpired);
        }
        match self.scopes.as_ref().and_then(|scopes| scopes.first_outside(&family.scopes)) {
            Some(wider) => Err(Refused::ScopeWidened(wider.to_owned(), family.scopes.to_string())),
            None => Ok(()),
        }
    }

    fn revoke_replayed(&self, db: &mut Db, family: &RefreshTokenFamily) -> Result<(), StoreError> {
        if !store::grants::revoke(db, &family.grant_id, self.now)? {
            return Ok(());
        }
        let event = Event::new(EventKind::FamilyReplayed, &self.by)
            .user(&family.user_id)
            .client(&family.client_id)
            .with("grant", family.grant_id.as_str())
            .with("generation", family.position.generation)
            .with("presented", self.token.presented.generation);
        store::audit::insert(db, &event)
    }

    /// Moves the family as the rule says; the token that answers.
    fn advance(&self, db: &mut Db, family: &mut RefreshTokenFamily) -> Result<Presented, Fault> {
        let idle = self.now.plus(self.idle_lifetime).min(family.expires_at);
        for _ in 0..MOST_ROUNDS {
            let from = family.position;
            let moved = match decide(family.rotation, from, self.token.presented, self.now, self.retry_window) {
                Decision::Kept => store::refresh_tokens::touch(db, &family.id, self.now, idle)?.then_some(from),
                Decision::Rotated(to) | Decision::Repeated(to) | Decision::Reissued(to) => {
                    store::refresh_tokens::advance(db, &family.id, from, to, self.now, idle)?.then_some(to)
                }
                Decision::Replayed => {
                    self.revoke_replayed(db, family)?;
                    return Err(Fault::Refused(Refused::RefreshTokenReplayed));
                }
            };
            if let Some(Position { generation, attempt, .. }) = moved {
                return Ok(Presented { generation, attempt });
            }
            *family = self.find_family(db)?.ok_or(Fault::Refused(Refused::RefreshTokenUnknown))?;
            self.check_live(family).map_err(Fault::Refused)?;
        }
        Err(Fault::Store(StoreError::Unavailable("a refresh token family kept moving".into())))
    }
}

struct Steps<'a> {
    refresh: &'a Refresh,
    db: &'a mut Db,
    family: Option<RefreshTokenFamily>,
    done: Option<Refreshed>,
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

impl RefreshSteps for Steps<'_> {
    type Error = Fault;

    fn recover(&mut self) -> Result<ClientId, Fault> {
        let family = self.refresh.find_family(self.db)?.ok_or(Fault::Refused(Refused::RefreshTokenUnknown))?;
        let owner = family.client_id.clone();
        self.family = Some(family);
        Ok(owner)
    }

    fn refresh(&mut self) -> Result<(), Fault> {
        let Some(mut family) = self.family.take() else { return Err(Fault::Refused(Refused::Machine)) };
        self.refresh.check_live(&family).map_err(Fault::Refused)?;
        let grant = store::grants::find(self.db, &family.grant_id)?.filter(|grant| grant.revoked_at.is_none());
        let grant = grant.ok_or(Fault::Refused(Refused::RefreshTokenRevoked))?;
        if let Some(sent) = self.refresh.access_token.first_foreign_resource(&grant) {
            return Err(Fault::Refused(Refused::Resource(sent.to_owned())));
        }
        let user = store::users::find(self.db, &grant.user_id)?.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or(Fault::Refused(Refused::UserDisabled))?;
        let successor = self.refresh.advance(self.db, &mut family)?;
        let scopes = self.refresh.scopes.as_ref().unwrap_or(&family.scopes);
        let access_token = self.refresh.access_token.carry_out(self.db, Some((&grant, &user)), scopes)?;
        self.done = Some(Refreshed { family, successor, access_token, grant, user });
        Ok(())
    }
}
