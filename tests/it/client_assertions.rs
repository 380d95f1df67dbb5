//! Client authentication by a signed assertion: `private_key_jwt` and `client_secret_jwt` (RFC 7523 §3, OIDC Core §9),
//! and the keys of clients that they rest on.

use crate::support::clients::{self, SECRET};
use crate::support::origin::{self, Origin};
use crate::support::relying_party::{RelyingParty, assertion_fields, basic};
use crate::support::signing::{ALGORITHMS, ClientKey, fresh, jwks, sign_with_secret, unsigned};
use crate::support::{Answer, TestApp, rows};
use authward::domain::client::{Client, ClientAuthentication, ClientSecret, GrantType};
use authward::domain::id::ClientId;
use authward::domain::scope::ScopeSet;
use authward::domain::secret::Secret;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

/// A client that signs, with this metadata.
fn signer(id: &str, authentication: ClientAuthentication, metadata: Value) -> Client {
    let Value::Object(metadata) = metadata else { panic!("metadata") };
    Client {
        id: ClientId::new(id),
        authentication,
        secret: None,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
        scopes: ScopeSet::parse("openid profile email offline_access own").unwrap(),
        metadata,
        ..clients::first_party()
    }
}

fn with_keys(id: &str, keys: &[&ClientKey]) -> Client {
    signer(id, ClientAuthentication::PrivateKeyJwt, json!({ "jwks": jwks(keys) }))
}

fn party<'a>(app: &'a TestApp, id: &str, key: Option<&ClientKey>) -> RelyingParty<'a> {
    let mut party = app.relying_party(id);
    party.authentication = match key {
        Some(_) => ClientAuthentication::PrivateKeyJwt,
        None => ClientAuthentication::ClientSecretJwt,
    };
    party.key = key.cloned();
    party
}

/// A server with one client of `private_key_jwt` that has one key.
async fn start(key: &ClientKey) -> TestApp {
    TestApp::usual().client(with_keys("signer", &[key])).start().await
}

/// Asks for a token of the client's own, with this assertion.
async fn present(app: &TestApp, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = assertion_fields(assertion).to_vec();
    fields.push(("grant_type".into(), "client_credentials".into()));
    fields.push(("scope".into(), "own".into()));
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    app.send(app.http.post(app.url("/token")).form(&fields)).await
}

/// With these claims instead.
fn changed(party: &RelyingParty<'_>, changes: &[(&str, Value)]) -> Value {
    let mut claims = party.assertion_claims();
    for (name, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(*name)),
            value => claims[*name] = value.clone(),
        }
    }
    claims
}

async fn assert_refused(app: &TestApp, answer: &Answer, why: &str) {
    answer.assert_error(401, "invalid_client");
    let record = app.explain(answer).await;
    assert_eq!(record.rule, "AW-CLIENT-ASSERTION", "{answer:?}");
    assert!(record.sent.starts_with(why), "{why}: {record:?}");
}

