//! `/register`: clients that register themselves (RFC 7591, OpenID Connect Registration) and manage their registration
//! (RFC 7592), by the operator's policy.

use crate::support::origin::Origin;
use crate::support::relying_party::basic;
use crate::support::shared::server::free_port;
use crate::support::{Answer, RelyingParty, START, TestApp};
use authward::domain::audit::{Actor, EventKind};
use authward::domain::client::{Client, ClientAuthentication, hex};
use authward::domain::id::ClientId;
use authward::domain::secret::TokenHash;
use authward::settings::{AllowedHost, Settings};
use authward::store;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const OIDC: &str = "/.well-known/openid-configuration";
const TOKEN: &str = "an-initial-token";
const DAY: i64 = 86_400;

/// A server with this policy of registration.
async fn with(policy: Value, change: impl FnOnce(&mut Settings) + Send + 'static) -> TestApp {
    let app = TestApp::usual().settings(change).start().await;
    let (policy, now) = (policy.to_string(), app.now());
    app.write(move |db| store::policies::save(db, "registration", &policy, now)).await;
    app
}

async fn open() -> TestApp {
    with(policy("open"), |_| ()).await
}

fn policy(mode: &str) -> Value {
    json!({ "mode": mode, "initial_access_tokens": [], "exceptions": [] })
}

fn listed(token: &str, uses: Option<u64>, until: Option<i64>) -> Value {
    json!({ "sha256": hex(TokenHash::of(token).as_bytes()), "uses": uses, "until": until })
}

fn exception(allow: &str, until: i64) -> Value {
    json!({ "allow": allow, "reason": "a test", "owner": "the tests", "until": until })
}

/// The least that a client says.
fn web() -> Value {
    json!({ "redirect_uris": ["https://rp.example/callback"] })
}

async fn register(app: &TestApp, metadata: &Value) -> Answer {
    app.send(app.http.post(app.url("/register")).json(metadata)).await
}

async fn register_with(app: &TestApp, token: &str, metadata: &Value) -> Answer {
    app.send(app.http.post(app.url("/register")).bearer_auth(token).json(metadata)).await
}

#[track_caller]
fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_else(|| panic!("no {name}: {document}"))
}

/// Manages a client at the address and with the token that it was given.
async fn manage(app: &TestApp, method: Method, registered: &Value, body: Option<&Value>) -> Answer {
    let address = text(registered, "registration_client_uri").replace(&app.issuer, &app.url(""));
    let request = app.http.request(method, address).bearer_auth(text(registered, "registration_access_token"));
    app.send(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

async fn stored(app: &TestApp, registered: &Value) -> Option<Client> {
    let id = ClientId::new(text(registered, "client_id"));
    app.read(move |db| store::clients::find(db, &id)).await
}

async fn clients(app: &TestApp) -> usize {
    app.read(store::clients::list).await.len()
}

/// What was registered as a program that signs people in.
fn party<'a>(app: &'a TestApp, registered: &Value) -> RelyingParty<'a> {
    let mut party = app.relying_party("registered");
    text(registered, "client_id").clone_into(&mut party.client_id);
    text(&json!({ "uri": registered["redirect_uris"][0] }), "uri").clone_into(&mut party.redirect_uri);
    party
}

/// RFC 7591 §3, RFC 8414 §2
#[tokio::test]
async fn registration_is_closed_unless_the_operator_says_otherwise() {
    for app in [TestApp::start().await, with(policy("closed"), |_| ()).await] {
        let before = clients(&app).await;
        for document in [OIDC, "/.well-known/oauth-authorization-server"] {
            assert!(app.get(document).await.json().get("registration_endpoint").is_none());
        }
        register(&app, &web()).await.assert_error(403, "access_denied");
        register_with(&app, TOKEN, &web()).await.assert_error(403, "access_denied");
        assert_eq!(clients(&app).await, before);
    }
}

/// RFC 7591 §2, RFC 7591 §3.2.1, OpenID Connect Registration §3.2, RFC 8414 §2
#[tokio::test]
async fn a_client_registers_itself_and_signs_people_in() {
    let app = open().await;
    let endpoint = app.get(OIDC).await.json()["registration_endpoint"].clone();
    assert_eq!(endpoint, json!(format!("{}/register", app.issuer)));
    let answer = register(&app, &web()).await;
    answer.assert_status(201).assert_no_store();
    assert_eq!(answer.header("content-type"), "application/json");
    let registered = answer.json();
    for (name, expected) in [
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("redirect_uris", json!(["https://rp.example/callback"])),
        ("grant_types", json!(["authorization_code"])),
        ("response_types", json!(["code"])),
        ("scope", json!("openid profile email address phone offline_access")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("subject_type", json!("public")),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(START)),
    ] {
        assert_eq!(registered[name], expected, "{name}");
    }
    let (secret, token) = (text(&registered, "client_secret"), text(&registered, "registration_access_token"));
    assert!(secret.len() >= 43 && token.len() >= 43 && secret != token);
    let client = stored(&app, &registered).await.unwrap();
    let kept = serde_json::to_string(&client).unwrap();
    assert!(!kept.contains(secret) && !kept.contains(token), "hashes alone are kept");

    let mut party = app.relying_party("registered").scope("openid email");
    text(&registered, "client_id").clone_into(&mut party.client_id);
    "https://rp.example/callback".clone_into(&mut party.redirect_uri);
    (party.authentication, party.secret) = (ClientAuthentication::ClientSecretBasic, secret.to_owned());
    let tokens = party.sign_in(&app.browser(), "alice").await;
    party.userinfo(&tokens.access_token).await.assert_status(200);
    assert!(tokens.refresh_token.is_none(), "it did not register for refresh_token");
}

