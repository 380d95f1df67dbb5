//! A client as a program: runs the whole flow and checks every answer as clients must.

use super::answer::Answer;
use super::app::TestApp;
use super::browser::Browser;
use super::clients::{SCOPE, SECRET};
use super::jwt;
use super::signing::{self, ClientKey};
use authward::domain::client::ClientAuthentication;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A client of one server.
#[derive(Clone)]
pub struct RelyingParty<'a> {
    pub app: &'a TestApp,
    pub client_id: String,
    pub redirect_uri: String,
    pub authentication: ClientAuthentication,
    pub secret: String,
    /// What it signs with, where its method is `private_key_jwt`.
    pub key: Option<ClientKey>,
    pub scope: String,
}

/// An authorization request, and what its client remembers of it.
#[derive(Debug, Clone)]
pub struct AuthRequest {
    pub parameters: Vec<(String, String)>,
    pub verifier: String,
    pub state: String,
    pub nonce: String,
    pub redirect_uri: String,
}

impl AuthRequest {
    /// With this parameter instead of the one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.parameters.push((name.to_owned(), value.to_owned()));
        match name {
            "state" => value.clone_into(&mut self.state),
            "redirect_uri" => value.clone_into(&mut self.redirect_uri),
            "nonce" => value.clone_into(&mut self.nonce),
            _ => {}
        }
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// With this parameter once more.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }

    /// The address to open in a browser.
    pub fn address(&self) -> String {
        format!("/authorize?{}", self.query())
    }
}

/// A checked token response.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub id_token: Option<String>,
    pub scope: String,
    pub expires_in: i64,
    pub answer: Answer,
}

impl Tokens {
    #[track_caller]
    pub fn refresh(&self) -> &str {
        self.refresh_token.as_deref().expect("a refresh token")
    }
}