/// The server says that it cannot tell now, and nothing of the client.
async fn assert_unavailable(app: &TestApp, answer: &Answer, why: &str) {
    answer.assert_error(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let record = app.explain(answer).await;
    assert_eq!(record.rule, "AW-UNAVAILABLE", "{answer:?}");
    assert!(record.sent.starts_with(why), "{why}: {record:?}");
}

/// Stores the secret of a client so that it can sign with it.
fn sealed(app: &TestApp, id: &str) -> Client {
    let sealed = app.services.keys.secret_seal().seal(&ClientId::new(id), &Secret::new(SECRET));
    let client = signer(id, ClientAuthentication::ClientSecretJwt, json!({}));
    Client { secret: Some(ClientSecret::Sealed(sealed)), ..client }
}

/// RFC 7523 §3, OIDC Core §9 `private_key_jwt` `client_secret_jwt`, RFC 7662 §2.1, RFC 7009 §2.1
#[tokio::test]
async fn a_client_authenticates_itself_with_every_algorithm_wherever_clients_do() {
    let keys = ALGORITHMS.map(|algorithm| ClientKey::new(algorithm, "one"));
    let mut builder = TestApp::usual();
    for (algorithm, key) in ALGORITHMS.iter().zip(&keys) {
        builder = builder.client(with_keys(algorithm, &[key]));
    }
    let app = builder.start().await;
    app.register(sealed(&app, "HS256")).await;
    let mut parties: Vec<_> = ALGORITHMS.iter().zip(&keys).map(|(id, key)| party(&app, id, Some(key))).collect();
    parties.push(party(&app, "HS256", None));
    for party in parties {
        let tokens = party.sign_in(&app.browser(), "alice").await;
        assert_eq!(party.introspect(&tokens.access_token).await.json()["active"], true, "{}", party.client_id);
        party.revoke(tokens.refresh()).await.assert_status(200);
        assert_eq!(party.introspect(&tokens.access_token).await.json()["active"], false, "{}", party.client_id);
    }
    let document = app.get("/.well-known/openid-configuration").await.json();
    for endpoint in ["token", "introspection", "revocation"] {
        let listed = &document[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*listed, json!(["ES256", "RS256", "PS256", "EdDSA", "HS256"]), "{endpoint}");
    }
}

/// RFC 7523 §3: "The JWT MAY contain a jti claim"; OIDC Core §9: "A unique identifier for the token, which can be used
/// to prevent reuse of the token."
#[tokio::test]
async fn an_assertion_is_used_once_also_when_many_come_together() {
    let (key, other) = (ClientKey::new("ES256", "one"), ClientKey::new("ES256", "one"));
    let builder = TestApp::usual().client(with_keys("signer", &[&key])).client(with_keys("other", &[&other]));
    let app = builder.start().await;
    let (party, another) = (party(&app, "signer", Some(&key)), party(&app, "other", Some(&other)));
    let claims = party.assertion_claims();
    let assertion = key.sign(&claims);
    let answers = join_all((0..12).map(|_| present(&app, &assertion, &[]))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 11));
    assert_refused(&app, lost[0], "its jti was used before").await;
    // At another endpoint, and signed again with the same jti.
    let mut fields = assertion_fields(&assertion).to_vec();
    fields.push(("token".into(), "x".into()));
    app.send(app.http.post(app.url("/introspect")).form(&fields)).await.assert_error(401, "invalid_client");
    let again = changed(&party, &[("jti", claims["jti"].clone())]);
    assert_refused(&app, &present(&app, &key.sign(&again), &[]).await, "its jti was used before").await;
    // It is the client's alone.
    let theirs = changed(&another, &[("jti", claims["jti"].clone())]);
    present(&app, &other.sign(&theirs), &[]).await.assert_status(200);
    // Nobody uses one up who cannot sign, and it is forgotten when it has ended.
    let victim = party.assertion_claims();
    assert_refused(&app, &present(&app, &other.sign(&victim), &[]).await, "none of the client's keys fits").await;
    present(&app, &key.sign(&victim), &[]).await.assert_status(200);
    assert_eq!(rows::count(&app, "used_jwts"), 3);
    app.advance(60 + 15);
    app.jobs().sweep().await.expect("a working database");
    assert_eq!(rows::count(&app, "used_jwts"), 0);
}

/// RFC 7523 §3 items 1 to 8, RFC 7519 §4.1
#[tokio::test]
async fn a_wrong_or_missing_claim_is_refused() {
    let key = ClientKey::new("ES256", "one");
    let app = start(&key).await;
    let party = party(&app, "signer", Some(&key));
    let issuer = app.issuer.as_str();
    let from_now = |seconds: i64| json!({ "from now": seconds });
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!("backend")),
        ("iss", json!(["signer"])),
        ("aud", Value::Null),
        ("aud", json!("https://other.example")),
        ("aud", json!(format!("{issuer}/"))),
        ("aud", json!(format!("{issuer}/userinfo"))),
        ("aud", json!([])),
        ("aud", json!([issuer, "https://other.example"])),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("exp", from_now(-60)),
        ("exp", from_now(-15)),
        ("exp", from_now(2 * 3600)),
        ("exp", json!(i64::MAX)),
        ("iat", from_now(60)),
        ("iat", json!("now")),
        ("nbf", from_now(60)),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(513))),
    ] {
        let moment = value.get("from now").and_then(Value::as_i64).map(|seconds| json!(app.now().seconds() + seconds));
        let claims = changed(&party, &[(name, moment.unwrap_or(value))]);
        let answer = present(&app, &key.sign(&claims), &[]).await;
        assert_refused(&app, &answer, &format!("{name}: ")).await;
        // Twenty failures are free; then this client would wait at this address.
        app.advance(600);
    }
    let claims = changed(&party, &[("sub", json!("backend"))]);
    assert_refused(&app, &present(&app, &key.sign(&claims), &[("client_id", "signer")]).await, "sub: ").await;
    assert_eq!(rows::count(&app, "used_jwts"), 0);
}

