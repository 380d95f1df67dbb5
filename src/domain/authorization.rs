//! The authorization request and the decision what happens next (RFC 6749 §4.1.1, OIDC Core §3.1.2).

use super::callback::Callback;
use super::client::Client;
use super::grant::Consent;
use super::id::ClientId;
use super::pkce::CodeChallenge;
use super::scope::ScopeSet;
use super::session::Session;
use super::time::{Lifetime, Timestamp};
use serde::{Deserialize, Serialize};

/// A valid authorization request. It is what an interaction keeps while its user signs in or consents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: ClientId,
    /// Where the answer goes.
    pub callback: Callback,
    /// What is asked for.
    pub scopes: ScopeSet,
    /// The challenge; `None` only under a dated exception.
    pub challenge: Option<CodeChallenge>,
    /// `nonce`, for the ID token.
    pub nonce: Option<String>,
    /// `prompt` (OIDC Core §3.1.2.1).
    pub prompt: Prompt,
    /// `max_age` (OIDC Core §3.1.2.1).
    pub max_age: Option<Lifetime>,
    /// `login_hint`: what the login form starts with.
    pub login_hint: Option<String>,
    /// `ui_locales`, as sent.
    pub ui_locales: Option<String>,
    /// `resource` (RFC 8707), absolute URIs without fragment.
    pub resources: Vec<String>,
}

/// `prompt`: `none` alone, or any of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The user must prove who they are again.
    pub login: bool,
    /// The user must be asked again.
    pub consent: bool,
    /// The user chooses the account; the login page is where that happens.
    pub select_account: bool,
}

/// Why a `prompt` is not one (OIDC Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptError {
    /// A value that is not defined.
    Unknown,
    /// `none` together with another value.
    NoneWithOthers,
}

impl Prompt {
    /// Reads the space-divided list.
    ///
    /// # Errors
    /// [`PromptError`].
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err(PromptError::Unknown),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err(PromptError::NoneWithOthers);
        }
        Ok(prompt)
    }
}

/// What has already happened inside the interaction of this request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The user signed in for this very request.
    pub authenticated: bool,
    /// The user allowed this very request.
    pub consented: bool,
}

/// The next step of an authorization request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Show the login page.
    Login,
    /// Show the consent page.
    Consent,
    /// Send the error to the callback.
    Refuse(Refused),
    /// Issue a code.
    Issue,
}

/// Why `prompt=none` cannot be met (OIDC Core §3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// `login_required`
    LoginRequired,
    /// `consent_required`
    ConsentRequired,
}

/// Decides what happens next. Login and consent come back here, so no step knows another.
pub fn decide(
    request: &AuthorizationRequest,
    client: &Client,
    session: Option<&Session>,
    consent: Option<&Consent>,
    (progress, now): (Progress, Timestamp),
) -> Next {
    let session = session.filter(|session| session.is_live(now));
    let needs_login = match session {
        None => true,
        Some(_) if progress.authenticated => false,
        Some(session) => {
            request.prompt.login
                || request.prompt.select_account
                || request.max_age.is_some_and(|age| now.since(session.auth_time) > age.as_seconds())
        }
    };
    if needs_login {
        return if request.prompt.none { Next::Refuse(Refused::LoginRequired) } else { Next::Login };
    }
    if needs_consent(request, client, consent, progress) {
        return if request.prompt.none { Next::Refuse(Refused::ConsentRequired) } else { Next::Consent };
    }
    Next::Issue
}

/// RFC 6749 §10.2, RFC 8252 §8.6: a client that cannot be identified is asked about each time.
fn needs_consent(
    request: &AuthorizationRequest,
    client: &Client,
    consent: Option<&Consent>,
    progress: Progress,
) -> bool {
    if progress.consented {
        return false;
    }
    if request.prompt.consent {
        return true;
    }
    if client.skip_consent {
        return false;
    }
    let is_remembered = consent.is_some_and(|consent| request.scopes.is_within(&consent.scopes));
    !is_remembered || !client.is_identified(request.callback.registered())
}
