//! `authward doctor`: looks at everything that an operator can get wrong, changes nothing, and says what to mend.
//!
//! Each look is a function that gives findings: what is so, why it matters, what to do. What can be seen from values alone
//! (`configuration.rs`, `exceptions.rs`, parts of `keys.rs` and `tls.rs`) is pure.

mod configuration;
mod database;
mod exceptions;
mod fetch;
mod issuer;
mod keys;
mod logouts;
mod tls;

use super::output::{self, Format, visible};
use super::{Context, Failure};
use crate::settings::SettingsError;
use clap::Args;
use serde::Serialize;

/// Look at configuration, database, clock, keys, TLS and issuer, and say what to mend.
///
/// Nothing is changed, and nothing is made that is missing. Each finding says what is so, why it matters and what to do.
/// The exit status is 0 when nothing failed, warnings or not, and 1 otherwise.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// How the findings are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// It works, and should be looked at.
    Warn,
    /// It does not work, or opens something.
    Fail,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    area: &'static str,
    level: Level,
    what: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    why: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    mend: String,
}

impl Finding {
    fn ok(area: &'static str, what: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, what: what.into(), why: "", mend: String::new() }
    }

    fn warn(area: &'static str, what: impl Into<String>, why: &'static str, mend: impl Into<String>) -> Self {
        Self { area, level: Level::Warn, what: what.into(), why, mend: mend.into() }
    }

    fn fail(area: &'static str, what: impl Into<String>, why: &'static str, mend: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(area, what, why, mend) }
    }
}

#[derive(Serialize)]
struct Report {
    findings: Vec<Finding>,
    ok: usize,
    warnings: usize,
    failures: usize,
}

impl Doctor {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let mut findings = configuration::look(&context.settings);
        let database = database::look(context).await;
        findings.extend(database.findings);
        findings.extend(keys::look(context, database.store.as_ref()).await);
        findings.extend(exceptions::look(context, database.store.as_ref()).await);
        findings.extend(logouts::look(database.store.as_ref()).await);
        findings.extend(tls::look(context));
        findings.extend(issuer::look(context, database.store.as_ref()).await);
        self.print(findings)
    }

    /// The configuration cannot even be read: the rest cannot be looked at.
    pub(super) fn report_unusable(&self, error: &SettingsError) -> Result<(), Failure> {
        let finding = |problem: &crate::settings::Problem| {
            let why = "The server does not start with it, and nothing else could be looked at.";
            Finding::fail("configuration", problem.to_string(), why, "Every key stands in config/default.toml.")
        };
        self.print(error.0.iter().map(finding).collect())
    }

    fn print(&self, findings: Vec<Finding>) -> Result<(), Failure> {
        let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
        let (ok, warnings, failures) = (count(Level::Ok), count(Level::Warn), count(Level::Fail));
        match self.format {
            Format::Json => output::json(&Report { findings, ok, warnings, failures })?,
            Format::Table => {
                let lines: String = findings.iter().map(lines).collect();
                output::print(&format!("{lines}\n{ok} in order, {warnings} to look at, {failures} failed\n"))?;
            }
        }
        if failures > 0 { Err(Failure::Found) } else { Ok(()) }
    }
}

fn lines(finding: &Finding) -> String {
    let head = format!("{:4}  {:13}  {}\n", finding.level.as_str(), finding.area, visible(&finding.what));
    let more = |name: &str, text: &str| {
        if text.is_empty() { String::new() } else { format!("{:21}{name}: {}\n", "", visible(text)) }
    };
    head + &more("why", finding.why) + &more("do", &finding.mend)
}