/// RFC 7523 §3: the clocks of two machines differ a little, and `aud` names this server in more than one way.
#[tokio::test]
async fn what_honest_clients_send_is_accepted() {
    let key = ClientKey::new("ES256", "one");
    let app = start(&key).await;
    let party = party(&app, "signer", Some(&key));
    let (now, issuer) = (app.now().seconds(), app.issuer.clone());
    let token = format!("{issuer}/token");
    for changes in [
        vec![("exp", json!(now - 8))],
        vec![("iat", json!(now + 8)), ("nbf", json!(now + 8))],
        vec![("iat", Value::Null)],
        vec![("exp", json!(now + 3600))],
        vec![("exp", json!(f64::from(i32::try_from(now).unwrap()) + 59.5))],
        vec![("aud", json!(token))],
        vec![("aud", json!([issuer]))],
        vec![("aud", json!([issuer, token]))],
    ] {
        present(&app, &key.sign(&changed(&party, &changes)), &[]).await.assert_status(200);
    }
    for typ in ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"] {
        let header = Header { typ: Some(typ.to_owned()), ..Header::new(Algorithm::ES256) };
        present(&app, &key.sign_as(&header, &party.assertion_claims()), &[]).await.assert_status(200);
    }
    present(&app, &key.sign(&party.assertion_claims()), &[("client_id", "signer")]).await.assert_status(200);
}

/// RFC 8725 §3.1, RFC 8725 §3.2, RFC 7515 §4.1.11: key and algorithm come from the registration.
#[tokio::test]
async fn only_the_registered_keys_and_algorithms_sign() {
    let (key, stranger) = (ClientKey::new("RS256", "one"), ClientKey::new("ES256", "one"));
    let mut pinned = with_keys("pinned", &[&key]);
    pinned.metadata.insert("token_endpoint_auth_signing_alg".to_owned(), json!("PS256"));
    let app = TestApp::usual().client(with_keys("signer", &[&key])).client(pinned).start().await;
    let party = party(&app, "signer", Some(&key));
    let claims = || party.assertion_claims();
    let public = key.jwk()["n"].as_str().unwrap().to_owned();
    let with = |header: Header| key.sign_as(&header, &claims());
    let header = |change: fn(&mut Header)| {
        let mut header = Header::new(Algorithm::RS256);
        change(&mut header);
        header
    };
    for (assertion, why) in [
        (stranger.sign(&claims()), "none of the client's keys fits"),
        (sign_with_secret(&public, &claims()), "it is signed with HS256"),
        (sign_with_secret(SECRET, &claims()), "it is signed with HS256"),
        (unsigned(&json!({"alg": "none"}), &claims()), "it is signed with none"),
        (unsigned(&json!({"alg": "RS256"}), &claims()), "none of the client's keys fits"),
        (with(header(|header| header.kid = Some("two".to_owned()))), "none of the client's keys fits"),
        (with(header(|header| header.typ = Some("at+jwt".to_owned()))), "its typ is at+jwt"),
        (with(header(|header| header.jku = Some("https://evil.example/jwks".to_owned()))) + "A", "none of the"),
    ] {
        assert_refused(&app, &present(&app, &assertion, &[]).await, why).await;
    }
    let critical = unsigned(&json!({"alg": "RS256", "crit": ["exp"]}), &claims());
    present(&app, &critical, &[("client_id", "signer")]).await.assert_error(401, "invalid_client");
    // The algorithm that is registered, and no other of the same key.
    let mut other = party.clone();
    other.client_id = "pinned".to_owned();
    let by = |algorithm| key.sign_as(&Header::new(algorithm), &other.assertion_claims());
    assert_refused(&app, &present(&app, &by(Algorithm::RS256), &[]).await, "it is signed with RS256").await;
    let mut ps256 = key.clone();
    ps256.algorithm = Algorithm::PS256;
    let mut jwk = ps256.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let mut unnamed = with_keys("unnamed", &[]);
    unnamed.metadata.insert("jwks".to_owned(), json!({ "keys": [jwk] }));
    app.register(unnamed).await;
    other.client_id = "unnamed".to_owned();
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let signed = key.sign_as(&Header::new(algorithm), &other.assertion_claims());
        present(&app, &signed, &[]).await.assert_status(200);
    }
}

