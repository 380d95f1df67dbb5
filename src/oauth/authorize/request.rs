//! Reading an authorization request, in two stages. Stage one finds the client and its redirect URI: what fails there
//! is a page. Stage two reads the rest: what fails there goes to the callback. Where there is a request object, its
//! parameters are settled before either ([`request_object`]).

use super::error::{AuthorizeError, Cause};
use super::request_object::{self, ObjectError};
use crate::clients::{Catalogue, OfferedNow};
use crate::domain::authorization::{AuthorizationRequest, Prompt};
use crate::domain::callback::{Callback, CallbackError, ResponseMode};
use crate::domain::claims;
use crate::domain::claims_request::ClaimsRequest;
use crate::domain::client::{Client, GrantType};
use crate::domain::exception::Allowance;
use crate::domain::pkce::{CodeChallenge, CodeChallengeMethod};
use crate::domain::refusal::{self, Refusal};
use crate::domain::response_type::ResponseType;
use crate::domain::scope::{OFFLINE_ACCESS, OPENID, ScopeSet};
use crate::domain::session::PASSWORD_CONTEXT;
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{KeysError, VerifyError};
use crate::tokens::id_token;
use crate::web::extract::Edge;
use crate::web::forms::StrictForm;
use crate::web::middleware::SeenClient;
use actix_web::HttpMessage as _;
use std::sync::Arc;

const LONGEST_STATE: usize = 4096;
const LONGEST_NONCE: usize = 1024;
const LONGEST_HINT: usize = 256;

/// Reads a request.
pub(super) async fn parse(
    edge: &Edge,
    form: &StrictForm,
) -> Result<(Arc<Client>, AuthorizationRequest), AuthorizeError> {
    let client = find_client(edge, form).await?;
    let resolved = match request_object::resolve(edge, &client, form).await {
        Ok(resolved) => resolved,
        Err(error) => return Err(refuse_object(edge, form, client, error)),
    };
    let form = resolved.as_ref().unwrap_or(form);
    let callback = settle(edge, form, &client)?;
    let at = |callback: &Callback, cause| AuthorizeError::at(Arc::clone(&client), callback.clone(), cause);
    // The answer's mode and state come first, so that every later error is answered in the way the client asked for.
    let callback = match answer_form(form) {
        Ok((mode, state)) => callback.answering(mode, state),
        Err((mode, state, cause)) => return Err(at(&callback.answering(mode, state), cause)),
    };
    let catalogue = edge.clients.catalogue().await?;
    // What is offered matters only where the client may not use it.
    let offered = match response_type(form) {
        Some(kind) if !may_use(&client, kind, edge.context.now) => edge.clients.offered().await?.at(edge.context.now),
        _ => OfferedNow::default(),
    };
    let reader = Reader { form, client: &client, offered, now: edge.context.now };
    let mut request = reader.read(&callback, &catalogue).map_err(|cause| at(&callback, cause))?;
    let hinted = hinted_subject(edge, form, &client).await.map_err(|error| match error {
        HintError::Keys(error) => AuthorizeError::Keys(error),
        HintError::Cause(cause) => at(&callback, cause),
    })?;
    request.expected_subject = match (hinted, request.claims.subject()) {
        (Some(hinted), Some(asked)) if hinted != asked => return Err(at(&callback, Cause::HintsDiffer)),
        (hinted, asked) => hinted.or_else(|| asked.map(str::to_owned)),
    };
    Ok((client, request))
}

