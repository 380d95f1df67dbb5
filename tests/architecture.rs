//! The borders between the rooms of `src`, held by reading the source: who may name whom, and which external crate
//! belongs to which room. The tables below are those of `docs/ARCHITECTURE.md`; an edge that is not in them is a failure.
//!
//! A room is a file or a folder directly under `src`; `oauth/engine` is a room of its own. Tests inside `src` keep the
//! borders too. Macro calls and attributes are read word by word, since their content is no syntax tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{File, ItemMod, ItemUse, UseTree};

/// Every other room may be named.
const ALL: &[&str] = &["*"];

/// Who may name whom: a room, and the rooms it may name besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("entropy", &["domain"]),
    ("settings", &["domain"]),
    ("store", &["domain", "settings"]),
    ("keys", &["domain", "settings", "clock", "entropy", "store"]),
    // The one room that opens connections to addresses that others have named.
    ("outbound", &["domain", "settings"]),
    ("ui", &["domain", "settings"]),
    ("mail", &["domain", "settings"]),
    // The services name what is above them and each other only downward: each those before it.
    ("passwords", &["domain", "settings", "clock", "entropy", "store", "keys", "ui", "mail"]),
    ("usage", &["domain", "settings", "clock", "entropy", "store", "keys", "outbound", "ui", "mail", "passwords"]),
    ("sessions", &["domain", "settings", "clock", "entropy", "store", "keys", "ui", "mail", "passwords", "usage"]),
    // Accounts as operators change them.
    ("users", &["domain", "store"]),
    (
        "clients",
        &[
            "domain",
            "settings",
            "clock",
            "entropy",
            "store",
            "keys",
            "outbound",
            "ui",
            "mail",
            "passwords",
            "usage",
            "sessions",
        ],
    ),
    (
        "tokens",
        &[
            "domain",
            "settings",
            "clock",
            "entropy",
            "store",
            "keys",
            "outbound",
            "ui",
            "mail",
            "passwords",
            "usage",
            "sessions",
            "clients",
        ],
    ),
    // What tells clients of ended sessions.
    ("logouts", &["domain", "settings", "clock", "entropy", "store", "keys", "outbound", "clients", "tokens"]),
    // The recorder of refusals is a service of its own: every slice refuses, and none owns the record.
    ("refusals", &["domain", "settings", "clock", "entropy", "store"]),
    // The edge hands every service to the handlers and answers what they fail with, so it names `store` and `keys` too.
    (
        "web",
        &[
            "domain",
            "settings",
            "clock",
            "entropy",
            "store",
            "keys",
            "clients",
            "tokens",
            "sessions",
            "passwords",
            "usage",
            "refusals",
            "outbound",
            "logouts",
            "ui",
        ],
    ),
    ("oauth/engine", &["domain"]),
    (
        "oauth",
        &[
            "domain",
            "settings",
            "clock",
            "entropy",
            "store",
            "keys",
            "outbound",
            "ui",
            "mail",
            "passwords",
            "usage",
            "sessions",
            "clients",
            "tokens",
            "refusals",
            "web",
            "oauth/engine",
        ],
    ),
    ("oidc", ABOVE_THE_SLICES),
    ("account", ABOVE_THE_SLICES),
    ("admin", ABOVE_THE_SLICES),
    (
        "jobs",
        &[
            "domain",
            "settings",
            "clock",
            "store",
            "keys",
            "mail",
            "passwords",
            "usage",
            "sessions",
            "clients",
            "tokens",
            "logouts",
            "refusals",
        ],
    ),
    // Probes, and what two slices share (the discovery document) or none owns (assets, the demonstration).
    ("health", ABOVE_THE_SLICES),
    // Read by monitoring, on an address of its own.
    ("metrics", ABOVE_THE_SLICES),
    // What protected resources report of the calls that they answered.
    ("reporting", ABOVE_THE_SLICES),
    ("pages", &["domain", "oauth", "oidc", "ui", "web"]),
    // The description of the JSON endpoints joins what all slices say of theirs, and the route table.
    ("openapi", ALL),
    ("routes", ALL),
    ("app", ALL),
    ("cli", ALL),
    ("main", ALL),
    ("lib", ALL),
];

