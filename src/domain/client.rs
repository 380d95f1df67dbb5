//! Clients: the metadata of RFC 7591 §2 and OpenID Connect Registration §2, as this server keeps it.

use super::client_key::{ContentEncryption, Encryption, KeyManagement};
use super::exception::{Allowance, Exception};
use super::id::ClientId;
use super::key::Algorithm;
use super::redirect_uri::RedirectUri;
use super::registration::{RegisteredBy, Registration};
use super::resource::Resource;
use super::scope::{OFFLINE_ACCESS, OPENID, ScopeSet};
use super::secret::TokenHash;
use super::time::{Lifetime, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Which clients are told the same subject of a person (OIDC Core §8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sector {
    /// Those of one host.
    Host(String),
    /// One client alone, which has no host that is its own: an app on a device, at loopback or a private-use scheme.
    Client(ClientId),
}

/// Never the same text for two sectors: a host has a colon between brackets only.
impl fmt::Display for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => f.write_str(host),
            Self::Client(id) => write!(f, "client:{id}"),
        }
    }
}

/// How a client proves who it is (RFC 7591 §2 `token_endpoint_auth_method`). A client has exactly one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// A public client.
    None,
    /// `Authorization: Basic`, both parts form-encoded (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// An assertion signed with the secret (OIDC Core §9).
    ClientSecretJwt,
    /// An assertion signed with a private key (OIDC Core §9).
    PrivateKeyJwt,
}

impl ClientAuthentication {
    /// Every method that works, the default first and the weakest last: some clients take the first that they know.
    pub const ALL: [Self; 5] =
        [Self::ClientSecretBasic, Self::ClientSecretPost, Self::ClientSecretJwt, Self::PrivateKeyJwt, Self::None];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Whether a client with this method has a secret.
    pub const fn needs_secret(self) -> bool {
        match self {
            Self::None | Self::PrivateKeyJwt => false,
            Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt => true,
        }
    }
}

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// It cannot.
    Public,
    /// It can.
    Confidential,
}

/// `application_type` (OpenID Connect Registration §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationType {
    /// Runs on a web server or in a browser.
    #[default]
    Web,
    /// Runs on a person's device (RFC 8252).
    Native,
}

/// Grant types that a client may be registered for. Which of them the server offers, its metadata says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantType {
    /// RFC 6749 §4.1
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// RFC 6749 §6
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 6749 §4.4
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 6749 §4.3
    #[serde(rename = "password")]
    Password,
    /// RFC 6749 §4.2
    #[serde(rename = "implicit")]
    Implicit,
    /// RFC 8628
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

/// How a client secret is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientSecret {
    /// SHA-256, as 64 hexadecimal digits, of a secret of 256 bits that this server generated.
    Sha256(String),
    /// A PHC string of a secret that a person chose.
    Stretched(String),
    /// Base64url of a secret that is sealed under the master key, because the client signs with it.
    Sealed(String),
}

impl ClientSecret {
    /// The stored form of a generated secret.
    pub fn generated(secret: &str) -> Self {
        Self::Sha256(hex(TokenHash::of(secret).as_bytes()))
    }

    /// Whether `secret` is the generated secret that is kept here; `None` where a password hash must be computed or a
    /// seal be opened to know.
    pub fn matches_generated(&self, secret: &str) -> Option<bool> {
        use subtle::ConstantTimeEq as _;
        match self {
            Self::Sha256(known) => {
                Some(known.as_bytes().ct_eq(hex(TokenHash::of(secret).as_bytes()).as_bytes()).into())
            }
            Self::Stretched(_) | Self::Sealed(_) => None,
        }
    }
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A registered client. Serialized, it is the document that the database keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`
    pub id: ClientId,
    /// `client_name`, shown to people; at most 128 characters.
    pub name: Option<String>,
    /// The secret; present exactly when the method needs one.
    pub secret: Option<ClientSecret>,
    /// `token_endpoint_auth_method`
    pub authentication: ClientAuthentication,
    /// `application_type`
    pub application_type: ApplicationType,
    /// `redirect_uris`, at most 32.
    pub redirect_uris: Vec<RedirectUri>,
    /// `grant_types`
    pub grant_types: Vec<GrantType>,
    /// `response_types`, each as its words in registered order.
    pub response_types: Vec<String>,
    /// `scope`: what the client may ask for.
    pub scopes: ScopeSet,
    /// `id_token_signed_response_alg`: `RS256` where nothing was registered (OpenID Connect Registration §2).
    pub id_token_algorithm: String,
    /// `skip_consent`: first-party, people are not asked.
    pub skip_consent: bool,
    /// Dated exceptions.
    pub exceptions: Vec<Exception>,
    /// `default_resource`: `aud` of access tokens when no resource is asked for.
    pub default_resource: Option<String>,
    /// `access_token_lifetime` in seconds; `None`: the server's setting.
    pub access_token_lifetime: Option<Lifetime>,
    /// `refresh_token_idle_lifetime` in seconds; `None`: the server's setting.
    pub refresh_token_idle_lifetime: Option<Lifetime>,
    /// `refresh_token_lifetime` in seconds, counted from the first; `None`: the server's setting.
    pub refresh_token_lifetime: Option<Lifetime>,
    /// `refresh_token_rotation`; `None`: rotated for public clients, kept for confidential ones.
    pub refresh_token_rotation: Option<bool>,
    /// `allowed_origins`: web origins for CORS beyond those of the redirect URIs, each `scheme://host[:port]`.
    pub allowed_origins: Vec<String>,
    /// `require_auth_time`, `client_uri`, `logo_uri`, `policy_uri`, `tos_uri`, `contacts`, `jwks` and other registered
    /// metadata that is kept as it came.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// How it registered itself (RFC 7591); `None`: an operator made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Since when the client is disabled.
    pub disabled_at: Option<Timestamp>,
}

