//! The admin API (`/api`): who may use it, what it does, that it tells the audit, and that it gives away no secret.

use crate::support::clients::{self, SECRET};
use crate::support::relying_party::basic;
use crate::support::{Answer, PASSWORD, TestApp};
use authward::domain::audit::{Actor, EventKind};
use authward::domain::id::ClientId;
use authward::domain::scope::ScopeSet;
use authward::web::policy::{Auth, Kind};
use reqwest::Method;
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::usual().client(clients::operator()).start().await
}

/// A caller of the API.
struct Caller<'a> {
    app: &'a TestApp,
    token: String,
}

impl<'a> Caller<'a> {
    /// The operator's program, with a token by client_credentials.
    async fn operator(app: &'a TestApp) -> Self {
        Self::with(app, "admin:read admin:write").await
    }

    async fn with(app: &'a TestApp, scope: &str) -> Self {
        let resource = format!("{}/api", app.issuer);
        let form = [("grant_type", "client_credentials"), ("scope", scope), ("resource", &resource)];
        let request = app.http.post(app.url("/token")).header("authorization", basic("operator", SECRET)).form(&form);
        let answer = app.send(request).await;
        answer.assert_status(200);
        Self { app, token: answer.json()["access_token"].as_str().unwrap().to_owned() }
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.app.http.request(method, self.app.url(path)).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.app.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&body)).await
    }
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, rule: &str) {
    answer.assert_status(status).assert_no_store();
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    let problem = answer.json();
    assert_eq!((problem["status"].as_u64(), problem["rule"].as_str()), (Some(status.into()), Some(rule)), "{answer:?}");
    assert_eq!(problem["reference"].as_str().map(str::len), Some(9), "{answer:?}");
}

