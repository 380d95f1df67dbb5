//! What a transaction, a savepoint and a batch keep.

use crate::databases::DatabaseKind;
use crate::harness::open;
use crate::samples::{NOW, client, later, signing_key, user};
use authward::domain::id::{ClientId, UserId};
use authward::domain::key::{Algorithm, KeyState};
use authward::store::{Db, Store, StoreError, StoreOptions, attempt, clients, policies, signing_keys, users};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn count_users(db: &mut Db) -> Result<usize, StoreError> {
    Ok(users::list(db, None, 1000)?.len())
}

on_every_database! {
    async fn an_error_keeps_nothing_of_the_transaction(db: Database) {
        let refused = db
            .store
            .write(|db| {
                users::insert(db, &user("alice"))?;
                users::insert(db, &user("alice"))
            })
            .await;
        assert_eq!(refused, Err(StoreError::Conflict));
        let refused: Result<(), _> = db
            .store
            .write(|db| {
                users::insert(db, &user("alice"))?;
                Err(StoreError::Failed("of my own".to_owned()))
            })
            .await;
        assert_eq!(refused, Err(StoreError::Failed("of my own".to_owned())));
        assert_eq!(db.read(count_users).await, 0);
    }

    async fn a_conflict_in_a_savepoint_leaves_the_rest_of_the_transaction(db: Database) {
        db.write(|db| {
            users::insert(db, &user("alice"))?;
            assert_eq!(attempt(db, |db| users::insert(db, &user("alice"))), Err(StoreError::Conflict));
            attempt(db, |db| users::insert(db, &user("bob")))
        })
        .await;
        assert_eq!(db.read(count_users).await, 2);
    }

    async fn an_error_that_was_swallowed_without_savepoint_loses_no_write_in_silence(db: Database) {
        let outcome = db
            .store
            .write(|db| {
                users::insert(db, &user("alice"))?;
                let _ = users::insert(db, &user("alice"));
                Ok(())
            })
            .await;
        let kept = db.read(count_users).await;
        assert!(matches!((&outcome, kept), (Ok(()), 1) | (Err(StoreError::Failed(_)), 0)), "{outcome:?}, {kept}");
    }

    async fn one_bad_piece_of_a_batch_takes_no_other_down(db: Database) {
        let mut waiting = Vec::new();
        for n in 0..60 {
            let store = db.store.clone();
            waiting.push(tokio::spawn(async move {
                store
                    .write(move |db| {
                        users::insert(db, &user(&format!("user{n}")))?;
                        match n % 6 {
                            0 => users::insert(db, &user(&format!("user{n}"))),
                            1 => Err(StoreError::Corrupt("of my own".to_owned())),
                            2 => panic!("this panic belongs to the test"),
                            _ => Ok(()),
                        }
                    })
                    .await
            }));
        }
        for (n, outcome) in waiting.into_iter().enumerate() {
            let outcome = outcome.await.unwrap();
            match n % 6 {
                0 => assert_eq!(outcome, Err(StoreError::Conflict)),
                1 => assert_eq!(outcome, Err(StoreError::Corrupt("of my own".to_owned()))),
                2 => assert!(matches!(outcome, Err(StoreError::Failed(_))), "{outcome:?}"),
                _ => assert_eq!(outcome, Ok(())),
            }
        }
        assert_eq!(db.read(count_users).await, 30);
    }

    async fn a_panic_within_a_savepoint_keeps_nothing_and_ends_no_thread(db: Database) {
        for _ in 0..10 {
            let outcome: Result<(), _> = db
                .store
                .write(|db| {
                    users::insert(db, &user("alice"))?;
                    attempt(db, |db| attempt(db, |_| panic!("this panic belongs to the test")))
                })
                .await;
            assert!(matches!(outcome, Err(StoreError::Failed(_))), "{outcome:?}");
            let outcome: Result<(), _> = db.store.read(|_| panic!("this panic belongs to the test")).await;
            assert!(matches!(outcome, Err(StoreError::Failed(_))), "{outcome:?}");
        }
        assert_eq!(db.read(count_users).await, 0);
        db.write(|db| users::insert(db, &user("alice"))).await;
    }

    async fn opposite_orders_of_locking_end_in_two_successes(db: Database) {
        db.write(|db| ["a", "b"].iter().try_for_each(|name| policies::save(db, name, "0", NOW))).await;
        let other = db.another_store();
        let meeting = Arc::new(std::sync::Barrier::new(2));
        let tries = Arc::new(AtomicU32::new(0));
        // On SQLite the second writer does not begin before the first has ended, so nobody waits there.
        let has_writers_at_once = db.test.kind != DatabaseKind::Sqlite;
        let cross = |store: Store, first: &'static str, second: &'static str| {
            let (meeting, tries) = (Arc::clone(&meeting), Arc::clone(&tries));
            async move {
                store
                    .write(move |db| {
                        policies::save(db, first, first, NOW)?;
                        if has_writers_at_once && tries.fetch_add(1, Ordering::SeqCst) < 2 {
                            meeting.wait();
                        }
                        policies::save(db, second, first, NOW)
                    })
                    .await
            }
        };
        let outcomes = tokio::join!(cross(db.store.clone(), "a", "b"), cross(other, "b", "a"));
        assert_eq!(outcomes, (Ok(()), Ok(())));
        assert!(!has_writers_at_once || tries.load(Ordering::SeqCst) >= 3, "one of them was done again");
    }

    async fn a_write_is_seen_by_the_next_read_on_every_node(db: Database) {
        let other = db.another_store();
        for n in 0..20 {
            let at = later(n);
            db.write(move |db| clients::save(db, &client(&format!("c{n}")), at)).await;
            let id = ClientId::new(format!("c{n}"));
            assert!(other.read(move |db| clients::find(db, &id)).await.unwrap().is_some());
        }
    }

    async fn what_was_queued_is_finished_and_what_comes_after_closing_is_refused(db: Database) {
        let store = db.another_store();
        let mut waiting = Vec::new();
        for n in 0..20 {
            let store = store.clone();
            waiting.push(tokio::spawn(async move { store.write(move |db| users::insert(db, &user(&format!("u{n}")))).await }));
        }
        let mut done = 0;
        for (n, outcome) in waiting.into_iter().enumerate() {
            if n == 10 {
                store.close();
            }
            match outcome.await.unwrap() {
                Ok(()) => done += 1,
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
            }
        }
        assert_eq!(db.read(count_users).await, done);
        let late = store.read(|db| users::find(db, &UserId::new("u1"))).await;
        assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    }

    async fn a_full_queue_refuses_at_once(db: Database) {
        let options = StoreOptions { connections: 1, queue: 2, ..StoreOptions::new(&db.test.url) };
        let store = Store::open(options).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let (began, begun) = tokio::sync::oneshot::channel::<()>();
        let began = std::sync::Mutex::new(Some(began));
        let busy = store.clone();
        let busy = tokio::spawn(async move {
            busy.write(move |_| {
                if let Some(began) = began.lock().unwrap().take() {
                    began.send(()).unwrap();
                }
                held.lock().unwrap().recv().unwrap();
                Ok(())
            })
            .await
        });
        begun.await.unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.write(|_| Ok(())).await })
            })
            .collect();
        let mut refused = 0;
        while refused == 0 {
            let store = store.clone();
            let outcome = tokio::time::timeout(std::time::Duration::from_millis(20), store.write(|_| Ok(()))).await;
            if let Ok(Err(StoreError::Unavailable(_))) = outcome {
                refused += 1;
            }
        }
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        for one in waiting {
            let _ = one.await.unwrap();
        }
        store.write(|_| Ok(())).await.unwrap();
    }

    async fn a_row_that_cannot_be_is_corrupt(db: Database) {
        db.write(|db| signing_keys::insert(db, &signing_key("a", Algorithm::ES256, KeyState::Retired))).await;
        db.store
            .write(|db| policies::save(db, "p", "not json", NOW))
            .await
            .unwrap();
        assert_eq!(db.read(|db| policies::find(db, "p")).await.as_deref(), Some("not json"));
    }
}

