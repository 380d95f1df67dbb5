//! The commands of the operator, as processes: what they print, what they leave behind, and with which status they end.

mod support;

use diesel::prelude::*;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use support::databases::{DatabaseKind, TestDatabase};
use support::server::Server;
use tempfile::TempDir;

const MASTER_KEY: &str = "bm9kZXMgb2Ygb25lIGNsdXN0ZXIgc2hhcmUgdGhpcyE";
const CONTRACT: &str = include_str!("documents/contract.yaml");

/// A folder with an installation in it, and a database of its own.
struct House {
    home: TempDir,
    database: TestDatabase,
}

/// How a command ended.
struct Ended {
    status: i32,
    out: String,
    err: String,
}

impl House {
    fn on(kind: DatabaseKind) -> Self {
        let house = Self { home: tempfile::tempdir().expect("a folder"), database: TestDatabase::create(kind) };
        house.run(&["migrate"]).assert(0);
        house
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let environment = [
            ("AUTHWARD__DATABASE__URL", self.database.url.as_str()),
            ("AUTHWARD__KEYS__MASTER_KEY", MASTER_KEY),
            // No test needs an expensive hash.
            ("AUTHWARD__ACCOUNTS__PASSWORDS__MEMORY", "7168"),
            ("AUTHWARD__ACCOUNTS__PASSWORDS__ITERATIONS", "1"),
        ];
        run_in(self.home.path(), &environment, arguments, input)
    }

    /// Writes a file of the installation.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).expect("the file");
    }
}

impl Ended {
    #[track_caller]
    fn assert(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

fn run_in(folder: &Path, environment: &[(&str, &str)], arguments: &[&str], input: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authward"));
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AUTHWARD_")) {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // A command that reads nothing closes its end.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn databases() -> impl Iterator<Item = DatabaseKind> {
    let servers = cfg!(feature = "mysql").then_some(DatabaseKind::Mysql);
    [DatabaseKind::Sqlite, DatabaseKind::Postgres].into_iter().chain(servers)
}

#[test]
fn applying_what_was_exported_changes_nothing_on_every_database() {
    for kind in databases() {
        let house = House::on(kind);
        house.write("setup.yaml", CONTRACT);
        house.run(&["apply", "setup.yaml"]).assert(0);
        house.run(&["apply", "setup.yaml", "--check"]).assert(0);
        for (arguments, file) in [
            (vec!["export"], "bare.yaml"),
            (vec!["export", "--secrets"], "whole.yaml"),
            (vec!["export", "--format", "json"], "bare.json"),
            (vec!["export", "--format", "json", "--secrets"], "whole.json"),
        ] {
            let exported = house.run(&arguments).assert(0).out;
            assert_eq!(exported.contains("$argon2id$"), file.starts_with("whole"), "{kind:?} {file}\n{exported}");
            house.write(file, &exported);
            let checked = house.run(&["apply", "--check", "--prune", file]).assert(0).out;
            assert!(!checked.contains(['+', '~', '-']), "{checked}");
            house.run(&["apply", "--prune", file]).assert(0);
            assert_eq!(house.run(&arguments).assert(0).out, exported, "{kind:?} {file}");
        }
        let another = House::on(kind);
        another.write("whole.yaml", &house.run(&["export", "--secrets"]).assert(0).out);
        another.run(&["apply", "whole.yaml"]).assert(0);
        assert_eq!(another.run(&["export", "--secrets"]).out, house.run(&["export", "--secrets"]).out, "{kind:?}");
        house.run(&["apply", "setup.yaml", "--check"]).assert(0);
    }
}

#[test]
fn a_check_prints_each_field_changes_nothing_and_ends_with_status_3() {
    let house = House::on(DatabaseKind::Sqlite);
    house.write("setup.yaml", CONTRACT);
    house.run(&["apply", "setup.yaml"]).assert(0);
    let changed = CONTRACT
        .replace("roles: [admin]", "roles: []")
        .replace("client_secret: backend-secret", "client_secret: another-secret")
        .replace("skip_consent: true ", "skip_consent: false ")
        .replace("scopes: [orders:read, orders:write]", "scopes: [orders:read]");
    let scopes = changed.rfind("\nscopes:").expect("the last section");
    house.write("changed.yaml", &changed[..=scopes]);
    let checked = house.run(&["apply", "changed.yaml", "--check", "--prune"]).assert(3).out;
    let expected = "~ user alice\n    roles: [\"admin\"] -> []\n~ client backend\n    client_secret: another secret\n    \
                    skip_consent: true -> (nothing)\n~ resource https://api.example.com\n    scopes: \
                    [\"orders:read\",\"orders:write\"] -> [\"orders:read\"]\n- scope orders:read\nusers: 1 changed; clients: 1 \
                    changed, 1 unchanged; resources: 1 changed; scopes: 1 removed; registration: 1 unchanged (nothing was \
                    changed: this was a check)\n";
    assert_eq!(checked, expected);
    let json = house.run(&["apply", "changed.yaml", "--check", "--format", "json"]).assert(3).json();
    assert_eq!(json["changes"][0]["fields"][0]["before"], serde_json::json!(["admin"]));
    assert!(!json.to_string().contains("another-secret"));
    house.run(&["apply", "setup.yaml", "--check"]).assert(0);
}

#[test]
fn a_check_of_an_installation_that_is_not_there_makes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("setup.yaml"), CONTRACT).expect("the document");
    let ended = run_in(folder.path(), &[], &["apply", "setup.yaml", "--check"], "").assert(3);
    assert!(
        ended.out.starts_with("+ user alice\n    username: alice\n    email: alice@example.com\n"),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains("$argon2"), "{}", ended.out);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);
}

