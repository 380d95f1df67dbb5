//! `authward apply FILE`

use super::apply::{Applier, Change, FieldChange, Kind, LARGEST, Mode, Order, Report, SealSource, Verb};
use super::output::{self, Format};
use super::progress::Progress;
use super::{Context, Failure, open};
use crate::app;
use crate::keys::{MasterKey, SecretSeal};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::io::Read as _;

/// The longest value of a field that is shown to people, in characters; JSON has all of it.
const LONGEST_VALUE: usize = 160;

/// Make users, clients, resources, scopes and registration be as a document says.
///
/// The document is YAML, TOML (a file that ends in .toml) or JSON (.json). All or nothing: every error is reported with
/// file, line and field, and nothing is changed if there is one. Applying it again changes nothing. An embedded
/// database is made and migrated first.
///
/// What the document does not mention is left alone, unless --prune is given. Running servers see a change within
/// seconds.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The document; "-" reads YAML or JSON from standard input.
    file: String,
    /// Change nothing; print what would change, field by field, and exit with status 3 if anything would.
    #[arg(long)]
    check: bool,
    /// Also remove the clients, resources, scopes, users and the registration policy that the document lacks.
    ///
    /// What was issued to a removed client or user is revoked, and sessions end. Users are removed only where the
    /// document has a list of users, because people make accounts for themselves. Look first with --check.
    #[arg(long)]
    prune: bool,
    /// How the changes are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Summary<'a> {
    changes: &'a [Change],
    notes: Vec<String>,
}

impl Apply {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let text = self.read().map_err(|error| Failure::Unusable(format!("{} cannot be read: {error}", self.file)))?;
        let (store, _scratch) =
            if self.check { open::untouched_store(context).await? } else { (open::store(context).await?, None) };
        let applier = Applier {
            store,
            passwords: open::passwords(context)?,
            by: context.by("apply"),
            entropy: context.entropy.clone(),
            rules: Applier::rules(&context.settings),
            progress: Progress::on_terminal(),
            seal: self.seal(context),
        };
        let order = Order { mode: if self.check { Mode::Check } else { Mode::Apply }, prunes: self.prune };
        let report = applier.apply(&self.file, &text, order, context.now()).await;
        let report = report.map_err(|error| Failure::Work(format!("nothing was applied:\n{error}")))?;
        self.print(&report)?;
        if self.check && report.differs() { Err(Failure::Drift) } else { Ok(()) }
    }

    /// A check makes no master key: what it would seal is seen by nobody.
    fn seal(&self, context: &Context) -> SealSource {
        let (settings, entropy, is_check) = (context.settings.clone(), context.entropy.clone(), self.check);
        SealSource::new(move || {
            let keys = &settings.keys;
            let is_made = |path: &std::path::Path| path.exists();
            let is_missing = keys.may_make_master_key && !keys.master_key_file.as_deref().is_some_and(is_made);
            let master = if is_check && is_missing {
                MasterKey::generate(&entropy)
            } else {
                app::master_key(&settings, &entropy).map_err(|error| error.to_string())?
            };
            Ok(SecretSeal::new(master, entropy.clone()))
        })
    }

    fn read(&self) -> std::io::Result<String> {
        let mut text = String::new();
        let most = LARGEST as u64 + 1;
        if self.file == "-" {
            std::io::stdin().take(most).read_to_string(&mut text)?;
        } else {
            std::fs::File::open(&self.file)?.take(most).read_to_string(&mut text)?;
        }
        Ok(text)
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        for note in &report.notes {
            output::complain(&note.to_string());
        }
        if self.format == Format::Json {
            let notes = report.notes.iter().map(ToString::to_string).collect();
            return output::json(&Summary { changes: &report.changes, notes });
        }
        let lines: String = report.changes.iter().map(|change| lines(change, self.check)).collect();
        output::print(&format!("{lines}{}\n", summary(report, self.check)))
    }
}

