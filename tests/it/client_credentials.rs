//! `grant_type=client_credentials` (RFC 6749 §4.4): a backend that calls an API as itself.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::{RelyingParty, basic};
use crate::support::{Answer, TestApp, jwt, rows};
use authward::domain::client::{Client, ClientAuthentication, GrantType};
use authward::domain::id::ClientId;
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::scope::ScopeSet;
use authward::domain::time::Lifetime;
use serde_json::{Value, json};

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example/api";

/// A backend that is registered for this grant only, and for these scopes.
fn service(scope: &str) -> Client {
    Client {
        id: ClientId::new("service"),
        redirect_uris: Vec::new(),
        response_types: Vec::new(),
        grant_types: vec![GrantType::ClientCredentials],
        scopes: ScopeSet::parse(scope).unwrap(),
        ..clients::backend_basic()
    }
}

fn resource(identifier: &str, scopes: &[&str], access_token_type: AccessTokenType) -> Resource {
    Resource {
        identifier: identifier.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        access_token_type,
        served_by: Vec::new(),
    }
}

async fn start(client: Client) -> TestApp {
    TestApp::empty()
        .client(client)
        .resource(resource(ORDERS, &["orders:read", "orders:write"], AccessTokenType::AtJwt))
        .resource(resource(STOCK, &["stock:read"], AccessTokenType::Jwt))
        .start()
        .await
}

fn party(app: &TestApp) -> RelyingParty<'_> {
    let mut party = app.relying_party("backend");
    party.client_id = "service".to_owned();
    party
}

async fn ask(party: &RelyingParty<'_>, fields: &[(&str, &str)]) -> Answer {
    let fields = [&[("grant_type", "client_credentials")], fields].concat();
    party.token(&fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()).await
}

/// The access token of an answer, verified by the published keys.
async fn access(app: &TestApp, answer: &Answer) -> jwt::Verified {
    jwt::verify(app, answer.assert_status(200).json()["access_token"].as_str().unwrap()).await
}

/// RFC 6749 §4.4.3, RFC 6749 §5.1, RFC 9068 §2.2
#[tokio::test]
async fn a_client_gets_an_access_token_for_itself_and_nothing_else() {
    let app = start(service("orders:read orders:write")).await;
    let answer = ask(&party(&app), &[("scope", "orders:read"), ("resource", ORDERS)]).await;
    answer.assert_status(200).assert_no_store();
    assert_eq!(answer.header("pragma"), "no-cache");
    let mut members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    members.sort_unstable();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((&answer.json()["token_type"], &answer.json()["expires_in"]), (&json!("Bearer"), &json!(600)));
    let token = access(&app, &answer).await;
    assert_eq!(token.header["typ"], "at+jwt");
    let mut claims = token.claims.clone();
    let jti = claims.remove("jti").unwrap();
    let now = app.now().seconds();
    assert_eq!(
        Value::Object(claims),
        json!({
            "iss": app.issuer, "sub": "service", "client_id": "service", "aud": ORDERS, "scope": "orders:read",
            "iat": now, "exp": now + 600,
        })
    );
    let again = access(&app, &ask(&party(&app), &[]).await).await;
    assert_ne!(again.claims["jti"], jti, "every token has its own id");
}

/// Nothing is remembered of a token that is signed: the floor of this grant is signing.
#[tokio::test]
async fn nothing_is_stored() {
    let app = start(service("orders:read")).await;
    let before = rows::counts(&app);
    for _ in 0..3 {
        ask(&party(&app), &[]).await.assert_status(200);
    }
    assert_eq!(rows::counts(&app), before);
}

/// RFC 6749 §3.3, RFC 6749 §4.4.2: without `scope` all that the client is registered for and that makes sense without a
/// user; the answer says what was granted.
#[tokio::test]
async fn scopes_are_those_of_the_client_without_those_of_users() {
    let app = start(service("openid profile email offline_access orders:read orders:write own")).await;
    for (asked, granted) in [
        (None, "orders:read orders:write own"),
        (Some(""), "orders:read orders:write own"),
        (Some("orders:write"), "orders:write"),
        (Some("own orders:read"), "own orders:read"),
    ] {
        let fields: Vec<_> = asked.iter().map(|scope| ("scope", *scope)).collect();
        let answer = ask(&party(&app), &fields).await;
        assert_eq!(answer.assert_status(200).json()["scope"], granted, "{asked:?}");
        assert_eq!(access(&app, &answer).await.text("scope"), granted);
    }
    for bad in
        ["openid", "orders:read openid", "profile", "offline_access", "stock:read", "orders", "a\"b", "ORDERS:READ"]
    {
        let answer = ask(&party(&app), &[("scope", bad)]).await;
        answer.assert_error(400, "invalid_scope");
        assert_eq!(app.rule_of(&answer).await, "AW-SCOPE", "{bad}");
    }
}

