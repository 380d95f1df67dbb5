//! argon2: our own hashes, and those of others. Nothing here waits or chooses; the costs of stored hashes are checked
//! before they are paid.

use super::PasswordsError;
use super::stored::HashProblem;
use crate::domain::secret::Secret;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::ConstantTimeEq as _;

/// The most memory a stored hash may ask for, in KiB.
const MOST_MEMORY: u32 = 1_048_576;
/// The most lanes.
const MOST_LANES: u32 = 16;
/// The most memory times iterations, in KiB: some five seconds of a core.
const MOST_WORK: u64 = 4 * 1_048_576;

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

/// A stored hash whose figures are within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Argon2Hash {
    /// Reads a hash whose scheme is one of argon2's.
    pub(super) fn parse(phc: &str) -> Result<Self, HashProblem> {
        const FORM: HashProblem = HashProblem::Malformed("$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH");
        const BOUNDS: HashProblem = HashProblem::Parameters(
            "memory of 8 to 1048576 KiB, at most 16 lanes, memory times iterations at most 4194304 KiB",
        );
        let phc = PasswordHash::new(phc).map_err(|_| FORM)?;
        let algorithm = Algorithm::new(phc.algorithm.as_str()).map_err(|_| FORM)?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else { return Err(FORM) };
        let params = Params::try_from(&phc).map_err(|_| BOUNDS)?;
        // The reference implementation wrote no version before there were two.
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(|_| BOUNDS)?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MOST_MEMORY || params.p_cost() > MOST_LANES || work > MOST_WORK {
            return Err(BOUNDS);
        }
        Ok(Self { algorithm, version, params, salt, hash })
    }

    pub(super) fn verify(&self, password: &Secret, memory: &mut Memory) -> Result<bool, PasswordsError> {
        let mut out = [0; Output::MAX_LENGTH];
        let out = &mut out[..self.hash.len()];
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        memory.fill(&argon2, password, self.salt.as_ref(), out)?;
        Ok(bool::from(self.hash.as_bytes().ct_eq(out)))
    }

    pub(super) fn is_argon2id(&self) -> bool {
        self.algorithm == Algorithm::Argon2id
    }

    /// Whether it is as a new one would be.
    pub(super) fn has_cost(&self, cost: Cost) -> bool {
        let params = &self.params;
        self.is_argon2id()
            && self.version == Version::V0x13
            && (params.m_cost(), params.t_cost(), params.p_cost()) == (cost.memory, cost.iterations, cost.parallelism)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";

    #[test]
    fn stored_hashes_are_bounded_before_they_are_computed() {
        let check = |head: &str| Argon2Hash::parse(&format!("{head}${TAIL}")).map(drop);
        assert_eq!(check("$argon2id$v=19$m=19456,t=2,p=1"), Ok(()));
        assert_eq!(check("$argon2i$v=19$m=65536,t=3,p=4"), Ok(()));
        for absurd in ["m=4194304,t=1,p=1", "m=65536,t=100000,p=1", "m=65536,t=1,p=200"] {
            assert!(matches!(check(&format!("$argon2id$v=19${absurd}")), Err(HashProblem::Parameters(_))), "{absurd}");
        }
    }

    /// RFC 9106 §5.3 gives the algorithm; these are from the reference implementation, the second from before versions.
    #[test]
    fn hashes_of_the_reference_implementation_verify() {
        for phc in [
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
        ] {
            let hash = Argon2Hash::parse(phc).unwrap();
            let verify = |text| hash.verify(&Secret::new(text), &mut Memory::counting(Arc::default()));
            assert_eq!((verify("password"), verify("Password")), (Ok(true), Ok(false)), "{phc}");
        }
    }
}
