//! Settings from every source, good and bad.

use super::*;
use crate::domain::usage::AlertCondition;
use std::path::Path;

fn environment(variables: &[(&str, &str)]) -> Inputs {
    let nowhere = Path::new("/nonexistent").to_owned();
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Inputs { directory: nowhere, file: None, environment }
}

fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load(&environment(variables))
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    load(variables).unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// A working directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[test]
fn nothing_configured_is_a_working_configuration() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.server.bind, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(settings.server.issuer.as_str(), "http://127.0.0.1:8080");
    assert_eq!(settings.database.embedded_path().unwrap(), Path::new("data/authward.db"));
    assert_eq!(settings.keys.master_key_file.as_deref(), Some(Path::new("data/master.key")));
    assert!(settings.keys.may_make_master_key && settings.accounts.sign_up);
    assert_eq!(settings.limits.login.account_source.free, 5);
}

#[test]
fn every_key_of_the_default_file_is_read() {
    let mut reader = Reader::new(sources::defaults(), Vec::new());
    Settings::read(&mut reader);
    let known: std::collections::BTreeSet<String> = sources::defaults().into_keys().collect();
    let asked = reader.asked.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(known, asked);
    reader.finish().unwrap();
}

#[test]
fn the_examples_of_configuration_files_are_valid() {
    for (name, text) in [
        ("development", include_str!("../../config/development.toml")),
        ("production", include_str!("../../config/production.example.toml")),
    ] {
        let directory = directory(&[("config/local.toml", &text.to_lowercase())]);
        let inputs = Inputs { directory: directory.path().to_owned(), ..Inputs::default() };
        assert!(Settings::load(&inputs).is_ok(), "{name}: {:?}", Settings::load(&inputs));
    }
}

#[test]
fn later_sources_win() {
    let directory = directory(&[
        (
            "config/default.toml",
            "[limits]\nbody_bytes = 2000\nmax_connections = 20\nhead_timeout = 2\nbody_timeout = 2\n",
        ),
        ("config/local.toml", "[limits]\nmax_connections = 30\nhead_timeout = 3\nbody_timeout = 3\n"),
        (
            ".env",
            "# a comment\nexport AUTHWARD__LIMITS__HEAD_TIMEOUT=\"4\"\nAUTHWARD__LIMITS__BODY_TIMEOUT=4\nOTHER=$X\n",
        ),
    ]);
    let mut inputs = environment(&[("AUTHWARD__LIMITS__BODY_TIMEOUT", "5")]);
    inputs.directory = directory.path().to_owned();
    let limits = Settings::load(&inputs).unwrap().limits;
    assert_eq!((limits.body_bytes, limits.max_connections), (2000, 30));
    assert_eq!((limits.head_timeout.as_secs(), limits.body_timeout.as_secs()), (4, 5));
}

#[test]
fn a_named_file_replaces_the_local_one_and_must_be_there() {
    let directory = directory(&[
        ("config/local.toml", "[limits]\nmax_connections = 30\n"),
        ("other.toml", "[limits]\nhead_timeout = 3\n"),
    ]);
    let mut inputs = environment(&[("AUTHWARD_CONFIG", "other.toml")]);
    inputs.directory = directory.path().to_owned();
    let limits = Settings::load(&inputs).unwrap().limits;
    assert_eq!((limits.max_connections, limits.head_timeout.as_secs()), (10_000, 3));
    inputs.file = Some("missing.toml".into());
    let error = Settings::load(&inputs).unwrap_err().to_string();
    assert!(error.contains("missing.toml: the file cannot be read: No such file or directory"), "{error}");
}

