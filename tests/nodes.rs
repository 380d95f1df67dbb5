//! Several `authward serve` processes on one database, and processes that are killed: what one node issued the other
//! knows, races over both have one winner, and what was acknowledged survives SIGKILL.

mod support;

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use reqwest::StatusCode;
use serde_json::Value;
use support::databases::{DatabaseKind, TestDatabase};
use support::server::free_port;
use tempfile::TempDir;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "http://127.0.0.1:8599/cb";
/// 32 bytes, the same on every node.
const MASTER_KEY: &str = "bm9kZXMgb2Ygb25lIGNsdXN0ZXIgc2hhcmUgdGhpcyE";
/// The one that takes its place.
const NEW_MASTER_KEY: &str = "6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435";
const PASSWORD: &str = "a tram stop under seven maples";
const SETUP: &str = r#"
users: [{ username: haneul, email: haneul@example.com, password: a tram stop under seven maples }]
clients:
  - { client_id: app, token_endpoint_auth_method: none, redirect_uris: ["http://127.0.0.1:8599/cb"],
      grant_types: [authorization_code, refresh_token], scope: openid offline_access, subject_type: pairwise }
  - { client_id: signer, client_secret: signs-with-a-secret-of-its-own-every-time, scope: openid,
      token_endpoint_auth_method: client_secret_jwt, grant_types: [client_credentials] }
  - { client_id: api, client_secret: asks-about-tokens, token_endpoint_auth_method: client_secret_post, grant_types: [], may_introspect: all }
"#;

/// Nodes that share a database and an issuer.
struct Cluster {
    database: TestDatabase,
    home: TempDir,
    master_key: &'static str,
    ports: Vec<u16>,
    children: Vec<Child>,
}

