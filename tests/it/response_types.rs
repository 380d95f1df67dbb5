//! Response types that bring tokens through the browser (OIDC Core §3.2, §3.3; OAuth 2.0 Multiple Response Types): for
//! clients with a live dated exception only.

use crate::support::{Answer, AuthRequest, Browser, RelyingParty, START, TestApp, clients, jwt, rows};
use authward::domain::audit::EventKind;
use authward::domain::client::{Client, GrantType};
use authward::domain::exception::{Allowance, Exception};
use authward::domain::id::ClientId;
use authward::domain::resource::{AccessTokenType, Resource};
use authward::domain::time::{Lifetime, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

const HYBRID: [&str; 3] = ["code id_token", "code token", "code id_token token"];
const IMPLICIT: [&str; 3] = ["token", "id_token", "id_token token"];
const UNTIL: i64 = START + 1000;

/// A client that is registered for everything, and may use what these exceptions allow.
fn modern_and_old(id: &str, allowed: &[Allowance]) -> Client {
    let exception = |allow: &Allowance| Exception {
        allow: *allow,
        reason: "a test".to_owned(),
        owner: "the tests".to_owned(),
        until: Timestamp::from_seconds(UNTIL),
    };
    Client {
        id: ClientId::new(id),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::Implicit, GrantType::RefreshToken],
        response_types: ["code"].iter().chain(&HYBRID).chain(&IMPLICIT).map(|kind| (*kind).to_owned()).collect(),
        exceptions: allowed.iter().map(exception).collect(),
        ..clients::first_party()
    }
}

async fn started() -> TestApp {
    let client = modern_and_old("old", &[Allowance::Hybrid, Allowance::Implicit]);
    TestApp::usual().client(client).start().await
}

/// What an answer in the fragment says, after the checks that every client makes.
#[track_caller]
fn fragment(party: &RelyingParty<'_>, answer: &Answer, request: &AuthRequest) -> BTreeMap<String, String> {
    answer.assert_status(303).assert_no_store();
    let location = answer.location().unwrap();
    assert!(location.starts_with(&format!("{}#", request.redirect_uri)), "{location}");
    let parameters = answer.fragment();
    assert_eq!(parameters.get("state").map(String::as_str), request.find("state"), "{location}");
    assert_eq!(parameters.get("iss"), Some(&party.app.issuer), "{location}");
    assert!(!parameters.contains_key("refresh_token"), "{location}");
    parameters
}

async fn asked(party: &RelyingParty<'_>, browser: &Browser, request: &AuthRequest) -> BTreeMap<String, String> {
    fragment(party, &browser.get(&request.address()).await, request)
}

/// The error of an answer in the fragment, and the rule behind it.
async fn refused(party: &RelyingParty<'_>, browser: &Browser, request: &AuthRequest) -> (String, String) {
    let answer = browser.get(&request.address()).await;
    let parameters = fragment(party, &answer, request);
    for given in ["code", "access_token", "id_token"] {
        assert!(!parameters.contains_key(given), "{parameters:?}");
    }
    (parameters["error"].clone(), party.app.rule_of(&answer).await)
}

fn names(parameters: &BTreeMap<String, String>) -> Vec<&str> {
    parameters.keys().map(String::as_str).filter(|name| !["iss", "state"].contains(name)).collect()
}

