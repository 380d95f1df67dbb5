//! The service over a database of its own, under a virtual clock.

use super::*;
use crate::clock::Clock;
use crate::domain::audit::By;
use crate::domain::key::{KeyState, SigningKey};
use crate::domain::time::{Lifetime, Timestamp};
use crate::entropy::Entropy;
use crate::store::{Store, StoreOptions, migrate};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};

const START: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";
const EXPECTED: Expected<'static> =
    Expected { typ: "at+jwt", issuer: ISSUER, audience: Some("https://api.example.com") };

/// A database and what every node on it shares.
pub(crate) struct World {
    store: Store,
    pub(crate) clock: Clock,
    _directory: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite://{}", directory.path().join("keys.db").display());
        let store = Store::open(StoreOptions::new(url)).expect("a store");
        migrate::run(&store).await.expect("a schema");
        Self { store, clock: Clock::standing_at(Timestamp::from_seconds(START)), _directory: directory }
    }

    /// One more node on this database, with nothing loaded.
    pub(crate) fn node(&self, seed: u64, policy: KeyPolicy) -> Keys {
        self.node_under(&MasterKey::generate(&Entropy::seeded(99)), seed, policy)
    }

    /// One more node, with this master key.
    fn node_under(&self, master: &MasterKey, seed: u64, policy: KeyPolicy) -> Keys {
        Keys::new(self.store.clone(), master.clone(), self.clock.clone(), Entropy::seeded(seed), policy)
    }

    async fn ready_node(&self) -> Keys {
        let keys = self.node(1, KeyPolicy::default());
        keys.ensure().await.unwrap();
        keys
    }

    fn claims(&self) -> Value {
        let now = self.clock.now().seconds();
        json!({ "iss": ISSUER, "aud": EXPECTED.audience, "iat": now, "exp": now + 3600, "sub": "someone" })
    }
}

/// Who orders, in these tests.
fn by() -> By {
    By::command("keys rotate", Timestamp::from_seconds(START))
}

/// Without RSA, whose keys take long to make.
fn quick() -> KeyPolicy {
    KeyPolicy { algorithms: vec![Algorithm::ES256, Algorithm::EdDSA], ..KeyPolicy::default() }
}

fn another_master_key() -> MasterKey {
    MasterKey::generate(&Entropy::seeded(100))
}

