//! Request objects (OIDC Core §6, RFC 9101): authorization requests that a client signs, by value and by reference.

use crate::support::clients::{self, SECRET};
use crate::support::origin::{self, Origin};
use crate::support::relying_party::{AuthRequest, RelyingParty};
use crate::support::signing::{ALGORITHMS, ClientKey, jwks, sign_with_secret, unsigned};
use crate::support::{Answer, START, TestApp, jwt};
use authward::domain::client::{ApplicationType, Client, ClientAuthentication, ClientSecret};
use authward::domain::exception::Allowance;
use authward::domain::id::ClientId;
use authward::domain::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const OTHER: &str = "https://own.example/other";

/// A first-party client with two redirect URIs and this metadata.
fn signer(id: &str, metadata: Value) -> Client {
    let Value::Object(metadata) = metadata else { panic!("metadata") };
    Client {
        id: ClientId::new(id),
        redirect_uris: clients::redirects(&["https://own.example/callback", OTHER], ApplicationType::Web),
        metadata,
        ..clients::first_party()
    }
}

/// The same under the dated exception `unsigned_request_object`, for a hundred seconds.
fn excepted(id: &str, metadata: Value) -> Client {
    let exceptions = clients::excepted(id, Allowance::UnsignedRequestObject, START + 100).exceptions;
    Client { exceptions, ..signer(id, metadata) }
}

fn with_key(id: &str, key: &ClientKey) -> Client {
    signer(id, json!({ "jwks": jwks(&[key]) }))
}

/// The claims of a request object that says everything.
fn object(party: &RelyingParty<'_>, request: &AuthRequest) -> Value {
    let mut claims = json!({"iss": party.client_id, "aud": party.app.issuer});
    for (name, value) in &request.parameters {
        claims[name] = json!(value);
    }
    claims
}

/// With these claims instead; null takes one away.
fn changed(mut claims: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(*name)),
            value => claims[*name] = value.clone(),
        }
    }
    claims
}

/// The same request, of which only these parameters stand outside of the object.
fn outside(request: &AuthRequest, names: &[&str]) -> AuthRequest {
    let mut request = request.clone();
    request.parameters.retain(|(name, _)| names.contains(&name.as_str()));
    request
}

/// What OpenID Connect wants outside.
const DUPLICATED: [&str; 3] = ["client_id", "response_type", "scope"];

async fn open(app: &TestApp, request: &AuthRequest) -> Answer {
    app.signed_in("alice").await.get(&request.address()).await
}

async fn assert_rule(app: &TestApp, answer: &Answer, rule: &str, why: &str) {
    let record = app.explain(answer).await;
    assert_eq!(record.rule, rule, "{record:?}");
    assert!(record.sent.starts_with(why), "{why}: {record:?}");
}

/// OIDC Core §6.1, RFC 9101 §4, RFC 9101 §6.3, RFC 7636 §4.3
#[tokio::test]
async fn a_request_that_is_signed_with_any_listed_algorithm_is_the_request() {
    let keys = ALGORITHMS.map(|algorithm| ClientKey::new(algorithm, "one"));
    let mut builder = TestApp::usual();
    for (algorithm, key) in ALGORITHMS.iter().zip(&keys) {
        builder = builder.client(with_key(algorithm, key));
    }
    let app = builder.start().await;
    let sealed = app.services.keys.secret_seal().seal(&ClientId::new("HS256"), &Secret::new(SECRET));
    let client = Client {
        authentication: ClientAuthentication::ClientSecretJwt,
        secret: Some(ClientSecret::Sealed(sealed)),
        ..signer("HS256", json!({}))
    };
    app.register(client).await;
    let listed = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(
        listed["request_object_signing_alg_values_supported"],
        json!(["ES256", "RS256", "PS256", "EdDSA", "HS256"])
    );
    assert_eq!(listed["request_parameter_supported"], true);
    for (algorithm, key) in ALGORITHMS.iter().zip(&keys).map(|(name, key)| (*name, Some(key))).chain([("HS256", None)])
    {
        let mut party = app.relying_party(algorithm);
        let request = party.request();
        let claims = object(&party, &request);
        let text = key.map_or_else(|| sign_with_secret(SECRET, &claims), |key| key.sign(&claims));
        for names in [&DUPLICATED[..], &["client_id"]] {
            let sent = outside(&request, names).with("request", &text);
            let answer = open(&app, &sent).await;
            let code = party.code(&answer, &request);
            if key.is_none() {
                party.authentication = ClientAuthentication::ClientSecretJwt;
            }
            let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
            let id = jwt::verify(&app, tokens.id_token.as_ref().unwrap()).await;
            assert_eq!(id.text("nonce"), request.nonce, "{algorithm}");
        }
    }
}

