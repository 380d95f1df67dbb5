//! The master key and the signing keys: whether the one opens the others, and whether they rotate.

use super::Finding;
use crate::app;
use crate::cli::Context;
use crate::cli::output::time;
use crate::domain::key::{KeyState, SigningKey};
use crate::domain::time::{Lifetime, Timestamp};
use crate::keys::{KeyPolicy, Keys, KeysError, MasterKey, MasterKeyError, Sealed};
use crate::store::Store;
use std::collections::BTreeMap;

const AREA: &str = "keys";
/// A server carries out what is due every few seconds; this long after the date none has run.
const LATE: Lifetime = Lifetime::hours(1);
/// How far in the future a date may stand before the clock is in doubt.
const TOLERANCE: Lifetime = Lifetime::minutes(1);

/// Looks at the master key, and opens the keys with it.
pub(super) async fn look(context: &Context, store: Option<&Store>) -> Vec<Finding> {
    let master = match find_master_key(context) {
        Ok(Some(master)) => master,
        Ok(None) => return vec![missing_master_key(context)],
        Err(error) => return vec![unusable_master_key(&error)],
    };
    let Some(store) = store else { return vec![Finding::ok(AREA, format!("the master key is {}", master.id()))] };
    let id = master.id();
    let policy = app::key_policy(&context.settings);
    let keys = Keys::new(store.clone(), master, context.clock.clone(), context.entropy.clone(), policy.clone());
    let seals = keys.seals().await;
    let divided = seals.as_ref().ok().and_then(|seals| divided(&id, seals));
    if let Err(error) = keys.check().await {
        return vec![divided.unwrap_or_else(|| closed(&error))];
    }
    let Ok(list) = keys.list().await else { return Vec::new() };
    let mut findings = vec![Finding::ok(AREA, format!("the master key {id} opens every key that signs"))];
    findings.extend(divided.or_else(|| seals.err().map(|error| unseen(&error))));
    findings.extend(judge(&list, &policy, context.now()));
    findings
}

/// Unlike the server's start, this makes none.
fn find_master_key(context: &Context) -> Result<Option<MasterKey>, MasterKeyError> {
    match (&context.settings.keys.master_key, &context.settings.keys.master_key_file) {
        (Some(text), _) => MasterKey::parse(text.reveal()).map(Some),
        (None, Some(path)) => MasterKey::find(path),
        (None, None) => Ok(None),
    }
}

fn missing_master_key(context: &Context) -> Finding {
    let keys = &context.settings.keys;
    let path = keys.master_key_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    let what = format!("there is no master key at {path}");
    let why = "Without it the signing keys in the database cannot be opened.";
    if keys.may_make_master_key {
        return Finding::warn(
            AREA,
            what,
            why,
            "\"authward serve\" makes one on its first start; else put the copy back.",
        );
    }
    Finding::fail(AREA, what, why, "Put the file there, mode 600, the same on every node.")
}

fn unusable_master_key(error: &MasterKeyError) -> Finding {
    let why = "The server does not start: the signing keys cannot be opened.";
    let mend = match error {
        MasterKeyError::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
        _ => "Put the right key there: 32 bytes as base64 or 64 hexadecimal digits.".to_owned(),
    };
    Finding::fail(AREA, error.to_string(), why, mend)
}

fn closed(error: &KeysError) -> Finding {
    let why = "No token can be signed.";
    let mend = "Set the master key that this database was used with, after \"authward keys reseal\" the new one; each \
                key names the one that sealed it.";
    Finding::fail(AREA, error.to_string(), why, mend)
}

/// Some value does not even say what it is sealed under, or there are more clients than can be looked through in time.
fn unseen(error: &KeysError) -> Finding {
    let what = format!("whether everything is sealed under the configured master key cannot be seen: {error}");
    let why = "After \"authward keys reseal\" a client secret may be left under the old one.";
    Finding::warn(AREA, what, why, "A longer database.wait gives this more time.")
}

/// A replacement of the master key that is not complete.
fn divided(configured: &str, seals: &BTreeMap<String, Sealed>) -> Option<Finding> {
    let (other, sealed) = seals.iter().find(|(master, _)| *master != configured)?;
    seals.get(configured)?;
    let what = format!(
        "not all is sealed under the configured master key {configured}; under {other}: keys {}, client secrets {}",
        sealed.keys, sealed.client_secrets
    );
    let why = "While the master key was being replaced, a node went on with the old one.";
    let mend = "Run \"authward keys reseal\" again as the first time, the old key configured and the new one named; \
                then see that every node has the new one.";
    Some(Finding::fail(AREA, what, why, mend))
}