/// What the slices may name: everything above them, never each other, and never another slice's engine.
const ABOVE_THE_SLICES: &[&str] = &[
    "domain",
    "settings",
    "clock",
    "entropy",
    "store",
    "keys",
    "outbound",
    "ui",
    "mail",
    "passwords",
    "usage",
    "sessions",
    "users",
    "clients",
    "tokens",
    "logouts",
    "refusals",
    "web",
];

/// An external crate, or a path into one, and the only rooms that may name it.
const BELONGINGS: &[(&str, &[&str])] = &[
    ("diesel", &["store"]),
    ("diesel_migrations", &["store"]),
    ("r2d2", &["store"]),
    ("libsqlite3_sys", &["store"]),
    ("pq_sys", &["store"]),
    ("jsonwebtoken", &["keys"]),
    ("oxide_auth", &["oauth/engine"]),
    (
        "actix_web",
        &[
            "web",
            "oauth",
            "oidc",
            "account",
            "admin",
            "health",
            "metrics",
            "reporting",
            "pages",
            "openapi",
            "routes",
            "app",
        ],
    ),
    ("prometheus_client", &["metrics"]),
    ("reqwest", &["outbound"]),
    ("chrono", &["oauth/engine"]),
    ("rand", &["entropy"]),
    ("config", &["settings"]),
    ("minijinja", &["ui"]),
    ("fluent", &["ui"]),
    ("fluent_bundle", &["ui"]),
    ("std::time::SystemTime", &["clock"]),
    ("std::time::Instant::now", &["clock"]),
    ("tokio::time::Instant::now", &["clock"]),
];

/// The folders that hold one set of migrations each.
const MIGRATIONS: [&str; 3] = ["migrations/sqlite", "migrations/postgresql", "migrations/mysql"];

#[test]
fn no_room_names_what_the_table_does_not_allow() {
    let problems: Vec<String> = sources().iter().flat_map(|(path, text)| problems_in(path, text)).collect();
    assert!(problems.is_empty(), "{} forbidden edges:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_three_databases_have_the_same_migrations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sets: BTreeMap<&str, BTreeSet<String>> = MIGRATIONS
        .iter()
        .filter(|folder| root.join(folder).is_dir())
        .map(|folder| (*folder, names_in(&root.join(folder))))
        .collect();
    let Some(first) = sets.values().next() else { return };
    assert_eq!(sets.len(), MIGRATIONS.len(), "a database has no folder of migrations: {:?}", sets.keys());
    for (folder, names) in &sets {
        assert_eq!(names, first, "{folder} differs from {}", MIGRATIONS[0]);
    }
}

/// What one source file names that its room may not.
fn problems_in(path: &str, text: &str) -> Vec<String> {
    let place = Place::of(path);
    if !ROOMS.iter().any(|(room, _)| *room == place.room) {
        return vec![format!("{path}: the room `{}` is not in the table of rooms", place.room)];
    }
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let names = Names::of(&file, &place);
    names.full.iter().filter_map(|name| place.problem_with(name)).map(|problem| format!("{path}: {problem}")).collect()
}

/// Where a source file stands: its room and its module path.
struct Place {
    room: String,
    module: Vec<String>,
}

impl Place {
    /// From a path relative to `src`, as `oauth/token/mod.rs`.
    fn of(path: &str) -> Self {
        let mut module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let room = room_of(&module);
        if matches!(room.as_str(), "lib" | "main") {
            module.clear();
        }
        Self { room, module }
    }

    /// The sentence about a name that may not stand here, `None` where it may.
    fn problem_with(&self, name: &Name) -> Option<String> {
        match name {
            Name::Ours(path) => self.problem_with_ours(path),
            Name::Foreign(path) => self.problem_with_foreign(path),
        }
    }

    fn problem_with_ours(&self, path: &[String]) -> Option<String> {
        if self.is_root() {
            return None;
        }
        let named = room_of(path);
        if !ROOMS.iter().any(|(room, _)| *room == named) {
            return Some(format!(
                "`{}` names `{}` at the crate's root, which no room owns",
                self.room,
                path.join("::")
            ));
        }
        if named == self.room || self.may_name(&named) {
            return None;
        }
        Some(format!("`{}` may not name `{named}` (`crate::{}`)", self.room, path.join("::")))
    }

    fn problem_with_foreign(&self, path: &[String]) -> Option<String> {
        let written = path.join("::");
        let (owned, rooms) = BELONGINGS.iter().find(|(owned, _)| {
            written == *owned || written.strip_prefix(owned).is_some_and(|rest| rest.starts_with("::"))
        })?;
        if rooms.contains(&self.room.as_str()) {
            return None;
        }
        Some(format!("`{}` may not use `{owned}`, which belongs to {}", self.room, rooms.join(", ")))
    }

    fn is_root(&self) -> bool {
        matches!(self.room.as_str(), "lib" | "main")
    }

    fn may_name(&self, named: &str) -> bool {
        let allowed = ROOMS.iter().find(|(room, _)| *room == self.room).map_or(&[] as &[&str], |(_, allowed)| *allowed);
        allowed == ALL || allowed.contains(&named)
    }
}

fn room_of(path: &[String]) -> String {
    match path {
        [first, second, ..] if first == "oauth" && second == "engine" => "oauth/engine".to_owned(),
        [first, ..] => first.clone(),
        [] => String::new(),
    }
}

/// A name in full: inside this crate, from its root; or of another crate.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Ours(Vec<String>),
    Foreign(Vec<String>),
}

