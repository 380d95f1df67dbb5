//! `authward client …`

use super::apply::{Applier, describe};
use super::output::{self, Format, Row, text_of};
use super::{Context, Failure, open, typed};
use crate::app;
use crate::clients::{change, metadata, secret};
use crate::domain::client::{self as domain, ClientAuthentication, ClientSecret};
use crate::domain::id::ClientId;
use crate::domain::secret::Secret;
use crate::keys::SecretSeal;
use crate::store::{self, Store};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Add, list, show, disable and enable clients, and set their secrets.
#[derive(Debug, Subcommand)]
pub(super) enum Client {
    Add(Box<Add>),
    /// List all clients.
    List {
        /// How the list is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show everything that is stored of one client, but its secret.
    Show {
        /// The client_id.
        client_id: String,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Disable a client: its requests are refused, and everything it was given is revoked.
    Disable {
        /// The client_id.
        client_id: String,
    },
    /// Enable a client that was disabled.
    Enable {
        /// The client_id.
        client_id: String,
    },
    /// Replace the secret of a client.
    ///
    /// Without --secret-stdin a secret is generated and printed once.
    SetSecret {
        /// The client_id.
        client_id: String,
        /// Read the secret from standard input; at a terminal it is asked for and not shown.
        #[arg(long)]
        secret_stdin: bool,
    },
}

/// Add a client.
///
/// A client whose method needs a secret gets a generated one, which is printed once, unless --secret-stdin is given.
/// "authward apply" can say more of a client.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The client_id; generated where it is left out.
    client_id: Option<String>,
    /// The name that people are shown.
    #[arg(long)]
    name: Option<String>,
    /// A redirect URI; may be repeated.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// A client that cannot keep a secret: a native app or a page in a browser. The same as --auth-method none.
    #[arg(long, conflicts_with = "auth_method")]
    public: bool,
    /// How it authenticates itself: none, client_secret_basic, client_secret_post, client_secret_jwt or private_key_jwt.
    #[arg(long, value_name = "METHOD", default_value = "client_secret_basic")]
    auth_method: String,
    /// Where its public keys are, for private_key_jwt.
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
    /// It runs on a person's device: loopback and private-use redirect URIs are allowed.
    #[arg(long)]
    native: bool,
    /// A grant type; may be repeated.
    #[arg(long, value_name = "GRANT", default_values_t = ["authorization_code".to_owned(), "refresh_token".to_owned()])]
    grant_type: Vec<String>,
    /// The scopes it may ask for, separated by spaces.
    #[arg(long, default_value = metadata::DEFAULT_SCOPES)]
    scope: String,
    /// It is of the same house: people are not asked for consent.
    #[arg(long)]
    skip_consent: bool,
    /// Read its secret from standard input; at a terminal it is asked for and not shown.
    #[arg(long)]
    secret_stdin: bool,
    /// How the outcome is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct ClientRow {
    client_id: String,
    client_name: Option<String>,
    token_endpoint_auth_method: &'static str,
    grant_types: Value,
    scope: String,
    disabled: bool,
}

impl From<&domain::Client> for ClientRow {
    fn from(client: &domain::Client) -> Self {
        Self {
            client_id: client.id.as_str().to_owned(),
            client_name: client.name.clone(),
            token_endpoint_auth_method: client.authentication.as_str(),
            grant_types: json!(client.grant_types),
            scope: client.scopes.to_string(),
            disabled: client.disabled_at.is_some(),
        }
    }
}

impl Row for ClientRow {
    const HEADS: &'static [&'static str] = &["client_id", "name", "authentication", "state", "scope"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.client_id.clone(),
            self.client_name.clone().unwrap_or_default(),
            self.token_endpoint_auth_method.to_owned(),
            if self.disabled { "disabled" } else { "enabled" }.to_owned(),
            self.scope.clone(),
        ]
    }
}