#[test]
fn all_problems_are_reported_at_once_with_key_value_and_origin() {
    let directory =
        directory(&[("config/local.toml", "[server]\nworkers = 1000\nissuerr = \"x\"\n[database]\nqueue = \"a\"\n")]);
    let mut inputs = environment(&[
        ("AUTHWARD__SERVER__BIND", "8080"),
        ("AUTHWARD__SERVER__TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
        ("AUTHWARD__ACCOUNTS__SIGN_UP", "maybe"),
    ]);
    inputs.directory = directory.path().to_owned();
    let local = directory.path().join("config/local.toml").display().to_string();
    let found: Vec<String> = Settings::load(&inputs).unwrap_err().0.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            format!("server.issuerr: there is no such setting; the nearest is server.issuer ({local})"),
            "server.bind: \"8080\": it is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::]:8080 (environment variable AUTHWARD__SERVER__BIND)".to_owned(),
            format!("server.workers: 1000 is not within 0 to 256 ({local})"),
            "server.trusted_proxies: \"proxy\": it is not a network such as 10.0.0.0/8 or an address (environment variable AUTHWARD__SERVER__TRUSTED_PROXIES)".to_owned(),
            format!("database.queue: \"a\" is not a whole number ({local})"),
            "accounts.sign_up: it is neither true nor false (environment variable AUTHWARD__ACCOUNTS__SIGN_UP)".to_owned(),
        ]
    );
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    for (variable, expected) in [
        ("AUTHWARD__SERVER__ISSUR", "server.issur: there is no such setting; the nearest is server.issuer"),
        ("AUTHWARD__SERVERS__BIND", "servers.bind: there is no such setting; the nearest is server.bind"),
        ("AUTHWARD__ISSUER", "issuer: there is no such setting; the nearest is server.issuer"),
        ("AUTHWARD__SERVER", "server: this is a group of settings, such as server.bind"),
        ("AUTHWARD__SERVER__BIND__X", "server.bind.x: there is no such setting; the nearest is server.bind"),
        ("AUTHWARD__A[9999999999]", "a[9999999999]: there is no such setting; the nearest is "),
    ] {
        let found = problems(&[(variable, "x")]);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let directory = directory(&[("config/local.toml", "[keys]\nmaster_key = \"hunter2\n")]);
    let mut inputs = environment(&[
        ("AUTHWARD__DATABASE__URL", "mongodb://user:hunter2@host"),
        ("AUTHWARD__MAIL__SMTP_URL", "http://user:hunter2@host"),
        ("AUTHWARD__KEYS__MASTER_KEY", "hunter2"),
    ]);
    inputs.directory = directory.path().to_owned();
    let error = Settings::load(&inputs).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    assert!(error.contains("config/local.toml: line 2: it is not TOML"), "{error}");
    let settings =
        load(&[("AUTHWARD__DATABASE__URL", "postgres://u:hunter2@h/d"), ("AUTHWARD__KEYS__MASTER_KEY", "hunter2")]);
    assert!(!format!("{:?}", settings.unwrap()).contains("hunter2"));
}

#[test]
fn values_are_not_evaluated() {
    let settings = load(&[("AUTHWARD__UI__DIRECTORY", "${HOME}/$(id)/~")]).unwrap();
    assert_eq!(settings.ui.directory.as_deref(), Some(Path::new("${HOME}/$(id)/~")));
}

#[test]
fn the_issuer_follows_a_loopback_bind_address_unless_it_is_set() {
    let issuer = |variables: &[(&str, &str)]| load(variables).unwrap().server.issuer.as_str().to_owned();
    assert_eq!(issuer(&[("AUTHWARD__SERVER__BIND", "127.0.0.1:9000")]), "http://127.0.0.1:9000");
    assert_eq!(issuer(&[("AUTHWARD__SERVER__BIND", "[::1]:9000")]), "http://[::1]:9000");
    assert_eq!(issuer(&[("AUTHWARD__SERVER__BIND", "0.0.0.0:9000")]), "http://127.0.0.1:8080");
    let set = ("AUTHWARD__SERVER__ISSUER", "http://localhost:7000");
    assert_eq!(issuer(&[("AUTHWARD__SERVER__BIND", "127.0.0.1:9000"), set]), "http://localhost:7000");
    assert_eq!(load(&[set]).unwrap().server.bind, ["127.0.0.1:8080".parse().unwrap()]);
}

