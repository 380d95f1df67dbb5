//! The master key is replaced: every key and every sealed client secret, or none.

use crate::harness::Database;
use crate::samples::{NOW, client};
use authward::clients::change;
use authward::clock::Clock;
use authward::domain::audit::{By, EventKind, Filter, StoredEvent};
use authward::domain::client::{Client, ClientSecret};
use authward::domain::id::{ClientId, KeyId};
use authward::domain::key::Algorithm;
use authward::domain::secret::Secret;
use authward::entropy::Entropy;
use authward::keys::{KeyPolicy, Keys, MasterKey, Sealed, SecretSeal};
use authward::store::{Store, audit, clients};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// More clients than are read at once.
const MANY: u64 = 1100;

fn master(number: u64) -> MasterKey {
    MasterKey::generate(&Entropy::seeded(number))
}

fn seal(number: u64) -> SecretSeal {
    SecretSeal::new(master(number), Entropy::Os)
}

/// A node with this master key.
fn node(store: &Store, number: u64) -> Keys {
    let policy = KeyPolicy { algorithms: vec![Algorithm::ES256, Algorithm::EdDSA], ..KeyPolicy::default() };
    Keys::new(store.clone(), master(number), Clock::standing_at(NOW), Entropy::Os, policy)
}

fn by() -> By {
    By::command("keys reseal", NOW)
}

/// What is sealed for a client in these tests.
fn secret(id: &ClientId) -> Secret {
    Secret::new(format!("the secret of {id}"))
}

fn signer(id: &str, number: u64) -> Client {
    let id = ClientId::new(id);
    Client { secret: Some(ClientSecret::Sealed(seal(number).seal(&id, &secret(&id)))), ..client(id.as_str()) }
}

/// The events of a kind.
async fn told(db: &Database, kind: EventKind) -> Vec<StoredEvent> {
    let filter = Filter { kind: Some(kind), ..Filter::default() };
    db.read(move |db| audit::list(db, &filter, audit::LARGEST_PAGE)).await
}

/// Opens the secret of every client, all under this master key; how many there are.
async fn open_all(db: &Database, number: u64) -> usize {
    let clients = db.read(clients::list).await;
    for client in &clients {
        let Some(ClientSecret::Sealed(sealed)) = &client.secret else { panic!("{client:?}") };
        assert_eq!(seal(number).open(&client.id, sealed), Ok(secret(&client.id)));
    }
    clients.len()
}

