//! What clients are sent signed and encrypted: ID tokens and claims (OIDC Core §5.3.2, §10.2; RFC 7516).

use crate::support::clients;
use crate::support::decrypting::Recipient;
use crate::support::origin::{self, Origin};
use crate::support::{Browser, RelyingParty, TestApp, jwt};
use authward::domain::client::Client;
use authward::domain::id::ClientId;
use serde_json::{Value, json};

const MANAGEMENTS: [&str; 5] = ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"];
const ENCRYPTIONS: [&str; 4] = ["A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"];

/// A first-party client with this metadata.
fn recipient(id: &str, metadata: Value) -> Client {
    let Value::Object(metadata) = metadata else { panic!("metadata") };
    Client { id: ClientId::new(id), metadata, ..clients::first_party() }
}

/// Signs in, and gives what the token endpoint answered.
async fn sign_in(party: &RelyingParty<'_>, browser: &Browser) -> Value {
    let (code, request) = party.new_code(browser, "alice").await;
    let answer = party.redeem(&code, &request).await;
    answer.assert_status(200);
    answer.json()
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

/// OIDC Core §10.2, OpenID Connect Registration §2, RFC 7516 §7.1, RFC 7518 §4, RFC 7518 §5, RFC 7519 §5.2
#[tokio::test]
async fn an_id_token_and_claims_are_signed_and_then_encrypted_with_every_listed_algorithm() {
    let (rsa, ec) = (Recipient::rsa(), Recipient::ec("P-256"));
    let keys = json!({ "keys": [rsa.jwk, ec.jwk] });
    let app = TestApp::usual().start().await;
    let browser = app.signed_in("alice").await;
    let listed = app.get("/.well-known/openid-configuration").await.json();
    for what in ["id_token", "userinfo"] {
        assert_eq!(listed[format!("{what}_encryption_alg_values_supported")], json!(MANAGEMENTS));
        assert_eq!(listed[format!("{what}_encryption_enc_values_supported")], json!(ENCRYPTIONS));
    }
    for alg in MANAGEMENTS {
        let key = if alg.starts_with("RSA") { &rsa } else { &ec };
        for enc in ENCRYPTIONS {
            let id = format!("{alg}.{enc}");
            let metadata = json!({
                "jwks": keys, "id_token_encrypted_response_alg": alg, "id_token_encrypted_response_enc": enc,
                "userinfo_signed_response_alg": "ES256",
                "userinfo_encrypted_response_alg": alg, "userinfo_encrypted_response_enc": enc,
            });
            app.register(recipient(&id, metadata)).await;
            let party = app.relying_party(&id);
            let tokens = sign_in(&party, &browser).await;
            let opened = key.open(text(&tokens, "id_token"));
            let header = &opened.header;
            assert_eq!((&header["alg"], &header["enc"], &header["cty"]), (&json!(alg), &json!(enc), &json!("JWT")));
            assert_eq!(header["kid"], key.jwk["kid"]);
            let id_token = jwt::verify(&app, &opened.text).await;
            assert_eq!(id_token.header["alg"], "RS256");
            assert_eq!((id_token.text("iss"), id_token.text("aud")), (app.issuer.as_str(), id.as_str()));
            let answer = party.userinfo(text(&tokens, "access_token")).await;
            answer.assert_status(200).assert_no_store();
            assert_eq!(answer.header("content-type"), "application/jwt");
            let opened = key.open(&answer.text());
            assert_eq!(opened.header["cty"], "JWT");
            let claims = jwt::claims_of(&opened.text);
            assert_eq!((&claims["sub"], &claims["email"]), (&json!(id_token.text("sub")), &json!("alice@example.com")));
        }
    }
    for curve in ["P-384", "P-521"] {
        let key = Recipient::ec(curve);
        let metadata = json!({"jwks": {"keys": [key.jwk]}, "id_token_encrypted_response_alg": "ECDH-ES"});
        app.register(recipient(curve, metadata)).await;
        let tokens = sign_in(&app.relying_party(curve), &browser).await;
        let opened = key.open(text(&tokens, "id_token"));
        assert_eq!(opened.header["enc"], "A128CBC-HS256", "the default of the specification");
        jwt::verify(&app, &opened.text).await;
    }
}

/// OIDC Core §5.3.2, OpenID Connect Registration §2 `userinfo_signed_response_alg`
#[tokio::test]
async fn claims_are_json_or_signed_or_encrypted_as_the_client_registered() {
    let key = Recipient::rsa();
    let algorithms = ["RS256", "ES256", "EdDSA", "PS256"];
    let mut builder = TestApp::usual();
    for algorithm in algorithms {
        builder = builder.client(recipient(algorithm, json!({ "userinfo_signed_response_alg": algorithm })));
    }
    let metadata = json!({"jwks": {"keys": [key.jwk]}, "userinfo_encrypted_response_alg": "RSA-OAEP"});
    let app = builder.client(recipient("encrypted", metadata)).start().await;
    let browser = app.signed_in("alice").await;
    let listed = app.get("/.well-known/openid-configuration").await.json();
    let mut supported = listed["userinfo_signing_alg_values_supported"].as_array().unwrap().clone();
    supported.sort_by_key(ToString::to_string);
    assert_eq!(json!(supported), json!(["ES256", "EdDSA", "PS256", "RS256"]));
    for algorithm in algorithms {
        let party = app.relying_party(algorithm);
        let tokens = sign_in(&party, &browser).await;
        let answer = party.userinfo(text(&tokens, "access_token")).await;
        assert_eq!(answer.header("content-type"), "application/jwt");
        let signed = answer.text();
        let jwt::Verified { header, claims } = jwt::verify_signature(&app, &signed).await;
        assert_eq!(header["alg"], algorithm);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer), &json!(algorithm)));
        assert_eq!(claims["email"], "alice@example.com");
        // It passes for no other token.
        party.userinfo(&signed).await.assert_status(401);
        let request = party.request().with("id_token_hint", &signed);
        assert_eq!(party.error(&browser.get(&request.address()).await, &request), "invalid_request");
    }
    let party = app.relying_party("encrypted");
    let tokens = sign_in(&party, &browser).await;
    let answer = party.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(answer.header("content-type"), "application/jwt");
    let opened = key.open(&answer.text());
    assert!(opened.header.get("cty").is_none(), "{opened:?}");
    let claims: Value = serde_json::from_str(&opened.text).unwrap();
    assert_eq!(claims["email"], "alice@example.com");
}