/// `~ client backend`, and what differs: one line a field in a check, else the names of the fields.
fn lines(change: &Change, is_check: bool) -> String {
    let sign = match change.change {
        Verb::Created => '+',
        Verb::Changed => '~',
        Verb::Removed => '-',
        Verb::Unchanged => return String::new(),
    };
    let head = format!("{sign} {} {}", change.kind.as_str(), output::visible(&change.name));
    if is_check {
        let fields: String = change.fields.iter().filter_map(|field| field_line(field, change.change)).collect();
        return format!("{head}\n{fields}");
    }
    let names: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
    let names = if change.change == Verb::Changed { format!(" ({})", names.join(", ")) } else { String::new() };
    format!("{head}{names}\n")
}

/// `    roles: [] -> ["admin"]`; of something new, what it has beyond nothing.
fn field_line(change: &FieldChange, verb: Verb) -> Option<String> {
    let FieldChange { field, before, after } = change;
    if verb == Verb::Created {
        return after
            .as_ref()
            .filter(|value| !is_nothing(value))
            .map(|value| format!("    {field}: {}\n", shown(value)));
    }
    let text = match (before, after) {
        (Some(before), Some(after)) if before == after => "another secret".to_owned(),
        (before, after) => {
            let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "(nothing)".to_owned(), shown);
            format!("{} -> {}", side(before), side(after))
        }
    };
    Some(format!("    {field}: {text}\n"))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    let text = output::visible(&output::text_of(value));
    match text.char_indices().nth(LONGEST_VALUE) {
        None => text,
        Some((end, _)) => format!("{} …", &text[..end]),
    }
}

/// `users: 1 created, 2 unchanged; clients: 1 changed`
fn summary(report: &Report, is_check: bool) -> String {
    let count = |kind: Kind, verb: Verb| {
        report.changes.iter().filter(|change| change.kind == kind && change.change == verb).count()
    };
    let words = |(kind, plural): (Kind, &str)| {
        let verbs = [
            (Verb::Created, "created"),
            (Verb::Changed, "changed"),
            (Verb::Removed, "removed"),
            (Verb::Unchanged, "unchanged"),
        ];
        let words: Vec<String> = verbs
            .into_iter()
            .map(|(verb, word)| (count(kind, verb), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        (!words.is_empty()).then(|| format!("{plural}: {}", words.join(", ")))
    };
    let kinds: Vec<String> = Kind::ALL.into_iter().filter_map(words).collect();
    match (kinds.is_empty(), is_check) {
        (true, _) => "The document is empty.".to_owned(),
        (false, false) => kinds.join("; "),
        (false, true) => format!("{} (nothing was changed: this was a check)", kinds.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_shows_each_field_before_and_after_and_no_secret() {
        let field = |name: &str, before: Option<Value>, after: Option<Value>| FieldChange {
            field: name.to_owned(),
            before,
            after,
        };
        let change = Change {
            kind: Kind::Client,
            name: "backend".to_owned(),
            change: Verb::Changed,
            fields: vec![
                field("client_name", None, Some(json!("Back\u{1b}[2J"))),
                field("redirect_uris", Some(json!(["https://a.example/cb"])), Some(json!([]))),
                field("client_secret", Some(json!("(secret)")), Some(json!("(secret)"))),
                field("skip_consent", Some(json!(true)), None),
            ],
        };
        let expected = "~ client backend\n    client_name: (nothing) -> Back\\u{1b}[2J\n    redirect_uris: \
                        [\"https://a.example/cb\"] -> []\n    client_secret: another secret\n    skip_consent: true -> (nothing)\n";
        assert_eq!(lines(&change, true), expected);
        assert_eq!(
            lines(&change, false),
            "~ client backend (client_name, redirect_uris, client_secret, skip_consent)\n"
        );
        let created = Change { change: Verb::Created, ..change.clone() };
        assert_eq!(
            lines(&created, true),
            "+ client backend\n    client_name: Back\\u{1b}[2J\n    client_secret: (secret)\n"
        );
        let long = shown(&json!("x".repeat(1000)));
        assert_eq!(long.chars().count(), LONGEST_VALUE + 2);
    }
}
