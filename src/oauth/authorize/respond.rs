//! Issuing: grant and code are stored, then the answer goes to the callback (RFC 6749 §4.1.2, RFC 9207 §2). What else the
//! response type gives (OIDC Core §3.2.2.5, §3.3.2.5) is signed after the commit, as at the token endpoint.

use super::SignedIn;
use super::error::{AuthorizeError, Cause};
use super::interaction::{Flow, finish};
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::authorization::AuthorizationRequest;
use crate::domain::claims;
use crate::domain::client::Client;
use crate::domain::code::{AuthorizationCode, CODE_LIFETIME};
use crate::domain::grant::{Consent, Grant};
use crate::domain::id::GrantId;
use crate::domain::response_type::ResponseType;
use crate::domain::scope::OPENID;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::session::Session;
use crate::oauth::token::access_token::{Plan, Settled};
use crate::oauth::token::response::{self, Granted, IdTokenError};
use crate::sessions::{self, SessionPolicy};
use crate::store::{self, Db, StoreError};
use crate::tokens;
use crate::tokens::id_token::Beside;
use crate::web::answer::redirect;
use crate::web::browser_state;
use crate::web::cookies::{self, CookieKind};
use crate::web::extract::Edge;
use crate::web::services::session_policy;
use actix_web::HttpResponse;
use serde_json::Map;
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
    let kind = request.response_type;
    // Before anything is stored: without keys nothing could be answered.
    if kind.allowance().is_some() && edge.keys.jwks().is_err() {
        edge.keys.ensure().await?;
    }
    let refuse = |error| AuthorizeError::at(Arc::clone(client), request.callback.clone(), Cause::Encryption(error));
    if kind.gives_id_token()
        && let Some(encryption) = client.encryption("id_token")
    {
        edge.clients.require_recipient(client, encryption).await.map_err(refuse)?;
    }
    let (user, grant) = (who.user.clone(), grant(edge, client, request, &who));
    let front = FrontChannel {
        code: kind.gives_code().then(|| edge.entropy.secret()),
        access_token: match kind.gives_access_token() {
            true => Some(Plan::of_grant(edge, client).await?.settle(Some((&grant, &user)), &grant.scopes)),
            false => None,
        },
    };
    let issue = Issue {
        by: edge.by(Actor::User(who.user.id.clone())),
        grant: grant.clone(),
        code: front.code.as_ref().map(Secret::hash),
        access_token: front.access_token.clone(),
        client: Arc::clone(client),
        request: request.clone(),
        remember: remembered(request, &who, flow, edge),
        interaction: flow.map(|flow| flow.interaction.hash),
        relies_on_consent: !client.skip_consent && !flow.is_some_and(|flow| flow.interaction.progress.consented),
        session: (who.session.clone(), session_policy(edge)),
        is_on_trial: client.is_openly_registered(),
    };
    if !edge.store.write(move |db| issue.store(db)).await? {
        return Err(AuthorizeError::InteractionGone);
    }
    let granted = Granted { nonce: grant.nonce.clone(), grant, user };
    let mut parameters = front.sign(edge, client, (request, &granted)).await.map_err(|error| match error {
        IdTokenError::Keys(error) => AuthorizeError::Keys(error),
        IdTokenError::Encryption(error) => refuse(error),
    })?;
    // OpenID Connect Session Management §2: where apps may watch, every answer to an OpenID request says what.
    if request.scopes.contains(OPENID) {
        let state = browser_state::session_state(edge, client.id.as_str(), request.callback.redirect_uri());
        parameters.extend(state.map(|state| ("session_state", state)));
    }
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut response = redirect::answer(edge, &request.callback, client.display_name(), &parameters);
    let removal = flow.map(|flow| cookies::remove(edge.issuer(), CookieKind::Flow(&flow.id)));
    let state = edge.cookie(CookieKind::Session).and_then(|session| browser_state::mend(edge, &session));
    for cookie in removal.into_iter().chain(state) {
        if let Err(error) = response.add_cookie(&cookie) {
            tracing::error!(cause = %error, "a cookie could not be set");
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

/// What the answer gives at once.
struct FrontChannel {
    code: Option<Secret>,
    access_token: Option<Settled>,
}

impl FrontChannel {
    /// The parameters of the answer. Holds no lock and no transaction.
    async fn sign(
        &self,
        edge: &Edge,
        client: &Client,
        (request, granted): (&AuthorizationRequest, &Granted),
    ) -> Result<Vec<(&'static str, String)>, IdTokenError> {
        let code = self.code.as_ref().map(|code| code.reveal().to_owned());
        let mut parameters: Vec<_> = code.iter().map(|code| ("code", code.clone())).collect();
        let mut access_token = None;
        if let Some(settled) = &self.access_token {
            let token = response::access_token(edge, client, (Some(granted), settled))?;
            parameters.extend([
                ("access_token", token.clone()),
                ("token_type", "Bearer".to_owned()),
                ("expires_in", settled.lifetime.as_seconds().to_string()),
                ("scope", settled.scopes.to_string()),
            ]);
            access_token = Some(token);
        }
        if request.response_type.gives_id_token() {
            // OIDC Core §5.4: where no access token is issued, now or for a code, the claims of the scopes come in here.
            let has_more = self.code.is_some() || self.access_token.is_some();
            let claims = if has_more { Map::new() } else { claims::for_scopes(&granted.user, &granted.grant.scopes) };
            let beside = Beside { access_token: access_token.as_deref(), code: code.as_deref() };
            parameters.push(("id_token", response::id_token(edge, client, (granted, claims), beside).await?));
        }
        Ok(parameters)
    }
}

/// What one transaction stores.
struct Issue {
    grant: Grant,
    /// The hash of the code, where the answer has one.
    code: Option<TokenHash>,
    /// The access token, where the answer has one.
    access_token: Option<Settled>,
    client: Arc<Client>,
    request: AuthorizationRequest,
    remember: Option<Consent>,
    interaction: Option<TokenHash>,
    relies_on_consent: bool,
    session: (Session, SessionPolicy),
    /// Whether the client ends unless somebody uses it.
    is_on_trial: bool,
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
        if self.is_on_trial {
            store::open_registrations::keep(db, &self.grant.client_id)?;
        }
        store::grants::insert(db, &self.grant)?;
        store::session_clients::note(db, session, &self.grant.client_id, now)?;
        if let Some(hash) = self.code {
            store::codes::insert(db, &self.code(hash), self.grant.expires_at)?;
        }
        if let Some(token) = &self.access_token {
            token.store(db, (&self.client, Some(&self.grant)))?;
        }
        store::audit::insert_all(db, &self.events())?;
        Ok(true)
    }
}

impl Issue {
    fn code(&self, hash: TokenHash) -> AuthorizationCode {
        AuthorizationCode {
            hash,
            grant_id: self.grant.id.clone(),
            client_id: self.grant.client_id.clone(),
            redirect_uri: self.request.callback.redirect_uri().to_owned(),
            redirect_uri_was_sent: self.request.callback.was_sent(),
            challenge: self.request.challenge.clone(),
            issued_at: self.grant.created_at,
            expires_at: self.grant.created_at.plus(CODE_LIFETIME),
            redeemed_at: None,
        }
    }

    fn events(&self) -> Vec<Event> {
        let about = |kind| Event::new(kind, &self.by).user(&self.grant.user_id).client(&self.grant.client_id);
        let consent = self.remember.as_ref();
        let consent = consent.map(|consent| about(EventKind::ConsentGiven).with("scopes", consent.scopes.to_string()));
        let grant = about(EventKind::GrantIssued)
            .with("grant", self.grant.id.as_str())
            .with("scopes", self.grant.scopes.to_string())
            .with("resources", self.grant.resources.clone());
        // What brings tokens through the browser is worth a word.
        let grant = match self.request.response_type {
            ResponseType::Code => grant,
            kind => grant.with("response_type", kind.as_str()),
        };
        consent.into_iter().chain([grant]).collect()
    }
}

/// The grant lives as long as the last thing that can be issued from it.
fn grant(edge: &Edge, client: &Client, request: &AuthorizationRequest, who: &SignedIn) -> Grant {
    let now = edge.context.now;
    let lifetime = match request.response_type.gives_code() {
        true => tokens::longest_grant(&edge.settings, client),
        false => tokens::front_channel_lifetime(&edge.settings, client),
    };
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
        expires_at: now.plus(lifetime),
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
