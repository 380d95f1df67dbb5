//! argon2 and its stored form. Nothing here waits or chooses; costs of stored hashes are checked before they are paid.

use super::PasswordsError;
use crate::domain::secret::Secret;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

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

pub(super) fn hash(password: &Secret, cost: Cost, salt: [u8; 16]) -> Result<String, PasswordsError> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_password_with_salt(password.reveal().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordsError::Failed)
}

pub(super) fn verify(password: &Secret, phc: &str) -> Result<bool, PasswordsError> {
    let (hash, _) = parse(phc)?;
    match Argon2::default().verify_password(password.reveal().as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(PasswordsError::Failed),
    }
}

pub(super) fn has_cost(phc: &str, cost: Cost) -> bool {
    parse(phc).is_ok_and(|(hash, params)| {
        hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into())
            && (params.m_cost(), params.t_cost(), params.p_cost()) == (cost.memory, cost.iterations, cost.parallelism)
    })
}

fn parse(phc: &str) -> Result<(PasswordHash, Params), HashProblem> {
    if phc.len() > LONGEST || !phc.is_ascii() {
        return Err(HashProblem::Malformed);
    }
    let scheme = phc.strip_prefix('$').and_then(|rest| rest.split('$').next()).ok_or(HashProblem::Malformed)?;
    if Algorithm::new(scheme).is_err() {
        return Err(HashProblem::Unsupported(scheme.chars().take(32).collect()));
    }
    let hash = PasswordHash::new(phc).map_err(|_| HashProblem::Malformed)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(HashProblem::Malformed);
    }
    let params = Params::try_from(&hash).map_err(|_| HashProblem::Parameters)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MOST_MEMORY || params.p_cost() > MOST_LANES || work > MOST_WORK {
        return Err(HashProblem::Parameters);
    }
    Ok((hash, params))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(verify(&Secret::new("password"), phc), Ok(true));
        assert_eq!(verify(&Secret::new("Password"), phc), Ok(false));
    }
}
