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

/// The policy of a route.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
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
    /// JSON for programs.
    Data,
}

impl Policy {
    /// A page with forms.
    pub const PAGE: Self =
        Self { cors: Cors::Never, cache: Cache::Never, compress: false, kind: Kind::Page, quiet: false, usage: true };
    /// The token endpoint and its family.
    pub const TOKEN: Self =
        Self { cors: Cors::Client, cache: Cache::Never, compress: false, kind: Kind::Data, quiet: false, usage: true };
    /// A protected resource.
    pub const BEARER: Self = Self { cors: Cors::Bearer, ..Self::TOKEN };
    /// Public metadata.
    pub const METADATA: Self =
        Self { cors: Cors::Open, cache: Cache::Handler, compress: true, kind: Kind::Data, quiet: false, usage: true };
    /// Assets with content-hashed names.
    pub const ASSET: Self = Self {
        cors: Cors::Never,
        cache: Cache::Immutable,
        compress: true,
        kind: Kind::Page,
        quiet: true,
        usage: false,
    };
    /// Health checks.
    pub const HEALTH: Self =
        Self { cors: Cors::Never, cache: Cache::Never, compress: false, kind: Kind::Data, quiet: true, usage: false };
}
