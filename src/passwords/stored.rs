//! Password hashes as they are stored: ours, and those that were made elsewhere. Read and bounded here before anything is
//! computed; nothing waits.
//!
//! | written | by | made of |
//! |---|---|---|
//! | `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, also `argon2i`, `argon2d` | us, everybody | RFC 9106 |
//! | `$2a$12$…`, `$2b$`, `$2y$` | bcrypt libraries, `crypt` | bcrypt |
//! | `$pbkdf2-sha256$i=…,l=…$salt$hash`, also `pbkdf2-sha512`, `pbkdf2` (SHA-1) | PHC strings | RFC 8018 §5.2 |
//! | `$pbkdf2-sha256$29000$salt$hash`, also the other two | passlib, whose base64 has `.` for `+` | RFC 8018 §5.2 |
//! | `pbkdf2_sha256$600000$salt$hash`, also `pbkdf2_sha1` | Django, whose salt is the text itself | RFC 8018 §5.2 |
//! | `$scrypt$ln=…,r=…,p=…$salt$hash` | PHC strings, passlib | RFC 7914 |
//!
//! Weak parameters are taken: whoever comes from elsewhere brings what was used there, and the first right password
//! replaces it. Parameters that would cost a core or a memory are not.

use super::PasswordsError;
use super::stretch::{Argon2Hash, Cost, Memory};
use crate::domain::secret::Secret;
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::num::NonZeroU32;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The longest stored hash, in bytes.
const LONGEST: usize = 255;
/// bcrypt's logarithm of rounds: some five seconds of a core.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=16;
/// Of a password, bcrypt looks at 72 bytes, the last of which is a NUL where there is room.
const BCRYPT_BYTES: usize = 72;
/// The most iterations of PBKDF2: some five seconds of a core.
const MOST_ITERATIONS: u32 = 10_000_000;
/// scrypt's N times r times p: some three seconds of a core and 1 GiB.
const MOST_SCRYPT: u64 = 1 << 23;
/// The most scrypt's r and p may be each.
const MOST_SCRYPT_FACTOR: u32 = 64;
/// The bytes of a derived key.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// The bytes of a salt.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=64;

/// What other systems write is read with or without padding, and with stray bits in the last character, which some wrote.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);

/// Why a stored hash cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashProblem {
    /// Not of the form of its scheme, or of none.
    #[error("it is not of the form {0}")]
    Malformed(&'static str),
    /// Another scheme.
    #[error(
        "the scheme {0:?} is not supported; argon2id, argon2i, argon2d, bcrypt (2a, 2b, 2y), pbkdf2-sha256, pbkdf2-sha512, pbkdf2 and scrypt are"
    )]
    Unsupported(String),
    /// Parameters that are missing, absurd, or more than one password should cost.
    #[error("its parameters are missing or out of bounds: {0}")]
    Parameters(&'static str),
}

/// Whether a hash from elsewhere can be stored and later verified.
///
/// # Errors
/// [`HashProblem`].
pub fn is_acceptable_hash(text: &str) -> Result<(), HashProblem> {
    StoredHash::parse(text).map(drop)
}

/// A stored hash whose cost is bounded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StoredHash {
    Argon2(Box<Argon2Hash>),
    Bcrypt { cost: u32, salt: [u8; 16], key: [u8; 23] },
    Pbkdf2 { digest: Digest, iterations: NonZeroU32, salt: Vec<u8>, key: Vec<u8> },
    Scrypt { log_n: u8, r: u32, p: u32, salt: Vec<u8>, key: Vec<u8> },
}