/// Every name of a file, in full.
struct Names {
    full: BTreeSet<Name>,
    /// The module the visitor is in, inline modules included.
    module: Vec<String>,
    /// What the file's `use` lines brought in: the short name and the whole path.
    imported: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn of(file: &File, place: &Place) -> Self {
        let mut names = Self { full: BTreeSet::new(), module: place.module.clone(), imported: BTreeMap::new() };
        let mut imports = Imports(BTreeMap::new());
        imports.visit_file(file);
        names.imported = imports.0;
        names.visit_file(file);
        names
    }

    /// A path as it is written, its first segment resolved.
    fn take(&mut self, written: Vec<String>) {
        let name = self.resolve(written, true);
        self.full.extend(name);
    }

    fn resolve(&self, written: Vec<String>, through_imports: bool) -> Option<Name> {
        let (first, rest) = written.split_first()?;
        match first.as_str() {
            "crate" | "authward" => (!rest.is_empty()).then(|| Name::Ours(rest.to_vec())),
            "self" => Some(Name::Ours(join(&self.module, rest))),
            "super" => Some(Name::Ours(self.above(&written))),
            _ if through_imports && self.imported.contains_key(first) => {
                let whole = join(&self.imported[first], rest);
                // An import of the same name as its crate (`use config;`) would lead back to itself.
                self.resolve(whole, false)
            }
            _ => (!rest.is_empty()).then_some(Name::Foreign(written)),
        }
    }

    fn above(&self, written: &[String]) -> Vec<String> {
        let steps = written.iter().take_while(|segment| *segment == "super").count();
        let kept = self.module.len().saturating_sub(steps);
        join(&self.module[..kept], &written[steps..])
    }

    fn take_tree(&mut self, prefix: &[String], tree: &UseTree) {
        for path in paths_of(prefix, tree) {
            let name = self.resolve(path.whole.clone(), false);
            self.full.extend(name);
            // `use diesel;` alone names the crate too.
            if path.whole.len() == 1 && !matches!(path.whole[0].as_str(), "crate" | "self" | "super") {
                self.full.insert(Name::Foreign(path.whole));
            }
        }
    }

