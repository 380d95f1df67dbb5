//! A server of one test: its own thread and runtime, database, port, clock and randomness.

use super::answer::Answer;
use super::browser::Browser;
use super::described;
use super::relying_party::RelyingParty;
use super::shared::databases::{self, DatabaseKind, TestDatabase};
use super::shared::server::free_port;
use super::tls::Certificate;
use authward::app::App;
use authward::clock::Clock;
use authward::domain::audit::{Event, EventKind, Filter};
use authward::domain::client::Client;
use authward::domain::id::{Reference, UserId};
use authward::domain::issuer::Issuer;
use authward::domain::key::{SecretKey, SigningKey};
use authward::domain::refusal::RefusalRecord;
use authward::domain::resource::Resource;
use authward::domain::secret::{Secret, TokenHash};
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::user::{Email, User, Username};
use authward::entropy::Entropy;
use authward::jobs::Jobs;
use authward::keys::Purpose;
use authward::settings::Settings;
use authward::store::{self, Db, Store, StoreError, StoreOptions, migrate};
use authward::usage::watching::Watcher;
use authward::web::Services;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Mutex, OnceCell, oneshot};

/// Where every clock stands at first: 15 January 2027, 08:00:00 UTC.
pub const START: i64 = 1_800_000_000;
/// The password of every user that a test adds.
pub const PASSWORD: &str = "a tram stop under seven maples";
/// One master key, so that all tests can share the signing keys that the first one made.
const MASTER_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Signing keys are slow to make (RSA), so they are made once a run.
static KEYS: Mutex<Option<MadeKeys>> = Mutex::const_new(None);

#[derive(Clone)]
struct MadeKeys {
    signing: Vec<SigningKey>,
    secret: Vec<(SecretKey, i64)>,
}

/// A server that is about to be started.
pub struct Builder {
    change: Vec<Box<dyn FnOnce(&mut Settings) + Send>>,
    issuer: Option<String>,
    certificate: Option<Certificate>,
    clients: Vec<Client>,
    resources: Vec<Resource>,
    users: Vec<String>,
    seed: u64,
}

impl Builder {
    /// Changes settings, after those of the harness.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        self.change.push(Box::new(change));
        self
    }

    /// Another issuer than the address that is listened on. One that begins with a slash is appended to the address.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.to_owned());
        self
    }

    /// Serves https with this certificate. What is asked of the server goes through a tunnel that speaks TLS with it,
    /// so that all tools work as they are.
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// A user with this name, the address `NAME@example.com`, and [`PASSWORD`].
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.users.push(name.to_owned());
        self
    }

    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub async fn start(self) -> TestApp {
        let database = fresh_database().await;
        let port = free_port();
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://127.0.0.1:{port}");
        let issuer = match self.issuer {
            None => address.clone(),
            Some(path) if path.starts_with('/') => format!("{address}{path}"),
            Some(whole) => whole,
        };
        let mut settings = settings(&database.url, port, &issuer);
        settings.server.tls = self.certificate.as_ref().map(Certificate::settings);
        for change in self.change {
            change(&mut settings);
        }
        let clock = Clock::standing_at(Timestamp::from_seconds(START));
        let (services, server) = Server::start(settings, clock.clone(), Entropy::seeded(self.seed)).await;
        let base = match &self.certificate {
            None => address,
            Some(certificate) => format!("http://127.0.0.1:{}", certificate.client().tunnel(port).await),
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("an HTTP client");
        let app = TestApp { base, issuer, services, clock, http, database, port, server: Some(server) };
        for client in self.clients {
            app.register(client).await;
        }
        for resource in self.resources {
            let now = app.now();
            app.write(move |db| store::resources::save(db, &resource, now)).await;
        }
        for name in self.users {
            app.add_user(&name).await;
        }
        app
    }
}

fn settings(database: &str, port: u16, issuer: &str) -> Settings {
    let mut settings = Settings::defaults();
    settings.server.bind = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
    settings.server.issuer = Issuer::parse(issuer).expect("an issuer");
    settings.server.workers = 1;
    settings.server.shutdown_grace = std::time::Duration::ZERO;
    settings.database.url = Secret::new(database);
    settings.database.connections = if database.starts_with("sqlite") { 2 } else { 6 };
    settings.database.wait = std::time::Duration::from_secs(30);
    settings.database.migrate_on_start = true;
    settings.keys.master_key = Some(Secret::new(MASTER_KEY));
    settings.keys.master_key_file = None;
    settings.keys.may_make_master_key = false;
    settings.accounts.passwords.threads = 1;
    settings.accounts.passwords.queue = 256;
    settings.accounts.passwords.memory = 64;
    settings.accounts.passwords.iterations = 1;
    settings
}