/// RFC 7591 §2: what the server does not know is ignored, and what is the operator's is not given.
#[tokio::test]
async fn a_client_gets_nothing_that_is_the_operators_to_give() {
    let app = open().await;
    let mut metadata = web();
    let wishes = json!({
        "client_id": "backend", "client_secret": "chosen-by-myself", "skip_consent": true, "may_introspect": "all",
        "exceptions": [exception("no_pkce", START + DAY)], "registered_by": "token", "client_id_issued_at": 1,
        "registration_access_token_hash": format!("sha256:{}", "0".repeat(64)), "access_token_lifetime": 9_999_999,
        "scope": "openid admin:read admin:write orders", "software_statement": "x", "colour": "red", "tos_uri": null,
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", "password", "implicit", "magic"],
        "client_name": "앱", "client_name#ko": "가게", "contacts": ["a@rp.example"],
    });
    metadata.as_object_mut().unwrap().extend(wishes.as_object().unwrap().clone());
    let answer = register(&app, &metadata).await;
    let registered = answer.assert_status(201).json();
    assert_ne!(registered["client_id"], "backend");
    assert_ne!(registered["client_secret"], "chosen-by-myself");
    assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(registered["scope"], "openid orders");
    assert_eq!(
        (&registered["client_name"], &registered["client_name#ko"], &registered["contacts"]),
        (&json!("앱"), &json!("가게"), &json!(["a@rp.example"]))
    );
    for name in
        ["colour", "skip_consent", "may_introspect", "exceptions", "software_statement", "tos_uri", "registered_by"]
    {
        assert!(registered.get(name).is_none(), "{name}");
    }
    let client = stored(&app, &registered).await.unwrap();
    assert!(!client.skip_consent && client.exceptions.is_empty() && client.access_token_lifetime.is_none());
    assert_eq!(client.registration.unwrap().issued_at, app.now());
}

