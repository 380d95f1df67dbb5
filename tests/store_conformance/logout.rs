//! Which clients a session signed in to, and what they are still to be told of its end.

use crate::samples::{NOW, grant, later, session};
use authward::domain::id::{ClientId, Sid, UserId};
use authward::domain::logout::{LogoutNotice, SessionClient};
use authward::domain::scope::ScopeSet;
use authward::domain::secret::TokenHash;
use authward::domain::time::Timestamp;
use authward::store::{Db, StoreError, grants, logout_outbox, session_clients, sessions, sweep};

fn alice() -> UserId {
    UserId::new("alice")
}

/// A session with two clients.
fn fill(db: &mut Db, cookie: &str) -> Result<(), StoreError> {
    let session = session(cookie, "alice");
    sessions::insert(db, &session)?;
    for client in ["a", "b", "a"] {
        session_clients::note(db, &session, &ClientId::new(client), NOW)?;
    }
    Ok(())
}

fn pairs(found: &[SessionClient]) -> Vec<(&str, &str)> {
    found.iter().map(|client| (client.client_id.as_str(), client.sid.as_str())).collect()
}

fn notice(client: &str, sid: &str, now: Timestamp) -> LogoutNotice {
    let (client_id, sid) = (ClientId::new(client), Sid::new(sid));
    LogoutNotice::new(&SessionClient { client_id, sid, user_id: alice(), created_at: now }, now)
}