/// OIDC Core §3.3.2.5, §3.3.2.11, §3.2.2.5, §3.2.2.10; OAuth 2.0 Multiple Response Types §3, §5; RFC 9207 §2
#[tokio::test]
async fn each_response_type_gives_what_its_words_say_bound_together_by_hashes() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    let token = ["access_token", "expires_in", "scope", "token_type"];
    for kind in HYBRID.iter().chain(&IMPLICIT) {
        let has = |word: &str| kind.split(' ').any(|known| known == word);
        let request = party.request().with("response_type", kind);
        let given = asked(&party, &browser, &request).await;
        let mut expected: Vec<&str> = if has("token") { token.to_vec() } else { Vec::new() };
        expected.extend(has("code").then_some("code"));
        expected.extend(has("id_token").then_some("id_token"));
        expected.sort_unstable();
        assert_eq!(names(&given), expected, "{kind}");
        if let Some(id_token) = given.get("id_token") {
            let id = jwt::verify(&app, id_token).await;
            let alg = id.header["alg"].as_str().unwrap();
            let hash = |name: &str| given.get(name).map(|value| Value::String(jwt::at_hash(value, alg)));
            assert_eq!(id.claims.get("at_hash"), hash("access_token").as_ref(), "{kind}");
            assert_eq!(id.claims.get("c_hash"), hash("code").as_ref(), "{kind}");
            assert_eq!((id.text("nonce"), id.text("iss")), (request.nonce.as_str(), app.issuer.as_str()));
            assert_eq!(id.claims["aud"], "old");
        }
        if let Some(access_token) = given.get("access_token") {
            let access = jwt::verify(&app, access_token).await;
            assert_eq!((given["token_type"].as_str(), given["expires_in"].as_str()), ("Bearer", "600"));
            assert_eq!(access.number("exp") - access.number("iat"), 600);
            assert_eq!(access.text("scope"), given["scope"]);
            let told = party.userinfo(access_token).await;
            assert_eq!(told.assert_status(200).json()["sub"], access.text("sub"), "{kind}");
        }
        if let Some(code) = given.get("code") {
            let tokens = party.tokens(&party.redeem(code, &request).await, Some(&request)).await;
            // OIDC Core §3.3.3.6: the same person from both endpoints.
            let id = jwt::claims_of(tokens.id_token.as_ref().unwrap());
            let first = given.get("id_token").map(|first| jwt::claims_of(first));
            assert!(first.is_none_or(|first| (&first["sub"], &first["iss"]) == (&id["sub"], &id["iss"])), "{kind}");
            assert!(tokens.refresh_token.is_some(), "{kind}");
        }
    }
}

/// OAuth 2.0 Multiple Response Types §3, RFC 6749 §3.1.1
#[tokio::test]
async fn the_order_of_words_means_nothing() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    for kind in ["id_token code", "token id_token", "token code id_token"] {
        let given = asked(&party, &browser, &party.request().with("response_type", kind)).await;
        assert!(given.contains_key("id_token"), "{kind}: {given:?}");
    }
}

/// OIDC Core §5.4: without any access token the claims of the scopes come in the ID token, and else they do not.
#[tokio::test]
async fn an_id_token_alone_carries_the_claims_of_its_scopes() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    let claims = async |kind: &str, scope: &str| {
        let request = party.request().with("response_type", kind).with("scope", scope);
        jwt::claims_of(&asked(&party, &browser, &request).await["id_token"])
    };
    let alone = claims("id_token", "openid profile email").await;
    assert_eq!((&alone["email"], &alone["name"]), (&"alice@example.com".into(), &"alice Kim".into()));
    let alone = claims("id_token", "openid email").await;
    assert!(alone.contains_key("email") && !alone.contains_key("name"), "{alone:?}");
    for kind in ["id_token token", "code id_token", "code id_token token"] {
        let beside = claims(kind, "openid profile email").await;
        assert!(!beside.contains_key("email") && !beside.contains_key("name"), "{kind}: {beside:?}");
    }
}

/// OIDC Core §3.2.2.1, §3.3.2.11, §3.1.2.1
#[tokio::test]
async fn an_id_token_through_the_browser_needs_a_nonce_and_the_scope_openid() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    for kind in ["id_token", "id_token token", "code id_token", "code id_token token"] {
        let request = party.request().with("response_type", kind);
        let error = |rule: &str| ("invalid_request".to_owned(), rule.to_owned());
        for without in [request.clone().without("nonce"), request.clone().with("nonce", "")] {
            assert_eq!(refused(&party, &browser, &without).await, error("AW-NONCE-MISSING"), "{kind}");
        }
        let without = request.with("scope", "profile");
        assert_eq!(refused(&party, &browser, &without).await, error("AW-OPENID-MISSING"), "{kind}");
    }
    for kind in ["token", "code token"] {
        let request = party.request().with("response_type", kind).without("nonce").with("scope", "profile");
        assert!(asked(&party, &browser, &request).await.contains_key("access_token"), "{kind}");
    }
}

