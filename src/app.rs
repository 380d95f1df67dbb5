//! The app: builds each service once from the settings, binds, and runs until it is told to stop. `main` and every test
//! use the same one.

use crate::clients::Clients;
use crate::clients::assertion::Assertions;
use crate::clients::keys::ClientKeys;
use crate::clock::Clock;
use crate::domain::client::{ApplicationType, Client, ClientAuthentication, GrantType};
use crate::domain::id::ClientId;
use crate::domain::issuer::Issuer;
use crate::domain::redirect_uri::RedirectUri;
use crate::domain::resource::Resource;
use crate::domain::scope::ScopeSet;
use crate::entropy::Entropy;
use crate::jobs::Jobs;
use crate::keys::{KeyPolicy, Keys, MasterKey, MasterKeyError};
use crate::logouts::Logouts;
use crate::metrics;
use crate::outbound::{Fetcher, LazyFetcher, OutboundError};
use crate::passwords::Passwords;
use crate::refusals::Refusals;
use crate::routes;
use crate::sessions::line::Lines;
use crate::sessions::waiting::Waiting;
use crate::settings::{DatabaseKind, Settings};
use crate::store::{Store, StoreError, StoreOptions, migrate};
use crate::tokens::Tokens;
use crate::ui::{Ui, UiError};
use crate::usage::Usage;
use crate::usage::watching::Watcher;
use crate::web::connections::Connections;
use crate::web::tls;
use crate::web::{Services, middleware};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The master key.
    #[error("the master key cannot be used: {0}")]
    MasterKey(#[from] MasterKeyError),
    /// The database.
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The schema is older than this program.
    #[error(
        "the database schema is not current ({0} migrations are missing): run `authward migrate`, or set database.migrate_on_start"
    )]
    OldSchema(usize),
    /// Templates, words or assets.
    #[error("the pages cannot be used: {0}")]
    Ui(#[from] UiError),
    /// What is needed to fetch something.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The certificate or its key.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// An address could not be bound, or a thread not be started.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: String,
        /// What the operating system said.
        cause: std::io::Error,
    },
}

/// A server that is built and not bound yet.
pub struct App {
    services: Services,
    tls: Option<rustls::ServerConfig>,
    watcher: Watcher,
    migration_is_due: Arc<AtomicBool>,
}