/// The first half of stage one (RFC 6749 §4.1.2.1, RFC 9700 §4.1.3): the client. It stands outside of a request object.
async fn find_client(edge: &Edge, form: &StrictForm) -> Result<Arc<Client>, AuthorizeError> {
    for name in ["client_id", "redirect_uri"] {
        if form.is_repeated(name) {
            return Err(Refusal::by(&refusal::PARAMETER_REPEATED)
                .because(format!("{name} more than once"), format!("{name} once"))
                .into());
        }
    }
    let Some(id) = form.find("client_id") else {
        return Err(Refusal::by(&refusal::PARAMETER_MISSING).because("no client_id", "client_id").into());
    };
    let Some(client) = edge.clients.find(id).await? else {
        return Err(Refusal::by(&refusal::CLIENT_UNKNOWN)
            .because(format!("client_id={id}"), "a registered client")
            .into());
    };
    edge.request.extensions_mut().insert(SeenClient(Arc::clone(&client)));
    Ok(client)
}

/// The second half: where the answer goes.
fn settle(edge: &Edge, form: &StrictForm, client: &Client) -> Result<Callback, AuthorizeError> {
    let requested = form.find("redirect_uri");
    Callback::match_request(client, requested, edge.context.now).map_err(|error| {
        let registered = client.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>().join(" ");
        let rule = match error {
            CallbackError::NotRegistered => &refusal::REDIRECT_URI_MISMATCH,
            CallbackError::Missing => &refusal::REDIRECT_URI_MISSING,
        };
        Refusal::by(rule).because(requested.unwrap_or("no redirect_uri"), registered).of(&client.id).into()
    })
}

/// A request object that is refused: the client is told at the redirect URI that stands outside of it, if one does and
/// is registered. What stands in it is nobody's word.
fn refuse_object(edge: &Edge, form: &StrictForm, client: Arc<Client>, error: ObjectError) -> AuthorizeError {
    let cause = match error {
        ObjectError::Cause(cause) => cause,
        ObjectError::Store(error) => return error.into(),
    };
    match settle(edge, form, &client) {
        Ok(callback) => {
            let (mode, state) = answer_form(form).unwrap_or_else(|(mode, state, _)| (mode, state));
            AuthorizeError::at(client, callback.answering(mode, state), cause)
        }
        Err(error) if form.find("redirect_uri").is_some() => error,
        Err(_) => AuthorizeError::Page(cause.refusal().of(&client.id)),
    }
}

/// The response type that the request names, if it is one.
fn response_type(form: &StrictForm) -> Option<ResponseType> {
    form.find("response_type").and_then(ResponseType::parse)
}

/// Whether `client` may use `kind` now: it is registered for it and for the grants behind it (RFC 7591 §2.1), and a
/// live exception allows what needs one.
fn may_use(client: &Client, kind: ResponseType, now: Timestamp) -> bool {
    let has_grant = client.may_use(if kind.gives_code() { GrantType::AuthorizationCode } else { GrantType::Implicit });
    has_grant && kind.is_allowed_to(client, now)
}

/// How an answer must travel that cannot be given: its mode, and the state that it can still carry.
type Unanswerable = (ResponseMode, Option<String>, Cause);

/// `response_mode` and `state`; with an error, the mode and state that the error answer can still carry. A response type
/// with tokens is answered in the fragment, errors too (RFC 6749 §4.2.2.1, OIDC Core §3.2.2.6, §3.3.2.6).
fn answer_form(form: &StrictForm) -> Result<(ResponseMode, Option<String>), Unanswerable> {
    let kind = response_type(form).unwrap_or_default();
    let default = kind.default_mode();
    let state = form
        .find("state")
        .filter(|state| state.len() <= LONGEST_STATE && !form.is_repeated("state"))
        .map(str::to_owned);
    if let Some(long) = form.find("state").filter(|state| state.len() > LONGEST_STATE) {
        return Err((default, None, Cause::TooLong("state", long.len(), LONGEST_STATE)));
    }
    let mode = match form.find("response_mode") {
        None => default,
        Some(text) => match ResponseMode::parse(text) {
            None => return Err((default, state, Cause::ResponseMode(text.to_owned()))),
            Some(mode) if !kind.allows(mode) => return Err((default, state, Cause::TokensInQuery(kind))),
            Some(mode) => mode,
        },
    };
    if let Some(name) = form.repeated() {
        return Err((mode, state, Cause::Repeated(name.to_owned())));
    }
    Ok((mode, state))
}

