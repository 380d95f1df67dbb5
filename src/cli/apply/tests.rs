//! Documents, good and bad, against a database.

use super::*;
use crate::clients::metadata::Origin;
use crate::domain::client::ClientSecret;
use crate::domain::id::ClientId;
use crate::domain::key::Algorithm;
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use crate::domain::user::{LoginName, User};
use crate::settings::PasswordHashing;
use crate::store::{StoreOptions, migrate, users};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const CONTRACT: &str = include_str!("../../../tests/documents/contract.yaml");

struct House {
    applier: Applier,
    _directory: tempfile::TempDir,
}

impl House {
    async fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(format!("sqlite://{}/a.db", directory.path().display()))).unwrap();
        migrate::run(&store).await.unwrap();
        let cheap = PasswordHashing { threads: 2, queue: 64, memory: 64, iterations: 1, parallelism: 1 };
        let entropy = Entropy::seeded(1);
        let passwords = Passwords::new(&cheap, entropy.clone()).unwrap();
        let rules = Rules {
            origin: Origin::Operator,
            longest_access_token_lifetime: Lifetime::hours(24),
            algorithms: vec![Algorithm::ES256, Algorithm::RS256],
        };
        Self {
            applier: Applier { store, passwords, by: By::command("apply", NOW), entropy, rules },
            _directory: directory,
        }
    }

    async fn apply(&self, name: &str, text: &str) -> Result<Report, ApplyError> {
        self.applier.apply(name, text, Mode::Apply, NOW).await
    }

    /// The changes in short: `+user alice`.
    async fn changes(&self, text: &str) -> Vec<String> {
        let report = self.apply("a.yaml", text).await.unwrap();
        let change = |change: &Change| match &change.difference {
            Difference::Created => Some(format!("+{} {}", change.kind.as_str(), change.name)),
            Difference::Changed(fields) => {
                Some(format!("~{} {} {}", change.kind.as_str(), change.name, fields.join(",")))
            }
            Difference::Unchanged => None,
        };
        report.changes.iter().filter_map(change).collect()
    }

    async fn errors(&self, name: &str, text: &str) -> Vec<String> {
        match self.apply(name, text).await {
            Err(ApplyError::Document(errors)) => errors.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    async fn user(&self, name: &'static str) -> Option<User> {
        let find = move |db: &mut crate::store::Db| users::find_by_login(db, &LoginName::parse(name).unwrap());
        self.applier.store.read(find).await.unwrap()
    }

    async fn client(&self, id: &'static str) -> Option<crate::domain::client::Client> {
        self.applier.store.read(move |db| crate::store::clients::find(db, &ClientId::new(id))).await.unwrap()
    }
}

#[tokio::test]
async fn the_document_of_the_readme_is_applied_once() {
    let house = House::build().await;
    assert_eq!(
        house.changes(CONTRACT).await,
        [
            "+user alice",
            "+client native-app",
            "+client backend",
            "+resource https://api.example.com",
            "+scope orders:read",
            "+registration registration",
        ]
    );
    assert_eq!(house.changes(CONTRACT).await, [""; 0]);
    let alice = house.user("alice").await.unwrap();
    assert!(alice.email_verified && alice.roles == ["admin"] && alice.claims["locale"] == "ko-KR");
    let password = Secret::new("correct-horse-battery");
    assert!(house.applier.passwords.verify(&password, alice.password_hash).await.unwrap());
    let backend = house.client("backend").await.unwrap();
    assert!(backend.skip_consent && backend.default_resource.as_deref() == Some("https://api.example.com"));
    assert_eq!(backend.metadata["may_introspect"], "audience");
    assert!(matches!(backend.secret, Some(ClientSecret::Stretched(_))));
    let policy =
        house.applier.store.read(|db| crate::store::policies::find(db, "registration")).await.unwrap().unwrap();
    assert!(!policy.contains("an-initial-token"), "initial access tokens are kept as hashes");
}

#[tokio::test]
async fn only_what_differs_is_changed() {
    let house = House::build().await;
    house.apply("a.yaml", CONTRACT).await.unwrap();
    let before = house.user("alice").await.unwrap();
    let changed = CONTRACT
        .replace("roles: [admin]", "roles: [admin, auditor]")
        .replace("correct-horse-battery", "another-horse-battery")
        .replace("backend-secret", "backend-secret-2")
        .replace("See your orders", "Look at your orders");
    assert_eq!(
        house.changes(&changed).await,
        ["~user alice password,roles", "~client backend client_secret", "~scope orders:read description"]
    );
    let after = house.user("alice").await.unwrap();
    assert_eq!((before.id, before.created_at), (after.id, after.created_at));
}

#[tokio::test]
async fn what_a_user_entry_does_not_name_stays() {
    let house = House::build().await;
    house.apply("a.yaml", CONTRACT).await.unwrap();
    let before = house.user("alice").await.unwrap();
    assert_eq!(house.changes("users: [{username: ALICE, email: alice@example.com}]").await, ["~user ALICE username"]);
    let after = house.user("alice").await.unwrap();
    assert_eq!((before.password_hash, before.claims, before.roles), (after.password_hash, after.claims, after.roles));
    house.changes("users: [{username: alice, email: new@example.com}]").await;
    assert!(!house.user("alice").await.unwrap().email_verified, "another address is not the one that was proven");
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let house = House::build().await;
    let report = house.applier.apply("a.yaml", CONTRACT, Mode::Check, NOW).await.unwrap();
    assert!(report.differs());
    assert!(house.user("alice").await.is_none());
    house.apply("a.yaml", CONTRACT).await.unwrap();
    assert!(!house.applier.apply("a.yaml", CONTRACT, Mode::Check, NOW).await.unwrap().differs());
}

#[tokio::test]
async fn every_error_is_reported_with_file_line_and_field_and_nothing_is_applied() {
    let house = House::build().await;
    let document = "\
users:
  - username: alice
    email: alice@example.com
    password: correct-horse-battery
  - username: a b
    emial: b@example.com
    password: short
    password_hash: $2b$12$x
  - username: Alice
    email: alice@EXAMPLE.com
    email_verified: yes
    claims: { sub: x }
clients:
  - client_id: ok
    token_endpoint_auth_method: none
    redirect_uris: [https://a.example/cb]
  - client_id: bad
    token_endpoint_auth_method: none
    redirect_uris:
      - https://a.example/cb
      - https://a.example/cb#x
  - token_endpoint_auth_method: none
    redirect_uris: [https://a.example/cb]
resources:
  - identifier: api
    served_by: [ok]
scopes:
  - name: a b
    description: { en: \"\" }
registration:
  mode: ajar
sources: []
";
    assert_eq!(
        house.errors("bad.yaml", document).await,
        [
            "bad.yaml line 5: users[1].username: a user name is made of letters, digits, and . - _ between them",
            "bad.yaml line 5: users[1].email: it is required",
            "bad.yaml line 6: users[1].emial: there is no such field; the nearest is email",
            "bad.yaml line 7: users[1].password: a password has at least 8 characters",
            "bad.yaml line 8: users[1].password_hash: it is not of the form $2b$12$ and 53 characters of ./A-Za-z0-9",
            "bad.yaml line 8: users[1].password_hash: there is a password as well; use one of the two",
            "bad.yaml line 9: users[2].username: users[0] has the same username",
            "bad.yaml line 10: users[2].email: users[0] has the same email",
            "bad.yaml line 11: users[2].email_verified: it is neither true nor false",
            "bad.yaml line 12: users[2].claims.sub: this claim is made by the server, from the account's own fields",
            "bad.yaml line 21: clients[1].redirect_uris[1]: \"https://a.example/cb#x\": it has a fragment",
            "bad.yaml line 22: clients[2].client_id: it is required",
            "bad.yaml line 25: resources[0].identifier: it is not an absolute URI of at most 255 visible ASCII characters",
            "bad.yaml line 28: scopes[0].name: it is not one scope of 1 to 255 characters",
            "bad.yaml line 29: scopes[0].description.en: it is a language such as en or ko with a line of at most 300 characters",
            "bad.yaml line 31: registration.mode: it is one of closed, token, open",
            "bad.yaml line 32: sources: there is no such field; the nearest is resources",
        ]
    );
    assert!(house.user("alice").await.is_none() && house.client("ok").await.is_none());
}

#[tokio::test]
async fn hashes_from_elsewhere_are_taken_and_absurd_ones_are_refused_where_they_stand() {
    let house = House::build().await;
    let document = |hash: &str| {
        format!("users:\n  - username: alice\n    email: alice@example.com\n    password_hash: '{hash}'\n")
    };
    for hash in [
        "$2y$05$WklD3U4eoWnCOHc8IKdbF.QqoIOdo9FfupCEH7RLsXh51ED0wGgBG",
        "$pbkdf2-sha512$i=210000,l=32$NWfbAWsg8ZLa7wu1niCYDg$biWcZ6oCcnaXvbqRyn7C4P8otgJFnSHLiFA77L3BHxk",
        "pbkdf2_sha256$1000$seasalt2$GTUSKVdVMxSOXxjHfgI7A5wruKZa9xXkXItLzCoX4H8=",
        "$scrypt$ln=14,r=8,p=1$htBaK6XUuneu9X5vrZXSeg$AGcWUfMEscLHINOPx2FtpMVU8/JuqBDYu9Yoh8SR7XM",
    ] {
        house.changes(&document(hash)).await;
        assert_eq!(house.user("alice").await.unwrap().password_hash.as_deref(), Some(hash));
        assert_eq!(house.changes(&document(hash)).await, [""; 0]);
    }
    for (hash, problem) in [
        (
            "$2b$31$WklD3U4eoWnCOHc8IKdbF.QqoIOdo9FfupCEH7RLsXh51ED0wGgBG",
            "its parameters are missing or out of bounds: a cost of 4 to 16",
        ),
        (
            "$pbkdf2-sha256$i=4294967295$NWfbAWsg8ZLa7wu1niCYDg$biWcZ6oCcnaXvbqRyn7C4P8otgJFnSHLiFA77L3BHxk",
            "its parameters are missing or out of bounds: 1 to 10000000 iterations, a salt of 1 to 64 bytes, a hash of 16 to 64 bytes",
        ),
        (
            "$scrypt$ln=40,r=8,p=1$htBaK6XUuneu9X5vrZXSeg$AGcWUfMEscLHINOPx2FtpMVU8/JuqBDYu9Yoh8SR7XM",
            "its parameters are missing or out of bounds: ln, r and p from 1, N times r times p at most 2^23, a salt of 1 to 64 bytes, a hash of 16 to 64 bytes",
        ),
        (
            "$6$saltsalt$x",
            "the scheme \"6\" is not supported; argon2id, argon2i, argon2d, bcrypt (2a, 2b, 2y), pbkdf2-sha256, pbkdf2-sha512, pbkdf2 and scrypt are",
        ),
    ] {
        let expected = format!("users.yaml line 4: users[0].password_hash: {problem}");
        assert_eq!(house.errors("users.yaml", &document(hash)).await, [expected]);
    }
}

/// The same document again must not undo what the first sign-in has made of an imported hash, or what its user chose since.
#[tokio::test]
async fn an_imported_hash_is_not_taken_again_once_it_was_replaced() {
    let house = House::build().await;
    let document = "users:\n  - username: alice\n    email: alice@example.com\n    \
                    password_hash: $2b$04$Gw4plEnuQ6ZcAvDg0KAJN.SocUJKjA4eZjki0Ma4wM7pT0zvVSztW\n";
    house.changes(document).await;
    let alice = house.user("alice").await.unwrap();
    let ours = house.applier.passwords.hash(&Secret::new("correct-horse-battery")).await.unwrap();
    let (from, to) = (alice.password_hash.unwrap(), ours.clone());
    let is_replaced =
        house.applier.store.write(move |db| crate::store::users::upgrade_password_hash(db, &alice.id, &from, &to));
    assert!(is_replaced.await.unwrap());
    assert_eq!(house.changes(document).await, [""; 0]);
    assert_eq!(house.user("alice").await.unwrap().password_hash, Some(ours));
}

#[tokio::test]
async fn toml_and_json_say_the_same() {
    let house = House::build().await;
    let toml = "[[users]]\nusername = \"alice\"\nemail = \"alice@example.com\"\n\n[[clients]]\nclient_id = \"c\"\ntoken_endpoint_auth_method = \"none\"\nredirect_uris = [\"https://a.example/cb\"]\n[[clients.exceptions]]\nallow = \"no_pkce\"\nreason = \"r\"\nowner = \"o\"\nuntil = 2027-06-30\n";
    assert_eq!(house.apply("a.toml", toml).await.unwrap().changes.len(), 2);
    let json = r#"{"users": [{"username": "alice", "email": "alice@example.com"}], "clients": [{"client_id": "c",
        "token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example/cb"],
        "exceptions": [{"allow": "no_pkce", "reason": "r", "owner": "o", "until": "2027-06-30"}]}]}"#;
    assert!(!house.apply("a.json", json).await.unwrap().differs());
    assert_eq!(
        house.errors("a.toml", "[[users]]\nusername = 7\nemail = \"a@b.c\"\n").await,
        ["a.toml line 2: users[0].username: it is not a text; put it between quotes"]
    );
}

