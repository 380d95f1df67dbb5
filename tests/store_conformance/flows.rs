//! Interactions, grants, codes and refresh token families.

use crate::samples::{NOW, START, code, family, grant, interaction, later, position};
use authward::domain::authorization::Progress;
use authward::domain::code::AuthorizationCode;
use authward::domain::grant::Grant;
use authward::domain::id::{ClientId, FamilyId, GrantId, Sid, UserId};
use authward::domain::refresh::{Position, RefreshTokenFamily, Rotation};
use authward::domain::secret::TokenHash;
use authward::store::{codes, grants, interactions, refresh_tokens};

on_every_database! {
    async fn an_interaction_keeps_its_request_to_the_byte(db: Database) {
        let stored = interaction("one");
        let kept = stored.clone();
        db.write(move |db| interactions::insert(db, &kept)).await;
        let hash = stored.hash;
        assert_eq!(db.read(move |db| interactions::find(db, &hash)).await, Some(stored.clone()));
        let progress = Progress { authenticated: true, consented: false };
        assert!(db.write(move |db| interactions::set_progress(db, &hash, &progress)).await);
        assert!(db.write(move |db| interactions::set_progress(db, &hash, &progress)).await, "twice the same");
        assert_eq!(db.read(move |db| interactions::find(db, &hash)).await.unwrap().progress, progress);
        assert!(db.write(move |db| interactions::remove(db, &hash)).await);
        assert!(!db.write(move |db| interactions::remove(db, &hash)).await);
        assert!(!db.write(move |db| interactions::set_progress(db, &hash, &progress)).await);
    }

    async fn an_interaction_is_bound_to_the_first_browser_only(db: Database) {
        let stored = interaction("one");
        let hash = stored.hash;
        db.write(move |db| interactions::insert(db, &stored)).await;
        let (first, second, until) = (TokenHash::of("first"), TokenHash::of("second"), later(3600));
        assert!(db.write(move |db| interactions::bind_browser(db, &hash, &first, until)).await);
        assert!(!db.write(move |db| interactions::bind_browser(db, &hash, &second, until)).await);
        assert!(!db.write(move |db| interactions::bind_browser(db, &hash, &first, until)).await);
        let found = db.read(move |db| interactions::find(db, &hash)).await.unwrap();
        assert_eq!((found.browser, found.expires_at), (Some(first), until));
        assert!(db.write(move |db| interactions::extend(db, &hash, later(7200))).await);
        assert!(db.write(move |db| interactions::extend(db, &hash, later(7200))).await, "twice the same");
        assert_eq!(db.read(move |db| interactions::find(db, &hash)).await.unwrap().expires_at, later(7200));
        assert!(!db.write(move |db| interactions::extend(db, &TokenHash::of("none"), until)).await);
        assert_eq!(db.read(interactions::count).await, 1);
    }

    async fn revoking_a_grant_ends_its_families(db: Database) {
        db.write(|db| {
            grants::insert(db, &grant("g1", "user-alice", "s1"))?;
            grants::insert(db, &grant("g2", "user-alice", "s1"))?;
            refresh_tokens::insert(db, &family("f1", "g1", "user-alice"))?;
            refresh_tokens::insert(db, &family("f2", "g2", "user-alice"))
        })
        .await;
        let g1 = || GrantId::new("g1");
        assert_eq!(db.read(move |db| grants::find(db, &g1())).await, Some(grant("g1", "user-alice", "s1")));
        assert!(db.write(move |db| grants::revoke(db, &g1(), later(1))).await);
        assert!(!db.write(move |db| grants::revoke(db, &g1(), later(2))).await);
        assert_eq!(db.read(move |db| grants::find(db, &g1())).await.unwrap().revoked_at, Some(later(1)));
        let family = |id: &'static str| db.read(move |db| refresh_tokens::find(db, &FamilyId::new(id)));
        assert_eq!(family("f1").await.unwrap().revoked_at, Some(later(1)));
        assert_eq!(family("f2").await.unwrap().revoked_at, None);
        assert!(!db.write(|db| grants::revoke(db, &GrantId::new("none"), NOW)).await);
        assert_eq!(db.read(|db| grants::find(db, &GrantId::new("G1"))).await, None);
    }

    async fn the_grants_of_a_user_end_but_those_of_one_session(db: Database) {
        db.write(|db| {
            for (id, user, sid) in [("g1", "alice", "s1"), ("g2", "alice", "s2"), ("g3", "alice", "s2"), ("g4", "bob", "s3")] {
                grants::insert(db, &grant(id, user, sid))?;
                refresh_tokens::insert(db, &family(&id.replace('g', "f"), id, user))?;
            }
            Ok(())
        })
        .await;
        let alice = || UserId::new("alice");
        let live = |user: &'static str| db.read(move |db| refresh_tokens::count_live(db, &UserId::new(user)));
        assert_eq!(live("alice").await, 3);
        let kept = Sid::new("s1");
        assert_eq!(db.write(move |db| grants::revoke_of_user(db, &alice(), Some(&kept), NOW)).await, 2);
        assert_eq!((live("alice").await, live("bob").await), (1, 1));
        assert_eq!(db.write(move |db| grants::revoke_of_user(db, &alice(), None, NOW)).await, 1);
        assert_eq!(db.write(move |db| grants::revoke_of_user(db, &alice(), None, NOW)).await, 0);
        assert_eq!((live("alice").await, live("bob").await), (0, 1));
    }

    async fn the_grants_of_a_client_end_with_their_families_and_nobody_elses(db: Database) {
        db.write(|db| {
            for (id, client) in [("g1", "native"), ("g2", "native"), ("g3", "Native")] {
                let client_id = ClientId::new(client);
                let grant = Grant { client_id: client_id.clone(), ..grant(id, "alice", "s1") };
                grants::insert(db, &grant)?;
                let family = RefreshTokenFamily { client_id, ..family(&id.replace('g', "f"), id, "alice") };
                refresh_tokens::insert(db, &family)?;
            }
            grants::revoke(db, &GrantId::new("g2"), later(1)).map(drop)
        })
        .await;
        let revoke = || db.write(|db| grants::revoke_of_client(db, &ClientId::new("native"), later(5)));
        assert_eq!(revoke().await, 1);
        assert_eq!(revoke().await, 0);
        let ends = |id: &'static str| db.read(move |db| grants::find(db, &GrantId::new(id)));
        let ended = [ends("g1").await, ends("g2").await, ends("g3").await].map(|grant| grant.unwrap().revoked_at);
        assert_eq!(ended, [Some(later(5)), Some(later(1)), None]);
        assert_eq!(db.read(|db| refresh_tokens::count_live(db, &UserId::new("alice"))).await, 1);
    }

    async fn a_grant_is_extended(db: Database) {
        db.write(|db| grants::insert(db, &grant("g1", "alice", "s1"))).await;
        assert!(db.write(|db| grants::extend(db, &GrantId::new("g1"), later(9000))).await);
        assert_eq!(db.read(|db| grants::find(db, &GrantId::new("g1"))).await.unwrap().expires_at, later(9000));
        assert!(!db.write(|db| grants::extend(db, &GrantId::new("g2"), later(9000))).await);
    }

    /// RFC 6749 §4.1.2
    async fn a_code_is_redeemed_once_and_stays_known(db: Database) {
        let stored = code("code", "g1");
        let bare = AuthorizationCode { challenge: None, redirect_uri_was_sent: false, ..code("bare", "g1") };
        let kept = [stored.clone(), bare.clone()];
        db.write(move |db| kept.iter().try_for_each(|one| codes::insert(db, one, later(6000)))).await;
        let (hash, bare_hash) = (stored.hash, bare.hash);
        assert_eq!(db.read(move |db| codes::find(db, &hash)).await, Some(stored));
        assert_eq!(db.read(move |db| codes::find(db, &bare_hash)).await, Some(bare));
        assert_eq!(db.read(|db| codes::find(db, &TokenHash::of("Code"))).await, None);
        assert!(db.write(move |db| codes::redeem(db, &hash, later(1))).await);
        assert!(!db.write(move |db| codes::redeem(db, &hash, later(1))).await, "the same second");
        assert!(!db.write(move |db| codes::redeem(db, &hash, later(2))).await);
        assert_eq!(db.read(move |db| codes::find(db, &hash)).await.unwrap().redeemed_at, Some(later(1)));
        assert!(!db.write(|db| codes::redeem(db, &TokenHash::of("none"), NOW)).await);
    }

    async fn a_family_advances_only_from_where_it_stands(db: Database) {
        let stored = family("f1", "g1", "alice");
        let kept = RefreshTokenFamily { id: FamilyId::new("F1"), rotation: Rotation::Kept, ..stored.clone() };
        let both = [stored.clone(), kept.clone()];
        db.write(move |db| both.iter().try_for_each(|one| refresh_tokens::insert(db, one))).await;
        let find = |id: &'static str| db.read(move |db| refresh_tokens::find(db, &FamilyId::new(id)));
        assert_eq!((find("f1").await, find("F1").await), (Some(stored), Some(kept)));
        assert_eq!((find("f1 ").await, find("f1\0").await), (None, None));

        let advance = |from: Position, to: Position| {
            db.write(move |db| refresh_tokens::advance(db, &FamilyId::new("f1"), from, to, later(7), later(607)))
        };
        let to = Position { generation: 1, attempt: 0, previous_attempt: 3, rotated_at: later(7) };
        assert!(advance(START, to).await);
        assert!(!advance(START, to).await);
        assert!(!advance(position(1, 1), position(2, 0)).await);
        let moved = find("f1").await.unwrap();
        assert_eq!((moved.position, moved.last_used_at, moved.idle_expires_at), (to, later(7), later(607)));
        assert!(advance(to, position(1, 1)).await);
        assert_eq!(find("F1").await.unwrap().position, START);
    }

    async fn a_revoked_family_neither_advances_nor_is_touched(db: Database) {
        db.write(|db| refresh_tokens::insert(db, &family("f1", "g1", "alice"))).await;
        let f1 = || FamilyId::new("f1");
        assert!(db.write(move |db| refresh_tokens::touch(db, &f1(), later(1), later(601))).await);
        assert_eq!(db.read(move |db| refresh_tokens::find(db, &f1())).await.unwrap().last_used_at, later(1));
        assert!(db.write(move |db| refresh_tokens::revoke(db, &f1(), later(2))).await);
        assert!(!db.write(move |db| refresh_tokens::revoke(db, &f1(), later(3))).await);
        assert!(!db.write(move |db| refresh_tokens::touch(db, &f1(), later(4), later(604))).await);
        let advanced = move |db: &mut _| refresh_tokens::advance(db, &f1(), START, position(1, 0), later(4), later(604));
        assert!(!db.write(advanced).await);
        let dead = db.read(move |db| refresh_tokens::find(db, &f1())).await.unwrap();
        assert_eq!((dead.revoked_at, dead.last_used_at, dead.position), (Some(later(2)), later(1), START));
    }
}