impl Cluster {
    async fn start(kind: DatabaseKind, nodes: usize) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join("setup.yaml"), SETUP).expect("the document");
        let ports = (0..nodes).map(|_| free_port()).collect();
        let (database, master_key, children) = (TestDatabase::create(kind), MASTER_KEY, Vec::new());
        let mut cluster = Self { database, home, master_key, ports, children };
        for arguments in [vec!["migrate"], vec!["apply", "setup.yaml"]] {
            let (status, printed) = cluster.run(&arguments);
            assert_eq!(status, Some(0), "{arguments:?}: {printed}");
        }
        for node in 0..nodes {
            let child = cluster.serve(node);
            cluster.children.push(child);
        }
        for node in 0..nodes {
            cluster.until_ready(node).await;
        }
        cluster
    }

    fn command(&self, node: usize) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authward"));
        command.current_dir(self.home.path()).stdin(Stdio::null());
        command.env("AUTHWARD__SERVER__BIND", format!("127.0.0.1:{}", self.ports[node]));
        command.env("AUTHWARD__SERVER__ISSUER", format!("http://127.0.0.1:{}", self.ports[0]));
        command.env("AUTHWARD__DATABASE__URL", &self.database.url).env("AUTHWARD__KEYS__MASTER_KEY", self.master_key);
        command
    }

    fn serve(&self, node: usize) -> Child {
        let log = File::create(self.log_file(node)).expect("the log file");
        let errors = log.try_clone().expect("a second handle on the log file");
        self.command(node).arg("serve").stdout(log).stderr(errors).spawn().expect("the binary starts")
    }

    fn log_file(&self, node: usize) -> PathBuf {
        self.home.path().join(format!("serve-{node}.log"))
    }

    /// Waits until a node, as it was started last, has logged this.
    async fn until_logged(&self, node: usize, words: &str) {
        for _ in 0..600 {
            if std::fs::read_to_string(self.log_file(node)).is_ok_and(|log| log.contains(words)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("node {node} does not say {words:?}");
    }

    async fn until_ready(&self, node: usize) {
        for _ in 0..600 {
            let answer = reqwest::get(format!("{}/health/ready", self.base(node))).await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("node {node} is not ready after 30 seconds");
    }

    fn base(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[node % self.ports.len()])
    }

    /// SIGKILL, and the same node again.
    async fn kill_and_restart(&mut self) {
        self.kill_and_serve();
        self.until_ready(0).await;
    }

    /// The same without waiting for it to be ready.
    fn kill_and_serve(&mut self) {
        self.children[0].kill().expect("a running child");
        self.children[0].wait().expect("our child");
        self.children[0] = self.serve(0);
    }

    /// Runs another command; its status and what it printed.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(0).args(arguments).output().expect("the binary runs");
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(printed).expect("UTF-8"))
    }

    async fn redeem(&self, node: usize, code: &str) -> reqwest::Result<(StatusCode, Value)> {
        let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.token(node, &[&form[..], &[("redirect_uri", REDIRECT_URI)]].concat()).await
    }

    async fn refresh(&self, node: usize, token: &str) -> reqwest::Result<(StatusCode, Value)> {
        self.token(node, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn token(&self, node: usize, form: &[(&str, &str)]) -> reqwest::Result<(StatusCode, Value)> {
        let form = [form, &[("client_id", "app")]].concat();
        let answer = http().post(format!("{}/token", self.base(node))).form(&form).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    async fn revoke(&self, node: usize, token: &str) -> StatusCode {
        let form = [("token", token), ("client_id", "app")];
        let answer = http().post(format!("{}/revoke", self.base(node))).form(&form).send().await;
        answer.expect("revocation answers").status()
    }

    async fn is_active(&self, node: usize, token: &str) -> bool {
        let form = [("token", token), ("client_id", "api"), ("client_secret", "asks-about-tokens")];
        let answer = http().post(format!("{}/introspect", self.base(node))).form(&form).send().await;
        let said: Value = answer.expect("introspection answers").json().await.expect("JSON");
        said["active"].as_bool().unwrap_or_else(|| panic!("neither active nor not: {said}"))
    }

    /// Asks as the client that signs with its secret (RFC 7523).
    async fn assert_itself(&self) -> StatusCode {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let claims = serde_json::json!({
            "iss": "signer", "sub": "signer", "aud": self.base(0), "exp": jsonwebtoken::get_current_timestamp() + 60,
            "jti": NEXT.fetch_add(1, Ordering::SeqCst).to_string(),
        });
        let key = EncodingKey::from_secret(b"signs-with-a-secret-of-its-own-every-time");
        let assertion = jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a JWS");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let answer = http().post(format!("{}/token", self.base(0))).form(&form).send().await;
        answer.expect("the token endpoint answers").status()
    }

    async fn jwks(&self) -> String {
        reqwest::get(format!("{}/jwks", self.base(0))).await.expect("an answer").text().await.expect("a body")
    }

    async fn userinfo(&self, node: usize, token: &str) -> StatusCode {
        let answer = http().get(format!("{}/userinfo", self.base(node))).bearer_auth(token).send().await;
        answer.expect("userinfo answers").status()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn http() -> reqwest::Client {
    let builder =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(30));
    builder.build().expect("a client")
}

/// A person's browser that goes to another node with every request.
#[derive(Default)]
struct Person {
    cookies: HashMap<String, String>,
    step: usize,
}

impl Person {
    async fn send(&mut self, cluster: &Cluster, path: &str, form: Option<&[(&str, &str)]>) -> (Option<String>, String) {
        let url = format!("{}{path}", cluster.base(self.step));
        self.step += 1;
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = match form {
            None => http().get(url),
            Some(form) => http().post(url).form(form),
        };
        let answer = request.header("cookie", cookies).send().await.expect("the node answers");
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().expect("a cookie").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("name and value");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let to = answer.headers().get("location").map(|to| to.to_str().expect("a location").to_owned());
        (to, answer.text().await.expect("a body"))
    }

    /// From the authorization request to the code, signing in and consenting where asked.
    async fn code(&mut self, cluster: &Cluster) -> String {
        let query = format!(
            "response_type=code&client_id=app&redirect_uri={REDIRECT_URI}&scope=openid%20offline_access&state=s&\
             code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let (mut to, mut page) = self.send(cluster, &format!("/authorize?{query}"), None).await;
        for _ in 0..10 {
            if let Some(target) = to {
                if let Some(answer) = target.strip_prefix(REDIRECT_URI) {
                    let code = answer.split(['?', '&']).find_map(|pair| pair.strip_prefix("code="));
                    return code.unwrap_or_else(|| panic!("no code in {target}")).to_owned();
                }
                (to, page) = self.send(cluster, &target, None).await;
                continue;
            }
            let (csrf, interaction) = (field(&page, "csrf"), field(&page, "interaction"));
            let hidden = [("csrf", csrf.as_str()), ("interaction", interaction.as_str())];
            (to, page) = if page.contains("name=\"password\"") {
                let typed = [("username", "haneul"), ("password", PASSWORD)];
                self.send(cluster, &format!("/login?interaction={interaction}"), Some(&[&hidden[..], &typed].concat()))
                    .await
            } else {
                self.send(cluster, "/consent", Some(&[&hidden[..], &[("decision", "allow")]].concat())).await
            };
        }
        panic!("no code after ten steps: {page}");
    }
}

fn field(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no field {name}: {page}"));
    let rest = &page[at..];
    let value = rest.split("value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("the field has a value").to_owned()
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_else(|| panic!("no {member} in {body}"))
}

async fn a_flow_may_change_nodes(kind: DatabaseKind) {
    let cluster = Cluster::start(kind, 2).await;
    let code = Person::default().code(&cluster).await;
    let (status, tokens) = cluster.redeem(1, &code).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(cluster.userinfo(0, text(&tokens, "access_token")).await, StatusCode::OK);
    let (status, refreshed) = cluster.refresh(0, text(&tokens, "refresh_token")).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "{refreshed}");
    let (status, _) = cluster.refresh(1, text(&refreshed, "refresh_token")).await.expect("an answer");
    assert_eq!(status, StatusCode::OK);
    let keys = |node| async move { reqwest::get(node).await.expect("an answer").text().await.expect("a body") };
    assert_eq!(keys(format!("{}/jwks", cluster.base(0))).await, keys(format!("{}/jwks", cluster.base(1))).await);
}

async fn fifty_redemptions_leave_nothing_live(kind: DatabaseKind) {
    let cluster = Cluster::start(kind, 2).await;
    let code = Person::default().code(&cluster).await;
    let answers = join_all((0..50).map(|node| cluster.redeem(node, &code))).await;
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("an answer")).collect();
    let won: Vec<_> = answers.iter().filter(|(status, _)| *status == StatusCode::OK).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for (status, body) in answers.iter().filter(|(status, _)| *status != StatusCode::OK) {
        assert_eq!((*status, text(body, "error")), (StatusCode::BAD_REQUEST, "invalid_grant"), "{body}");
    }
    let tokens = &won[0].1;
    for node in 0..2 {
        assert_eq!(cluster.userinfo(node, text(tokens, "access_token")).await, StatusCode::UNAUTHORIZED);
        let (status, body) = cluster.refresh(node, text(tokens, "refresh_token")).await.expect("an answer");
        assert_eq!((status, text(&body, "error")), (StatusCode::BAD_REQUEST, "invalid_grant"));
    }
}

async fn fifty_refreshes_leave_one_branch(kind: DatabaseKind) {
    let cluster = Cluster::start(kind, 2).await;
    let code = Person::default().code(&cluster).await;
    let (_, tokens) = cluster.redeem(0, &code).await.expect("an answer");
    let first = text(&tokens, "refresh_token").to_owned();
    let answers = join_all((0..50).map(|node| cluster.refresh(node, &first))).await;
    let successors: Vec<String> = answers
        .into_iter()
        .map(|answer| {
            let (status, body) = answer.expect("an answer");
            assert_eq!(status, StatusCode::OK, "{body}");
            text(&body, "refresh_token").to_owned()
        })
        .collect();
    assert!(successors.iter().all(|token| *token == successors[0]), "one live branch");
    let (status, body) = cluster.refresh(1, &successors[0]).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "nobody is logged out: {body}");
}

async fn an_acknowledged_revocation_leaves_nothing_live(kind: DatabaseKind) {
    // A release has to stand AUTHWARD_TEST_ROUNDS=200.
    let rounds = std::env::var("AUTHWARD_TEST_ROUNDS").map_or(40, |text| text.parse().expect("a number of rounds"));
    let cluster = Cluster::start(kind, 2).await;
    let mut person = Person::default();
    for round in 0..rounds {
        let code = person.code(&cluster).await;
        let (_, tokens) = cluster.redeem(round, &code).await.expect("an answer");
        let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        // Whatever a node keeps of a token, both have it.
        assert!(cluster.is_active(0, access).await && cluster.is_active(1, access).await);
        let (revoked, refreshed) = tokio::join!(cluster.revoke(round, refresh), cluster.refresh(round + 1, refresh));
        assert_eq!(revoked, StatusCode::OK);
        let mut given = vec![(access.to_owned(), refresh.to_owned())];
        match refreshed.expect("an answer") {
            (StatusCode::OK, body) => {
                given.push((text(&body, "access_token").to_owned(), text(&body, "refresh_token").to_owned()));
            }
            (status, body) => {
                assert_eq!((status, text(&body, "error")), (StatusCode::BAD_REQUEST, "invalid_grant"));
            }
        }
        for (access, refresh) in given {
            for node in 0..2 {
                assert!(!cluster.is_active(node, &access).await, "round {round}, node {node}");
                assert_eq!(cluster.userinfo(node, &access).await, StatusCode::UNAUTHORIZED);
                let (status, _) = cluster.refresh(node, &refresh).await.expect("an answer");
                assert_eq!(status, StatusCode::BAD_REQUEST);
            }
        }
    }
}

async fn what_was_acknowledged_survives_sigkill(kind: DatabaseKind) {
    const CHAINS: usize = 6;
    const ACKNOWLEDGED_BEFORE_THE_KILL: usize = 60;
    let mut cluster = Cluster::start(kind, 1).await;
    let mut person = Person::default();
    let mut chains = Vec::new();
    let mut codes = Vec::new();
    for _ in 0..CHAINS {
        let code = person.code(&cluster).await;
        let (_, tokens) = cluster.redeem(0, &code).await.expect("an answer");
        chains.push(text(&tokens, "refresh_token").to_owned());
    }
    for _ in 0..30 {
        codes.push(person.code(&cluster).await);
    }
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let (redeemed, latest) = {
        let cluster = &cluster;
        let count = Arc::clone(&acknowledged);
        let redeem = async {
            let mut redeemed = Vec::new();
            for code in &codes {
                match cluster.redeem(0, code).await {
                    Ok((StatusCode::OK, _)) => redeemed.push(code.clone()),
                    Ok((status, body)) => panic!("{status}: {body}"),
                    Err(_) => break,
                }
                count.fetch_add(1, Ordering::SeqCst);
            }
            redeemed
        };
        let refreshing = chains.into_iter().map(|mut token| {
            let count = Arc::clone(&acknowledged);
            async move {
                while let Ok((status, body)) = cluster.refresh(0, &token).await {
                    assert_eq!(status, StatusCode::OK, "{body}");
                    token = text(&body, "refresh_token").to_owned();
                    count.fetch_add(1, Ordering::SeqCst);
                }
                token
            }
        });
        let pid = cluster.children[0].id().to_string();
        let kill = async {
            while acknowledged.load(Ordering::SeqCst) < ACKNOWLEDGED_BEFORE_THE_KILL {
                tokio::task::yield_now().await;
            }
            let status = Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
            assert!(status.success());
        };
        let (redeemed, latest, ()) = tokio::join!(redeem, join_all(refreshing), kill);
        (redeemed, latest)
    };
    cluster.kill_and_restart().await;
    for token in latest {
        let (status, body) = cluster.refresh(0, &token).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "an acknowledged refresh token still works: {body}");
    }
    assert!(!redeemed.is_empty());
    for code in redeemed {
        let (status, body) = cluster.redeem(0, &code).await.expect("an answer");
        assert_eq!((status, text(&body, "error")), (StatusCode::BAD_REQUEST, "invalid_grant"));
    }
}

/// The subject of an ID token, which a key of this JWKS has signed.
fn subject(id_token: &str, jwks: &str) -> String {
    let kid = jsonwebtoken::decode_header(id_token).expect("a JWS").kid.expect("a kid");
    let set: JwkSet = serde_json::from_str(jwks).expect("a JWKS");
    let key = DecodingKey::from_jwk(set.find(&kid).expect("its key")).expect("a key");
    let mut validation = Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&["app"]);
    let verified = jsonwebtoken::decode::<Value>(id_token, &key, &validation).expect("a signature that verifies");
    text(&verified.claims, "sub").to_owned()
}