/// OIDC Core §6.1: "so that the request is a valid OAuth 2.0 Authorization Request"; the object's values supersede those
/// outside. RFC 9101 §6.3: where the client signs every request, nothing else counts.
#[tokio::test]
async fn parameters_of_the_object_win_and_count_alone_where_the_client_signs_everything() {
    let key = ClientKey::new("ES256", "one");
    let strict = signer("strict", json!({"jwks": jwks(&[&key]), "require_signed_request_object": true}));
    let app = TestApp::usual().client(with_key("signer", &key)).client(strict).start().await;
    for id in ["signer", "strict"] {
        let party = app.relying_party(id);
        let request = party.request();
        let whole = object(&party, &request);
        let text = key.sign(&whole);
        let sent = request.clone().with("state", "outside").with("nonce", "outside").with("redirect_uri", OTHER);
        let sent = sent.with("prompt", "login").with("request", &text);
        let answer = open(&app, &sent).await;
        let prompted = answer.location().is_some_and(|to| to.contains("/authorize/continue"));
        assert_eq!(prompted, id == "signer", "prompt stands outside only: {answer:?}");
        if id == "strict" {
            party.code(&answer, &request);
        }
        // Without the challenge inside, the one outside counts or does not.
        let without = [("code_challenge", Value::Null), ("code_challenge_method", Value::Null)];
        let text = key.sign(&changed(whole, &without));
        let answer = open(&app, &request.clone().with("request", &text)).await;
        match id {
            "signer" => drop(party.code(&answer, &request)),
            _ => assert_eq!(party.error(&answer, &request), "invalid_request"),
        }
    }
    // Texts, numbers and objects are what they are as parameters.
    let party = app.relying_party("signer");
    let request = party.request();
    let typed = changed(
        object(&party, &request),
        &[("max_age", json!(3600)), ("claims", json!({"id_token": {"email": null}})), ("x_unknown", json!([1, {}]))],
    );
    let answer = open(&app, &outside(&request, &DUPLICATED).with("request", &key.sign(&typed))).await;
    let code = party.code(&answer, &request);
    let tokens = party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
    let id = jwt::verify(&app, tokens.id_token.as_ref().unwrap()).await;
    assert_eq!(id.text("email"), "alice@example.com");
    // A client that signs everything does not ask without.
    let party = app.relying_party("strict");
    let request = party.request();
    let answer = open(&app, &request).await;
    assert_eq!(party.error(&answer, &request), "invalid_request");
    assert_rule(&app, &answer, "AW-REQUEST-OBJECT-NEEDED", "no request object").await;
}

/// OIDC Core §6.1, RFC 9101 §6.2, RFC 9101 §6.3, RFC 9101 §10.8
#[tokio::test]
async fn an_object_that_is_wrong_is_refused_where_the_redirect_uri_outside_is_right() {
    let (key, stranger) = (ClientKey::new("ES256", "one"), ClientKey::new("ES256", "one"));
    let app = TestApp::usual().client(with_key("signer", &key)).start().await;
    let party = app.relying_party("signer");
    let request = party.request();
    let now = app.now().seconds();
    let whole = object(&party, &request);
    let with = |name: &str, value: Value| key.sign(&changed(whole.clone(), &[(name, value)]));
    let typed = Header { typ: Some("at+jwt".to_owned()), ..Header::new(Algorithm::ES256) };
    for (text, why) in [
        (stranger.sign(&whole), "none of the client's keys fits"),
        (unsigned(&json!({"alg": "none"}), &whole), "it is signed with none"),
        (unsigned(&json!({"alg": "ES256"}), &whole), "none of the client's keys fits"),
        (sign_with_secret(SECRET, &whole), "it is signed with HS256"),
        (key.sign_as(&typed, &whole), "its typ is at+jwt"),
        (with("iss", json!("backend")), "iss: \"backend\""),
        (with("aud", json!("https://other.example")), "aud: "),
        (with("exp", json!(now - 60)), "exp: "),
        (with("exp", json!("soon")), "exp: "),
        (with("nbf", json!(now + 60)), "nbf: "),
        (with("iat", json!(now + 60)), "iat: "),
        (with("client_id", json!("backend")), "its client_id is backend"),
        (with("response_type", json!("token")), "its response_type is token"),
        (with("request", json!("x")), "its request is no parameter"),
        (with("request_uri", json!("https://own.example/x")), "its request_uri is no parameter"),
        (with("scope", json!(["openid"])), "its scope is no parameter"),
        (with("state", json!({})), "its state is no parameter"),
        ("x".to_owned(), "it is not a JWS of three parts"),
        ("a.b.c.d.e".to_owned(), "it is encrypted"),
    ] {
        let sent = request.clone().with("request", &text);
        let answer = open(&app, &sent).await;
        assert_eq!(party.error(&answer, &request), "invalid_request_object", "{why}");
        assert_rule(&app, &answer, "AW-REQUEST-OBJECT-INVALID", why).await;
        // What stands in the object leads nowhere.
        let answer = open(&app, &outside(&request, &DUPLICATED).with("request", &text)).await;
        answer.assert_page(400);
        assert_rule(&app, &answer, "AW-REQUEST-OBJECT-INVALID", why).await;
    }
    for accepted in
        [("exp", json!(now - 8)), ("nbf", json!(now + 8)), ("aud", json!(["x", app.issuer])), ("iss", Value::Null)]
    {
        let text = key.sign(&changed(whole.clone(), &[accepted]));
        party.code(&open(&app, &outside(&request, &DUPLICATED).with("request", &text)).await, &request);
    }
    let text = key.sign(&whole);
    let both = request.clone().with("request", &text).with("request_uri", "https://own.example/request");
    let answer = open(&app, &both).await;
    assert_eq!(party.error(&answer, &request), "invalid_request");
    assert_rule(&app, &answer, "AW-REQUEST-OBJECT-TWICE", "request and request_uri").await;
    let answer = open(&app, &request.clone().with("request", &text).and("request", &text)).await;
    assert_eq!(party.error(&answer, &request), "invalid_request");
}