/// PostgreSQL copies a database faster than it makes the tables of one, so later tests copy the one that the first has
/// made. Its name says which migrations it has seen; it stays for later runs on the same server.
async fn fresh_database() -> TestDatabase {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    match DatabaseKind::from_env() {
        DatabaseKind::Postgres => TestDatabase::copy_of(TEMPLATE.get_or_init(template).await),
        kind => TestDatabase::create(kind),
    }
}

async fn template() -> String {
    let name = format!("authward_template_{}", fingerprint(Path::new("migrations/postgresql")));
    if !databases::is_there(&name) {
        let database = TestDatabase::create(DatabaseKind::Postgres);
        let store = Store::open(StoreOptions::new(&database.url)).expect("a store");
        migrate::run(&store).await.expect("the schema");
        store.close();
        database.keep_as(&name);
    }
    name
}

/// Sixteen hexadecimal digits that stand for every file below a folder.
fn fingerprint(folder: &Path) -> String {
    let folders = std::fs::read_dir(folder).expect("the migrations").map(|entry| entry.expect("an entry").path());
    let folders: BTreeSet<PathBuf> = folders.collect();
    let texts = folders.iter().map(|folder| std::fs::read_to_string(folder.join("up.sql")).expect("a migration"));
    let whole: String = folders.iter().map(|folder| folder.display().to_string()).chain(texts).collect();
    TokenHash::of(&whole).as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A running server. It stops, and its database goes, when this value is dropped.
pub struct TestApp {
    /// Where it is reached: `http://127.0.0.1:PORT`, or a tunnel to the TLS that it speaks there.
    pub base: String,
    /// What it calls itself.
    pub issuer: String,
    pub port: u16,
    pub services: Services,
    pub clock: Clock,
    pub http: reqwest::Client,
    pub database: TestDatabase,
    server: Option<Server>,
}

impl TestApp {
    /// A server with the usual clients ([`super::clients`]) and the user `alice`.
    pub async fn start() -> Self {
        Self::usual().start().await
    }

    /// The usual server with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        Self::usual().settings(change).start().await
    }

    /// The usual server, to be changed further.
    pub fn usual() -> Builder {
        super::clients::all().into_iter().fold(Self::empty(), Builder::client).user("alice")
    }

    /// A server without clients and users.
    pub fn empty() -> Builder {
        let (change, clients, resources, users) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Builder { change, issuer: None, certificate: None, clients, resources, users, seed: 1 }
    }

    /// The address of a path under the issuer, on the address that is listened on.
    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.base, self.services.settings.server.issuer.path())
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance(Lifetime::seconds(seconds));
    }

    /// Stops the server in order. Its database stays until this value is dropped.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(self)
    }

    /// A browser in which this user is signed in.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let browser = self.browser();
        browser.sign_in(name, PASSWORD).await;
        browser
    }

    /// A client as a program that checks every answer.
    pub fn relying_party(&self, client_id: &str) -> RelyingParty<'_> {
        RelyingParty::new(self, client_id)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path))).await
    }

    /// Posts a form without cookies.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(self.url(path)).form(form)).await
    }

    /// Sends a request, and holds the answer against the document of the API.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (http, request) = request.build_split();
        let request = request.expect("a request");
        let (method, url) = (request.method().clone(), request.url().clone());
        let answer = Answer::read(http.execute(request).await.expect("an answer")).await;
        let is_ours = url.port() == Some(self.port);
        if let Some(path) = url.path().strip_prefix(self.services.settings.server.issuer.path()).filter(|_| is_ours) {
            described::check(&method, path, &answer);
        }
        answer
    }

    /// Saves a client. What the server found of it in the two seconds before is not asked for again: register first.
    pub async fn register(&self, client: Client) {
        let now = self.now();
        self.write(move |db| store::clients::save(db, &client, now)).await;
    }

    /// Adds a user with the address `NAME@example.com` and [`PASSWORD`].
    pub async fn add_user(&self, name: &str) -> User {
        let hash = self.services.passwords.hash(&Secret::new(PASSWORD)).await.expect("a hash");
        let now = self.now();
        let mut claims = Map::new();
        claims.insert("name".into(), Value::String(format!("{name} Kim")));
        claims.insert("locale".into(), Value::String("ko-KR".into()));
        let user = User {
            id: UserId::new(self.services.entropy.uuid(now.seconds())),
            username: Username::parse(name).expect("a user name"),
            email: Email::parse(&format!("{name}@example.com")).expect("an address"),
            email_verified: true,
            password_hash: Some(hash),
            claims,
            roles: Vec::new(),
            disabled_at: None,
            created_at: now,
            updated_at: now,
        };
        let stored = user.clone();
        self.write(move |db| store::users::insert(db, &stored)).await;
        user
    }

    pub async fn find_user(&self, name: &str) -> Option<User> {
        let login = authward::domain::user::LoginName::parse(name).expect("a login name");
        self.read(move |db| store::users::find_by_login(db, &login)).await
    }

    /// Changes a stored user.
    pub async fn change_user(&self, name: &str, change: impl FnOnce(&mut User)) {
        let mut user = self.find_user(name).await.expect("the user");
        change(&mut user);
        assert!(self.write(move |db| store::users::update(db, &user)).await);
    }

    pub async fn read<T: Send + 'static>(&self, work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static) -> T {
        self.services.store.read(work).await.expect("a working database")
    }

    pub async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.services.store.write(work).await.expect("a working database")
    }

    /// What is audited, oldest first, and that the recorder of refusals has written what waits.
    pub async fn events(&self) -> Vec<Event> {
        self.services.refusals.flush().await.expect("a working database");
        let listed = self.read(|db| store::audit::list(db, &Filter::default(), 1000)).await;
        listed.into_iter().rev().map(|stored| stored.event).collect()
    }

    /// What is audited of one kind.
    pub async fn events_of(&self, kind: EventKind) -> Vec<Event> {
        self.events().await.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// What judges the alert rules of the settings, without a webhook.
    fn watcher(&self) -> Watcher {
        let Services { store, entropy, settings, .. } = &self.services;
        Watcher::new(store.clone(), self.clock.clone(), entropy, &settings.usage, None)
    }

    /// The jobs of this server, to run one of them now.
    pub fn jobs(&self) -> Jobs {
        Jobs {
            store: self.services.store.clone(),
            keys: self.services.keys.clone(),
            refusals: self.services.refusals.clone(),
            usage: self.services.usage.clone(),
            logouts: self.services.logouts.clone(),
            clients: self.services.clients.clone(),
            waiting: self.services.waiting.clone(),
            watcher: self.watcher(),
            flush_usage_every: self.services.settings.usage.flush_every,
            clock: self.clock.clone(),
            audit_kept: self.services.settings.audit.keep,
            migration_is_due: Arc::default(),
        }
    }

    /// Runs a command of the built binary on the database of this server: standard output, or standard error where it
    /// fails.
    pub fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_authward"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AUTHWARD_")) {
            command.env_remove(name);
        }
        let output = command
            .args(arguments)
            .current_dir(folder.path())
            .env("AUTHWARD__DATABASE__URL", &self.database.url)
            .env("AUTHWARD__KEYS__MASTER_KEY", MASTER_KEY)
            .output()
            .expect("the binary starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// The record behind the reference that an answer shows.
    #[track_caller]
    pub fn explain(&self, answer: &Answer) -> impl Future<Output = RefusalRecord> {
        let reference = Reference::new(answer.reference());
        let shown = format!("{answer:?}");
        async move {
            self.services.refusals.flush().await.expect("a working database");
            let found = self.read(move |db| store::refusals::find(db, &reference)).await;
            found.unwrap_or_else(|| panic!("the reference of {shown} explains nothing"))
        }
    }

    /// The rule by which an answer refuses.
    #[track_caller]
    pub fn rule_of(&self, answer: &Answer) -> impl Future<Output = String> {
        let record = self.explain(answer);
        async move { record.await.rule }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread of a server: actix needs a runtime of its own that outlives no test.
struct Server {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    async fn start(settings: Settings, clock: Clock, entropy: Entropy) -> (Services, Self) {
        let (stop, stopped) = oneshot::channel();
        let (ready, services) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let app = App::build(settings, clock, entropy).expect("the app is built");
                prepare(&app).await;
                let running = app.start().expect("the server starts");
                let _ = ready.send(running.services.clone());
                let _ = stopped.await;
                running.stop().await;
            });
        });
        (services.await.expect("a server that started: see above why it did not"), Self { stop, thread })
    }

    fn stop(self) {
        let _ = self.stop.send(());
        if self.thread.join().is_err() && !std::thread::panicking() {
            panic!("the server did not stop in order");
        }
    }
}

async fn prepare(app: &App) {
    let services = app.services();
    migrate::run(&services.store).await.expect("the schema");
    let mut made = KEYS.lock().await;
    match &*made {
        Some(keys) => {
            let keys = keys.clone();
            services.store.write(move |db| put_keys(db, &keys)).await.expect("the shared keys");
            app.prepare().await.expect("the app is prepared");
        }
        None => {
            app.prepare().await.expect("the app is prepared");
            *made = Some(services.store.read(find_keys).await.expect("the keys"));
        }
    }
}

fn find_keys(db: &mut Db) -> Result<MadeKeys, StoreError> {
    let mut secret = Vec::new();
    for purpose in Purpose::ALL {
        secret.extend(store::secret_keys::list(db, purpose.as_str())?.into_iter().zip(0..));
    }
    Ok(MadeKeys { signing: store::signing_keys::list(db)?, secret })
}

fn put_keys(db: &mut Db, keys: &MadeKeys) -> Result<(), StoreError> {
    for key in &keys.signing {
        store::signing_keys::insert(db, key)?;
    }
    for (key, ordinal) in &keys.secret {
        store::secret_keys::insert(db, key, *ordinal)?;
    }
    Ok(())
}