/// Under a new master key everything stays what it is. A node that runs under the old one goes on with what it has, and
/// one that starts says what is wrong.
async fn a_new_master_key_is_noticed_by_nobody(kind: DatabaseKind) {
    // The same one in every process; a second call finds it.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let mut cluster = Cluster::start(kind, 1).await;
    let mut person = Person::default();
    let code = person.code(&cluster).await;
    let (_, tokens) = cluster.redeem(0, &code).await.expect("an answer");
    let (access, jwks) = (text(&tokens, "access_token"), cluster.jwks().await);
    let sub = subject(text(&tokens, "id_token"), &jwks);
    assert_eq!(cluster.assert_itself().await, StatusCode::OK);

    let new_key = cluster.home.path().join("new.key");
    std::fs::write(&new_key, NEW_MASTER_KEY).expect("the key file");
    std::fs::set_permissions(&new_key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("our file");
    let reseal = ["keys", "reseal", "--new-master-key-file", "new.key"];
    let (status, printed) = cluster.run(&reseal);
    assert!(status == Some(0) && printed.contains("client secrets 1."), "{printed}");

    cluster.until_logged(0, "sealed under another master key").await;
    let (status, refreshed) = cluster.refresh(0, text(&tokens, "refresh_token")).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "{refreshed}");
    assert_eq!(cluster.userinfo(0, access).await, StatusCode::OK);
    // Its secret cannot be opened here any more; a node with the new key could.
    assert_eq!(cluster.assert_itself().await, StatusCode::SERVICE_UNAVAILABLE);
    cluster.kill_and_serve();
    cluster.until_logged(0, "sealed under another master key").await;
    let ready = reqwest::get(format!("{}/health/ready", cluster.base(0))).await.expect("an answer").status();
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    let (status, printed) = cluster.run(&["doctor"]);
    assert!(status == Some(1) && printed.contains("after \"authward keys reseal\" the new one"), "{printed}");
    let (status, printed) = cluster.run(&reseal);
    assert!(status == Some(0) && printed.starts_with("Nothing is sealed"), "{printed}");

    cluster.master_key = NEW_MASTER_KEY;
    cluster.kill_and_restart().await;
    assert_eq!(cluster.jwks().await, jwks);
    assert_eq!(cluster.userinfo(0, access).await, StatusCode::OK);
    assert!(cluster.is_active(0, access).await);
    assert_eq!(cluster.assert_itself().await, StatusCode::OK);
    let (status, refreshed) = cluster.refresh(0, text(&refreshed, "refresh_token")).await.expect("an answer");
    assert_eq!(status, StatusCode::OK, "{refreshed}");
    let code = person.code(&cluster).await;
    let (_, again) = cluster.redeem(0, &code).await.expect("an answer");
    for tokens in [&tokens, &refreshed, &again] {
        assert_eq!(subject(text(tokens, "id_token"), &jwks), sub);
    }
    let (_, printed) = cluster.run(&["doctor"]);
    assert!(printed.contains("opens every key that signs") && !printed.contains("not all is sealed"), "{printed}");
}

