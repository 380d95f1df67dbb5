//! What may happen so often only, and clients that anybody has registered.

use crate::samples::{NOW, later};
use authward::domain::id::ClientId;
use authward::domain::secret::TokenHash;
use authward::store::{open_registrations, quotas};

on_every_database! {
    async fn a_quota_gives_its_uses_and_each_has_its_own(db: Database) {
        let take = |name: &'static str, most| move |db: &mut _| quotas::take(db, &TokenHash::of(name), most, later(60));
        assert!(!db.write(take("none", 0)).await);
        for expected in [true, true, false, false] {
            assert_eq!(db.write(take("two", 2)).await, expected);
        }
        assert!(db.write(take("other", 1)).await);
        // More are given where there are more.
        assert!(db.write(take("two", 3)).await);
        assert_eq!(db.read(|db| quotas::uses(db, &TokenHash::of("two"))).await, 3);
        assert_eq!(db.read(|db| quotas::uses(db, &TokenHash::of("none"))).await, 0);
    }

    async fn a_client_that_somebody_uses_does_not_end(db: Database) {
        for (name, end) in [("used", 10), ("unused", 10), ("later", 11), ("gone", 10)] {
            db.write(move |db| open_registrations::insert(db, &ClientId::new(name), later(end))).await;
        }
        let keep = |name: &'static str| move |db: &mut _| open_registrations::keep(db, &ClientId::new(name));
        assert!(db.write(keep("used")).await);
        assert!(!db.write(keep("used")).await, "it is kept already");
        assert!(!db.write(keep("nobody")).await);
        assert!(db.write(|db| open_registrations::remove(db, &ClientId::new("gone"))).await);
        assert!(!db.write(|db| open_registrations::remove(db, &ClientId::new("gone"))).await);
        assert_eq!(db.read(open_registrations::count).await, 3);
        assert!(db.read(|db| open_registrations::list_ended(db, later(9), 10)).await.is_empty());
        assert_eq!(db.read(|db| open_registrations::list_ended(db, later(10), 10)).await, [ClientId::new("unused")]);
        assert_eq!(db.read(|db| open_registrations::list_ended(db, later(11), 1)).await, [ClientId::new("unused")]);
        let remove = |name: &'static str| {
            move |db: &mut _| open_registrations::remove_ended(db, &ClientId::new(name), later(10))
        };
        assert!(db.write(remove("unused")).await);
        assert!(!db.write(remove("later")).await && !db.write(remove("used")).await);
        assert_eq!(db.read(open_registrations::count).await, 2);
        assert!(db.read(|db| open_registrations::list_ended(db, NOW, 10)).await.is_empty());
        let remove = |name: &'static str| move |db: &mut _| open_registrations::remove_unused(db, &ClientId::new(name));
        assert!(db.write(remove("later")).await && !db.write(remove("later")).await);
        assert!(!db.write(remove("used")).await && !db.write(remove("nobody")).await);
        assert_eq!(db.read(open_registrations::count).await, 1);
    }
}