/// The names of the members that a refusal complains of.
fn wrong(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

/// RFC 6750 §3, RFC 6750 §3.1, RFC 9068 §4, RFC 9457: nothing of the API answers without a live token for it, with the
/// scope that the method needs.
#[tokio::test]
async fn nothing_is_done_without_a_token_for_this_api_with_the_scope_of_the_method() {
    let app = app().await;
    let foreign = app.relying_party("spa").sign_in(&app.browser(), "alice").await;
    let reader = Caller::with(&app, "admin:read").await;
    let writer = Caller::with(&app, "admin:write").await;
    let before = app.events().await.len();
    for (path, methods, policy) in authward::routes::paths().filter(|(_, _, policy)| policy.kind == Kind::Api) {
        let path = path.replace(['{', '}'], "");
        for name in methods {
            if policy.auth == Auth::AdminOrReport && name == "POST" {
                continue;
            }
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let request = || app.http.request(method.clone(), app.url(&path)).json(&json!({}));
            let without = app.send(request()).await;
            assert_problem(&without, 401, "AW-TOKEN-MISSING");
            assert_eq!(without.header("www-authenticate"), "Bearer realm=\"authward\"");
            for bad in [foreign.access_token.as_str(), foreign.id_token.as_deref().unwrap(), "x", foreign.refresh()] {
                let answer = app.send(request().bearer_auth(bad)).await;
                assert_problem(&answer, 401, "AW-TOKEN-INVALID");
                assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
            }
            let (lacking, scope) = if name == "GET" { (&writer, "admin:read") } else { (&reader, "admin:write") };
            let answer = app.send(request().bearer_auth(&lacking.token)).await;
            assert_problem(&answer, 403, "AW-ADMIN-ONLY");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
        }
    }
    let told = app.events().await.split_off(before);
    assert!(told.iter().all(|event| matches!(event.kind, EventKind::Refused)), "nothing was done: {told:?}");
    assert!(told.iter().any(|event| event.detail["rule"] == json!("AW-ADMIN-ONLY")));
}

#[tokio::test]
async fn a_user_is_an_administrator_while_they_have_the_role() {
    let app = TestApp::usual().start().await;
    let mut spa = clients::spa();
    spa.scopes = ScopeSet::parse("openid admin:read").unwrap();
    app.register(spa).await;
    let party = app.relying_party("spa").scope("openid admin:read");
    let browser = app.signed_in("alice").await;
    app.change_user("alice", |user| user.roles = vec!["admin".to_owned()]).await;
    let request = party.request().with("resource", &format!("{}/api", app.issuer));
    let answer = party.authorize(&browser, &request, "alice").await;
    let code = party.code(&answer, &request);
    let answer = party.redeem(&code, &request).await;
    answer.assert_status(200);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let caller = Caller { app: &app, token };
    caller.get("/api/users").await.assert_status(200);
    app.change_user("alice", |user| user.roles.clear()).await;
    assert_problem(&caller.get("/api/users").await, 403, "AW-ADMIN-ONLY");
    app.change_user("alice", |user| user.roles = vec!["Admin".to_owned()]).await;
    assert_problem(&caller.get("/api/users").await, 403, "AW-ADMIN-ONLY");
}

#[tokio::test]
async fn a_client_is_made_shown_replaced_disabled_and_enabled() {
    let app = app().await;
    let caller = Caller::operator(&app).await;
    let metadata = json!({
        "client_id": "shop/web app", "client_name": "Shop", "redirect_uris": ["https://shop.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "contacts": ["ops@shop.example"],
    });
    assert_eq!(
        wrong(&caller.post("/api/clients", metadata.clone()).await),
        ["client_id"],
        "a space is no visible character"
    );
    let mut metadata = metadata;
    metadata["client_id"] = json!("shop/web-app");
    let made = caller.post("/api/clients", metadata.clone()).await;
    made.assert_status(201);
    assert_eq!(made.header("location"), format!("{}/api/clients/shop%2Fweb-app", app.issuer));
    let secret = made.json()["client_secret"].as_str().unwrap().to_owned();
    assert!(secret.len() >= 43);
    assert_problem(&caller.post("/api/clients", metadata.clone()).await, 409, "AW-TAKEN");

    let path = "/api/clients/shop%2Fweb-app";
    let shown = caller.get(path).await.json();
    assert_eq!(shown["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(shown["contacts"], json!(["ops@shop.example"]));
    assert!(shown.get("client_secret").is_none() && !shown.to_string().contains("sha256"));

    // What is shown can be sent back and changes nothing; the secret stays.
    let again = caller.send("PUT", path, Some(&shown)).await;
    assert_eq!(again.assert_status(200).json(), shown);
    let mut renamed = shown.clone();
    renamed["client_name"] = json!("Corner shop");
    assert_eq!(caller.send("PUT", path, Some(&renamed)).await.json()["client_name"], "Corner shop");
    let stored = app.read(|db| authward::store::clients::find(db, &ClientId::new("shop/web-app"))).await.unwrap();
    assert_eq!(stored.secret.unwrap().matches_generated(&secret), Some(true));

    let renewed = caller.send("POST", &format!("{path}/secret"), None).await.json();
    assert_ne!(renewed["client_secret"], json!(secret));
    assert_eq!(caller.send("POST", &format!("{path}/disable"), None).await.json()["disabled"], true);
    assert_eq!(caller.send("POST", &format!("{path}/enable"), None).await.json()["disabled"], false);
    for (method, path) in [("GET", ""), ("PUT", ""), ("POST", "/disable"), ("POST", "/enable"), ("POST", "/secret")] {
        let answer = caller.send(method, &format!("/api/clients/nobody{path}"), Some(&json!({}))).await;
        assert_problem(&answer, 404, "AW-UNKNOWN");
    }
    let public = caller.send("POST", "/api/clients/spa/secret", None).await;
    assert_problem(&public, 409, "AW-STATE");

    let told: Vec<(&str, Value)> = app
        .events()
        .await
        .into_iter()
        .filter(|event| event.client_id.as_ref().is_some_and(|id| id.as_str() == "shop/web-app"))
        .inspect(|event| assert_eq!(event.by.actor, Actor::Client(ClientId::new("operator"))))
        .map(|event| (event.kind.as_str(), event.detail.get("fields").cloned().unwrap_or_default()))
        .collect();
    let changed = |field: &str| ("client_changed", json!([field]));
    assert_eq!(
        told,
        [
            ("client_created", Value::Null),
            changed("client_name"),
            changed("client_secret"),
            changed("disabled"),
            changed("disabled"),
        ]
    );
}

#[tokio::test]
async fn a_generated_secret_authenticates_and_the_one_before_does_not() {
    let app = app().await;
    let caller = Caller::operator(&app).await;
    let body = json!({
        "client_id": "job", "grant_types": ["client_credentials"], "response_types": [], "scope": "admin:read",
    });
    let first = caller.post("/api/clients", body).await.json()["client_secret"].as_str().unwrap().to_owned();
    let renewed = caller.send("POST", "/api/clients/job/secret", None).await.json();
    let second = renewed["client_secret"].as_str().unwrap();
    let token = async |secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "admin:read"),
            ("resource", &format!("{}/api", app.issuer)),
        ];
        app.send(app.http.post(app.url("/token")).header("authorization", basic("job", secret)).form(&form))
            .await
            .status
    };
    assert_eq!((token(&first).await, token(second).await), (401, 200));
}

#[tokio::test]
async fn an_account_is_made_shown_changed_disabled_and_its_sessions_end() {
    let app = app().await;
    let caller = Caller::operator(&app).await;
    let body = json!({ "username": "minji", "email": "minji@example.com", "claims": { "name": "김민지" }, "roles": ["support"] });
    let made = caller.post("/api/users", body.clone()).await;
    let new = made.assert_status(201).json();
    let (sub, password) = (new["sub"].as_str().unwrap().to_owned(), new["password"].as_str().unwrap().to_owned());
    assert_eq!(made.header("location"), format!("{}/api/users/{sub}", app.issuer));
    assert_problem(&caller.post("/api/users", body).await, 409, "AW-TAKEN");
    let browser = app.browser();
    browser.sign_in("minji", &password).await;

    let path = format!("/api/users/{sub}");
    let shown = caller.get(&path).await.json();
    assert_eq!((&shown["claims"]["name"], &shown["has_password"]), (&json!("김민지"), &json!(true)));
    assert!(shown.get("password").is_none() && !shown.to_string().contains("argon2"));
    assert_eq!(caller.get("/api/users?login=MINJI@example.com").await.json()["users"], json!([shown]));
    assert_eq!(caller.get("/api/users?login=nobody").await.json()["users"], json!([]));

    let changed = caller.send("PATCH", &path, Some(&json!({ "email_verified": true, "roles": [] }))).await.json();
    assert_eq!(
        (&changed["email_verified"], &changed["roles"], &changed["username"]),
        (&json!(true), &json!([]), &json!("minji"))
    );
    let moved = caller.send("PATCH", &path, Some(&json!({ "email": "mj@example.com" }))).await.json();
    assert_eq!(moved["email_verified"], false, "another address is not the one that was proven");
    let taken = caller.send("PATCH", &path, Some(&json!({ "email": "alice@example.com" }))).await;
    assert_problem(&taken, 409, "AW-TAKEN");

    browser.get("/account").await.assert_status(200);
    caller.send("DELETE", &format!("{path}/sessions"), None).await.assert_status(204);
    browser.get("/account").await.assert_status(303);
    let set = caller.post(&format!("{path}/password"), json!({ "password": PASSWORD })).await.json();
    assert!(set.get("password").is_none(), "what was chosen is not repeated");
    browser.sign_in("minji", PASSWORD).await;
    assert_eq!(caller.send("POST", &format!("{path}/disable"), None).await.json()["disabled"], true);
    browser.get("/account").await.assert_status(303);
    assert_eq!(caller.send("POST", &format!("{path}/enable"), None).await.json()["disabled"], false);
    let generated = caller.post(&format!("{path}/password"), json!({})).await.json();
    browser.sign_in("minji", generated["password"].as_str().unwrap()).await;
    for (method, rest) in [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/disable"),
        ("POST", "/enable"),
        ("POST", "/password"),
        ("DELETE", "/sessions"),
    ] {
        let answer = caller.send(method, &format!("/api/users/nobody{rest}"), Some(&json!({}))).await;
        assert_problem(&answer, 404, "AW-UNKNOWN");
    }
}

/// Everything that is wrong is named at once, and nothing is half done.
#[tokio::test]
async fn bad_bodies_and_queries_name_what_is_wrong() {
    let app = app().await;
    let caller = Caller::operator(&app).await;
    let before = app.events().await.len();
    let long = "x".repeat(5000);
    for (method, path, body, fields) in [
        ("POST", "/api/users", json!({}), vec!["username", "email"]),
        (
            "POST",
            "/api/users",
            json!({ "username": "a b", "email": "x", "password": "short" }),
            vec!["username", "email", "password"],
        ),
        ("POST", "/api/users", json!({ "username": 1, "email": null, "colour": "red" }), vec!["colour", "username"]),
        (
            "POST",
            "/api/users",
            json!({ "username": "eve", "email": "eve@example.com", "password": "password1" }),
            vec!["password"],
        ),
        (
            "POST",
            "/api/users",
            json!({ "username": "eve", "email": "eve@example.com", "password": "eve@example.com" }),
            vec!["password"],
        ),
        (
            "POST",
            "/api/users",
            json!({ "username": "eve", "email": "e@x.de", "roles": ["a b", ""], "claims": { "sub": "x" } }),
            vec!["roles", "roles", "claims"],
        ),
        (
            "POST",
            "/api/users",
            json!({ "username": "eve", "email": "e@x.de", "claims": { "name": "x".repeat(20_000) } }),
            vec!["claims"],
        ),
        (
            "POST",
            "/api/clients",
            json!({ "redirect_uris": ["javascript:x"], "colour": 1 }),
            vec!["colour", "redirect_uris[0]"],
        ),
        ("POST", "/api/clients", json!({ "client_id": 5, "redirect_uris": ["https://x.example/"] }), vec!["client_id"]),
        (
            "POST",
            "/api/clients",
            json!({ "client_id": long, "redirect_uris": ["https://x.example/"] }),
            vec!["client_id"],
        ),
        (
            "PUT",
            "/api/clients/spa",
            json!({ "client_id": "other", "redirect_uris": ["https://x.example/"] }),
            vec!["client_id"],
        ),
        ("PUT", "/api/clients/spa", json!({ "redirect_uris": ["https://x.example/"] }), vec!["client_secret"]),
        ("POST", "/api/keys/rotate", json!({ "algorithm": "HS256" }), vec!["algorithm"]),
        ("POST", "/api/keys/rotate", json!({ "force": "yes" }), vec!["force"]),
    ] {
        let answer = caller.send(method, path, Some(&body)).await;
        assert_problem(&answer, 400, "AW-FIELDS");
        let mut named = wrong(&answer);
        let mut expected: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        named.sort();
        expected.sort();
        assert_eq!(named, expected, "{method} {path} {body}");
    }
    for (path, field) in [
        ("/api/clients?limit=0", "limit"),
        ("/api/clients?limit=501", "limit"),
        ("/api/clients?limit=x", "limit"),
        ("/api/clients?colour=red", "colour"),
        ("/api/users?limit=1&limit=2", "limit"),
        ("/api/audit?since=yesterday", "since"),
        ("/api/audit?kind=sign_on", "kind"),
        ("/api/audit?before=1", "before"),
        ("/api/keys?x=1", "x"),
        ("/api/scopes?x=1", "x"),
    ] {
        let answer = caller.get(path).await;
        assert_problem(&answer, 400, "AW-FIELDS");
        assert_eq!(wrong(&answer), [field], "{path}");
    }
    for body in ["", "null", "[]", "{\"username\":\"a\",\"username\":\"b\"}", "{", "{\"username\":\"\\u0000\"}"] {
        let request = app.http.post(app.url("/api/users")).bearer_auth(&caller.token);
        let answer = app.send(request.header("content-type", "application/json").body(body)).await;
        assert_problem(&answer, 400, "AW-JSON");
    }
    for kind in ["application/x-www-form-urlencoded", "text/plain", ""] {
        let request = app.http.post(app.url("/api/users")).bearer_auth(&caller.token);
        assert_problem(&app.send(request.header("content-type", kind).body("{}")).await, 415, "AW-JSON-TYPE");
    }
    let request = app
        .http
        .post(app.url("/api/users"))
        .bearer_auth(&caller.token)
        .json(&json!({ "username": "x".repeat(100_000) }));
    assert_problem(&app.send(request).await, 413, "AW-BODY-TOO-LARGE");
    let told = app.events().await.split_off(before);
    assert!(told.iter().all(|event| event.kind == EventKind::Refused), "nothing was done: {told:?}");
    assert!(app.find_user("eve").await.is_none());
}

#[tokio::test]
async fn lists_are_read_in_pages() {
    let app = app().await;
    for name in ["bob", "carol", "dave"] {
        app.add_user(name).await;
    }
    let caller = Caller::operator(&app).await;
    for (path, list, id, all) in [("/api/clients", "clients", "client_id", 6), ("/api/users", "users", "sub", 4)] {
        let whole = caller.get(path).await.json();
        assert!(whole.get("next").is_none());
        let names = |page: &Value| -> Vec<String> {
            page[list].as_array().unwrap().iter().map(|one| one[id].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&whole).len(), all);
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = caller.get(&format!("{path}?limit=2{after}")).await.json();
            seen.extend(names(&page));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, names(&whole));
    }
}

