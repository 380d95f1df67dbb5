//! Passwords: hashing and verifying on a small pool of threads of its own, and the policy for new ones (`policy`).
//!
//! A password hash is expensive on purpose: 19 MiB and some 40 ms of a core. The pool bounds both. What does not fit
//! its queue is refused at once, so that a flood of sign-ins can neither fill the memory nor hold up anything else.
//! Programs take turns, of which there are fewer than threads ([`Turn`]), so that people have room whatever programs
//! send. New hashes are argon2id with the configured cost, as PHC strings (`stretch`); stored ones may come from
//! elsewhere (`stored`) and carry their own cost, which is bounded before anything is computed.

pub mod policy;
mod pool;
mod stored;
mod stretch;

pub use policy::{Password, PasswordProblem};
pub use stored::{HashProblem, is_acceptable_hash};

use crate::domain::secret::Secret;
use crate::entropy::Entropy;
use crate::settings::PasswordHashing;
use pool::Pool;
use std::sync::Arc;
use stored::StoredHash;
use stretch::Cost;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    pool: Arc<Pool>,
    turns: Turns,
    cost: Cost,
    entropy: Entropy,
}

/// What programs may have of the pool.
#[derive(Clone)]
struct Turns {
    /// Half of the threads, but one at least.
    at_once: Arc<Semaphore>,
    /// These, and as many that wait for one as the queue has room for.
    in_all: Arc<Semaphore>,
}

/// A place of a program on the pool. It ends when its computation does, also when nobody waits for that any more.
#[derive(Debug)]
pub struct Turn {
    _at_once: OwnedSemaphorePermit,
    _in_all: OwnedSemaphorePermit,
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
        let at_once = (options.threads / 2).max(1);
        let turns = Turns {
            at_once: Arc::new(Semaphore::new(at_once)),
            in_all: Arc::new(Semaphore::new(at_once + options.queue)),
        };
        Ok(Self { pool: Arc::new(Pool::start(options.threads, options.queue)?), turns, cost, entropy })
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
    /// unknown user cannot be told from a wrong password by the time it takes. Nothing and a NUL are nobody's password,
    /// even where a hash from elsewhere says so.
    ///
    /// # Errors
    /// All of [`PasswordsError`].
    pub async fn verify(&self, password: &Secret, stored: Option<String>) -> Result<bool, PasswordsError> {
        self.compute(password, stored, ()).await.map(|(is_right, ())| is_right)
    }

    /// A turn of a program, for which it waits as others do.
    ///
    /// # Errors
    /// [`PasswordsError::Busy`] where too many wait already.
    pub async fn turn(&self) -> Result<Turn, PasswordsError> {
        let in_all = Arc::clone(&self.turns.in_all).try_acquire_owned().map_err(|_| PasswordsError::Busy)?;
        let at_once = Arc::clone(&self.turns.at_once).acquire_owned().await.map_err(|_| PasswordsError::Failed)?;
        Ok(Turn { _at_once: at_once, _in_all: in_all })
    }

    /// As [`Self::verify`], for a program that has a turn, which it gets back for as long as nobody else is to begin.
    ///
    /// # Errors
    /// All of [`PasswordsError`].
    pub async fn verify_in(
        &self,
        turn: Turn,
        password: &Secret,
        stored: Option<String>,
    ) -> Result<(bool, Turn), PasswordsError> {
        self.compute(password, stored, turn).await
    }