/// The report of the command line: requests of an endpoint.
fn reported(cluster: &Cluster, endpoint: &str) -> u64 {
    let arguments = ["usage", "--last", "2d", "--period", "hour", "--by", "endpoint", "--format", "json"];
    let output = cluster.command(0).args(arguments).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let lines = report["lines"].as_array().expect("lines");
    let line = lines.iter().find(|line| line["endpoint"] == endpoint);
    line.map_or(0, |line| line["requests"].as_u64().expect("a number"))
}

/// Two nodes that count the same keys at once, and stop in order: nothing is missing, nothing is there twice.
async fn two_nodes_add_up(kind: DatabaseKind) {
    let mut cluster = Cluster::start(kind, 2).await;
    let http = http();
    let answers = join_all((0..200).map(|node| http.get(format!("{}/jwks", cluster.base(node))).send())).await;
    for answer in answers {
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    }
    for child in &mut cluster.children {
        let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
        assert!(status.success() && child.wait().expect("our child").success());
    }
    assert_eq!(reported(&cluster, "GET /jwks"), 200);
}

/// What was flushed survives SIGKILL, and what is counted afterwards adds to it.
async fn counts_that_were_written_survive_sigkill(kind: DatabaseKind) {
    let mut cluster = Cluster::start(kind, 1).await;
    let ask = async |cluster: &Cluster, times| {
        for _ in 0..times {
            assert!(reqwest::get(format!("{}/jwks", cluster.base(0))).await.is_ok());
        }
    };
    ask(&cluster, 20).await;
    while reported(&cluster, "GET /jwks") < 20 {
        tokio::task::yield_now().await;
    }
    // At most this much is lost.
    ask(&cluster, 5).await;
    cluster.kill_and_restart().await;
    let survived = reported(&cluster, "GET /jwks");
    assert!((20..=25).contains(&survived), "{survived}");
    ask(&cluster, 7).await;
    let child = &mut cluster.children[0];
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success() && child.wait().expect("our child").success());
    assert_eq!(reported(&cluster, "GET /jwks"), survived + 7);
}

