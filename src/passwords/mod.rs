//! Passwords: hashing and verifying on a small pool of threads of its own, and the policy for new ones (`policy`).
//!
//! A password hash is expensive on purpose: 19 MiB and some 40 ms of a core. The pool bounds both. What does not fit its
//! queue is refused at once, so that a flood of sign-ins can neither fill the memory nor hold up anything else. New hashes
//! are argon2id with the configured cost, as PHC strings; stored ones carry their own cost, which is bounded before
//! anything is computed.

pub mod policy;
mod pool;
mod stretch;

pub use policy::{Password, PasswordProblem};
pub use stretch::{HashProblem, is_acceptable_hash};

use crate::domain::secret::Secret;
use crate::entropy::Entropy;
use crate::settings::PasswordHashing;
use pool::Pool;
use std::sync::Arc;
use stretch::Cost;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    pool: Arc<Pool>,
    cost: Cost,
    entropy: Entropy,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("cost", &self.cost).finish_non_exhaustive()
    }
}

/// Why a password was neither hashed nor verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordsError {
    /// All threads are busy and the queue is full: answer 503 with `Retry-After`.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The stored hash cannot be used.
    #[error("the stored password hash cannot be used: {0}")]
    Stored(#[from] HashProblem),
    /// The computation failed: there is not enough memory, or the pool has stopped.
    #[error("the password hash could not be computed")]
    Failed,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// Those of the operating system when a thread cannot be started.
    pub fn new(options: &PasswordHashing, entropy: Entropy) -> std::io::Result<Self> {
        let cost = Cost::new(options.memory, options.iterations, options.parallelism);
        Ok(Self { pool: Arc::new(Pool::start(options.threads, options.queue)?), cost, entropy })
    }

    /// Hashes a password with a fresh salt: a PHC string.
    ///
    /// # Errors
    /// [`PasswordsError::Busy`] and [`PasswordsError::Failed`].
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordsError> {
        let (password, cost, salt) = (password.clone(), self.cost, self.entropy.bytes::<16>());
        self.pool.run(move |memory| stretch::hash(&password, cost, salt, memory)).await?
    }

    /// Whether `password` is the one that was hashed. Without a hash, the answer is no after the same work, so that an
    /// unknown user cannot be told from a wrong password by the time it takes.
    ///
    /// # Errors
    /// All of [`PasswordsError`].
    pub async fn verify(&self, password: &Secret, phc: Option<String>) -> Result<bool, PasswordsError> {
        let (password, cost) = (password.clone(), self.cost);
        self.pool
            .run(move |memory| match phc {
                Some(phc) => {
                    let is_right = stretch::verify(&password, &phc, memory);
                    memory.shrink_to(cost);
                    is_right
                }
                None => stretch::hash(&password, cost, [0; 16], memory).map(|_| false),
            })
            .await?
    }

    /// Everything that was computed since the start, as the sum of memory times iterations in KiB: what somebody with a
    /// stopwatch could see of it. Counted before an answer is given.
    pub fn work(&self) -> u64 {
        self.pool.work()
    }

    /// How many hashes wait to be computed.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    /// Whether a stored hash was made with another scheme or cost than new ones, and is to be replaced when its password
    /// is next seen.
    pub fn needs_upgrade(&self, phc: &str) -> bool {
        !stretch::has_cost(phc, self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        let options = PasswordHashing { threads: 2, queue: 4, memory: 64, iterations: 1, parallelism: 1 };
        Passwords::new(&options, Entropy::seeded(1)).unwrap()
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_and_no_other() {
        let passwords = passwords();
        let phc = passwords.hash(&Secret::new("correct-horse-battery")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{phc}");
        assert_eq!(is_acceptable_hash(&phc), Ok(()));
        let verify = async |password| passwords.verify(&Secret::new(password), Some(phc.clone())).await.unwrap();
        assert!(verify("correct-horse-battery").await);
        assert!(!verify("correct-horse-batter").await);
        assert!(!verify("correct-horse-battery\0").await);
        assert!(!passwords.verify(&Secret::new("correct-horse-battery"), None).await.unwrap());
    }

    /// OWASP ASVS §2.2: what cannot be told apart by its work cannot be told apart by time.
    #[tokio::test]
    async fn a_missing_hash_costs_what_a_stored_one_costs() {
        let passwords = passwords();
        let phc = passwords.hash(&Secret::new("correct-horse-battery")).await.unwrap();
        let cost_of = async |password, phc| {
            let before = passwords.work();
            passwords.verify(&Secret::new(password), phc).await.unwrap();
            passwords.work() - before
        };
        assert_eq!(cost_of("correct-horse-battery", Some(phc.clone())).await, 64);
        assert_eq!(cost_of("wrong", Some(phc)).await, 64);
        assert_eq!(cost_of("wrong", None).await, 64);
    }

    #[tokio::test]
    async fn a_hash_that_needs_more_memory_than_ours_leaves_none_behind() {
        let stored = {
            let options = PasswordHashing { threads: 1, queue: 4, memory: 256, iterations: 1, parallelism: 2 };
            let other = Passwords::new(&options, Entropy::seeded(2)).unwrap();
            other.hash(&Secret::new("correct-horse-battery")).await.unwrap()
        };
        let passwords = passwords();
        for _ in 0..3 {
            assert!(passwords.verify(&Secret::new("correct-horse-battery"), Some(stored.clone())).await.unwrap());
            let phc = passwords.hash(&Secret::new("another one")).await.unwrap();
            assert!(passwords.verify(&Secret::new("another one"), Some(phc)).await.unwrap());
        }
    }

    #[tokio::test]
    async fn equal_passwords_have_different_hashes() {
        let passwords = passwords();
        let one = passwords.hash(&Secret::new("correct-horse-battery")).await.unwrap();
        assert_ne!(one, passwords.hash(&Secret::new("correct-horse-battery")).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_verifies_and_is_to_be_replaced() {
        let stored = {
            let options = PasswordHashing { threads: 1, queue: 4, memory: 128, iterations: 2, parallelism: 1 };
            let other = Passwords::new(&options, Entropy::seeded(2)).unwrap();
            other.hash(&Secret::new("correct-horse-battery")).await.unwrap()
        };
        let passwords = passwords();
        assert!(passwords.verify(&Secret::new("correct-horse-battery"), Some(stored.clone())).await.unwrap());
        assert!(passwords.needs_upgrade(&stored) && passwords.needs_upgrade("rubbish"));
        assert!(!passwords.needs_upgrade(&passwords.hash(&Secret::new("x")).await.unwrap()));
    }

    #[tokio::test]
    async fn a_stored_hash_that_cannot_be_used_is_an_error_and_not_a_wrong_password() {
        let bcrypt = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned();
        let result = passwords().verify(&Secret::new("x"), Some(bcrypt)).await;
        assert!(matches!(result, Err(PasswordsError::Stored(HashProblem::Unsupported(_)))), "{result:?}");
    }
}