#[test]
fn settings_that_do_not_fit_together_are_refused() {
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("AUTHWARD__SERVER__TLS__CERTIFICATE", "a.pem")], "server.tls.certificate: it needs server.tls.private_key"),
        (&[("AUTHWARD__DATABASE__URL", "postgres://h/d")], "keys.master_key: it is required on PostgreSQL and MySQL"),
        (&[("AUTHWARD__KEYS__PUBLISH_AHEAD", "3600")], "keys.publish_ahead: it must be more than keys.jwks_max_age"),
        (&[("AUTHWARD__KEYS__ALGORITHMS", "ES256")], "keys.algorithms: RS256 is missing"),
        (&[("AUTHWARD__TOKENS__ACCESS_TOKEN_LIFETIME", "100000")], "tokens.access_token_lifetime: it is more than"),
        (&[("AUTHWARD__MAIL__SMTP_URL", "smtp://h")], "mail.from: it is required"),
        (&[("AUTHWARD__DATABASE__URL", "sqlite://:memory:")], "database.url: after sqlite:// comes the path of a file"),
    ];
    for (variables, expected) in cases {
        let found = problems(variables);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{found:?}");
    }
}

#[test]
fn alert_rules_are_tables_of_a_file_and_each_problem_names_its_rule() {
    let read = |text: &str| {
        let directory = directory(&[("config/local.toml", text)]);
        let inputs = Inputs { directory: directory.path().to_owned(), ..Inputs::default() };
        Settings::load(&inputs).map_err(|error| error.0.into_iter().map(|problem| problem.what).collect::<Vec<_>>())
    };
    let settings = read(
        "[[usage.alerts]]\nname = \"busy\"\nabove = 100\nwindow = 60\nclient = \"app\"\n\
         [[usage.alerts]]\nname = \"failing\"\nfailed_share_above = 0.2\n\
         [[usage.alerts]]\nname = \"silent\"\nbelow = 1\nendpoint = \"POST /token\"\n",
    );
    let alerts = settings.unwrap().usage.alerts;
    assert_eq!(alerts.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["busy", "failing", "silent"]);
    assert_eq!(alerts[0].condition, AlertCondition::Above(100));
    assert_eq!((alerts[0].window.as_seconds(), alerts[1].window.as_seconds()), (60, 600));
    assert_eq!(alerts[0].filter.client.as_deref(), Some("app"));
    assert_eq!(alerts[1].condition, AlertCondition::FailedShare { above: 0.2, of_at_least: 20 });
    assert_eq!(alerts[2].condition, AlertCondition::Below(1));
    for (text, expected) in [
        ("[[usage.alerts]]\nabove = 1\n", "name is missing"),
        ("[[usage.alerts]]\nname = \"a b\"\nabove = 1\n", "name is not 1 to 64 letters"),
        ("[[usage.alerts]]\nname = \"a\"\n", "a: it needs one of above, below"),
        ("[[usage.alerts]]\nname = \"a\"\nabove = 1\nbelow = 1\n", "a: it needs one of above, below"),
        ("[[usage.alerts]]\nname = \"a\"\nabove = -1\n", "a: above is not a whole number within"),
        ("[[usage.alerts]]\nname = \"a\"\nabove = 1\nwindow = 59\n", "a: window is not a whole number within"),
        ("[[usage.alerts]]\nname = \"a\"\nfailed_share_above = 1.5\n", "a: failed_share_above is not within 0 to 1"),
        ("[[usage.alerts]]\nname = \"a\"\nabove = 1\nclients = \"x\"\n", "\"clients\" is not known"),
        (
            "[[usage.alerts]]\nname = \"a\"\nabove = 1\n[[usage.alerts]]\nname = \"a\"\nabove = 2\n",
            "two rules are named a",
        ),
        ("[usage]\nalerts = [\"a\"]\n", "it is not a list of tables"),
        (
            "[usage]\nwebhook = \"ftp://example.com\"\nwebhook_secret = \"0123456789abcdef\"\n",
            "\"ftp://example.com\": it is not",
        ),
        ("[usage]\nwebhook = \"https://example.com\"\n", "it needs usage.webhook_secret"),
    ] {
        let problems = read(text).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
    }
    let secret = read("[usage]\nwebhook_secret = \"hunter2\"\n").unwrap_err();
    assert!(!secret[0].contains("hunter2"), "{secret:?}");
}
