//! The command line: what `authward` is asked to do, one file a command.
//!
//! Standard output carries what was asked for, standard error what went wrong, in plain sentences. The exit status is 0
//! when it is done, 1 when the work failed, 2 when arguments or configuration are unusable, and 3 when `apply --check`
//! finds a difference.

pub mod apply;
mod apply_command;
mod audit;
mod backup;
mod client;
mod completion;
mod doctor;
mod explain;
mod export;
mod keys;
pub mod logging;
mod migrate;
mod open;
mod output;
pub mod progress;
mod serve;
mod typed;
mod usage;
mod user;

use crate::clock::Clock;
use crate::domain::audit::By;
use crate::domain::time::Timestamp;
use crate::entropy::Entropy;
use crate::settings::{Inputs, Settings};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A standalone OAuth 2 and OpenID Connect authorization server with PKCE.
///
/// Without configuration, "authward serve" starts on http://127.0.0.1:8080 with an embedded database under ./data.
/// Settings are read from config/default.toml, config/local.toml (or the file named by --config or AUTHWARD_CONFIG), a
/// .env file and environment variables AUTHWARD__SECTION__KEY; later ones win.
#[derive(Debug, Parser)]
#[command(name = "authward", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Cli {
    /// A configuration file to read instead of config/local.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "Exit status: 0 done; 1 the work failed; 2 unusable arguments or configuration; 3 apply --check found a difference.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until SIGTERM or SIGINT.
    ///
    /// An embedded database is made and migrated; with PostgreSQL and MySQL the schema must be current, unless
    /// database.migrate_on_start is true.
    Serve,
    /// Bring the database schema up to date.
    ///
    /// Safe to run from several nodes at once. An embedded database is made if it is missing.
    Migrate,
    Apply(apply_command::Apply),
    Export(export::Export),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    User(user::User),
    #[command(subcommand)]
    Client(client::Client),
    Audit(audit::Audit),
    Explain(explain::Explain),
    Usage(usage::Usage),
    Backup(backup::Backup),
    Doctor(doctor::Doctor),
    Completion(completion::Completion),
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
enum Failure {
    /// Arguments or configuration: exit status 2.
    Unusable(String),
    /// The work: exit status 1.
    Work(String),
    /// `apply --check` found a difference, which is already printed: exit status 3.
    Drift,
    /// `doctor` found something that failed, which is already printed: exit status 1.
    Found,
}

impl Failure {
    /// The work failed, for this reason.
    fn work(reason: impl std::fmt::Display) -> Self {
        Self::Work(reason.to_string())
    }
}

/// What every command is given.
struct Context {
    settings: Settings,
    clock: Clock,
    entropy: Entropy,
}

impl Context {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who acts, for the audit: an operator by this command.
    fn by(&self, command: &str) -> By {
        By::command(command, self.now())
    }
}

/// Reads the arguments of this process and does what they ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Drift) => ExitCode::from(3),
        Err(Failure::Found) => ExitCode::from(1),
        Err(Failure::Work(reason)) => {
            output::complain(&reason);
            ExitCode::from(1)
        }
        Err(Failure::Unusable(reason)) => {
            output::complain(&reason);
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let settings = match (Settings::load(&Inputs::of_process(cli.config)), &cli.command) {
        (_, Command::Completion(command)) => return command.run(),
        (Ok(settings), _) => settings,
        (Err(error), Command::Doctor(command)) => return command.report_unusable(&error),
        (Err(error), _) => return Err(Failure::Unusable(error.to_string())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::work)?;
    let context = Context { settings, clock: Clock::System, entropy: Entropy::Os };
    runtime.block_on(async move {
        match cli.command {
            Command::Serve => serve::run(context).await,
            Command::Migrate => migrate::run(&context).await,
            Command::Apply(command) => command.run(&context).await,
            Command::Export(command) => command.run(&context).await,
            Command::Keys(command) => command.run(&context).await,
            Command::User(command) => command.run(&context).await,
            Command::Client(command) => command.run(&context).await,
            Command::Audit(command) => command.run(&context).await,
            Command::Explain(command) => command.run(&context).await,
            Command::Usage(command) => command.run(&context).await,
            Command::Backup(command) => command.run(&context).await,
            Command::Doctor(command) => command.run(&context).await,
            Command::Completion(command) => command.run(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_has_help() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            command.get_subcommands().for_each(|below| check(below, &path));
        }
        check(&Cli::command(), "");
    }
}
