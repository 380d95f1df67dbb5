//! The authorization request and the decision what happens next (RFC 6749 §4.1.1, OIDC Core §3.1.2).

use super::callback::Callback;
use super::claims;
use super::claims_request::ClaimsRequest;
use super::client::Client;
use super::grant::Consent;
use super::id::ClientId;
use super::pkce::CodeChallenge;
use super::response_type::ResponseType;
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
    /// What the answer is made of; `code` where an older version stored the request.
    #[serde(default)]
    pub response_type: ResponseType,
    /// What is asked for.
    pub scopes: ScopeSet,
    /// The challenge; `None` only under a dated exception, or where no code is asked for.
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
    /// `claims` (OIDC Core §5.5).
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// The subject that the answer must be about, as this client knows it: the one of `id_token_hint`, or the one that
    /// `claims` asks for (OIDC Core §3.1.2.1, §5.5.1).
    #[serde(default)]
    pub expected_subject: Option<String>,
}

impl AuthorizationRequest {
    /// The scopes that a person is asked about: those of the request, and those that cover its single claims.
    pub fn consent_scopes(&self) -> ScopeSet {
        let implied =
            self.claims.names().filter_map(claims::scope_of).fold(String::new(), |all, scope| all + " " + scope);
        self.scopes.union(&ScopeSet::parse(&implied).unwrap_or_default())
    }
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

/// A signed-in browser, as an authorization request sees it.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    /// The session.
    pub session: &'a Session,
    /// Its user as the client knows them (`sub`).
    pub subject: &'a str,
}