/// The hash inside of PBKDF2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl StoredHash {
    /// Reads a stored hash.
    ///
    /// # Errors
    /// [`HashProblem`].
    pub(super) fn parse(text: &str) -> Result<Self, HashProblem> {
        const FORM: &str = "$argon2id$…, $2b$…, $pbkdf2-sha256$…, $scrypt$… or pbkdf2_sha256$…";
        if text.len() > LONGEST || !text.is_ascii() {
            return Err(HashProblem::Malformed(FORM));
        }
        match *text.split('$').collect::<Vec<_>>().as_slice() {
            ["", "argon2id" | "argon2i" | "argon2d", ..] => {
                Argon2Hash::parse(text).map(|hash| Self::Argon2(Box::new(hash)))
            }
            ["", "2a" | "2b" | "2y", ref rest @ ..] => bcrypt(rest),
            ["", "pbkdf2-sha256", ref rest @ ..] => pbkdf2(Digest::Sha256, rest),
            ["", "pbkdf2-sha512", ref rest @ ..] => pbkdf2(Digest::Sha512, rest),
            ["", "pbkdf2", ref rest @ ..] => pbkdf2(Digest::Sha1, rest),
            ["pbkdf2_sha256", ref rest @ ..] => django(Digest::Sha256, rest),
            ["pbkdf2_sha1", ref rest @ ..] => django(Digest::Sha1, rest),
            ["", "scrypt", ref rest @ ..] => scrypt(rest),
            ["", scheme, _, ..] if is_name(scheme) => Err(HashProblem::Unsupported(scheme.to_owned())),
            _ => Err(HashProblem::Malformed(FORM)),
        }
    }

    /// Whether `password` is the one that was hashed. Computes for as long as the parameters say.
    ///
    /// # Errors
    /// [`PasswordsError::Failed`].
    pub(super) fn verify(&self, password: &Secret, memory: &mut Memory) -> Result<bool, PasswordsError> {
        let bytes = password.reveal().as_bytes();
        match self {
            Self::Argon2(hash) => hash.verify(password, memory),
            Self::Bcrypt { cost, salt, key } => {
                // Longer passwords are cut as every bcrypt cuts them, so that the right one still signs in.
                let mut block = Zeroizing::new([0; BCRYPT_BYTES]);
                let length = bytes.len().min(BCRYPT_BYTES);
                block[..length].copy_from_slice(&bytes[..length]);
                let computed = bcrypt::bcrypt(*cost, *salt, &block[..(length + 1).min(BCRYPT_BYTES)]);
                Ok(computed[..key.len()].ct_eq(key).into())
            }
            Self::Pbkdf2 { digest, iterations, salt, key } => {
                let mut computed = vec![0; key.len()];
                pbkdf2::derive(digest.algorithm(), *iterations, salt, bytes, &mut computed);
                Ok(computed.ct_eq(key).into())
            }
            Self::Scrypt { log_n, r, p, salt, key } => {
                let params = scrypt::Params::new(*log_n, *r, *p).map_err(|_| PasswordsError::Failed)?;
                let mut computed = vec![0; key.len()];
                scrypt::scrypt(bytes, salt, &params, &mut computed).map_err(|_| PasswordsError::Failed)?;
                Ok(computed.ct_eq(key).into())
            }
        }
    }

    /// Whether it is as a new hash would be.
    pub(super) fn has_cost(&self, cost: Cost) -> bool {
        matches!(self, Self::Argon2(hash) if hash.has_cost(cost))
    }

    /// Whether it is argon2id, at whatever cost.
    pub(super) fn is_argon2id(&self) -> bool {
        matches!(self, Self::Argon2(hash) if hash.is_argon2id())
    }

    /// Whether a password that fits is proven whole. bcrypt looks at 72 bytes: of a longer password nobody knows the rest,
    /// and a hash of the whole would refuse the owner who once mistyped its end.
    pub(super) fn proves_all_of(&self, password: &Secret) -> bool {
        !matches!(self, Self::Bcrypt { .. }) || password.reveal().len() < BCRYPT_BYTES
    }
}

