//! Secrets that a person types: from standard input, or at a terminal without showing them. Never from the command line,
//! where every process could read them.

use super::Failure;
use crate::domain::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 8192;

/// One line from standard input, up to its end. At a terminal it is asked for, not shown, and asked for again.
pub(super) fn read(what: &str) -> Result<Secret, Failure> {
    let unusable = |error: std::io::Error| Failure::Unusable(format!("the {what} cannot be read: {error}"));
    if !std::io::stdin().is_terminal() {
        return line().map_err(unusable);
    }
    let first = hidden_line(&format!("New {what}: ")).map_err(unusable)?;
    let second = hidden_line("The same again: ").map_err(unusable)?;
    if first == second { Ok(first) } else { Err(Failure::Unusable(format!("the two {what}s differ"))) }
}

fn line() -> std::io::Result<Secret> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LONGEST_LINE).read_line(&mut text);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let secret = Secret::new(line.strip_suffix('\r').unwrap_or(line));
    zeroize::Zeroize::zeroize(&mut text);
    read.map(|_| secret)
}

fn hidden_line(prompt: &str) -> std::io::Result<Secret> {
    let mut out = std::io::stderr().lock();
    write!(out, "{prompt}").and_then(|()| out.flush())?;
    let hidden = Hidden::begin()?;
    let secret = line();
    drop(hidden);
    writeln!(out)?;
    secret
}

/// What is typed is not shown as long as this lives.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nothing can be done for a terminal that is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
