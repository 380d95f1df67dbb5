//! `accounts.*`: accounts and their passwords.

use super::cores;
use super::reader::Reader;

/// The most memory times iterations, in KiB; stored hashes of more are not verified.
const MOST_WORK: u64 = 4_194_304;

/// `accounts.*`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts {
    /// Whether people may make accounts for themselves.
    pub sign_up: bool,
    /// How passwords are stretched.
    pub passwords: PasswordHashing,
}

/// `accounts.passwords.*`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordHashing {
    /// Threads that compute password hashes, at least 1.
    pub threads: usize,
    /// Work that may wait for them.
    pub queue: usize,
    /// argon2id memory in KiB.
    pub memory: u32,
    /// argon2id iterations.
    pub iterations: u32,
    /// argon2id lanes.
    pub parallelism: u32,
}

impl Accounts {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self { sign_up: reader.flag("accounts.sign_up"), passwords: PasswordHashing::read(reader) }
    }
}

impl PasswordHashing {
    fn read(reader: &mut Reader) -> Self {
        let mut figure = |key, least, most| {
            u32::try_from(reader.number(key, least..=most)).expect("the bounds are those of 32 bits")
        };
        let hashing = Self {
            memory: figure("accounts.passwords.memory", 7168, 1_048_576),
            iterations: figure("accounts.passwords.iterations", 1, 16),
            parallelism: figure("accounts.passwords.parallelism", 1, 16),
            threads: reader.count_or("accounts.passwords.threads", 64, cores()),
            queue: reader.count("accounts.passwords.queue", 1..=4096),
        };
        if u64::from(hashing.memory) * u64::from(hashing.iterations) > MOST_WORK {
            let what = "memory times accounts.passwords.iterations is more than 4194304 KiB, some seconds of a core";
            reader.object("accounts.passwords.memory", what);
        }
        hashing
    }
}
