//! Fifty at once over two nodes: the database decides, and exactly one wins.

use crate::harness::Database;
use crate::samples::{NOW, START, code, family, interaction, later, position, signing_key};
use authward::domain::id::{ClientId, FamilyId, KeyId};
use authward::domain::key::{Algorithm, KeyState, SecretKey};
use authward::domain::secret::TokenHash;
use authward::domain::throttle::{Throttle, ThrottleRule};
use authward::domain::time::Lifetime;
use authward::sessions::guard::{Admission, Guard, Source};
use authward::settings::Login;
use authward::store::{
    Db, StoreError, codes, interactions, migrate, open_registrations, quotas, refresh_tokens, secret_keys,
    signing_keys, throttles, used_jwts,
};

/// Runs `work` fifty times at once, half on each of two nodes.
async fn fifty<T: Send + 'static>(
    database: &Database,
    work: impl Fn(&mut Db) -> Result<T, StoreError> + Clone + Send + 'static,
) -> Vec<Result<T, StoreError>> {
    let stores = [database.store.clone(), database.another_store()];
    let running: Vec<_> = (0..50)
        .map(|n| {
            let (store, work) = (stores[n % 2].clone(), work.clone());
            tokio::spawn(async move { store.write(work).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for one in running {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}

fn wins(outcomes: Vec<Result<bool, StoreError>>) -> usize {
    outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count()
}

on_every_database! {
    /// RFC 6749 §4.1.2
    async fn a_code_is_redeemed_by_exactly_one(db: Database) {
        db.write(|db| codes::insert(db, &code("code", "g1"), later(600))).await;
        let redeem = |db: &mut Db| codes::redeem(db, &TokenHash::of("code"), later(1));
        assert_eq!(wins(fifty(&db, redeem).await), 1);
    }

    /// RFC 6749 §4.1.2
    async fn who_lost_the_race_for_a_code_sees_it_redeemed(db: Database) {
        db.write(|db| codes::insert(db, &code("code", "g1"), later(600))).await;
        let exchange = |db: &mut Db| {
            let found = codes::find(db, &TokenHash::of("code"))?.unwrap();
            let won = found.redeemed_at.is_none() && codes::redeem(db, &found.hash, later(1))?;
            let after = codes::find(db, &TokenHash::of("code"))?.unwrap();
            assert_eq!(after.redeemed_at, Some(later(1)));
            Ok(won)
        };
        assert_eq!(wins(fifty(&db, exchange).await), 1);
    }

    /// RFC 7523 §3
    async fn a_jwt_is_used_by_exactly_one(db: Database) {
        let take = |db: &mut Db| used_jwts::insert(db, &TokenHash::of("client jti"), later(60));
        assert_eq!(wins(fifty(&db, take).await), 1);
        assert!(!db.write(take).await);
        assert!(db.write(|db| used_jwts::insert(db, &TokenHash::of("client other"), later(60))).await);
    }

    async fn a_family_advances_for_exactly_one(db: Database) {
        db.write(|db| refresh_tokens::insert(db, &family("f1", "g1", "alice"))).await;
        for generation in 0..3 {
            let from = if generation == 0 { START } else { position(generation, 0) };
            let advance = move |db: &mut Db| {
                let to = position(generation + 1, 0);
                refresh_tokens::advance(db, &FamilyId::new("f1"), from, to, later(1), later(601))
            };
            assert_eq!(wins(fifty(&db, advance).await), 1);
        }
    }

    async fn an_interaction_is_taken_by_exactly_one_and_bound_to_one_browser(db: Database) {
        db.write(|db| interactions::insert(db, &interaction("one"))).await;
        let (id, browser) = (TokenHash::of("one"), TokenHash::of("browser"));
        let bind = move |db: &mut Db| interactions::bind_browser(db, &id, &browser, later(3600));
        assert_eq!(wins(fifty(&db, bind).await), 1);
        let take = |db: &mut Db| interactions::remove(db, &TokenHash::of("one"));
        assert_eq!(wins(fifty(&db, take).await), 1);
    }

    async fn one_next_key_and_one_secret_key_are_made(db: Database) {
        let counter = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let make = move |db: &mut Db| {
            let id = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            signing_keys::insert(db, &signing_key(&id.to_string(), Algorithm::ES256, KeyState::Next))
        };
        let outcomes = fifty(&db, make).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(StoreError::Conflict))));
        assert_eq!(db.read(signing_keys::list).await.len(), 1);

        let counter = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let make = move |db: &mut Db| {
            let id = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let key = SecretKey {
                id: KeyId::new(id.to_string()),
                purpose: "refresh".to_owned(),
                sealed: vec![1],
                created_at: NOW,
            };
            secret_keys::insert(db, &key, 1)
        };
        let outcomes = fifty(&db, make).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(StoreError::Conflict))));
    }

    async fn first_saves_at_once_all_succeed(db: Database) {
        let save = |db: &mut Db| {
            let throttle =
                Throttle { subject: TokenHash::of("x"), failures: 1, last_failed_at: NOW, expires_at: later(60) };
            throttles::save(db, &throttle)
        };
        assert!(fifty(&db, save).await.iter().all(Result::is_ok));
        assert_eq!(db.read(|db| throttles::find(db, &[TokenHash::of("x")])).await.len(), 1);
    }

    /// OWASP ASVS §2.2.1: as many attempts pass as may, over all nodes, be their counters new or old, and those that
    /// are given back leave no trace.
    async fn attempts_at_once_are_taken_as_often_as_they_may_be(db: Database) {
        let rule = |free| ThrottleRule { free, longest_wait: Lifetime::seconds(60), memory: Lifetime::hours(1) };
        let limits = Login { account_source: rule(5), source: rule(50), account: rule(20) };
        let nodes = [db.store.clone(), db.another_store()];
        for (now, free) in [(NOW, 5), (later(1), 1), (later(3), 1)] {
            let attempts = (0..50).map(|n| {
                let guard = Guard::new(limits, None, None, &Source::default());
                let node = nodes[n % 2].clone();
                tokio::spawn(async move { guard.take(&node, now).await })
            });
            let mut taken = Vec::new();
            for attempt in attempts.collect::<Vec<_>>() {
                if let Admission::Taken(one) = attempt.await.unwrap().unwrap() {
                    taken.push(one);
                }
            }
            assert_eq!(taken.len(), free);
        }
        let guard = Guard::new(limits, None, None, &Source::default());
        assert!(matches!(guard.take(&nodes[1], later(3)).await, Ok(Admission::Wait(4))));
        let Ok(Admission::Taken(last)) = guard.take(&nodes[1], later(7)).await else { panic!("it may") };
        db.write(move |db| last.give_back(db)).await;
        assert!(matches!(guard.take(&nodes[0], later(3)).await, Ok(Admission::Wait(4))), "as if it had not been");
        let Ok(Admission::Taken(right)) = guard.take(&nodes[0], later(7)).await else { panic!("it may") };
        db.write(move |db| right.succeeded(db)).await;
        assert!(matches!(guard.take(&nodes[1], later(7)).await, Ok(Admission::Taken(_))));
    }

    /// RFC 7591 §3: an initial access token gives no more clients than it has uses.
    async fn what_may_happen_so_often_happens_no_more_often(db: Database) {
        for most in [1, 7] {
            let subject = TokenHash::of(&format!("a token of {most} uses"));
            let take = move |db: &mut Db| quotas::take(db, &subject, most, later(60));
            assert_eq!(wins(fifty(&db, take).await), usize::try_from(most).unwrap());
            assert_eq!(db.read(move |db| quotas::uses(db, &subject)).await, most);
        }
    }

    async fn a_client_on_trial_is_kept_or_removed_and_never_both(db: Database) {
        db.write(|db| open_registrations::insert(db, &ClientId::new("new"), NOW)).await;
        let turn = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let decide = move |db: &mut Db| match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 3 {
            0 => open_registrations::keep(db, &ClientId::new("new")),
            1 => open_registrations::remove_unused(db, &ClientId::new("new")),
            _ => open_registrations::remove_ended(db, &ClientId::new("new"), NOW),
        };
        assert_eq!(wins(fifty(&db, decide).await), 1);
    }

    async fn a_revocation_beats_refreshes_at_the_same_time(db: Database) {
        db.write(|db| refresh_tokens::insert(db, &family("f1", "g1", "alice"))).await;
        let stores = [db.store.clone(), db.another_store()];
        let refreshing: Vec<_> = (0..30)
            .map(|n| {
                let store = stores[n % 2].clone();
                tokio::spawn(async move {
                    store
                        .write(|db| {
                            let id = FamilyId::new("f1");
                            let found = refresh_tokens::find(db, &id)?.unwrap();
                            let next = position(found.position.generation + 1, 0);
                            refresh_tokens::advance(db, &id, found.position, next, later(1), later(601))
                        })
                        .await
                })
            })
            .collect();
        assert!(stores[1].write(|db| refresh_tokens::revoke(db, &FamilyId::new("f1"), later(2))).await.unwrap());
        let at = db.read(|db| refresh_tokens::find(db, &FamilyId::new("f1"))).await.unwrap().position;
        for one in refreshing {
            one.await.unwrap().unwrap();
        }
        let dead = db.read(|db| refresh_tokens::find(db, &FamilyId::new("f1"))).await.unwrap();
        assert_eq!((dead.position, dead.revoked_at), (at, Some(later(2))), "nothing moves after the acknowledgement");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_that_migrate_at_once_apply_each_migration_once() {
    use crate::databases::{DatabaseKind, TestDatabase};
    for kind in DatabaseKind::ALL {
        if kind == DatabaseKind::Mysql && cfg!(not(feature = "mysql")) {
            continue;
        }
        let test = TestDatabase::create(kind);
        let running: Vec<_> = (0..4)
            .map(|_| {
                let store = crate::harness::open(&test.url);
                tokio::spawn(async move { migrate::run(&store).await })
            })
            .collect();
        let mut applied = Vec::new();
        for one in running {
            applied.extend(one.await.unwrap().unwrap());
        }
        let store = crate::harness::open(&test.url);
        let count = applied.len();
        applied.sort();
        applied.dedup();
        assert!(count > 0 && count == applied.len(), "{kind:?}: {applied:?}");
        assert!(migrate::pending(&store).await.unwrap().is_empty());
        store.ready().await.unwrap();
    }
}
