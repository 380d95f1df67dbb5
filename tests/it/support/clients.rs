//! The clients that most tests need.

use authward::domain::client::{ApplicationType, Client, ClientAuthentication, ClientSecret, GrantType};
use authward::domain::exception::{Allowance, Exception};
use authward::domain::id::ClientId;
use authward::domain::redirect_uri::RedirectUri;
use authward::domain::scope::ScopeSet;
use authward::domain::time::Timestamp;

/// The secret of every confidential client here.
pub const SECRET: &str = "Zm9yIHRlc3RzIG9ubHk6IDI1NiBiaXRzIG9mIHNlY3J";
/// What every client here may ask for.
pub const SCOPE: &str = "openid profile email offline_access";

/// Every client of this file.
pub fn all() -> Vec<Client> {
    vec![native(), spa(), first_party(), backend_basic(), backend_post()]
}

/// A native app: any loopback port, and a private-use scheme.
pub fn native() -> Client {
    Client {
        application_type: ApplicationType::Native,
        redirect_uris: redirects(
            &["http://127.0.0.1/callback", "http://[::1]/callback", "com.example.app:/callback"],
            ApplicationType::Native,
        ),
        ..client("native-app", "Native app")
    }
}

/// A page in a browser.
pub fn spa() -> Client {
    Client {
        redirect_uris: redirects(&["https://spa.example/callback"], ApplicationType::Web),
        ..client("spa", "Single page")
    }
}

/// The same that nobody is asked about.
pub fn first_party() -> Client {
    Client {
        redirect_uris: redirects(&["https://own.example/callback"], ApplicationType::Web),
        skip_consent: true,
        ..client("first-party", "Our own")
    }
}

/// A web server that authenticates itself in the header.
pub fn backend_basic() -> Client {
    Client {
        redirect_uris: redirects(
            &["https://app.example/callback", "https://app.example/other?t=1"],
            ApplicationType::Web,
        ),
        authentication: ClientAuthentication::ClientSecretBasic,
        secret: Some(ClientSecret::generated(SECRET)),
        ..client("backend", "Backend")
    }
}

/// A web server that authenticates itself in the body.
pub fn backend_post() -> Client {
    Client {
        redirect_uris: redirects(&["https://post.example/callback"], ApplicationType::Web),
        authentication: ClientAuthentication::ClientSecretPost,
        secret: Some(ClientSecret::generated(SECRET)),
        ..client("backend-post", "Backend with a body")
    }
}

/// A program of the operator: it may do everything at the admin API.
pub fn operator() -> Client {
    Client {
        authentication: ClientAuthentication::ClientSecretBasic,
        secret: Some(ClientSecret::generated(SECRET)),
        grant_types: vec![GrantType::ClientCredentials],
        response_types: Vec::new(),
        scopes: ScopeSet::parse("admin:read admin:write").expect("a scope"),
        ..client("operator", "Operator")
    }
}

/// A client with a dated exception.
pub fn excepted(id: &str, allow: Allowance, until: i64) -> Client {
    let exception = Exception {
        allow,
        reason: "a test".to_owned(),
        owner: "the tests".to_owned(),
        until: Timestamp::from_seconds(until),
    };
    Client { id: ClientId::new(id), exceptions: vec![exception], ..first_party() }
}

/// A public client without redirect URIs.
pub fn client(id: &str, name: &str) -> Client {
    Client {
        id: ClientId::new(id),
        name: Some(name.to_owned()),
        secret: None,
        authentication: ClientAuthentication::None,
        application_type: ApplicationType::Web,
        redirect_uris: Vec::new(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        response_types: vec!["code".to_owned()],
        scopes: ScopeSet::parse(SCOPE).expect("a scope"),
        id_token_algorithm: "RS256".to_owned(),
        skip_consent: false,
        exceptions: Vec::new(),
        default_resource: None,
        access_token_lifetime: None,
        refresh_token_idle_lifetime: None,
        refresh_token_lifetime: None,
        refresh_token_rotation: None,
        allowed_origins: Vec::new(),
        metadata: serde_json::Map::new(),
        registration: None,
        disabled_at: None,
    }
}

pub fn redirects(texts: &[&str], kind: ApplicationType) -> Vec<RedirectUri> {
    texts.iter().map(|text| RedirectUri::register(text, kind).expect("a redirect URI")).collect()
}
