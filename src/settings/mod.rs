//! Settings: what an operator may say, read once at the start into typed values.
//!
//! This room owns the sources and their order (built-in defaults, `config/default.toml`, `config/local.toml` or a named
//! file, `.env`, environment variables), the known keys, and every check that needs no other service. All problems are
//! reported at once, each with its key, what is wrong, and where the value was read. Values are never evaluated, and
//! those of secret keys are never shown. The built-in defaults are the text of `config/default.toml`, which documents
//! every key; a key that does not stand there is unknown.
//!
//! To add a setting: write it into `config/default.toml`, read it in the file of its group, and add the field there.

pub mod accounts;
pub mod audit;
pub mod database;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod observability;
pub mod outbound;
mod reader;
pub mod server;
pub mod sessions;
mod sources;
pub mod tokens;
pub mod ui;
pub mod usage;

pub use accounts::{Accounts, PasswordHashing};
pub use audit::Audit;
pub use database::{Database, DatabaseKind};
pub use keys::Keys;
pub use limits::{Authorization, Limits, Login, Registration};
pub use mail::Mail;
pub use observability::{LogFormat, Observability};
pub use outbound::{AllowedHost, Outbound};
pub use server::{Server, Tls};
pub use sessions::Sessions;
pub use sources::Inputs;
pub use tokens::Tokens;
pub use ui::Ui;
pub use usage::Usage;

use reader::Reader;

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `server.*`
    pub server: Server,
    /// `database.*`
    pub database: Database,
    /// `keys.*`
    pub keys: Keys,
    /// `outbound.*`
    pub outbound: Outbound,
    /// `tokens.*`
    pub tokens: Tokens,
    /// `sessions.*`
    pub sessions: Sessions,
    /// `accounts.*`
    pub accounts: Accounts,
    /// `mail.*`
    pub mail: Mail,
    /// `limits.*`
    pub limits: Limits,
    /// `audit.*`
    pub audit: Audit,
    /// `observability.*`
    pub observability: Observability,
    /// `ui.*`
    pub ui: Ui,
    /// `usage.*`
    pub usage: Usage,
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what} ({origin})")]
pub struct Problem {
    /// The key, or the file when it cannot be read at all.
    pub key: String,
    /// What is wrong, in words; shows no secret.
    pub what: String,
    /// Where the value was read: a file, a variable, or the built-in defaults.
    pub origin: String,
}

/// Everything that is wrong with the settings, in the order of the sources and then of the keys; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(pub Vec<Problem>);

impl std::fmt::Display for SettingsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        writeln!(f, "the configuration has {count} problem{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Reads and checks the settings from all sources.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem of every source.
    pub fn load(inputs: &Inputs) -> Result<Self, SettingsError> {
        let (values, problems) = sources::merge(inputs);
        let mut reader = Reader::new(values, problems);
        let settings = Self::read(&mut reader);
        reader.finish().map(|()| settings)
    }

    /// The settings of a server that nobody has configured. Tests change single fields of it.
    pub fn defaults() -> Self {
        Self::read(&mut Reader::new(sources::defaults(), Vec::new()))
    }

    fn read(reader: &mut Reader) -> Self {
        let server = Server::read(reader);
        let database = Database::read(reader);
        let keys = Keys::read(reader, &database);
        Self {
            server,
            database,
            keys,
            outbound: Outbound::read(reader),
            tokens: Tokens::read(reader),
            sessions: Sessions::read(reader),
            accounts: Accounts::read(reader),
            mail: Mail::read(reader),
            limits: Limits::read(reader),
            audit: Audit::read(reader),
            observability: Observability::read(reader),
            ui: Ui::read(reader),
            usage: Usage::read(reader),
        }
    }
}

/// The number of cores this process may use, at least 1.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests;