/// A flow begun on one node ends on the other, and both sign with the same keys.
#[tokio::test]
async fn a_flow_may_change_nodes_on_postgresql() {
    a_flow_may_change_nodes(DatabaseKind::Postgres).await;
}

/// A flow begun on one node ends on the other, and both sign with the same keys.
#[tokio::test]
async fn a_flow_may_change_nodes_on_mariadb() {
    a_flow_may_change_nodes(DatabaseKind::Mysql).await;
}

/// RFC 6749 §4.1.2, RFC 9700 §4.5
#[tokio::test]
async fn fifty_redemptions_over_two_nodes_leave_nothing_live_on_postgresql() {
    fifty_redemptions_leave_nothing_live(DatabaseKind::Postgres).await;
}

/// RFC 6749 §4.1.2, RFC 9700 §4.5
#[tokio::test]
async fn fifty_redemptions_over_two_nodes_leave_nothing_live_on_mariadb() {
    fifty_redemptions_leave_nothing_live(DatabaseKind::Mysql).await;
}

/// RFC 9700 §4.14.2
#[tokio::test]
async fn fifty_refreshes_over_two_nodes_leave_one_branch_on_postgresql() {
    fifty_refreshes_leave_one_branch(DatabaseKind::Postgres).await;
}

/// RFC 9700 §4.14.2
#[tokio::test]
async fn fifty_refreshes_over_two_nodes_leave_one_branch_on_mariadb() {
    fifty_refreshes_leave_one_branch(DatabaseKind::Mysql).await;
}

