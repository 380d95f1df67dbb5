//! Signing keys and secret keys.

use crate::samples::{NOW, later, signing_key};
use authward::domain::id::KeyId;
use authward::domain::key::{Algorithm, KeyState, SecretKey, SigningKey};
use authward::store::{StoreError, secret_keys, signing_keys};

on_every_database! {
    async fn a_state_has_room_for_one_key_of_an_algorithm(db: Database) {
        use Algorithm::{ES256, RS256};
        use KeyState::{Active, Next, Retired, Retiring};
        let fits = [
            ("a", ES256, Next), ("b", ES256, Active), ("c", ES256, Retiring), ("d", ES256, Retiring),
            ("e", ES256, Retired), ("f", RS256, Next), ("g", RS256, Active),
        ];
        for (id, algorithm, state) in fits {
            db.write(move |db| signing_keys::insert(db, &signing_key(id, algorithm, state))).await;
        }
        for (id, state) in [("h", Next), ("i", Active), ("c", Retired)] {
            let refused = db.store.write(move |db| signing_keys::insert(db, &signing_key(id, ES256, state))).await;
            assert_eq!(refused, Err(StoreError::Conflict), "{id}");
        }
        let listed = db.read(signing_keys::list).await;
        assert_eq!(listed.len(), fits.len());
        assert_eq!(listed[0], signing_key("a", ES256, Next));
    }

    async fn a_key_moves_only_from_its_state_and_into_a_free_place(db: Database) {
        use KeyState::{Active, Next, Retired, Retiring};
        let key = |id: &str, state| signing_key(id, Algorithm::ES256, state);
        db.write(move |db| {
            signing_keys::insert(db, &key("old", Active))?;
            signing_keys::insert(db, &key("new", Next))
        })
        .await;
        let active = SigningKey { activated_at: Some(later(1)), ..key("new", Active) };
        let promoted = active.clone();
        let too_early =
            db.store.write(move |db| signing_keys::transition(db, &KeyId::new("new"), Next, Active, &promoted)).await;
        assert_eq!(too_early, Err(StoreError::Conflict));

        let retiring =
            SigningKey { retiring_at: Some(later(1)), retires_at: Some(later(600)), ..key("old", Retiring) };
        let (out, into) = (retiring.clone(), active.clone());
        let rotate = move |db: &mut _| {
            Ok(signing_keys::transition(db, &KeyId::new("old"), Active, Retiring, &out)?
                && signing_keys::transition(db, &KeyId::new("new"), Next, Active, &into)?)
        };
        assert!(db.write(rotate.clone()).await);
        assert!(!db.write(rotate).await, "the second node finds it done");
        let mut listed = db.read(signing_keys::list).await;
        listed.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(listed, [active, retiring.clone()]);

        db.write(move |db| signing_keys::insert(db, &key("next", Next))).await;
        let gone = |db: &mut _| {
            signing_keys::transition(db, &KeyId::new("old"), Retiring, Retired, &signing_key("old", Algorithm::ES256, Retired))
        };
        assert!(db.write(gone).await);
    }

    async fn a_key_is_sealed_again_and_removed(db: Database) {
        db.write(|db| signing_keys::insert(db, &signing_key("a", Algorithm::EdDSA, KeyState::Next))).await;
        let a = || KeyId::new("a");
        let before = signing_key("a", Algorithm::EdDSA, KeyState::Next).sealed_private;
        let reseal = move |db: &mut _| signing_keys::reseal(db, &a(), &before, &[9, 0, 9]);
        assert!(db.write(reseal.clone()).await);
        assert_eq!(db.read(signing_keys::list).await[0].sealed_private, [9, 0, 9]);
        assert!(!db.write(reseal).await, "it is not sealed so any more");
        assert!(!db.write(|db| signing_keys::reseal(db, &KeyId::new("A"), &[9, 0, 9], &[9])).await);
        assert!(db.write(move |db| signing_keys::remove(db, &a())).await);
        assert!(!db.write(move |db| signing_keys::remove(db, &a())).await);
        db.write(|db| signing_keys::insert(db, &signing_key("b", Algorithm::EdDSA, KeyState::Next))).await;
    }

    async fn secret_keys_are_numbered_within_their_purpose(db: Database) {
        let key = |id: &str, purpose: &str| SecretKey {
            id: KeyId::new(id),
            purpose: purpose.to_owned(),
            sealed: vec![0, 1, 255],
            created_at: NOW,
        };
        for (id, purpose, ordinal) in [("a", "refresh", 1), ("b", "forms", 1), ("c", "refresh", 2)] {
            let one = key(id, purpose);
            db.write(move |db| secret_keys::insert(db, &one, ordinal)).await;
        }
        let late = key("d", "refresh");
        assert_eq!(db.store.write(move |db| secret_keys::insert(db, &late, 2)).await, Err(StoreError::Conflict));
        assert_eq!(db.read(|db| secret_keys::list(db, "refresh")).await, [key("a", "refresh"), key("c", "refresh")]);
        assert!(db.read(|db| secret_keys::list(db, "Refresh")).await.is_empty());
        let all = [key("b", "forms"), key("a", "refresh"), key("c", "refresh")];
        assert_eq!(db.read(secret_keys::list_all).await, all);
    }

    async fn a_secret_key_is_sealed_again_as_it_was_read(db: Database) {
        let (id, purpose, sealed) = (KeyId::new("a"), "later".to_owned(), vec![0, 1, 255]);
        let key = SecretKey { id, purpose, sealed, created_at: NOW };
        db.write(move |db| secret_keys::insert(db, &key, 0)).await;
        let reseal = |db: &mut _| secret_keys::reseal(db, &KeyId::new("a"), &[0, 1, 255], &[7, 0]);
        assert!(db.write(reseal).await);
        assert_eq!(db.read(secret_keys::list_all).await[0].sealed, [7, 0]);
        assert!(!db.write(reseal).await);
    }
}
