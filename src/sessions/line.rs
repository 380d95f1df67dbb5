//! Attempts on the same account, or from the same source, stand in line where there are more of them than may fail.
//!
//! An attempt counts as a failure while it is looked at. Without a line, people who sign in at the same moment behind
//! one address, or one person in many tabs, would be held up by one another though all of them are right.
//! What else is bounded by whom it is for takes the places of a line directly ([`Lines::line`]).

use crate::domain::secret::TokenHash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long an attempt stands in line.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// From this number of lines on, those in which nobody stands are forgotten.
const MOST_LINES: usize = 1024;

/// Lines by what stands in them, on one node. Clones share them.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<HashMap<TokenHash, Arc<Semaphore>>>>);

/// The turn of an attempt. It ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Turn {
    _permits: Arc<[OwnedSemaphorePermit]>,
}

impl Lines {
    /// Waits for a turn in each of these lines, where so many may be at a time; `None` where it takes too long.
    /// Everybody names the lines in the same order, so nobody waits for ever.
    pub async fn stand(&self, lines: Vec<(TokenHash, u32)>) -> Option<Turn> {
        let all = async {
            let mut permits = Vec::with_capacity(lines.len());
            for (subject, at_once) in lines {
                permits.push(self.line(subject, at_once).acquire_owned().await.ok()?);
            }
            Some(Turn { _permits: permits.into() })
        };
        tokio::time::timeout(LONGEST_WAIT, all).await.ok().flatten()
    }

    /// The places of one line. Those in use are never forgotten.
    pub fn line(&self, subject: TokenHash, at_once: u32) -> Arc<Semaphore> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MOST_LINES {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let line = lines.entry(subject);
        Arc::clone(line.or_insert_with(|| Arc::new(Semaphore::new(at_once.max(1) as usize))))
    }
}
