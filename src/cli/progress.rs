//! A bar for work that takes long, on standard error and only where that is a terminal: a script sees nothing of it.

use crate::clock::Stopwatch;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Characters of the bar itself.
const WIDTH: u64 = 30;
/// The bar is drawn no more often than this, so that drawing costs nothing beside the work.
const PAUSE: Duration = Duration::from_millis(100);

/// Where progress is shown. Clones show the same bar.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Mutex<Option<Bar>>>>);

struct Bar {
    label: String,
    total: u64,
    done: u64,
    drawn: Option<Stopwatch>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}

impl Progress {
    /// A bar where standard error is a terminal, else nothing.
    pub fn on_terminal() -> Self {
        if std::io::stderr().is_terminal() { Self(Some(Arc::default())) } else { Self::silent() }
    }

    /// Nothing is shown.
    pub const fn silent() -> Self {
        Self(None)
    }

    /// Begins a piece of work of `total` steps; with 0 or 1 there is nothing to show.
    pub fn begin(&self, label: &str, total: u64) {
        let bar = (total > 1).then(|| Bar { label: label.to_owned(), total, done: 0, drawn: None });
        self.with(|shown| *shown = bar);
    }

    /// One step more is done.
    pub fn step(&self) {
        self.with(|shown| {
            if let Some(bar) = shown {
                let done = bar.done + 1;
                bar.reach(done, bar.total);
            }
        });
    }

    /// So many steps of so many are done.
    pub fn reach(&self, done: u64, total: u64) {
        self.with(|shown| {
            if let Some(bar) = shown {
                bar.reach(done, total);
            }
        });
    }

    /// The work is over: the bar is wiped away.
    pub fn end(&self) {
        self.with(|shown| {
            if shown.take().is_some_and(|bar| bar.drawn.is_some()) {
                draw("");
            }
        });
    }

    fn with(&self, change: impl FnOnce(&mut Option<Bar>)) {
        if let Some(shown) = &self.0 {
            change(&mut shown.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Bar {
    fn reach(&mut self, done: u64, total: u64) {
        (self.done, self.total) = (done, total);
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
            draw(&line(&self.label, self.done, self.total));
            self.drawn = Some(Stopwatch::start());
        }
    }
}

/// `Hashing passwords  [##########--------------------]  33 %  7 of 21`
fn line(label: &str, done: u64, total: u64) -> String {
    let (done, total) = (done.min(total), total.max(1));
    let filled = usize::try_from(done * WIDTH / total).unwrap_or_default();
    let bar = "#".repeat(filled) + &"-".repeat(WIDTH as usize - filled);
    format!("{label}  [{bar}] {:3} %  {done} of {total}", done * 100 / total)
}

/// Replaces the line of the cursor.
fn draw(line: &str) {
    let mut out = std::io::stderr().lock();
    // A bar that cannot be drawn is no reason to fail.
    let _ = write!(out, "\r\u{1b}[K{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_from_none_to_all_and_never_beyond() {
        for (done, total, expected) in [(0, 4, "0 %  0 of 4"), (3, 4, "75 %  3 of 4"), (9, 4, "100 %  4 of 4")] {
            let line = line("Work", done, total);
            assert!(line.ends_with(expected), "{line}");
            assert_eq!(line.matches(['#', '-']).count(), 30, "{line}");
        }
    }

    #[test]
    fn where_there_is_no_terminal_nothing_is_kept() {
        let silent = Progress::silent();
        silent.begin("Work", 10);
        silent.step();
        silent.end();
        assert!(silent.0.is_none());
    }
}