on_every_database! {
    async fn everything_is_sealed_anew_once_and_told_once(db: Database) {
        let old = node(&db.store, 1);
        old.ensure().await.unwrap();
        db.write(|db| (0..MANY).try_for_each(|n| clients::save(db, &signer(&format!("client {n}"), 1), NOW))).await;
        let before = db.read(clients::list).await;
        assert_eq!(old.reseal(&master(2), &by()).await.unwrap(), Sealed { keys: 5, client_secrets: MANY });
        assert_eq!(open_all(&db, 2).await, MANY as usize);
        for (before, after) in before.iter().zip(db.read(clients::list).await) {
            assert_eq!(*before, Client { secret: before.secret.clone(), ..after });
        }
        assert_eq!(old.reseal(&master(2), &by()).await.unwrap(), Sealed::default());
        node(&db.store, 2).ensure().await.unwrap();
        let told = told(&db, EventKind::KeysResealed).await;
        let [told] = &told[..] else { panic!("{told:?}") };
        let detail = serde_json::json!({
            "from": master(1).id(), "to": master(2).id(), "keys": 5, "client_secrets": MANY,
        });
        assert_eq!((serde_json::json!(told.event.detail), &told.event.by), (detail, &by()));
    }

    async fn one_secret_that_neither_key_opens_keeps_everything_as_it_was(db: Database) {
        let old = node(&db.store, 1);
        old.ensure().await.unwrap();
        for (id, number) in [("a", 1), ("b", 1), ("c", 3)] {
            db.write(move |db| clients::save(db, &signer(id, number), NOW)).await;
        }
        let (keys, stored) = (old.list().await.unwrap(), db.read(clients::list).await);
        let error = old.reseal(&master(2), &by()).await.unwrap_err().to_string();
        let named = [master(1).id(), master(2).id(), master(3).id(), "client c".to_owned()];
        assert!(named.iter().all(|name| error.contains(name)), "{error}");
        assert!(old.list().await.unwrap() == keys);
        assert_eq!(db.read(clients::list).await, stored);
        db.write(|db| clients::remove(db, &ClientId::new("c"))).await;
        assert_eq!(old.reseal(&master(2), &by()).await.unwrap(), Sealed { keys: 5, client_secrets: 2 });
    }

    async fn of_two_replacements_at_once_one_takes_place_as_a_whole(db: Database) {
        node(&db.store, 1).ensure().await.unwrap();
        for n in 0..20 {
            db.write(move |db| clients::save(db, &signer(&format!("client {n}"), 1), NOW)).await;
        }
        let (one, other) = (node(&db.store, 1), node(&db.another_store(), 1));
        let (to_two, to_three, by) = (master(2), master(3), by());
        let outcomes = tokio::join!(one.reseal(&to_two, &by), other.reseal(&to_three, &by));
        let whole = Sealed { keys: 5, client_secrets: 20 };
        let number = match outcomes {
            (Ok(resealed), Err(_)) if resealed == whole => 2,
            (Err(_), Ok(resealed)) if resealed == whole => 3,
            other => panic!("{other:?}"),
        };
        assert_eq!(open_all(&db, number).await, 20);
        node(&db.store, number).ensure().await.unwrap();
        // To the same key, the second finds it done.
        let (one, other) = (node(&db.store, number), node(&db.another_store(), number));
        let to_four = master(4);
        let (first, second) = tokio::join!(one.reseal(&to_four, &by), other.reseal(&to_four, &by));
        let mut resealed = [first.unwrap(), second.unwrap()];
        resealed.sort_by_key(|sealed| sealed.keys);
        assert_eq!(resealed, [Sealed::default(), whole]);
    }

    async fn what_nodes_and_operators_do_meanwhile_is_not_lost(db: Database) {
        let (old, operator) = (node(&db.store, 1), node(&db.another_store(), 1));
        old.ensure().await.unwrap();
        db.write(|db| clients::save(db, &signer("signer", 1), NOW)).await;
        let stops = Arc::new(AtomicBool::new(false));
        let rotating = {
            let (old, stops) = (old.clone(), Arc::clone(&stops));
            tokio::spawn(async move {
                // Busy, or refused because the keys are sealed anew: this node has made its last key.
                let rotate = async || old.rotate_now(Some(Algorithm::ES256), true, &by()).await.is_ok();
                while !stops.load(Ordering::SeqCst) && rotate().await {}
            })
        };
        let renaming = {
            let (store, stops) = (db.another_store(), Arc::clone(&stops));
            tokio::spawn(async move {
                let mut name = 0;
                while !stops.load(Ordering::SeqCst) {
                    name += 1;
                    let rename = move |client: &mut Client| client.name = Some(name.to_string());
                    let change = move |db: &mut _| change::change(db, &ClientId::new("signer"), &by(), rename);
                    store.write(change).await.unwrap().unwrap();
                }
                name
            })
        };
        let new = master(2);
        for _ in 0..5 {
            match operator.reseal(&new, &by()).await {
                Ok(_) => {}
                Err(error) => assert!(error.is_temporary(), "{error}"),
            }
        }
        stops.store(true, Ordering::SeqCst);
        rotating.await.unwrap();
        let name = renaming.await.unwrap();
        // Whatever came in between under the old key, the next run takes.
        operator.reseal(&new, &by()).await.unwrap();
        assert_eq!(operator.reseal(&new, &by()).await.unwrap(), Sealed::default());
        assert_eq!(open_all(&db, 2).await, 1);
        assert_eq!(db.read(clients::list).await[0].name, Some(name.to_string()));
        node(&db.store, 2).ensure().await.unwrap();
        let made = told(&db, EventKind::KeyMade).await;
        let made = made.iter().filter_map(|told| told.event.detail.get("algorithm").and(told.event.detail.get("kid")));
        let made: BTreeSet<KeyId> = made.filter_map(|kid| kid.as_str().map(KeyId::new)).collect();
        let kept: BTreeSet<KeyId> = operator.list().await.unwrap().into_iter().map(|key| key.id).collect();
        assert_eq!(made, kept);
    }
}
