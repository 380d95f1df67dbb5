//! `authward apply FILE`

use super::apply::{Applier, Difference, Kind, LARGEST, Mode, Report};
use super::output::{self, Format};
use super::{Context, Failure, open};
use clap::Args;
use serde::Serialize;
use std::io::Read as _;

/// Make users, clients, resources, scopes and registration be as a document says.
///
/// The document is YAML, TOML (a file that ends in .toml) or JSON (.json). All or nothing: every error is reported with
/// file, line and field, and nothing is changed if there is one. Applying it again changes nothing. An embedded
/// database is made and migrated first.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The document; "-" reads YAML or JSON from standard input.
    file: String,
    /// Change nothing; print what would change, and exit with status 3 if anything would.
    #[arg(long)]
    check: bool,
    /// How the summary is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Summary<'a> {
    changes: &'a [super::apply::Change],
    notes: Vec<String>,
}

impl Apply {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let text = self.read().map_err(|error| Failure::Unusable(format!("{} cannot be read: {error}", self.file)))?;
        let applier = Applier {
            store: open::store(context).await?,
            passwords: open::passwords(context)?,
            by: context.by("apply"),
            entropy: context.entropy.clone(),
            rules: Applier::rules(&context.settings),
        };
        let mode = if self.check { Mode::Check } else { Mode::Apply };
        let report = applier.apply(&self.file, &text, mode, context.now()).await;
        let report = report.map_err(|error| Failure::Work(format!("nothing was applied:\n{error}")))?;
        self.print(&report)?;
        if self.check && report.differs() { Err(Failure::Drift) } else { Ok(()) }
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
        let lines: String = report.changes.iter().filter_map(line).collect();
        output::print(&format!("{lines}{}\n", summary(report, self.check)))
    }
}

fn line(change: &super::apply::Change) -> Option<String> {
    let (kind, name) = (change.kind.as_str(), &change.name);
    match &change.difference {
        Difference::Created => Some(format!("+ {kind} {name}\n")),
        Difference::Changed(fields) => Some(format!("~ {kind} {name} ({})\n", fields.join(", "))),
        Difference::Unchanged => None,
    }
}

/// `users: 1 created, 2 unchanged; clients: 1 changed`
fn summary(report: &Report, is_check: bool) -> String {
    let count = |kind: Kind, is_wanted: fn(&Difference) -> bool| {
        report.changes.iter().filter(|change| change.kind == kind && is_wanted(&change.difference)).count()
    };
    let words = |(kind, plural): (Kind, &str)| {
        let counts = [
            (count(kind, |difference| *difference == Difference::Created), "created"),
            (count(kind, |difference| matches!(difference, Difference::Changed(_))), "changed"),
            (count(kind, |difference| *difference == Difference::Unchanged), "unchanged"),
        ];
        let words: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        (!words.is_empty()).then(|| format!("{plural}: {}", words.join(", ")))
    };
    let kinds: Vec<String> = Kind::ALL.into_iter().filter_map(words).collect();
    match (kinds.is_empty(), is_check) {
        (true, _) => "The document is empty.".to_owned(),
        (false, false) => kinds.join("; "),
        (false, true) => format!("{} (nothing was changed: this was a check)", kinds.join("; ")),
    }
}