#[test]
fn a_faulty_document_names_file_line_and_field_and_changes_nothing() {
    let house = House::on(DatabaseKind::Sqlite);
    house.write("bad.yaml", &CONTRACT.replace("    skip_consent: true", "    skip_consnt: true"));
    let failed = house.run(&["apply", "bad.yaml", "--prune"]).assert(1);
    let line = CONTRACT.lines().position(|line| line.contains("skip_consent")).expect("the line") + 1;
    let expected = format!(
        "authward: nothing was applied:\nbad.yaml line {line}: clients[1].skip_consnt: there is no such field; the nearest \
         is skip_consent\n"
    );
    assert_eq!((failed.out.as_str(), failed.err), ("", expected));
    assert_eq!(house.run(&["user", "list", "--format", "json"]).assert(0).json(), serde_json::json!([]));
    house.run(&["apply", "missing.yaml"]).assert(2);
    house.run_with(&["apply", "-"], CONTRACT).assert(0);
}

#[test]
fn accounts_are_kept_from_the_command_line() {
    let house = House::on(DatabaseKind::Sqlite);
    let printed = house.run(&["user", "add", "alice", "--email", "alice@example.com", "--role", "admin"]).assert(0).out;
    assert!(printed.contains("Password (shown this once): "), "{printed}");
    let typed = house.run_with(
        &["user", "add", "bob", "--email", "bob@example.com", "--password-stdin"],
        "seven maples at a stop\nand more",
    );
    assert_eq!(typed.assert(0).out, "The account is made.\n");
    house.run(&["user", "add", "ALICE", "--email", "a@example.com"]).assert(1);
    house.run_with(&["user", "add", "carol", "--email", "c@example.com", "--password-stdin"], "short\n").assert(2);
    house.run(&["user", "set-password", "bob", "--password", "x"]).assert(2);
    let shown = house.run(&["user", "show", "bob@EXAMPLE.com", "--format", "json"]).assert(0).json();
    assert_eq!((&shown["username"], &shown["has_password"]), (&"bob".into(), &true.into()));
    house.run(&["user", "set-roles", "bob", "auditor", "admin"]).assert(0);
    house.run(&["user", "set-roles", "bob", "a b"]).assert(2);
    house.run(&["user", "disable", "bob"]).assert(0);
    assert_eq!(house.run(&["user", "disable", "bob"]).assert(0).out, "The account was disabled before.\n");
    let list = house.run(&["user", "list", "--format", "json"]).assert(0).json();
    let of = |name: &str| list.as_array().unwrap().iter().find(|user| user["username"] == name).expect("the account");
    assert_eq!(of("bob")["roles"], serde_json::json!(["auditor", "admin"]));
    assert!(of("bob")["disabled_at"].is_string() && of("alice")["disabled_at"].is_null());
    let table = house.run(&["user", "show", "bob"]).assert(0).out;
    assert!(table.contains("roles           [\"auditor\",\"admin\"]\n") && !table.contains("$argon2"), "{table}");
    house.run(&["user", "enable", "bob"]).assert(0);
    for arguments in
        [vec!["user", "show", "nobody"], vec!["user", "disable", "no body"], vec!["user", "enable", "x@y.z"]]
    {
        let failed = house.run(&arguments).assert(1);
        assert_eq!(failed.err, format!("authward: there is no user {}\n", arguments[2]));
    }
}

