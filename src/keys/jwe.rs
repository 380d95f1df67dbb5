//! Encryption for clients: compact JWE (RFC 7516 §7.1) to a public key of the recipient, with the algorithms of RFC 7518
//! §4 and §5. Nothing is ever decrypted here.

use super::CryptoFailure;
use super::foreign::{Curve, ForeignKey, KeySet, Material};
use crate::domain::client_key::{ContentEncryption, Encryption, KeyManagement};
use crate::entropy::Entropy;
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::cipher::{self, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Why nothing was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// The client has no public key that the algorithm can use.
    #[error("none of the client's keys is for this encryption")]
    NoKey,
    /// The cryptographic library refused.
    #[error(transparent)]
    Crypto(#[from] CryptoFailure),
}

impl KeySet {
    /// Whether one of the keys can be encrypted to so.
    pub fn can_receive(&self, encryption: Encryption) -> bool {
        self.recipient(encryption).is_some()
    }

    /// Encrypts a text to a key of this set. `kind` is the `cty`: `JWT` where the text is one (RFC 7519 §5.2).
    ///
    /// # Errors
    /// [`EncryptError`].
    pub fn encrypt(
        &self,
        encryption: Encryption,
        (text, kind): (&str, Option<&str>),
        entropy: &Entropy,
    ) -> Result<String, EncryptError> {
        let recipient = self.recipient(encryption).ok_or(EncryptError::NoKey)?;
        let Wrapped { key, encrypted, ephemeral } = wrap(recipient, encryption, entropy)?;
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!(encryption.management.as_str()));
        header.insert("enc".to_owned(), json!(encryption.content.as_str()));
        header.extend(recipient.id.as_ref().map(|id| ("kid".to_owned(), json!(id))));
        header.extend(kind.map(|kind| ("cty".to_owned(), json!(kind))));
        header.extend(ephemeral.map(|key| ("epk".to_owned(), key)));
        let header = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
        let sealed = seal(encryption.content, &key, (header.as_bytes(), text.as_bytes()), entropy)?;
        let parts = [&encrypted, &sealed.iv, &sealed.ciphertext, &sealed.tag].map(|part| URL_SAFE_NO_PAD.encode(part));
        Ok(format!("{header}.{}", parts.join(".")))
    }

    /// The key that says it is for this, else one that says nothing against it.
    fn recipient(&self, encryption: Encryption) -> Option<&ForeignKey> {
        let fitting = || self.keys.iter().filter(|key| key.may_receive(encryption.management));
        fitting().find(|key| key.algorithm.is_some()).or_else(|| fitting().next())
    }
}

/// A content encryption key, and how the recipient comes by it.
struct Wrapped {
    key: Zeroizing<Vec<u8>>,
    encrypted: Vec<u8>,
    ephemeral: Option<Value>,
}

fn wrap(recipient: &ForeignKey, encryption: Encryption, entropy: &Entropy) -> Result<Wrapped, EncryptError> {
    let Encryption { management, content } = encryption;
    match (&recipient.material, management) {
        (Material::Rsa { modulus, exponent }, KeyManagement::RsaOaep) => {
            oaep((modulus, exponent), &OAEP_SHA1_MGF1SHA1, new_key(content, entropy))
        }
        (Material::Rsa { modulus, exponent }, KeyManagement::RsaOaep256) => {
            oaep((modulus, exponent), &OAEP_SHA256_MGF1SHA256, new_key(content, entropy))
        }
        (Material::Ec { curve, point }, KeyManagement::EcdhEs) => {
            let (key, ephemeral) = agreed(*curve, point, (content.as_str(), key_bytes(content)))?;
            Ok(Wrapped { key, encrypted: Vec::new(), ephemeral: Some(ephemeral) })
        }
        (Material::Ec { curve, point }, KeyManagement::EcdhEsA128Kw) => {
            let (kek, ephemeral) = agreed(*curve, point, (management.as_str(), 16))?;
            wrapped_with((&key_wrap::AES_128, &kek), new_key(content, entropy), ephemeral)
        }
        (Material::Ec { curve, point }, KeyManagement::EcdhEsA256Kw) => {
            let (kek, ephemeral) = agreed(*curve, point, (management.as_str(), 32))?;
            wrapped_with((&key_wrap::AES_256, &kek), new_key(content, entropy), ephemeral)
        }
        (Material::Rsa { .. } | Material::Ec { .. } | Material::Ed25519(_), _) => Err(EncryptError::NoKey),
    }
}