impl Client {
    /// The algorithm of ID tokens and logout tokens for it.
    pub fn id_token_signed_with(&self) -> Algorithm {
        Algorithm::parse(&self.id_token_algorithm).unwrap_or(Algorithm::RS256)
    }

    /// `default_max_age` (OpenID Connect Registration §2).
    pub fn default_max_age(&self) -> Option<Lifetime> {
        let seconds = self.metadata.get("default_max_age")?.as_u64()?;
        Some(Lifetime::seconds(i64::try_from(seconds).unwrap_or(i64::MAX)))
    }

    /// Public or confidential, by its authentication method.
    pub const fn kind(&self) -> ClientKind {
        match self.authentication {
            ClientAuthentication::None => ClientKind::Public,
            ClientAuthentication::ClientSecretBasic
            | ClientAuthentication::ClientSecretPost
            | ClientAuthentication::ClientSecretJwt
            | ClientAuthentication::PrivateKeyJwt => ClientKind::Confidential,
        }
    }

    /// Whether it was registered while that was open to anybody: nobody has looked at it, and it ends unless somebody
    /// uses it.
    pub fn is_openly_registered(&self) -> bool {
        self.registration.as_ref().is_some_and(|registration| registration.by == RegisteredBy::Open)
    }

    /// The name shown to people: the registered one, else the identifier.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// The name shown to people who read `language`: the one that is registered for it (RFC 7591 §2.2), else as
    /// [`Client::display_name`].
    pub fn display_name_in(&self, language: &str) -> &str {
        self.said_in("client_name", language).unwrap_or_else(|| self.display_name())
    }

    /// A text of its metadata in `language`, such as `ko`: that of the member with this tag (`policy_uri#ko`), or with
    /// one of its variants (`policy_uri#ko-KR`), else of the member without a tag (RFC 7591 §2.2).
    pub fn said_in(&self, member: &str, language: &str) -> Option<&str> {
        let tagged = |fits: &dyn Fn(&str) -> bool| {
            let mut tags = self.metadata.iter().filter_map(|(name, value)| Some((name.split_once('#')?, value)));
            tags.find(|((base, tag), _)| *base == member && fits(tag)).and_then(|(_, value)| value.as_str())
        };
        let is_variant = |tag: &str| tag.split('-').next().is_some_and(|first| first.eq_ignore_ascii_case(language));
        let exact = tagged(&|tag| tag.eq_ignore_ascii_case(language)).or_else(|| tagged(&is_variant));
        exact.or_else(|| self.metadata.get(member)?.as_str())
    }

    /// Whether one of its exceptions allows `allowance` at `now`.
    pub fn is_excepted(&self, allowance: Allowance, now: Timestamp) -> bool {
        self.exceptions.iter().any(|exception| exception.allows(allowance, now))
    }

    /// Whether it is registered for `grant`.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// The registered redirect URI that `requested` names.
    pub fn find_redirect_uri(&self, requested: &str, now: Timestamp) -> Option<&RedirectUri> {
        let hostname = self.is_excepted(Allowance::LoopbackHostname, now);
        self.redirect_uris.iter().find(|uri| uri.is_named_by(requested, self.application_type, hostname))
    }

    /// Whether refresh tokens of this client change at each use.
    pub fn rotates_refresh_tokens(&self) -> bool {
        self.refresh_token_rotation.unwrap_or(matches!(self.kind(), ClientKind::Public))
    }

    /// Whether a code exchange gives it a refresh token.
    pub fn is_given_refresh_token(&self) -> bool {
        self.may_use(GrantType::RefreshToken)
    }

    /// Whether the client's identity is assured when a browser brings its request: it authenticates itself at the token
    /// endpoint, or the answer goes to an address that nobody else can claim, or to a web client's registered address.
    /// A native app on a loopback port or a private-use scheme can be impersonated (RFC 8252 §8.6, RFC 6749 §10.2).
    pub fn is_identified(&self, redirect: &RedirectUri) -> bool {
        matches!(self.kind(), ClientKind::Confidential)
            || redirect.is_claimed()
            || self.application_type == ApplicationType::Web
    }