fn judge(keys: &[SigningKey], policy: &KeyPolicy, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for algorithm in &policy.algorithms {
        let of_it = |state: KeyState| keys.iter().find(|key| key.algorithm == *algorithm && key.state == state);
        let name = algorithm.as_str();
        match of_it(KeyState::Active) {
            None => {
                let why = "Clients that need it are answered 503.";
                let mend = "A running server makes one within seconds; \"authward keys rotate\" does it now.";
                findings.push(Finding::warn(AREA, format!("no {name} key signs"), why, mend));
            }
            Some(key) => {
                let since = key.activated_at.unwrap_or(key.created_at);
                let due = since.plus(policy.rotate_every);
                if due.plus(LATE).is_past(now) {
                    let what = format!("the {name} key should have been replaced at {}", time(due));
                    let why = "A server that runs replaces keys by itself, so none has, or it cannot write.";
                    findings.push(Finding::warn(AREA, what, why, "See that a server runs, and what its log says."));
                } else {
                    let next = if of_it(KeyState::Next).is_some() { ", the next one is published" } else { "" };
                    findings.push(Finding::ok(AREA, format!("{name} is replaced by {}{next}", time(due))));
                }
            }
        }
    }
    findings.extend(keys.iter().filter(|key| key.created_at > now.plus(TOLERANCE)).take(1).map(|key| {
        let what = format!("the key {} was made at {}, which is in the future", key.id, time(key.created_at));
        let why = "This machine's clock went back, or another node's is ahead; tokens are judged by it.";
        Finding::fail("clock", what, why, "Set the clocks right; let NTP keep them.")
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use crate::domain::id::KeyId;
    use crate::domain::key::Algorithm;

    fn key(state: KeyState, since: i64) -> SigningKey {
        let since = Timestamp::from_seconds(since);
        SigningKey {
            id: KeyId::new("kid"),
            algorithm: Algorithm::ES256,
            state,
            public_jwk: String::new(),
            sealed_private: Vec::new(),
            created_at: since,
            activated_at: (state == KeyState::Active).then_some(since),
            retiring_at: None,
            retires_at: None,
        }
    }

    #[test]
    fn a_replacement_of_the_master_key_that_is_not_complete_is_found() {
        let seals = |seals: &[(&str, u64, u64)]| {
            let sealed = |(id, keys, client_secrets): &(&str, u64, u64)| {
                ((*id).to_owned(), Sealed { keys: *keys, client_secrets: *client_secrets })
            };
            seals.iter().map(sealed).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(divided("ours", &seals(&[])), None);
        assert_eq!(divided("ours", &seals(&[("ours", 7, 3)])), None);
        assert_eq!(divided("ours", &seals(&[("theirs", 7, 3)])), None, "then our key is the wrong one altogether");
        let found = divided("ours", &seals(&[("ours", 7, 2), ("theirs", 0, 1)])).unwrap();
        assert_eq!((found.area, found.level), (AREA, Level::Fail));
        assert!(found.what.ends_with("master key ours; under theirs: keys 0, client secrets 1"), "{}", found.what);
    }

    #[test]
    fn keys_that_are_late_missing_or_of_the_future_are_found() {
        let policy = KeyPolicy { algorithms: vec![Algorithm::ES256], ..KeyPolicy::default() };
        let start = 1_800_000_000;
        let due = start + policy.rotate_every.as_seconds();
        let levels = |keys: &[SigningKey], now: i64| {
            let found = judge(keys, &policy, Timestamp::from_seconds(now));
            found.into_iter().map(|finding| (finding.area, finding.level)).collect::<Vec<_>>()
        };
        let active = key(KeyState::Active, start);
        assert_eq!(levels(&[], start), [(AREA, Level::Warn)]);
        assert_eq!(levels(std::slice::from_ref(&active), due + 3599), [(AREA, Level::Ok)]);
        assert_eq!(levels(std::slice::from_ref(&active), due + 3600), [(AREA, Level::Warn)]);
        assert_eq!(
            levels(&[active, key(KeyState::Next, start + 61)], start),
            [(AREA, Level::Ok), ("clock", Level::Fail)]
        );
    }
}