/// RFC 7518 §4.3
fn oaep(
    (modulus, exponent): (&[u8], &[u8]),
    algorithm: &'static OaepAlgorithm,
    key: Zeroizing<Vec<u8>>,
) -> Result<Wrapped, EncryptError> {
    let failed = |_| CryptoFailure("encrypt to an RSA key");
    let public: PublicEncryptingKey = RsaPublicKeyComponents { n: modulus, e: exponent }.try_into().map_err(failed)?;
    let public = OaepPublicEncryptingKey::new(public).map_err(failed)?;
    let mut encrypted = vec![0; public.ciphertext_size()];
    let length = public.encrypt(algorithm, &key, &mut encrypted, None).map_err(failed)?.len();
    encrypted.truncate(length);
    Ok(Wrapped { key, encrypted, ephemeral: None })
}

/// RFC 7518 §4.6: a key of this many bytes for this algorithm, and the ephemeral public key. The library draws the
/// ephemeral key itself and offers no other way.
fn agreed(
    curve: Curve,
    point: &[u8],
    (algorithm, bytes): (&str, usize),
) -> Result<(Zeroizing<Vec<u8>>, Value), EncryptError> {
    let failed = |_| CryptoFailure("agree on a key");
    let exchange = curve.exchange();
    let ours = PrivateKey::generate(exchange).map_err(failed)?;
    let public = ours.compute_public_key().map_err(failed)?;
    let theirs = UnparsedPublicKey::new(exchange, point);
    let key = agree(&ours, theirs, CryptoFailure("agree on a key"), |secret| Ok(derive(secret, algorithm, bytes)))?;
    let coordinates = &public.as_ref()[1..];
    let (x, y) = coordinates.split_at(curve.coordinate_bytes());
    let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
    Ok((key, json!({"kty": "EC", "crv": curve.as_str(), "x": x, "y": y})))
}

/// Concat KDF with SHA-256 (RFC 7518 §4.6.2), without `apu` and `apv`.
fn derive(secret: &[u8], algorithm: &str, bytes: usize) -> Zeroizing<Vec<u8>> {
    let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes();
    let mut key = Zeroizing::new(Vec::with_capacity(bytes + 32));
    for counter in 1_u32.. {
        if key.len() >= bytes {
            break;
        }
        let mut hash = Sha256::new();
        hash.update(counter.to_be_bytes());
        hash.update(secret);
        hash.update(length(algorithm.len()));
        hash.update(algorithm.as_bytes());
        hash.update(length(0));
        hash.update(length(0));
        hash.update(length(bytes * 8));
        key.extend_from_slice(&hash.finalize());
    }
    key.truncate(bytes);
    key
}

/// RFC 7518 §4.4
fn wrapped_with(
    (cipher, kek): (&'static key_wrap::AesBlockCipher, &[u8]),
    key: Zeroizing<Vec<u8>>,
    ephemeral: Value,
) -> Result<Wrapped, EncryptError> {
    let failed = |_| CryptoFailure("wrap a key");
    let mut encrypted = vec![0; key.len() + 8];
    AesKek::new(cipher, kek).and_then(|kek| kek.wrap(&key, &mut encrypted).map(drop)).map_err(failed)?;
    Ok(Wrapped { key, encrypted, ephemeral: Some(ephemeral) })
}

const fn key_bytes(content: ContentEncryption) -> usize {
    match content {
        ContentEncryption::A128Gcm => 16,
        ContentEncryption::A256Gcm | ContentEncryption::A128CbcHs256 => 32,
        ContentEncryption::A256CbcHs512 => 64,
    }
}

fn new_key(content: ContentEncryption, entropy: &Entropy) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(entropy.bytes::<64>());
    Zeroizing::new(bytes[..key_bytes(content)].to_vec())
}