/// Decides what happens next. Login and consent come back here, so no step knows another.
pub fn decide(
    request: &AuthorizationRequest,
    client: &Client,
    present: Option<Present<'_>>,
    consent: Option<&Consent>,
    (progress, now): (Progress, Timestamp),
) -> Next {
    let present = present.filter(|present| present.session.is_live(now));
    let is_another = present
        .is_some_and(|present| request.expected_subject.as_deref().is_some_and(|subject| subject != present.subject));
    // OIDC Core §3.1.2.1: a hint at somebody else than whoever is signed in, or signed in for it, is not met.
    if is_another && (progress.authenticated || request.prompt.none) {
        return Next::Refuse(Refused::LoginRequired);
    }
    let needs_login = match present {
        None => true,
        Some(_) if is_another => true,
        Some(_) if progress.authenticated => false,
        Some(Present { session, .. }) => {
            request.prompt.login
                || request.prompt.select_account
                || request.max_age.is_some_and(|age| is_too_old(session, age, now))
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

/// OIDC Core §3.1.2.1: whoever signed in longer ago than `max_age` signs in again; `max_age=0` is as `prompt=login`.
fn is_too_old(session: &Session, max_age: Lifetime, now: Timestamp) -> bool {
    max_age.as_seconds() == 0 || now.since(session.auth_time) > max_age.as_seconds()
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
    let is_remembered = consent.is_some_and(|consent| request.consent_scopes().is_within(&consent.scopes));
    !is_remembered || !client.is_identified(request.callback.registered())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::callback::ResponseMode;
    use crate::domain::client::{ApplicationType, ClientAuthentication, GrantType};
    use crate::domain::device::Device;
    use crate::domain::id::{Sid, UserId};
    use crate::domain::redirect_uri::RedirectUri;
    use crate::domain::secret::TokenHash;
    use serde_json::Map;

    const NOW: Timestamp = Timestamp::from_seconds(10_000);
    const NOTHING: Progress = Progress { authenticated: false, consented: false };
    const SIGNED_IN: Progress = Progress { authenticated: true, consented: false };
    const DONE: Progress = Progress { authenticated: true, consented: true };

    fn client() -> Client {
        Client {
            id: ClientId::new("app"),
            name: None,
            secret: None,
            authentication: ClientAuthentication::None,
            application_type: ApplicationType::Web,
            redirect_uris: vec![RedirectUri::register("https://app.example/cb", ApplicationType::Web).unwrap()],
            grant_types: vec![GrantType::AuthorizationCode],
            response_types: vec!["code".to_owned()],
            scopes: ScopeSet::parse("openid profile").unwrap(),
            id_token_algorithm: "RS256".to_owned(),
            skip_consent: false,
            exceptions: Vec::new(),
            default_resource: None,
            access_token_lifetime: None,
            refresh_token_idle_lifetime: None,
            refresh_token_lifetime: None,
            refresh_token_rotation: None,
            allowed_origins: Vec::new(),
            metadata: Map::new(),
            registration: None,
            disabled_at: None,
        }
    }

    fn request(prompt: &str) -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: ClientId::new("app"),
            callback: Callback::match_request(&client(), None, NOW).unwrap().answering(ResponseMode::Query, None),
            response_type: ResponseType::Code,
            scopes: ScopeSet::parse("openid").unwrap(),
            challenge: None,
            nonce: None,
            prompt: Prompt::parse(prompt).unwrap(),
            max_age: None,
            login_hint: None,
            ui_locales: None,
            resources: Vec::new(),
            claims: ClaimsRequest::default(),
            expected_subject: None,
        }
    }

    /// Signed in 100 seconds ago, for another 100.
    fn session() -> Session {
        let (began, ends) = (NOW.minus(Lifetime::seconds(100)), NOW.plus(Lifetime::seconds(100)));
        Session {
            hash: TokenHash::of("cookie"),
            sid: Sid::new("sid"),
            user_id: UserId::new("alice"),
            auth_time: began,
            created_at: began,
            last_seen_at: began,
            idle_expires_at: ends,
            expires_at: ends,
            device: Device::default(),
        }
    }

    fn consent(scopes: &str) -> Consent {
        let scopes = ScopeSet::parse(scopes).unwrap();
        Consent { user_id: UserId::new("alice"), client_id: ClientId::new("app"), scopes, updated_at: NOW }
    }

    /// What happens to `request` where alice is signed in, or nobody.
    fn next(request: &AuthorizationRequest, is_signed_in: bool, consented: Option<&str>, progress: Progress) -> Next {
        let session = session();
        let present = is_signed_in.then_some(Present { session: &session, subject: "alice" });
        decide(request, &client(), present, consented.map(consent).as_ref(), (progress, NOW))
    }

    /// OIDC Core §3.1.2.3
    #[test]
    fn who_is_not_signed_in_signs_in_then_consents_then_gets_a_code() {
        let request = request("");
        assert_eq!(next(&request, false, None, NOTHING), Next::Login);
        assert_eq!(next(&request, true, None, SIGNED_IN), Next::Consent);
        assert_eq!(next(&request, true, None, DONE), Next::Issue);
        assert_eq!(next(&request, true, Some("openid email"), NOTHING), Next::Issue, "allowed before");
        assert_eq!(next(&request, true, Some("email"), NOTHING), Next::Consent, "scope grows");
    }

    /// OIDC Core §3.1.2.1
    #[test]
    fn prompts_ask_once_and_none_asks_nothing() {
        assert_eq!(next(&request("login"), true, Some("openid"), NOTHING), Next::Login);
        assert_eq!(next(&request("select_account"), true, Some("openid"), NOTHING), Next::Login);
        assert_eq!(next(&request("login"), true, Some("openid"), SIGNED_IN), Next::Issue);
        assert_eq!(next(&request("consent"), true, Some("openid"), NOTHING), Next::Consent);
        assert_eq!(next(&request("consent"), true, Some("openid"), DONE), Next::Issue);
        assert_eq!(next(&request("none"), true, Some("openid"), NOTHING), Next::Issue);
        assert_eq!(next(&request("none"), false, None, NOTHING), Next::Refuse(Refused::LoginRequired));
        assert_eq!(next(&request("none"), true, None, NOTHING), Next::Refuse(Refused::ConsentRequired));
    }

    /// OIDC Core §3.1.2.1
    #[test]
    fn a_sign_in_older_than_max_age_is_repeated() {
        let mut request = request("");
        request.max_age = Some(Lifetime::seconds(99));
        assert_eq!(next(&request, true, Some("openid"), NOTHING), Next::Login);
        assert_eq!(next(&request, true, Some("openid"), SIGNED_IN), Next::Issue);
        request.max_age = Some(Lifetime::seconds(100));
        assert_eq!(next(&request, true, Some("openid"), NOTHING), Next::Issue);
        request.prompt.none = true;
        request.max_age = Some(Lifetime::seconds(99));
        assert_eq!(next(&request, true, Some("openid"), NOTHING), Next::Refuse(Refused::LoginRequired));
    }

    /// OIDC Core §3.1.2.1
    #[test]
    fn an_answer_is_about_the_subject_that_was_asked_for_or_there_is_none() {
        let mut request = request("");
        request.expected_subject = Some("alice".to_owned());
        assert_eq!(next(&request, true, Some("openid"), NOTHING), Next::Issue);
        request.expected_subject = Some("bob".to_owned());
        assert_eq!(next(&request, true, Some("openid"), NOTHING), Next::Login, "bob may sign in");
        assert_eq!(next(&request, true, Some("openid"), SIGNED_IN), Next::Refuse(Refused::LoginRequired));
        request.prompt.none = true;
        assert_eq!(next(&request, true, Some("openid"), NOTHING), Next::Refuse(Refused::LoginRequired));
    }

    #[test]
    fn a_session_that_has_ended_is_none() {
        let (request, ended) = (request(""), NOW.plus(Lifetime::seconds(100)));
        let session = session();
        let present = Some(Present { session: &session, subject: "alice" });
        assert_eq!(decide(&request, &client(), present, None, (NOTHING, ended)), Next::Login);
    }
}
