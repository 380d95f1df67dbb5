//! `authward apply FILE`: one document of users, clients, resources, scopes and registration is made true.
//!
//! The document is read whole, and everything that is wrong with it is reported at once with file, line and field. Then
//! it is compared with what is stored, expensive hashes are computed, and all changes are made in one transaction, which
//! first looks again whether what it compared with still stands. Applying a document twice changes nothing the second time:
//! a password or secret in clear is verified against the stored hash before anything is hashed.
//!
//! Users are found by user name, clients by `client_id`. What the document does not mention is left alone, or removed
//! where that is ordered; so are fields of a user that it does not name. A client is wholly what the document says, with
//! the registered defaults, but for its secret: without one the stored one stays.

mod change;
pub mod describe;
mod document;
pub mod export;
mod plan;
mod secrets;
mod tree;
mod yaml;

pub use change::{Change, FieldChange, HIDDEN, Kind, Verb};
pub use tree::LARGEST;

use crate::cli::progress::Progress;
use crate::clients::metadata::{FieldError, Rules};
use crate::domain::audit::By;
use crate::domain::time::Timestamp;
use crate::entropy::Entropy;
use crate::keys::SecretSeal;
use crate::passwords::{Passwords, PasswordsError};
use crate::settings::Settings;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use tree::{Notation, Tree};

/// How often a plan is made anew because somebody else changed what it rests on.
const MOST_ATTEMPTS: usize = 3;

/// What applying needs.
#[derive(Debug, Clone)]
pub struct Applier {
    /// Where it is stored.
    pub store: Store,
    /// For passwords and chosen client secrets.
    pub passwords: Passwords,
    /// Who applies, for the audit.
    pub by: By,
    /// For identifiers.
    pub entropy: Entropy,
    /// What clients may say.
    pub rules: Rules,
    /// Where long work is shown.
    pub progress: Progress,
    /// What seals the secrets of clients that sign with them.
    pub seal: SealSource,
}

/// Where the seal comes from. The master key is asked for only where a client needs it, because a set-up without such
/// clients needs none.
#[derive(Clone)]
pub struct SealSource(Arc<dyn Fn() -> Result<SecretSeal, String> + Send + Sync>);

impl SealSource {
    /// Calls this where a seal is needed.
    pub fn new(open: impl Fn() -> Result<SecretSeal, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    fn open(&self) -> Result<SecretSeal, String> {
        (self.0)()
    }
}

impl std::fmt::Debug for SealSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealSource(..)")
    }
}

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Whether to change anything.
    pub mode: Mode,
    /// Whether what the document lacks is removed.
    pub prunes: bool,
}

/// Whether to change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make the document true.
    Apply,
    /// Say what would change.
    Check,
}

/// What was changed, or would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// One for each entry, in the order of the document; then what is removed.
    pub changes: Vec<Change>,
    /// What is allowed but should be known, with its place.
    pub notes: Vec<Placed>,
}

impl Report {
    /// Whether anything differs from what was stored.
    pub fn differs(&self) -> bool {
        self.changes.iter().any(|change| change.change != Verb::Unchanged)
    }
}

/// Something about a place of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line}: {text}")]
pub struct Placed {
    /// The file as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// `clients[1].redirect_uris[0]: …`
    pub text: String,
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The document is wrong: everything that is, in its order.
    #[error("{}", lines(.0))]
    Document(Vec<Placed>),
    /// What is stored was changed by somebody else, again and again.
    #[error("what is stored changed meanwhile; nothing was applied; try again")]
    Busy,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
}

fn lines(errors: &[Placed]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Applier {
    /// The rules of an operator under these settings.
    pub fn rules(settings: &Settings) -> Rules {
        Rules::of_operator(settings)
    }

    /// Applies the document `text` of the file `name`, whose ending says how it is written.
    ///
    /// # Errors
    /// [`ApplyError`]; then nothing was changed.
    pub async fn apply(&self, name: &str, text: &str, order: Order, now: Timestamp) -> Result<Report, ApplyError> {
        let tree = Tree::parse(text, Notation::of(name)).map_err(|malformed| {
            ApplyError::Document(vec![Placed { file: name.to_owned(), line: malformed.line, text: malformed.what }])
        })?;
        let place = |errors: Vec<FieldError>| placed(name, &tree, errors);
        let document = document::read(&tree, &self.rules, now).map_err(|errors| ApplyError::Document(place(errors)))?;
        for _ in 0..MOST_ATTEMPTS {
            let plan = match plan::make(self, &document, order, now).await? {
                Ok(plan) => plan,
                Err(errors) => return Err(ApplyError::Document(place(errors))),
            };
            let report = Report { changes: plan.changes(), notes: place(document.notes.clone()) };
            if order.mode == Mode::Check || !report.differs() {
                return Ok(report);
            }
            match plan::carry_out(&self.store, plan, &self.by.at(now)).await? {
                plan::Outcome::Done => return Ok(report),
                plan::Outcome::Overtaken => {}
                plan::Outcome::Taken(error) => return Err(ApplyError::Document(place(vec![error]))),
            }
        }
        Err(ApplyError::Busy)
    }
}

fn placed(file: &str, tree: &Tree, errors: Vec<FieldError>) -> Vec<Placed> {
    let place = |error: FieldError| Placed {
        file: file.to_owned(),
        line: tree.line(&error.field),
        text: if error.field.is_empty() { error.what } else { error.to_string() },
    };
    let mut placed: Vec<Placed> = errors.into_iter().map(place).collect();
    placed.sort_by_key(|placed| placed.line);
    placed
}

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
