//! `grant_type=password` (RFC 6749 §4.3), which RFC 9700 §2.4 forbids: only for a client that is registered for it and has
//! a dated exception. Attempts are throttled, checked and told apart as little as those on the login page.

use super::access_token::{Plan, Settled};
use super::error::{Refused, TokenError};
use super::request::PasswordRequest;
use super::response::{self, Granted, Issuance, TokenResponse};
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::claims_request::ClaimsRequest;
use crate::domain::client::{Client, GrantType};
use crate::domain::exception::Allowance;
use crate::domain::grant::Grant;
use crate::domain::id::{GrantId, Sid, UserId};
use crate::domain::refresh::{Presented, RefreshTokenFamily};
use crate::domain::scope::ScopeSet;
use crate::domain::user::User;
use crate::sessions::attempt::{Attempt, Outcome};
use crate::sessions::guard::{Source, Taken};
use crate::store::{self, Db, StoreError};
use crate::tokens::{self, refresh_token};
use crate::web::extract::Edge;
use std::sync::Arc;

/// Issues tokens for a user who gave the client their password.
pub(super) async fn issue(
    edge: &Edge,
    client: Arc<Client>,
    request: &PasswordRequest,
) -> Result<TokenResponse, TokenError> {
    check_client(edge, &client)?;
    let refused = |refused| TokenError::Refused(refused, client.id.clone());
    let scopes = scopes(&client, request.scopes.as_ref()).map_err(refused)?;
    let plan = Plan::prepare(edge, &client, &request.resources).await?;
    let (user, taken) = check_password(edge, &client, request).await?;
    let by = edge.by(Actor::User(user.id.clone()));
    let issue = Issue {
        grant: grant(edge, &client, &user, (scopes, plan.asked().to_vec())),
        user,
        access_token: plan,
        family: tokens::new_family(&edge.settings, (&edge.keys, &edge.entropy), &client, edge.context.now)?,
        taken,
        by,
    };
    let issued = edge.store.write(move |db| issue.store(db)).await?.ok_or_else(|| refused(Refused::ResourceOwner))?;
    let refresh_token = match &issued.family {
        Some(family) => Some(refresh_token::derive(&edge.keys, family, Presented { generation: 0, attempt: 0 })?),
        None => None,
    };
    let granted = Some(Granted { grant: issued.grant, user: issued.user, nonce: None });
    response::sign(edge, &client, &Issuance { granted, access_token: issued.access_token, refresh_token }).await
}

fn check_client(edge: &Edge, client: &Client) -> Result<(), TokenError> {
    if !client.may_use(GrantType::Password) {
        return Err(TokenError::GrantTypeForbidden("password", client.id.clone()));
    }
    // RFC 9700 §2.4: "The resource owner password credentials grant MUST NOT be used."
    if !client.is_excepted(Allowance::PasswordGrant, edge.context.now) {
        return Err(TokenError::PasswordGrant(client.id.clone()));
    }
    Ok(())
}

/// RFC 6749 §3.3, §4.3.2
fn scopes(client: &Client, asked: Option<&ScopeSet>) -> Result<ScopeSet, Refused> {
    let Some(asked) = asked else { return Ok(client.default_scopes()) };
    match client.first_forbidden_scope(asked) {
        Some(forbidden) => Err(Refused::ScopeForbidden(forbidden.to_owned(), client.scopes.to_string())),
        None => Ok(asked.clone()),
    }
}

/// RFC 6749 §4.3.2: "the authorization server MUST protect the endpoint against brute force attacks". No device is
/// known here: a client that brings passwords is not the browser that signed in.
async fn check_password(edge: &Edge, client: &Client, request: &PasswordRequest) -> Result<(User, Taken), TokenError> {
    let attempt = Attempt::find(&edge.store, &request.username).await?;
    let source = Source { address: edge.context.source, device: None };
    let guard = attempt.guard(edge.settings.limits.login, &source);
    let (services, password) = ((&edge.store, &edge.passwords, &edge.lines), request.password.reveal());
    match attempt.make(services, password, (guard, edge.context.now)).await? {
        Outcome::Right(user, taken) => Ok((*user, taken)),
        Outcome::Wait(seconds) => Err(TokenError::Throttled(seconds, client.id.clone())),
        Outcome::Wrong => {
            let event = failed(edge, client, attempt.user_id());
            edge.store.write(move |db| store::audit::insert(db, &event)).await?;
            Err(TokenError::Refused(Refused::ResourceOwner, client.id.clone()))
        }
    }
}

/// What was typed is not told.
fn failed(edge: &Edge, client: &Client, user: Option<&UserId>) -> Event {
    let event = Event::new(EventKind::SignInFailed, &edge.by(Actor::Client(client.id.clone()))).client(&client.id);
    match user {
        Some(user) => event.user(user),
        None => event.with("account", "unknown"),
    }
}

/// What one transaction stores.
struct Issue {
    grant: Grant,
    user: User,
    access_token: Plan,
    family: Option<RefreshTokenFamily>,
    taken: Taken,
    by: By,
}

struct Issued {
    grant: Grant,
    user: User,
    access_token: Settled,
    family: Option<RefreshTokenFamily>,
}

impl Issue {
    /// `None` where the account was disabled since its password was checked.
    fn store(&self, db: &mut Db) -> Result<Option<Issued>, StoreError> {
        if store::users::find(db, &self.grant.user_id)?.is_none_or(|user| user.disabled_at.is_some()) {
            return Ok(None);
        }
        self.taken.succeeded(db)?;
        store::open_registrations::keep(db, &self.grant.client_id)?;
        store::grants::insert(db, &self.grant)?;
        let family = self.family.as_ref().map(|blank| RefreshTokenFamily {
            grant_id: self.grant.id.clone(),
            user_id: self.grant.user_id.clone(),
            scopes: self.grant.scopes.clone(),
            ..blank.clone()
        });
        if let Some(family) = &family {
            store::refresh_tokens::insert(db, family)?;
        }
        store::audit::insert_all(db, &self.events())?;
        let (grant, user) = (self.grant.clone(), self.user.clone());
        let access_token = self.access_token.carry_out(db, Some((&grant, &user)), &grant.scopes)?;
        Ok(Some(Issued { grant, user, access_token, family }))
    }
}

impl Issue {
    fn events(&self) -> [Event; 2] {
        let about = |kind| Event::new(kind, &self.by).user(&self.grant.user_id).client(&self.grant.client_id);
        let grant = about(EventKind::GrantIssued)
            .with("grant", self.grant.id.as_str())
            .with("scopes", self.grant.scopes.to_string())
            .with("resources", self.grant.resources.clone());
        [about(EventKind::SignedIn), grant]
    }
}

/// A grant like any other, but given in no session.
fn grant(edge: &Edge, client: &Client, user: &User, (scopes, resources): (ScopeSet, Vec<String>)) -> Grant {
    let now = edge.context.now;
    Grant {
        id: GrantId::new(edge.entropy.uuid(now.seconds())),
        user_id: user.id.clone(),
        client_id: client.id.clone(),
        sid: Sid::new(""),
        scopes,
        resources,
        nonce: None,
        auth_time: now,
        created_at: now,
        expires_at: now.plus(tokens::longest_grant(&edge.settings, client)),
        revoked_at: None,
        claims: ClaimsRequest::default(),
    }
}
