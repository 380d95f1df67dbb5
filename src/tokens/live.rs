//! Whether a presented token is live now, and for whom: the one place that says so. Userinfo, introspection, revocation
//! and every protected resource of this server ask here.
//!
//! What a signed token says is believed when it verifies (RFC 9068 §4); whether it still stands is read from the database
//! each time, in one statement, so a revocation on any node is seen by all at once. Clients may be two seconds old.

use super::access_token::{self, TokenIdentity};
use super::refresh_token;
use super::subject;
use crate::clients::Clients;
use crate::domain::access_token::OpaqueAccessToken;
use crate::domain::claims_request::ClaimsRequest;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::id::{ClientId, GrantId, KeyId};
use crate::domain::refresh::{Presented, RefreshTokenFamily};
use crate::domain::scope::ScopeSet;
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::keys::{Expected, Keys, KeysError, VerifyError};
use crate::store::{self, Store, StoreError};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// An opaque access token has the form of a secret of ours: 256 bits, base64url.
const OPAQUE_CHARACTERS: usize = 43;

/// Judges tokens. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct Tokens {
    store: Store,
    keys: Keys,
    clients: Clients,
    issuer: Arc<str>,
    verified: Arc<RwLock<HashMap<TokenHash, Verified>>>,
}

/// A token whose signature was right, and the key that made it. A token that is shown again and again, as to an API behind
/// introspection, costs one signature; when it ends, whether its key is still good and what it stands on is asked each time.
#[derive(Clone)]
struct Verified {
    kid: KeyId,
    token: Arc<SignedAccessToken>,
}

/// The most verified tokens that a node keeps.
const MOST_VERIFIED: usize = 4096;

/// How an access token looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JWT.
    Signed,
    /// A random value.
    Opaque,
}

/// An access token that is live, and what it stands for.
#[derive(Debug, Clone)]
pub struct LiveAccessToken {
    /// How it looks.
    pub form: Form,
    /// Whom it was issued to; not disabled.
    pub client: Arc<Client>,
    /// On whose behalf; not disabled. `None`: the client's own.
    pub user: Option<User>,
    /// `sub`: the user as the client knows them, or the client itself (RFC 9068 §2.2, OIDC Core §8).
    pub subject: String,
    /// The single claims that were asked for (OIDC Core §5.5).
    pub claims: ClaimsRequest,
    /// The grant it hangs on; `None`: the client's own.
    pub grant_id: Option<GrantId>,
    /// What it allows.
    pub scopes: ScopeSet,
    /// The resources it is for.
    pub audience: Vec<String>,
    /// `iat`
    pub issued_at: Timestamp,
    /// `exp`
    pub expires_at: Timestamp,
    /// When the user proved who they are; `None` where there is none.
    pub auth_time: Option<Timestamp>,
    /// `jti`
    pub id: String,
}

/// A refresh token that is live: the current one of its family.
#[derive(Debug, Clone)]
pub struct LiveRefreshToken {
    /// Its family.
    pub family: RefreshTokenFamily,
    /// What it hangs on.
    pub grant: Grant,
    /// `sub`: the user as its client knows them (OIDC Core §8).
    pub subject: String,
    /// On whose behalf; not disabled.
    pub user: User,
}

/// What was issued, whether it still stands or not: enough to revoke it.
#[derive(Debug, Clone)]
pub enum Issued {
    /// An access token that verifies.
    Signed(Arc<SignedAccessToken>),
    /// An opaque access token that has a row.
    Opaque(OpaqueAccessToken),
    /// A genuine refresh token of any generation.
    Refresh(RefreshTokenFamily),
}

impl Issued {
    /// Whom it was issued to.
    pub fn client_id(&self) -> &ClientId {
        match self {
            Self::Signed(token) => &token.client_id,
            Self::Opaque(token) => &token.client_id,
            Self::Refresh(family) => &family.client_id,
        }
    }
}