/// RFC 8707 §2, RFC 8707 §2.2, RFC 9068 §3
#[tokio::test]
async fn the_audience_is_what_is_asked_for_and_the_scopes_are_what_it_understands() {
    let app = start(service("orders:read stock:read own")).await;
    let issuer = app.issuer.clone();
    for (resources, audience, scope, typ) in [
        (vec![], json!(issuer), "orders:read stock:read own", "at+jwt"),
        (vec![ORDERS], json!(ORDERS), "orders:read own", "at+jwt"),
        (vec!["https://orders.example/"], json!(ORDERS), "orders:read own", "at+jwt"),
        (vec![STOCK], json!(STOCK), "stock:read own", "JWT"),
        (vec![STOCK, ORDERS, STOCK], json!([STOCK, ORDERS]), "orders:read stock:read own", "at+jwt"),
        (vec![issuer.as_str()], json!(issuer), "own", "at+jwt"),
    ] {
        let fields: Vec<_> = resources.iter().map(|uri| ("resource", *uri)).collect();
        let answer = ask(&party(&app), &fields).await;
        let token = access(&app, &answer).await;
        assert_eq!((&token.claims["aud"], token.text("scope")), (&audience, scope), "{resources:?}");
        assert_eq!((&token.header["typ"], &answer.json()["scope"]), (&json!(typ), &json!(scope)), "{resources:?}");
    }
    let answer = ask(&party(&app), &[("resource", STOCK), ("scope", "orders:read")]).await;
    answer.assert_error(400, "invalid_scope");
}

/// RFC 8707 §2 `invalid_target`
#[tokio::test]
async fn an_unknown_resource_is_refused() {
    let app = start(service("orders:read")).await;
    for bad in ["https://other.example", "orders", "https://orders.example#x", "https://orders.example/x", "*"] {
        let answer = ask(&party(&app), &[("resource", ORDERS), ("resource", bad)]).await;
        answer.assert_error(400, "invalid_target");
        assert_eq!(app.rule_of(&answer).await, "AW-RESOURCE", "{bad}");
    }
    ask(&party(&app), &[("resource", ORDERS); 9]).await.assert_error(400, "invalid_target");
}

/// RFC 9068 §3: the default of the client, and its scopes.
#[tokio::test]
async fn a_clients_default_resource_is_the_audience_when_none_is_asked_for() {
    let client = Client {
        default_resource: Some(ORDERS.to_owned()),
        access_token_lifetime: Some(Lifetime::seconds(90)),
        ..service("orders:read stock:read")
    };
    let app = start(client).await;
    let token = access(&app, &ask(&party(&app), &[]).await).await;
    assert_eq!((&token.claims["aud"], token.text("scope")), (&json!(ORDERS), "orders:read"));
    assert_eq!(token.number("exp") - token.number("iat"), 90);
}

/// The server's own API is a resource without registration, for clients that are registered for its scopes.
#[tokio::test]
async fn the_api_of_the_server_is_a_resource_with_its_own_scopes() {
    let app = start(service("admin:read orders:read")).await;
    let api = format!("{}/api", app.issuer);
    let token = access(&app, &ask(&party(&app), &[("resource", &api)]).await).await;
    assert_eq!((&token.claims["aud"], token.text("scope")), (&json!(api), "admin:read"));
    let elsewhere = access(&app, &ask(&party(&app), &[("resource", ORDERS)]).await).await;
    assert_eq!(elsewhere.text("scope"), "orders:read");
    ask(&party(&app), &[("resource", &api), ("scope", "admin:write")]).await.assert_error(400, "invalid_scope");
}

/// RFC 6749 §4.4: "The client credentials grant type MUST only be used by confidential clients."
#[tokio::test]
async fn only_confidential_clients_that_are_registered_for_it_get_one() {
    let app = TestApp::usual()
        .client(Client {
            grant_types: vec![GrantType::ClientCredentials],
            authentication: ClientAuthentication::None,
            secret: None,
            ..service("own")
        })
        .start()
        .await;
    let mut public = party(&app);
    public.authentication = ClientAuthentication::None;
    for party in [public, app.relying_party("backend"), app.relying_party("spa")] {
        let answer = ask(&party, &[]).await;
        answer.assert_error(400, "unauthorized_client");
        assert_eq!(app.rule_of(&answer).await, "AW-GRANT-TYPE-FORBIDDEN");
    }
}

/// RFC 6749 §4.4.2: "The client MUST authenticate with the authorization server".
#[tokio::test]
async fn the_client_authenticates_itself() {
    let app = start(service("orders:read")).await;
    let mut wrong = party(&app);
    wrong.secret = "wrong".to_owned();
    let answer = ask(&wrong, &[]).await;
    answer.assert_error(401, "invalid_client");
    assert!(answer.header("www-authenticate").starts_with("Basic "));
    let mut without = party(&app);
    without.authentication = ClientAuthentication::None;
    ask(&without, &[]).await.assert_error(401, "invalid_client");
    let fields = [("grant_type", "client_credentials"), ("scope", "orders:read"), ("scope", "orders:read")];
    let request = app.http.post(app.url("/token")).header("authorization", basic("service", SECRET)).form(&fields);
    app.send(request).await.assert_error(400, "invalid_request");
}

/// RFC 6750 §3.1: there is no user whose claims it could read.
#[tokio::test]
async fn userinfo_refuses_the_token_of_a_client() {
    let app = start(service("own")).await;
    let token = ask(&party(&app), &[]).await.json()["access_token"].as_str().unwrap().to_owned();
    let answer = party(&app).userinfo(&token).await;
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    assert!(answer.header("www-authenticate").starts_with("Bearer "), "{answer:?}");
}