/// RFC 6749 §2.3, RFC 7521 §4.2: one method a request, and the registered one.
#[tokio::test]
async fn an_assertion_stands_alone_and_only_where_it_is_registered() {
    let key = ClientKey::new("ES256", "one");
    let app = start(&key).await;
    app.register(sealed(&app, "secret")).await;
    let (signing, secret) = (party(&app, "signer", Some(&key)), party(&app, "secret", None));
    let mut backend = secret.clone();
    backend.client_id = "backend".to_owned();
    let by_secret = |party: &RelyingParty<'_>| sign_with_secret(SECRET, &party.assertion_claims());
    // A secret signs for client_secret_jwt alone, a key for private_key_jwt alone, and neither for the others.
    present(&app, &by_secret(&secret), &[]).await.assert_status(200);
    let answer = present(&app, &key.sign(&secret.assertion_claims()), &[]).await;
    assert_refused(&app, &answer, "it is signed with ES256").await;
    present(&app, &by_secret(&backend), &[]).await.assert_error(401, "invalid_client");
    let mut wrong = secret.clone();
    wrong.secret = "another secret of thirty-two bytes or more".to_owned();
    let answer = present(&app, &wrong.assertion(&wrong.assertion_claims()), &[]).await;
    assert_refused(&app, &answer, "the client's secret did not sign it").await;
    for method in [ClientAuthentication::ClientSecretBasic, ClientAuthentication::ClientSecretPost] {
        for id in ["secret", "signer"] {
            let mut party = app.relying_party(id);
            party.authentication = method;
            party.refresh("x").await.assert_error(401, "invalid_client");
        }
    }
    // Not together with anything else.
    let assertion = || key.sign(&signing.assertion_claims());
    present(&app, &assertion(), &[("client_secret", SECRET)]).await.assert_error(400, "invalid_request");
    let mut fields = assertion_fields(&assertion()).to_vec();
    fields.push(("grant_type".into(), "client_credentials".into()));
    let request = app.http.post(app.url("/token")).header("authorization", basic("signer", SECRET)).form(&fields);
    app.send(request).await.assert_error(400, "invalid_request");
    // Both parameters, the registered type, and one client.
    for (name, value) in [("client_assertion_type", ""), ("client_assertion_type", "urn:x"), ("client_assertion", "")] {
        let mut fields = assertion_fields(&assertion()).to_vec();
        fields.iter_mut().filter(|(known, _)| known == name).for_each(|(_, sent)| value.clone_into(sent));
        fields.push(("grant_type".into(), "client_credentials".into()));
        app.send(app.http.post(app.url("/token")).form(&fields)).await.assert_error(401, "invalid_client");
    }
    for id in ["secret", "backend", "nobody"] {
        present(&app, &assertion(), &[("client_id", id)]).await.assert_error(401, "invalid_client");
    }
    for broken in ["x", "a.b.c", "....", "é.é.é"] {
        present(&app, broken, &[("client_id", "signer")]).await.assert_error(401, "invalid_client");
    }
    let nobody = changed(&signing, &[("iss", json!("nobody")), ("sub", json!("nobody"))]);
    present(&app, &key.sign(&nobody), &[]).await.assert_error(401, "invalid_client");
}

