//! Clients, scopes, resources, policies and refusals.

use crate::samples::{NOW, client, later};
use authward::domain::client::{Client, ClientSecret};
use authward::domain::id::{ClientId, Reference};
use authward::domain::refusal::RefusalRecord;
use authward::domain::resource::{AccessTokenType, Resource, ScopeDescription};
use authward::store::{Db, clients, policies, refusals, resources, scopes};

on_every_database! {
    async fn a_client_is_saved_replaced_found_exactly_and_removed(db: Database) {
        let first = client("native");
        let second = Client { disabled_at: Some(NOW), name: None, ..client("native") };
        for one in [first.clone(), first, second] {
            let stored = one.clone();
            db.write(move |db| clients::save(db, &stored, NOW)).await;
            assert_eq!(db.read(|db| clients::find(db, &ClientId::new("native"))).await, Some(one));
        }
        for other in ["Native", "native ", " native", "nativ", "", "native\0", "nátive"] {
            assert_eq!(db.read(move |db| clients::find(db, &ClientId::new(other))).await, None, "{other:?}");
        }
        db.write(|db| clients::save(db, &client("Backend"), NOW)).await;
        let listed = db.read(clients::list).await;
        assert_eq!(listed.iter().map(|client| client.id.as_str()).collect::<Vec<_>>(), ["Backend", "native"]);
        assert!(db.write(|db| clients::remove(db, &ClientId::new("native"))).await);
        assert!(!db.write(|db| clients::remove(db, &ClientId::new("native"))).await);
    }

    async fn a_sealed_secret_is_replaced_and_nothing_else_of_its_client(db: Database) {
        let sealed = |id: &str, secret: &str| {
            let metadata = serde_json::json!({ "client_uri": "https://a.example/\"sealed\":\"AbC_\"", "note": "abc_" });
            let metadata = metadata.as_object().unwrap().clone();
            Client { secret: Some(ClientSecret::Sealed(secret.to_owned())), metadata, ..client(id) }
        };
        for one in [client("a"), sealed("b", "AbC_"), client("c"), sealed("d", "aBc_")] {
            db.write(move |db| clients::save(db, &one, NOW)).await;
        }
        let page = async |after: Option<&'static str>, limit| {
            let page = move |db: &mut Db| clients::page_sealed(db, after.map(ClientId::new).as_ref(), limit);
            db.read(page).await.into_iter().map(|client| client.id.to_string()).collect::<Vec<_>>()
        };
        for (after, limit, expected) in
            [(None, 1, &["b"][..]), (None, 9, &["b", "d"]), (Some("b"), 9, &["d"]), (Some("d"), 9, &[])]
        {
            assert_eq!(page(after, limit).await, expected, "{after:?} {limit}");
        }
        let reseal = |from: &'static str| move |db: &mut Db| clients::reseal(db, &ClientId::new("b"), from, "XyZ-");
        assert!(!db.write(reseal("aBc_")).await, "it is of another client");
        assert!(db.write(reseal("AbC_")).await);
        assert!(!db.write(reseal("AbC_")).await);
        let [b, d] = ["b", "d"].map(ClientId::new);
        let metadata = serde_json::json!({ "client_uri": "https://a.example/\"sealed\":\"XyZ-\"", "note": "abc_" });
        let expected = Client { metadata: metadata.as_object().unwrap().clone(), ..sealed("b", "XyZ-") };
        assert_eq!(db.read(move |db| clients::find(db, &b)).await, Some(expected));
        assert_eq!(db.read(move |db| clients::find(db, &d)).await, Some(sealed("d", "aBc_")));
    }

    async fn clients_are_listed_in_the_order_of_their_changes(db: Database) {
        for (id, seconds) in [("c", 3), ("a", 1), ("b", 3), ("d", 2), ("a", 4)] {
            db.write(move |db| clients::save(db, &client(id), later(seconds))).await;
        }
        let changed = async |since: i64, after: &'static str, limit| {
            let read = move |db: &mut Db| clients::changed(db, (later(since), &ClientId::new(after)), limit);
            let found = db.read(read).await;
            found.into_iter().map(|(client, at)| (client.id.to_string(), at.since(NOW))).collect::<Vec<_>>()
        };
        let all = [("d", 2), ("b", 3), ("c", 3), ("a", 4)].map(|(id, at)| (id.to_owned(), at));
        assert_eq!(changed(0, "", 10).await, all);
        assert_eq!(changed(2, "", 10).await, all);
        assert_eq!(changed(2, "d", 2).await, all[1..3]);
        assert_eq!(changed(3, "b", 10).await, all[2..]);
        assert_eq!(changed(5, "", 10).await, []);
    }

    async fn scopes_are_described(db: Database) {
        let scope = |words: &str| ScopeDescription {
            name: "orders:read".to_owned(),
            description: [("en", words), ("ko", "주문 내역 보기")].map(|(tag, text)| (tag.to_owned(), text.to_owned())).into(),
        };
        for words in ["See orders", "See your orders"] {
            let stored = scope(words);
            db.write(move |db| scopes::save(db, &stored, NOW)).await;
        }
        assert_eq!(db.read(scopes::list).await, [scope("See your orders")]);
        assert!(db.write(|db| scopes::remove(db, "orders:read")).await);
        assert!(!db.write(|db| scopes::remove(db, "orders:read")).await);
    }

    async fn resources_are_found_by_their_exact_identifier(db: Database) {
        let resource = |identifier: &str| Resource {
            identifier: identifier.to_owned(),
            scopes: vec!["orders:read".to_owned()],
            access_token_type: AccessTokenType::Jwt,
            served_by: vec![ClientId::new("backend")],
        };
        let stored = resource("https://api.example.com/a");
        db.write(move |db| resources::save(db, &stored, NOW)).await;
        let found = db.read(|db| resources::find(db, "https://api.example.com/a")).await;
        assert_eq!(found, Some(resource("https://api.example.com/a")));
        assert_eq!(db.read(|db| resources::find(db, "https://api.example.com/A")).await, None);
        assert_eq!(db.read(|db| resources::find(db, "https://api.example.com/a\0")).await, None);
        assert_eq!(db.read(resources::list).await.len(), 1);
        assert!(db.write(|db| resources::remove(db, "https://api.example.com/a")).await);
        assert!(!db.write(|db| resources::remove(db, "https://api.example.com/a")).await);
    }

    async fn a_policy_is_the_last_document_saved(db: Database) {
        assert_eq!(db.read(|db| policies::find(db, "registration")).await, None);
        for document in [r#"{"mode":"closed"}"#, r#"{"mode":"open"}"#] {
            db.write(move |db| policies::save(db, "registration", document, NOW)).await;
            assert_eq!(db.read(|db| policies::find(db, "registration")).await.as_deref(), Some(document));
        }
        assert!(db.write(|db| policies::remove(db, "registration")).await);
        assert!(!db.write(|db| policies::remove(db, "registration")).await);
        assert_eq!(db.read(|db| policies::find(db, "registration")).await, None);
    }

    async fn refusals_are_kept_and_a_reference_in_use_costs_only_its_own(db: Database) {
        let refusal = |reference: &str, sent: &str| RefusalRecord {
            reference: Reference::new(reference),
            rule: "AW-PKCE-MISSING".to_owned(),
            client_id: Some(ClientId::new("native")),
            sent: sent.to_owned(),
            expected: "\u{1f511} 'quoted' \\ text".to_owned(),
            request_id: "0123456789abcdef".to_owned(),
            endpoint: "GET /authorize".to_owned(),
            refused_at: NOW,
            expires_at: later(60),
        };
        let batch = [refusal("AAAA-AAAA", "one"), refusal("AAAA-AAAA", "two"), refusal("BBBB-BBBB", "three")];
        db.write(move |db| refusals::insert_many(db, &batch)).await;
        let find = |reference: &'static str| db.read(move |db| refusals::find(db, &Reference::new(reference)));
        assert_eq!(find("AAAA-AAAA").await, Some(refusal("AAAA-AAAA", "one")));
        assert_eq!(find("BBBB-BBBB").await, Some(refusal("BBBB-BBBB", "three")));
        assert_eq!(find("bbbb-bbbb").await, None);
        assert_eq!(find("\0").await, None);
        db.write(|db| refusals::insert_many(db, &[])).await;
        let odd = refusal("CCCC-CCCC", "a\0b");
        db.write(move |db| refusals::insert_many(db, std::slice::from_ref(&odd))).await;
        assert_eq!(find("CCCC-CCCC").await.unwrap().sent, "a\u{fffd}b");
    }
}
