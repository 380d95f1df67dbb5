//! argon2 and its stored form. Nothing here waits or chooses; costs of stored hashes are checked before they are paid.

use super::PasswordsError;
use crate::domain::secret::Secret;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq as _;

/// The longest stored hash, in bytes.
const LONGEST: usize = 255;
/// The most memory a stored hash may ask for, in KiB.
const MOST_MEMORY: u32 = 1_048_576;
/// The most lanes.
const MOST_LANES: u32 = 16;
/// The most memory times iterations, in KiB: some five seconds of a core.
const MOST_WORK: u64 = 4 * 1_048_576;

/// Why a stored hash cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashProblem {
    /// Not `$scheme$parameters$salt$hash`.
    #[error("it is not a PHC string such as $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH")]
    Malformed,
    /// Another scheme.
    #[error("the scheme {0:?} is not supported; argon2id, argon2i and argon2d are")]
    Unsupported(String),
    /// Parameters that are absurd, or missing.
    #[error(
        "its parameters are missing or out of bounds: memory 8 to {MOST_MEMORY} KiB, at most {MOST_LANES} lanes, memory times iterations at most {MOST_WORK} KiB"
    )]
    Parameters,
}

/// Whether a hash from elsewhere can be stored and later verified.
///
/// # Errors
/// [`HashProblem`].
pub fn is_acceptable_hash(phc: &str) -> Result<(), HashProblem> {
    parse(phc).map(|_| ())
}

/// What a new hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    memory: u32,
    iterations: u32,
    parallelism: u32,
}

impl Cost {
    pub(super) const fn new(memory: u32, iterations: u32, parallelism: u32) -> Self {
        Self { memory, iterations, parallelism }
    }

    fn params(self) -> Result<Params, PasswordsError> {
        Params::new(self.memory, self.iterations, self.parallelism, None).map_err(|_| PasswordsError::Failed)
    }
}

/// The memory that a hash fills, kept from one to the next. It counts what is computed in it.
pub(super) struct Memory {
    blocks: Vec<Block>,
    work: Arc<AtomicU64>,
}

impl Memory {
    pub(super) const fn counting(work: Arc<AtomicU64>) -> Self {
        Self { blocks: Vec::new(), work }
    }

    /// The hash of `password`, as long as `out`. Whatever the memory held before is of no influence: each block is
    /// written before it is read (RFC 9106 §3.2).
    fn fill(
        &mut self,
        argon2: &Argon2<'_>,
        password: &Secret,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), PasswordsError> {
        let params = argon2.params();
        self.reserve(params.block_count())?;
        self.work.fetch_add(u64::from(params.m_cost()) * u64::from(params.t_cost()), Ordering::SeqCst);
        let done = argon2.hash_password_into_with_memory(password.reveal().as_bytes(), salt, out, &mut self.blocks);
        done.map_err(|_| PasswordsError::Failed)
    }

    fn reserve(&mut self, blocks: usize) -> Result<(), PasswordsError> {
        let missing = blocks.saturating_sub(self.blocks.len());
        self.blocks.try_reserve_exact(missing).map_err(|_| PasswordsError::Failed)?;
        self.blocks.resize(self.blocks.len() + missing, Block::new());
        Ok(())
    }

    /// Keeps no more than what new hashes need: a stored hash may have asked for a gigabyte.
    pub(super) fn shrink_to(&mut self, cost: Cost) {
        let most = cost.params().map_or(0, |params| params.block_count());
        if self.blocks.len() > most {
            self.blocks = Vec::new();
        }
    }
}

pub(super) fn hash(
    password: &Secret,
    cost: Cost,
    salt: [u8; 16],
    memory: &mut Memory,
) -> Result<String, PasswordsError> {
    let params = cost.params()?;
    let stored = ParamsString::try_from(&params).map_err(|_| PasswordsError::Failed)?;
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    memory.fill(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params), password, &salt, &mut out)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: stored,
        salt: Some(Salt::new(&salt).map_err(|_| PasswordsError::Failed)?),
        hash: Some(Output::new(&out).map_err(|_| PasswordsError::Failed)?),
    };
    Ok(phc.to_string())
}

pub(super) fn verify(password: &Secret, phc: &str, memory: &mut Memory) -> Result<bool, PasswordsError> {
    let stored = parse(phc)?;
    let mut out = [0; Output::MAX_LENGTH];
    let out = &mut out[..stored.hash.len()];
    let argon2 = Argon2::new(stored.algorithm, stored.version, stored.params);
    memory.fill(&argon2, password, stored.salt.as_ref(), out)?;
    Ok(bool::from(stored.hash.as_bytes().ct_eq(out)))
}

pub(super) fn has_cost(phc: &str, cost: Cost) -> bool {
    parse(phc).is_ok_and(|stored| {
        let params = &stored.params;
        stored.algorithm == Algorithm::Argon2id
            && stored.version == Version::V0x13
            && (params.m_cost(), params.t_cost(), params.p_cost()) == (cost.memory, cost.iterations, cost.parallelism)
    })
}

/// A stored hash whose figures are within bounds.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    hash: Output,
}

fn parse(phc: &str) -> Result<Stored, HashProblem> {
    if phc.len() > LONGEST || !phc.is_ascii() {
        return Err(HashProblem::Malformed);
    }
    let scheme = phc.strip_prefix('$').and_then(|rest| rest.split('$').next()).ok_or(HashProblem::Malformed)?;
    let Ok(algorithm) = Algorithm::new(scheme) else {
        return Err(HashProblem::Unsupported(scheme.chars().take(32).collect()));
    };
    let phc = PasswordHash::new(phc).map_err(|_| HashProblem::Malformed)?;
    let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else { return Err(HashProblem::Malformed) };
    let params = Params::try_from(&phc).map_err(|_| HashProblem::Parameters)?;
    let version = phc.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(|_| HashProblem::Parameters)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MOST_MEMORY || params.p_cost() > MOST_LANES || work > MOST_WORK {
        return Err(HashProblem::Parameters);
    }
    Ok(Stored { algorithm, version, params, salt, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory::counting(Arc::default())
    }

    const TAIL: &str = "c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";

    #[test]
    fn stored_hashes_are_bounded_before_they_are_computed() {
        let check = |head: &str| is_acceptable_hash(&format!("{head}${TAIL}"));
        assert_eq!(check("$argon2id$v=19$m=19456,t=2,p=1"), Ok(()));
        assert_eq!(check("$argon2i$v=19$m=65536,t=3,p=4"), Ok(()));
        assert_eq!(check("$argon2id$v=19$m=4194304,t=1,p=1"), Err(HashProblem::Parameters));
        assert_eq!(check("$argon2id$v=19$m=65536,t=100000,p=1"), Err(HashProblem::Parameters));
        assert_eq!(check("$argon2id$v=19$m=65536,t=1,p=200"), Err(HashProblem::Parameters));
        assert_eq!(check("$pbkdf2-sha256$i=600000"), Err(HashProblem::Unsupported("pbkdf2-sha256".into())));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for bad in
            ["", "hunter2", "$", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$$$", &format!("${}", "x".repeat(300))]
        {
            assert!(is_acceptable_hash(bad).is_err(), "{bad:?}");
        }
    }

    /// RFC 9106 §5.3 gives the algorithm; this value is from the reference implementation's command line.
    #[test]
    fn a_hash_of_the_reference_implementation_verifies() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(verify(&Secret::new("password"), phc, &mut memory()), Ok(true));
        assert_eq!(verify(&Secret::new("Password"), phc, &mut memory()), Ok(false));
    }
}