impl Client {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { format } => {
                let store = open::existing_store(context).await?;
                let clients = store.read(store::clients::list).await.map_err(Failure::work)?;
                output::list(&clients.iter().map(ClientRow::from).collect::<Vec<_>>(), *format)
            }
            Self::Show { client_id, format } => show(&load(context, client_id).await?.1, *format),
            Self::Disable { client_id } => {
                let now = context.now();
                alter(context, ("client disable", client_id), move |client| {
                    client.disabled_at = client.disabled_at.or(Some(now));
                })
                .await?;
                output::print(
                    "The client is disabled; running servers refuse it within seconds. What it was given is revoked.\n",
                )
            }
            Self::Enable { client_id } => {
                alter(context, ("client enable", client_id), |client| client.disabled_at = None).await?;
                output::print("The client is enabled.\n")
            }
            Self::SetSecret { client_id, secret_stdin } => set_secret(context, client_id, *secret_stdin).await,
        }
    }
}

async fn set_secret(context: &Context, client_id: &str, from_stdin: bool) -> Result<(), Failure> {
    let (_, client) = load(context, client_id).await?;
    if !client.authentication.needs_secret() {
        let method = client.authentication.as_str();
        return Err(Failure::Work(format!("the client has token_endpoint_auth_method {method}, and so no secret")));
    }
    let chosen = Chosen::new(context, from_stdin)?;
    let stored = chosen.stored(context, &client).await?;
    alter(context, ("client set-secret", client_id), move |client| client.secret = Some(stored.clone())).await?;
    match chosen {
        Chosen::Generated(secret) => output::print(&format!("Client secret (shown this once): {}\n", secret.reveal())),
        Chosen::Typed(_) => output::print("The secret is set.\n"),
    }
}

/// Where a secret comes from.
enum Chosen {
    /// 256 random bits.
    Generated(Secret),
    /// A person, or a script.
    Typed(Secret),
}

impl Chosen {
    fn new(context: &Context, from_stdin: bool) -> Result<Self, Failure> {
        if !from_stdin {
            return Ok(Self::Generated(context.entropy.secret()));
        }
        let secret = metadata::parse_client_secret(typed::read("client secret")?.reveal());
        secret.map(Self::Typed).map_err(|what| Failure::Unusable(format!("client secret: {what}")))
    }

    const fn secret(&self) -> &Secret {
        match self {
            Self::Generated(secret) | Self::Typed(secret) => secret,
        }
    }

    /// A secret that signs is sealed. Else a generated one is hashed once, and one that somebody chose is stretched.
    async fn stored(&self, context: &Context, client: &domain::Client) -> Result<ClientSecret, Failure> {
        if client.authentication == ClientAuthentication::ClientSecretJwt {
            return seal(context, client, self.secret());
        }
        match self {
            Self::Generated(secret) => Ok(ClientSecret::generated(secret.reveal())),
            Self::Typed(secret) => {
                let hash = open::passwords(context)?.hash(secret).await.map_err(Failure::work)?;
                Ok(ClientSecret::Stretched(hash))
            }
        }
    }
}