/// RFC 9700 §2.1.1, §2.1.2: a code needs PKCE by whatever response type it comes; where there is none, nothing is bound.
#[tokio::test]
async fn pkce_is_needed_exactly_where_there_is_a_code() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    for kind in HYBRID {
        let request = party.request().with("response_type", kind);
        let without = request.clone().without("code_challenge").without("code_challenge_method");
        let error = ("invalid_request".to_owned(), "AW-PKCE-MISSING".to_owned());
        assert_eq!(refused(&party, &browser, &without).await, error, "{kind}");
        let code = asked(&party, &browser, &request).await["code"].clone();
        let wrong = AuthRequest { verifier: "w".repeat(43), ..request };
        party.redeem(&code, &wrong).await.assert_error(400, "invalid_grant");
    }
    for kind in IMPLICIT {
        let request = party.request().with("response_type", kind);
        let request = request.without("code_challenge").without("code_challenge_method");
        assert!(!asked(&party, &browser, &request).await.contains_key("error"), "{kind}");
    }
}

/// OAuth 2.0 Multiple Response Types §3, RFC 9700 §4.3.2: no token in a query, also not where a client asks for it.
#[tokio::test]
async fn tokens_travel_in_the_fragment_or_in_a_form() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    for kind in HYBRID.iter().chain(&IMPLICIT) {
        let request = party.request().with("response_type", kind);
        let error = ("invalid_request".to_owned(), "AW-RESPONSE-MODE".to_owned());
        assert_eq!(refused(&party, &browser, &request.clone().with("response_mode", "query")).await, error, "{kind}");
        asked(&party, &browser, &request.clone().with("response_mode", "fragment")).await;
        let page = browser.get(&request.clone().with("response_mode", "form_post").address()).await;
        let form = &page.assert_page(200).forms()[0];
        assert_eq!(form.action, request.redirect_uri);
        let words = kind.split(' ').map(|word| if word == "token" { "access_token" } else { word });
        for word in words {
            assert!(!form.field(word).is_empty(), "{kind}");
        }
        assert_eq!(form.field("iss"), app.issuer);
    }
    let prompt = party.request().with("response_type", "id_token").with("prompt", "none");
    let error = ("login_required".to_owned(), "AW-LOGIN-REQUIRED".to_owned());
    assert_eq!(refused(&party, &app.browser(), &prompt).await, error, "errors travel in the fragment too");
}

/// RFC 6749 §4.1.2.1, RFC 9700 §2.1.2: registered for it, with an exception of its kind, before its date.
#[tokio::test]
async fn each_kind_needs_its_registration_and_its_own_live_exception() {
    let both = modern_and_old("both", &[Allowance::Hybrid, Allowance::Implicit]);
    let unregistered = Client { response_types: vec!["code".to_owned()], ..both.clone() };
    let no_grant = Client { grant_types: vec![GrantType::AuthorizationCode], ..both.clone() };
    let app = TestApp::usual()
        .client(both)
        .client(modern_and_old("hybrid", &[Allowance::Hybrid]))
        .client(modern_and_old("implicit", &[Allowance::Implicit]))
        .client(Client { id: ClientId::new("unregistered"), ..unregistered })
        .client(Client { id: ClientId::new("no-grant"), ..no_grant })
        .start()
        .await;
    let browser = app.signed_in("alice").await;
    let cases = [
        ("both", true, true),
        ("hybrid", true, false),
        ("implicit", false, true),
        ("unregistered", false, false),
        ("no-grant", true, false),
        ("first-party", false, false),
    ];
    for (id, may_hybrid, may_implicit) in cases {
        let party = app.relying_party(id);
        let kinds = HYBRID.map(|kind| (kind, may_hybrid)).into_iter().chain(IMPLICIT.map(|kind| (kind, may_implicit)));
        for (kind, may) in kinds {
            let request = party.request().with("response_type", kind);
            if may {
                assert!(!asked(&party, &browser, &request).await.contains_key("error"), "{id}: {kind}");
            } else {
                let error = ("unauthorized_client".to_owned(), "AW-RESPONSE-TYPE-FORBIDDEN".to_owned());
                assert_eq!(refused(&party, &browser, &request).await, error, "{id}: {kind}");
            }
        }
        party.new_code(&browser, "alice").await;
    }
    app.advance(UNTIL - START);
    let browser = app.signed_in("alice").await;
    let party = app.relying_party("both");
    for kind in HYBRID.iter().chain(&IMPLICIT) {
        let request = party.request().with("response_type", kind);
        let error = ("unsupported_response_type".to_owned(), "AW-RESPONSE-TYPE".to_owned());
        assert_eq!(refused(&party, &browser, &request).await, error, "{kind} is offered to nobody any more");
    }
    party.new_code(&browser, "alice").await;
}