/// Why a hint is not taken.
enum HintError {
    Keys(KeysError),
    Cause(Cause),
}

/// `id_token_hint` (OIDC Core §3.1.2.1): an ID token of ours for this client, expired or not.
async fn hinted_subject(edge: &Edge, form: &StrictForm, client: &Client) -> Result<Option<String>, HintError> {
    let Some(hint) = form.find("id_token_hint") else { return Ok(None) };
    match id_token::read_hint(&edge.keys, edge.issuer().as_str(), hint).await {
        Ok(hint) if hint.audience.iter().any(|audience| audience == client.id.as_str()) => Ok(Some(hint.subject)),
        Ok(_) => Err(HintError::Cause(Cause::Hint("an ID token of another client".to_owned()))),
        Err(VerifyError::Unavailable(_)) => Err(HintError::Keys(KeysError::NotReady)),
        Err(error) => Err(HintError::Cause(Cause::Hint(error.to_string()))),
    }
}

struct Reader<'a> {
    form: &'a StrictForm,
    client: &'a Client,
    offered: OfferedNow,
    now: Timestamp,
}

impl Reader<'_> {
    /// Stage two, in the order in which a developer wants to hear of mistakes.
    fn read(&self, callback: &Callback, catalogue: &Catalogue) -> Result<AuthorizationRequest, Cause> {
        let resources = self.resources(catalogue)?;
        let kind = self.response_type()?;
        let challenge = if kind.gives_code() { self.challenge()? } else { None };
        let scopes = self.scopes(catalogue, &resources, kind)?;
        // A nonce without openid is ignored, not refused.
        let nonce = self.bounded("nonce", LONGEST_NONCE)?.filter(|_| scopes.contains(OPENID));
        // OIDC Core §3.2.2.1, §3.3.2.11: what binds an ID token that came through a browser to its request.
        if kind.gives_id_token() {
            if !scopes.contains(OPENID) {
                return Err(Cause::OpenidMissing);
            }
            if nonce.as_ref().is_none_or(String::is_empty) {
                return Err(Cause::NonceMissing);
            }
        }
        Ok(AuthorizationRequest {
            client_id: self.client.id.clone(),
            callback: callback.clone(),
            response_type: kind,
            challenge,
            nonce,
            prompt: self.prompt()?,
            max_age: self.max_age()?,
            login_hint: self.bounded("login_hint", LONGEST_HINT)?,
            ui_locales: self.bounded("ui_locales", LONGEST_HINT)?,
            scopes,
            resources,
            claims: self.claims()?,
            expected_subject: None,
        })
    }

    /// RFC 6749 §4.1.2.1: what nobody can use here is not supported; what only others can use, this client is not
    /// authorized for.
    fn response_type(&self) -> Result<ResponseType, Cause> {
        let text = self.form.find("response_type").ok_or(Cause::ResponseTypeMissing)?;
        match ResponseType::parse(text) {
            Some(kind) if may_use(self.client, kind, self.now) => Ok(kind),
            Some(kind) if self.offered.includes(kind) => Err(Cause::ResponseTypeForbidden(kind)),
            _ => Err(Cause::ResponseType(text.to_owned())),
        }
    }

    /// RFC 7636 §4.3, §4.4.1; RFC 9700 §2.1.1. A missing method means `plain`.
    fn challenge(&self) -> Result<Option<CodeChallenge>, Cause> {
        let method = self.form.find("code_challenge_method");
        let Some(text) = self.form.find("code_challenge") else {
            if method.is_none() && self.client.is_excepted(Allowance::NoPkce, self.now) {
                return Ok(None);
            }
            return Err(Cause::PkceMissing);
        };
        let method = match method.map_or(Some(CodeChallengeMethod::Plain), CodeChallengeMethod::parse) {
            Some(CodeChallengeMethod::S256) => CodeChallengeMethod::S256,
            Some(CodeChallengeMethod::Plain) if self.client.is_excepted(Allowance::PlainPkce, self.now) => {
                CodeChallengeMethod::Plain
            }
            _ => return Err(Cause::PkceMethod(method.map(str::to_owned))),
        };
        CodeChallenge::parse(text, method).map(Some).map_err(Cause::PkceChallenge)
    }

    /// RFC 6749 §3.3. RFC 8707 §2.2: people are asked for what the resources of the tokens understand, and no more.
    fn scopes(&self, catalogue: &Catalogue, resources: &[String], kind: ResponseType) -> Result<ScopeSet, Cause> {
        let asked = self.form.find("scope").map(ScopeSet::parse).transpose().map_err(Cause::Scope)?;
        // OIDC Core §11: offline_access is ignored where no code is given.
        let asked = asked.map(|asked| asked.filtered(|scope| kind.gives_code() || scope != OFFLINE_ACCESS));
        if let Some(forbidden) = asked.as_ref().and_then(|asked| self.client.first_forbidden_scope(asked)) {
            return Err(Cause::ScopeForbidden(forbidden.to_owned(), self.client.scopes.to_string()));
        }
        let audience = self.client.audience(resources, &[]);
        let scopes = catalogue.scopes_at(asked.as_ref().unwrap_or(&self.client.default_scopes()), audience);
        match asked {
            Some(asked) if scopes.is_empty() && !asked.is_empty() => {
                Err(Cause::ScopeForbidden(asked.to_string(), format!("scopes of {}", audience.join(", "))))
            }
            _ => Ok(scopes),
        }
    }

    fn prompt(&self) -> Result<Prompt, Cause> {
        let text = self.form.find("prompt").unwrap_or_default();
        Prompt::parse(text).map_err(|error| Cause::Prompt(error, text.to_owned()))
    }

    /// OIDC Core §3.1.2.1 `max_age`; where it is not sent, what the client registered as `default_max_age`.
    fn max_age(&self) -> Result<Option<Lifetime>, Cause> {
        let Some(text) = self.form.find("max_age") else { return Ok(self.client.default_max_age()) };
        let is_number = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = text.parse::<i64>().ok().filter(|_| is_number).ok_or_else(|| Cause::MaxAge(text.to_owned()))?;
        Ok(Some(Lifetime::seconds(seconds)))
    }

    /// OIDC Core §5.5; §5.5.1.1: an essential context that cannot be met fails the request, a voluntary one does not.
    fn claims(&self) -> Result<ClaimsRequest, Cause> {
        let Some(text) = self.form.find("claims") else { return Ok(ClaimsRequest::default()) };
        let claims = ClaimsRequest::parse(text).map_err(Cause::Claims)?;
        let essential = claims.essential_contexts();
        if essential.is_empty() || essential.contains(&PASSWORD_CONTEXT) {
            // What the client may not have by scope it is not given one by one either.
            let may_have = |name: &str| claims::scope_of(name).is_none_or(|scope| self.client.scopes.contains(scope));
            Ok(claims.filtered(may_have))
        } else {
            Err(Cause::ContextUnmet(essential.join(" ")))
        }
    }

    /// RFC 8707 §2
    fn resources(&self, catalogue: &Catalogue) -> Result<Vec<String>, Cause> {
        let indicators: Vec<String> = self.form.all("resource").map(str::to_owned).collect();
        catalogue.resolve(&indicators).map_err(Cause::Resource)
    }

    fn bounded(&self, name: &'static str, bound: usize) -> Result<Option<String>, Cause> {
        match self.form.find(name) {
            Some(text) if text.len() > bound => Err(Cause::TooLong(name, text.len(), bound)),
            text => Ok(text.map(str::to_owned)),
        }
    }
}
