//! Opaque access tokens, revoked ones, and what a token stands on.

use crate::samples::{NOW, grant, later, scopes, user};
use authward::domain::access_token::OpaqueAccessToken;
use authward::domain::id::{ClientId, GrantId};
use authward::domain::secret::TokenHash;
use authward::domain::time::Timestamp;
use authward::store::grants::Standing;
use authward::store::opaque_access_tokens::Found;
use authward::store::{grants, opaque_access_tokens, revoked_tokens, users};

fn opaque(text: &str, grant: Option<&str>) -> OpaqueAccessToken {
    OpaqueAccessToken {
        hash: TokenHash::of(text),
        client_id: ClientId::new("native"),
        grant_id: grant.map(GrantId::new),
        scopes: scopes("openid orders:read"),
        audience: vec!["https://api.example.com".to_owned(), "urn:example:\"é\"".to_owned()],
        issued_at: NOW,
        expires_at: later(600),
    }
}

on_every_database! {
    async fn an_opaque_token_is_found_with_what_it_hangs_on(db: Database) {
        db.write(|db| {
            users::insert(db, &user("alice"))?;
            grants::insert(db, &grant("g1", "user-alice", "s1"))?;
            grants::insert(db, &grant("g2", "user-gone", "s2"))?;
            for (text, of) in [("mine", Some("g1")), ("orphan", Some("g2")), ("swept", Some("g3")), ("own", None)] {
                opaque_access_tokens::insert(db, &opaque(text, of))?;
            }
            Ok(())
        })
        .await;
        let find = |text: &'static str| db.read(move |db| opaque_access_tokens::find(db, &TokenHash::of(text)));
        let (alice, g1, g2) = (user("alice"), grant("g1", "user-alice", "s1"), grant("g2", "user-gone", "s2"));
        for (text, of, grant, user) in [
            ("mine", Some("g1"), Some(g1), Some(alice)),
            ("orphan", Some("g2"), Some(g2), None),
            ("swept", Some("g3"), None, None),
            ("own", None, None, None),
        ] {
            assert_eq!(find(text).await, Some(Found { token: opaque(text, of), grant, user }), "{text}");
        }
        assert_eq!(find("Mine").await, None);
        assert!(db.write(|db| grants::revoke(db, &GrantId::new("g1"), later(1))).await);
        assert_eq!(find("mine").await.unwrap().grant.unwrap().revoked_at, Some(later(1)));
        let remove = |text: &'static str| db.write(move |db| opaque_access_tokens::remove(db, &TokenHash::of(text)));
        assert_eq!((remove("mine").await, remove("mine").await, find("mine").await), (true, false, None));
        assert!(find("own").await.is_some());
    }

    async fn a_token_stands_on_its_grant_its_user_and_on_not_being_revoked(db: Database) {
        db.write(|db| {
            users::insert(db, &user("alice"))?;
            grants::insert(db, &grant("g1", "user-alice", "s1"))?;
            grants::insert(db, &grant("g2", "user-gone", "s2"))
        })
        .await;
        let find = |id: &'static str, token: Option<&'static str>| {
            db.read(move |db| grants::find_standing(db, &GrantId::new(id), token.map(TokenHash::of).as_ref()))
        };
        let standing = |is_token_revoked, revoked_at: Option<Timestamp>| {
            let grant = authward::domain::grant::Grant { revoked_at, ..grant("g1", "user-alice", "s1") };
            Some(Standing { grant, user: user("alice"), is_token_revoked })
        };
        assert_eq!(find("g1", Some("t1")).await, standing(false, None));
        assert_eq!(find("g1", None).await, standing(false, None));
        for none in ["g2", "g3", "G1", "g1 ", "g1\0"] {
            assert_eq!(find(none, Some("t1")).await, None, "{none:?}");
        }
        assert!(db.write(|db| revoked_tokens::insert(db, &TokenHash::of("t1"), later(60))).await);
        assert_eq!(find("g1", Some("t1")).await, standing(true, None));
        assert_eq!(find("g1", Some("t2")).await, standing(false, None));
        assert_eq!(find("g1", None).await, standing(false, None));
        assert!(db.write(|db| grants::revoke(db, &GrantId::new("g1"), later(1))).await);
        assert_eq!(find("g1", Some("t1")).await, standing(true, Some(later(1))));
    }

    async fn a_token_is_revoked_once_and_again_is_no_error(db: Database) {
        let is_revoked = || db.read(|db| revoked_tokens::contains(db, &TokenHash::of("t1")));
        assert!(!is_revoked().await);
        // The rest of the transaction is kept, also where the second insertion finds the first.
        let revoke = |user: &'static str| {
            db.write(move |db| {
                let is_new = revoked_tokens::insert(db, &TokenHash::of("t1"), later(60))?;
                grants::insert(db, &grant(user, user, "s1"))?;
                Ok(is_new)
            })
        };
        assert_eq!((revoke("g1").await, revoke("g2").await), (true, false));
        assert!(is_revoked().await);
        for id in ["g1", "g2"] {
            assert!(db.read(move |db| grants::find(db, &GrantId::new(id))).await.is_some(), "{id}");
        }
    }
}
