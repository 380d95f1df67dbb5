//! Accounts, sessions, consents and throttles.

use crate::samples::{NOW, later, scopes, session, user};
use authward::domain::device::Device;
use authward::domain::grant::Consent;
use authward::domain::id::{ClientId, Sid, UserId};
use authward::domain::secret::TokenHash;
use authward::domain::session::Session;
use authward::domain::throttle::Throttle;
use authward::domain::user::{Email, LoginName, Username};
use authward::store::{StoreError, consents, sessions, throttles, users};

on_every_database! {
    async fn a_user_comes_back_as_it_was_stored(db: Database) {
        let alice = user("Alice");
        let stored = alice.clone();
        db.write(move |db| users::insert(db, &stored)).await;
        let id = alice.id.clone();
        assert_eq!(db.read(move |db| users::find(db, &id)).await, Some(alice.clone()));
        for typed in ["ALICE", "alice", "alice@example.COM"] {
            let login = LoginName::parse(typed).unwrap();
            assert_eq!(db.read(move |db| users::find_by_login(db, &login)).await, Some(alice.clone()), "{typed}");
        }
        for other in ["user-alice", "user-Alice ", "USER-ALICE", "", "user\0"] {
            assert_eq!(db.read(move |db| users::find(db, &UserId::new(other))).await, None, "{other:?}");
        }
    }

    async fn a_taken_name_look_alike_or_address_is_a_conflict(db: Database) {
        db.write(|db| users::insert(db, &user("paypal"))).await;
        let mut same_name = user("PayPal");
        same_name.email = Email::parse("other@example.com").unwrap();
        let mut look_alike = user("p\u{430}ypal");
        look_alike.email = Email::parse("other@example.com").unwrap();
        let mut same_address = user("bob");
        same_address.email = Email::parse("PAYPAL@example.com").unwrap();
        for other in [same_name, look_alike, same_address] {
            let refused = db.store.write(move |db| users::insert(db, &other)).await;
            assert_eq!(refused, Err(StoreError::Conflict));
        }
        assert_eq!(db.read(|db| users::list(db, None, 10)).await.len(), 1);
    }

    async fn an_update_writes_everything_but_the_password_hash(db: Database) {
        let before = user("alice");
        let stored = before.clone();
        db.write(move |db| users::insert(db, &stored)).await;
        let mut after = before.clone();
        after.username = Username::parse("alicia").unwrap();
        after.email = Email::parse("alicia@example.com").unwrap();
        after.email_verified = false;
        after.claims.clear();
        after.roles.clear();
        after.disabled_at = Some(later(1));
        after.updated_at = later(2);
        after.password_hash = None;
        let changed = after.clone();
        assert!(db.write(move |db| users::update(db, &changed)).await);
        let expected = authward::domain::user::User { password_hash: before.password_hash, ..after.clone() };
        let id = after.id.clone();
        assert_eq!(db.read(move |db| users::find(db, &id)).await, Some(expected));

        let id = after.id.clone();
        assert!(db.write(move |db| users::set_password_hash(db, &id, "$new", later(3))).await);
        after.disabled_at = None;
        let changed = after.clone();
        assert!(db.write(move |db| users::update(db, &changed)).await);
        let id = after.id.clone();
        let found = db.read(move |db| users::find(db, &id)).await.unwrap();
        assert_eq!((found.password_hash.as_deref(), found.disabled_at), (Some("$new"), None));
        assert!(!db.write(|db| users::update(db, &user("nobody"))).await);
        assert!(!db.write(|db| users::set_password_hash(db, &UserId::new("nobody"), "$", NOW)).await);
    }

    async fn a_password_hash_is_replaced_only_while_it_is_the_one_that_was_read(db: Database) {
        let alice = user("alice");
        let (stored, read) = (alice.clone(), alice.password_hash.clone().unwrap());
        db.write(move |db| users::insert(db, &stored)).await;
        for (from, to, is_replaced) in [
            (read.as_str(), "$better", true),
            (read.as_str(), "$late", false),
            ("$BETTER", "$late", false),
            ("$better ", "$late", false),
            ("$better", "$best", true),
        ] {
            let (id, from, to) = (alice.id.clone(), from.to_owned(), to.to_owned());
            assert_eq!(
                db.write(move |db| users::upgrade_password_hash(db, &id, &from, &to)).await,
                is_replaced
            );
        }
        let id = alice.id.clone();
        let found = db.read(move |db| users::find(db, &id)).await.unwrap();
        assert_eq!(found.password_hash.as_deref(), Some("$best"));
        assert_eq!(found.updated_at, alice.updated_at, "nothing about the account has changed");
        assert!(!db.write(|db| users::upgrade_password_hash(db, &UserId::new("nobody"), "$", "$")).await);
    }

    async fn an_unchanged_update_still_counts_as_found(db: Database) {
        db.write(|db| users::insert(db, &user("alice"))).await;
        assert!(db.write(|db| users::update(db, &user("alice"))).await);
    }

    async fn users_are_listed_page_by_page(db: Database) {
        db.write(|db| ["c", "a", "B", "d"].iter().try_for_each(|name| users::insert(db, &user(name)))).await;
        let page = |after: Option<&str>| {
            let after = after.map(UserId::new);
            db.read(move |db| users::list(db, after.as_ref(), 2))
        };
        let names = |users: Vec<authward::domain::user::User>| {
            users.iter().map(|user| user.id.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(page(None).await), ["user-B", "user-a"]);
        assert_eq!(names(page(Some("user-a")).await), ["user-c", "user-d"]);
        assert!(page(Some("user-d")).await.is_empty());
    }

    async fn sessions_are_found_touched_and_ended(db: Database) {
        let stored = session("cookie", "user-alice");
        let kept = stored.clone();
        db.write(move |db| sessions::insert(db, &kept)).await;
        let hash = stored.hash;
        assert_eq!(db.read(move |db| sessions::find(db, &hash)).await, Some(stored.clone()));
        assert_eq!(db.read(|db| sessions::find(db, &TokenHash::of("Cookie"))).await, None);
        assert!(db.write(move |db| sessions::touch(db, &hash, later(60), later(660))).await);
        assert!(db.write(move |db| sessions::touch(db, &hash, later(60), later(660))).await, "twice the same");
        assert!(db.write(move |db| sessions::confirm(db, &hash)).await);
        let seen = db.read(move |db| sessions::find(db, &hash)).await.unwrap();
        assert_eq!((seen.last_seen_at, seen.idle_expires_at), (later(60), later(660)));
        assert!(db.write(move |db| sessions::remove(db, &hash)).await);
        assert!(!db.write(move |db| sessions::remove(db, &hash)).await);
        assert!(!db.write(move |db| sessions::touch(db, &hash, later(61), later(661))).await);
        assert!(!db.write(move |db| sessions::confirm(db, &hash)).await);
    }

    async fn the_sessions_of_a_user_end_but_one(db: Database) {
        db.write(|db| {
            let of_alice = ["a", "b", "c"].map(|cookie| session(cookie, "user-alice"));
            of_alice.iter().chain([&session("d", "user-bob")]).try_for_each(|one| sessions::insert(db, one))
        })
        .await;
        let alice = || UserId::new("user-alice");
        assert_eq!(db.read(move |db| sessions::list_of_user(db, &alice())).await.len(), 3);
        let kept = TokenHash::of("b");
        assert_eq!(db.write(move |db| sessions::remove_of_user(db, &alice(), Some(&kept))).await, 2);
        let left = db.read(move |db| sessions::list_of_user(db, &alice())).await;
        assert_eq!(left.iter().map(|session| session.sid.clone()).collect::<Vec<_>>(), [Sid::new("sid-b")]);
        assert_eq!(db.write(move |db| sessions::remove_of_user(db, &alice(), None)).await, 1);
        assert_eq!(db.read(|db| sessions::list_of_user(db, &UserId::new("user-bob"))).await.len(), 1);
    }

    async fn a_consent_is_saved_grown_and_forgotten(db: Database) {
        let keys = || (UserId::new("user-alice"), ClientId::new("native"));
        for (words, at) in [("openid", NOW), ("openid profile", later(5)), ("openid profile", later(5))] {
            let (user_id, client_id) = keys();
            let consent = Consent { user_id, client_id, scopes: scopes(words), updated_at: at };
            let stored = consent.clone();
            db.write(move |db| consents::save(db, &stored)).await;
            assert_eq!(db.read(move |db| consents::find(db, &keys().0, &keys().1)).await, Some(consent));
        }
        assert_eq!(db.read(move |db| consents::find(db, &keys().0, &ClientId::new("Native"))).await, None);
        assert!(db.write(move |db| consents::confirm(db, &keys().0, &keys().1)).await);
        assert!(!db.write(move |db| consents::confirm(db, &keys().0, &ClientId::new("nobody"))).await);
        assert!(db.write(move |db| consents::remove(db, &keys().0, &keys().1)).await);
        assert!(!db.write(move |db| consents::confirm(db, &keys().0, &keys().1)).await);
        assert!(!db.write(move |db| consents::remove(db, &keys().0, &keys().1)).await);
    }

    async fn a_removed_user_leaves_name_and_address_free(db: Database) {
        db.write(|db| users::insert(db, &user("alice"))).await;
        let id = || UserId::new("user-alice");
        assert!(!db.write(|db| users::remove(db, &UserId::new("user-Alice"))).await);
        assert!(db.write(move |db| users::remove(db, &id())).await);
        assert!(!db.write(move |db| users::remove(db, &id())).await);
        let mut successor = user("Alice");
        successor.id = UserId::new("another");
        db.write(move |db| users::insert(db, &successor)).await;
    }

    async fn consents_end_with_their_user_or_their_client(db: Database) {
        db.write(|db| {
            for (user, client) in [("alice", "one"), ("alice", "two"), ("bob", "one"), ("bob", "ONE")] {
                let (user_id, client_id) = (UserId::new(user), ClientId::new(client));
                consents::save(db, &Consent { user_id, client_id, scopes: scopes("openid"), updated_at: NOW })?;
            }
            Ok(())
        })
        .await;
        assert_eq!(db.write(|db| consents::remove_of_client(db, &ClientId::new("one"))).await, 2);
        assert_eq!(db.write(|db| consents::remove_of_user(db, &UserId::new("alice"))).await, 1);
        let left = db.read(|db| consents::find(db, &UserId::new("bob"), &ClientId::new("ONE"))).await;
        assert!(left.is_some());
    }

    async fn throttles_are_saved_found_together_and_forgotten(db: Database) {
        let throttle = |subject: &str, failures| Throttle {
            subject: TokenHash::of(subject),
            failures,
            last_failed_at: NOW,
            expires_at: later(60),
        };
        for (subject, failures) in [("a", 1), ("b", 1), ("b", 2), ("b", 2)] {
            let one = throttle(subject, failures);
            db.write(move |db| throttles::save(db, &one)).await;
        }
        let all = || ["a", "b", "c"].map(TokenHash::of);
        let mut found = db.read(move |db| throttles::find(db, &all())).await;
        found.sort_by_key(|throttle| throttle.failures);
        assert_eq!(found, [throttle("a", 1), throttle("b", 2)]);
        assert!(db.read(|db| throttles::find(db, &[])).await.is_empty());
        db.write(|db| throttles::forget(db, &[])).await;
        db.write(|db| throttles::forget(db, &[TokenHash::of("b"), TokenHash::of("c")])).await;
        assert_eq!(db.read(move |db| throttles::find(db, &all())).await, [throttle("a", 1)]);
    }

    async fn claims_change_and_nothing_else_of_an_account_does(db: Database) {
        db.write(|db| users::insert(db, &user("alice"))).await;
        let id = || UserId::new("user-alice");
        let change = |claims: &mut serde_json::Map<String, serde_json::Value>| {
            claims.insert("name".into(), "앨리스 \\ \" '".into());
            claims.remove("emoji");
        };
        assert!(db.write(move |db| users::change_claims(db, &id(), later(5), change)).await);
        let found = db.read(move |db| users::find(db, &id())).await.unwrap();
        let expected = serde_json::json!({ "name": "앨리스 \\ \" '", "locale": "ko-KR" });
        assert_eq!(serde_json::Value::Object(found.claims.clone()), expected);
        let unchanged = user("alice");
        assert_eq!(
            authward::domain::user::User { claims: unchanged.claims.clone(), updated_at: unchanged.updated_at, ..found },
            unchanged
        );
        assert!(db.write(move |db| users::change_claims(db, &id(), later(5), |_| {})).await, "nothing changed");
        assert!(!db.write(|db| users::change_claims(db, &UserId::new("nobody"), NOW, |_| {})).await);
    }

    async fn no_change_of_claims_is_lost_in_a_race(db: Database) {
        db.write(|db| users::insert(db, &user("alice"))).await;
        let mut changes = Vec::new();
        for number in 0..6 {
            let store = db.another_store();
            changes.push(tokio::spawn(async move {
                let change = move |claims: &mut serde_json::Map<String, serde_json::Value>| {
                    claims.insert(format!("claim{number}"), number.into());
                };
                store.write(move |db| users::change_claims(db, &UserId::new("user-alice"), NOW, change)).await
            }));
        }
        for change in changes {
            assert_eq!(change.await.unwrap(), Ok(true));
        }
        let found = db.read(|db| users::find(db, &UserId::new("user-alice"))).await.unwrap();
        assert!((0..6).all(|number| found.claims[&format!("claim{number}")] == number), "{found:?}");
    }

    async fn a_new_address_is_unproven_and_unique(db: Database) {
        db.write(|db| users::insert(db, &user("alice")).and_then(|()| users::insert(db, &user("bob")))).await;
        let id = || UserId::new("user-alice");
        let email = |text: &str| Email::parse(text).unwrap();
        assert!(db.write(move |db| users::set_email(db, &id(), &email("New@example.com"), later(5))).await);
        let found = db.read(move |db| users::find(db, &id())).await.unwrap();
        assert_eq!((found.email.as_str(), found.email_verified, found.updated_at), ("New@example.com", false, later(5)));
        let taken = db.store.write(move |db| users::set_email(db, &id(), &email("BOB@example.com"), NOW)).await;
        assert_eq!(taken, Err(StoreError::Conflict));
        let kept = db.read(move |db| users::find(db, &id())).await.unwrap();
        assert_eq!(kept, found);
        assert!(!db.write(move |db| users::set_email(db, &UserId::new("nobody"), &email("a@b.de"), NOW)).await);
    }

    async fn the_other_live_sessions_are_listed_and_counted(db: Database) {
        let of_alice = |cookie: &str, seen| Session { last_seen_at: later(seen), ..session(cookie, "user-alice") };
        let this = of_alice("this", 9);
        let stored = this.clone();
        db.write(move |db| {
            let idle = Session { idle_expires_at: later(60), ..of_alice("idle", 5) };
            let over = Session { expires_at: later(60), ..of_alice("over", 5) };
            let old = Session { device: Device::default(), ..of_alice("old", 1) };
            let all = [stored.clone(), of_alice("new", 3), old, idle, over, session("x", "user-bob")];
            all.iter().try_for_each(|one| sessions::insert(db, one))
        })
        .await;
        let page = |skipped, limit| {
            let this = this.clone();
            db.read(move |db| sessions::list_others(db, &this, later(60), (skipped, limit)))
        };
        let old = Session { device: Device::default(), ..of_alice("old", 1) };
        assert_eq!(page(0, 10).await, [of_alice("new", 3), old.clone()]);
        assert_eq!(page(1, 1).await, [old]);
        assert!(page(2, 10).await.is_empty() && page(-1, -1).await.is_empty());
        let of = this.clone();
        assert_eq!(db.read(move |db| sessions::count_others(db, &of, later(60))).await, 2);
        let found = |user: &str, sid: &str| {
            let (user, sid) = (UserId::new(user), Sid::new(sid));
            db.read(move |db| sessions::find_of_user(db, &user, &sid))
        };
        assert_eq!(found("user-alice", "sid-new").await, Some(of_alice("new", 3)));
        for (user, sid) in [("user-bob", "sid-new"), ("user-alice", "sid-NEW"), ("user-alice", "sid-new "), ("", "a\0")] {
            assert_eq!(found(user, sid).await, None, "{user} {sid}");
        }
    }
}