/// RFC 7591 §3, RFC 6750 §3: an initial access token is needed, and gives as many clients as it has uses.
#[tokio::test]
async fn an_initial_access_token_is_good_for_its_uses_until_its_end() {
    let tokens =
        [listed(TOKEN, Some(2), None), listed("ends", None, Some(START + 10)), listed("has-ended", None, Some(START))];
    let app = with(json!({ "mode": "token", "initial_access_tokens": tokens, "exceptions": [] }), |_| ()).await;
    let before = clients(&app).await;
    let without = register(&app, &web()).await;
    without.assert_status(401).assert_no_store();
    assert_eq!(without.header("www-authenticate"), "Bearer realm=\"authward\"");
    for wrong in ["an-initial-tokem", "has-ended", "An-Initial-Token"] {
        let answer = register_with(&app, wrong, &web()).await;
        answer.assert_error(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
    }
    let broken = register_with(&app, TOKEN, &json!({ "redirect_uris": ["ftp://rp.example/"] })).await;
    broken.assert_error(400, "invalid_redirect_uri");
    for _ in 0..2 {
        let registered = register_with(&app, TOKEN, &web()).await;
        assert_eq!(
            stored(&app, &registered.assert_status(201).json()).await.unwrap().registration.unwrap().by.as_str(),
            "token"
        );
    }
    register_with(&app, TOKEN, &web()).await.assert_error(401, "invalid_token");
    register_with(&app, "ends", &web()).await.assert_status(201);
    app.advance(10);
    register_with(&app, "ends", &web()).await.assert_error(401, "invalid_token");
    assert_eq!(clients(&app).await, before + 3);
}

/// A client with an initial access token may act for itself; one that anybody registers may not: anybody would have
/// tokens.
#[tokio::test]
async fn only_an_initial_access_token_gives_tokens_of_ones_own() {
    let policy = json!({ "mode": "open", "initial_access_tokens": [listed(TOKEN, None, None)], "exceptions": [] });
    let app = with(policy, |_| ()).await;
    let service = json!({ "grant_types": ["client_credentials"], "response_types": [], "scope": "orders" });
    register(&app, &service).await.assert_error(400, "invalid_client_metadata");
    let registered = register_with(&app, TOKEN, &service).await.assert_status(201).json();
    let header = basic(text(&registered, "client_id"), text(&registered, "client_secret"));
    let request = app.http.post(app.url("/token")).header("authorization", header);
    app.send(request.form(&[("grant_type", "client_credentials")])).await.assert_status(200);
}

#[tokio::test]
async fn guessing_initial_access_tokens_is_slowed() {
    let policy = json!({ "mode": "token", "initial_access_tokens": [listed(TOKEN, None, None)], "exceptions": [] });
    let app = with(policy, |_| ()).await;
    for guess in 0..20 {
        register_with(&app, &format!("guess-{guess}"), &web()).await.assert_error(401, "invalid_token");
    }
    let refused = register_with(&app, TOKEN, &web()).await;
    refused.assert_error(429, "temporarily_unavailable");
    let seconds: i64 = refused.header("retry-after").parse().unwrap();
    app.advance(seconds);
    register_with(&app, TOKEN, &web()).await.assert_status(201);
}

/// RFC 7591 §3.2.2, OpenID Connect Registration §2, OpenID Connect Registration §3.3
#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_name() {
    let app = open().await;
    let before = clients(&app).await;
    let two_hosts = json!(["https://rp.example/cb", "https://other.example/cb"]);
    for (member, value, code) in [
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        ("redirect_uris", json!("https://rp.example/cb"), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://rp.example/cb#x"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://rp.example/cb#"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["http://rp.example/cb"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://rp.example/cb", "javascript:alert(1)"]), "invalid_redirect_uri"),
        ("redirect_uris", json!([7]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://evil.example;sandbox/cb"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://evil.example,x/cb"]), "invalid_redirect_uri"),
        ("token_endpoint_auth_method", json!("magic"), "invalid_client_metadata"),
        ("grant_types", json!(["magic"]), "invalid_client_metadata"),
        ("response_types", json!(["magic"]), "invalid_client_metadata"),
        ("response_types", json!(["id_token"]), "invalid_client_metadata"),
        ("scope", json!("a\"b"), "invalid_client_metadata"),
        ("application_type", json!("toaster"), "invalid_client_metadata"),
        ("client_name", json!("x".repeat(200)), "invalid_client_metadata"),
        ("client_name", json!("moc.elpmaxe\u{202e}"), "invalid_client_metadata"),
        ("client_name#ko", json!("\u{7}"), "invalid_client_metadata"),
        ("client_name#ko", json!("가\u{200b}게"), "invalid_client_metadata"),
        ("client_uri", json!("javascript:alert(1)"), "invalid_client_metadata"),
        ("logo_uri", json!("data:image/png;base64,AAAA"), "invalid_client_metadata"),
        ("logo_uri", json!("https://evil.example;sandbox/l.png"), "invalid_client_metadata"),
        ("policy_uri", json!("policy.html"), "invalid_client_metadata"),
        ("tos_uri#ko", json!("https://user:pw@rp.example/"), "invalid_client_metadata"),
        ("initiate_login_uri", json!("http://rp.example/login"), "invalid_client_metadata"),
        ("subject_type", json!("secret"), "invalid_client_metadata"),
        ("post_logout_redirect_uris", json!(["https://rp.example/bye#x"]), "invalid_client_metadata"),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"]), "invalid_client_metadata"),
        ("frontchannel_logout_uri", json!("https://other.example/out"), "invalid_client_metadata"),
        ("frontchannel_logout_uri", json!("https://rp.example:8443/out"), "invalid_client_metadata"),
        ("frontchannel_logout_uri", json!("https://evil.example;sandbox/fc"), "invalid_client_metadata"),
        ("backchannel_logout_uri", json!("http://rp.example/out"), "invalid_client_metadata"),
        ("backchannel_logout_uri", json!("https://rp.example/out#x"), "invalid_client_metadata"),
        ("sector_identifier_uri", json!("http://rp.example/sector"), "invalid_client_metadata"),
        ("contacts", json!("me"), "invalid_client_metadata"),
        ("default_max_age", json!("soon"), "invalid_client_metadata"),
        ("dpop_bound_access_tokens", json!(true), "invalid_client_metadata"),
        ("tls_client_certificate_bound_access_tokens", json!(true), "invalid_client_metadata"),
        ("require_pushed_authorization_requests", json!(true), "invalid_client_metadata"),
        ("authorization_signed_response_alg", json!("RS256"), "invalid_client_metadata"),
        ("introspection_signed_response_alg", json!("RS256"), "invalid_client_metadata"),
        ("grant_types", json!(["urn:ietf:params:oauth:grant-type:device_code"]), "invalid_client_metadata"),
    ] {
        let mut metadata = json!({ "redirect_uris": ["https://rp.example/cb"] });
        metadata[member] = value.clone();
        let answer = register(&app, &metadata).await;
        answer.assert_error(400, code);
        let description = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(description.contains(member.split('#').next().unwrap()), "{member} {value}: {description}");
        assert!(description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)), "{description}");
    }
    // OIDC Core §8.1: nor may an app join the host of somebody else.
    let app_and_host = json!(["https://pw.example.com/cb", "com.evil.app:/cb"]);
    let loopback_and_host = json!(["http://127.0.0.1/cb", "https://pw.example.com/cb"]);
    for uris in [two_hosts, app_and_host, loopback_and_host] {
        let pairwise = json!({ "redirect_uris": uris, "subject_type": "pairwise", "application_type": "native" });
        let answer = register(&app, &pairwise).await;
        answer.assert_error(400, "invalid_client_metadata");
        assert!(answer.text().contains("sector_identifier_uri"), "{answer:?}");
    }
    for body in ["", "null", "[]", "{", "{\"redirect_uris\":[],\"redirect_uris\":[]}"] {
        let request = app.http.post(app.url("/register")).header("content-type", "application/json").body(body);
        app.send(request).await.assert_error(400, "invalid_request");
    }
    let form = app.post("/register", &[("redirect_uris", "https://rp.example/cb")]).await;
    form.assert_error(415, "invalid_request");
    let large = json!({ "redirect_uris": ["https://rp.example/cb"], "colour": "x".repeat(20_000) });
    register(&app, &large).await.assert_error(400, "invalid_client_metadata");
    let huge = json!({ "redirect_uris": ["https://rp.example/cb"], "client_name": "x".repeat(100_000) });
    register(&app, &huge).await.assert_error(413, "invalid_request");
    assert_eq!(clients(&app).await, before);
}

/// OpenID Connect Registration §2, OpenID Connect Front-Channel Logout §2, OpenID Connect Back-Channel Logout §2.2
#[tokio::test]
async fn sound_addresses_are_registered_and_told_back() {
    let app = open().await;
    let metadata = json!({
        "redirect_uris": ["https://127.0.0.1:8443/test/a/callback?dummy1=lorem&dummy2=ipsum"],
        "client_uri": "https://rp.example/", "logo_uri": "https://rp.example/logo.png",
        "policy_uri": "https://rp.example/policy", "policy_uri#ko": "https://rp.example/ko/policy",
        "tos_uri": "http://rp.example/tos", "initiate_login_uri": "https://rp.example/login",
        "post_logout_redirect_uris": ["https://127.0.0.1:8443/bye?x=1"],
        "frontchannel_logout_uri": "https://127.0.0.1:8443/out?x=1", "frontchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://rp.example/out", "subject_type": "pairwise", "default_max_age": 300,
    });
    let registered = register(&app, &metadata).await.assert_status(201).json();
    for (name, value) in metadata.as_object().unwrap() {
        assert_eq!(&registered[name], value, "{name}");
    }
}

/// RFC 8252 §7.3, RFC 7591 §2: clients that do not speak OpenID Connect say no application_type.
#[tokio::test]
async fn a_client_on_a_device_is_native_without_saying_so() {
    let app = open().await;
    let metadata = json!({
        "client_name": "A tool", "token_endpoint_auth_method": "none",
        "redirect_uris": ["http://127.0.0.1:33418/callback", "com.example.tool:/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    });
    let registered = register(&app, &metadata).await.assert_status(201).json();
    assert_eq!(registered["application_type"], "native");
    assert!(registered.get("client_secret").is_none() && registered.get("client_secret_expires_at").is_none());
    let mut party = app.relying_party("registered").scope("openid offline_access");
    text(&registered, "client_id").clone_into(&mut party.client_id);
    "http://127.0.0.1:50505/callback".clone_into(&mut party.redirect_uri);
    let tokens = party.sign_in(&app.browser(), "alice").await;
    party.refresh(tokens.refresh()).await.assert_status(200);
}

/// The exceptions of the policy are given to whoever registers, as long as they are in force.
#[tokio::test]
async fn exceptions_of_the_policy_are_given_and_open_what_they_allow() {
    let exceptions = [exception("hybrid", START + DAY), exception("no_pkce", START)];
    let app = with(json!({ "mode": "open", "initial_access_tokens": [], "exceptions": exceptions }), |_| ()).await;
    let hybrid = json!({
        "redirect_uris": ["https://rp.example/callback"], "grant_types": ["authorization_code", "implicit"],
        "response_types": ["code", "id_token code"],
    });
    let registered = register(&app, &hybrid).await.assert_status(201).json();
    assert_eq!(registered["response_types"], json!(["code", "code id_token"]));
    assert_eq!(registered["grant_types"], json!(["authorization_code", "implicit"]));
    let given = stored(&app, &registered).await.unwrap().exceptions;
    assert_eq!(given.iter().map(|exception| exception.allow.as_str()).collect::<Vec<_>>(), ["hybrid"]);
    let implicit = json!({ "redirect_uris": ["https://rp.example/callback"], "response_types": ["id_token"] });
    register(&app, &implicit).await.assert_error(400, "invalid_client_metadata");
    app.advance(DAY);
    register(&app, &hybrid).await.assert_error(400, "invalid_client_metadata");
}

/// RFC 7592 §2.1, RFC 7592 §2.2, RFC 7592 §3
#[tokio::test]
async fn a_client_reads_and_replaces_its_registration() {
    let app = open().await;
    let registered = register(&app, &web()).await.assert_status(201).json();
    let secret = text(&registered, "client_secret").to_owned();
    let shown = manage(&app, Method::GET, &registered, None).await;
    shown.assert_status(200).assert_no_store();
    let mut expected = registered.clone();
    expected.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(shown.json(), expected);

    let mut wish = registered.clone();
    wish["client_name"] = json!("Corner shop");
    wish["policy_uri"] = json!("https://rp.example/policy");
    wish["redirect_uris"] = json!(["https://rp.example/elsewhere"]);
    app.advance(5);
    let changed = manage(&app, Method::PUT, &registered, Some(&wish)).await.assert_status(200).json();
    assert_eq!(changed, wish, "the whole of it, the same identifier, secret, token and time");
    // What is left out gets its default.
    let bare = json!({ "client_id": registered["client_id"], "redirect_uris": ["https://rp.example/callback"] });
    let changed = manage(&app, Method::PUT, &registered, Some(&bare)).await.assert_status(200).json();
    assert!(changed.get("client_name").is_none() && changed.get("policy_uri").is_none());
    assert!(changed.get("client_secret").is_none() && changed["client_secret_expires_at"] == 0);
    assert_eq!(stored(&app, &registered).await.unwrap().secret.unwrap().matches_generated(&secret), Some(true));

    // A public client has no secret, and one that becomes confidential again gets a new one.
    let mut public = bare.clone();
    public["token_endpoint_auth_method"] = json!("none");
    let changed = manage(&app, Method::PUT, &registered, Some(&public)).await.assert_status(200).json();
    assert!(
        changed.get("client_secret_expires_at").is_none() && stored(&app, &registered).await.unwrap().secret.is_none()
    );
    let changed = manage(&app, Method::PUT, &registered, Some(&bare)).await.assert_status(200).json();
    assert_ne!(text(&changed, "client_secret"), secret);
}

/// RFC 7592 §2.2: "MUST NOT ... change"
#[tokio::test]
async fn what_a_client_may_not_replace_stays() {
    let app = open().await;
    let registered = register(&app, &web()).await.assert_status(201).json();
    let before = stored(&app, &registered).await;
    let id = registered["client_id"].clone();
    let uris = json!(["https://rp.example/callback"]);
    for (wish, code) in [
        (json!({ "redirect_uris": uris }), "invalid_client_metadata"),
        (json!({ "client_id": "backend", "redirect_uris": uris }), "invalid_client_metadata"),
        (json!({ "client_id": id, "client_secret": "guess", "redirect_uris": uris }), "invalid_client_metadata"),
        (json!({ "client_id": id, "client_secret": 7, "redirect_uris": uris }), "invalid_client_metadata"),
        (json!({ "client_id": id, "redirect_uris": ["http://rp.example/"] }), "invalid_redirect_uri"),
        (json!({ "client_id": id, "redirect_uris": uris, "response_types": ["token"] }), "invalid_client_metadata"),
    ] {
        manage(&app, Method::PUT, &registered, Some(&wish)).await.assert_error(400, code);
    }
    assert_eq!(stored(&app, &registered).await, before);
}

/// What an operator has given a client since, the client does not lose by replacing what it says itself.
#[tokio::test]
async fn what_the_operator_gave_a_client_survives_its_own_changes() {
    let app = open().await;
    let registered = register(&app, &web()).await.assert_status(201).json();
    let mut client = stored(&app, &registered).await.unwrap();
    client.skip_consent = true;
    client.metadata.insert("may_introspect".to_owned(), json!("own"));
    app.register(client).await;
    let bare = json!({ "client_id": registered["client_id"], "redirect_uris": ["https://rp.example/other"] });
    let changed = manage(&app, Method::PUT, &registered, Some(&bare)).await.assert_status(200).json();
    assert!(changed.get("may_introspect").is_none());
    let after = stored(&app, &registered).await.unwrap();
    assert!(after.skip_consent && after.metadata["may_introspect"] == "own");
    assert_eq!(after.redirect_uris[0].as_str(), "https://rp.example/other");
}

/// RFC 7592 §2, RFC 6750 §3.1
#[tokio::test]
async fn only_the_registration_access_token_of_a_client_manages_it() {
    let app = open().await;
    let first = register(&app, &web()).await.assert_status(201).json();
    let second = register(&app, &web()).await.assert_status(201).json();
    let address = text(&first, "registration_client_uri").replace(&app.issuer, &app.url(""));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = || app.http.request(method.clone(), &address).json(&first);
        let without = app.send(request()).await;
        without.assert_status(401);
        assert_eq!(without.header("www-authenticate"), "Bearer realm=\"authward\"");
        for wrong in [text(&second, "registration_access_token"), text(&first, "client_secret"), "x"] {
            let answer = app.send(request().bearer_auth(wrong)).await;
            answer.assert_error(401, "invalid_token");
        }
        let nobody = app.http.request(method.clone(), app.url("/register/nobody")).json(&first);
        app.send(nobody.bearer_auth(text(&first, "registration_access_token")))
            .await
            .assert_error(401, "invalid_token");
        let operators = app.http.request(method, app.url("/register/backend")).json(&first);
        app.send(operators.bearer_auth("x")).await.assert_error(401, "invalid_token");
    }
    let mut disabled = stored(&app, &first).await.unwrap();
    disabled.disabled_at = Some(app.now());
    app.register(disabled).await;
    manage(&app, Method::DELETE, &first, None).await.assert_error(401, "invalid_token");
    assert!(stored(&app, &first).await.is_some() && stored(&app, &second).await.is_some());
}

/// RFC 7592 §2.3
#[tokio::test]
async fn a_client_that_removes_itself_ends_with_everything_it_was_given() {
    let app = open().await;
    let metadata = json!({
        "redirect_uris": ["https://rp.example/callback"], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let registered = register(&app, &metadata).await.assert_status(201).json();
    let party = party(&app, &registered);
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let gone = manage(&app, Method::DELETE, &registered, None).await;
    gone.assert_status(204).assert_no_store();
    assert!(gone.body.is_empty());
    assert!(stored(&app, &registered).await.is_none());
    party.refresh(tokens.refresh()).await.assert_error(401, "invalid_client");
    party.userinfo(&tokens.access_token).await.assert_status(401);
    let answer = app.browser().get(&party.request().address()).await;
    answer.assert_page(400);
    for method in [Method::GET, Method::DELETE] {
        manage(&app, method, &registered, None).await.assert_error(401, "invalid_token");
    }
    let removed = app.events_of(EventKind::ClientRemoved).await;
    assert_eq!(removed[0].by.actor, Actor::Client(ClientId::new(text(&registered, "client_id"))));
    assert_eq!(app.events_of(EventKind::GrantRevoked).await.len(), 1);
}

/// RFC 7591 §5: what anybody may do is bounded, by source and hour and in all.
#[tokio::test]
async fn open_registration_is_bounded() {
    let app = with(policy("open"), |settings| {
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        settings.limits.registration.from_source = 2;
        settings.limits.registration.per_hour = 3;
        settings.limits.registration.most_clients = 4;
    })
    .await;
    let from = async |source: &str| {
        let request = app.http.post(app.url("/register")).header("x-forwarded-for", source).json(&web());
        app.send(request).await
    };
    for _ in 0..2 {
        // What is wrong takes no place.
        let wrong = app.http.post(app.url("/register")).header("x-forwarded-for", "198.51.100.1").json(&json!({}));
        app.send(wrong).await.assert_status(400);
        from("198.51.100.1").await.assert_status(201);
    }
    let refused = from("198.51.100.1").await;
    refused.assert_error(429, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), "3600", "the end of the hour");
    from("198.51.100.2").await.assert_status(201);
    from("198.51.100.3").await.assert_error(429, "temporarily_unavailable");
    app.advance(3600);
    from("198.51.100.1").await.assert_status(201);
    from("198.51.100.1").await.assert_error(429, "temporarily_unavailable");
    assert_eq!(app.read(store::open_registrations::count).await, 4);
}

/// Whoever registers and never signs anybody in leaves nothing behind.
#[tokio::test]
async fn clients_that_nobody_uses_are_removed_and_used_ones_stay() {
    let app = open().await;
    let metadata = json!({ "redirect_uris": ["https://rp.example/callback"], "token_endpoint_auth_method": "none" });
    let unused = register(&app, &metadata).await.assert_status(201).json();
    let used = register(&app, &metadata).await.assert_status(201).json();
    let adopted = register(&app, &metadata).await.assert_status(201).json();
    let party = party(&app, &used);
    party.sign_in(&app.browser(), "alice").await;
    let owned = Client { registration: None, ..stored(&app, &adopted).await.unwrap() };
    app.register(owned).await;
    app.advance(DAY - 1);
    app.jobs().sweep().await.unwrap();
    assert!(stored(&app, &unused).await.is_some());
    app.advance(1);
    app.jobs().sweep().await.unwrap();
    assert!(stored(&app, &unused).await.is_none());
    assert!(stored(&app, &used).await.is_some() && stored(&app, &adopted).await.is_some());
    let removed = app.events_of(EventKind::ClientRemoved).await;
    assert_eq!(removed.len(), 1);
    assert_eq!((&removed[0].by.actor, &removed[0].detail["why"]), (&Actor::System, &json!("nobody used it")));
    app.advance(400 * DAY);
    app.jobs().sweep().await.unwrap();
    assert!(stored(&app, &used).await.is_some());
}

#[tokio::test]
async fn registration_and_management_are_audited_without_secrets() {
    let app = open().await;
    let registered = register(&app, &web()).await.assert_status(201).json();
    let wish = json!({
        "client_id": registered["client_id"], "redirect_uris": ["https://rp.example/other"], "client_name": "Shop",
    });
    manage(&app, Method::PUT, &registered, Some(&wish)).await.assert_status(200);
    let id = ClientId::new(text(&registered, "client_id"));
    let events = app.events().await;
    let told: Vec<(EventKind, Actor, Value)> = events
        .iter()
        .filter(|event| event.client_id.as_ref() == Some(&id))
        .map(|event| (event.kind, event.by.actor.clone(), Value::Object(event.detail.clone())))
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::ClientCreated, Actor::Nobody, json!({ "registered_by": "open" })),
            (
                EventKind::ClientChanged,
                Actor::Client(id.clone()),
                json!({ "fields": ["client_name", "redirect_uris"] })
            ),
        ]
    );
    let whole = format!("{events:?}");
    for secret in ["client_secret", "registration_access_token"] {
        assert!(!whole.contains(text(&registered, secret)));
    }
    let kinds: BTreeSet<&str> = told.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds.len(), 2);
}

