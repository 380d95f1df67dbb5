//! Where settings are read, and in which order: each source becomes a list of dotted keys with their values and origins.

use super::Problem;
use config::{File, FileFormat, Map, Source, Value, ValueKind};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The text of the built-in defaults, and the list of all keys.
const DEFAULTS: &str = include_str!("../../config/default.toml");
/// How the variables of settings begin.
const PREFIX: &str = "AUTHWARD__";
/// The variable that names a configuration file.
const CONFIG_VARIABLE: &str = "AUTHWARD_CONFIG";
/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

static DEFAULT_VALUES: LazyLock<Values> = LazyLock::new(|| {
    let text = parse_toml(DEFAULTS).expect("config/default.toml is TOML: a test reads it");
    flatten(&text, "")
        .into_iter()
        .map(|(key, kind)| (key, Value::new(Some(&"built-in default".into()), kind)))
        .collect()
});

/// Values by dotted key, each with its origin.
pub(super) type Values = Map<String, Value>;

/// What the sources are read from: the process, or what a test gives.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The working directory, which the configuration files and `.env` are looked for in.
    pub directory: PathBuf,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// Environment variables.
    pub environment: Vec<(OsString, OsString)>,
}

impl Inputs {
    /// The working directory and environment of this process, and the file named by `--config`.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        Self { directory: PathBuf::new(), file, environment: std::env::vars_os().collect() }
    }
}

/// The built-in defaults.
pub(super) fn defaults() -> Values {
    DEFAULT_VALUES.clone()
}

/// Merges all sources, later ones over earlier ones. Unknown keys and unreadable sources are problems; what is known is
/// merged nevertheless, so that one run reports everything.
pub(super) fn merge(inputs: &Inputs) -> (Values, Vec<Problem>) {
    let mut problems = Vec::new();
    let dot_env = read_dot_env(&inputs.directory, &mut problems);
    let environment = read_environment(&inputs.environment, &mut problems);
    let named = inputs.file.clone().or_else(|| named_by(&inputs.environment, &dot_env));
    let mut layers = vec![Layer(defaults())];
    let default_file = inputs.directory.join("config/default.toml");
    layers.extend(read_file(&default_file, false, &mut problems));
    let (file, required) = match named {
        Some(file) => (inputs.directory.join(file), true),
        None => (inputs.directory.join("config/local.toml"), false),
    };
    layers.extend(read_file(&file, required, &mut problems));
    layers.push(from_variables(&dot_env, ".env, variable", &mut problems));
    layers.push(from_variables(&environment, "environment variable", &mut problems));
    let merged = layers.into_iter().fold(config::Config::builder(), |builder, layer| builder.add_source(layer)).build();
    match merged.and_then(|config| Source::collect(&config)) {
        Ok(tree) => {
            let mut values = Values::new();
            gather(tree, "", &mut values);
            (values, problems)
        }
        Err(error) => {
            problems.push(problem("configuration", error.to_string(), "all sources"));
            (defaults(), problems)
        }
    }
}

/// One source, already flat: dotted keys that are all known.
#[derive(Debug, Clone)]
struct Layer(Values);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn read_file(path: &Path, required: bool, problems: &mut Vec<Problem>) -> Option<Layer> {
    let name = path.display().to_string();
    let text = match read_bounded(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => return None,
        Err(error) => {
            problems.push(problem(&name, format!("the file cannot be read: {error}"), "configuration file"));
            return None;
        }
    };
    match parse_toml(&text) {
        Ok(tree) => {
            Some(known_only(flatten(&tree, "").into_iter().map(|(key, kind)| (key, kind, name.clone())), problems))
        }
        Err(what) => {
            problems.push(problem(&name, what, "configuration file"));
            None
        }
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
}

/// Parses TOML twice: once for an error without an excerpt of the line, which could hold a secret, and once into the
/// values of the `config` crate.
fn parse_toml(text: &str) -> Result<Map<String, Value>, String> {
    if let Err(error) = text.parse::<toml::Table>() {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        return Err(format!("line {}: it is not TOML: {}", before.matches('\n').count() + 1, error.message()));
    }
    File::from_str(text, FileFormat::Toml).collect().map_err(|error| format!("it is not TOML: {error}"))
}

/// Variables of settings as they stand in the process environment; a name or value that is not UTF-8 is a problem.
fn read_environment(environment: &[(OsString, OsString)], problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) {
            continue;
        }
        match value.to_str() {
            Some(value) => variables.push((name.into_owned(), value.to_owned())),
            None => problems.push(problem(
                &key_of(&name),
                "the value is not UTF-8",
                &format!("environment variable {name}"),
            )),
        }
    }
    variables.sort();
    variables
}