impl Digest {
    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// `12$` and 53 characters: 22 of salt, 31 of hash.
fn bcrypt(parts: &[&str]) -> Result<StoredHash, HashProblem> {
    const FORM: HashProblem = HashProblem::Malformed("$2b$12$ and 53 characters of ./A-Za-z0-9");
    let [cost, tail] = parts else { return Err(FORM) };
    let cost = number(cost).filter(|_| cost.len() == 2).ok_or(FORM)?;
    if !BCRYPT_COSTS.contains(&cost) {
        return Err(HashProblem::Parameters("a cost of 4 to 16"));
    }
    let (salt, key) = tail.split_at_checked(22).filter(|(_, key)| key.len() == 31).ok_or(FORM)?;
    let salt = BCRYPT.decode(salt).ok().and_then(|salt| salt.try_into().ok()).ok_or(FORM)?;
    let key = BCRYPT.decode(key).ok().and_then(|key| key.try_into().ok()).ok_or(FORM)?;
    Ok(StoredHash::Bcrypt { cost, salt, key })
}

/// The PHC string's parameters, or passlib's bare number of iterations.
fn pbkdf2(digest: Digest, parts: &[&str]) -> Result<StoredHash, HashProblem> {
    const FORM: HashProblem =
        HashProblem::Malformed("$pbkdf2-sha256$i=600000,l=32$SALT$HASH or $pbkdf2-sha256$600000$SALT$HASH");
    let [parameters, salt, key] = parts else { return Err(FORM) };
    let (salt, key) = (decode(salt).ok_or(FORM)?, decode(key).ok_or(FORM)?);
    let (iterations, length) = match number(parameters) {
        Some(iterations) => (Some(iterations), None),
        None => {
            let [iterations, length] = parameters_of(parameters, ["i", "l"]).ok_or(FORM)?;
            (iterations, length)
        }
    };
    if length.is_some_and(|length| usize::try_from(length) != Ok(key.len())) {
        return Err(HashProblem::Parameters("l, where it stands, is the length of the hash in bytes"));
    }
    bounded_pbkdf2(digest, iterations, salt, key)
}

/// Django's: the salt stands for itself.
fn django(digest: Digest, parts: &[&str]) -> Result<StoredHash, HashProblem> {
    const FORM: HashProblem = HashProblem::Malformed("pbkdf2_sha256$600000$SALT$HASH");
    let [iterations, salt, key] = parts else { return Err(FORM) };
    let key = decode(key).ok_or(FORM)?;
    bounded_pbkdf2(digest, number(iterations), salt.as_bytes().to_vec(), key)
}

fn bounded_pbkdf2(
    digest: Digest,
    iterations: Option<u32>,
    salt: Vec<u8>,
    key: Vec<u8>,
) -> Result<StoredHash, HashProblem> {
    let iterations = iterations.filter(|count| *count <= MOST_ITERATIONS).and_then(NonZeroU32::new);
    match iterations {
        Some(iterations) if fits(&salt, &key) => Ok(StoredHash::Pbkdf2 { digest, iterations, salt, key }),
        _ => {
            Err(HashProblem::Parameters("1 to 10000000 iterations, a salt of 1 to 64 bytes, a hash of 16 to 64 bytes"))
        }
    }
}

fn scrypt(parts: &[&str]) -> Result<StoredHash, HashProblem> {
    const FORM: HashProblem = HashProblem::Malformed("$scrypt$ln=17,r=8,p=1$SALT$HASH");
    const BOUNDS: HashProblem = HashProblem::Parameters(
        "ln, r and p from 1, N times r times p at most 2^23, a salt of 1 to 64 bytes, a hash of 16 to 64 bytes",
    );
    let [parameters, salt, key] = parts else { return Err(FORM) };
    let (salt, key) = (decode(salt).ok_or(FORM)?, decode(key).ok_or(FORM)?);
    let [Some(log_n), Some(r), Some(p)] = parameters_of(parameters, ["ln", "r", "p"]).ok_or(FORM)? else {
        return Err(BOUNDS);
    };
    let factors = 1..=MOST_SCRYPT_FACTOR;
    if !(1..=23).contains(&log_n) || !factors.contains(&r) || !factors.contains(&p) || !fits(&salt, &key) {
        return Err(BOUNDS);
    }
    let work = (1_u64 << log_n) * u64::from(r) * u64::from(p);
    match u8::try_from(log_n) {
        Ok(log_n) if work <= MOST_SCRYPT => Ok(StoredHash::Scrypt { log_n, r, p, salt, key }),
        _ => Err(BOUNDS),
    }
}

fn fits(salt: &[u8], key: &[u8]) -> bool {
    SALT_BYTES.contains(&salt.len()) && KEY_BYTES.contains(&key.len())
}

/// base64 of PHC strings, of Django, or of passlib, which has `.` for `+`.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.replace('.', "+")).ok()
}

/// The values of `a=1,b=2` in the order of `names`; `None` for anything else, other names and repeated ones.
fn parameters_of<const N: usize>(text: &str, names: [&str; N]) -> Option<[Option<u32>; N]> {
    let mut values = [None; N];
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let slot = &mut values[names.iter().position(|known| *known == name)?];
        if slot.replace(number(value)?).is_some() {
            return None;
        }
    }
    Some(values)
}

