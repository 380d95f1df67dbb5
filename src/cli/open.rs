//! The services that commands stand on: those of the server, with more patience.

use super::{Context, Failure};
use crate::app;
use crate::keys::Keys;
use crate::passwords::Passwords;
use crate::settings::{DatabaseKind, PasswordHashing};
use crate::store::{Store, StoreOptions, migrate};
use std::time::Duration;

/// How long a command waits for the database, which is longer than a request may.
const PATIENCE: Duration = Duration::from_secs(60);

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
    let database = &context.settings.database;
    Store::open(StoreOptions {
        connections: 2,
        wait: database.wait.max(PATIENCE),
        ..StoreOptions::new(database.url.reveal())
    })
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
    let master = app::master_key(&context.settings, &context.entropy);
    let master = master.map_err(|error| Failure::Unusable(error.to_string()))?;
    let store = existing_store(context).await?;
    Ok(Keys::new(store, master, context.clock.clone(), context.entropy.clone(), app::key_policy(&context.settings)))
}