    /// Macro calls and attributes: every `a::b::c` in their words.
    fn take_words(&mut self, text: &str) {
        for path in paths_in_words(text) {
            self.take(path);
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.take_tree(&[], &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.full.insert(Name::Foreign(vec![item.ident.to_string()]));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.take(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.take_words(&call.tokens.to_string());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.take_words(&list.tokens.to_string());
        }
        visit::visit_attribute(self, attribute);
    }

    // `pub(crate)`, `pub(in crate::oauth)`: where a thing is seen, not what is named.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// First pass: the short names that `use` lines bring in.
struct Imports(BTreeMap<String, Vec<String>>);

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for path in paths_of(&[], &item.tree) {
            if let Some(short) = path.short.filter(|short| short != "_" && path.whole.first() != Some(short)) {
                self.0.insert(short, path.whole);
            }
        }
    }
}

/// One leaf of a `use` tree.
struct Import {
    whole: Vec<String>,
    /// The name it is known by, `None` for a glob.
    short: Option<String>,
}

fn paths_of(prefix: &[String], tree: &UseTree) -> Vec<Import> {
    match tree {
        UseTree::Path(path) => paths_of(&join(prefix, &[path.ident.to_string()]), &path.tree),
        UseTree::Name(name) if name.ident == "self" => {
            vec![Import { short: prefix.last().cloned(), whole: prefix.to_vec() }]
        }
        UseTree::Name(name) => {
            vec![Import { short: Some(name.ident.to_string()), whole: join(prefix, &[name.ident.to_string()]) }]
        }
        UseTree::Rename(rename) if rename.ident == "self" => {
            vec![Import { short: Some(rename.rename.to_string()), whole: prefix.to_vec() }]
        }
        UseTree::Rename(rename) => {
            vec![Import { short: Some(rename.rename.to_string()), whole: join(prefix, &[rename.ident.to_string()]) }]
        }
        UseTree::Glob(_) => vec![Import { short: None, whole: join(prefix, &["*".to_owned()]) }],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| paths_of(prefix, tree)).collect(),
    }
}

fn join(prefix: &[String], rest: &[String]) -> Vec<String> {
    prefix.iter().chain(rest).cloned().collect()
}

/// The paths of two and more segments in a text of tokens; string and character literals are passed over.
fn paths_in_words(text: &str) -> Vec<Vec<String>> {
    let (mut paths, mut path, mut glued) = (Vec::new(), Vec::<String>::new(), false);
    for word in words(text) {
        match word.as_str() {
            "::" => glued = true,
            word if is_identifier(word) && glued => {
                path.push(word.to_owned());
                glued = false;
            }
            word => {
                paths.push(std::mem::take(&mut path));
                path.extend(is_identifier(word).then(|| word.to_owned()));
                glued = false;
            }
        }
    }
    paths.push(path);
    paths.retain(|path| path.len() > 1);
    paths
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Identifiers, `::`, and everything else as words of one character; literals left out.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            string_length(rest)
        } else if is_identifier(rest) {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        rest = after;
        if first == '"' {
            words.push("literal\"".to_owned());
        } else if !first.is_whitespace() {
            words.push(word.to_owned());
        }
    }
    words
}

/// The length in bytes of the string literal at the start of a text, its quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Every source file: its path relative to `src`, and its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(!files.is_empty(), "there is no source to read");
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let relative = file.strip_prefix(&root).expect("found below src").to_string_lossy().into_owned();
            (relative, fs::read_to_string(&file).expect("a source file"))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry of a source folder").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .expect("a folder of migrations")
        .map(|entry| entry.expect("an entry of a folder of migrations").file_name().to_string_lossy().into_owned())
        .collect()
}

/// The reader itself: what it must see, and what it must leave alone.
mod reader {
    use super::problems_in;

    #[track_caller]
    fn refused(path: &str, text: &str, part: &str) {
        let problems = problems_in(path, text);
        assert!(problems.iter().any(|problem| problem.contains(part)), "`{text}` in {path} gave {problems:?}");
    }

    #[track_caller]
    fn allowed(path: &str, text: &str) {
        assert_eq!(problems_in(path, text), Vec::<String>::new(), "`{text}` in {path}");
    }

