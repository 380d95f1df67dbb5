//! JWS compact serialization (RFC 7515 §7.1) over key pairs that are parsed once, and the checks of a token that claims
//! to be ours. Signing goes to the cryptographic library directly: `jsonwebtoken` would parse the private key at every
//! signature. Verification uses `jsonwebtoken`, with an algorithm and a key that come from our records.

use super::jwk::{PublicHalf, jose};
use crate::domain::id::KeyId;
use crate::domain::key::Algorithm;
use crate::domain::time::Timestamp;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// A longer token is not looked at: 8 KiB.
pub const MAX_BYTES: usize = 8 * 1024;

/// How far the clock of whoever made a token may be ahead of ours.
const CLOCK_TOLERANCE_SECONDS: i64 = 15;

/// A parsed private key.
pub enum Signer {
    /// ES256
    P256(EcdsaKeyPair),
    /// RS256
    Rsa(RsaKeyPair),
    /// PS256
    RsaPss(RsaKeyPair),
    /// EdDSA
    Ed25519(Ed25519KeyPair),
}

/// The cryptographic library refused; it never says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library refused to {0}")]
pub struct CryptoFailure(pub &'static str);

impl Signer {
    /// Makes a key pair: the private half as PKCS#8, wiped when dropped. RSA takes hundreds of milliseconds of CPU.
    ///
    /// The library draws the randomness itself and offers no other way: these are the only random values of the server
    /// that `entropy` does not give.
    ///
    /// # Errors
    /// [`CryptoFailure`]
    pub fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, CryptoFailure> {
        let failed = |_| CryptoFailure("make a key");
        let document = match algorithm {
            Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1().map(|document| document.as_ref().to_vec())),
            Algorithm::RS256 | Algorithm::PS256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| pair.as_der().map(|document| document.as_ref().to_vec())),
            Algorithm::EdDSA => {
                Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()))
            }
        };
        document.map(Zeroizing::new).map_err(failed)
    }

    /// Reads a private key of this algorithm from PKCS#8.
    ///
    /// # Errors
    /// [`CryptoFailure`] when it is something else.
    pub fn read(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, CryptoFailure> {
        let failed = |_| CryptoFailure("read a private key");
        match algorithm {
            Algorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::P256).map_err(failed)
            }
            Algorithm::RS256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rsa).map_err(failed),
            Algorithm::PS256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::RsaPss).map_err(failed),
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::Ed25519).map_err(failed),
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicHalf {
        match self {
            Self::P256(pair) => PublicHalf::P256(pair.public_key().as_ref().to_vec()),
            Self::Rsa(pair) | Self::RsaPss(pair) => PublicHalf::Rsa {
                modulus: pair.public_key().modulus().big_endian_without_leading_zero().to_vec(),
                exponent: pair.public_key().exponent().big_endian_without_leading_zero().to_vec(),
            },
            Self::Ed25519(pair) => PublicHalf::Ed25519(pair.public_key().as_ref().to_vec()),
        }
    }

    /// The signature as JWS wants it (RFC 7518 §3.3 to §3.5; RFC 8037 §3.1).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        let failed = |_| CryptoFailure("sign");
        match self {
            Self::P256(pair) => {
                pair.sign(&library_randomness(), message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Self::Rsa(pair) => sign_rsa(pair, &RSA_PKCS1_SHA256, message),
            Self::RsaPss(pair) => sign_rsa(pair, &RSA_PSS_SHA256, message),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn sign_rsa(pair: &RsaKeyPair, padding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &library_randomness(), message, &mut signature).map_err(|_| CryptoFailure("sign"))?;
    Ok(signature)
}

/// The library's interface asks for a source of randomness; it draws what it needs itself and looks at none.
#[allow(
    clippy::disallowed_methods,
    reason = "ECDSA nonces are the library's own affair; a seeded one would give keys away"
)]
fn library_randomness() -> SystemRandom {
    SystemRandom::new()
}

/// The header of the tokens that we make: nothing else is ever in it.
#[derive(Serialize)]
struct SignedHeader<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

