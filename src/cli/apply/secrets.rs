//! Which stored form of a password or client secret to keep: hashing is expensive, so what fits is not hashed again.

use crate::cli::progress::Progress;
use crate::domain::secret::Secret;
use crate::passwords::{Passwords, PasswordsError};
use tokio::task::JoinSet;

/// How many hashes are computed at the same time.
const AT_ONCE: usize = 16;

/// What is to be known about one secret.
#[derive(Debug)]
pub(super) enum Question {
    /// Nothing was said: keep what is stored.
    Keep(Option<String>),
    /// This form, unless what is stored was made of it since: its user signed in, or chose another password.
    Import(String, Option<String>),
    /// The stored form if it fits the secret, else a new one.
    Fit(Secret, Option<String>),
}

impl Question {
    const fn is_expensive(&self) -> bool {
        matches!(self, Self::Fit(..))
    }

    async fn settle(self, passwords: Passwords) -> Result<Option<String>, PasswordsError> {
        match self {
            Self::Keep(stored) => Ok(stored),
            Self::Import(hash, stored) => {
                let outgrown = stored.filter(|stored| passwords.has_outgrown(stored, &hash));
                Ok(outgrown.or(Some(hash)))
            }
            Self::Fit(secret, stored) => {
                let fits = match stored.clone() {
                    Some(stored) => passwords.verify(&secret, Some(stored)).await,
                    None => Ok(false),
                };
                match fits {
                    Ok(true) => Ok(stored),
                    Ok(false) | Err(PasswordsError::Stored(_)) => passwords.hash(&secret).await.map(Some),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// Settles all questions, some at a time, so that the password pool is used and never overrun.
pub(super) async fn settle_all(
    passwords: &Passwords,
    questions: Vec<Question>,
    progress: &Progress,
) -> Result<Vec<Option<String>>, PasswordsError> {
    let expensive = questions.iter().filter(|question| question.is_expensive()).count();
    progress.begin("Hashing passwords and secrets", expensive as u64);
    let outcome = settle(passwords, questions, progress).await;
    progress.end();
    outcome
}

async fn settle(
    passwords: &Passwords,
    questions: Vec<Question>,
    progress: &Progress,
) -> Result<Vec<Option<String>>, PasswordsError> {
    let mut answers: Vec<Option<String>> = std::iter::repeat_with(|| None).take(questions.len()).collect();
    let mut running = JoinSet::new();
    for (n, question) in questions.into_iter().enumerate() {
        if running.len() >= AT_ONCE {
            take_answer(&mut running, &mut answers).await?;
        }
        let (passwords, progress) = (passwords.clone(), progress.clone());
        running.spawn(async move {
            let is_expensive = question.is_expensive();
            let answer = question.settle(passwords).await;
            if is_expensive {
                progress.step();
            }
            (n, answer)
        });
    }
    while !running.is_empty() {
        take_answer(&mut running, &mut answers).await?;
    }
    Ok(answers)
}

type Answer = (usize, Result<Option<String>, PasswordsError>);

async fn take_answer(running: &mut JoinSet<Answer>, answers: &mut [Option<String>]) -> Result<(), PasswordsError> {
    if let Some(joined) = running.join_next().await {
        let (n, answer) = joined.map_err(|_| PasswordsError::Failed)?;
        answers[n] = answer?;
    }
    Ok(())
}
