//! Issuing the code: grant and code are stored, then the answer goes to the callback (RFC 6749 §4.1.2, RFC 9207 §2).

use super::SignedIn;
use super::error::{AuthorizeError, Cause};
use super::interaction::{Flow, finish};
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::authorization::AuthorizationRequest;
use crate::domain::client::Client;
use crate::domain::code::{AuthorizationCode, CODE_LIFETIME};
use crate::domain::grant::{Consent, Grant};
use crate::domain::id::GrantId;
use crate::domain::session::Session;
use crate::sessions::{self, SessionPolicy};
use crate::store::{self, Db, StoreError};
use crate::tokens;
use crate::web::answer::redirect;
use crate::web::cookies::{self, CookieKind};
use crate::web::extract::Edge;
use crate::web::services::session_policy;
use actix_web::HttpResponse;
use std::sync::Arc;

/// Stores grant and code in one transaction and answers. In a flow the interaction is finished by the same transaction, so
/// two answers to one consent page give one code.
pub async fn issue(
    edge: &Edge,
    client: &Arc<Client>,
    request: &AuthorizationRequest,
    who: SignedIn,
    flow: Option<&Flow>,
) -> Result<HttpResponse, AuthorizeError> {
    let code = edge.entropy.secret();
    let issue = Issue {
        by: edge.by(Actor::User(who.user.id.clone())),
        grant: grant(edge, client, request, &who),
        code: (code.hash(), request.clone()),
        remember: remembered(request, &who, flow, edge),
        interaction: flow.map(|flow| flow.interaction.hash),
        relies_on_consent: !client.skip_consent && !flow.is_some_and(|flow| flow.interaction.progress.consented),
        session: (who.session.clone(), session_policy(edge)),
    };
    if !edge.store.write(move |db| issue.store(db)).await? {
        return Err(AuthorizeError::InteractionGone);
    }
    let mut response = redirect::answer(edge, &request.callback, client.display_name(), &[("code", code.reveal())]);
    if let Some(flow) = flow {
        let removal = cookies::remove(edge.issuer(), CookieKind::Flow(&flow.id));
        if let Err(error) = response.add_cookie(&removal) {
            tracing::error!(cause = %error, "a cookie could not be removed");
        }
    }
    Ok(response)
}

/// The answer to a person who said no (RFC 6749 §4.1.2.1).
///
/// # Errors
/// Always: the refusal, or the database.
pub async fn refuse_denied(edge: &Edge, flow: &Flow) -> Result<HttpResponse, AuthorizeError> {
    if !finish(edge, flow).await? {
        return Err(AuthorizeError::InteractionGone);
    }
    Err(AuthorizeError::at(Arc::clone(&flow.client), flow.interaction.request.callback.clone(), Cause::Denied))
}

/// What one transaction stores.
struct Issue {
    grant: Grant,
    code: (crate::domain::secret::TokenHash, AuthorizationRequest),
    remember: Option<Consent>,
    interaction: Option<crate::domain::secret::TokenHash>,
    relies_on_consent: bool,
    session: (Session, SessionPolicy),
    by: By,
}

impl Issue {
    /// Session and consent were read before this transaction. Whoever ends one of them revokes, after that, the grants that
    /// stand on it; so a grant is added only where both are still there and cannot go before it is.
    fn store(&self, db: &mut Db) -> Result<bool, StoreError> {
        if let Some(interaction) = &self.interaction
            && !store::interactions::remove(db, interaction)?
        {
            return Ok(false);
        }
        let now = self.grant.created_at;
        let (session, policy) = &self.session;
        if !sessions::mark_seen(db, session, *policy, now)? {
            return Ok(false);
        }
        if self.relies_on_consent && !store::consents::confirm(db, &self.grant.user_id, &self.grant.client_id)? {
            return Ok(false);
        }
        if let Some(consent) = &self.remember {
            store::consents::save(db, consent)?;
        }
        store::grants::insert(db, &self.grant)?;
        let (hash, request) = &self.code;
        let code = AuthorizationCode {
            hash: *hash,
            grant_id: self.grant.id.clone(),
            client_id: self.grant.client_id.clone(),
            redirect_uri: request.callback.redirect_uri().to_owned(),
            redirect_uri_was_sent: request.callback.was_sent(),
            challenge: request.challenge.clone(),
            issued_at: now,
            expires_at: now.plus(CODE_LIFETIME),
            redeemed_at: None,
        };
        store::codes::insert(db, &code, self.grant.expires_at)?;
        store::audit::insert_all(db, &self.events())?;
        Ok(true)
    }
}

impl Issue {
    fn events(&self) -> Vec<Event> {
        let about = |kind| Event::new(kind, &self.by).user(&self.grant.user_id).client(&self.grant.client_id);
        let consent = self.remember.as_ref();
        let consent = consent.map(|consent| about(EventKind::ConsentGiven).with("scopes", consent.scopes.to_string()));
        let grant = about(EventKind::GrantIssued)
            .with("grant", self.grant.id.as_str())
            .with("scopes", self.grant.scopes.to_string())
            .with("resources", self.grant.resources.clone());
        consent.into_iter().chain([grant]).collect()
    }
}

/// The grant lives as long as the last thing that can be issued from it.
fn grant(edge: &Edge, client: &Client, request: &AuthorizationRequest, who: &SignedIn) -> Grant {
    let now = edge.context.now;
    Grant {
        id: GrantId::new(edge.entropy.uuid(now.seconds())),
        user_id: who.user.id.clone(),
        client_id: client.id.clone(),
        sid: who.session.sid.clone(),
        scopes: request.scopes.clone(),
        resources: request.resources.clone(),
        nonce: request.nonce.clone(),
        auth_time: who.session.auth_time,
        created_at: now,
        expires_at: now.plus(tokens::longest_grant(&edge.settings, client)),
        revoked_at: None,
        claims: request.claims.clone(),
    }
}

/// What a consent given in this flow adds to what the user has allowed before.
fn remembered(request: &AuthorizationRequest, who: &SignedIn, flow: Option<&Flow>, edge: &Edge) -> Option<Consent> {
    flow.filter(|flow| flow.interaction.progress.consented)?;
    let before = who.consent.as_ref().map(|consent| consent.scopes.clone()).unwrap_or_default();
    let scopes = before.union(&request.consent_scopes());
    (who.consent.is_none() || scopes != before).then(|| Consent {
        user_id: who.user.id.clone(),
        client_id: request.client_id.clone(),
        scopes,
        updated_at: edge.context.now,
    })
}