/// What a signed access token says, verified.
#[derive(Debug, Clone)]
pub struct SignedAccessToken {
    /// `jti`
    pub id: String,
    /// The grant that it names; `None`: its client got it for itself.
    pub grant_id: Option<GrantId>,
    /// `client_id`
    pub client_id: ClientId,
    /// `exp`
    pub expires_at: Timestamp,
    subject: String,
    scopes: ScopeSet,
    audience: Vec<String>,
    issued_at: Timestamp,
    auth_time: Option<Timestamp>,
}

/// Why a token is not live. The words are for the developer of whoever presented it.
#[derive(Debug, thiserror::Error)]
pub enum NotLive {
    /// It is neither a token that verifies nor one of the other forms.
    #[error("{0}")]
    Verification(VerifyError),
    /// A token of ours that is for something else: an ID token.
    #[error("a token that is no access token")]
    Kind,
    /// An opaque token or refresh token without a row, or one that has ended.
    #[error("a token that was never issued, has expired or was revoked")]
    Unknown,
    /// It was revoked, or the grant that it hangs on.
    #[error("a token that was revoked, or whose grant was")]
    Revoked,
    /// Its user is disabled or gone.
    #[error("a token whose account is disabled")]
    User,
    /// Its client is disabled or gone.
    #[error("a token whose client is disabled")]
    Client,
    /// A refresh token that was replaced.
    #[error("a refresh token that was replaced")]
    Replaced,
    /// Nothing is known about it (-> 503).
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl From<VerifyError> for NotLive {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Unavailable(cause) => Self::Unavailable(StoreError::Unavailable(cause)),
            error => Self::Verification(error),
        }
    }
}

impl From<KeysError> for NotLive {
    fn from(error: KeysError) -> Self {
        match error {
            // The key that its MAC should be made with is none of ours.
            KeysError::Unknown(_) => Self::Unknown,
            error => Self::Unavailable(StoreError::Unavailable(error.to_string())),
        }
    }
}

impl Tokens {
    /// Tokens of `issuer`.
    pub fn new(store: Store, keys: Keys, clients: Clients, issuer: &str) -> Self {
        Self { store, keys, clients, issuer: issuer.into(), verified: Arc::default() }
    }

    /// The access token that `text` is, if it is live at `now`.
    ///
    /// # Errors
    /// [`NotLive`].
    pub async fn load_live(&self, text: &str, now: Timestamp) -> Result<LiveAccessToken, NotLive> {
        if is_opaque(text) { self.load_opaque(text, now).await } else { self.load_signed(text, now).await }
    }

    /// The refresh token that `text` is, if it is the one that its client would use at `now`.
    ///
    /// # Errors
    /// [`NotLive`].
    pub async fn load_live_refresh_token(&self, text: &str, now: Timestamp) -> Result<LiveRefreshToken, NotLive> {
        let (family, presented) = self.load_family(text).await?;
        let current = Presented { generation: family.position.generation, attempt: family.position.attempt };
        if presented != current {
            return Err(NotLive::Replaced);
        }
        if family.idle_expires_at.is_past(now) || family.expires_at.is_past(now) {
            return Err(NotLive::Unknown);
        }
        let grant_id = family.grant_id.clone();
        let standing = self.store.read(move |db| store::grants::find_standing(db, &grant_id, None)).await?;
        let standing = standing.filter(|standing| standing.grant.revoked_at.is_none() && family.revoked_at.is_none());
        let standing = standing.ok_or(NotLive::Revoked)?;
        let client = self.load_client(&family.client_id).await?;
        let user = in_use(standing.user)?;
        let subject = self.subject(&client, Some(&user))?;
        Ok(LiveRefreshToken { user, subject, grant: standing.grant, family })
    }

