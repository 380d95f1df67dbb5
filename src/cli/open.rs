//! From settings to the services that commands and the server stand on.

use super::{Context, Failure};
use crate::entropy::Entropy;
use crate::keys::{KeyPolicy, Keys, MasterKey};
use crate::passwords::Passwords;
use crate::settings::{DatabaseKind, PasswordHashing, Settings};
use crate::store::{Store, StoreOptions, migrate};
use std::time::Duration;

/// How long a command waits for the database, which is longer than a request may.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the store is opened under these settings.
pub fn store_options(settings: &Settings) -> StoreOptions {
    let database = &settings.database;
    StoreOptions {
        url: database.url.clone(),
        connections: u32::try_from(database.connections).unwrap_or(u32::MAX),
        queue: database.queue,
        wait: database.wait,
    }
}

/// When keys change under these settings.
pub fn key_policy(settings: &Settings) -> KeyPolicy {
    KeyPolicy {
        algorithms: settings.keys.algorithms.clone(),
        rotate_every: settings.keys.rotate_every,
        publish_ahead: settings.keys.publish_ahead,
        jwks_max_age: settings.keys.jwks_max_age,
        longest_token: settings.tokens.longest_access_token_lifetime.max(settings.tokens.id_token_lifetime),
    }
}

/// The master key: the value that was given, else the file, which is made beside an embedded database when nobody named
/// one.
///
/// # Errors
/// What is wrong, in words, without the key.
pub fn master_key(settings: &Settings, entropy: &Entropy) -> Result<MasterKey, String> {
    let keys = &settings.keys;
    if let Some(text) = &keys.master_key {
        return MasterKey::parse(text.reveal()).map_err(|error| format!("keys.master_key: {error}"));
    }
    let Some(path) = &keys.master_key_file else {
        return Err("keys.master_key: it is not set, and neither is keys.master_key_file".to_owned());
    };
    let found = if keys.may_make_master_key {
        MasterKey::load_or_create(path, entropy).map(Some)
    } else {
        MasterKey::find(path)
    };
    found
        .map_err(|error| format!("keys.master_key_file: {error}"))?
        .ok_or_else(|| format!("keys.master_key_file: there is no file {}", path.display()))
}

/// The store for a command that changes something: an embedded database is made and migrated, another one must be current.
pub(super) async fn store(context: &Context) -> Result<Store, Failure> {
    let store = unchecked_store(context)?;
    if context.settings.database.kind() == DatabaseKind::Sqlite {
        migrate::run(&store).await.map_err(Failure::work)?;
    }
    store.ready().await.map_err(Failure::work)?;
    Ok(store)
}

/// The store for a command that looks something up: an embedded database must be there.
pub(super) async fn existing_store(context: &Context) -> Result<Store, Failure> {
    if let Some(path) = context.settings.database.embedded_path().filter(|path| !path.exists()) {
        let path = path.display();
        return Err(Failure::Work(format!(
            "there is no database at {path}; \"authward serve\" and \"authward migrate\" make it"
        )));
    }
    store(context).await
}

/// The store as it is, its schema not looked at.
pub(super) fn unchecked_store(context: &Context) -> Result<Store, Failure> {
    let options = store_options(&context.settings);
    Store::open(StoreOptions { wait: options.wait.max(PATIENCE), connections: options.connections.min(2), ..options })
        .map_err(Failure::work)
}

/// The password pool for a command, whose queue has room for all it asks for at once.
pub(super) fn passwords(context: &Context) -> Result<Passwords, Failure> {
    let options = context.settings.accounts.passwords;
    Passwords::new(&PasswordHashing { queue: options.queue.max(64), ..options }, context.entropy.clone())
        .map_err(Failure::work)
}

/// The signing-key service, with the store that is there.
pub(super) async fn keys(context: &Context) -> Result<Keys, Failure> {
    let master = master_key(&context.settings, &context.entropy).map_err(Failure::Unusable)?;
    let store = existing_store(context).await?;
    Ok(Keys::new(store, master, context.clock.clone(), context.entropy.clone(), key_policy(&context.settings)))
}