impl Add {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let now = context.now();
        let id = self.client_id.clone().unwrap_or_else(|| context.entropy.uuid(now.seconds()));
        let id = metadata::parse_client_id(&id).map_err(|what| Failure::Unusable(format!("client_id: {what}")))?;
        let without = [ClientAuthentication::None, ClientAuthentication::PrivateKeyJwt];
        let has_secret = !self.public && without.iter().all(|method| self.auth_method != method.as_str());
        if !has_secret && self.secret_stdin {
            return Err(Failure::Unusable(
                "a client of this method has no secret: leave --secret-stdin out".to_owned(),
            ));
        }
        let chosen = if has_secret { Some(Chosen::new(context, self.secret_stdin)?) } else { None };
        let rules = Applier::rules(&context.settings);
        let registered = metadata::read(id, &self.metadata(), &rules).map_err(|errors| {
            Failure::Unusable(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let mut client = registered.client;
        let store = open::store(context).await?;
        if let Some(chosen) = &chosen {
            client.secret = Some(chosen.stored(context, &client).await?);
        }
        let (added, by) = (client.clone(), context.by("client add"));
        let is_new = store.write(move |db| change::create(db, &added, &by)).await.map_err(Failure::work)?;
        if !is_new {
            return Err(Failure::Work(format!("there is a client {} already", client.id)));
        }
        self.announce(&client, chosen.as_ref())
    }

    fn metadata(&self) -> Map<String, Value> {
        let method = if self.public { ClientAuthentication::None.as_str() } else { &self.auth_method };
        let mut metadata = Map::new();
        metadata.insert("token_endpoint_auth_method".into(), json!(method));
        metadata.insert("redirect_uris".into(), json!(self.redirect_uri));
        metadata.insert("application_type".into(), json!(if self.native { "native" } else { "web" }));
        metadata.insert("grant_types".into(), json!(self.grant_type));
        metadata.insert("scope".into(), json!(self.scope));
        metadata.insert("skip_consent".into(), json!(self.skip_consent));
        metadata.extend(self.jwks_uri.as_ref().map(|uri| ("jwks_uri".to_owned(), json!(uri))));
        metadata.extend(self.name.as_ref().map(|name| ("client_name".to_owned(), json!(name))));
        metadata
    }

    /// A secret that was typed is not repeated.
    fn announce(&self, client: &domain::Client, chosen: Option<&Chosen>) -> Result<(), Failure> {
        let secret = chosen.filter(|chosen| matches!(chosen, Chosen::Generated(_))).map(Chosen::secret);
        let secret = secret.map(|secret| secret.reveal().to_owned());
        match self.format {
            Format::Json => output::json(&json!({"client_id": client.id, "client_secret": secret})),
            Format::Table => output::fields(&[
                ("Client id", client.id.as_str().to_owned()),
                ("Client secret (shown this once)", secret.unwrap_or_default()),
            ]),
        }
    }
}

/// The sealed form of a secret that signs.
fn seal(context: &Context, client: &domain::Client, text: &Secret) -> Result<ClientSecret, Failure> {
    if text.reveal().len() < secret::SHORTEST_SIGNING_SECRET {
        let shortest = secret::SHORTEST_SIGNING_SECRET;
        return Err(Failure::Unusable(format!(
            "client secret: with client_secret_jwt it has at least {shortest} characters"
        )));
    }
    let master = app::master_key(&context.settings, &context.entropy);
    let master = master.map_err(|error| Failure::Unusable(error.to_string()))?;
    Ok(secret::generated(&SecretSeal::new(master, context.entropy.clone()), (&client.id, client.authentication), text))
}

/// The client in the words of a document (RFC 7591 §2).
fn show(client: &domain::Client, format: Format) -> Result<(), Failure> {
    let mut described = describe::client(client).without_secrets();
    match &client.secret {
        None => {}
        Some(ClientSecret::Sealed(_)) => described.0.push(("client_secret".to_owned(), json!("(sealed)"))),
        Some(_) => described.0.push(("client_secret".to_owned(), json!("(kept as a hash)"))),
    }
    if format == Format::Json {
        return output::json(&described);
    }
    let fields = described.0.iter().map(|(name, value)| (name.as_str(), text_of(value)));
    output::fields(&fields.collect::<Vec<_>>())
}

async fn load(context: &Context, id: &str) -> Result<(Store, domain::Client), Failure> {
    let store = open::existing_store(context).await?;
    let wanted = ClientId::new(id);
    let found = store.read(move |db| store::clients::find(db, &wanted)).await.map_err(Failure::work)?;
    found.map(|client| (store, client)).ok_or_else(|| unknown(id))
}

/// Changes a client by a command.
async fn alter(
    context: &Context,
    (command, id): (&str, &str),
    change: impl Fn(&mut domain::Client) + Send + 'static,
) -> Result<(), Failure> {
    let store = open::existing_store(context).await?;
    let (wanted, by) = (ClientId::new(id), context.by(command));
    let changed = store.write(move |db| change::change(db, &wanted, &by, &change)).await.map_err(Failure::work)?;
    changed.map(drop).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Failure {
    Failure::Work(format!("there is no client {id}"))
}