#[tokio::test]
async fn a_store_opens_without_its_server_and_says_so_within_five_seconds() {
    let clock = authward::clock::Stopwatch::start();
    let store = open("postgres://nobody:hunter2@127.0.0.1:9/none");
    let refused = store.ready().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    assert!(clock.elapsed() < std::time::Duration::from_secs(5), "{:?}", clock.elapsed());
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_refused_with_a_reason() {
    for (url, reason) in [
        ("", "begins with"),
        ("redis://localhost", "begins with"),
        ("sqlite://", "names a file"),
        ("sqlite://:memory:", "names a file"),
        ("sqlite://a.db?mode=ro", "no parameters"),
        ("postgres://u@h/d?sslmode=require", "no TLS"),
    ] {
        let error = Store::open(StoreOptions::new(url)).unwrap_err();
        assert!(error.to_string().contains(reason), "{url}: {error}");
    }
    if cfg!(not(feature = "mysql")) {
        let error = Store::open(StoreOptions::new("mysql://root:hunter2@127.0.0.1/x")).unwrap_err();
        assert!(error.to_string().contains("--features mysql") && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_not_ready() {
    for kind in DatabaseKind::ALL {
        if kind == DatabaseKind::Mysql && cfg!(not(feature = "mysql")) {
            continue;
        }
        let test = crate::databases::TestDatabase::create(kind);
        let store = open(&test.url);
        assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))), "{kind:?}");
        let early = store.read(|db| users::list(db, None, 1)).await;
        assert!(matches!(early, Err(StoreError::Unavailable(_))), "{kind:?}: {early:?}");
        authward::store::migrate::run(&store).await.unwrap();
        store.ready().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_does_not_print_its_password() {
    let options = StoreOptions::new("postgres://user:hunter2@127.0.0.1/x");
    assert!(!format!("{options:?}").contains("hunter2"));
    assert!(!format!("{:?}", Store::open(options).unwrap()).contains("hunter2"));
}
