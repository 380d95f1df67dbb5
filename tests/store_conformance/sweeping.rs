//! Bounded removal of what has expired.

use crate::samples::{NOW, code, family, grant, interaction, later, scopes, session, signing_key};
use crate::usage::batch;
use authward::domain::access_token::OpaqueAccessToken;
use authward::domain::id::{ClientId, GrantId, Reference};
use authward::domain::key::{Algorithm, KeyState, SigningKey};
use authward::domain::logout::{LogoutNotice, SessionClient};
use authward::domain::refusal::RefusalRecord;
use authward::domain::secret::TokenHash;
use authward::domain::session::Session;
use authward::domain::throttle::Throttle;
use authward::domain::time::Lifetime;
use authward::domain::usage::Retention;
use authward::store::{
    Db, StoreError, alerts, codes, grants, interactions, logout_outbox, opaque_access_tokens, quotas, refresh_tokens,
    refusals, revoked_tokens, session_clients, sessions, signing_keys, sweep, throttles, usage, used_jwts,
};

/// One row a table that ends at 6000 at the latest, one that ends later.
fn fill(db: &mut Db) -> Result<(), StoreError> {
    for (name, end) in [("soon", later(6000)), ("late", later(60_000))] {
        let signed_in = Session { expires_at: end, idle_expires_at: end, ..session(name, "alice") };
        sessions::insert(db, &signed_in)?;
        session_clients::note(db, &signed_in, &ClientId::new("native"), NOW)?;
        let of = SessionClient {
            client_id: ClientId::new("native"),
            sid: signed_in.sid,
            user_id: signed_in.user_id,
            created_at: NOW,
        };
        logout_outbox::insert(db, &LogoutNotice { expires_at: end, ..LogoutNotice::new(&of, NOW) })?;
        let mut waiting = interaction(name);
        waiting.expires_at = end;
        interactions::insert(db, &waiting)?;
        let mut granted = grant(name, "alice", "s1");
        granted.expires_at = end;
        grants::insert(db, &granted)?;
        codes::insert(db, &code(name, name), end)?;
        let mut refreshed = family(name, name, "alice");
        (refreshed.expires_at, refreshed.idle_expires_at) = (end, end);
        refresh_tokens::insert(db, &refreshed)?;
        let opaque = OpaqueAccessToken {
            hash: TokenHash::of(name),
            client_id: ClientId::new("native"),
            grant_id: None,
            scopes: scopes("openid"),
            audience: Vec::new(),
            issued_at: NOW,
            expires_at: end,
        };
        opaque_access_tokens::insert(db, &opaque)?;
        revoked_tokens::insert(db, &TokenHash::of(name), end)?;
        used_jwts::insert(db, &TokenHash::of(name), end)?;
        throttles::save(
            db,
            &Throttle { subject: TokenHash::of(name), failures: 1, last_failed_at: NOW, expires_at: end },
        )?;
        quotas::take(db, &TokenHash::of(name), 1, end)?;
        let refusal = RefusalRecord {
            reference: Reference::new(name),
            rule: "AW-METHOD".to_owned(),
            client_id: None,
            sent: String::new(),
            expected: String::new(),
            request_id: String::new(),
            endpoint: String::new(),
            refused_at: NOW,
            expires_at: end,
        };
        refusals::insert_many(db, &[refusal])?;
        let hour =
            Retention { hours: Lifetime::seconds(end.seconds() - NOW.seconds() - 3600), days: Lifetime::days(400) };
        usage::add(db, &batch(name, NOW, hour, end))?;
        alerts::hold(db, name, "node", end.minus(Lifetime::days(7)))?;
        let retired = SigningKey {
            retires_at: Some(end.minus(Lifetime::days(30))),
            ..signing_key(name, Algorithm::ES256, KeyState::Retired)
        };
        signing_keys::insert(db, &retired)?;
    }
    signing_keys::insert(db, &signing_key("active", Algorithm::ES256, KeyState::Active))
}

const TABLES: [&str; 17] = [
    "sessions",
    "session_clients",
    "logout_outbox",
    "interactions",
    "authorization_codes",
    "refresh_token_families",
    "opaque_access_tokens",
    "revoked_tokens",
    "grants",
    "throttles",
    "quotas",
    "refusals",
    "usage_alerts",
    "usage_batches",
    "usage_rollups",
    "used_jwts",
    "signing_keys",
];

on_every_database! {
    async fn what_has_expired_goes_and_the_rest_stays(db: Database) {
        db.write(fill).await;
        assert!(db.write(|db| sweep::expired(db, later(5999), 100)).await.is_empty());
        assert_eq!(db.write(|db| sweep::expired(db, later(6000), 100)).await, TABLES.map(|table| (table, 1)));
        assert!(db.write(|db| sweep::expired(db, later(6000), 100)).await.is_empty());
        assert!(db.read(|db| grants::find(db, &GrantId::new("late"))).await.is_some());
        assert!(db.read(|db| grants::find(db, &GrantId::new("soon"))).await.is_none());
        assert_eq!(db.read(signing_keys::list).await.len(), 2);
    }

    async fn a_step_is_bounded(db: Database) {
        db.write(|db| (0..7).try_for_each(|n| sessions::insert(db, &session(&n.to_string(), "alice")))).await;
        let mut steps = Vec::new();
        for _ in 0..4 {
            steps.push(db.write(|db| sweep::expired(db, later(10_000), 3)).await);
        }
        // Idle and absolute expiry are bounded each.
        assert_eq!(steps, [vec![("sessions", 6)], vec![("sessions", 1)], vec![], vec![]]);
    }

    async fn an_idle_session_goes_before_its_absolute_end(db: Database) {
        db.write(|db| sessions::insert(db, &session("idle", "alice"))).await;
        assert_eq!(db.write(|db| sweep::expired(db, later(600), 10)).await, [("sessions", 1)]);
    }
}