/// Signs `claims` as a compact JWS with `typ`, `alg` and `kid` in its header.
///
/// # Errors
/// [`CryptoFailure`], also when the claims are not serializable.
pub fn sign(
    signer: &Signer,
    (algorithm, kid): (Algorithm, &KeyId),
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, CryptoFailure> {
    let unserializable = |_| CryptoFailure("write claims");
    let header = SignedHeader { typ, alg: algorithm.as_str(), kid: kid.as_str() };
    let header = serde_json::to_vec(&header).map_err(unserializable)?;
    let claims = serde_json::to_vec(claims).map_err(unserializable)?;
    let mut token = String::with_capacity((header.len() + claims.len() + 256) * 4 / 3 + 8);
    URL_SAFE_NO_PAD.encode_string(header, &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = signer.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// What a token must be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The kind of token: `at+jwt`, `JWT`, `logout+jwt` (RFC 8725 §3.11).
    pub typ: &'a str,
    /// Who made it: our issuer identifier, compared exactly.
    pub issuer: &'a str,
    /// Whom it is for; `None`: not checked.
    pub audience: Option<&'a str>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Longer than [`MAX_BYTES`].
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not a compact JWS with a JSON header and a JSON object as its payload.
    #[error("it is not a JWT: {0}")]
    Malformed(&'static str),
    /// Its `kid` is none of our published keys, or it has none.
    #[error("it names a key that is not one of ours")]
    UnknownKey,
    /// Its `alg` is not the one of the key that it names.
    #[error("its algorithm is not the one of its key")]
    Algorithm,
    /// Its header has members that must be understood and are not (RFC 7515 §4.1.11).
    #[error("its header lists critical extensions")]
    Critical,
    /// It is a token of another kind.
    #[error("it is another type of token")]
    Type,
    /// The signature does not belong to it.
    #[error("its signature is wrong")]
    Signature,
    /// `iss` is missing or another.
    #[error("it was made by another issuer")]
    Issuer,
    /// `aud` is missing or another.
    #[error("it is for another audience")]
    Audience,
    /// `exp` is missing or reached.
    #[error("it has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("it is not valid yet")]
    NotYet,
    /// The keys could not be looked up: nothing is known about the token (-> 503).
    #[error("the keys are not available: {0}")]
    Unavailable(String),
}

/// What of a header is looked at. `jku`, `jwk`, `x5u` and `x5c` are not: they never lead to a key.
#[derive(Deserialize)]
struct PresentedHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

/// A token taken apart, with nothing about it believed.
pub struct Presented<'a> {
    header: PresentedHeader,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Presented<'a> {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// [`VerifyError::TooLong`], [`VerifyError::Malformed`], [`VerifyError::Critical`], [`VerifyError::Type`].
    pub fn parse(token: &'a str, expected: &Expected<'_>) -> Result<Self, VerifyError> {
        if token.len() > MAX_BYTES {
            return Err(VerifyError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed("it has no parts"))?;
        let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed("it has two parts"))?;
        if payload.contains('.') {
            return Err(VerifyError::Malformed("it has more than three parts"));
        }
        let header =
            URL_SAFE_NO_PAD.decode(header).map_err(|_| VerifyError::Malformed("its header is not base64url"))?;
        let header: PresentedHeader =
            serde_json::from_slice(&header).map_err(|_| VerifyError::Malformed("its header is not a JOSE header"))?;
        if header.crit {
            return Err(VerifyError::Critical);
        }
        if !header.typ.as_deref().is_some_and(|typ| is_type(typ, expected.typ)) {
            return Err(VerifyError::Type);
        }
        Ok(Self { header, signed, payload, signature })
    }

    /// The key that the token names.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Checks the signature with the key of our records that the token names, then the claims.
    ///
    /// # Errors
    /// Every other [`VerifyError`].
    pub fn verify(
        &self,
        key: (Algorithm, &DecodingKey),
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, VerifyError> {
        let claims = self.verify_expired(key, expected)?;
        check_times(&claims, now)?;
        Ok(claims)
    }

    /// The same without a look at the clock.
    ///
    /// # Errors
    /// Every other [`VerifyError`] but those of time.
    pub fn verify_expired(
        &self,
        (algorithm, key): (Algorithm, &DecodingKey),
        expected: &Expected<'_>,
    ) -> Result<Map<String, Value>, VerifyError> {
        if self.header.alg != algorithm.as_str() {
            return Err(VerifyError::Algorithm);
        }
        match jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, jose(algorithm)) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(VerifyError::Signature),
        }
        let payload =
            URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| VerifyError::Malformed("its payload is not base64url"))?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&payload).map_err(|_| VerifyError::Malformed("its payload is not a JSON object"))?;
        check_claims(&claims, expected)?;
        Ok(claims)
    }
}

/// The `kid` of a token, believed by nobody yet.
pub fn kid_of(token: &str) -> Option<String> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().filter(|_| token.len() <= MAX_BYTES)?).ok()?;
    serde_json::from_slice::<PresentedHeader>(&header).ok()?.kid
}

/// RFC 7515 §4.1.9: media types compare without regard to case, and `application/` may be left out.
fn is_type(presented: &str, expected: &str) -> bool {
    let short = |typ: &str| {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
    };
    short(presented) == short(expected)
}

fn check_claims(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), VerifyError> {
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(VerifyError::Issuer);
    }
    if expected.audience.is_some_and(|audience| !is_for(claims.get("aud"), audience)) {
        return Err(VerifyError::Audience);
    }
    Ok(())
}

fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), VerifyError> {
    // Our own clock judges our own tokens: no tolerance after the end.
    let expires = claims.get("exp").and_then(Value::as_i64).map(Timestamp::from_seconds);
    if expires.is_none_or(|end| end.is_past(now)) {
        return Err(VerifyError::Expired);
    }
    for name in ["nbf", "iat"] {
        match claims.get(name).map(Value::as_i64) {
            None => {}
            Some(Some(start)) if Timestamp::from_seconds(start).since(now) <= CLOCK_TOLERANCE_SECONDS => {}
            Some(_) => return Err(VerifyError::NotYet),
        }
    }
    Ok(())
}

/// `aud` is one text or a list of texts (RFC 7519 §4.1.3).
fn is_for(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

/// Whatever the member's value is, also null: it is there.
fn is_present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}