#[tokio::test]
async fn keys_are_listed_rotated_and_retired_without_their_private_halves() {
    let app = app().await;
    let caller = Caller::operator(&app).await;
    let rotated = caller.post("/api/keys/rotate", json!({ "algorithm": "EdDSA", "force": true })).await.json();
    let kid = rotated["rotated"][0]["kid"].as_str().unwrap().to_owned();
    let keys = caller.get("/api/keys").await.json();
    let states: Vec<&str> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["kid"] == json!(kid))
        .map(|key| key["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["active"]);
    let retired = caller.send("POST", &format!("/api/keys/{kid}/retire"), None).await.json();
    assert_eq!(retired["kid"], json!(kid));
    assert!(retired["replaced_by"].is_string());
    let told = app.events_of(EventKind::KeyRetired).await;
    assert_eq!((told.len(), &told[0].by.actor), (1, &Actor::Client(ClientId::new("operator"))));
    assert_problem(&caller.send("POST", "/api/keys/none/retire", None).await, 404, "AW-UNKNOWN");
    assert!(!keys.to_string().contains("sealed") && !keys.to_string().contains("private"));
}

#[tokio::test]
async fn the_audit_is_read_in_pages_and_by_filter() {
    let app = app().await;
    for _ in 0..5 {
        app.signed_in("alice").await;
        app.advance(1);
    }
    let caller = Caller::operator(&app).await;
    let alice = app.find_user("alice").await.unwrap().id;
    let filter = format!("/api/audit?kind=sign_in&user_id={alice}&limit=2");
    let (mut times, mut before) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{filter}{before}")).await.json();
        times.extend(page["events"].as_array().unwrap().iter().map(|event| event["time"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    let mut newest_first = times.clone();
    newest_first.sort_by(|one, other| other.cmp(one));
    assert_eq!((times.len(), times), (5, newest_first));
}

/// Whatever the API answers, no hash and no secret is in it but what was generated by that very request.
#[tokio::test]
async fn no_list_and_no_document_gives_away_a_secret() {
    let app = app().await;
    let party = app.relying_party("backend");
    let tokens = party.sign_in(&app.browser(), "alice").await;
    let caller = Caller::operator(&app).await;
    let alice = app.find_user("alice").await.unwrap();
    let mut answers = String::new();
    for (path, methods, _) in authward::routes::paths().filter(|(_, _, policy)| policy.kind == Kind::Api) {
        if methods.contains(&"GET") {
            let path = path.replace("{client_id}", "backend").replace("{sub}", alice.id.as_str());
            let answer = caller.get(&path).await;
            answer.assert_status(200);
            answers.push_str(&answer.text());
        }
    }
    assert!(answers.contains("backend") && answers.contains("alice@example.com") && answers.contains("grant_issued"));
    let hash = authward::domain::client::hex(authward::domain::secret::TokenHash::of(SECRET).as_bytes());
    for secret in [
        SECRET,
        &hash,
        PASSWORD,
        "$argon2",
        alice.password_hash.as_deref().unwrap(),
        tokens.refresh(),
        &tokens.access_token,
    ] {
        assert!(!answers.contains(secret), "{secret}");
    }
}
