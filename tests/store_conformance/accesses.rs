//! What clients can do with an account, and ending it: by client, by session.

use crate::harness::Database;
use crate::samples::{NOW, family, grant, later, scopes, session};
use authward::domain::grant::{Access, Consent, Grant};
use authward::domain::id::{ClientId, GrantId, Sid, UserId};
use authward::domain::refresh::RefreshTokenFamily;
use authward::domain::time::Timestamp;
use authward::store::{Db, StoreError, accesses, consents, grants, refresh_tokens, sessions};

fn alice() -> UserId {
    UserId::new("alice")
}

/// A grant with a family of the same name, given at `at` in session `sid`.
fn add(db: &mut Db, name: &str, (user, client): (&str, &str), sid: &str, at: Timestamp) -> Result<(), StoreError> {
    let client_id = ClientId::new(client);
    let given = Grant { client_id: client_id.clone(), created_at: at, ..grant(name, user, sid) };
    grants::insert(db, &given)?;
    let used = RefreshTokenFamily { client_id, last_used_at: at, ..family(name, name, user) };
    refresh_tokens::insert(db, &used)
}

fn consent(db: &mut Db, (user, client): (&str, &str), words: &str) -> Result<(), StoreError> {
    let (user_id, client_id) = (UserId::new(user), ClientId::new(client));
    consents::save(db, &Consent { user_id, client_id, scopes: scopes(words), updated_at: later(1) })
}

async fn is_revoked(db: &Database, name: &str) -> (bool, bool) {
    let (grant, family) = (GrantId::new(name), authward::domain::id::FamilyId::new(name));
    db.read(move |db| {
        let grant = grants::find(db, &grant)?.expect("the grant").revoked_at.is_some();
        Ok((grant, refresh_tokens::find(db, &family)?.expect("the family").revoked_at.is_some()))
    })
    .await
}

on_every_database! {
    async fn consents_and_live_grants_of_a_client_are_taken_together(db: Database) {
        db.write(|db| {
            add(db, "first", ("alice", "app"), "s1", later(2))?;
            add(db, "second", ("alice", "app"), "s2", later(7))?;
            consent(db, ("alice", "app"), "openid orders")?;
            consent(db, ("alice", "remembered"), "email")?;
            let bare = Grant { client_id: ClientId::new("App"), scopes: scopes(""), ..grant("bare", "alice", "s1") };
            grants::insert(db, &bare)?;
            // Nothing of these counts: revoked, expired, another user's, a family whose grant is dead.
            add(db, "revoked", ("alice", "revoked"), "s1", NOW)?;
            grants::revoke(db, &GrantId::new("revoked"), NOW)?;
            let past = Grant { client_id: ClientId::new("past"), expires_at: later(10), ..grant("past", "alice", "s1") };
            grants::insert(db, &past)?;
            refresh_tokens::insert(db, &RefreshTokenFamily { client_id: ClientId::new("past"), ..family("past", "past", "alice") })?;
            add(db, "bobs", ("bob", "bobs"), "s3", NOW)
        })
        .await;
        let access = |client: &str, words: &str, since, last_used_at| Access {
            client_id: ClientId::new(client),
            scopes: scopes(words),
            since,
            last_used_at,
        };
        assert_eq!(
            db.read(|db| accesses::list_of_user(db, &alice(), later(10))).await,
            [
                access("App", "", NOW, NOW),
                access("app", "openid orders profile", later(1), later(7)),
                access("remembered", "email", later(1), later(1)),
            ]
        );
        assert!(db.read(|db| accesses::list_of_user(db, &UserId::new("nobody"), NOW)).await.is_empty());
    }

    async fn access_ends_whole_and_for_its_client_only(db: Database) {
        db.write(|db| {
            add(db, "first", ("alice", "app"), "s1", NOW)?;
            add(db, "second", ("alice", "app"), "s2", NOW)?;
            add(db, "other", ("alice", "App"), "s1", NOW)?;
            add(db, "bobs", ("bob", "app"), "s3", NOW)?;
            ["alice", "bob"].iter().try_for_each(|user| consent(db, (user, "app"), "openid"))
        })
        .await;
        let app = || ClientId::new("app");
        assert_eq!(db.write(move |db| accesses::revoke(db, &alice(), &app(), later(5))).await, (true, 2));
        for (name, expected) in [("first", true), ("second", true), ("other", false), ("bobs", false)] {
            assert_eq!(is_revoked(&db, name).await, (expected, expected), "{name}");
        }
        assert_eq!(db.read(move |db| consents::find(db, &alice(), &app())).await, None);
        assert!(db.read(move |db| consents::find(db, &UserId::new("bob"), &app())).await.is_some());
        assert_eq!(db.write(move |db| accesses::revoke(db, &alice(), &app(), later(6))).await, (false, 0));
        for client in ["nobody", "a\0", ""] {
            let ended = db.write(move |db| accesses::revoke(db, &alice(), &ClientId::new(client), NOW)).await;
            assert_eq!(ended, (false, 0), "{client:?}");
        }
    }

    async fn what_was_granted_in_a_session_ends_with_it(db: Database) {
        db.write(|db| {
            for cookie in ["a", "b", "c"] {
                sessions::insert(db, &session(cookie, "alice"))?;
                add(db, cookie, ("alice", cookie), &format!("sid-{cookie}"), NOW)?;
            }
            // A session that is gone, and another user's.
            add(db, "gone", ("alice", "gone"), "sid-gone", NOW)?;
            sessions::insert(db, &session("d", "bob"))?;
            add(db, "d", ("bob", "d"), "sid-d", NOW)
        })
        .await;
        let clients = db.read(|db| grants::clients_of_session(db, &alice(), &Sid::new("sid-b"), NOW)).await;
        assert_eq!(clients, [ClientId::new("b")]);
        assert_eq!(db.write(|db| grants::revoke_of_sessions(db, &alice(), &[Sid::new("sid-b")], NOW)).await, 1);
        assert_eq!(db.write(|db| grants::revoke_of_sessions(db, &alice(), &[Sid::new("sid-d")], NOW)).await, 0);
        assert!(db.read(|db| grants::clients_of_session(db, &alice(), &Sid::new("sid-b"), NOW)).await.is_empty());
        assert_eq!((is_revoked(&db, "a").await, is_revoked(&db, "b").await), ((false, false), (true, true)));
        assert_eq!(db.write(|db| grants::revoke_of_sessions(db, &alice(), &[Sid::new("sid-c"), Sid::new("sid-none")], NOW)).await, 1);
        for (name, expected) in [("a", false), ("c", true), ("gone", false), ("d", false)] {
            assert_eq!(is_revoked(&db, name).await, (expected, expected), "{name}");
        }
    }
}
