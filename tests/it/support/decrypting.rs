//! Decrypting what was encrypted to a client (RFC 7516, RFC 7518), as its recipient does.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A key pair of a client that others encrypt to.
pub struct Recipient {
    private: Private,
    pub jwk: Value,
}

enum Private {
    Rsa(Vec<u8>),
    Ec(PrivateKey, &'static agreement::Algorithm),
}

/// What came out of a JWE.
#[derive(Debug)]
pub struct Opened {
    pub header: Value,
    pub text: String,
}

impl Recipient {
    pub fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key pair");
        let public = pair.public_key();
        let [n, e] =
            [public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero()];
        let jwk = json!({
            "kty": "RSA", "use": "enc", "kid": "rsa", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
        });
        Self { private: Private::Rsa(pair.as_der().expect("PKCS#8").as_ref().to_vec()), jwk }
    }

    /// On `P-256`, `P-384` or `P-521`.
    pub fn ec(curve: &str) -> Self {
        let exchange = exchange(curve);
        let pair = PrivateKey::generate(exchange).expect("a key pair");
        let public = pair.compute_public_key().expect("its public half");
        let coordinates = &public.as_ref()[1..];
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        let jwk = json!({
            "kty": "EC", "use": "enc", "kid": curve, "crv": curve,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        Self { private: Private::Ec(pair, exchange), jwk }
    }

    #[track_caller]
    pub fn open(&self, jwe: &str) -> Opened {
        let parts: Vec<&str> = jwe.split('.').collect();
        let [head, key, iv, ciphertext, tag] = parts[..] else { panic!("not a compact JWE: {jwe}") };
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
        let header: Value = serde_json::from_slice(&bytes(head)).expect("a header");
        let encryption = header["enc"].as_str().expect("enc");
        let key = self.content_key(&header, &bytes(key));
        let text = open_content(encryption, &key, (head.as_bytes(), &bytes(iv), &bytes(ciphertext), &bytes(tag)));
        Opened { header, text: String::from_utf8(text).expect("text") }
    }

    fn content_key(&self, header: &Value, encrypted: &[u8]) -> Vec<u8> {
        let management = header["alg"].as_str().expect("alg");
        match (&self.private, management) {
            (Private::Rsa(pkcs8), "RSA-OAEP" | "RSA-OAEP-256") => {
                let private = PrivateDecryptingKey::from_pkcs8(pkcs8).expect("a private key");
                let private = OaepPrivateDecryptingKey::new(private).expect("a key for OAEP");
                let hash = if management == "RSA-OAEP" { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 };
                let mut key = vec![0; private.min_output_size()];
                private.decrypt(hash, encrypted, &mut key, None).expect("a key").to_vec()
            }
            (Private::Ec(private, exchange), "ECDH-ES") => {
                assert!(encrypted.is_empty());
                let encryption = header["enc"].as_str().expect("enc");
                let bytes = match encryption {
                    "A128GCM" => 16,
                    "A256GCM" | "A128CBC-HS256" => 32,
                    _ => 64,
                };
                agreed(private, exchange, header, encryption, bytes)
            }
            (Private::Ec(private, exchange), "ECDH-ES+A128KW") => {
                unwrap(&key_wrap::AES_128, &agreed(private, exchange, header, management, 16), encrypted)
            }
            (Private::Ec(private, exchange), "ECDH-ES+A256KW") => {
                unwrap(&key_wrap::AES_256, &agreed(private, exchange, header, management, 32), encrypted)
            }
            _ => panic!("{management} is not for this key"),
        }
    }
}

fn exchange(curve: &str) -> &'static agreement::Algorithm {
    match curve {
        "P-256" => &agreement::ECDH_P256,
        "P-384" => &agreement::ECDH_P384,
        "P-521" => &agreement::ECDH_P521,
        other => panic!("no curve {other}"),
    }
}

fn agreed(
    private: &PrivateKey,
    exchange: &'static agreement::Algorithm,
    header: &Value,
    name: &str,
    bytes: usize,
) -> Vec<u8> {
    let coordinate =
        |name: &str| URL_SAFE_NO_PAD.decode(header["epk"][name].as_str().expect("epk")).expect("base64url");
    let point = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
    let secret =
        agree(private, UnparsedPublicKey::new(exchange, point), (), |secret| Ok(secret.to_vec())).expect("a secret");
    let block = |counter: u32| {
        let number = |count: usize| u32::try_from(count).expect("a small number").to_be_bytes();
        let info = [&number(name.len())[..], name.as_bytes(), &[0; 8], &number(bytes * 8)].concat();
        Sha256::digest([&counter.to_be_bytes()[..], &secret, &info].concat()).to_vec()
    };
    [block(1), block(2)].concat()[..bytes].to_vec()
}

fn unwrap(cipher: &'static key_wrap::AesBlockCipher, kek: &[u8], encrypted: &[u8]) -> Vec<u8> {
    let mut key = vec![0; encrypted.len()];
    AesKek::new(cipher, kek).expect("a key").unwrap(encrypted, &mut key).expect("a wrapped key").to_vec()
}

fn open_content(encryption: &str, key: &[u8], (head, iv, ciphertext, tag): (&[u8], &[u8], &[u8], &[u8])) -> Vec<u8> {
    let half = key.len() / 2;
    let (cipher, hash) = match encryption {
        "A128GCM" => return open_gcm(&aead::AES_128_GCM, key, (head, iv, ciphertext, tag)),
        "A256GCM" => return open_gcm(&aead::AES_256_GCM, key, (head, iv, ciphertext, tag)),
        "A128CBC-HS256" => (&cipher::AES_128, hmac::HMAC_SHA256),
        "A256CBC-HS512" => (&cipher::AES_256, hmac::HMAC_SHA512),
        other => panic!("no encryption {other}"),
    };
    let bits = (head.len() as u64 * 8).to_be_bytes();
    let whole = hmac::sign(&hmac::Key::new(hash, &key[..half]), &[head, iv, ciphertext, &bits].concat());
    assert_eq!(&whole.as_ref()[..half], tag, "a wrong tag");
    let mut text = ciphertext.to_vec();
    let iv: [u8; 16] = iv.try_into().expect("16 bytes");
    let key = UnboundCipherKey::new(cipher, &key[half..]).expect("a key");
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).expect("a key");
    key.decrypt(&mut text, DecryptionContext::Iv128(FixedLength::from(iv))).expect("a text").to_vec()
}

fn open_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    (head, iv, ciphertext, tag): (&[u8], &[u8], &[u8], &[u8]),
) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a key"));
    let nonce = Nonce::try_assume_unique_for_key(iv).expect("12 bytes");
    let mut text = [ciphertext, tag].concat();
    key.open_in_place(nonce, Aad::from(head), &mut text).expect("a text").to_vec()
}