    #[test]
    fn a_forbidden_edge_is_seen_however_it_is_written() {
        let part = "`domain` may not name `store`";
        refused("domain/code.rs", "use crate::store::Store;", part);
        refused("domain/code.rs", "use crate::{clock::Clock, store::{self, Db}};", part);
        refused("domain/code.rs", "fn f() { crate::store::open(); }", part);
        refused("domain/code.rs", "fn f(db: &crate::store::Db) {}", part);
        refused("domain/code.rs", "use super::super::store::Db;", part);
        refused("domain/mod.rs", "use super::store;", part);
        refused("domain/code.rs", "mod tests { use super::super::super::store::Db; }", part);
        refused("domain/code.rs", "fn f() { assert!(matches!(x, crate::store::Error::Failed)); }", part);
        refused("domain/code.rs", "#[serde(with = \"x\", bound(crate::store::Db))] struct S;", part);
        refused("domain/code.rs", "use crate as root; fn f() { root::store::open(); }", part);
    }

    #[test]
    fn slices_never_name_each_other_and_only_oauth_names_its_engine() {
        refused("oauth/consent.rs", "use crate::oidc::userinfo;", "`oauth` may not name `oidc`");
        refused("account/login.rs", "use crate::oauth::engine::exchange;", "`account` may not name `oauth/engine`");
        refused("oauth/engine/mod.rs", "use super::token;", "`oauth/engine` may not name `oauth`");
        allowed("oauth/token/code.rs", "use super::super::engine::exchange;");
        allowed("oauth/token/code.rs", "use crate::oauth::engine; fn f() { engine::exchange(); }");
    }

    #[test]
    fn services_name_each_other_only_downward() {
        allowed("tokens/id_token.rs", "use crate::sessions::Session;");
        refused("sessions/mod.rs", "use crate::tokens::IdToken;", "`sessions` may not name `tokens`");
    }

    #[test]
    fn what_stands_at_the_root_belongs_to_no_room() {
        refused("web/forms.rs", "use crate::Everything;", "which no room owns");
        refused("web/forms.rs", "use crate::*;", "which no room owns");
        refused("utils.rs", "", "not in the table of rooms");
    }

    #[test]
    fn an_external_crate_stays_in_its_room() {
        refused("keys/mod.rs", "use diesel::prelude::*;", "belongs to store");
        refused("keys/mod.rs", "#[derive(diesel::Queryable)] struct Row;", "belongs to store");
        refused("tokens/id_token.rs", "fn f() { jsonwebtoken::encode(); }", "belongs to keys");
        refused("oauth/token/code.rs", "use oxide_auth::code_grant;", "belongs to oauth/engine");
        refused("oauth/engine/mod.rs", "use actix_web::web;", "may not use `actix_web`");
        refused("cli/serve.rs", "extern crate diesel;", "belongs to store");
        allowed("store/codes.rs", "use diesel::prelude::*;");
        allowed("web/forms.rs", "use crate::settings::config; fn f() { config::read(); }");
    }

    #[test]
    fn time_is_read_only_by_the_clock() {
        refused("web/forms.rs", "use std::time::{Duration, SystemTime};", "belongs to clock");
        refused("web/forms.rs", "use std::time::Instant; fn f() { Instant::now(); }", "belongs to clock");
        refused("web/forms.rs", "fn f() { vec![std::time::Instant::now()]; }", "belongs to clock");
        allowed("clock.rs", "use std::time::SystemTime;");
        allowed("web/forms.rs", "use std::time::Duration;");
    }

    #[test]
    fn what_is_allowed_is_left_alone() {
        allowed("domain/code.rs", "use super::grant::Grant; use crate::domain::pkce; use self::inner::X; mod inner {}");
        allowed("app.rs", "use crate::{routes, store::Store, oauth};");
        allowed("main.rs", "fn main() { authward::cli::run(); }");
        allowed("lib.rs", "pub mod app; pub use crate::domain::Client;");
        allowed("domain/code.rs", "fn f() { println!(\"crate::store::Db\"); } pub(in crate::oauth) struct S;");
    }
}
