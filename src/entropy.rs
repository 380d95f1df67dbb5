//! Entropy: the only user of `rand`. Random values come from the operating system's generator, or in tests from a seed.

use crate::domain::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::sync::{Arc, Mutex, PoisonError};

/// A source of random bytes.
#[derive(Clone)]
pub enum Entropy {
    /// A generator seeded by the operating system and reseeded as it goes.
    Os,
    /// A reproducible sequence, for tests.
    Seeded(Arc<Mutex<StdRng>>),
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

impl Entropy {
    /// A reproducible source.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::Os => rand::rng().fill_bytes(&mut bytes),
            Self::Seeded(generator) => generator.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A secret of 256 bits: 43 characters base64url.
    pub fn secret(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.bytes::<32>()))
    }

    /// A UUID of version 7 for `seconds` since the epoch: 36 characters, ordered by time, so primary keys append.
    pub fn uuid(&self, seconds: i64) -> String {
        let [a, b, rest @ ..] = self.bytes::<12>();
        let millis =
            u64::try_from(seconds).unwrap_or(0).saturating_mul(1000) + u64::from(u16::from_be_bytes([a, b]) % 1000);
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid().to_string()
    }

    /// A short reference that can be read out: `XXXX-XXXX`, 40 bits in Crockford's base32.
    pub fn reference(&self) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let digits: String =
            self.bytes::<8>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        format!("{}-{}", &digits[..4], &digits[4..])
    }
}