    /// `held` goes with the computation, and back with its outcome to whoever still waits for that.
    async fn compute<T: Send + 'static>(
        &self,
        password: &Secret,
        stored: Option<String>,
        held: T,
    ) -> Result<(bool, T), PasswordsError> {
        let (password, cost) = (password.clone(), self.cost);
        let is_one = !password.reveal().is_empty() && !password.reveal().contains('\0');
        self.pool
            .run(move |memory| {
                let is_right = match stored {
                    Some(stored) => {
                        let is_right = StoredHash::parse(&stored)?.verify(&password, memory);
                        memory.shrink_to(cost);
                        is_right.map(|is_right| is_right && is_one)
                    }
                    None => stretch::hash(&password, cost, [0; 16], memory).map(|_| false),
                };
                is_right.map(|is_right| (is_right, held))
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

    /// Whether a stored hash was made with another scheme or cost than new ones, and is to be replaced now that
    /// `password` was found right.
    pub fn needs_upgrade(&self, stored: &str, password: &Secret) -> bool {
        StoredHash::parse(stored).is_ok_and(|hash| !hash.has_cost(self.cost) && hash.proves_all_of(password))
    }

    /// Whether `stored` is better than `imported`, a hash from elsewhere: then it was made of it when its user signed
    /// in, or of a password that the user chose since.
    pub fn has_outgrown(&self, stored: &str, imported: &str) -> bool {
        let rank = |text: &str| match StoredHash::parse(text) {
            Ok(hash) if hash.has_cost(self.cost) => 2,
            Ok(hash) if hash.is_argon2id() => 1,
            _ => 0,
        };
        rank(stored) > rank(imported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

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

    async fn is_pending<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> bool {
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn programs_have_half_of_the_threads_and_a_bounded_queue() {
        let passwords = passwords();
        let first = passwords.turn().await.unwrap();
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(passwords.turn())).collect();
        for turn in &mut waiting {
            assert!(is_pending(turn).await);
        }
        assert!(matches!(passwords.turn().await, Err(PasswordsError::Busy)));
        assert_eq!(passwords.verify(&Secret::new("a person"), None).await, Ok(false), "people do not wait for turns");
        let (is_right, first) = passwords.verify_in(first, &Secret::new("a program"), None).await.unwrap();
        assert!(!is_right && is_pending(&mut waiting[0]).await);
        drop(first);
        let next = waiting.remove(0).await.unwrap();
        assert!(is_pending(&mut waiting[0]).await);
        drop(next);
        waiting.remove(0).await.unwrap();
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
        let password = Secret::new("correct-horse-battery");
        assert!(passwords.needs_upgrade(&stored, &password));
        assert!(!passwords.needs_upgrade(&passwords.hash(&password).await.unwrap(), &password));
    }

    #[tokio::test]
    async fn a_hash_from_elsewhere_verifies_and_is_to_be_replaced() {
        let stored = "$2b$04$Gw4plEnuQ6ZcAvDg0KAJN.SocUJKjA4eZjki0Ma4wM7pT0zvVSztW";
        let passwords = passwords();
        let password = Secret::new("correct-horse-battery");
        assert_eq!(passwords.verify(&password, Some(stored.to_owned())).await, Ok(true));
        assert!(passwords.needs_upgrade(stored, &password));
        let long = Secret::new("y".repeat(80));
        assert!(!passwords.needs_upgrade(stored, &long), "nobody knows what bcrypt did not look at");
    }

    #[tokio::test]
    async fn a_hash_is_outgrown_by_better_ones_only() {
        let passwords = passwords();
        let best = passwords.hash(&Secret::new("x")).await.unwrap();
        let (other, bcrypt) =
            (best.replace("m=64", "m=128"), "$2b$04$Gw4plEnuQ6ZcAvDg0KAJN.SocUJKjA4eZjki0Ma4wM7pT0zvVSztW");
        let ranked = [bcrypt, &other, &best];
        for (n, stored) in ranked.iter().enumerate() {
            for (m, imported) in ranked.iter().enumerate() {
                assert_eq!(passwords.has_outgrown(stored, imported), n > m, "{stored} {imported}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_and_a_nul_are_nobodys_password() {
        let passwords = passwords();
        for text in ["", "\0", "correct\0horse"] {
            let hash = passwords.hash(&Secret::new(text)).await.unwrap();
            assert_eq!(passwords.verify(&Secret::new(text), Some(hash)).await, Ok(false), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_stored_hash_that_cannot_be_used_is_an_error_and_not_a_wrong_password() {
        let other = "$6$saltsalt$hash".to_owned();
        let result = passwords().verify(&Secret::new("x"), Some(other)).await;
        assert!(matches!(result, Err(PasswordsError::Stored(HashProblem::Unsupported(_)))), "{result:?}");
    }
}