/// OpenID Connect Discovery §3: what some client may use is listed, and nothing else.
#[tokio::test]
async fn the_metadata_lists_what_an_exception_allows_as_long_as_it_lives() {
    let listed = async |app: &TestApp| {
        let document = app.get("/.well-known/openid-configuration").await.json();
        assert_eq!(
            document["response_types_supported"],
            app.get("/.well-known/oauth-authorization-server").await.json()["response_types_supported"]
        );
        let has_grant = document["grant_types_supported"].as_array().unwrap().contains(&"implicit".into());
        let kinds: Vec<String> = serde_json::from_value(document["response_types_supported"].clone()).unwrap();
        assert_eq!(has_grant, kinds.len() > 1, "{document}");
        kinds
    };
    let app = TestApp::usual().client(modern_and_old("hybrid", &[Allowance::Hybrid])).start().await;
    assert_eq!(listed(&app).await, ["code", "code id_token", "code token", "code id_token token"]);
    app.advance(UNTIL - START);
    assert_eq!(listed(&app).await, ["code"]);
    let app = TestApp::usual().client(modern_and_old("implicit", &[Allowance::Implicit])).start().await;
    assert_eq!(listed(&app).await, ["code", "token", "id_token", "id_token token"]);
    let disabled = Client { disabled_at: Some(app.now()), ..modern_and_old("hybrid", &[Allowance::Hybrid]) };
    let app = TestApp::usual().client(disabled).start().await;
    assert_eq!(listed(&app).await, ["code"]);
    // Whoever may register for it makes it offered.
    let app = TestApp::usual().start().await;
    let exception = &modern_and_old("x", &[Allowance::Implicit]).exceptions[0];
    let policy = serde_json::json!({ "mode": "open", "initial_access_tokens": [], "exceptions": [exception] });
    let now = app.now();
    app.write(move |db| authward::store::policies::save(db, "registration", &policy.to_string(), now)).await;
    assert_eq!(listed(&app).await, ["code", "token", "id_token", "id_token token"]);
}

/// RFC 6749 §4.1.2, RFC 7009 §2.1, RFC 9700 §4.5: what came through the browser hangs on the same grant.
#[tokio::test]
async fn a_replayed_code_and_a_revoked_refresh_token_end_the_access_token_from_the_browser() {
    let app = started().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    for is_replay in [true, false] {
        let request = party.request().with("response_type", "code token");
        let given = asked(&party, &browser, &request).await;
        let tokens = party.tokens(&party.redeem(&given["code"], &request).await, Some(&request)).await;
        for token in [&given["access_token"], &tokens.access_token] {
            party.userinfo(token).await.assert_status(200);
        }
        if is_replay {
            party.redeem(&given["code"], &request).await.assert_error(400, "invalid_grant");
        } else {
            party.revoke(tokens.refresh()).await.assert_status(200);
        }
        for token in [&given["access_token"], &tokens.access_token] {
            party.userinfo(token).await.assert_status(401);
        }
    }
    let given = asked(&party, &browser, &party.request().with("response_type", "token")).await;
    party.revoke(&given["access_token"]).await.assert_status(200);
    party.userinfo(&given["access_token"]).await.assert_status(401);
}