/// Encrypted content.
struct Sealed {
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

fn seal(
    content: ContentEncryption,
    key: &[u8],
    (associated, text): (&[u8], &[u8]),
    entropy: &Entropy,
) -> Result<Sealed, EncryptError> {
    match content {
        ContentEncryption::A128Gcm => gcm((&aead::AES_128_GCM, key), (associated, text), entropy),
        ContentEncryption::A256Gcm => gcm((&aead::AES_256_GCM, key), (associated, text), entropy),
        ContentEncryption::A128CbcHs256 => cbc((&cipher::AES_128, hmac::HMAC_SHA256), key, (associated, text), entropy),
        ContentEncryption::A256CbcHs512 => cbc((&cipher::AES_256, hmac::HMAC_SHA512), key, (associated, text), entropy),
    }
}

/// RFC 7518 §5.3. Each key is used once, so its nonce is never used again.
fn gcm(
    (algorithm, key): (&'static aead::Algorithm, &[u8]),
    (associated, text): (&[u8], &[u8]),
    entropy: &Entropy,
) -> Result<Sealed, EncryptError> {
    let failed = |_| CryptoFailure("encrypt");
    let iv: [u8; 12] = entropy.bytes();
    let mut ciphertext = text.to_vec();
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(failed)?);
    let nonce = Nonce::assume_unique_for_key(iv);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), &mut ciphertext).map_err(failed)?;
    Ok(Sealed { iv: iv.to_vec(), ciphertext, tag: tag.as_ref().to_vec() })
}

/// RFC 7518 §5.2: the first half of the key authenticates, the second encrypts.
fn cbc(
    (algorithm, hash): (&'static cipher::Algorithm, hmac::Algorithm),
    key: &[u8],
    (associated, text): (&[u8], &[u8]),
    entropy: &Entropy,
) -> Result<Sealed, EncryptError> {
    let failed = |_| CryptoFailure("encrypt");
    let iv: [u8; 16] = entropy.bytes();
    let (authenticating, encrypting) = key.split_at(key.len() / 2);
    let mut ciphertext = text.to_vec();
    UnboundCipherKey::new(algorithm, encrypting)
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .and_then(|key| key.less_safe_encrypt(&mut ciphertext, EncryptionContext::Iv128(FixedLength::from(iv))))
        .map_err(failed)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hash, authenticating));
    context.update(associated);
    context.update(&iv);
    context.update(&ciphertext);
    context.update(&(associated.len() as u64 * 8).to_be_bytes());
    let tag = context.sign();
    let half = tag.as_ref().len() / 2;
    Ok(Sealed { iv: iv.to_vec(), ciphertext, tag: tag.as_ref()[..half].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7518 appendix C
    #[test]
    fn the_agreed_secret_becomes_the_key_of_the_specification() {
        let secret = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218, 128,
            106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        // The example has apu and apv, so its parts are compared by the same hash over them.
        let mut hash = Sha256::new();
        for part in [&[0, 0, 0, 1][..], &secret, &[0, 0, 0, 7], b"A128GCM", &[0, 0, 0, 5], b"Alice"] {
            hash.update(part);
        }
        for part in [&[0, 0, 0, 3][..], b"Bob", &[0, 0, 0, 128]] {
            hash.update(part);
        }
        assert_eq!(URL_SAFE_NO_PAD.encode(&hash.finalize()[..16]), "VqqN6vgjbSBcIijNcacQGg");
        let mut plain = Sha256::new();
        for part in [&[0, 0, 0, 1][..], &secret, &[0, 0, 0, 7], b"A128GCM", &[0; 8], &[0, 0, 0, 128]] {
            plain.update(part);
        }
        assert_eq!(derive(&secret, "A128GCM", 16).as_slice(), &plain.finalize()[..16]);
        assert_eq!(derive(&secret, "A256CBC-HS512", 64).len(), 64);
    }

    /// RFC 7518 appendix B.1
    #[test]
    fn content_is_encrypted_and_authenticated_as_the_specification_has_it() {
        let key: Vec<u8> = (0..32).collect();
        let sealed =
            cbc((&cipher::AES_128, hmac::HMAC_SHA256), &key, (b"header", b"text"), &Entropy::seeded(1)).unwrap();
        let mut message = [&b"header"[..], &sealed.iv, &sealed.ciphertext].concat();
        message.extend_from_slice(&48_u64.to_be_bytes());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..16]), &message);
        assert_eq!(sealed.tag, tag.as_ref()[..16]);
        assert_eq!((sealed.iv.len(), sealed.ciphertext.len()), (16, 16));
    }
}