/// RFC 7009 §2, RFC 7662 §2.2: both nodes know of it at once, and refreshes that race with it are lost.
#[tokio::test]
async fn an_acknowledged_revocation_leaves_nothing_live_on_postgresql() {
    an_acknowledged_revocation_leaves_nothing_live(DatabaseKind::Postgres).await;
}

/// RFC 7009 §2, RFC 7662 §2.2: both nodes know of it at once, and refreshes that race with it are lost.
#[tokio::test]
async fn an_acknowledged_revocation_leaves_nothing_live_on_mariadb() {
    an_acknowledged_revocation_leaves_nothing_live(DatabaseKind::Mysql).await;
}

/// RFC 6749 §4.1.2
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_sigkill_on_sqlite() {
    what_was_acknowledged_survives_sigkill(DatabaseKind::Sqlite).await;
}

/// RFC 6749 §4.1.2
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_sigkill_on_postgresql() {
    what_was_acknowledged_survives_sigkill(DatabaseKind::Postgres).await;
}

/// RFC 6749 §4.1.2
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_sigkill_on_mariadb() {
    what_was_acknowledged_survives_sigkill(DatabaseKind::Mysql).await;
}

#[tokio::test]
async fn a_new_master_key_is_noticed_by_nobody_on_sqlite() {
    a_new_master_key_is_noticed_by_nobody(DatabaseKind::Sqlite).await;
}

#[tokio::test]
async fn a_new_master_key_is_noticed_by_nobody_on_postgresql() {
    a_new_master_key_is_noticed_by_nobody(DatabaseKind::Postgres).await;
}

#[tokio::test]
async fn a_new_master_key_is_noticed_by_nobody_on_mariadb() {
    a_new_master_key_is_noticed_by_nobody(DatabaseKind::Mysql).await;
}

#[tokio::test]
async fn counts_of_two_nodes_add_up_on_postgresql() {
    two_nodes_add_up(DatabaseKind::Postgres).await;
}

#[tokio::test]
async fn counts_of_two_nodes_add_up_on_mariadb() {
    two_nodes_add_up(DatabaseKind::Mysql).await;
}

#[tokio::test]
async fn counts_that_were_written_survive_sigkill_on_sqlite() {
    counts_that_were_written_survive_sigkill(DatabaseKind::Sqlite).await;
}

#[tokio::test]
async fn counts_that_were_written_survive_sigkill_on_postgresql() {
    counts_that_were_written_survive_sigkill(DatabaseKind::Postgres).await;
}

#[tokio::test]
async fn counts_that_were_written_survive_sigkill_on_mariadb() {
    counts_that_were_written_survive_sigkill(DatabaseKind::Mysql).await;
}
