//! Values of the domain to store.

use authward::domain::authorization::{AuthorizationRequest, Progress, Prompt};
use authward::domain::callback::{Callback, ResponseMode};
use authward::domain::claims_request::ClaimsRequest;
use authward::domain::client::{ApplicationType, Client, ClientAuthentication, GrantType};
use authward::domain::code::AuthorizationCode;
use authward::domain::device::Device;
use authward::domain::grant::Grant;
use authward::domain::id::{ClientId, FamilyId, GrantId, KeyId, Sid, UserId};
use authward::domain::interaction::Interaction;
use authward::domain::key::{Algorithm, KeyState, SigningKey};
use authward::domain::pkce::{CodeChallenge, CodeChallengeMethod};
use authward::domain::redirect_uri::RedirectUri;
use authward::domain::refresh::{Position, RefreshTokenFamily, Rotation};
use authward::domain::response_type::ResponseType;
use authward::domain::scope::ScopeSet;
use authward::domain::secret::TokenHash;
use authward::domain::session::Session;
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::user::{Email, User, Username};

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub fn later(seconds: i64) -> Timestamp {
    NOW.plus(Lifetime::seconds(seconds))
}

pub fn user(name: &str) -> User {
    let claims = serde_json::json!({ "name": "김민지", "locale": "ko-KR", "emoji": "🔑" });
    User {
        id: UserId::new(format!("user-{name}")),
        username: Username::parse(name).unwrap(),
        email: Email::parse(&format!("{name}@Example.com")).unwrap(),
        email_verified: true,
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        claims: claims.as_object().unwrap().clone(),
        roles: vec!["admin".to_owned()],
        disabled_at: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub fn client(id: &str) -> Client {
    Client {
        id: ClientId::new(id),
        name: Some("앱 \"one\" \\ '; DROP TABLE users; --".to_owned()),
        secret: None,
        authentication: ClientAuthentication::None,
        application_type: ApplicationType::Native,
        redirect_uris: vec![RedirectUri::register("http://127.0.0.1/callback", ApplicationType::Native).unwrap()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        response_types: vec!["code".to_owned()],
        scopes: scopes("openid profile"),
        id_token_algorithm: "RS256".to_owned(),
        skip_consent: false,
        exceptions: Vec::new(),
        default_resource: None,
        access_token_lifetime: Some(Lifetime::minutes(5)),
        refresh_token_idle_lifetime: None,
        refresh_token_lifetime: None,
        refresh_token_rotation: None,
        allowed_origins: Vec::new(),
        metadata: serde_json::Map::new(),
        registration: None,
        disabled_at: None,
    }
}

pub fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub fn session(cookie: &str, user: &str) -> Session {
    Session {
        hash: TokenHash::of(cookie),
        sid: Sid::new(format!("sid-{cookie}")),
        user_id: UserId::new(user),
        auth_time: NOW,
        created_at: NOW,
        last_seen_at: NOW,
        idle_expires_at: later(600),
        expires_at: later(6000),
        device: device(),
    }
}

pub fn device() -> Device {
    let text = |text: &str| Some(text.to_owned());
    Device { browser: text("Samsung Internet"), system: text("Android"), network: text("2001:db8:1::x") }
}

pub fn interaction(id: &str) -> Interaction {
    let client = client("native");
    let callback = Callback::match_request(&client, Some("http://127.0.0.1:4711/callback"), NOW).unwrap();
    Interaction {
        hash: TokenHash::of(id),
        request: AuthorizationRequest {
            client_id: client.id,
            callback: callback.answering(ResponseMode::FormPost, Some("stäte \0 \u{1f511}".to_owned())),
            response_type: ResponseType::CodeIdToken,
            scopes: scopes("openid email"),
            challenge: Some(challenge()),
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            prompt: Prompt { login: true, ..Prompt::default() },
            max_age: Some(Lifetime::seconds(60)),
            login_hint: Some("alice".to_owned()),
            ui_locales: Some("ko en".to_owned()),
            resources: vec!["https://api.example.com".to_owned()],
            claims: claims(),
            expected_subject: Some("alice".to_owned()),
        },
        browser: None,
        progress: Progress::default(),
        flow_id: "flow".to_owned(),
        created_at: NOW,
        expires_at: later(3600),
    }
}

pub fn challenge() -> CodeChallenge {
    CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", CodeChallengeMethod::S256).unwrap()
}

pub fn grant(id: &str, user: &str, sid: &str) -> Grant {
    Grant {
        id: GrantId::new(id),
        user_id: UserId::new(user),
        client_id: ClientId::new("native"),
        sid: Sid::new(sid),
        scopes: scopes("openid profile"),
        resources: vec!["https://api.example.com".to_owned()],
        nonce: Some("nonce".to_owned()),
        auth_time: NOW,
        created_at: NOW,
        expires_at: later(6000),
        revoked_at: None,
        claims: claims(),
    }
}

pub fn claims() -> ClaimsRequest {
    ClaimsRequest::parse(r#"{"id_token": {"acr": {"essential": true, "value": "1"}}, "userinfo": {"name": null}}"#)
        .unwrap()
}

pub fn code(text: &str, grant: &str) -> AuthorizationCode {
    AuthorizationCode {
        hash: TokenHash::of(text),
        grant_id: GrantId::new(grant),
        client_id: ClientId::new("native"),
        redirect_uri: "http://127.0.0.1:4711/callback".to_owned(),
        redirect_uri_was_sent: true,
        challenge: Some(challenge()),
        issued_at: NOW,
        expires_at: later(60),
        redeemed_at: None,
    }
}

pub const START: Position = Position { generation: 0, attempt: 0, previous_attempt: 0, rotated_at: NOW };

pub fn position(generation: i64, attempt: i64) -> Position {
    Position { generation, attempt, previous_attempt: 0, rotated_at: later(generation) }
}

pub fn family(id: &str, grant: &str, user: &str) -> RefreshTokenFamily {
    RefreshTokenFamily {
        id: FamilyId::new(id),
        grant_id: GrantId::new(grant),
        client_id: ClientId::new("native"),
        user_id: UserId::new(user),
        scopes: scopes("openid profile"),
        salt: *TokenHash::of("salt").as_bytes(),
        key_id: KeyId::new("key"),
        rotation: Rotation::Rotated,
        position: START,
        created_at: NOW,
        last_used_at: NOW,
        idle_expires_at: later(600),
        expires_at: later(6000),
        revoked_at: None,
    }
}

pub fn signing_key(id: &str, algorithm: Algorithm, state: KeyState) -> SigningKey {
    SigningKey {
        id: KeyId::new(id),
        algorithm,
        state,
        public_jwk: r#"{"kty":"EC"}"#.to_owned(),
        sealed_private: vec![0, 255, 1, 128, 0],
        created_at: NOW,
        activated_at: None,
        retiring_at: None,
        retires_at: None,
    }
}