    /// What `text` was issued as, although it may be revoked already; nothing that has expired.
    ///
    /// # Errors
    /// [`NotLive::Verification`], [`NotLive::Kind`], [`NotLive::Unknown`], [`NotLive::Unavailable`].
    pub async fn load_issued(&self, text: &str, now: Timestamp) -> Result<Issued, NotLive> {
        if refresh_token::parse(text).is_some() {
            return Ok(Issued::Refresh(self.load_family(text).await?.0));
        }
        if !is_opaque(text) {
            return Ok(Issued::Signed(self.verify(text, now).await?));
        }
        let hash = TokenHash::of(text);
        let found = self.store.read(move |db| store::opaque_access_tokens::find(db, &hash)).await?;
        found.map(|found| Issued::Opaque(found.token)).ok_or(NotLive::Unknown)
    }

    async fn load_signed(&self, text: &str, now: Timestamp) -> Result<LiveAccessToken, NotLive> {
        let token = self.verify(text, now).await?;
        let client = self.load_client(&token.client_id).await?;
        let (user, claims) = match token.grant_id.clone() {
            Some(grant_id) => {
                let standing = self.load_standing(&token, grant_id).await?;
                (Some(in_use(standing.user)?), standing.grant.claims)
            }
            None => {
                self.check_own(&token).await?;
                (None, ClaimsRequest::default())
            }
        };
        if self.subject(&client, user.as_ref())? != token.subject {
            return Err(NotLive::Kind);
        }
        Ok(LiveAccessToken {
            form: Form::Signed,
            client,
            subject: token.subject.clone(),
            user,
            claims,
            grant_id: token.grant_id.clone(),
            scopes: token.scopes.clone(),
            audience: token.audience.clone(),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            auth_time: token.auth_time,
            id: token.id.clone(),
        })
    }

    /// What a token on a grant stands on. The token must say whom the grant is for.
    async fn load_standing(
        &self,
        token: &SignedAccessToken,
        grant_id: GrantId,
    ) -> Result<store::grants::Standing, NotLive> {
        let hash = revocation_of(&token.id);
        let standing = self.store.read(move |db| store::grants::find_standing(db, &grant_id, Some(&hash))).await?;
        let standing = standing.filter(|standing| {
            let is_live = standing.grant.revoked_at.is_none() && !standing.is_token_revoked;
            is_live && standing.grant.client_id == token.client_id
        });
        standing.ok_or(NotLive::Revoked)
    }

    /// `sub`: the user as the client knows them, or the client itself (RFC 9068 §2.2, OIDC Core §8).
    fn subject(&self, client: &Client, user: Option<&User>) -> Result<String, NotLive> {
        match user {
            Some(user) => Ok(subject::of(&self.keys, client, &user.id)?),
            None => Ok(client.id.to_string()),
        }
    }

    /// A token that a client got for itself speaks for nobody else (RFC 9068 §2.2).
    async fn check_own(&self, token: &SignedAccessToken) -> Result<(), NotLive> {
        if token.subject != token.client_id.as_str() {
            return Err(NotLive::Kind);
        }
        let hash = revocation_of(&token.id);
        match self.store.read(move |db| store::revoked_tokens::contains(db, &hash)).await? {
            true => Err(NotLive::Revoked),
            false => Ok(()),
        }
    }

    async fn load_opaque(&self, text: &str, now: Timestamp) -> Result<LiveAccessToken, NotLive> {
        let hash = TokenHash::of(text);
        let found = self.store.read(move |db| store::opaque_access_tokens::find(db, &hash)).await?;
        let found = found.filter(|found| !found.token.expires_at.is_past(now)).ok_or(NotLive::Unknown)?;
        let token = found.token;
        let client = self.load_client(&token.client_id).await?;
        let (user, auth_time, claims) = match (&token.grant_id, found.grant, found.user) {
            (None, _, _) => (None, None, ClaimsRequest::default()),
            (Some(_), Some(grant), Some(user)) if grant.revoked_at.is_none() => {
                (Some(in_use(user)?), Some(grant.auth_time), grant.claims)
            }
            (Some(_), Some(grant), None) if grant.revoked_at.is_none() => return Err(NotLive::User),
            (Some(_), _, _) => return Err(NotLive::Revoked),
        };
        Ok(LiveAccessToken {
            form: Form::Opaque,
            subject: self.subject(&client, user.as_ref())?,
            client,
            user,
            claims,
            grant_id: token.grant_id,
            scopes: token.scopes,
            audience: token.audience,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            auth_time,
            id: access_token::opaque_id(&token.hash),
        })
    }