fn kid_of(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

fn sign(keys: &Keys, algorithm: Algorithm) -> String {
    keys.sign(algorithm, "at+jwt", &json!({ "sub": "someone" })).unwrap()
}

fn in_state(keys: &[SigningKey], algorithm: Algorithm, state: KeyState) -> Vec<KeyId> {
    keys.iter().filter(|key| key.algorithm == algorithm && key.state == state).map(|key| key.id.clone()).collect()
}

#[tokio::test]
async fn nothing_is_signed_published_or_believed_before_keys_are_loaded() {
    let world = World::new().await;
    let keys = world.node(1, quick());
    let error = keys.sign(Algorithm::ES256, "JWT", &json!({})).unwrap_err();
    assert!(matches!(error, KeysError::NotReady) && error.is_temporary());
    assert!(matches!(keys.jwks(), Err(KeysError::NotReady)));
    assert!(matches!(keys.hmac(Purpose::Forms, None, b""), Err(KeysError::NotReady)));
    let other = World::new().await.ready_node().await;
    let outcome = keys.verify(&sign(&other, Algorithm::ES256), &EXPECTED, world.clock.now()).await;
    assert!(matches!(outcome, Err(VerifyError::Unavailable(_))));
}

#[tokio::test]
async fn half_of_the_first_keys_are_not_published() {
    let world = World::new().await;
    let keys = world.node(1, quick());
    keys.rotate_now(Some(Algorithm::ES256), true, &by()).await.unwrap();
    assert!(matches!(keys.jwks(), Err(KeysError::NotReady)), "the others and the secrets are missing");
    keys.ensure().await.unwrap();
    assert!(keys.jwks().is_ok());
}

/// RFC 7515 §7.1, RFC 9068 §2.1
#[tokio::test]
async fn the_first_keys_sign_at_once_and_their_tokens_verify() {
    let world = World::new().await;
    let keys = world.ready_node().await;
    for algorithm in Algorithm::ALL {
        let token = keys.sign(algorithm, "at+jwt", &world.claims()).unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
        assert_eq!(header, json!({ "typ": "at+jwt", "alg": algorithm.as_str(), "kid": kid_of(&token) }));
        let claims = keys.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
        assert_eq!(Value::Object(claims), world.claims());
    }
    assert!(matches!(
        world.node(2, quick()).sign(Algorithm::RS256, "JWT", &json!({})),
        Err(KeysError::NotConfigured(Algorithm::RS256))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_agree_on_the_first_keys() {
    let world = World::new().await;
    let nodes: Vec<Keys> = (0..6).map(|seed| world.node(seed, quick())).collect();
    let tasks: Vec<_> = nodes.iter().cloned().map(|node| tokio::spawn(async move { node.ensure().await })).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(nodes[0].list().await.unwrap().len(), 2);
    for node in &nodes {
        assert_eq!(node.jwks().unwrap(), nodes[0].jwks().unwrap());
        assert_eq!(
            node.hmac(Purpose::Refresh, None, b"x").unwrap(),
            nodes[0].hmac(Purpose::Refresh, None, b"x").unwrap()
        );
        let token = node.sign(Algorithm::ES256, "at+jwt", &world.claims()).unwrap();
        nodes[0].verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_tick_at_once_take_each_step_once() {
    let world = World::new().await;
    let policy = KeyPolicy { algorithms: vec![Algorithm::ES256], ..KeyPolicy::default() };
    let nodes: Vec<Keys> = (0..6).map(|seed| world.node(seed, policy.clone())).collect();
    let all_tick = || async {
        let tasks: Vec<_> = nodes.iter().cloned().map(|node| tokio::spawn(async move { node.tick().await })).collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let stored = nodes[0].list().await.unwrap();
        [KeyState::Next, KeyState::Active, KeyState::Retiring, KeyState::Retired]
            .map(|state| in_state(&stored, Algorithm::ES256, state))
    };
    let [_, first, _, _] = all_tick().await;
    world.clock.advance(Lifetime::days(29));
    let [next, active, _, _] = all_tick().await;
    assert_eq!((next.len(), &active), (1, &first));
    world.clock.advance(Lifetime::days(1));
    assert_eq!(all_tick().await, [vec![], next.clone(), first.clone(), vec![]]);
    world.clock.advance(Lifetime::seconds(24 * 3600 + 60));
    assert_eq!(all_tick().await, [vec![], next.clone(), vec![], first]);
    for node in &nodes {
        assert_eq!(kid_of(&sign(node, Algorithm::ES256)), next[0].as_str());
    }
}

#[tokio::test]
async fn a_node_with_another_master_key_says_so_and_changes_nothing() {
    let world = World::new().await;
    let keys = world.ready_node().await;
    let before = keys.list().await.unwrap();
    let stranger = world.node_under(&another_master_key(), 2, KeyPolicy::default());
    let error = stranger.ensure().await.unwrap_err();
    assert!(error.to_string().contains("sealed under another master key"), "{error}");
    assert!(!error.is_temporary());
    assert!(keys.list().await.unwrap() == before);
}

/// RFC 7517 §5, RFC 7638 §3
#[tokio::test]
async fn the_jwks_has_public_keys_only_and_stays_the_same_bytes() {
    let world = World::new().await;
    let keys = world.ready_node().await;
    let jwks = keys.jwks().unwrap();
    let document: Value = serde_json::from_slice(&jwks.bytes).unwrap();
    let published = document["keys"].as_array().unwrap();
    let shapes: Vec<Vec<&str>> =
        published.iter().map(|key| key.as_object().unwrap().keys().map(String::as_str).collect()).collect();
    assert_eq!(
        shapes,
        [
            vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
            vec!["alg", "e", "kid", "kty", "n", "use"],
            vec!["alg", "crv", "kid", "kty", "use", "x"],
            vec!["alg", "e", "kid", "kty", "n", "use"],
        ]
    );
    for key in published {
        assert_eq!(key["use"], "sig");
        assert_eq!(key["kid"].as_str().unwrap().len(), 43);
    }
    assert_eq!((jwks.etag.len(), jwks.max_age), (24, Lifetime::minutes(15)));

    keys.tick().await.unwrap();
    assert_eq!(keys.jwks().unwrap(), jwks);
    keys.rotate_now(Some(Algorithm::ES256), false, &by()).await.unwrap();
    assert_ne!(keys.jwks().unwrap().etag, jwks.etag);
}

/// RFC 8725 §3.1, §3.2, §3.11; RFC 7515 §4.1.11
#[tokio::test]
async fn what_is_not_exactly_our_token_is_refused_by_its_cause() {
    let world = World::new().await;
    let keys = world.ready_node().await;
    let now = world.clock.now().seconds();
    let with = |change: Value| {
        let mut claims = world.claims();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        keys.sign(Algorithm::ES256, "at+jwt", &claims).unwrap()
    };
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let good = with(json!({}));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let kid = kid_of(&good);
    let rsa = kid_of(&keys.sign(Algorithm::RS256, "at+jwt", &world.claims()).unwrap());
    let forged = |header: Value| format!("{}.{payload}.{signature}", encode(&header.to_string()));
    let by_public_key = {
        let jwks = keys.jwks().unwrap();
        let signed =
            format!("{}.{payload}", encode(&json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid }).to_string()));
        let tag = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &jwks.bytes),
            signed.as_bytes(),
        );
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let own_jwk = json!({ "kty": "EC", "crv": "P-256", "x": "", "y": "" });
    let altered = {
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        format!("{header}.{}.{signature}", encode(&claims.replace("someone", "another")))
    };

    let table: Vec<(&str, String, VerifyError)> = vec![
        (
            "no algorithm",
            format!("{}.{payload}.", encode(&json!({"typ":"at+jwt","alg":"none","kid":kid}).to_string())),
            VerifyError::Algorithm,
        ),
        ("the public key as a secret", by_public_key, VerifyError::Algorithm),
        ("another algorithm of ours", forged(json!({"typ":"at+jwt","alg":"RS256","kid":kid})), VerifyError::Algorithm),
        (
            "the key of another algorithm",
            forged(json!({"typ":"at+jwt","alg":"ES256","kid":rsa})),
            VerifyError::Algorithm,
        ),
        ("both of another algorithm", forged(json!({"typ":"at+jwt","alg":"RS256","kid":rsa})), VerifyError::Signature),
        ("no kid", forged(json!({"typ":"at+jwt","alg":"ES256"})), VerifyError::UnknownKey),
        (
            "a key of its own",
            forged(json!({"typ":"at+jwt","alg":"ES256","jwk":own_jwk,"jku":"https://evil.example"})),
            VerifyError::UnknownKey,
        ),
        (
            "a kid that is a path",
            forged(json!({"typ":"at+jwt","alg":"ES256","kid":"../../../../etc/passwd"})),
            VerifyError::UnknownKey,
        ),
        (
            "critical",
            forged(json!({"typ":"at+jwt","alg":"ES256","kid":kid,"crit":["b64"],"b64":false})),
            VerifyError::Critical,
        ),
        (
            "critical and null",
            forged(json!({"typ":"at+jwt","alg":"ES256","kid":kid,"crit":null})),
            VerifyError::Critical,
        ),
        ("no typ", forged(json!({"alg":"ES256","kid":kid})), VerifyError::Type),
        ("an ID token", keys.sign(Algorithm::ES256, "JWT", &world.claims()).unwrap(), VerifyError::Type),
        ("another header", forged(json!({"typ":"AT+JWT","alg":"ES256","kid":kid})), VerifyError::Signature),
        ("another payload", altered, VerifyError::Signature),
        ("no signature", format!("{header}.{payload}."), VerifyError::Signature),
        ("a cut signature", good[..good.len() - 2].to_owned(), VerifyError::Signature),
        ("another issuer", with(json!({"iss":"https://id.example.com/"})), VerifyError::Issuer),
        ("no issuer", with(json!({"iss":null})), VerifyError::Issuer),
        ("another audience", with(json!({"aud":["https://other.example.com"]})), VerifyError::Audience),
        ("no audience", with(json!({"aud":{}})), VerifyError::Audience),
        ("expired this second", with(json!({"exp":now})), VerifyError::Expired),
        ("an end that is a text", with(json!({"exp":"9999999999"})), VerifyError::Expired),
        ("no end", with(json!({"exp":null})), VerifyError::Expired),
        ("made in the future", with(json!({"iat":now + 16})), VerifyError::NotYet),
        ("valid in the future", with(json!({"nbf":now + 16})), VerifyError::NotYet),
        ("valid from a text on", with(json!({"nbf":"0"})), VerifyError::NotYet),
        ("two parts", format!("{header}.{payload}"), VerifyError::Malformed("")),
        ("four parts", format!("{good}.x"), VerifyError::Malformed("")),
        ("five parts", "a.b.c.d.e".to_owned(), VerifyError::Malformed("")),
        ("nothing", String::new(), VerifyError::Malformed("")),
        ("padding", format!("{header}=.{payload}.{signature}"), VerifyError::Malformed("")),
        ("too long", format!("{good}{}", "A".repeat(MAX_BYTES)), VerifyError::TooLong),
    ];
    for (claim, token, expected) in table {
        let error = keys.verify(&token, &EXPECTED, world.clock.now()).await.expect_err(claim);
        match expected {
            VerifyError::Malformed(_) => assert!(matches!(error, VerifyError::Malformed(_)), "{claim}: {error:?}"),
            _ => assert_eq!(error, expected, "{claim}"),
        }
    }
    for good in [
        with(json!({"aud":["x", EXPECTED.audience]})),
        with(json!({"iat":now + 15, "nbf":now + 15})),
        keys.sign(Algorithm::ES256, "application/AT+JWT", &world.claims()).unwrap(),
    ] {
        keys.verify(&good, &EXPECTED, world.clock.now()).await.unwrap();
    }
    let anyone = Expected { audience: None, ..EXPECTED };
    keys.verify(&with(json!({"aud":"anybody"})), &anyone, world.clock.now()).await.unwrap();
}

#[tokio::test]
async fn an_order_to_rotate_publishes_first_and_says_when_it_signs() {
    let world = World::new().await;
    let (keys, other) = (world.node(1, quick()), world.node(2, quick()));
    keys.ensure().await.unwrap();
    other.ensure().await.unwrap();
    let before = kid_of(&sign(&keys, Algorithm::ES256));

    let [rotated] = keys.rotate_now(Some(Algorithm::ES256), false, &by()).await.unwrap().try_into().unwrap();
    let RotationOutcome::Waiting { kid, until } = rotated.outcome else { panic!("it must wait: {rotated:?}") };
    assert_eq!(until, world.clock.now().plus(Lifetime::hours(24)));
    let again = other.rotate_now(Some(Algorithm::ES256), false, &by()).await.unwrap();
    assert_eq!(again[0].outcome, RotationOutcome::Waiting { kid: kid.clone(), until }, "one order, not two");

    world.clock.advance(Lifetime::seconds(24 * 3600 - 1));
    keys.tick().await.unwrap();
    assert_eq!(kid_of(&sign(&keys, Algorithm::ES256)), before);
    world.clock.advance(Lifetime::seconds(1));
    keys.tick().await.unwrap();
    assert_eq!(kid_of(&sign(&keys, Algorithm::ES256)), kid.as_str());
    // The other node has not looked yet: it signs with the old key, and both verify both.
    let (new, old) = (
        keys.sign(Algorithm::ES256, "at+jwt", &world.claims()),
        other.sign(Algorithm::ES256, "at+jwt", &world.claims()),
    );
    for token in [new.unwrap(), old.unwrap()] {
        for node in [&keys, &other] {
            node.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_emergency_rotation_signs_at_once() {
    let world = World::new().await;
    let keys = world.node(1, quick());
    keys.ensure().await.unwrap();
    let before = KeyId::new(kid_of(&sign(&keys, Algorithm::EdDSA)));
    let rotated = keys.rotate_now(None, true, &by()).await.unwrap();
    assert_eq!(rotated.len(), 2);
    let after = KeyId::new(kid_of(&sign(&keys, Algorithm::EdDSA)));
    assert_eq!(
        rotated[1],
        Rotated {
            algorithm: Algorithm::EdDSA,
            outcome: RotationOutcome::Promoted { kid: after, replaced: Some(before.clone()) }
        }
    );
    let stored = keys.list().await.unwrap();
    assert_eq!(in_state(&stored, Algorithm::EdDSA, KeyState::Retiring), [before]);
    assert!(matches!(
        keys.rotate_now(Some(Algorithm::RS256), true, &by()).await,
        Err(KeysError::NotConfigured(Algorithm::RS256))
    ));
}

#[tokio::test]
async fn a_retired_key_is_replaced_first_and_what_it_signed_is_refused() {
    let world = World::new().await;
    let keys = world.node(1, quick());
    keys.ensure().await.unwrap();
    let token = keys.sign(Algorithm::ES256, "at+jwt", &world.claims()).unwrap();
    let kid = KeyId::new(kid_of(&token));

    let retired = keys.retire(&kid, &by()).await.unwrap();
    let replaced_by = retired.replaced_by.expect("it was signing");
    assert_eq!(kid_of(&sign(&keys, Algorithm::ES256)), replaced_by.as_str());
    assert!(!String::from_utf8(keys.jwks().unwrap().bytes.to_vec()).unwrap().contains(kid.as_str()));
    assert_eq!(keys.verify(&token, &EXPECTED, world.clock.now()).await, Err(VerifyError::UnknownKey));
    assert_eq!(keys.retire(&kid, &by()).await.unwrap().replaced_by, None, "once more changes nothing");

    // With a next key in hand, that one takes over; a next key itself just goes.
    keys.rotate_now(Some(Algorithm::ES256), false, &by()).await.unwrap();
    let next = in_state(&keys.list().await.unwrap(), Algorithm::ES256, KeyState::Next).remove(0);
    assert_eq!(keys.retire(&replaced_by, &by()).await.unwrap().replaced_by, Some(next.clone()));
    keys.rotate_now(Some(Algorithm::ES256), false, &by()).await.unwrap();
    let next = in_state(&keys.list().await.unwrap(), Algorithm::ES256, KeyState::Next).remove(0);
    assert_eq!(keys.retire(&next, &by()).await.unwrap().replaced_by, None);
    assert!(matches!(keys.retire(&KeyId::new("none"), &by()).await, Err(KeysError::Unknown(_))));
}

#[tokio::test]
async fn under_a_new_master_key_every_key_stays_what_it_is() {
    let (world, new) = (World::new().await, another_master_key());
    let old = world.node(1, quick());
    old.ensure().await.unwrap();
    let token = old.sign(Algorithm::ES256, "at+jwt", &world.claims()).unwrap();
    old.rotate_now(None, true, &by()).await.unwrap();
    old.retire(&KeyId::new(kid_of(&sign(&old, Algorithm::EdDSA))), &by()).await.unwrap();
    let before = old.list().await.unwrap();
    let sealed = Sealed { keys: before.len() as u64 + 3, client_secrets: 0 };
    assert!(!in_state(&before, Algorithm::EdDSA, KeyState::Retired).is_empty());
    assert_eq!(old.reseal(&new, &by()).await.unwrap(), sealed);
    assert_eq!(old.seals().await.unwrap(), [(new.id(), sealed)].into());
    let after = old.list().await.unwrap();
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before.sealed_private, after.sealed_private);
        assert!(*before == SigningKey { sealed_private: before.sealed_private.clone(), ..after.clone() });
    }
    assert_eq!(old.reseal(&new, &by()).await.unwrap(), Sealed::default());
    assert!(old.list().await.unwrap() == after, "once more changes nothing");

    let started = world.node_under(&new, 3, quick());
    started.ensure().await.unwrap();
    assert_eq!(started.jwks().unwrap(), old.jwks().unwrap());
    for purpose in Purpose::ALL {
        assert_eq!(started.hmac(purpose, None, b"x").unwrap(), old.hmac(purpose, None, b"x").unwrap());
    }
    started.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
    assert_eq!(kid_of(&sign(&started, Algorithm::EdDSA)), kid_of(&sign(&old, Algorithm::EdDSA)));
    let error = world.node(4, quick()).ensure().await.unwrap_err().to_string();
    assert!(error.contains(&new.id()) && error.contains("sealed under another master key"), "{error}");
}

#[tokio::test]
async fn what_is_sealed_under_neither_master_key_stops_a_resealing_that_changes_nothing() {
    let (world, new) = (World::new().await, another_master_key());
    let keys = world.node(1, quick());
    keys.ensure().await.unwrap();
    assert!(matches!(
        keys.reseal(&MasterKey::generate(&Entropy::seeded(99)), &by()).await,
        Err(KeysError::SameMasterKey)
    ));
    let before = keys.list().await.unwrap();
    let stranger = world.node_under(&MasterKey::generate(&Entropy::seeded(101)), 2, quick());
    let error = stranger.reseal(&new, &by()).await.unwrap_err().to_string();
    assert!(error.contains("neither the configured one") && error.contains(&new.id()), "{error}");
    assert!(keys.list().await.unwrap() == before);
    // The last one that is looked at is damaged: the others, sealed anew already, are as they were.
    let last = world.store.read(crate::store::secret_keys::list_all).await.unwrap().pop().unwrap();
    let damage = move |db: &mut _| crate::store::secret_keys::reseal(db, &last.id, &last.sealed, &last.sealed[..40]);
    assert!(world.store.write(damage).await.unwrap());
    let error = keys.reseal(&new, &by()).await.unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
    assert!(keys.list().await.unwrap() == before);
    let told = world.store.read(|db| crate::store::audit::list(db, &crate::domain::audit::Filter::default(), 100));
    let told = told.await.unwrap();
    assert!(told.iter().all(|told| told.event.kind != crate::domain::audit::EventKind::KeysResealed));
}

#[tokio::test]
async fn a_node_with_the_replaced_master_key_goes_on_but_makes_no_keys() {
    let (world, new) = (World::new().await, another_master_key());
    let old = world.node(1, quick());
    old.ensure().await.unwrap();
    let token = sign(&old, Algorithm::ES256);
    old.reseal(&new, &by()).await.unwrap();
    world.clock.advance(Lifetime::days(89));
    let before = old.list().await.unwrap();
    let refusals = [
        old.tick().await.unwrap_err(),
        old.rotate_now(None, true, &by()).await.unwrap_err(),
        old.retire(&KeyId::new(kid_of(&token)), &by()).await.unwrap_err(),
    ];
    for error in refusals {
        assert!(error.to_string().contains("sealed under another master key") && !error.is_temporary(), "{error}");
    }
    assert!(old.list().await.unwrap() == before, "a key of this node could be opened by none that starts");

    // A node with the new one carries on; what the old one has loaded still serves.
    let started = world.node_under(&new, 2, quick());
    started.tick().await.unwrap();
    assert_eq!(in_state(&started.list().await.unwrap(), Algorithm::ES256, KeyState::Next).len(), 1);
    assert!(old.tick().await.is_err());
    for (from, to) in [(&old, &started), (&started, &old)] {
        let token = from.sign(Algorithm::ES256, "at+jwt", &world.claims()).unwrap();
        to.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_came_in_under_the_replaced_master_key_is_sealed_anew_by_another_run() {
    let (world, new) = (World::new().await, another_master_key());
    let old = world.node(1, quick());
    old.ensure().await.unwrap();
    old.rotate_now(Some(Algorithm::ES256), false, &by()).await.unwrap();
    let next = |keys: &[SigningKey]| keys.iter().find(|key| key.state == KeyState::Next).cloned().unwrap();
    let late = next(&old.list().await.unwrap());
    old.reseal(&new, &by()).await.unwrap();
    // As if it had been committed a moment later.
    let (id, sealed, resealed) =
        (late.id.clone(), late.sealed_private.clone(), next(&old.list().await.unwrap()).sealed_private);
    let undo = move |db: &mut _| crate::store::signing_keys::reseal(db, &id, &resealed, &sealed);
    assert!(world.store.write(undo).await.unwrap());
    let started = world.node_under(&new, 2, quick());
    let error = started.ensure().await.unwrap_err().to_string();
    assert!(error.contains(late.id.as_str()), "{error}");
    assert_eq!(old.seals().await.unwrap().len(), 2);
    assert_eq!(old.reseal(&new, &by()).await.unwrap(), Sealed { keys: 1, client_secrets: 0 });
    started.ensure().await.unwrap();
    assert_eq!(next(&started.list().await.unwrap()).id, late.id);
}

#[tokio::test]
async fn an_unknown_kid_makes_a_node_look_again_once_a_second() {
    let world = World::new().await;
    let (keys, other) = (world.node(1, quick()), world.node(2, quick()));
    keys.ensure().await.unwrap();
    other.ensure().await.unwrap();
    let newer = || async {
        keys.rotate_now(Some(Algorithm::ES256), true, &by()).await.unwrap();
        keys.sign(Algorithm::ES256, "at+jwt", &world.claims()).unwrap()
    };
    let token = newer().await;
    other.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
    let token = newer().await;
    assert_eq!(other.verify(&token, &EXPECTED, world.clock.now()).await, Err(VerifyError::UnknownKey));
    world.clock.advance(Lifetime::seconds(1));
    other.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
}

#[tokio::test]
async fn a_lost_database_is_no_verdict_on_a_token_and_loaded_keys_go_on() {
    let world = World::new().await;
    let keys = world.node(1, quick());
    keys.ensure().await.unwrap();
    let foreign = sign(&World::new().await.ready_node().await, Algorithm::ES256);
    world.store.close();
    assert!(matches!(keys.verify(&foreign, &EXPECTED, world.clock.now()).await, Err(VerifyError::Unavailable(_))));
    assert!(keys.tick().await.unwrap_err().is_temporary());
    let token = keys.sign(Algorithm::ES256, "at+jwt", &world.claims()).unwrap();
    keys.verify(&token, &EXPECTED, world.clock.now()).await.unwrap();
    assert!(keys.jwks().is_ok());
}

#[tokio::test]
async fn secret_keys_are_shared_and_differ_by_purpose() {
    let world = World::new().await;
    let (keys, other) = (world.node(1, quick()), world.node(2, quick()));
    keys.ensure().await.unwrap();
    other.ensure().await.unwrap();
    let (id, mac) = keys.hmac(Purpose::Refresh, None, b"message").unwrap();
    assert_eq!(id.as_str().len(), 16);
    assert_eq!(other.hmac(Purpose::Refresh, Some(&id), b"message").unwrap(), (id.clone(), mac));
    assert_ne!(keys.hmac(Purpose::Forms, None, b"message").unwrap().1, mac);
    assert!(matches!(keys.hmac(Purpose::Forms, Some(&id), b"message"), Err(KeysError::Unknown(_))));
}

/// Others who verify our tokens: each caches the JWKS for as long as they may, and looks nowhere else.
struct Verifier {
    cached: HashMap<String, DecodingKey>,
    fetched_at: Option<Timestamp>,
}

impl Verifier {
    fn new() -> Self {
        Self { cached: HashMap::new(), fetched_at: None }
    }

    fn look(&mut self, node: &Keys, now: Timestamp) {
        let jwks = node.jwks().unwrap();
        if self.fetched_at.is_some_and(|at| now.since(at) < jwks.max_age.as_seconds()) {
            return;
        }
        let set: JwkSet = serde_json::from_slice(&jwks.bytes).unwrap();
        for algorithm in ["\"ES256\"", "\"RS256\"", "\"EdDSA\"", "\"PS256\""] {
            let text = std::str::from_utf8(&jwks.bytes).unwrap();
            assert!(text.matches(algorithm).count() <= 3, "the JWKS grows: {text}");
        }
        self.cached = set
            .keys
            .iter()
            .map(|jwk| (jwk.common.key_id.clone().unwrap(), DecodingKey::from_jwk(jwk).unwrap()))
            .collect();
        self.fetched_at = Some(now);
    }

    fn knows(&self, token: &Issued) -> bool {
        self.cached.contains_key(&token.kid)
    }

    fn verifies(&self, token: &Issued) -> bool {
        let (signed, signature) = token.text.rsplit_once('.').unwrap();
        let key = &self.cached[&token.kid];
        jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, jwk::jose(token.algorithm)).unwrap()
    }
}

struct Issued {
    text: String,
    kid: String,
    algorithm: Algorithm,
    expires_at: Timestamp,
}

/// Two nodes that look at different times, verifiers that look at different times, and every token until it expires.
struct Story<'a> {
    world: &'a World,
    policy: KeyPolicy,
    nodes: [Keys; 2],
    verifiers: Vec<Verifier>,
    live: VecDeque<Issued>,
    kids: std::collections::HashSet<String>,
}

impl<'a> Story<'a> {
    async fn begin(world: &'a World, policy: KeyPolicy, verifiers: usize) -> Self {
        let nodes = [1, 2].map(|seed| world.node(seed, policy.clone()));
        for node in &nodes {
            node.ensure().await.unwrap();
        }
        let verifiers = (0..verifiers).map(|_| Verifier::new()).collect();
        Self { world, policy, nodes, verifiers, live: VecDeque::new(), kids: Default::default() }
    }

    /// `ticking`: the nodes that look at the store in this step. `serving`: the nodes that answer at all.
    async fn step(&mut self, step: usize, ticking: &[usize], serving: &[usize]) {
        for node in ticking {
            self.nodes[*node].tick().await.unwrap();
        }
        let now = self.world.clock.now();
        self.live.retain(|token| !token.expires_at.is_past(now));
        for node in serving {
            self.issue(*node, now);
        }
        // One verifier more looks in each step, each at another node, so that their caches have every age.
        for (number, verifier) in self.verifiers.iter_mut().enumerate() {
            if verifier.fetched_at.is_some() || number <= step {
                verifier.look(&self.nodes[serving[(number + step) % serving.len()]], now);
                for token in &self.live {
                    assert!(verifier.knows(token), "step {step}: verifier {number} does not know {}", token.kid);
                }
            }
        }
        let (oldest, newest) = (self.live.front().unwrap(), self.live.back().unwrap());
        assert!(self.verifiers[0].verifies(oldest) && self.verifiers[0].verifies(newest));
    }

    fn issue(&mut self, node: usize, now: Timestamp) {
        for algorithm in &self.policy.algorithms {
            let text = sign(&self.nodes[node], *algorithm);
            let kid = kid_of(&text);
            self.kids.insert(kid.clone());
            let expires_at = now.plus(self.policy.longest_token);
            self.live.push_back(Issued { text, kid, algorithm: *algorithm, expires_at });
        }
    }
}

/// A year in steps of an hour, with a node that is down for a month and a clock that jumps forward by one.
#[tokio::test]
async fn in_a_year_of_rotations_no_verifier_meets_an_unknown_key() {
    let world = World::new().await;
    let policy = KeyPolicy { jwks_max_age: Lifetime::hours(6), ..KeyPolicy::default() };
    let mut story = Story::begin(&world, policy, 6).await;
    for hour in 0..365 * 24 {
        let day = hour / 24;
        let is_down = (100..130).contains(&day);
        if hour == 200 * 24 {
            let before: Vec<String> = Algorithm::ALL.map(|algorithm| kid_of(&sign(&story.nodes[0], algorithm))).into();
            world.clock.advance(Lifetime::days(31));
            story.nodes[0].tick().await.unwrap();
            story.nodes[0].tick().await.unwrap();
            let after: Vec<String> = Algorithm::ALL.map(|algorithm| kid_of(&sign(&story.nodes[0], algorithm))).into();
            assert_eq!(before, after, "a key signs that was not published for long enough");
        }
        let (ticking, serving): (&[usize], &[usize]) = match (is_down, hour % 2) {
            (true, _) => (&[0], &[0]),
            // A node comes back with what it knew, and looks before it serves.
            (false, 0) => (&[0, 1], &[0, 1]),
            (false, _) => (&[1, 0], &[0, 1]),
        };
        story.step(hour, ticking, serving).await;
        world.clock.advance(Lifetime::hours(1));
    }
    let rotations = story.kids.len();
    assert!((44..=60).contains(&rotations), "{rotations} keys signed in a year");
    assert!(story.nodes[0].list().await.unwrap().len() <= 4 * Algorithm::ALL.len(), "the table grows");
}

/// The shortest times that a policy allows: keys are published for a minute longer than the JWKS is cached, and nodes
/// look up to 40 seconds after one another.
#[tokio::test]
async fn with_the_tightest_policy_no_verifier_meets_an_unknown_key() {
    let world = World::new().await;
    let policy = KeyPolicy {
        algorithms: vec![Algorithm::EdDSA],
        rotate_every: Lifetime::hours(2),
        publish_ahead: Lifetime::seconds(0),
        jwks_max_age: Lifetime::minutes(15),
        longest_token: Lifetime::hours(1),
    };
    let mut story = Story::begin(&world, policy, 45).await;
    for step in 0..12 * 180 {
        let ticking: &[usize] = match step % 3 {
            0 => &[0],
            1 => &[],
            _ => &[1],
        };
        story.step(step, ticking, &[0, 1]).await;
        world.clock.advance(Lifetime::seconds(20));
    }
    assert_eq!(story.kids.len(), 6);
}

/// RFC 8725 §2: whatever comes, verification answers.
#[test]
fn junk_is_refused_and_never_panics() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let keys = world.node(1, quick());
    runtime.block_on(keys.ensure()).unwrap();
    let token = keys.sign(Algorithm::EdDSA, "at+jwt", &world.claims()).unwrap();
    let now = world.clock.now();
    let verify = |text: &str| runtime.block_on(keys.verify(text, &EXPECTED, now));
    verify(&token).unwrap();
    proptest!(|(text in ".{0,400}")| prop_assert!(verify(&text).is_err()));
    proptest!(|(text in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}")| {
        prop_assert!(verify(&text).is_err());
    });
    proptest!(|(header in "[\\x20-\\x7e]{0,40}", member in "(alg|kid|typ|crit|jwk)", value in "[\\x20-\\x7e]{0,40}")| {
        let rest = token.split_once('.').unwrap().1;
        for header in [header, json!({ member: value }).to_string()] {
            let forged = [&URL_SAFE_NO_PAD.encode(header), rest].join(".");
            prop_assert!(verify(&forged).is_err());
        }
    });
    // One character of a good token changed, removed or added.
    proptest!(|(at in 0..token.len(), character in "[A-Za-z0-9_.=-]")| {
        let changed = format!("{}{character}{}", &token[..at], &token[at + 1..]);
        prop_assert!(changed == token || verify(&changed).is_err(), "{}", changed);
        let removed = format!("{}{}", &token[..at], &token[at + 1..]);
        prop_assert!(verify(&removed).is_err());
        let added = format!("{}{character}{}", &token[..at], &token[at..]);
        prop_assert!(verify(&added).is_err());
    });
}
