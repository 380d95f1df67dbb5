//! Audit events: append-only, read in their order, swept in bounded steps.

use crate::samples::{NOW, later, user};
use authward::domain::audit::{Actor, By, Event, EventKind, Filter, Position, StoredEvent};
use authward::domain::id::{ClientId, Reference, UserId};
use authward::domain::time::{Lifetime, Timestamp};
use authward::store::{StoreError, audit, sweep, users};

fn by(actor: Actor, at: Timestamp) -> By {
    By { actor, at, request_id: Some("0123456789abcdef".to_owned()), source: "2001:db8::1".parse().ok() }
}

fn sign_in(name: &str, at: Timestamp) -> Event {
    let id = UserId::new(name);
    Event::new(EventKind::SignedIn, &by(Actor::User(id.clone()), at)).user(&id).client(&ClientId::new("native"))
}

fn events(listed: Vec<StoredEvent>) -> Vec<Event> {
    listed.into_iter().map(|stored| stored.event).collect()
}

on_every_database! {
    async fn events_are_read_back_whole_newest_first(db: Database) {
        let whole = Event::new(EventKind::Refused, &by(Actor::Nobody, NOW))
            .reference(&Reference::new("7K2M-9QX1"))
            .with("endpoint", "POST /token")
            .with("odd", "주문 \u{1f511} 'quoted' \\ \" \0")
            .with("count", 3)
            .with("fields", vec!["scope".to_owned()]);
        let bare = Event::new(EventKind::KeyMade, &By::system(NOW));
        let command = Event::new(EventKind::ClientChanged, &By::command("client disable", NOW.minus(Lifetime::seconds(5))));
        let all = [whole.clone(), bare.clone(), command.clone()];
        db.write(move |db| audit::insert_all(db, &all)).await;
        let listed = db.read(|db| audit::list(db, &Filter::default(), 10)).await;
        assert!(listed[0].id > listed[1].id, "what was told later in a second comes later");
        assert_eq!(events(listed), [bare, whole, command]);
    }

    async fn pages_follow_one_another_without_gap_or_repetition(db: Database) {
        let stored: Vec<Event> = (0..25).map(|n| sign_in(&format!("u{n}"), later(n / 10))).collect();
        let all = stored.clone();
        db.write(move |db| audit::insert_all(db, &all)).await;
        let (mut seen, mut before): (Vec<Event>, Option<Position>) = (Vec::new(), None);
        loop {
            let filter = Filter { before, ..Filter::default() };
            let page = db.read(move |db| audit::list(db, &filter, 7)).await;
            let Some(last) = page.last() else { break };
            before = Some(last.position());
            seen.extend(events(page));
        }
        seen.reverse();
        assert_eq!(seen, stored);
    }

    async fn a_filter_finds_what_it_names_and_nothing_else(db: Database) {
        let refused = Event::new(EventKind::Refused, &By { request_id: Some("ffff".to_owned()), ..by(Actor::Nobody, later(9)) })
            .reference(&Reference::new("AAAA-BBBB"));
        let revoked = Event::new(EventKind::GrantRevoked, &By::command("user disable", later(3))).user(&UserId::new("bob"));
        let all = [sign_in("alice", NOW), revoked.clone(), sign_in("bob", later(6)), refused.clone()];
        let stored = all.clone();
        db.write(move |db| audit::insert_all(db, &stored)).await;
        let [alice, _, bob, _] = all;
        let none = Filter::default;
        let text = |text: &str| Some(text.to_owned());
        let cases: Vec<(Filter, Vec<Event>)> = vec![
            (Filter { since: Some(later(6)), ..none() }, vec![refused.clone(), bob.clone()]),
            (Filter { until: Some(later(6)), ..none() }, vec![revoked.clone(), alice.clone()]),
            (Filter { kind: Some(EventKind::SignedIn), ..none() }, vec![bob.clone(), alice.clone()]),
            (Filter { actor: text("alice"), ..none() }, vec![alice.clone()]),
            (Filter { actor: text("operator"), ..none() }, vec![revoked.clone()]),
            (Filter { actor: text("user disable"), ..none() }, vec![revoked.clone()]),
            (Filter { actor: text("nobody"), ..none() }, vec![refused.clone()]),
            (Filter { client_id: Some(ClientId::new("native")), ..none() }, vec![bob.clone(), alice]),
            (Filter { client_id: Some(ClientId::new("Native")), ..none() }, vec![]),
            (Filter { user_id: Some(UserId::new("bob")), ..none() }, vec![bob.clone(), revoked]),
            (Filter { user_id: Some(UserId::new("bob")), kind: Some(EventKind::SignedIn), ..none() }, vec![bob]),
            (Filter { reference: text("AAAA-BBBB"), ..none() }, vec![refused.clone()]),
            (Filter { reference: text("ffff"), ..none() }, vec![refused]),
            (Filter { reference: text("a\0"), ..none() }, vec![]),
        ];
        for (filter, expected) in cases {
            let asked = filter.clone();
            assert_eq!(events(db.read(move |db| audit::list(db, &asked, 10)).await), expected, "{filter:?}");
        }
    }

    async fn an_act_that_is_undone_leaves_no_event(db: Database) {
        let outcome: Result<(), StoreError> = db.store.write(|db| {
            audit::insert(db, &sign_in("alice", NOW))?;
            users::insert(db, &user("alice"))?;
            users::insert(db, &user("alice"))
        }).await;
        assert_eq!(outcome, Err(StoreError::Conflict));
        assert!(db.read(|db| audit::list(db, &Filter::default(), 10)).await.is_empty());
    }

    async fn old_events_go_in_bounded_steps_and_the_rest_stays(db: Database) {
        let all: Vec<Event> = (0..7).map(|n| sign_in("alice", later(n))).collect();
        db.write(move |db| audit::insert_all(db, &all)).await;
        let mut steps = Vec::new();
        for _ in 0..3 {
            steps.push(db.write(|db| sweep::audited(db, later(4), 3)).await);
        }
        assert_eq!(steps, [3, 2, 0]);
        let left = db.read(|db| audit::list(db, &Filter::default(), 10)).await;
        assert_eq!(left.iter().map(|stored| stored.event.by.at).collect::<Vec<_>>(), [later(6), later(5)]);
    }
}

/// Append-only: what is told once is neither changed nor taken back.
#[test]
fn nothing_but_the_sweeper_touches_a_stored_event() {
    let folder = format!("{}/src/store", env!("CARGO_MANIFEST_DIR"));
    let mut readers = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        if !text.contains("audit_events") || ["schema.rs", "sweep.rs"].contains(&name.as_str()) {
            continue;
        }
        readers += 1;
        for forbidden in ["diesel::update", "diesel::delete", "diesel::replace_into", "sql_query"] {
            assert!(!text.contains(forbidden), "{name}: {forbidden}");
        }
    }
    assert_eq!(readers, 1, "audit.rs alone");
    let sweeper = include_str!("../../src/store/sweep.rs");
    assert_eq!(sweeper.matches("audit_events").count(), 2, "the sweeper names the table in one step and its import");
}