    /// Only the exact text is a refresh token: its MAC is checked before anything of it is believed.
    async fn load_family(&self, text: &str) -> Result<(RefreshTokenFamily, Presented), NotLive> {
        let parsed = refresh_token::parse(text).ok_or(NotLive::Unknown)?;
        let id = parsed.family_id.clone();
        let family = self.store.read(move |db| store::refresh_tokens::find(db, &id)).await?;
        let family = family.ok_or(NotLive::Unknown)?;
        if !parsed.is_genuine(&self.keys, &family)? {
            return Err(NotLive::Unknown);
        }
        Ok((family, parsed.presented))
    }

    async fn load_client(&self, id: &ClientId) -> Result<Arc<Client>, NotLive> {
        self.clients.find(id.as_str()).await?.ok_or(NotLive::Client)
    }

    /// Access tokens are `at+jwt`, or `JWT` where a resource wants it so. ID tokens are `JWT` too, but have no `jti` of ours.
    async fn verify(&self, text: &str, now: Timestamp) -> Result<Arc<SignedAccessToken>, NotLive> {
        let hash = TokenHash::of(text);
        if let Some(token) = self.find_verified(&hash, now) {
            return Ok(token);
        }
        let expected = |typ| Expected { typ, issuer: &self.issuer, audience: None };
        let claims = match self.keys.verify(text, &expected(access_token::TYP), now).await {
            Err(VerifyError::Type) => self.keys.verify(text, &expected("JWT"), now).await?,
            other => other?,
        };
        let token = Arc::new(SignedAccessToken::read(&claims).ok_or(NotLive::Kind)?);
        if let Some(kid) = self.keys.find_key_of(text) {
            let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
            if verified.len() >= MOST_VERIFIED {
                verified.clear();
            }
            verified.insert(hash, Verified { kid, token: Arc::clone(&token) });
        }
        Ok(token)
    }

    fn find_verified(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<SignedAccessToken>> {
        let found = self.verified.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()?;
        let is_good = !found.token.expires_at.is_past(now) && self.keys.accepts(&found.kid);
        is_good.then_some(found.token)
    }
}

impl SignedAccessToken {
    /// Reads the claims of RFC 9068 §2.2; `None` where one is missing: then it is no access token of ours.
    fn read(claims: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::from_seconds);
        let id = text("jti")?;
        let grant_id = match access_token::identify(id)? {
            TokenIdentity::OfGrant(grant) => Some(grant),
            TokenIdentity::OfClient => None,
        };
        Some(Self {
            id: id.to_owned(),
            grant_id,
            client_id: ClientId::new(text("client_id")?),
            expires_at: time("exp")?,
            subject: text("sub")?.to_owned(),
            scopes: text("scope").map_or_else(|| Some(ScopeSet::default()), |scope| ScopeSet::parse(scope).ok())?,
            audience: audience(claims.get("aud")?)?,
            issued_at: time("iat")?,
            auth_time: time("auth_time"),
        })
    }
}

/// Under which hash a signed token that was revoked is remembered.
pub fn revocation_of(token_id: &str) -> TokenHash {
    TokenHash::of(token_id)
}

fn is_opaque(text: &str) -> bool {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == OPAQUE_CHARACTERS && text.bytes().all(is_base64url)
}

fn in_use(user: User) -> Result<User, NotLive> {
    if user.disabled_at.is_some() { Err(NotLive::User) } else { Ok(user) }
}

/// `aud` is one text or a list of texts (RFC 7519 §4.1.3).
fn audience(claim: &Value) -> Option<Vec<String>> {
    match claim {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(several) => several.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
