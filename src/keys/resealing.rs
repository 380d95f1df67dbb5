//! A new master key: what is sealed under the old one is sealed anew under the new one, and stays what it is.

use super::master::MasterKey;
use super::ring::{owner, secret_owner};
use super::sealing::{self, Owner, SealingError, SecretSeal};
use super::service::exactly_one;
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::client::ClientSecret;
use crate::domain::id::{ClientId, KeyId};
use crate::entropy::Entropy;
use crate::store::{Db, StoreError, audit, clients, secret_keys, signing_keys};
use std::collections::BTreeMap;

/// Clients with a sealed secret that are held in memory at once.
const PAGE: i64 = 500;

/// How much is sealed, or was sealed anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Signing keys of every state, and secret keys of every purpose.
    pub keys: u64,
    /// Secrets of clients that sign with them.
    pub client_secrets: u64,
}

/// How much is sealed under each master key, by its id. A value whose form is broken is a failure.
pub(super) fn count(db: &mut Db) -> Result<BTreeMap<String, Sealed>, StoreError> {
    let mut found: BTreeMap<String, Sealed> = BTreeMap::new();
    for_each_client_secret(db, |_, client, sealed| {
        let master = SecretSeal::master_of(client, sealed).map_err(corrupt)?;
        found.entry(master).or_default().client_secrets += 1;
        Ok(())
    })?;
    let (signing, secret) = (signing_keys::list(db)?, secret_keys::list_all(db)?);
    let signing = signing.iter().map(|key| (owner(key), &key.sealed_private));
    for (owner, sealed) in signing.chain(secret.iter().map(|key| (secret_owner(key), &key.sealed))) {
        let master = sealing::master_of(owner, sealed).map_err(corrupt)?;
        found.entry(master).or_default().keys += 1;
    }
    Ok(found)
}

/// Puts one master key in the place of another.
pub(super) struct Replacement {
    /// The one that everything is sealed under.
    pub(super) old: MasterKey,
    /// The one that everything is sealed under afterwards.
    pub(super) new: MasterKey,
    /// For nonces.
    pub(super) entropy: Entropy,
}

impl Replacement {
    /// Seals everything anew, with the event that says so where there was anything. To be called in one transaction,
    /// which must not be kept when this fails. What is under the new key already stays. Each value is replaced only as
    /// it was read; the keys come last, so that a node has little time left to add one unseen.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where something is sealed under neither key; [`StoreError::Conflict`] where something
    /// was changed at the same time.
    pub(super) fn carry_out(&self, db: &mut Db, by: &By) -> Result<Sealed, StoreError> {
        let client_secrets = self.reseal_client_secrets(db)?;
        let keys = self.reseal_keys(db)?;
        let resealed = Sealed { keys, client_secrets };
        if resealed != Sealed::default() {
            let event = Event::new(EventKind::KeysResealed, by).with("from", self.old.id()).with("to", self.new.id());
            audit::insert(db, &event.with("keys", keys).with("client_secrets", client_secrets))?;
        }
        Ok(resealed)
    }

    fn reseal_client_secrets(&self, db: &mut Db) -> Result<u64, StoreError> {
        let [old, new] = [&self.old, &self.new].map(|key| SecretSeal::new(key.clone(), self.entropy.clone()));
        let mut resealed = 0;
        for_each_client_secret(db, |db, client, sealed| {
            let opened = opened_by_old(new.open(client, sealed), || old.open(client, sealed));
            if let Some(secret) = opened.map_err(|error| self.neither(error))? {
                exactly_one(clients::reseal(db, client, sealed, &new.seal(client, &secret))?)?;
                resealed += 1;
            }
            Ok(())
        })?;
        Ok(resealed)
    }

    fn reseal_keys(&self, db: &mut Db) -> Result<u64, StoreError> {
        type Write = fn(&mut Db, &KeyId, &[u8], &[u8]) -> Result<bool, StoreError>;
        let (signing, secret) = (signing_keys::list(db)?, secret_keys::list_all(db)?);
        let signing =
            signing.iter().map(|key| (owner(key), &key.id, &key.sealed_private, signing_keys::reseal as Write));
        let secret = secret.iter().map(|key| (secret_owner(key), &key.id, &key.sealed, secret_keys::reseal as Write));
        let mut resealed = 0;
        for (owner, id, sealed, write) in signing.chain(secret) {
            if let Some(anew) = self.reseal(owner, sealed)? {
                exactly_one(write(db, id, sealed, &anew)?)?;
                resealed += 1;
            }
        }
        Ok(resealed)
    }

    /// The value under the new key; `None` where it is already.
    fn reseal(&self, owner: Owner<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let opened = opened_by_old(sealing::open(&self.new, owner, sealed), || sealing::open(&self.old, owner, sealed));
        let opened = opened.map_err(|error| self.neither(error))?;
        Ok(opened.map(|secret| sealing::seal(&self.new, &self.entropy, owner, &secret)))
    }

    fn neither(&self, error: SealingError) -> StoreError {
        match error {
            SealingError::OtherMasterKey { id, found, configured } => StoreError::Corrupt(format!(
                "key {id} is sealed under the master key {found}, which is neither the configured one ({configured}) \
                 nor the new one ({})",
                self.new.id()
            )),
            damaged @ SealingError::Damaged { .. } => corrupt(damaged),
        }
    }
}

/// What the old key opens; `None` where the new one does.
fn opened_by_old<T>(
    by_new: Result<T, SealingError>,
    by_old: impl FnOnce() -> Result<T, SealingError>,
) -> Result<Option<T>, SealingError> {
    match by_new {
        Ok(_) => Ok(None),
        Err(SealingError::OtherMasterKey { .. }) => by_old().map(Some),
        Err(damaged) => Err(damaged),
    }
}

/// Page by page: there may be very many clients.
fn for_each_client_secret(
    db: &mut Db,
    mut act: impl FnMut(&mut Db, &ClientId, &str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = clients::page_sealed(db, after.as_ref(), PAGE)?;
        for client in &page {
            if let Some(ClientSecret::Sealed(sealed)) = &client.secret {
                act(db, &client.id, sealed)?;
            }
        }
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => return Ok(()),
        }
    }
}

fn corrupt(error: SealingError) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