/// RFC 6749 §3.1.2.4, RFC 9700 §4.11.1: a redirect URI in an object is compared like any other.
#[tokio::test]
async fn a_redirect_uri_in_the_object_is_registered_or_leads_nowhere() {
    let key = ClientKey::new("ES256", "one");
    let app = TestApp::usual().client(with_key("signer", &key)).start().await;
    let party = app.relying_party("signer");
    let request = party.request();
    for wrong in ["https://evil.example/cb", "https://own.example/callback/", "javascript:alert(1)"] {
        let text = key.sign(&changed(object(&party, &request), &[("redirect_uri", json!(wrong))]));
        let answer = open(&app, &request.clone().with("request", &text)).await;
        answer.assert_page(400);
        assert_eq!(app.rule_of(&answer).await, "AW-REDIRECT-URI-MISMATCH", "{wrong}");
    }
    // The one outside does not matter where the object says another, and is the one that is used where it says none.
    let text = key.sign(&object(&party, &request));
    let sent = request.clone().with("redirect_uri", "https://evil.example/cb").with("request", &text);
    party.code(&open(&app, &sent).await, &request);
    let text = key.sign(&changed(object(&party, &request), &[("redirect_uri", Value::Null)]));
    let to_other = request.clone().with("redirect_uri", OTHER);
    party.code(&open(&app, &to_other.clone().with("request", &text)).await, &to_other);
}

/// OIDC Core §6.1, OpenID Connect Registration §2 `request_object_signing_alg`
#[tokio::test]
async fn an_unsigned_object_is_taken_only_of_a_client_that_registered_none_or_is_excepted() {
    let key = ClientKey::new("ES256", "one");
    let app = TestApp::usual()
        .client(signer("unsigned", json!({"request_object_signing_alg": "none"})))
        .client(signer("both", json!({"request_object_signing_alg": "none", "jwks": jwks(&[&key])})))
        .client(signer("pinned", json!({"request_object_signing_alg": "RS256", "jwks": jwks(&[&key])})))
        .client(signer("neither", json!({})))
        .client(excepted("excepted", json!({ "jwks": jwks(&[&key]) })))
        .client(excepted("excepted-and-pinned", json!({"request_object_signing_alg": "ES256", "jwks": jwks(&[&key])})))
        .client(excepted("excepted-and-strict", json!({"require_signed_request_object": true, "jwks": jwks(&[&key])})))
        .start()
        .await;
    for (id, signed, error) in [
        ("excepted", false, None),
        ("excepted", true, None),
        ("excepted-and-pinned", true, None),
        ("excepted-and-pinned", false, Some("invalid_request_object")),
        ("excepted-and-strict", false, Some("invalid_request_object")),
        ("unsigned", false, None),
        ("both", false, None),
        ("unsigned", true, Some("invalid_request_object")),
        ("both", true, Some("invalid_request_object")),
        ("pinned", true, Some("invalid_request_object")),
        ("pinned", false, Some("invalid_request_object")),
        ("neither", true, Some("request_not_supported")),
        ("neither", false, Some("request_not_supported")),
    ] {
        let party = app.relying_party(id);
        let request = party.request();
        let whole = object(&party, &request);
        let text = if signed { key.sign(&whole) } else { unsigned(&json!({"alg": "none"}), &whole) };
        let answer = open(&app, &request.clone().with("request", &text)).await;
        match error {
            None => drop(party.code(&answer, &request)),
            Some(error) => assert_eq!(party.error(&answer, &request), error, "{id}"),
        }
    }
    let is_listed = || async {
        let listed = app.get("/.well-known/openid-configuration").await.json();
        listed["request_object_signing_alg_values_supported"].as_array().unwrap().contains(&json!("none"))
    };
    assert!(is_listed().await);
    app.advance(101);
    assert!(!is_listed().await);
    let party = app.relying_party("excepted");
    let request = party.request();
    let text = unsigned(&json!({"alg": "none"}), &object(&party, &request));
    let answer = open(&app, &request.clone().with("request", &text)).await;
    assert_eq!(party.error(&answer, &request), "invalid_request_object");
}