/// Fetch §3.2: a page registers itself and manages its registration from any origin; no credentials of a browser go
/// with it.
#[tokio::test]
async fn pages_of_any_origin_may_register() {
    let app = open().await;
    for (path, methods) in [("/register", vec!["POST"]), ("/register/x", vec!["GET", "PUT", "DELETE"])] {
        let request = app
            .http
            .request(Method::OPTIONS, app.url(path))
            .header("origin", "https://page.example")
            .header("access-control-request-method", methods[0])
            .header("access-control-request-headers", "authorization,content-type");
        let answer = app.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let allowed = answer.header("access-control-allow-methods");
        for method in methods {
            assert!(allowed.split(", ").any(|one| one == method), "{allowed}");
        }
        assert!(answer.headers("access-control-allow-credentials").is_empty());
    }
    let request = app.http.post(app.url("/register")).header("origin", "https://page.example").json(&json!({}));
    let refused = app.send(request).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin").as_str()), (400, "*"));
}

/// Somebody's server: what it answers every request with, and how often it was asked.
struct Sector {
    uri: String,
    asked: Arc<AtomicUsize>,
}

impl Sector {
    async fn answering(status: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://127.0.0.1:{}/sector", listener.local_addr().unwrap().port());
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { uri, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn pairwise(sector: &Sector) -> Value {
    pairwise_at(&sector.uri)
}

fn pairwise_at(uri: &str) -> Value {
    json!({
        "redirect_uris": ["https://rp.example/callback", "https://other.example/callback"], "subject_type": "pairwise",
        "token_endpoint_auth_method": "none", "sector_identifier_uri": uri,
    })
}

fn allow_loopback(settings: &mut Settings) {
    settings.outbound.allow_hosts = vec![AllowedHost::Network("127.0.0.1/32".parse().unwrap())];
}

/// OIDC Core §8.1, OpenID Connect Registration §5
#[tokio::test]
async fn a_sector_names_every_redirect_uri_and_its_clients_share_subjects() {
    let app = with(policy("open"), allow_loopback).await;
    let whole = r#"["https://third.example/", "https://other.example/callback", "https://rp.example/callback"]"#;
    let sector = Sector::answering("200 OK", whole).await;
    let mut subjects = BTreeSet::new();
    for _ in 0..2 {
        let registered = register(&app, &pairwise(&sector)).await.assert_status(201).json();
        let party = party(&app, &registered);
        let tokens = party.sign_in(&app.browser(), "alice").await;
        subjects.insert(text(&party.userinfo(&tokens.access_token).await.json(), "sub").to_owned());
    }
    assert_eq!((subjects.len(), sector.asked()), (1, 2));
    let alice = app.find_user("alice").await.unwrap().id;
    assert!(!subjects.contains(alice.as_str()));

    let registered = register(&app, &pairwise(&sector)).await.json();
    let mut wish = pairwise(&sector);
    wish["client_id"] = registered["client_id"].clone();
    wish["redirect_uris"] = json!(["https://elsewhere.example/callback"]);
    manage(&app, Method::PUT, &registered, Some(&wish)).await.assert_error(400, "invalid_client_metadata");
}

/// OpenID Connect Registration §5: what cannot be read or does not list a redirect URI lets nobody in.
#[tokio::test]
async fn a_sector_that_does_not_stand_up_is_refused() {
    let app = with(policy("open"), allow_loopback).await;
    let before = clients(&app).await;
    let large = format!("[\"{}\"]", "x".repeat(70_000));
    for (status, body) in [
        ("200 OK", r#"["https://rp.example/callback"]"#),
        ("200 OK", r#"["https://rp.example/callback", "https://other.example/callback/"]"#),
        ("200 OK", r#"{"redirect_uris": []}"#),
        ("200 OK", "<html>"),
        ("200 OK", large.as_str()),
        ("404 Not Found", r#"["https://rp.example/callback", "https://other.example/callback"]"#),
        ("302 Found", ""),
    ] {
        let sector = Sector::answering(status, body).await;
        let answer = register(&app, &pairwise(&sector)).await;
        answer.assert_error(400, "invalid_client_metadata");
        assert!(answer.text().contains("sector_identifier_uri"), "{answer:?}");
        assert_eq!(sector.asked(), 1);
    }
    assert_eq!(clients(&app).await, before);
}

/// A stranger is told that the sector could not be read, and the operator why.
async fn assert_unread(app: &TestApp, metadata: &Value, cause: &str) {
    let answer = register(app, metadata).await;
    answer.assert_error(400, "invalid_client_metadata");
    let said = answer.json()["error_description"].as_str().unwrap().to_owned();
    assert!(said.contains(": sector_identifier_uri: it could not be read (reference "), "{said}");
    let record = app.explain(&answer).await;
    assert!(record.sent.starts_with("sector_identifier_uri: it could not be read: "), "{record:?}");
    assert!(record.sent.contains(cause), "{cause}: {record:?}");
}

/// What names resolve to inside, and which ports answer there, is nobody's to learn.
#[tokio::test]
async fn why_a_sector_cannot_be_read_is_the_operators_to_know() {
    let app = with(policy("open"), allow_loopback).await;
    let closed = format!("http://127.0.0.1:{}/", free_port());
    assert_unread(&app, &pairwise_at(&closed), "no answer: ").await;
    let sector = Sector::answering("404 Not Found", "").await;
    assert_unread(&app, &pairwise(&sector), "status 404").await;
    assert_unread(&app, &pairwise_at(&sector.uri.replace("http:", "https:")), "no answer: ").await;
    let large = Sector::answering("200 OK", &" ".repeat(70_000)).await;
    assert_unread(&app, &pairwise(&large), "the answer is larger than 65536 bytes").await;
}

/// A sector that does not answer holds up whoever registers with it, and nobody else.
#[tokio::test]
async fn few_sectors_are_read_at_the_same_time_for_one_source() {
    let app = with(policy("open"), |settings| {
        allow_loopback(settings);
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let origin = Origin::open().await;
    let whole = json!(["https://other.example/callback", "https://rp.example/callback"]);
    origin.put("/slow", 200, &whole);
    origin.put("/fast", 200, &whole);
    origin.hold("/slow");
    let from = async |source: &str, path: &str| {
        let metadata = pairwise_at(&origin.url(path));
        app.send(app.http.post(app.url("/register")).header("x-forwarded-for", source).json(&metadata)).await
    };
    let others = async {
        origin.until_asked("/slow", 2).await;
        from("198.51.100.2", "/fast").await.assert_status(201);
        let third = from("198.51.100.1", "/fast").await;
        third.assert_error(503, "temporarily_unavailable");
        assert_eq!(third.header("retry-after"), "5");
        origin.release("/slow");
    };
    let (first, second, ()) = tokio::join!(from("198.51.100.1", "/slow"), from("198.51.100.1", "/slow"), others);
    first.assert_status(201);
    second.assert_status(201);
    from("198.51.100.1", "/fast").await.assert_status(201);
}

/// Nothing is fetched from this machine or a private network for somebody else, and nothing at all for who may not
/// register.
#[tokio::test]
async fn a_sector_leads_nowhere_inside() {
    let app = open().await;
    let sector = Sector::answering("200 OK", "[]").await;
    register(&app, &pairwise(&sector)).await.assert_error(400, "invalid_client_metadata");
    let not_public = "is not a public address; outbound.allow_hosts can allow it";
    for (uri, cause) in [
        (&*sector.uri.replace("http:", "https:"), &*format!("127.0.0.1 {not_public}")),
        (&sector.uri.replace("http://127.0.0.1", "https://localhost"), not_public),
        ("https://169.254.169.254/latest/meta-data", &format!("169.254.169.254 {not_public}")),
    ] {
        assert_unread(&app, &pairwise_at(uri), cause).await;
    }
    let closed = with(policy("closed"), allow_loopback).await;
    register(&closed, &pairwise(&sector)).await.assert_error(403, "access_denied");
    let by_token = with(policy("token"), allow_loopback).await;
    register_with(&by_token, "guess", &pairwise(&sector)).await.assert_error(401, "invalid_token");
    let bounded = with(policy("open"), |settings| {
        allow_loopback(settings);
        settings.limits.registration.from_source = 1;
    })
    .await;
    register(&bounded, &web()).await.assert_status(201);
    register(&bounded, &pairwise(&sector)).await.assert_error(429, "temporarily_unavailable");
    assert_eq!(sector.asked(), 0);
}

/// Fetch §3.2: a preflight names no client, so what all of them say together follows each change, those of commands and
/// other nodes too.
#[tokio::test]
async fn pages_of_a_client_are_known_from_its_registration_to_its_removal() {
    let app = open().await;
    let is_known = async || {
        let request = app.http.request(Method::OPTIONS, app.url("/token")).header("origin", "https://rp.example");
        let answer = app.send(request.header("access-control-request-method", "POST")).await;
        answer.header("access-control-allow-origin") == "https://rp.example"
    };
    assert!(!is_known().await);
    let first = register(&app, &web()).await.json();
    let second = register(&app, &web()).await.json();
    assert!(is_known().await);
    manage(&app, Method::DELETE, &first, None).await.assert_status(204);
    assert!(is_known().await, "another client names it too");
    let moved = json!({ "client_id": second["client_id"], "redirect_uris": ["https://moved.example/callback"] });
    manage(&app, Method::PUT, &second, Some(&moved)).await.assert_status(200);
    assert!(!is_known().await);
    let back = json!({ "client_id": second["client_id"], "redirect_uris": ["https://rp.example/callback"] });
    manage(&app, Method::PUT, &second, Some(&back)).await.assert_status(200);
    assert!(is_known().await);
    let id = ClientId::new(text(&second, "client_id"));
    app.write(move |db| store::clients::remove(db, &id)).await;
    app.jobs().clients.reread().await.expect("the database is there");
    assert!(!is_known().await);
}