#[tokio::test]
async fn a_conflict_with_what_is_stored_undoes_everything() {
    let house = House::build().await;
    house.apply("a.yaml", "users: [{username: paypal, email: p@example.com}]").await.unwrap();
    let taken = "users:\n- {username: bob, email: b@example.com}\n- {username: carol, email: P@example.com}";
    assert_eq!(
        house.errors("a.yaml", taken).await,
        ["a.yaml line 3: users[1].email: this address belongs to the user paypal"]
    );
    // The first letter a is Cyrillic.
    let alike = "users:\n- {username: bob, email: b@example.com}\n- {username: pаypal, email: c@example.com}";
    let expected = "a.yaml line 3: users[1].username: a user name that looks like this one, or the address, is taken";
    assert_eq!(house.errors("a.yaml", alike).await, [expected]);
    assert!(house.user("bob").await.is_none());
    let unknown = "resources: [{identifier: \"urn:api\", served_by: [nobody]}]";
    assert_eq!(
        house.errors("a.yaml", unknown).await,
        ["a.yaml line 1: resources[0].served_by[0]: there is no client nobody, neither here nor stored"]
    );
}

#[tokio::test]
async fn an_exception_that_has_ended_is_taken_and_noted() {
    let house = House::build().await;
    let document = "\
clients:
  - client_id: c
    token_endpoint_auth_method: none
    redirect_uris: [https://a.example/cb]
    exceptions:
      - { allow: no_pkce, reason: r, owner: o, until: 2020-01-01 }
";
    let report = house.apply("a.yaml", document).await.unwrap();
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        ["a.yaml line 6: clients[0].exceptions[0].until: this exception has ended and allows nothing any more"]
    );
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_a_generated_secret_is_known_again() {
    let house = House::build().await;
    house.apply("a.yaml", CONTRACT).await.unwrap();
    let alice = house.user("alice").await.unwrap();
    let session = crate::domain::session::Session {
        hash: crate::domain::secret::TokenHash::of("s"),
        sid: crate::domain::id::Sid::new("5a1ad2c1-0000-7000-8000-000000000000"),
        user_id: alice.id.clone(),
        auth_time: NOW,
        created_at: NOW,
        last_seen_at: NOW,
        idle_expires_at: NOW.plus(Lifetime::hours(1)),
        expires_at: NOW.plus(Lifetime::hours(1)),
        device: crate::domain::device::Device::default(),
    };
    let mut backend = house.client("backend").await.unwrap();
    backend.secret = Some(ClientSecret::generated("backend-secret"));
    let prepare = move |db: &mut crate::store::Db| {
        crate::store::sessions::insert(db, &session)?;
        crate::store::clients::save(db, &backend, NOW)
    };
    house.applier.store.write(prepare).await.unwrap();
    assert_eq!(house.changes(CONTRACT).await, [""; 0]);
    house.changes(&CONTRACT.replace("correct-horse-battery", "another-horse-battery")).await;
    let sessions =
        house.applier.store.read(move |db| crate::store::sessions::list_of_user(db, &alice.id)).await.unwrap();
    assert!(sessions.is_empty());
}