impl App {
    /// Builds the services. Nothing is read from the database yet, so it may be down.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn build(settings: Settings, clock: Clock, entropy: Entropy) -> Result<Self, AppError> {
        let tls = settings.server.tls.as_ref().map(tls::config).transpose()?;
        let store = open_store(&settings)?;
        let master = master_key(&settings, &entropy)?;
        let keys = Keys::new(store.clone(), master, clock.clone(), entropy.clone(), key_policy(&settings));
        let passwords = Passwords::new(&settings.accounts.passwords, entropy.clone())
            .map_err(|cause| AppError::System { what: "the password threads could not be started".into(), cause })?;
        let issuer = &settings.server.issuer;
        let fetcher = LazyFetcher::new(settings.outbound.clone());
        let client_keys = ClientKeys::new(fetcher.clone(), clock.clone());
        let assertions = Assertions::new(store.clone(), client_keys, keys.secret_seal(), issuer);
        let clients =
            Clients::new((store.clone(), clock.clone()), demo_client(issuer), Resource::built_in(issuer), assertions);
        let settings = Arc::new(settings);
        let services = Services {
            logouts: Logouts::new(
                (store.clone(), keys.clone(), clients.clone()),
                (clock.clone(), entropy.clone(), fetcher.clone()),
                Arc::clone(&settings),
            ),
            tokens: Tokens::new(store.clone(), keys.clone(), clients.clone(), settings.server.issuer.as_str()),
            clients,
            waiting: Waiting::new(settings.limits.authorization),
            lines: Lines::default(),
            refusals: Refusals::new(store.clone(), (entropy.clone(), clock.clone()), settings.audit.source_address),
            usage: Usage::new(store.clone(), clock.clone(), &entropy, &settings.usage),
            ui: Arc::new(Ui::new(settings.ui.directory.as_deref())?),
            settings,
            store,
            keys,
            passwords,
            clock,
            entropy,
        };
        // Made where it is needed: without a webhook a machine without certificates of authorities is no error.
        let is_needed = services.settings.usage.webhook.is_some();
        let fetcher = is_needed.then(|| Fetcher::new(&services.settings.outbound)).transpose()?;
        let (store, clock) = (services.store.clone(), services.clock.clone());
        let watcher = Watcher::new(store, clock, &services.entropy, &services.settings.usage, fetcher);
        Ok(Self { services, tls, watcher, migration_is_due: Arc::default() })
    }

    /// The services, for commands and tests.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// Brings an embedded database up to date, and any other where the settings say so; refuses an old schema. A
    /// database that cannot be reached is waited for: the server answers 503 until it is there.
    ///
    /// # Errors
    /// [`AppError::OldSchema`], or what is wrong with the database beyond being unreachable.
    pub async fn prepare(&self) -> Result<(), AppError> {
        let settings = &self.services.settings;
        let is_ours = settings.database.kind() == DatabaseKind::Sqlite || settings.database.migrate_on_start;
        let result = if is_ours {
            migrate::run(&self.services.store).await.map(|_| Vec::new())
        } else {
            migrate::pending(&self.services.store).await
        };
        match result {
            Ok(pending) if pending.is_empty() => {}
            Ok(pending) => return Err(AppError::OldSchema(pending.len())),
            Err(StoreError::Unavailable(cause)) => {
                tracing::error!(
                    cause,
                    "the database cannot be reached; the server starts and answers 503 until it can"
                );
                self.migration_is_due.store(is_ours, Ordering::SeqCst);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        if let Err(error) = self.services.keys.ensure().await {
            tracing::error!(cause = %error, "the signing keys cannot be loaded yet");
        }
        Ok(())
    }

    /// Binds the addresses and starts to serve.
    ///
    /// # Errors
    /// [`AppError::System`].
    pub fn start(self) -> Result<Running, AppError> {
        let services = self.services;
        let connections = Connections::default();
        let (server, addresses) = bind(&services, self.tls.as_ref(), &connections)?;
        let watch = tokio::spawn(connections.watch(services.settings.limits.head_timeout));
        let metrics = bind_metrics(&services)?;
        let (stop, stopped) = watch::channel(false);
        let jobs = Jobs {
            store: services.store.clone(),
            keys: services.keys.clone(),
            refusals: services.refusals.clone(),
            usage: services.usage.clone(),
            logouts: services.logouts.clone(),
            clients: services.clients.clone(),
            waiting: services.waiting.clone(),
            watcher: self.watcher,
            flush_usage_every: services.settings.usage.flush_every,
            clock: services.clock.clone(),
            audit_kept: services.settings.audit.keep,
            migration_is_due: self.migration_is_due,
        };
        let jobs = jobs.start(&stopped);
        let handle = server.handle();
        let metrics = metrics.map(|server| (server.handle(), tokio::spawn(server)));
        Ok(Running { addresses, handle, server: tokio::spawn(server), watch, metrics, jobs, stop, services })
    }
}

/// A server that serves.
pub struct Running {
    /// The addresses it is bound to.
    pub addresses: Vec<SocketAddr>,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    /// Ends quiet connections.
    watch: JoinHandle<()>,
    metrics: Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    jobs: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    /// Its services.
    pub services: Services,
}

impl Running {
    /// Stops to accept, finishes what is in flight within the grace of the settings, writes what waits, and closes the
    /// database.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        if let Ok(Err(cause)) = self.server.await {
            tracing::error!(%cause, "the server ended with an error");
        }
        self.watch.abort();
        if let Some((handle, server)) = self.metrics {
            handle.stop(false).await;
            if let Ok(Err(cause)) = server.await {
                tracing::error!(%cause, "the server of the metrics ended with an error");
            }
        }
        self.stop.send_replace(true);
        for job in self.jobs {
            if job.await.is_err() {
                tracing::error!("a job did not end in order");
            }
        }
        self.services.store.close();
    }
}

/// Opens the database of the settings.
///
/// # Errors
/// [`StoreError`].
pub fn open_store(settings: &Settings) -> Result<Store, StoreError> {
    let database = &settings.database;
    Store::open(StoreOptions {
        url: database.url.clone(),
        connections: u32::try_from(database.connections).unwrap_or(u32::MAX),
        queue: database.queue,
        wait: database.wait,
    })
}

/// The master key of the settings; made beside an embedded database where there is none.
///
/// # Errors
/// [`MasterKeyError`].
pub fn master_key(settings: &Settings, entropy: &Entropy) -> Result<MasterKey, AppError> {
    let keys = &settings.keys;
    if let Some(text) = &keys.master_key {
        return Ok(MasterKey::parse(text.reveal())?);
    }
    let path = keys.master_key_file.as_deref().unwrap_or_else(|| std::path::Path::new("master.key"));
    if keys.may_make_master_key {
        return Ok(MasterKey::load_or_create(path, entropy)?);
    }
    let found = MasterKey::find(path)?;
    found.ok_or_else(|| AppError::System {
        what: format!("the master key file {} is missing", path.display()),
        cause: std::io::ErrorKind::NotFound.into(),
    })
}