/// RFC 9700 §2.1.2: short lived, whatever the client's own tokens may be, and nothing renews it.
#[tokio::test]
async fn an_access_token_from_the_browser_lives_ten_minutes_at_most() {
    let long = Client {
        access_token_lifetime: Some(Lifetime::hours(12)),
        ..modern_and_old("long", &[Allowance::Hybrid, Allowance::Implicit])
    };
    let short =
        Client { id: ClientId::new("short"), access_token_lifetime: Some(Lifetime::seconds(60)), ..long.clone() };
    let app = TestApp::usual().client(long).client(short).start().await;
    let browser = app.signed_in("alice").await;
    for (id, seconds) in [("long", "600"), ("short", "60")] {
        let party = app.relying_party(id);
        for kind in ["token", "code token"] {
            let request = party.request().with("response_type", kind).with("scope", "openid offline_access");
            let given = asked(&party, &browser, &request).await;
            assert_eq!(given["expires_in"], seconds, "{id}: {kind}");
            // OIDC Core §11: offline_access is ignored where no code is given.
            let scope = if kind == "token" { "openid" } else { "openid offline_access" };
            assert_eq!(given["scope"], scope, "{kind}");
        }
    }
    let party = app.relying_party("long");
    let given = asked(&party, &browser, &party.request().with("response_type", "token")).await;
    app.advance(599);
    party.userinfo(&given["access_token"]).await.assert_status(200);
    app.advance(1);
    party.userinfo(&given["access_token"]).await.assert_status(401);
}

/// RFC 8707 §2.2: an opaque access token is stored with the grant.
#[tokio::test]
async fn an_opaque_access_token_comes_through_the_browser_too() {
    let vault = Resource {
        identifier: "https://vault.example".to_owned(),
        scopes: Vec::new(),
        access_token_type: AccessTokenType::Opaque,
        served_by: Vec::new(),
    };
    let client = modern_and_old("old", &[Allowance::Hybrid, Allowance::Implicit]);
    let app = TestApp::usual().client(client).resource(vault).start().await;
    let party = app.relying_party("old");
    let browser = app.signed_in("alice").await;
    let request = party.request().with("response_type", "id_token token").with("resource", "https://vault.example");
    let given = asked(&party, &browser, &request).await;
    assert_eq!(given["access_token"].len(), 43);
    let id = jwt::verify(&app, &given["id_token"]).await;
    assert_eq!(id.text("at_hash"), jwt::at_hash(&given["access_token"], id.header["alg"].as_str().unwrap()));
    party.userinfo(&given["access_token"]).await.assert_status(200);
    assert_eq!(rows::count(&app, "opaque_access_tokens"), 1);
    assert!(!String::from_utf8_lossy(&rows::dump(&app)).contains(&given["access_token"]), "only its hash is stored");
}

/// OIDC Core §3.1.2.4: a person is asked as for a code, and what they allowed is told to the audit by its response type.
#[tokio::test]
async fn login_and_consent_come_before_and_the_audit_names_the_response_type() {
    let client = Client { skip_consent: false, ..modern_and_old("old", &[Allowance::Hybrid]) };
    let app = TestApp::usual().client(client).start().await;
    let party = app.relying_party("old");
    let request = party.request().with("response_type", "code id_token token");
    let answer = party.authorize(&app.browser(), &request, "alice").await;
    let given = fragment(&party, &answer, &request);
    assert_eq!(names(&given), ["access_token", "code", "expires_in", "id_token", "scope", "token_type"]);
    let events = app.events_of(EventKind::GrantIssued).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].detail["response_type"], "code id_token token");
    assert!(!serde_json::to_string(&events[0].detail).unwrap().contains(&given["code"]));
    assert_eq!(rows::count(&app, "grants"), 1);
}
