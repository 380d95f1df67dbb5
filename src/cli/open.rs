//! The services that commands stand on: those of the server, with more patience.

use super::{Context, Failure};
use crate::app;
use crate::keys::Keys;
use crate::passwords::Passwords;
use crate::settings::{DatabaseKind, PasswordHashing};
use crate::store::{Store, StoreError, StoreOptions, migrate};
use std::path::PathBuf;
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
    require_present(context)?;
    store(context).await
}

/// The store for a command that must change nothing: neither made nor migrated. In the place of an embedded database that
/// is not there comes an empty one, which goes with what is returned beside it.
pub(super) async fn untouched_store(context: &Context) -> Result<(Store, Option<Scratch>), Failure> {
    if context.settings.database.embedded_path().is_some_and(|path| !path.exists()) {
        let scratch = Scratch::make(context).map_err(Failure::work)?;
        let url = format!("sqlite://{}", scratch.0.join("empty.db").display());
        let store = Store::open(StoreOptions::new(url)).map_err(Failure::work)?;
        migrate::run(&store).await.map_err(Failure::work)?;
        return Ok((store, Some(scratch)));
    }
    let store = unchecked_store(context)?;
    store.ready().await.map_err(Failure::work)?;
    Ok((store, None))
}

/// A folder for a while, readable by its owner only.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    fn make(context: &Context) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let name = format!("authward-{}", context.entropy.uuid(context.now().seconds()));
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map(|()| Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is empty.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The store as it is, its schema not looked at; an embedded database must be there.
pub(super) fn present_store(context: &Context) -> Result<Store, Failure> {
    require_present(context)?;
    unchecked_store(context)
}

/// The store as it is, with no more patience than a request has.
pub(super) fn hasty_store(context: &Context) -> Result<Store, StoreError> {
    let database = &context.settings.database;
    let options = StoreOptions::new(database.url.reveal());
    Store::open(StoreOptions { connections: 1, wait: database.wait, ..options })
}

fn require_present(context: &Context) -> Result<(), Failure> {
    if let Some(path) = context.settings.database.embedded_path().filter(|path| !path.exists()) {
        let path = path.display();
        return Err(Failure::Work(format!(
            "there is no database at {path}; \"authward serve\" and \"authward migrate\" make it"
        )));
    }
    Ok(())
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
