//! An attempt to sign in with a user name and a password, by whatever way it comes.
//!
//! What is throttled is refused before any hash is computed, and what is not is counted before it ([`super::guard`]).
//! Unknown user, disabled user, no password and wrong password cost the same work and give the same answer.

use super::guard::{Admission, Guard, Source, Taken};
use super::line::Lines;
use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::user::{LoginName, User};
use crate::passwords::{Password, Passwords, PasswordsError};
use crate::settings::Login as LoginLimits;
use crate::store::{self, Store, StoreError};

/// The longest user name or address that is looked for, in bytes.
pub const LONGEST_NAME: usize = 254;

/// Who was meant by what somebody typed.
#[derive(Debug)]
pub struct Attempt {
    user: Option<User>,
    name: Option<LoginName>,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// The user, and what is to be told of the success ([`Taken::succeeded`]) or given back.
    Right(Box<User>, Taken),
    /// It is not theirs, or their account is not in use. That is counted.
    Wrong,
    /// Nothing was looked at: it must wait so many seconds.
    Wait(i64),
}

/// Why an attempt is neither right nor wrong.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked")]
    Busy,
    /// The database, or a hash in it that cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PasswordsError> for AttemptError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy => Self::Busy,
            other => Self::Store(StoreError::Failed(other.to_string())),
        }
    }
}

impl Attempt {
    /// Looks for the account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(store: &Store, typed: &str) -> Result<Self, StoreError> {
        let name = (typed.len() <= LONGEST_NAME).then(|| LoginName::parse(typed)).flatten();
        let user = match name.clone() {
            Some(name) => store.read(move |db| store::users::find_by_login(db, &name)).await?,
            None => None,
        };
        Ok(Self { user, name })
    }

    /// On an account that is known.
    pub const fn on(user: User) -> Self {
        Self { user: Some(user), name: None }
    }

    /// The account, whatever its password.
    pub fn user_id(&self) -> Option<&UserId> {
        self.user.as_ref().map(|user| &user.id)
    }

    /// The counters of this attempt.
    pub fn guard(&self, limits: LoginLimits, source: &Source) -> Guard {
        Guard::new(limits, self.user_id(), self.name.as_ref(), source)
    }

    /// Looks at the password when it is this attempt's turn, if it need not wait. One that could not be looked at is
    /// given back.
    ///
    /// # Errors
    /// [`AttemptError`].
    pub async fn make(
        &self,
        (store, passwords, lines): (&Store, &Passwords, &Lines),
        typed: &str,
        (guard, now): (Guard, Timestamp),
    ) -> Result<Outcome, AttemptError> {
        let turn = lines.stand(guard.lines()).await.ok_or(AttemptError::Busy)?;
        let taken = match guard.take(store, now).await? {
            Admission::Taken(taken) => taken.in_turn(turn),
            Admission::Wait(seconds) => return Ok(Outcome::Wait(seconds)),
        };
        match self.check((store, passwords), typed).await {
            Ok(Some(user)) => Ok(Outcome::Right(Box::new(user), taken)),
            Ok(None) => Ok(Outcome::Wrong),
            Err(error) => {
                store.write(move |db| taken.give_back(db)).await?;
                Err(error)
            }
        }
    }

    /// The user, if the password is theirs and their account is in use. A hash that is not as ours are today is
    /// replaced.
    async fn check(&self, (store, passwords): (&Store, &Passwords), typed: &str) -> Result<Option<User>, AttemptError> {
        let Ok(password) = Password::typed(typed) else { return Ok(None) };
        let stored = self.user.as_ref().and_then(|user| user.password_hash.clone());
        let is_right = passwords.verify(&password, stored.clone()).await?;
        let user = self.user.clone().filter(|user| is_right && stored.is_some() && user.disabled_at.is_none());
        if let (Some(user), Some(stored)) = (&user, stored)
            && passwords.needs_upgrade(&stored, &password)
        {
            upgrade((store, passwords), &user.id, stored, &password).await?;
        }
        Ok(user)
    }
}

/// A hash from elsewhere, or one with weaker parameters than today's, is replaced at the first right password, unless
/// the password was changed meanwhile.
async fn upgrade(
    (store, passwords): (&Store, &Passwords),
    user: &UserId,
    stored: String,
    password: &Secret,
) -> Result<(), AttemptError> {
    let hash = passwords.hash(password).await?;
    let user = user.clone();
    store.write(move |db| store::users::upgrade_password_hash(db, &user, &stored, &hash)).await?;
    Ok(())
}