impl<'a> RelyingParty<'a> {
    /// One of the clients of [`super::clients`], by its id; others change the fields.
    pub fn new(app: &'a TestApp, client_id: &str) -> Self {
        let (redirect_uri, authentication) = match client_id {
            "native-app" => ("http://127.0.0.1:49152/callback", ClientAuthentication::None),
            "spa" => ("https://spa.example/callback", ClientAuthentication::None),
            "backend" => ("https://app.example/callback", ClientAuthentication::ClientSecretBasic),
            "backend-post" => ("https://post.example/callback", ClientAuthentication::ClientSecretPost),
            _ => ("https://own.example/callback", ClientAuthentication::None),
        };
        Self {
            app,
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            authentication,
            secret: SECRET.to_owned(),
            key: None,
            scope: SCOPE.to_owned(),
        }
    }

    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    /// A new authorization request, each with its own verifier, state and nonce.
    pub fn request(&self) -> AuthRequest {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let fresh = |what: &str| URL_SAFE_NO_PAD.encode(sha256(&format!("{what} {number} of the tests")));
        let (verifier, state, nonce) = (fresh("verifier"), fresh("state"), fresh("nonce"));
        let parameters = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &jwt::challenge(&verifier)),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        AuthRequest { parameters, verifier, state, nonce, redirect_uri: self.redirect_uri.clone() }
    }

    /// Sends the browser with a request and goes through all pages, to the answer for this client.
    pub async fn authorize(&self, browser: &Browser, request: &AuthRequest, username: &str) -> Answer {
        let first = browser.get(&request.address()).await;
        browser.finish(first, username).await
    }

    /// The parameters of a redirect in the query, after every check of a client: the address, `state` (RFC 6749 §10.12),
    /// `iss` (RFC 9207 §2.4), no second copy of anything, no token.
    #[track_caller]
    pub fn callback(&self, answer: &Answer, request: &AuthRequest) -> BTreeMap<String, String> {
        answer.assert_status(303).assert_no_store();
        let location = answer.location().expect("a redirect");
        let joint = if request.redirect_uri.contains('?') { '&' } else { '?' };
        assert!(location.starts_with(&format!("{}{joint}", request.redirect_uri)), "{location}");
        assert!(!location.contains('#'), "{location}");
        let parameters = answer.query();
        assert_eq!(parameters.get("state"), request.find("state").map(str::to_owned).as_ref(), "{location}");
        assert_eq!(parameters.get("iss"), Some(&self.app.issuer), "{location}");
        assert!(!parameters.contains_key("access_token") && !parameters.contains_key("id_token"), "{location}");
        parameters
    }

    /// The code of a successful answer.
    #[track_caller]
    pub fn code(&self, answer: &Answer, request: &AuthRequest) -> String {
        let parameters = self.callback(answer, request);
        let code = parameters.get("code").unwrap_or_else(|| panic!("no code: {parameters:?}"));
        assert!(code.len() >= 43, "a code of 256 bits: {code}");
        assert!(!parameters.contains_key("error"), "{parameters:?}");
        code.clone()
    }

    /// The error code of a refusal that was sent to this client.
    #[track_caller]
    pub fn error(&self, answer: &Answer, request: &AuthRequest) -> String {
        let parameters = self.callback(answer, request);
        assert!(!parameters.contains_key("code"), "{parameters:?}");
        assert!(parameters.contains_key("error_description"), "{parameters:?}");
        parameters.get("error").unwrap_or_else(|| panic!("no error: {parameters:?}")).clone()
    }

    /// A code, through all pages.
    pub async fn new_code(&self, browser: &Browser, username: &str) -> (String, AuthRequest) {
        let request = self.request();
        let answer = self.authorize(browser, &request, username).await;
        (self.code(&answer, &request), request)
    }

    /// The form of a code exchange, without client authentication.
    pub fn exchange(&self, code: &str, request: &AuthRequest) -> Vec<(String, String)> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &request.redirect_uri),
            ("code_verifier", &request.verifier),
        ];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str, request: &AuthRequest) -> Answer {
        self.token(&self.exchange(code, request)).await
    }

    /// Refreshes.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.token(&fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await
    }

    /// Asks the token endpoint, authenticated by this client's method.
    pub async fn token(&self, fields: &[(String, String)]) -> Answer {
        self.app.send(self.token_request(fields)).await
    }

    pub fn token_request(&self, fields: &[(String, String)]) -> reqwest::RequestBuilder {
        self.request_to("/token", fields)
    }

    /// A form for this path, authenticated by this client's method.
    pub fn request_to(&self, path: &str, fields: &[(String, String)]) -> reqwest::RequestBuilder {
        let mut fields = fields.to_vec();
        let mut request = self.app.http.post(self.app.url(path));
        match self.authentication {
            ClientAuthentication::ClientSecretBasic => {
                request = request.header("authorization", basic(&self.client_id, &self.secret));
            }
            ClientAuthentication::ClientSecretPost => {
                fields.push(("client_id".into(), self.client_id.clone()));
                fields.push(("client_secret".into(), self.secret.clone()));
            }
            ClientAuthentication::None => fields.push(("client_id".into(), self.client_id.clone())),
            ClientAuthentication::ClientSecretJwt | ClientAuthentication::PrivateKeyJwt => {
                fields.extend(assertion_fields(&self.assertion(&self.assertion_claims())));
            }
        }
        request.form(&fields)
    }

    /// The claims of a new assertion (RFC 7523 §3).
    pub fn assertion_claims(&self) -> Value {
        let now = self.app.now().seconds();
        json!({
            "iss": self.client_id, "sub": self.client_id, "aud": self.app.issuer,
            "iat": now, "exp": now + 60, "jti": signing::fresh("assertion"),
        })
    }

    /// These claims, signed by this client's method.
    pub fn assertion(&self, claims: &Value) -> String {
        match (&self.key, self.authentication) {
            (Some(key), ClientAuthentication::PrivateKeyJwt) => key.sign(claims),
            _ => signing::sign_with_secret(&self.secret, claims),
        }
    }

    /// Posts a form to this path, authenticated by this client's method.
    pub async fn ask(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.app.send(self.request_to(path, &fields)).await
    }

    /// Asks what a token means.
    pub async fn introspect(&self, token: &str) -> Answer {
        self.ask("/introspect", &[("token", token)]).await
    }

    /// Gives a token back.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.ask("/revoke", &[("token", token)]).await
    }

    /// The whole flow, every answer checked.
    pub async fn sign_in(&self, browser: &Browser, username: &str) -> Tokens {
        let (code, request) = self.new_code(browser, username).await;
        let answer = self.redeem(&code, &request).await;
        self.tokens(&answer, Some(&request)).await
    }

    /// Checks a token response (RFC 6749 §5.1), its access token (RFC 9068 §2, §4) and its ID token (OIDC Core §3.1.3.7).
    /// Without `request` it is the answer to a refresh (OIDC Core §12.2).
    pub async fn tokens(&self, answer: &Answer, request: Option<&AuthRequest>) -> Tokens {
        answer.assert_status(200).assert_no_store();
        assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
        assert_eq!(answer.header("pragma"), "no-cache", "{answer:?}");
        let json = answer.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        assert_eq!(json["token_type"], "Bearer", "{answer:?}");
        let tokens = Tokens {
            access_token: text("access_token").unwrap_or_else(|| panic!("no access token: {answer:?}")),
            refresh_token: text("refresh_token"),
            id_token: text("id_token"),
            scope: text("scope").unwrap_or_else(|| panic!("no scope: {answer:?}")),
            expires_in: json["expires_in"].as_i64().unwrap_or_else(|| panic!("no number of seconds: {answer:?}")),
            answer: answer.clone(),
        };
        let access = jwt::verify(self.app, &tokens.access_token).await;
        assert_eq!(access.header["typ"], "at+jwt", "{access:?}");
        assert_eq!(access.text("iss"), self.app.issuer);
        assert_eq!(access.text("client_id"), self.client_id);
        assert_eq!(access.text("scope"), tokens.scope);
        assert_eq!(access.number("exp") - access.number("iat"), tokens.expires_in);
        assert!(!access.text("jti").is_empty() && !access.text("sub").is_empty());
        assert_eq!(tokens.scope.split(' ').any(|scope| scope == "openid"), tokens.id_token.is_some(), "{answer:?}");
        if let Some(id_token) = &tokens.id_token {
            self.check_id_token(id_token, &tokens.access_token, request, access.text("sub")).await;
        }
        tokens
    }

    async fn check_id_token(&self, id_token: &str, access_token: &str, request: Option<&AuthRequest>, sub: &str) {
        let id = jwt::verify(self.app, id_token).await;
        assert_eq!(id.text("iss"), self.app.issuer);
        assert_eq!(id.claims["aud"], Value::String(self.client_id.clone()));
        assert_eq!(id.text("sub"), sub);
        assert_eq!(id.text("at_hash"), jwt::at_hash(access_token, id.header["alg"].as_str().unwrap_or_default()));
        assert!(id.number("auth_time") <= id.number("iat"));
        match request {
            Some(request) => assert_eq!(id.claims.get("nonce").and_then(Value::as_str), request.find("nonce")),
            None => assert!(!id.claims.contains_key("nonce"), "{id:?}"),
        }
    }

    /// Asks userinfo with an access token.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        self.app.send(self.app.http.get(self.app.url("/userinfo")).bearer_auth(access_token)).await
    }
}

/// The parameters that carry an assertion (RFC 7523 §2.2).
pub fn assertion_fields(assertion: &str) -> [(String, String); 2] {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    [("client_assertion_type".into(), kind.into()), ("client_assertion".into(), assertion.into())]
}

/// `Authorization: Basic` with both parts form-encoded (RFC 6749 §2.3.1).
pub fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

fn sha256(text: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).into()
}