/// The rotation policy of the settings.
pub fn key_policy(settings: &Settings) -> KeyPolicy {
    KeyPolicy {
        algorithms: settings.keys.algorithms.clone(),
        rotate_every: settings.keys.rotate_every,
        publish_ahead: settings.keys.publish_ahead,
        jwks_max_age: settings.keys.jwks_max_age,
        longest_token: settings.tokens.longest_access_token_lifetime.max(settings.tokens.id_token_lifetime),
    }
}

/// The demonstration needs no registration: on a loopback issuer its client is always there.
fn demo_client(issuer: &Issuer) -> Option<Client> {
    let redirect = RedirectUri::register(&issuer.endpoint("/demo"), ApplicationType::Web).ok()?;
    issuer.is_loopback().then(|| Client {
        id: ClientId::new("authward-demo"),
        name: Some("PKCE demo".to_owned()),
        secret: None,
        authentication: ClientAuthentication::None,
        application_type: ApplicationType::Web,
        redirect_uris: vec![redirect],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        response_types: vec!["code".to_owned()],
        scopes: ScopeSet::parse("openid profile email offline_access").unwrap_or_default(),
        id_token_algorithm: "RS256".to_owned(),
        skip_consent: false,
        exceptions: Vec::new(),
        default_resource: None,
        access_token_lifetime: None,
        refresh_token_idle_lifetime: None,
        refresh_token_lifetime: None,
        refresh_token_rotation: None,
        allowed_origins: Vec::new(),
        metadata: serde_json::Map::new(),
        registration: None,
        disabled_at: None,
    })
}

fn bind(
    services: &Services,
    tls: Option<&rustls::ServerConfig>,
    connections: &Connections,
) -> Result<(Server, Vec<SocketAddr>), AppError> {
    let connections = connections.clone();
    let settings = Arc::clone(&services.settings);
    let shared = web::Data::new(services.clone());
    let issuer = settings.server.issuer.clone();
    let mut server = HttpServer::new(move || {
        let issuer = issuer.clone();
        ActixApp::new()
            .app_data(shared.clone())
            .configure(move |config| routes::configure(config, &issuer))
            .wrap(from_fn(middleware::outer))
    })
    .on_connect(move |io, data| connections.note(io, data))
    .workers(settings.server.workers)
    .client_request_timeout(settings.limits.head_timeout)
    .max_connections((settings.limits.max_connections / settings.server.workers.max(1)).max(16))
    .shutdown_timeout(settings.server.shutdown_grace.as_secs())
    .disable_signals();
    for address in &settings.server.bind {
        let bound = match tls {
            None => server.bind(address),
            Some(tls) => server.bind_rustls_0_23(address, tls.clone()),
        };
        server = bound.map_err(|cause| AppError::System { what: format!("{address} could not be bound"), cause })?;
    }
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// The metrics have an address and a worker of their own, which no request of others can keep busy.
fn bind_metrics(services: &Services) -> Result<Option<Server>, AppError> {
    let Some(address) = services.settings.observability.metrics_bind else { return Ok(None) };
    let shared = web::Data::new(services.clone());
    let server = HttpServer::new(move || {
        ActixApp::new().app_data(shared.clone()).route("/metrics", web::get().to(metrics::get))
    });
    let bound = server.workers(1).max_connections(64).shutdown_timeout(1).disable_signals().bind(address);
    let bound = bound.map_err(|cause| AppError::System { what: format!("{address} could not be bound"), cause })?;
    Ok(Some(bound.run()))
}

/// Runs a server until SIGTERM or SIGINT: prepares the database, serves, and stops in order.
///
/// # Errors
/// [`AppError`].
pub async fn run(settings: Settings) -> Result<(), AppError> {
    let issuer = settings.server.issuer.clone();
    let app = App::build(settings, Clock::System, Entropy::Os)?;
    app.prepare().await?;
    let running = app.start()?;
    announce(&issuer, &running.addresses);
    wait_for_signal().await;
    tracing::info!("stopping: what is in flight is finished first");
    running.stop().await;
    Ok(())
}

/// Tells a person at a terminal where to go, and a log what is served.
#[allow(clippy::print_stdout, reason = "the one line that a person who starts the server looks for")]
fn announce(issuer: &Issuer, addresses: &[SocketAddr]) {
    let listening = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::info!(issuer = issuer.as_str(), listening, version = env!("CARGO_PKG_VERSION"), "serving");
    println!("authward {} is ready. Open {}/ in a browser.", env!("CARGO_PKG_VERSION"), issuer.as_str());
}

async fn wait_for_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