/// Decimal digits, no sign; a number that is too great for its type is the greatest, which every bound refuses.
fn number(text: &str) -> Option<u32> {
    let is_number = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

/// What a scheme may be called. Anything else is not repeated: it might be a password.
fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWORD: &str = "correct-horse-battery";
    const KOREAN: &str = "산토끼 토끼야";

    /// Made by argon2-cffi 23.1, bcrypt 4.0.1 (`2y` is the same as `2b` under PHP's name), passlib 1.7.4, Django 5.2 and
    /// Python's hashlib.
    const MADE_ELSEWHERE: [(&str, &str); 22] = [
        (PASSWORD, "$argon2i$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$dR+FcFtULsrrtePEDm+iuZWtMU5g67DrnBV+A1Yl0Qw"),
        (PASSWORD, "$argon2d$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$869DQMj+JfiHXECTLT6j0OyDyofuCmmC6FOUwWrC4zM"),
        (PASSWORD, "$argon2id$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$AGu9/m9lG7zBLVSWTImRJ++bLltmHoYIvs6b5Nd/1bU"),
        (PASSWORD, "$argon2i$v=16$m=512,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xgdlJhmE0dKPAuZcK2YvKg"),
        (PASSWORD, "$2a$04$dDurjj1HS42CDe.OmcUcA.psas9usjlsCQOzrjV0p7IRh5YWD4sCK"),
        (PASSWORD, "$2b$04$Gw4plEnuQ6ZcAvDg0KAJN.SocUJKjA4eZjki0Ma4wM7pT0zvVSztW"),
        (PASSWORD, "$2y$05$WklD3U4eoWnCOHc8IKdbF.QqoIOdo9FfupCEH7RLsXh51ED0wGgBG"),
        (KOREAN, "$2b$04$bmHk8EQ0kHwYoqg2D3Jt3e7FQqi53mOsXMhqNI4qSim/JBH1bM1ay"),
        (PASSWORD, "$pbkdf2-sha256$29000$vBcCYIxRyrkXorS29r6X8g$s32ghXVOzwLKcqOo4Ls/P9qOVMeWm2b7hKXEfuTGWaA"),
        (
            PASSWORD,
            "$pbkdf2-sha512$25000$9r63FsLYu3dOSWltjRFirA$Z3uroYqd.wpQ/5pZWQv6PwFV.JiyWXy4y53sjP2g7.tM4n7AmzrJO31Hkbuhu1fWWx98jkz32zWi7jD4DSkn0g",
        ),
        (PASSWORD, "$pbkdf2$131000$Xct5j5EyhvDem5MSYkyJ8Q$S8/wQZEa6QKI/hTIAvkxynN/uJA"),
        (KOREAN, "$pbkdf2-sha256$1000$ZYwxxlhr7b33XmvNuXcupQ$hQFbqwsAmsqmq/4BXc/ZUyUG5KzduYqYZrb9OXZYPCQ"),
        (PASSWORD, "$pbkdf2-sha256$i=600000,l=32$Q1gJd/4JzDrHRvqRaO1UZA$IEypT7PyL2X4CijPgvM5cCqwzy29J+tlB3MInsRxHwY"),
        (PASSWORD, "$pbkdf2-sha512$i=210000,l=32$NWfbAWsg8ZLa7wu1niCYDg$biWcZ6oCcnaXvbqRyn7C4P8otgJFnSHLiFA77L3BHxk"),
        (PASSWORD, "$pbkdf2$i=4096,l=20$xhMLhbkNfRxVs3+FD7fnTg$OdIPbqpHAJ8UScCtVOP6YZCkuwI"),
        (
            PASSWORD,
            "$pbkdf2-sha256$i=1000,l=64$Q1gJd/4JzDrHRvqRaO1UZA$zfOod0JiRz9tx18PdBDEsPTTLQVEiBBAkU5Pe6HRI/ZVFYHKUezxQLcTz3WgWiRv73w7ILzqZn1X3rq6py7jpw",
        ),
        (PASSWORD, "pbkdf2_sha256$1000000$seasalt2seasalt2seasal$JUcujr/TbhEhJlYD9uVX9O0qn2JMtqWb4m9uVOvowws="),
        (PASSWORD, "pbkdf2_sha256$1000$seasalt2$GTUSKVdVMxSOXxjHfgI7A5wruKZa9xXkXItLzCoX4H8="),
        (PASSWORD, "pbkdf2_sha1$1000$seasalt2$y720Sug8jDAMGDWbvJyMoKZiVig="),
        (PASSWORD, "$scrypt$ln=14,r=8,p=1$htBaK6XUuneu9X5vrZXSeg$AGcWUfMEscLHINOPx2FtpMVU8/JuqBDYu9Yoh8SR7XM"),
        (
            PASSWORD,
            "$scrypt$ln=10,r=8,p=16$U29kaXVtQ2hsb3JpZGU$/l2MPjIUNReWcx7eK4pbZ0I+Q+ro09Un8Q57q86CGn59uxXk011GvO/NK41CN7vceuXM4KSycdiu0qWPkhJYWA",
        ),
        (KOREAN, "$scrypt$ln=8,r=8,p=1$5/xfK2Xs/V+LcW6tlbKWkg$dVEbIuMHHIbZIvgyKaGKyIBe3TmF0SY2hxA9XNRmbuo"),
    ];

    fn memory() -> Memory {
        Memory::counting(std::sync::Arc::default())
    }

    fn verify(password: &str, hash: &str) -> bool {
        StoredHash::parse(hash).unwrap().verify(&Secret::new(password), &mut memory()).unwrap()
    }

    /// RFC 9106 §3.1, RFC 8018 §5.2, RFC 7914 §5
    #[test]
    fn hashes_of_other_software_verify_their_password_and_no_other() {
        for (password, hash) in MADE_ELSEWHERE {
            assert_eq!(is_acceptable_hash(hash), Ok(()), "{hash}");
            assert!(verify(password, hash), "{hash}");
            assert!(!verify(&password[..password.len() - 3], hash), "{hash}");
            assert!(!verify(&format!("{password}x"), hash), "{hash}");
            assert!(!verify("", hash), "{hash}");
        }
    }

    /// The bytes beyond 72 never counted where the hash was made, and the 72nd may be half of a character.
    #[test]
    fn a_password_that_bcrypt_has_cut_still_signs_in_and_is_not_believed_whole() {
        let crossing = format!("{}가tail", "x".repeat(71));
        let hash = "$2b$04$oxarXksWqEwKWsOLRV4/Hu0u4W9iEpT/WVIpNrC3Pg5v.vLJ3t/1S";
        assert!(verify(&crossing, hash) && verify(&crossing.replace("tail", "else"), hash));
        assert!(!verify(&crossing[..71], hash));
        let full = "$2b$04$hvNwEvI/0PLg9N/EPzgsg.q7Ooc/jWdjWTtLOS4f2UgodZxDDhcpa";
        assert!(verify(&"y".repeat(72), full) && verify(&"y".repeat(200), full) && !verify(&"y".repeat(71), full));
        let proves =
            |hash: &str, length| StoredHash::parse(hash).unwrap().proves_all_of(&Secret::new("y".repeat(length)));
        assert!(proves(full, 71) && !proves(full, 72) && !proves(full, 200));
        assert!(proves(MADE_ELSEWHERE[19].1, 200));
    }

    #[test]
    fn absurd_parameters_are_refused_before_anything_is_computed() {
        let (salt, key) = ("U29kaXVtQ2hsb3JpZGU", "IEypT7PyL2X4CijPgvM5cCqwzy29J+tlB3MInsRxHwY");
        for head in [
            "$argon2id$v=19$m=4294967295,t=1,p=1",
            "$argon2id$v=19$m=65536,t=4294967295,p=1",
            "$pbkdf2-sha256$i=4294967295",
            "$pbkdf2-sha256$i=99999999999999999999",
            "$pbkdf2-sha256$10000001",
            "$pbkdf2-sha256$0",
            "$pbkdf2-sha512$i=0,l=32",
            "$pbkdf2-sha512$l=32",
            "$pbkdf2$i=1000,l=64",
            "$scrypt$ln=63,r=8,p=1",
            "$scrypt$ln=64,r=8,p=1",
            "$scrypt$ln=31,r=1,p=1",
            "$scrypt$ln=20,r=8,p=2",
            "$scrypt$ln=1,r=4294967295,p=1",
            "$scrypt$ln=1,r=65536,p=65536",
            "$scrypt$ln=0,r=8,p=1",
            "$scrypt$ln=10,r=0,p=1",
            "$scrypt$ln=10,r=8,p=0",
            "$scrypt$ln=10,r=8",
        ] {
            let hash = format!("{head}${salt}${key}");
            assert!(matches!(is_acceptable_hash(&hash), Err(HashProblem::Parameters(_))), "{hash}");
        }
        let tail = "hvNwEvI/0PLg9N/EPzgsg.q7Ooc/jWdjWTtLOS4f2UgodZxDDhcpa";
        for cost in ["00", "03", "17", "31", "99"] {
            let hash = format!("$2b${cost}${tail}");
            assert!(matches!(is_acceptable_hash(&hash), Err(HashProblem::Parameters(_))), "{hash}");
        }
        for lengths in [
            format!("$pbkdf2-sha256$1000$${key}"),
            format!("$pbkdf2-sha256$1000${salt}$AAAA"),
            format!("$scrypt$ln=4,r=8,p=1$${key}"),
            format!("pbkdf2_sha256$1000$${key}"),
            format!("pbkdf2_sha256$4294967296$x${key}"),
        ] {
            assert!(matches!(is_acceptable_hash(&lengths), Err(HashProblem::Parameters(_))), "{lengths}");
        }
    }

    #[test]
    fn what_is_no_hash_is_refused_and_not_repeated() {
        let tail = "hvNwEvI/0PLg9N/EPzgsg.q7Ooc/jWdjWTtLOS4f2UgodZxDDhcpa";
        for bad in [
            "",
            "hunter2",
            "$",
            "$$$$",
            "$P@ss word$x$y",
            "$2b$12$",
            "$2b$4$x",
            &format!("$2b$+4${tail}"),
            &format!("$2b$04${tail}x"),
            &format!("$2b$04${}", &tail[1..]),
            &format!("$2b$04${}", tail.replace('/', "=")),
            &format!("$2b$04${tail}$"),
            "$pbkdf2-sha256$i=1000,i=1000$AAAA$AAAA",
            "$pbkdf2-sha256$i=-1$AAAA$AAAA",
            "$pbkdf2-sha256$i=1000,x=1$AAAA$AAAA",
            "$pbkdf2-sha256$1000$AAAA",
            "$pbkdf2-sha256$1000$!$AAAA",
            "$scrypt$ln=10 ,r=8,p=1$AAAA$AAAA",
            "$scrypt$ln=10,r=8,p=1$AAAA",
            "pbkdf2_sha256$1000$x",
            &format!("$2b$04${}", "가".repeat(53)),
            &"$2b$".repeat(100),
        ] {
            let problem = is_acceptable_hash(bad).unwrap_err();
            assert!(matches!(problem, HashProblem::Malformed(_)), "{bad}: {problem:?}");
            assert!(!problem.to_string().contains("P@ss"), "{problem}");
        }
        for other in ["$1$salt$hash", "$5$rounds=5000$salt$hash", "$6$salt$hash", "$2x$04$salt", "$sha1$1$s$h"] {
            assert!(matches!(is_acceptable_hash(other), Err(HashProblem::Unsupported(_))), "{other}");
        }
    }

    proptest! {
        /// Whatever is accepted is bounded, and nothing panics.
        #[test]
        fn no_text_panics(text in "\\PC{0,300}") {
            let _ = StoredHash::parse(&text);
        }

        #[test]
        fn nothing_near_a_hash_panics(
            scheme in "(\\$(argon2id|2[aby]|pbkdf2|pbkdf2-sha(256|512)|scrypt)|pbkdf2_sha(1|256))",
            parameters in "((ln|r|p|i|l|m|t)=[0-9]{0,22}|[0-9]{0,22}|,|v=19){0,6}",
            salt in "[A-Za-z0-9+/.=]{0,60}",
            key in "[A-Za-z0-9+/.=]{0,100}",
        ) {
            let hash = StoredHash::parse(&format!("{scheme}${parameters}${salt}${key}"));
            if let Ok(StoredHash::Scrypt { log_n, r, p, .. }) = hash {
                prop_assert!((1_u64 << log_n) * u64::from(r) * u64::from(p) <= MOST_SCRYPT);
            }
        }

        /// A hash that was changed anywhere is refused or verifies no more, unless base64 gives the same bytes.
        #[test]
        fn a_changed_hash_verifies_nothing(at in 0..55_usize, character in "[A-Za-z0-9./$]") {
            let hash = "$2b$04$Gw4plEnuQ6ZcAvDg0KAJN.SocUJKjA4eZjki0Ma4wM7pT0zvVSztW";
            let changed = format!("{}{character}{}", &hash[..at], &hash[at + 1..]);
            let parsed = StoredHash::parse(&changed);
            let is_same = parsed == StoredHash::parse(hash);
            // A cost of more than 4 to 6 would be slow; the others tell as much.
            prop_assume!(!(4..6).contains(&at));
            let verifies = parsed.is_ok_and(|hash| hash.verify(&Secret::new(PASSWORD), &mut memory()).unwrap());
            prop_assert!(is_same || !verifies);
        }
    }
}
