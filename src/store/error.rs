//! What can go wrong in storage, in the four meanings that callers act on.

use super::dialect;
use std::cell::Cell;

/// A failure of the store. Absence is never an error. No text holds a URL, a password or a stored value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is full, busy beyond the wait, or its schema is not current. Trying again later
    /// may work; whether an interrupted write was kept is unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A unique value exists already.
    #[error("a unique value exists already")]
    Conflict,
    /// A stored row is no value of the domain.
    #[error("a stored row is impossible: {0}")]
    Corrupt(String),
    /// The statement itself is wrong, or the work panicked.
    #[error("the database refused: {0}")]
    Failed(String),
}

impl StoreError {
    /// For a column that holds what it cannot hold.
    pub(super) fn corrupt(place: &'static str) -> Self {
        Self::Corrupt(place.to_owned())
    }

    /// For a commit that failed, whatever the reason: nobody knows what was kept.
    pub(super) fn of_commit(self) -> Self {
        match self {
            Self::Unavailable(text) => Self::Unavailable(text),
            error => Self::Unavailable(format!("the commit failed: {error}")),
        }
    }
}

/// What failed statements mean to the transaction they were part of, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// No statement failed.
    None,
    /// A statement failed: on PostgreSQL the transaction keeps nothing any more.
    Statement,
    /// A deadlock or a serialization failure: the whole work may be done again.
    Again,
    /// The connection or the disk is gone: nothing of this connection can be trusted.
    Lost,
}

thread_local! {
    /// The worst trouble of the work that this database thread carries out. A thread-local value, because the work is
    /// other people's code between us and the statement, and may swallow the error.
    static TROUBLE: Cell<Trouble> = const { Cell::new(Trouble::None) };
}

/// Reads the trouble since the last reset and forgets it.
pub(super) fn take_trouble() -> Trouble {
    TROUBLE.replace(Trouble::None)
}

/// The trouble so far, to come back to when a savepoint undoes a failed statement.
pub(super) fn trouble() -> Trouble {
    TROUBLE.get()
}

/// Forgets a failed statement that a savepoint has undone; what is worse stays.
pub(super) fn forgive(before: Trouble) {
    if TROUBLE.get() == Trouble::Statement {
        TROUBLE.set(before);
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        let (trouble, meaning) = dialect::classify(&error);
        TROUBLE.set(TROUBLE.get().max(trouble));
        meaning
    }
}