/// RFC 7591 §2 `jwks_uri`, OIDC Core §10.1.1: keys are kept, and changed keys are found.
#[tokio::test]
async fn published_keys_are_fetched_seldom_and_found_when_they_change() {
    let (old, new) = (ClientKey::new("ES256", "old"), ClientKey::new("ES256", "new"));
    let origin = Origin::open().await;
    origin.put("/jwks", 200, jwks(&[&old]));
    let client = signer("signer", ClientAuthentication::PrivateKeyJwt, json!({"jwks_uri": origin.url("/jwks")}));
    let app = TestApp::usual().settings(origin::allowed).client(client).start().await;
    let mut party = party(&app, "signer", Some(&old));
    let ask = async |party: &RelyingParty<'_>| present(&app, &party.assertion(&party.assertion_claims()), &[]).await;
    let answers = join_all((0..10).map(|_| ask(&party))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(origin.asked("/jwks"), 1, "all waited for one");
    // A key that is not known yet makes the server look again at once, and then not for a while.
    party.key = Some(new.clone());
    origin.put("/jwks", 200, jwks(&[&new]));
    ask(&party).await.assert_status(200);
    assert_eq!(origin.asked("/jwks"), 2);
    let newest = ClientKey::new("ES256", "newest");
    party.key = Some(newest.clone());
    origin.put("/jwks", 200, jwks(&[&new, &newest]));
    assert_refused(&app, &ask(&party).await, "none of the client's keys fits").await;
    assert_eq!(origin.asked("/jwks"), 2);
    app.advance(5);
    ask(&party).await.assert_status(200);
    assert_eq!(origin.asked("/jwks"), 3);
    // What is forged with a key of nobody asks no more often.
    for _ in 0..3 {
        let stranger = ClientKey::new("ES256", &fresh("kid"));
        assert_refused(&app, &present(&app, &stranger.sign(&party.assertion_claims()), &[]).await, "none of").await;
    }
    assert_eq!(origin.asked("/jwks"), 3);
    // A key that was taken away ends with the time for which a set is kept.
    party.key = Some(new.clone());
    origin.put("/jwks", 200, jwks(&[&old]));
    app.advance(299);
    ask(&party).await.assert_status(200);
    app.advance(1);
    assert_refused(&app, &ask(&party).await, "none of the client's keys fits").await;
    assert_eq!(origin.asked("/jwks"), 5, "for the time that has passed, and for the key that does not fit");
}

/// RFC 7591 §5, RFC 9700 §4.11.2: what cannot be had, or must not be, is a refusal that says so.
#[tokio::test]
async fn keys_that_cannot_be_had_are_a_clear_refusal() {
    let key = ClientKey::new("ES256", "one");
    let origin = Origin::open().await;
    let mut private = jwks(&[&key]);
    private["keys"][0]["d"] = json!("AA");
    origin.put("/gone", 404, "");
    origin.put("/private", 200, &private);
    origin.put("/none", 200, json!({"keys": []}));
    origin.put("/page", 200, "<html>");
    origin.put("/large", 200, " ".repeat(64 * 1024 + 1));
    let at = |id: &str, uri: String| signer(id, ClientAuthentication::PrivateKeyJwt, json!({ "jwks_uri": uri }));
    let mut builder = TestApp::usual().settings(origin::allowed);
    for page in ["gone", "private", "none", "page", "large"] {
        builder = builder.client(at(page, origin.url(&format!("/{page}"))));
    }
    let app = builder.client(at("internal", "https://10.0.0.1/jwks".to_owned())).start().await;
    let ask = async |id: &str| {
        let party = party(&app, id, Some(&key));
        present(&app, &party.assertion(&party.assertion_claims()), &[]).await
    };
    let failed = "the keys at its jwks_uri could not be had: ";
    for (id, why) in [
        ("private", "keys[0] is a private or secret key"),
        ("none", "none of its keys can be used"),
        ("page", "it is not a JWK set"),
        ("large", "the answer is larger than 65536 bytes"),
        ("internal", "10.0.0.1 is not a public address"),
    ] {
        assert_refused(&app, &ask(id).await, &format!("{failed}{why}")).await;
    }
    assert_unavailable(&app, &ask("gone").await, &format!("{failed}status 404")).await;
    // The address is left alone for a while, and then asked again.
    origin.put("/gone", 200, jwks(&[&key]));
    assert_unavailable(&app, &ask("gone").await, &format!("{failed}status 404")).await;
    assert_eq!(origin.asked("/gone"), 1);
    app.advance(5);
    ask("gone").await.assert_status(200);
}

/// RFC 9110 §15.6.4: what is the fault of a server that publishes keys is nobody's guess, and ends with it.
#[tokio::test]
async fn an_outage_of_published_keys_outlasts_itself_for_nobody() {
    let (key, stranger) = (ClientKey::new("ES256", "one"), ClientKey::new("ES256", "two"));
    let origin = Origin::open().await;
    let at = |path: &str| json!({ "jwks_uri": origin.url(path) });
    let (method, why) = (ClientAuthentication::PrivateKeyJwt, "the keys at its jwks_uri could not be had: ");
    let builder = TestApp::usual().settings(origin::allowed);
    let app =
        builder.client(signer("cold", method, at("/cold"))).client(signer("warm", method, at("/warm"))).start().await;
    let ask = async |id: &str, key: &ClientKey| {
        let party = party(&app, id, Some(key));
        present(&app, &party.assertion(&party.assertion_claims()), &[]).await
    };
    origin.put("/cold", 503, "");
    for _ in 0..25 {
        assert_unavailable(&app, &ask("cold", &key).await, &format!("{why}status 503")).await;
    }
    assert_eq!(origin.asked("/cold"), 1);
    origin.put("/cold", 200, jwks(&[&key]));
    app.advance(5);
    ask("cold", &key).await.assert_status(200);
    // Keys that are known serve on, for an hour, and what does not fit them may be right.
    origin.put("/warm", 200, jwks(&[&key]));
    ask("warm", &key).await.assert_status(200);
    origin.put("/warm", 503, "");
    for seconds in [300, 1800, 1499] {
        app.advance(seconds);
        ask("warm", &key).await.assert_status(200);
        assert_unavailable(&app, &ask("warm", &stranger).await, &format!("{why}status 503")).await;
    }
    app.advance(1);
    assert_unavailable(&app, &ask("warm", &key).await, &format!("{why}status 503")).await;
    // Whoever publishes other keys, or none, has taken the old ones away, whatever comes after.
    origin.put("/warm", 200, jwks(&[&key]));
    app.advance(5);
    ask("warm", &key).await.assert_status(200);
    for (seconds, status) in [(300, 200), (5, 503)] {
        origin.put("/warm", status, json!({ "keys": [] }));
        app.advance(seconds);
        assert_ne!(ask("warm", &key).await.status, 200, "{seconds}");
    }
}

/// RFC 7591 §5, OIDC Core §6.2: a slow address of one client is no matter of another, whatever is fetched from it.
#[tokio::test]
async fn slow_addresses_hold_up_nobody_else() {
    let key = ClientKey::new("ES256", "one");
    let origin = Origin::open().await;
    origin.put("/jwks", 200, jwks(&[&key]));
    let method = ClientAuthentication::PrivateKeyJwt;
    let mut slow =
        signer("slow", method, json!({"jwks_uri": origin.url("/jwks"), "request_uris": [origin.url("/slow")]}));
    slow.redirect_uris = clients::first_party().redirect_uris;
    let mut builder = TestApp::usual().settings(origin::allowed).client(slow);
    builder = builder.client(signer("victim", method, json!({"jwks_uri": origin.url("/jwks")})));
    let ids: Vec<String> = (0..20).map(|number| format!("slow-{number}")).collect();
    for id in &ids {
        origin.hold(&format!("/{id}"));
        builder = builder.client(signer(id, method, json!({"jwks_uri": origin.url(&format!("/{id}"))})));
    }
    let app = builder.start().await;
    let ask = async |id: &str| {
        let party = party(&app, id, Some(&key));
        present(&app, &party.assertion(&party.assertion_claims()), &[]).await
    };
    origin.hold("/slow");
    let request = app.relying_party("slow").request().with("request_uri", &origin.url("/slow"));
    let address = request.address();
    let open = || app.get(&address);
    let flood = join_all((0..30).map(|_| open()));
    let slow_keys = join_all(ids.iter().map(|id| ask(id)));
    let others = async {
        origin.until_asked("/slow", 2).await;
        for id in &ids {
            origin.until_asked(&format!("/{id}"), 1).await;
        }
        ask("victim").await.assert_status(200);
        assert_eq!(origin.asked("/slow"), 2, "of one client");
        let told = open().await;
        origin.release("/slow");
        for id in &ids {
            origin.put(&format!("/{id}"), 200, jwks(&[&key]));
            origin.release(&format!("/{id}"));
        }
        told
    };
    let (flood, slow_keys, told) = tokio::join!(flood, slow_keys, others);
    assert_eq!(app.relying_party("slow").error(&told, &request), "temporarily_unavailable");
    assert_eq!(app.rule_of(&told).await, "AW-UNAVAILABLE");
    for answer in flood {
        let error = app.relying_party("slow").error(&answer, &request);
        assert!(["invalid_request_uri", "temporarily_unavailable"].contains(&error.as_str()), "{error}");
    }
    for answer in slow_keys {
        answer.assert_status(200);
    }
}

/// OIDC Core §9 `client_secret_jwt`: the secret is kept sealed, by every way in which a client is made.
#[tokio::test]
async fn a_secret_that_signs_is_made_by_document_command_and_api_and_is_stored_sealed() {
    let app = TestApp::usual().client(clients::operator()).start().await;
    let ask = async |id: &str, secret: &str| {
        let mut party = party(&app, id, None);
        party.secret = secret.to_owned();
        let answer = present(&app, &party.assertion(&party.assertion_claims()), &[]).await;
        answer.assert_status(200);
        party.assertion_claims()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let document = format!(
        "clients:\n- {{ client_id: declared, token_endpoint_auth_method: client_secret_jwt, client_secret: \"{SECRET}\", \
         grant_types: [client_credentials], scope: own }}\n"
    );
    std::fs::write(&file, document).unwrap();
    app.command(&["apply", file.to_str().unwrap()]).unwrap();
    ask("declared", SECRET).await;
    let arguments =
        ["client", "add", "added", "--auth-method", "client_secret_jwt", "--grant-type", "client_credentials"];
    let printed = app.command(&[&arguments[..], &["--scope", "own", "--format", "json"]].concat()).unwrap();
    let added: Value = serde_json::from_str(&printed).unwrap();
    ask("added", added["client_secret"].as_str().unwrap()).await;
    // What is exported with secrets holds the sealed form, and is taken back.
    let exported = app.command(&["export", "--secrets"]).unwrap();
    assert!(exported.contains("client_secret_hash: sealed:") || exported.contains("client_secret_hash: \"sealed:"));
    assert!(!exported.contains(SECRET) && !app.command(&["export"]).unwrap().contains("sealed:"));
    std::fs::write(&file, exported).unwrap();
    let report = app.command(&["apply", file.to_str().unwrap()]).unwrap();
    assert!(!report.contains('~'), "{report}");
    let token = {
        let resource = format!("{}/api", app.issuer);
        let mut party = app.relying_party("operator");
        party.authentication = ClientAuthentication::ClientSecretBasic;
        let form = [("grant_type", "client_credentials"), ("resource", resource.as_str())];
        party.ask("/token", &form).await.json()["access_token"].as_str().unwrap().to_owned()
    };
    let api = async |method: reqwest::Method, path: &str, body: Value| {
        let request = app.http.request(method, app.url(path)).bearer_auth(&token);
        app.send(request.json(&body)).await
    };
    let made = json!({
        "client_id": "made", "token_endpoint_auth_method": "client_secret_jwt",
        "grant_types": ["client_credentials"], "scope": "own",
    });
    let answer = api(reqwest::Method::POST, "/api/clients", made).await;
    answer.assert_status(201);
    ask("made", answer.json()["client_secret"].as_str().unwrap()).await;
    let keys = json!({
        "client_id": "keyed", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks(&[&ClientKey::new("ES256", "one")]), "grant_types": ["client_credentials"], "scope": "own",
    });
    let answer = api(reqwest::Method::POST, "/api/clients", keys).await;
    answer.assert_status(201);
    assert!(answer.json().get("client_secret").is_none(), "{answer:?}");
    api(reqwest::Method::POST, "/api/clients/keyed/secret", json!({})).await.assert_status(409);
    // A hash cannot be turned back into what signs.
    let put = json!({
        "token_endpoint_auth_method": "client_secret_jwt", "grant_types": ["client_credentials"], "scope": "own",
    });
    api(reqwest::Method::PUT, "/api/clients/operator", put).await.assert_status(400);
}
