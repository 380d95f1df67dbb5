//! `authward completion SHELL`

use super::{Cli, Failure, output};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Print the completion of a shell.
///
/// For bash: authward completion bash > /etc/bash_completion.d/authward. For zsh, into a file _authward in a folder of
/// $fpath; for fish, into ~/.config/fish/completions/authward.fish.
#[derive(Debug, Args)]
pub(super) struct Completion {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "authward", &mut script);
        output::print(&String::from_utf8_lossy(&script))
    }
}