#[test]
fn clients_are_kept_from_the_command_line_and_secrets_are_shown_once() {
    let house = House::on(DatabaseKind::Sqlite);
    let add = ["client", "add", "backend", "--redirect-uri", "https://a.example/cb", "--format", "json"];
    let secret = house.run(&add).assert(0).json()["client_secret"].as_str().expect("a secret").to_owned();
    assert_eq!(secret.len(), 43);
    let typed = house.run_with(
        &["client", "add", "typed", "--redirect-uri", "https://a.example/cb", "--secret-stdin"],
        "a-secret-of-a-person\n",
    );
    assert!(!typed.assert(0).out.contains("a-secret-of-a-person"));
    house.run(&["client", "add", "app", "--public", "--native", "--redirect-uri", "http://127.0.0.1/cb"]).assert(0);
    house.run(&["client", "add", "app", "--public", "--redirect-uri", "https://a.example/cb"]).assert(1);
    house
        .run_with(&["client", "add", "x", "--public", "--secret-stdin", "--redirect-uri", "https://a.example/cb"], "")
        .assert(2);
    let shown = house.run(&["client", "show", "backend", "--format", "json"]).assert(0).json();
    assert_eq!(shown["redirect_uris"], serde_json::json!(["https://a.example/cb"]));
    assert_eq!(shown["client_secret"], "(kept as a hash)");
    let before = house.run(&["export", "--secrets"]).assert(0).out;
    let replaced = house.run(&["client", "set-secret", "backend"]).assert(0).out;
    assert!(replaced.starts_with("Client secret (shown this once): "), "{replaced}");
    house.run_with(&["client", "set-secret", "typed", "--secret-stdin"], "another-of-a-person\n").assert(0);
    house.run_with(&["client", "set-secret", "typed", "--secret-stdin"], "short\n").assert(2);
    house.run(&["client", "set-secret", "app"]).assert(1);
    let after = house.run(&["export", "--secrets"]).assert(0).out;
    let hashes = |text: &str| {
        text.lines().filter(|line| line.contains("client_secret_hash")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((hashes(&before).len(), hashes(&after).len()), (2, 2));
    assert!(hashes(&before).iter().all(|hash| !hashes(&after).contains(hash)));
    house.run(&["client", "disable", "app"]).assert(0);
    let list = house.run(&["client", "list", "--format", "json"]).assert(0).json();
    assert_eq!((&list[0]["client_id"], &list[0]["disabled"]), (&"app".into(), &true.into()));
    house.run(&["client", "enable", "nobody"]).assert(1);
    for secret in [secret.as_str(), "a-secret-of-a-person"] {
        for arguments in [["client", "list"], ["client", "show"]] {
            let arguments = [&arguments[..], if arguments[1] == "show" { &["backend"] } else { &[] }].concat();
            assert!(!house.run(&arguments).assert(0).out.contains(secret));
        }
    }
}

#[test]
fn a_backup_while_others_write_is_whole_and_holds_what_was_answered_before() {
    use authward::domain::{id::UserId, time::Timestamp, user};
    use authward::store::{Store, StoreOptions, users};
    let house = House::on(DatabaseKind::Sqlite);
    let account = |n: u32| user::User {
        id: UserId::new(format!("id-{n:08}")),
        username: user::Username::parse(&format!("user{n}")).expect("a name"),
        email: user::Email::parse(&format!("user{n}@example.com")).expect("an address"),
        email_verified: false,
        password_hash: Some("x".repeat(100)),
        claims: serde_json::Map::new(),
        roles: Vec::new(),
        disabled_at: None,
        created_at: Timestamp::from_seconds(0),
        updated_at: Timestamp::from_seconds(0),
    };
    let (answered, stops) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = {
        let (answered, stops, url) = (Arc::clone(&answered), Arc::clone(&stops), house.database.url.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let store = Store::open(StoreOptions::new(url)).expect("the store");
            for n in 1.. {
                let account = account(n);
                runtime.block_on(store.write(move |db| users::insert(db, &account))).expect("the write");
                answered.store(n, Ordering::SeqCst);
                if stops.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
    };
    while answered.load(Ordering::SeqCst) < 100 {
        std::thread::yield_now();
    }
    for (round, arguments) in [vec!["backup", "copy.db"], vec!["backup", "copy.db", "--force"]].iter().enumerate() {
        let before = answered.load(Ordering::SeqCst);
        let ended = house.run(arguments).assert(0);
        let after = answered.load(Ordering::SeqCst);
        assert_eq!(ended.err, "", "no bar where there is no terminal");
        let copy = house.home.path().join("copy.db");
        let (problems, rows) = look_into(&copy);
        assert_eq!(problems, "ok");
        assert!(rows.len() as u32 >= before, "round {round}: {before} were answered, {} are there", rows.len());
        assert!(rows.len() as u32 <= after + 1);
        let expected: Vec<String> = (1..=rows.len() as u32).map(|n| format!("id-{n:08}")).collect();
        assert_eq!(rows, expected, "one state, without holes");
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&copy).expect("the copy").permissions().mode() & 0o777, 0o600);
    }
    stops.store(true, Ordering::SeqCst);
    writer.join().expect("the writer");
    let refused = house.run(&["backup", "copy.db"]).assert(2);
    assert!(refused.err.contains("copy.db exists already; --force replaces it"), "{}", refused.err);
    house.run(&["backup", "nowhere/copy.db"]).assert(1);
    let names = std::fs::read_dir(house.home.path()).expect("the folder").count();
    assert_eq!(names, 1, "no temporary file is left");
    // The copy serves: that is what it is for.
    let url = format!("sqlite://{}", house.home.path().join("copy.db").display());
    let environment = [("AUTHWARD__DATABASE__URL", url.as_str()), ("AUTHWARD__KEYS__MASTER_KEY", MASTER_KEY)];
    run_in(house.home.path(), &environment, &["user", "show", "user1"], "").assert(0);
}

#[test]
fn a_new_master_key_comes_from_a_file_of_its_own_and_may_be_given_twice() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::on(DatabaseKind::Sqlite);
    house.run(&["keys", "rotate", "--algorithm", "ES256"]).assert(0);
    let before = house.run(&["keys", "list", "--format", "json"]).assert(0).json();
    let write = |name: &str, text: &str, mode: u32| {
        house.write(name, text);
        std::fs::set_permissions(house.home.path().join(name), std::fs::Permissions::from_mode(mode))
            .expect("our file");
    };
    const NEW: &str = "6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435";
    write("new.key", NEW, 0o600);
    write("exposed.key", NEW, 0o640);
    write("other.key", "a new key", 0o600);
    write("same.key", MASTER_KEY, 0o600);
    for (file, said) in [
        ("missing.key", "there is no such file"),
        ("exposed.key", "can be read or written by others (mode 640)"),
        ("other.key", "does not hold a master key"),
        ("same.key", "the new master key is the configured one"),
    ] {
        let refused = house.run(&["keys", "reseal", "--new-master-key-file", file]).assert(2);
        assert!(refused.err.contains(said) && refused.out.is_empty(), "{file}: {}", refused.err);
    }
    house.run(&["keys", "reseal"]).assert(2);
    house.run(&["keys", "reseal", "--new-master-key", NEW]).assert(2);
    let reseal = ["keys", "reseal", "--new-master-key-file", "new.key"];
    let url = house.database.url.as_str();
    let third = [("AUTHWARD__DATABASE__URL", url), ("AUTHWARD__KEYS__MASTER_KEY", &MASTER_KEY.replace('b', "c"))];
    let refused = run_in(house.home.path(), &third, &reseal, "").assert(1);
    assert!(refused.err.contains("nothing was changed: key ") && refused.err.contains("neither"), "{}", refused.err);

    let done = house.run(&reseal).assert(0).out;
    assert!(
        done.contains("client secrets 0.") && done.contains("in the place of the old one, keys.master_key,"),
        "{done}"
    );
    let again = house.run(&reseal).assert(0).out;
    assert!(again.starts_with("Nothing is sealed under the configured master key any more"), "{again}");
    assert!(house.run(&["doctor"]).out.contains("sealed under another master key"));
    house.run(&["keys", "rotate"]).assert(1);
    let now = [("AUTHWARD__DATABASE__URL", url), ("AUTHWARD__KEYS__MASTER_KEY", NEW)];
    let run = |arguments: &[&str]| run_in(house.home.path(), &now, arguments, "");
    assert!(run(&["doctor"]).out.contains("opens every key that signs"));
    assert_eq!(run(&["keys", "list", "--format", "json"]).assert(0).json(), before);
    let told = run(&["audit", "--kind", "keys_resealed", "--format", "json"]).assert(0).json().to_string();
    assert_eq!(told.matches("keys_resealed").count(), 1, "{told}");
    assert!(told.contains("\"keys reseal\"") && !told.contains(NEW), "{told}");
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    said: String,
}

/// What SQLite says of the file, and the identifiers of its users.
fn look_into(file: &Path) -> (String, Vec<String>) {
    let mut db = SqliteConnection::establish(&file.display().to_string()).expect("it opens");
    let mut ask = |query: &str| -> Vec<String> {
        let rows: Vec<Text> = diesel::sql_query(query).load(&mut db).expect("it answers");
        rows.into_iter().map(|row| row.said).collect()
    };
    let problems = ask("SELECT integrity_check AS said FROM pragma_integrity_check").join("; ");
    (problems, ask("SELECT id AS said FROM users ORDER BY id"))
}

#[test]
fn a_server_database_is_copied_by_its_own_tools() {
    for kind in databases().filter(|kind| *kind != DatabaseKind::Sqlite) {
        let refused = House::on(kind).run(&["backup", "copy"]).assert(2);
        assert!(refused.err.contains("pg_dump") || refused.err.contains("mariadb-dump"), "{}", refused.err);
        assert!(!refused.err.contains("authward-tests"), "no password is shown");
    }
}

#[test]
fn the_doctor_finds_a_running_server_in_order_and_says_what_fails() {
    let server = Server::unconfigured();
    let look = || server.attempt(&["doctor", "--format", "json"]);
    let (status, printed) = look();
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((status, &report["failures"], &report["warnings"]), (0, &0.into(), &0.into()), "{printed}");
    for what in
        ["clients see http://127.0.0.1:", "the schema is current", "opens every key that signs", "keys that sign"]
    {
        assert!(printed.contains(what), "{what}: {printed}");
    }
    use std::os::unix::fs::PermissionsExt as _;
    let key = server.folder().join("data/master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("our file");
    let (status, printed) = look();
    assert_eq!(status, 1);
    assert!(
        printed.contains("can be read or written by others (mode 644)") && printed.contains("chmod 600"),
        "{printed}"
    );
    std::fs::write(&key, "a".repeat(31) + &"b".repeat(33)).expect("our file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("our file");
    let (status, printed) = look();
    assert_eq!(status, 1);
    assert!(printed.contains("sealed under another master key"), "{printed}");
}

#[test]
fn the_doctor_changes_nothing_and_reports_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run_in(folder.path(), &[("AUTHWARD__SERVER__BIND", "127.0.0.1:1")], &["doctor"], "").assert(0);
    for what in ["there is no database at data/authward.db yet", "there is no master key at", "no server answers"] {
        assert!(ended.out.contains(what), "{what}: {}", ended.out);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
    let ended =
        run_in(folder.path(), &[("AUTHWARD__SERVER__ISUER", "x")], &["doctor", "--format", "json"], "").assert(1);
    assert!(ended.out.contains("the nearest is server.issuer"), "{}", ended.out);
    for kind in databases().filter(|kind| *kind != DatabaseKind::Sqlite) {
        let house = House { home: tempfile::tempdir().expect("a folder"), database: TestDatabase::create(kind) };
        let ended = house.run(&["doctor"]).assert(1);
        assert!(ended.out.contains("Run \"authward migrate\"."), "{kind:?} {}", ended.out);
        house.run(&["migrate"]).assert(0);
        let ended = house.run(&["doctor"]).assert(0);
        assert!(ended.out.contains("the database agree on the time") || ended.out.contains(" s "), "{}", ended.out);
    }
    let away = [
        ("AUTHWARD__DATABASE__URL", "postgres://authward:hunter2@127.0.0.1:1/authward"),
        ("AUTHWARD__KEYS__MASTER_KEY", MASTER_KEY),
    ];
    let ended = run_in(folder.path(), &away, &["doctor"], "").assert(1);
    assert!(ended.out.contains("fail  database") && !ended.out.contains("hunter2"), "{}", ended.out);
}

#[test]
fn every_shell_is_completed_and_every_command_explains_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| run_in(folder.path(), &[], arguments, "").assert(0).out;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completion", shell]);
        assert!(script.contains("set-password") && script.contains("prune"), "{shell}");
    }
    let help = run(&["--help"]);
    for command in
        ["serve", "migrate", "apply", "export", "keys", "user", "client", "explain", "backup", "doctor", "completion"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        assert!(run(&[command, "--help"]).contains("Usage: authward"), "{command}");
    }
    assert!(run(&["keys", "list", "--help"]).contains("--format"));
}

/// A collector: keeps the bodies that are posted to it.
fn collector() -> (u16, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bodies);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
                    break;
                }
            }
            let head = String::from_utf8(head).expect("a head").to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.and_then(|text| text.parse().ok()).unwrap_or(0)];
            if head.starts_with("post /v1/traces ") && stream.read_exact(&mut body).is_ok() {
                kept.lock().expect("the bodies").push(body);
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    (port, bodies)
}