/// OIDC Core §10.2.1: keys for encryption may be published, and are looked for before a code is used up.
#[tokio::test]
async fn a_code_is_not_used_up_where_its_id_token_cannot_be_encrypted() {
    let key = Recipient::ec("P-256");
    let origin = Origin::open().await;
    let mut signing = key.jwk.clone();
    signing["use"] = json!("sig");
    origin.put("/jwks", 503, "");
    let metadata = json!({"jwks_uri": origin.url("/jwks"), "id_token_encrypted_response_alg": "ECDH-ES+A256KW"});
    let app = TestApp::usual().settings(origin::allowed).client(recipient("recipient", metadata)).start().await;
    let party = app.relying_party("recipient");
    let (code, request) = party.new_code(&app.signed_in("alice").await, "alice").await;
    let answer = party.redeem(&code, &request).await;
    answer.assert_error(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    origin.put("/jwks", 200, json!({ "keys": [signing] }));
    app.advance(5);
    let answer = party.redeem(&code, &request).await;
    answer.assert_error(400, "invalid_request");
    assert_eq!(app.rule_of(&answer).await, "AW-ENCRYPTION");
    origin.put("/jwks", 200, json!({ "keys": [signing, key.jwk] }));
    app.advance(5);
    let answer = party.redeem(&code, &request).await;
    answer.assert_status(200);
    jwt::verify(&app, &key.open(text(&answer.json(), "id_token")).text).await;
    assert_eq!(origin.asked("/jwks"), 4);
}