on_every_database! {
    async fn the_clients_of_a_session_are_noted_once_and_passed_on(db: Database) {
        db.write(|db| ["one", "two"].iter().try_for_each(|cookie| fill(db, cookie))).await;
        let of = |cookie: &str| session(cookie, "alice").hash;
        let (one, two, next) = (of("one"), of("two"), session("next", "alice"));
        let found = db.read(move |db| session_clients::list(db, &[one])).await;
        let sid = session("one", "alice").sid;
        assert_eq!(pairs(&found), [("a", sid.as_str()), ("b", sid.as_str())]);
        assert_eq!((&found[0].user_id, found[0].created_at), (&alice(), NOW));
        assert_eq!(db.read(move |db| session_clients::list(db, &[one, two])).await.len(), 4);
        assert!(db.read(|db| session_clients::list(db, &[])).await.is_empty());
        let to = next.clone();
        assert_eq!(db.write(move |db| session_clients::pass_on(db, &one, &to)).await, 2);
        assert!(db.read(move |db| session_clients::list(db, &[one])).await.is_empty());
        let hash = next.hash;
        let found = db.read(move |db| session_clients::list(db, &[hash])).await;
        assert_eq!(pairs(&found), [("a", sid.as_str()), ("b", sid.as_str())], "they know it by what they were told");
        // The same client once more, in the new session.
        let to = next.clone();
        db.write(move |db| session_clients::note(db, &to, &ClientId::new("a"), NOW)).await;
        assert_eq!(db.read(move |db| session_clients::list(db, &[hash])).await.len(), 3);
        assert_eq!(db.write(move |db| session_clients::remove(db, &hash)).await, 3);
        assert_eq!(db.write(move |db| session_clients::remove(db, &hash)).await, 0);
        assert_eq!(db.read(move |db| session_clients::list(db, &[one, two, hash])).await.len(), 2);
    }

    async fn the_clients_of_a_session_go_when_it_is_swept(db: Database) {
        db.write(|db| fill(db, "idle")).await;
        let swept = db.write(|db| sweep::expired(db, later(600), 10)).await;
        assert_eq!(swept, [("sessions", 1), ("session_clients", 2)]);
    }

    async fn a_notice_is_claimed_by_one_and_changed_by_its_claimant_alone(db: Database) {
        let first = notice("a", "s1", NOW);
        let inserted = first.clone();
        assert!(db.write(move |db| logout_outbox::insert(db, &inserted)).await);
        let inserted = first.clone();
        assert!(!db.write(move |db| logout_outbox::insert(db, &inserted)).await, "one end is told once");
        db.write(|db| logout_outbox::insert(db, &notice("a", "s2", later(10)))).await;
        assert_eq!(db.read(|db| logout_outbox::due(db, NOW, &[], 10)).await, std::slice::from_ref(&first));
        assert_eq!(db.read(|db| logout_outbox::due(db, later(10), &[], 10)).await.len(), 2);
        let but = |ids: [&'static str; 2]| {
            move |db: &mut Db| logout_outbox::due(db, later(10), &ids.map(ClientId::new), 10)
        };
        assert_eq!(db.read(but(["b", "c"])).await.len(), 2);
        assert!(db.read(but(["a", "c"])).await.is_empty());
        assert_eq!(db.read(|db| logout_outbox::due(db, later(10), &[], 1)).await, std::slice::from_ref(&first));
        let mut claims = Vec::new();
        for _ in 0..4 {
            let known = first.clone();
            claims.push(db.write(move |db| logout_outbox::claim(db, &known, (NOW, later(60)))));
        }
        let won: Vec<LogoutNotice> = futures_util::future::join_all(claims).await.into_iter().flatten().collect();
        assert_eq!(won, [LogoutNotice { attempts: 1, due_at: later(60), ..first.clone() }]);
        assert!(db.read(|db| logout_outbox::due(db, NOW, &[], 10)).await.is_empty());
        // Whoever knows it as it was changes nothing.
        let stale = first.failed("late", later(5));
        assert!(!db.write(move |db| logout_outbox::postpone(db, &stale)).await);
        let stale = first.clone();
        assert!(!db.write(move |db| logout_outbox::remove(db, &stale)).await);
        let failed = won[0].failed("no answer: 한 번 더", later(1));
        let postponed = failed.clone();
        assert!(db.write(move |db| logout_outbox::postpone(db, &postponed)).await);
        assert_eq!(db.read(|db| logout_outbox::due(db, failed_due(), &[], 10)).await.len(), 1);
        let known = failed.clone();
        let again = db.write(move |db| logout_outbox::claim(db, &known, (later(6), later(66)))).await.unwrap();
        assert_eq!((again.attempts, again.problem.as_deref()), (2, Some("no answer: 한 번 더")));
        let taken = again.clone();
        assert!(db.write(move |db| logout_outbox::remove(db, &taken)).await);
        assert!(!db.write(move |db| logout_outbox::remove(db, &again)).await);
    }

    async fn what_was_given_up_is_never_due_and_goes_after_a_week(db: Database) {
        for sid in ["s1", "s2", "s3"] {
            db.write(move |db| logout_outbox::insert(db, &notice("a", sid, NOW))).await;
        }
        let lost = LogoutNotice { attempts: 0, ..notice("a", "s1", NOW) };
        let lost = LogoutNotice { given_up_at: Some(NOW), expires_at: later(7 * 86_400), ..lost };
        db.write(move |db| logout_outbox::postpone(db, &lost)).await;
        assert_eq!(db.read(logout_outbox::count).await, (2, 1));
        assert_eq!(db.read(|db| logout_outbox::due(db, later(1_000_000), &[], 10)).await.len(), 2);
        let page = db.read(|db| logout_outbox::page(db, None, 2)).await;
        let rest = db.read(move |db| logout_outbox::page(db, Some(&page[1].id), 2)).await;
        assert_eq!(rest.len(), 1);
        assert!(db.write(|db| sweep::expired(db, later(7 * 86_400 - 1), 10)).await.is_empty());
        assert_eq!(db.write(|db| sweep::expired(db, later(7 * 86_400), 10)).await, [("logout_outbox", 1)]);
    }

    async fn grants_that_are_bound_to_their_session_end_alone(db: Database) {
        db.write(|db| {
            for (id, scopes) in [("bound", "openid profile"), ("lasting", "openid offline_access"), ("none", "")] {
                let mut granted = grant(id, "alice", "s1");
                granted.scopes = ScopeSet::parse(scopes).unwrap();
                grants::insert(db, &granted)?;
            }
            grants::insert(db, &grant("other", "alice", "s2"))
        })
        .await;
        let revoke = |db: &mut Db| grants::revoke_bound_to_sessions(db, &alice(), &[Sid::new("s1")], NOW);
        assert_eq!(db.write(revoke).await, 2);
        assert_eq!(db.write(revoke).await, 0);
        for (id, expected) in [("bound", true), ("lasting", false), ("none", true), ("other", false)] {
            let found = db.read(move |db| grants::find(db, &authward::domain::id::GrantId::new(id))).await.unwrap();
            assert_eq!(found.revoked_at.is_some(), expected, "{id}");
        }
    }
}

/// When the notice of the test is due again after its first failure.
fn failed_due() -> Timestamp {
    later(6)
}

#[test]
fn notices_of_different_ends_differ() {
    let ids: std::collections::HashSet<TokenHash> =
        [("a", "b"), ("ab", ""), ("", "ab")].map(|(client, sid)| notice(client, sid, NOW).id).into();
    assert_eq!(ids.len(), 3);
}
