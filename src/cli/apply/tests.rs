//! Documents, good and bad, against a database.

use super::*;
use crate::clients::metadata::Origin;
use crate::domain::client::ClientSecret;
use crate::domain::id::ClientId;
use crate::domain::key::Algorithm;
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use crate::domain::user::{LoginName, User};
use crate::keys::MasterKey;
use crate::settings::PasswordHashing;
use crate::store::{StoreOptions, migrate, users};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const CONTRACT: &str = include_str!("../../../tests/documents/contract.yaml");

pub(super) const APPLY: Order = Order { mode: Mode::Apply, prunes: false };
pub(super) const CHECK: Order = Order { mode: Mode::Check, prunes: false };
pub(super) const PRUNE: Order = Order { mode: Mode::Apply, prunes: true };

pub(super) struct House {
    pub(super) applier: Applier,
    _directory: tempfile::TempDir,
}

impl House {
    pub(super) async fn build() -> Self {
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
            plain_http: Vec::new(),
            exceptions: Vec::new(),
            may_act_for_itself: true,
        };
        let (by, progress) = (By::command("apply", NOW), Progress::silent());
        let seal = SecretSeal::new(MasterKey::generate(&Entropy::seeded(2)), entropy.clone());
        let seal = SealSource::new(move || Ok(seal.clone()));
        let applier = Applier { store, passwords, by, entropy, rules, progress, seal };
        Self { applier, _directory: directory }
    }

    pub(super) async fn apply(&self, name: &str, text: &str) -> Result<Report, ApplyError> {
        self.applier.apply(name, text, APPLY, NOW).await
    }

    /// The changes in short: `+user alice`.
    async fn changes(&self, text: &str) -> Vec<String> {
        self.ordered(text, APPLY).await
    }

    async fn ordered(&self, text: &str, order: Order) -> Vec<String> {
        let report = self.applier.apply("a.yaml", text, order, NOW).await.unwrap();
        let change = |change: &Change| {
            let names: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
            match change.change {
                Verb::Created => Some(format!("+{} {}", change.kind.as_str(), change.name)),
                Verb::Changed => Some(format!("~{} {} {}", change.kind.as_str(), change.name, names.join(","))),
                Verb::Removed => Some(format!("-{} {}", change.kind.as_str(), change.name)),
                Verb::Unchanged => None,
            }
        };
        report.changes.iter().filter_map(change).collect()
    }

    pub(super) async fn exported(&self, shows_secrets: bool) -> export::Exported {
        export::Exported::read(&self.applier.store, shows_secrets).await.unwrap()
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

/// What registered itself is not the document's to list, and is not lost by what is exported and applied again.
#[tokio::test]
async fn clients_that_registered_themselves_are_neither_pruned_nor_lost() {
    let document = |more: &str| {
        format!("clients:\n  - {{ client_id: own, token_endpoint_auth_method: none, grant_types: [] }}\n{more}")
    };
    let digits = "0".repeat(64);
    let registered = format!(
        "  - {{ client_id: theirs, token_endpoint_auth_method: none, grant_types: [], registered_by: open, \
         client_id_issued_at: 1790000000, registration_access_token_hash: \"sha256:{digits}\" }}\n"
    );
    let house = House::build().await;
    assert_eq!(house.changes(&document(&registered)).await, ["+client own", "+client theirs"]);
    assert_eq!(house.ordered(&document(""), PRUNE).await, [""; 0]);
    assert_eq!(house.ordered("users: []", PRUNE).await, ["-client own"]);
    let stored = house.client("theirs").await.unwrap().registration.unwrap();
    assert_eq!((stored.by.as_str(), stored.access_token.as_deref()), ("open", Some(digits.as_str())));

    let bare = house.exported(false).await.to_yaml();
    assert!(bare.contains("registered_by: open") && !bare.contains(&digits), "{bare}");
    assert_eq!(house.changes(&bare).await, [""; 0], "the token that is stored stays");
    let whole = house.exported(true).await.to_yaml();
    let twin = House::build().await;
    assert_eq!(twin.changes(&whole).await, ["+client theirs"]);
    assert_eq!(twin.exported(true).await.to_yaml(), whole);
    // Who lists it without a word of its registration makes it their own.
    let adopted = document("  - { client_id: theirs, token_endpoint_auth_method: none, grant_types: [] }\n");
    let gone = "~client theirs registered_by,client_id_issued_at,registration_access_token";
    assert_eq!(house.changes(&adopted).await, ["+client own", gone]);
    assert_eq!(house.ordered("users: []", PRUNE).await, ["-client own", "-client theirs"]);
}

#[tokio::test]
async fn what_is_said_of_a_registration_is_whole() {
    let house = House::build().await;
    for (said, expected) in [
        ("registered_by: open", "client_id_issued_at: it is required with registered_by: seconds since the epoch"),
        (
            "registered_by: open, client_id_issued_at: -1",
            "client_id_issued_at: it is required with registered_by: seconds since the epoch",
        ),
        ("client_id_issued_at: 1", "registered_by: it is required with what else is said of a registration"),
        ("registered_by: closed, client_id_issued_at: 1", "registered_by: it is one of token, open"),
    ] {
        let document =
            format!("clients:\n  - {{ client_id: c, token_endpoint_auth_method: none, grant_types: [], {said} }}\n");
        let errors = house.errors("a.yaml", &document).await;
        assert_eq!(errors, [format!("a.yaml line 2: clients[0].{expected}")], "{said}");
    }
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
    let report = house.applier.apply("a.yaml", CONTRACT, CHECK, NOW).await.unwrap();
    assert!(report.differs());
    assert!(house.user("alice").await.is_none());
    house.apply("a.yaml", CONTRACT).await.unwrap();
    assert!(!house.applier.apply("a.yaml", CONTRACT, CHECK, NOW).await.unwrap().differs());
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

/// What hangs on a user and a client: a session, a grant with its family, a consent.
async fn give_access(house: &House, user: &User, client: &'static str) {
    use crate::domain::{grant, id, refresh, session};
    let scopes = crate::domain::scope::ScopeSet::parse("openid").unwrap();
    let later = NOW.plus(Lifetime::hours(1));
    let name = format!("{}-{client}", user.username.as_str());
    let (client_id, user_id) = (ClientId::new(client), user.id.clone());
    let session = session::Session {
        hash: crate::domain::secret::TokenHash::of(&name),
        sid: id::Sid::new(name.clone()),
        user_id: user_id.clone(),
        auth_time: NOW,
        created_at: NOW,
        last_seen_at: NOW,
        idle_expires_at: later,
        expires_at: later,
        device: crate::domain::device::Device::default(),
    };
    let grant = grant::Grant {
        id: id::GrantId::new(name.clone()),
        user_id: user_id.clone(),
        client_id: client_id.clone(),
        sid: session.sid.clone(),
        scopes: scopes.clone(),
        resources: Vec::new(),
        nonce: None,
        auth_time: NOW,
        created_at: NOW,
        expires_at: later,
        revoked_at: None,
        claims: crate::domain::claims_request::ClaimsRequest::default(),
    };
    let family = refresh::RefreshTokenFamily {
        id: id::FamilyId::new(name.clone()),
        grant_id: grant.id.clone(),
        client_id: client_id.clone(),
        user_id: user_id.clone(),
        scopes: scopes.clone(),
        salt: [7; 32],
        key_id: id::KeyId::new("key"),
        rotation: refresh::Rotation::Rotated,
        position: refresh::Position { generation: 0, attempt: 0, previous_attempt: 0, rotated_at: NOW },
        created_at: NOW,
        last_used_at: NOW,
        idle_expires_at: later,
        expires_at: later,
        revoked_at: None,
    };
    let consent = grant::Consent { user_id, client_id, scopes, updated_at: NOW };
    let insert = move |db: &mut crate::store::Db| {
        crate::store::sessions::insert(db, &session)?;
        crate::store::grants::insert(db, &grant)?;
        crate::store::refresh_tokens::insert(db, &family)?;
        crate::store::consents::save(db, &consent)
    };
    house.applier.store.write(insert).await.unwrap();
}

/// How many live sessions, grants and consents are left of what [`give_access`] made.
async fn access(house: &House, user: &User, client: &'static str) -> (usize, bool, i64, bool) {
    let (id, name) = (user.id.clone(), format!("{}-{client}", user.username.as_str()));
    let read = move |db: &mut crate::store::Db| {
        let grant = crate::store::grants::find(db, &crate::domain::id::GrantId::new(name.as_str()))?.unwrap();
        let consent = crate::store::consents::find(db, &id, &ClientId::new(client))?;
        let sessions = crate::store::sessions::list_of_user(db, &id)?.len();
        let families = crate::store::refresh_tokens::count_live(db, &id)?;
        Ok((sessions, grant.revoked_at.is_none(), families, consent.is_some()))
    };
    house.applier.store.read(read).await.unwrap()
}

const SMALL: &str = "\
users:
  - { username: alice, email: alice@example.com }
  - { username: bob, email: bob@example.com }
clients:
  - { client_id: one, token_endpoint_auth_method: none, redirect_uris: [https://a.example/cb] }
  - { client_id: two, token_endpoint_auth_method: none, redirect_uris: [https://a.example/cb] }
resources: [{ identifier: urn:one, served_by: [one] }, { identifier: urn:two }]
scopes: [{ name: one }, { name: two }]
registration: { mode: open }
";

#[tokio::test]
async fn pruning_removes_what_the_document_lacks_and_everything_of_it() {
    let house = House::build().await;
    house.apply("a.yaml", SMALL).await.unwrap();
    let (alice, bob) = (house.user("alice").await.unwrap(), house.user("bob").await.unwrap());
    give_access(&house, &alice, "one").await;
    give_access(&house, &bob, "one").await;
    let rest = "\
users: [{ username: Alice, email: alice@example.com }]
clients: [{ client_id: two, token_endpoint_auth_method: none, redirect_uris: [https://a.example/cb] }]
resources: [{ identifier: urn:two }]
scopes: [{ name: two }]
";
    let expected = [
        "~user Alice username",
        "-user bob",
        "-client one",
        "-resource urn:one",
        "-scope one",
        "-registration registration",
    ];
    let check = Order { mode: Mode::Check, prunes: true };
    assert_eq!(house.ordered(rest, check).await, expected);
    assert!(house.user("bob").await.is_some() && house.client("one").await.is_some(), "a check removes nothing");
    assert_eq!(house.ordered(rest, PRUNE).await, expected);
    assert_eq!(house.ordered(rest, PRUNE).await, [""; 0]);
    assert!(house.user("bob").await.is_none() && house.client("one").await.is_none());
    assert_eq!(access(&house, &bob, "one").await, (0, false, 0, false));
    assert_eq!(access(&house, &alice, "one").await, (1, false, 0, false), "her session is not the client's");
}

#[tokio::test]
async fn without_prune_and_without_a_list_nobody_is_removed() {
    let house = House::build().await;
    house.apply("a.yaml", SMALL).await.unwrap();
    assert_eq!(house.changes("users: []\nclients: []\n").await, [""; 0]);
    let expected = ["-client one", "-client two", "-resource urn:one", "-resource urn:two", "-scope one", "-scope two"];
    assert_eq!(house.ordered("registration: { mode: open }", PRUNE).await, expected);
    assert!(house.user("alice").await.is_some() && house.user("bob").await.is_some());
    assert_eq!(house.ordered("users: []", PRUNE).await, ["-user alice", "-user bob", "-registration registration"]);
}

#[tokio::test]
async fn a_pruned_users_name_and_address_are_free_and_a_pruned_client_serves_nothing() {
    let house = House::build().await;
    house.apply("a.yaml", SMALL).await.unwrap();
    assert_eq!(
        house.ordered("users: [{ username: carol, email: BOB@example.com }]\nclients: []\n", PRUNE).await[..3],
        ["+user carol", "-user alice", "-user bob"]
    );
    house.apply("a.yaml", SMALL.replace("bob", "dave").as_str()).await.unwrap();
    let serves = "clients: []\nresources: [{ identifier: urn:one, served_by: [one] }]";
    let refused = house.applier.apply("a.yaml", serves, PRUNE, NOW).await;
    let Err(ApplyError::Document(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(
        errors[0].to_string(),
        "a.yaml line 2: resources[0].served_by[0]: there is no client one, neither here nor stored"
    );
    assert!(house.client("one").await.is_some());
}

#[tokio::test]
async fn a_failing_document_prunes_nothing() {
    let house = House::build().await;
    house.apply("a.yaml", SMALL).await.unwrap();
    for bad in ["users: [{ username: x }]", "clients: [{ client_id: new, redirect_uris: [https://a.example/cb] }]"] {
        assert!(matches!(house.applier.apply("a.yaml", bad, PRUNE, NOW).await, Err(ApplyError::Document(_))), "{bad}");
    }
    assert!(house.user("bob").await.is_some() && house.client("one").await.is_some());
}

#[tokio::test]
async fn disabling_in_a_document_ends_what_was_issued() {
    let house = House::build().await;
    house.apply("a.yaml", SMALL).await.unwrap();
    let (alice, bob) = (house.user("alice").await.unwrap(), house.user("bob").await.unwrap());
    give_access(&house, &alice, "one").await;
    give_access(&house, &bob, "two").await;
    house.changes(&SMALL.replace("alice@example.com", "alice@example.com, disabled: true")).await;
    assert_eq!(access(&house, &alice, "one").await, (0, false, 0, true));
    assert_eq!(access(&house, &bob, "two").await, (1, true, 1, true));
    house.changes(&SMALL.replace("client_id: two", "client_id: two, disabled: true")).await;
    assert_eq!(access(&house, &bob, "two").await, (1, false, 0, true));
}

#[tokio::test]
async fn a_difference_names_old_and_new_values_and_shows_no_secret() {
    let house = House::build().await;
    house.apply("a.yaml", CONTRACT).await.unwrap();
    let changed = CONTRACT
        .replace("roles: [admin]", "roles: [admin, auditor]")
        .replace("correct-horse-battery", "another-horse-battery")
        .replace("backend-secret", "backend-secret-2")
        .replace("an-initial-token", "another-initial-token")
        .replace("until: 2027-06-30\n", "until: 2027-07-01\n")
        .replace("may_introspect: audience", "may_introspect: own");
    let report = house.applier.apply("a.yaml", &changed, CHECK, NOW).await.unwrap();
    let fields = |name: &str| {
        let change = report.changes.iter().find(|change| change.name == name).unwrap();
        let value = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
        let line =
            |field: &FieldChange| format!("{}: {} -> {}", field.field, value(&field.before), value(&field.after));
        change.fields.iter().map(line).collect::<Vec<_>>()
    };
    let hidden = r#""(secret)" -> "(secret)""#;
    assert_eq!(
        fields("alice"),
        [format!("password: {hidden}"), r#"roles: ["admin"] -> ["admin","auditor"]"#.to_owned()]
    );
    let exception = |until: &str| {
        format!(
            r#"[{{"allow":"no_pkce","owner":"identity team","reason":"certification profile, client cannot send PKCE","until":"{until}"}}]"#
        )
    };
    assert_eq!(
        fields("backend"),
        [
            format!("client_secret: {hidden}"),
            format!("exceptions: {} -> {}", exception("2027-06-30"), exception("2027-07-01")),
            r#"may_introspect: "audience" -> "own""#.to_owned(),
        ]
    );
    let token = r#"[{"token":"(secret)","until":"2027-06-30","uses":100}]"#;
    assert_eq!(fields("registration"), [format!("initial_access_tokens: {token} -> {token}")]);
}

#[tokio::test]
async fn the_stored_secret_stays_where_none_is_given_and_a_new_client_needs_one() {
    let house = House::build().await;
    house.apply("a.yaml", CONTRACT).await.unwrap();
    let before = house.client("backend").await.unwrap().secret;
    let without = CONTRACT
        .replace("    client_secret: backend-secret\n", "")
        .replace("skip_consent: true", "skip_consent: false");
    assert_eq!(house.changes(&without).await, ["~client backend skip_consent"]);
    assert_eq!(house.client("backend").await.unwrap().secret, before);
    let new = "clients:\n- { client_id: new, redirect_uris: [https://a.example/cb] }\n";
    let expected = "a.yaml line 2: clients[0].client_secret: it is required with token_endpoint_auth_method \
                    client_secret_basic, and none is stored yet";
    assert_eq!(house.errors("a.yaml", new).await, [expected]);
    let public =
        "clients:\n- { client_id: backend, token_endpoint_auth_method: none, redirect_uris: [https://a.example/cb] }\n";
    house.changes(public).await;
    assert_eq!(house.client("backend").await.unwrap().secret, None);
}

/// OIDC Core §9 `client_secret_jwt`
#[tokio::test]
async fn a_secret_that_signs_is_sealed_and_a_hash_does_not_serve() {
    let house = House::build().await;
    let document = |method: &str, secret: &str| {
        format!(
            "clients:\n- client_id: signer\n  token_endpoint_auth_method: {method}\n  \
             redirect_uris: [https://a.example/cb]\n{secret}"
        )
    };
    let secret = "  client_secret: a secret that is thirty-two long\n";
    let signer = document("client_secret_jwt", secret);
    assert_eq!(house.changes(&signer).await, ["+client signer"]);
    let stored = house.client("signer").await.unwrap().secret.unwrap();
    let ClientSecret::Sealed(sealed) = &stored else { panic!("{stored:?}") };
    let seal = house.applier.seal.open().unwrap();
    let opened = seal.open(&ClientId::new("signer"), sealed).unwrap();
    assert_eq!(opened.reveal(), "a secret that is thirty-two long");
    // The same secret again changes nothing, nor does none.
    assert_eq!(house.changes(&signer).await, [""; 0]);
    assert_eq!(house.changes(&document("client_secret_jwt", "")).await, [""; 0]);
    assert_eq!(house.client("signer").await.unwrap().secret, Some(stored.clone()));
    let exported = format!("  client_secret_hash: sealed:{sealed}\n");
    assert_eq!(house.changes(&document("client_secret_jwt", &exported)).await, [""; 0]);
    let cut = format!("  client_secret_hash: sealed:{}\n", &sealed[4..]);
    let expected =
        "a.yaml line 5: clients[0].client_secret_hash: the sealed value of key HS256 of client signer is damaged";
    assert_eq!(house.errors("a.yaml", &document("client_secret_jwt", &cut)).await, [expected]);
    // A sealed secret serves the other methods as well; a hash cannot be turned back.
    assert_eq!(
        house.changes(&document("client_secret_basic", "")).await,
        ["~client signer token_endpoint_auth_method"]
    );
    house.changes(&document("client_secret_basic", "  client_secret: another secret of this client\n")).await;
    let expected = "a.yaml line 2: clients[0].client_secret: it is required with client_secret_jwt: the stored one is a \
                    hash, which verifies no signature";
    assert_eq!(house.errors("a.yaml", &document("client_secret_jwt", "")).await, [expected]);
}

#[tokio::test]
async fn a_subject_is_given_to_a_new_user_and_never_changes() {
    let house = House::build().await;
    let (one, other) = ("0190c1d2-0000-7000-8000-000000000001", "0190c1d2-0000-7000-8000-000000000002");
    let alice = |sub: &str| format!("users:\n- {{ username: alice, email: a@example.com, sub: \"{sub}\" }}\n");
    house.changes(&alice(one)).await;
    assert_eq!(house.user("alice").await.unwrap().id.as_str(), one);
    assert_eq!(house.changes(&alice(one)).await, [""; 0]);
    let changed = format!("a.yaml line 2: users[0].sub: a subject never changes; the stored one of this user is {one}");
    assert_eq!(house.errors("a.yaml", &alice(other)).await, [changed]);
    let bob = format!("users:\n- {{ username: bob, email: b@example.com, sub: \"{one}\" }}\n");
    assert_eq!(house.errors("a.yaml", &bob).await, ["a.yaml line 2: users[0].sub: this subject is the user alice"]);
    let odd = alice("0190C1D2-0000-7000-8000-000000000001");
    assert_eq!(
        house.errors("a.yaml", &odd).await,
        ["a.yaml line 2: users[0].sub: it is not a UUID in lower case, 36 characters"]
    );
}

#[tokio::test]
async fn every_section_reports_wrong_types_unknown_names_and_repetitions_with_their_line() {
    let house = House::build().await;
    for (document, expected) in [
        ("users: 7", "line 1: users: it is not a list"),
        ("users:\n- alice", "line 2: users[0]: it is not made of fields with values"),
        (
            "users:\n- username: [a]\n  email: a@b.c",
            "line 2: users[0].username: it is not a text; put it between quotes",
        ),
        (
            "users:\n- username: a\n  email: a@b.c\n  roles: admin",
            "line 4: users[0].roles: it is not a list of at most 64 texts",
        ),
        (
            "users:\n- username: a\n  email: a@b.c\n  roles:\n  - 7",
            "line 5: users[0].roles[0]: it is not a text; put it between quotes",
        ),
        (
            "users:\n- username: a\n  email: a@b.c\n  claims: x",
            "line 4: users[0].claims: it is not made of claims with values",
        ),
        (
            "users:\n- username: a\n  email: a@b.c\n  disabled: 1",
            "line 4: users[0].disabled: it is neither true nor false",
        ),
        (
            "users:\n- username: a\n  email: a@b.c\n  rolls: []",
            "line 4: users[0].rolls: there is no such field; the nearest is roles",
        ),
        ("users:\n- username: a\n  username: b", "line 3: users[0].username stands twice"),
        ("client: []", "line 1: client: there is no such field; the nearest is clients"),
        ("clients: {}", "line 1: clients: it is not a list"),
        (
            "clients:\n- client_id: 7\n  token_endpoint_auth_method: none\n  redirect_uris: [https://a.example/cb]",
            "line 2: clients[0].client_id: it is not a text; put it between quotes",
        ),
        (
            "clients:\n- client_id: a\n  token_endpoint_auth_method: none\n  redirect_uri: https://a.example/cb\n  grant_types: []",
            "line 4: clients[0].redirect_uri: there is no such field; the nearest is redirect_uris",
        ),
        (
            "clients:\n- client_id: a\n  token_endpoint_auth_method: none\n  grant_types: []\n  skip_consent: yes please",
            "line 5: clients[0].skip_consent: it is neither true nor false",
        ),
        (
            "clients:\n- &a\n  client_id: a\n  token_endpoint_auth_method: none\n  grant_types: []\n- *a",
            "line 6: clients[1].client_id: clients[0] has the same client_id",
        ),
        ("resources: x", "line 1: resources: it is not a list"),
        (
            "resources:\n- identifier: urn:a\n  access_token_type: jwt",
            "line 3: resources[0].access_token_type: it is one of at+jwt, JWT, opaque",
        ),
        (
            "resources:\n- identifier: urn:a\n  scopes: [a, \"b c\"]",
            "line 3: resources[0].scopes[1]: it is not one scope of 1 to 255 characters",
        ),
        (
            "resources:\n- identifier: urn:a\n  scope: [a]",
            "line 3: resources[0].scope: there is no such field; the nearest is scopes",
        ),
        (
            "resources:\n- identifier: urn:a\n- identifier: urn:a",
            "line 3: resources[1].identifier: resources[0] has the same identifier",
        ),
        (
            "scopes:\n- name: a\n  descriptions: {}",
            "line 3: scopes[0].descriptions: there is no such field; the nearest is description",
        ),
        (
            "scopes:\n- name: a\n  description: words",
            "line 3: scopes[0].description: it is not made of languages with words, such as en: See your orders",
        ),
        ("scopes:\n- name: a\n- name: a", "line 3: scopes[1].name: scopes[0] has the same name"),
        ("registration: closed", "line 1: registration: it is made of mode, initial_access_tokens and exceptions"),
        ("registration:\n  modus: open", "line 2: registration.modus: there is no such field; the nearest is mode"),
        (
            "registration:\n  initial_access_tokens:\n  - token: short",
            "line 3: registration.initial_access_tokens[0].token: it has 8 to 255 visible ASCII characters",
        ),
        (
            "registration:\n  initial_access_tokens:\n  - token: long-enough\n    uses: 0",
            "line 4: registration.initial_access_tokens[0].uses: it is not a whole number from 1 to 1000000",
        ),
        (
            "registration:\n  initial_access_tokens:\n  - token: long-enough\n  - token: long-enough",
            "line 4: registration.initial_access_tokens[1]: this token stands here twice",
        ),
        (
            "registration:\n  exceptions:\n  - allow: no_pkce\n    reason: r\n    owner: o\n    until: soon",
            "line 6: registration.exceptions[0].until: it is not a day such as 2027-06-30",
        ),
    ] {
        assert_eq!(house.errors("a.yaml", document).await[0], format!("a.yaml {expected}"), "{document}");
    }
    assert_eq!(house.exported(true).await, House::build().await.exported(true).await, "nothing was stored");
}