/// The variables of a `.env` file: `NAME=value` lines, also after `export`, `#` comment lines, a value as it stands or
/// between one pair of quotes. Nothing is interpolated.
fn read_dot_env(directory: &Path, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let path = directory.join(".env");
    let text = match read_bounded(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(problem(".env", format!("the file cannot be read: {error}"), "configuration file"));
            return Vec::new();
        }
    };
    let mut variables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("export ").unwrap_or(line).split_once('=') {
            Some((name, value)) => variables.push((name.trim().to_owned(), unquoted(value.trim()).to_owned())),
            None => {
                problems.push(problem(".env", format!("line {} is not NAME=value", number + 1), "configuration file"))
            }
        }
    }
    variables
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

fn named_by(environment: &[(OsString, OsString)], dot_env: &[(String, String)]) -> Option<PathBuf> {
    let process = environment.iter().find(|(name, _)| name == CONFIG_VARIABLE).map(|(_, value)| PathBuf::from(value));
    let dot_env = || dot_env.iter().rev().find(|(name, _)| name == CONFIG_VARIABLE).map(|(_, value)| value.into());
    process.or_else(dot_env).filter(|path| !path.as_os_str().is_empty())
}

fn from_variables(variables: &[(String, String)], origin: &str, problems: &mut Vec<Problem>) -> Layer {
    let settings = variables
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| (key_of(name), ValueKind::String(value.clone()), format!("{origin} {name}")));
    known_only(settings, problems)
}

fn key_of(variable: &str) -> String {
    variable[PREFIX.len()..].to_lowercase().replace("__", ".")
}

fn known_only(entries: impl Iterator<Item = (String, ValueKind, String)>, problems: &mut Vec<Problem>) -> Layer {
    let mut values = Values::new();
    for (key, kind, origin) in entries {
        if DEFAULT_VALUES.contains_key(&key) {
            values.insert(key, Value::new(Some(&origin), kind));
        } else {
            problems.push(problem(&key, unknown(&key), &origin));
        }
    }
    Layer(values)
}

fn unknown(key: &str) -> String {
    let group = format!("{key}.");
    let mut known: Vec<&str> = DEFAULT_VALUES.keys().map(String::as_str).collect();
    known.sort_unstable();
    if let Some(member) = known.iter().find(|known| known.starts_with(&group)) {
        return format!("this is a group of settings, such as {member}");
    }
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |known: &&&str| {
        let whole = strsim::damerau_levenshtein(key, known);
        whole.min(strsim::damerau_levenshtein(&last(key), &last(known)) + 2)
    };
    let nearest = known.iter().min_by_key(distance).expect("there are known keys");
    format!("there is no such setting; the nearest is {nearest}")
}

/// The leaves of a tree with their dotted keys, sorted.
fn flatten(tree: &Map<String, Value>, above: &str) -> Vec<(String, ValueKind)> {
    let mut leaves = Vec::new();
    for (name, value) in tree {
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match &value.kind {
            ValueKind::Table(below) => leaves.extend(flatten(below, &key)),
            kind => leaves.push((key, kind.clone())),
        }
    }
    leaves.sort_by(|a, b| a.0.cmp(&b.0));
    leaves
}

fn gather(tree: Map<String, Value>, above: &str, values: &mut Values) {
    for (name, value) in tree {
        let key = if above.is_empty() { name } else { format!("{above}.{name}") };
        match value.kind {
            ValueKind::Table(below) => gather(below, &key, values),
            _ => {
                values.insert(key, value);
            }
        }
    }
}

fn problem(key: &str, what: impl Into<String>, origin: &str) -> Problem {
    Problem { key: key.to_owned(), what: what.into(), origin: origin.to_owned() }
}
