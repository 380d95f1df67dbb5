//! What every handler may use: each service, built once.

use crate::clients::Clients;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::keys::Keys;
use crate::logouts::Logouts;
use crate::passwords::Passwords;
use crate::refusals::Refusals;
use crate::sessions::SessionPolicy;
use crate::sessions::line::Lines;
use crate::sessions::waiting::Waiting;
use crate::settings::Settings;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::ui::Ui;
use crate::usage::Usage;
use std::sync::Arc;

/// The services of one server. Shared by all workers.
#[derive(Clone)]
pub struct Services {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Store,
    /// The signing-key service.
    pub keys: Keys,
    /// Registered clients.
    pub clients: Clients,
    /// What presented tokens mean.
    pub tokens: Tokens,
    /// What tells clients of ended sessions.
    pub logouts: Logouts,
    /// How many authorization requests may wait for their users.
    pub waiting: Waiting,
    /// The lines in which attempts to sign in stand.
    pub lines: Lines,
    /// The password pool.
    pub passwords: Passwords,
    /// The recorder of refusals.
    pub refusals: Refusals,
    /// The counters of usage.
    pub usage: Usage,
    /// Templates, words and assets.
    pub ui: Arc<Ui>,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub entropy: Entropy,
}

/// How long sessions last, by the settings.
pub fn session_policy(services: &Services) -> SessionPolicy {
    let sessions = &services.settings.sessions;
    SessionPolicy { idle_lifetime: sessions.idle_lifetime, lifetime: sessions.lifetime }
}