/// OIDC Core §6.2, OIDC Core §6.2.3, RFC 9101 §5.2, OpenID Connect Registration §2 `request_uris`
#[tokio::test]
async fn a_reference_is_fetched_where_it_is_registered_and_nowhere_else() {
    let key = ClientKey::new("RS256", "one");
    let origin = Origin::open().await;
    let metadata = json!({
        "jwks": jwks(&[&key]),
        "request_uris": [origin.url("/object#first"), origin.url("/missing"), origin.url("/large"), "https://10.0.0.1/x"],
    });
    let app = TestApp::usual().settings(origin::allowed).client(signer("signer", metadata)).start().await;
    let listed = app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(
        (&listed["request_uri_parameter_supported"], &listed["require_request_uri_registration"]),
        (&json!(true), &json!(true))
    );
    let party = app.relying_party("signer");
    let request = party.request();
    let text = key.sign(&object(&party, &request));
    origin.put("/object", 200, &text);
    origin.put("/elsewhere", 200, &text);
    origin.put("/large", 200, "x".repeat(32 * 1024 + 1));
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&text));
    let named = |uri: &str| outside(&request, &DUPLICATED).with("request_uri", uri);
    let other = URL_SAFE_NO_PAD.encode(Sha256::digest("another"));
    for fragment in ["#first", "#second", "", &format!("#{hash}"), &format!("#{other}")] {
        let uri = origin.url(&format!("/object{fragment}"));
        party.code(&open(&app, &named(&uri)).await, &request);
    }
    assert_eq!(origin.asked("/object"), 5, "what is published now, whatever the fragment says");
    for (uri, why) in [
        (origin.url("/elsewhere"), &*format!("{} is none of", origin.url("/elsewhere"))),
        (origin.url("/object?x=1"), &*format!("{} is none of", origin.url("/object?x=1"))),
        (origin.url("/missing"), "what it names could not be had: status 404"),
        (origin.url("/large"), "what it names could not be had: the answer is larger than 32768 bytes"),
        ("https://10.0.0.1/x".to_owned(), "what it names could not be had: 10.0.0.1 is not a public address"),
        ("file:///etc/passwd".to_owned(), "file:///etc/passwd is none of"),
        (format!("{}#{}", origin.url("/object"), "x".repeat(512)), "it is longer than 512 ASCII characters"),
    ] {
        let answer =
            open(&app, &named(&uri).with("redirect_uri", &request.redirect_uri).with("state", &request.state)).await;
        assert_eq!(party.error(&answer, &request), "invalid_request_uri", "{uri}");
        assert_rule(&app, &answer, "AW-REQUEST-URI-INVALID", why).await;
        open(&app, &named(&uri)).await.assert_page(400);
    }
    assert_eq!(origin.asked("/elsewhere"), 0);
    origin.put("/object", 200, "not a JWS");
    let answer = open(
        &app,
        &named(&origin.url("/object")).with("redirect_uri", &request.redirect_uri).with("state", &request.state),
    )
    .await;
    assert_eq!(party.error(&answer, &request), "invalid_request_object");
}

/// OIDC Core §3.1.2.1: a request that comes as a POST may carry an object as well, and waits for the sign-in like any.
#[tokio::test]
async fn a_posted_object_is_kept_until_the_person_has_signed_in() {
    let key = ClientKey::new("EdDSA", "one");
    let app = TestApp::usual().client(with_key("signer", &key)).start().await;
    let party = app.relying_party("signer");
    let request = party.request();
    let sent = outside(&request, &DUPLICATED).with("request", &key.sign(&object(&party, &request)));
    let browser = app.browser();
    let first = app.send(app.http.post(app.url("/authorize")).form(&sent.parameters)).await;
    first.assert_status(303);
    let answer = browser.finish(first, "alice").await;
    let code = party.code(&answer, &request);
    party.tokens(&party.redeem(&code, &request).await, Some(&request)).await;
}