    /// How its `id_token` or `userinfo` is encrypted: `…_encrypted_response_alg` and `…_encrypted_response_enc` (OpenID
    /// Connect Registration §2); `None` where nothing was registered.
    pub fn encryption(&self, what: &str) -> Option<Encryption> {
        let text =
            |member: &str| self.metadata.get(&format!("{what}_encrypted_response_{member}")).and_then(Value::as_str);
        let management = text("alg").and_then(KeyManagement::parse)?;
        // "If id_token_encrypted_response_alg is specified, the default for this value is A128CBC-HS256."
        let content = text("enc").and_then(ContentEncryption::parse).unwrap_or(ContentEncryption::A128CbcHs256);
        Some(Encryption { management, content })
    }

    /// `userinfo_signed_response_alg`; `None`: JSON.
    pub fn userinfo_algorithm(&self) -> Option<Algorithm> {
        self.metadata.get("userinfo_signed_response_alg").and_then(Value::as_str).and_then(Algorithm::parse)
    }

    /// `require_signed_request_object`: an authorization request is a signed request object and nothing else (RFC 9101
    /// §10.5).
    pub fn requires_signed_request_object(&self) -> bool {
        self.metadata.get("require_signed_request_object").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The sector of a client that registered `subject_type: pairwise`: the host of its `sector_identifier_uri`, else
    /// the one host of its redirect URIs (OIDC Core §8.1). `None`: its subjects are public.
    pub fn pairwise_sector(&self) -> Option<Sector> {
        let text = |name: &str| self.metadata.get(name).and_then(Value::as_str);
        if text("subject_type") != Some("pairwise") {
            return None;
        }
        let host = match text("sector_identifier_uri") {
            Some(uri) => url::Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned)),
            None if self.has_one_redirect_host() => self.redirect_hosts().next().flatten(),
            None => None,
        };
        Some(host.map_or_else(|| Sector::Client(self.id.clone()), Sector::Host))
    }

    /// Whether all of its redirect URIs are of one host, or none is of any, so that its sector is clear without a
    /// `sector_identifier_uri` (OIDC Core §8.1). An address of an app on a device counts as one of another host:
    /// whoever has the host does not vouch for it.
    pub fn has_one_redirect_host(&self) -> bool {
        self.redirect_hosts().collect::<BTreeSet<_>>().len() <= 1
    }

    fn redirect_hosts(&self) -> impl Iterator<Item = Option<String>> {
        self.redirect_uris.iter().map(RedirectUri::sector_host)
    }

    /// `backchannel_logout_uri`: where it wants to be told of ended sessions (OpenID Connect Back-Channel Logout §2.2).
    pub fn backchannel_logout_uri(&self) -> Option<&str> {
        self.metadata.get("backchannel_logout_uri").and_then(Value::as_str)
    }

    /// The web origins of this client: those of its redirect URIs and those it registered.
    pub fn origins(&self) -> impl Iterator<Item = String> {
        self.redirect_uris.iter().filter_map(RedirectUri::origin).chain(self.allowed_origins.iter().cloned())
    }

    /// Whether a browser page of `origin` may call the token endpoint for this client.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins().any(|known| known == origin)
    }

    /// Whether it may ask what a token means that was issued to `holder` for `audience` (RFC 7662 §4). By its
    /// registered `may_introspect`: `own` tokens only, those whose `audience` it serves or is as well, or `all`.
    pub fn may_introspect(&self, holder: &ClientId, audience: &[String], resources: &[Resource]) -> bool {
        let is_its_audience = || {
            let serves = |uri: &String| {
                resources.iter().any(|known| known.identifier == *uri && known.served_by.contains(&self.id))
            };
            audience.iter().any(|uri| uri == self.id.as_str() || serves(uri))
        };
        *holder == self.id
            || match self.metadata.get("may_introspect").and_then(Value::as_str) {
                Some("own") => false,
                Some("all") => true,
                _ => is_its_audience(),
            }
    }

    /// The resources of a token (RFC 8707 §2.2, RFC 9068 §3): what its request asks for, else what was granted, else
    /// the client's default; empty where nobody named a resource, which means the issuer.
    pub fn audience<'a>(&'a self, asked: &'a [String], granted: &'a [String]) -> &'a [String] {
        match (asked, granted) {
            ([], []) => self.default_resource.as_slice(),
            ([], granted) => granted,
            (asked, _) => asked,
        }
    }

    /// What a request for a user's consent gets without `scope` (RFC 6749 §3.3): what is registered, but never an ID
    /// token or a lasting grant that was not asked for.
    pub fn default_scopes(&self) -> ScopeSet {
        self.scopes.filtered(|scope| scope != OFFLINE_ACCESS && scope != OPENID)
    }

    /// The first scope of `requested` that this client may not have. A client that may refresh may ask for
    /// `offline_access` without registering it.
    pub fn first_forbidden_scope<'a>(&self, requested: &'a ScopeSet) -> Option<&'a str> {
        requested.iter().find(|scope| !self.may_have(scope))
    }

    /// Whether it may have this scope: one that is registered for it, or `offline_access` where it may refresh.
    pub fn may_have(&self, scope: &str) -> bool {
        self.scopes.contains(scope) || scope == OFFLINE_ACCESS && self.may_use(GrantType::RefreshToken)
    }
}