/// The value of an attribute, as text.
fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// W3C Trace Context §3.2: the caller's trace goes on here; what is sent names routes and outcomes, and nothing secret.
#[test]
fn requests_are_traced_to_a_collector_without_what_is_secret() {
    let (port, bodies) = collector();
    let endpoint = format!("http://127.0.0.1:{port}");
    let setup = serde_json::json!({ "clients": [{
        "client_id": "app", "token_endpoint_auth_method": "none", "redirect_uris": ["https://app.example/cb"],
    }] });
    let mut server = Server::with_settings(&setup, &[("AUTHWARD__OBSERVABILITY__OTLP_ENDPOINT", &endpoint)]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (trace, caller) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", "the-code-nobody-may-see"),
        ("code_verifier", "the-verifier-nobody-may-see-the-verifier-nobody"),
        ("redirect_uri", "https://app.example/cb?state=the-state"),
    ];
    let status = runtime.block_on(async {
        let client = reqwest::Client::new();
        let request = client.post(format!("{}/token?probe=the-query", server.issuer)).form(&form);
        let answer = request.header("traceparent", format!("00-{trace}-{caller}-01")).send().await.expect("an answer");
        answer.status().as_u16()
    });
    assert_eq!(status, 400);
    server.terminate();
    let bodies = bodies.lock().expect("the bodies");
    let exports: Vec<ExportTraceServiceRequest> =
        bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("an export")).collect();
    let resources: Vec<_> = exports.iter().flat_map(|export| &export.resource_spans).collect();
    let service = resources[0].resource.as_ref().and_then(|resource| attribute(&resource.attributes, "service.name"));
    assert_eq!(service.as_deref(), Some("authward"));
    let spans: Vec<&Span> =
        resources.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let request = spans.iter().find(|span| span.name == "POST /token").unwrap_or_else(|| panic!("{spans:?}"));
    assert_eq!((hex(&request.trace_id).as_str(), hex(&request.parent_span_id).as_str()), (trace, caller));
    let of = |name: &str| attribute(&request.attributes, name).unwrap_or_default();
    assert_eq!(
        (of("http.route"), of("http.response.status_code"), of("client.id")),
        ("/token".to_owned(), "400".to_owned(), "app".to_owned())
    );
    assert!(of("rule").starts_with("AW-"), "{request:?}");
    let within = spans.iter().filter(|span| span.parent_span_id == request.span_id);
    assert!(within.clone().any(|span| span.name == "database write"), "{spans:?}");
    assert!(within.into_iter().all(|span| span.trace_id == request.trace_id));
    for span in &spans {
        assert!(!span.name.starts_with("database") || !span.parent_span_id.is_empty(), "what runs by itself: {span:?}");
    }
    for body in bodies.iter() {
        let text = String::from_utf8_lossy(body);
        for secret in ["nobody-may-see", "the-query", "the-state"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(!server.log().contains("the-query"), "{}", server.log());
}
