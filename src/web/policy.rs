//! What a route has or skips: plain data, one value a row of the route table.

/// Who may call a route from a web page of another origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cors {
    /// Nobody: pages, forms, the authorization endpoint.
    Never,
    /// Anybody, without credentials: metadata and public keys.
    Open,
    /// The origins of the client that asks.
    Client,
    /// Anybody who brings a bearer token: it is not sent by itself, so no origin needs to be known.
    Bearer,
}

/// What caches may do with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// `no-store`: pages and answers with tokens.
    Never,
    /// What the handler says.
    Handler,
    /// A year, immutable: names carry a hash of the content.
    Immutable,
}

/// Who may use a route at all. What it needs beyond that is settled by its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anybody: pages, metadata, and those endpoints of the protocol that find out by themselves who asks.
    Public,
    /// A client, which authenticates itself at the endpoint (RFC 6749 §2.3).
    Client,
    /// A signed-in user with the role `admin`. Somebody who is signed out is sent to the login page.
    AdminPage,
    /// Whoever brings an access token for `{issuer}/api`: with scope `admin:read` to look (GET, HEAD), with `admin:write`
    /// for every other method.
    Admin,
    /// As [`Auth::Admin`] to look; POST as [`Auth::Client`]: protected resources report who called them.
    AdminOrReport,
}

/// The policy of a route.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Who may use it. Nothing under `/admin` and `/api` is public but what describes the API: a test holds that.
    pub auth: Auth,
    /// Cross-origin access.
    pub cors: Cors,
    /// Caching.
    pub cache: Cache,
    /// Whether the answer may be compressed. Never where it carries tokens or form secrets (BREACH).
    pub compress: bool,
    /// Whether the answers are pages (they get a content security policy and errors as pages) or data.
    pub kind: Kind,
    /// Whether the route is left out of the access log at level info: health checks.
    pub quiet: bool,
    /// Whether requests are counted by client, endpoint and outcome. Not where nobody is served: health checks, assets.
    pub usage: bool,
}

/// What a route answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pages for people.
    Page,
    /// JSON for programs; refusals as RFC 6749 §5.2 has them.
    Data,
    /// JSON of the admin API; refusals are problem documents (RFC 9457).
    Api,
}

impl Policy {
    /// A page with forms.
    pub const PAGE: Self = Self {
        auth: Auth::Public,
        cors: Cors::Never,
        cache: Cache::Never,
        compress: false,
        kind: Kind::Page,
        quiet: false,
        usage: true,
    };
    /// The token endpoint and its family.
    pub const TOKEN: Self = Self {
        auth: Auth::Client,
        cors: Cors::Client,
        cache: Cache::Never,
        compress: false,
        kind: Kind::Data,
        quiet: false,
        usage: true,
    };
    /// What only programs with a secret of their own may ask: no page has business there.
    pub const BACK_CHANNEL: Self = Self { cors: Cors::Never, ..Self::TOKEN };
    /// A protected resource.
    pub const BEARER: Self = Self { auth: Auth::Public, cors: Cors::Bearer, ..Self::TOKEN };
    /// The admin API.
    pub const API: Self = Self { auth: Auth::Admin, cors: Cors::Never, kind: Kind::Api, ..Self::TOKEN };
    /// A page for administrators.
    pub const ADMIN: Self = Self { auth: Auth::AdminPage, ..Self::PAGE };
    /// Public metadata.
    pub const METADATA: Self = Self {
        auth: Auth::Public,
        cors: Cors::Open,
        cache: Cache::Handler,
        compress: true,
        kind: Kind::Data,
        quiet: false,
        usage: true,
    };
    /// Assets with content-hashed names.
    pub const ASSET: Self = Self {
        auth: Auth::Public,
        cors: Cors::Never,
        cache: Cache::Immutable,
        compress: true,
        kind: Kind::Page,
        quiet: true,
        usage: false,
    };
    /// Health checks.
    pub const HEALTH: Self = Self {
        auth: Auth::Public,
        cors: Cors::Never,
        cache: Cache::Never,
        compress: false,
        kind: Kind::Data,
        quiet: true,
        usage: false,
    };
}
