//! The keys of others: the JWK sets that clients publish (RFC 7517), and what is signed with them (RFC 7515); what is
//! encrypted to them is the business of [`super::jwe`]. Which key and which algorithm count comes from the client's registration; `jku`, `jwk`, `x5u` and `x5c` are never followed.

use crate::domain::client_key::{ClientAlgorithm, KeyManagement};
use crate::domain::secret::Secret;
use aws_lc_rs::agreement::{self, ParsedPublicKey};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The largest JWK set, in bytes of JSON.
pub const LARGEST_SET: usize = 64 * 1024;
/// The most keys of a set.
pub const MOST_KEYS: usize = 32;
/// The longest `kid`, in bytes.
const LONGEST_KID: usize = 256;
/// The size of RSA moduli, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Members of a JWK that only a private or secret key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The public keys of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    pub(super) keys: Vec<ForeignKey>,
}

/// Why something is no set of usable public keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not an object with a list `keys` of objects.
    #[error("it is not a JWK set (RFC 7517 §5)")]
    NotASet,
    /// Larger than [`LARGEST_SET`], or more than 32 keys.
    #[error("it is larger than 64 KiB or has more than {MOST_KEYS} keys")]
    TooLarge,
    /// A private or symmetric key: whoever reads the set could act as the client.
    #[error("keys[{0}] is a private or secret key; register public keys only, and replace this one")]
    Private(usize),
    /// None of the keys can be used.
    #[error("none of its keys can be used: {0}")]
    NoneUsable(&'static str),
}

/// A public key of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignKey {
    /// `kid`
    pub(super) id: Option<String>,
    /// `alg`
    pub(super) algorithm: Option<String>,
    signs: bool,
    receives: bool,
    /// The key itself.
    pub(super) material: Material,
}

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Material {
    /// Big-endian without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// An uncompressed point on a curve.
    Ec { curve: Curve, point: Vec<u8> },
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

/// A curve of the NIST (RFC 7518 §6.2.1.1). P-256 alone signs here; all can be encrypted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    /// 256 bits.
    P256,
    /// 384 bits.
    P384,
    /// 521 bits.
    P521,
}

impl Curve {
    /// The `crv` value.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The length of each of `x` and `y`.
    pub(super) const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// For key agreement.
    pub(super) const fn exchange(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
            Self::P521 => &agreement::ECDH_P521,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.as_str() == text)
    }
}

impl KeySet {
    /// Reads a set as it was fetched.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        if json.len() > LARGEST_SET {
            return Err(KeySetError::TooLarge);
        }
        Self::read(&serde_json::from_slice(json).map_err(|_| KeySetError::NotASet)?)
    }

    /// Reads a set. RFC 7517 §5: keys that are not understood are ignored; at least one must be usable.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn read(set: &Value) -> Result<Self, KeySetError> {
        let list = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::NotASet)?;
        if list.len() > MOST_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let mut keys = Vec::new();
        let mut why = "there is none";
        for (n, key) in list.iter().enumerate() {
            let key = key.as_object().ok_or(KeySetError::NotASet)?;
            if PRIVATE.iter().any(|name| key.contains_key(*name)) || key.get("kty").is_some_and(|kty| kty == "oct") {
                return Err(KeySetError::Private(n));
            }
            match ForeignKey::read(key) {
                Ok(key) => keys.push(key),
                Err(problem) => why = problem,
            }
        }
        if keys.is_empty() { Err(KeySetError::NoneUsable(why)) } else { Ok(Self { keys }) }
    }

    /// Whether one of the keys that the JWS may mean has signed it.
    pub fn has_signed(&self, jws: &ForeignJws<'_>, algorithm: ClientAlgorithm) -> bool {
        self.keys.iter().filter(|key| key.may_have_signed(jws, algorithm)).any(|key| key.verifies(jws, algorithm))
    }
}

impl ForeignKey {
    fn read(key: &Map<String, Value>) -> Result<Self, &'static str> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let id = text("kid").map(str::to_owned);
        if id.as_ref().is_some_and(|id| id.len() > LONGEST_KID) {
            return Err("its kid is longer than 256 bytes");
        }
        let material = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let modulus = bytes("n").map(without_leading_zeros).ok_or("its n is not base64url")?;
                let exponent = bytes("e").map(without_leading_zeros).ok_or("its e is not base64url")?;
                if !RSA_BITS.contains(&bits(&modulus)) {
                    return Err("an RSA key has 2048 to 8192 bits");
                }
                if exponent.len() > 4 || exponent.last().is_none_or(|low| low % 2 == 0) || exponent == [1] {
                    return Err("its e is no exponent in use");
                }
                Material::Rsa { modulus, exponent }
            }
            (Some("EC"), Some(curve)) => {
                let curve = Curve::parse(curve).ok_or("its crv is none of P-256, P-384, P-521")?;
                Material::Ec { curve, point: point(curve, bytes("x"), bytes("y"))? }
            }
            (Some("OKP"), Some("Ed25519")) => {
                Material::Ed25519(bytes("x").filter(|x| x.len() == 32).ok_or("its x is not 32 bytes of base64url")?)
            }
            (Some("EC"), None) => return Err("it has no crv"),
            (Some("OKP"), _) => return Err("its crv is not Ed25519"),
            _ => return Err("its kty is none of RSA, EC, OKP"),
        };
        let operations = key.get("key_ops").map(|list| list.as_array().map(Vec::as_slice).unwrap_or_default());
        let may = |these: &[&str]| {
            operations.is_none_or(|list| list.iter().any(|one| one.as_str().is_some_and(|one| these.contains(&one))))
        };
        let is_for = |usage: &str| text("use").is_none_or(|said| said == usage);
        Ok(Self {
            id,
            algorithm: text("alg").map(str::to_owned),
            signs: is_for("sig") && may(&["verify"]),
            receives: is_for("enc") && may(&["encrypt", "wrapKey", "deriveKey", "deriveBits"]),
            material,
        })
    }

    /// The same for what is encrypted to it.
    pub(super) fn may_receive(&self, management: KeyManagement) -> bool {
        let is_kind = match (&self.material, management) {
            (Material::Rsa { .. }, KeyManagement::RsaOaep | KeyManagement::RsaOaep256) => true,
            (
                Material::Ec { .. },
                KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw,
            ) => true,
            (Material::Rsa { .. } | Material::Ec { .. } | Material::Ed25519(_), _) => false,
        };
        self.receives && is_kind && self.algorithm.as_deref().is_none_or(|own| own == management.as_str())
    }

    /// RFC 7515 §4.1.4, RFC 7517 §4.2 to §4.5: by kind, use, `alg` and `kid`, as far as they are said.
    fn may_have_signed(&self, jws: &ForeignJws<'_>, algorithm: ClientAlgorithm) -> bool {
        let is_kind = match (&self.material, algorithm) {
            (Material::Rsa { .. }, ClientAlgorithm::RS256 | ClientAlgorithm::PS256)
            | (Material::Ec { curve: Curve::P256, .. }, ClientAlgorithm::ES256)
            | (Material::Ed25519(_), ClientAlgorithm::EdDSA) => true,
            (Material::Rsa { .. } | Material::Ec { .. } | Material::Ed25519(_), _) => false,
        };
        let is_named = jws.kid().is_none_or(|kid| self.id.as_deref().is_none_or(|id| id == kid));
        let is_for = self.algorithm.as_deref().is_none_or(|own| own == algorithm.as_str());
        self.signs && is_kind && is_named && is_for
    }

    fn verifies(&self, jws: &ForeignJws<'_>, algorithm: ClientAlgorithm) -> bool {
        let (message, signature) = (jws.signed.as_bytes(), jws.signature.as_slice());
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                let padding = match algorithm {
                    ClientAlgorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                key.verify(padding, message, signature).is_ok()
            }
            Material::Ec { point, .. } => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Material::Ed25519(bytes) => UnparsedPublicKey::new(&ED25519, bytes).verify(message, signature).is_ok(),
        }
    }
}

fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// The uncompressed form of a point on a curve, which it is checked to be (RFC 7518 §6.2.1).
fn point(curve: Curve, x: Option<Vec<u8>>, y: Option<Vec<u8>>) -> Result<Vec<u8>, &'static str> {
    let coordinate = |bytes: Option<Vec<u8>>| bytes.filter(|bytes| bytes.len() == curve.coordinate_bytes());
    let (x, y) = coordinate(x).zip(coordinate(y)).ok_or("its x and y are not base64url of the curve's length")?;
    let point = [&[4][..], &x, &y].concat();
    let parsed = ParsedPublicKey::try_from(&agreement::UnparsedPublicKey::new(curve.exchange(), &point));
    parsed.map(|_| point).map_err(|_| "its x and y are no point on the curve")
}

/// A compact JWS that a client sent, taken apart, with nothing of it believed.
pub struct ForeignJws<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// Why a text is no JWS with claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignJwsError {
    /// Longer than its reader allows.
    #[error("it is longer than allowed")]
    TooLong,
    /// It has another number of parts than three.
    #[error("it is not a JWS of three parts")]
    Parts,
    /// Five parts: a JWE.
    #[error("it is encrypted")]
    Encrypted,
    /// A part is not base64url of a JSON object.
    #[error("a part of it is not base64url, or not a JSON object")]
    Encoding,
    /// RFC 7515 §4.1.11
    #[error("its header lists critical extensions")]
    Critical,
    /// No `alg`.
    #[error("its header has no alg")]
    NoAlgorithm,
}

impl<'a> ForeignJws<'a> {
    /// Takes a text of at most `longest` bytes apart.
    ///
    /// # Errors
    /// [`ForeignJwsError`].
    pub fn parse(text: &'a str, longest: usize) -> Result<Self, ForeignJwsError> {
        if text.len() > longest {
            return Err(ForeignJwsError::TooLong);
        }
        match text.bytes().filter(|byte| *byte == b'.').count() {
            2 => {}
            4 => return Err(ForeignJwsError::Encrypted),
            _ => return Err(ForeignJwsError::Parts),
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(ForeignJwsError::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(ForeignJwsError::Parts)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ForeignJwsError::Encoding);
        let object = |part: &str| -> Result<Map<String, Value>, ForeignJwsError> {
            serde_json::from_slice(&decode(part)?).map_err(|_| ForeignJwsError::Encoding)
        };
        let header = object(header)?;
        if header.contains_key("crit") {
            return Err(ForeignJwsError::Critical);
        }
        if !header.get("alg").is_some_and(Value::is_string) {
            return Err(ForeignJwsError::NoAlgorithm);
        }
        Ok(Self { header, claims: object(payload)?, signed, signature: decode(signature)? })
    }

    /// `alg`
    pub fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// `kid`
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// `typ` in lower case, without `application/` (RFC 7515 §4.1.9).
    pub fn kind(&self) -> Option<String> {
        let typ = self.header.get("typ").and_then(Value::as_str)?.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ))
    }

    /// The claims, which prove nothing before the signature is checked.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The same, taken out.
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// Whether it says that nobody signed it: `none`, and no signature (RFC 7518 §3.6).
    pub fn is_unsigned(&self) -> bool {
        self.algorithm() == "none" && self.signature.is_empty()
    }

    /// Whether this secret has signed it with HS256.
    pub fn is_signed_with(&self, secret: &Secret) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
        hmac::verify(&key, self.signed.as_bytes(), &self.signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The key of RFC 7515 appendix A.3.
    fn ec() -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "kid": "one",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    fn set(keys: Value) -> Result<KeySet, KeySetError> {
        KeySet::read(&json!({ "keys": keys }))
    }

    fn changed(name: &str, value: Value) -> Value {
        let mut key = ec();
        key[name] = value;
        key
    }

    /// RFC 7515 appendix A.3
    #[test]
    fn a_signature_fits_the_key_that_made_it_and_no_other_message() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                     DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let jws = ForeignJws::parse(token, 8192).unwrap();
        let keys = set(json!([ec()])).unwrap();
        assert!(keys.has_signed(&jws, ClientAlgorithm::ES256));
        assert!(!keys.has_signed(&jws, ClientAlgorithm::RS256));
        let other = token.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Yi");
        assert!(!keys.has_signed(&ForeignJws::parse(&other, 8192).unwrap(), ClientAlgorithm::ES256));
        for (name, value) in [("use", json!("enc")), ("alg", json!("ES384")), ("key_ops", json!(["sign"]))] {
            assert!(!set(json!([changed(name, value)])).unwrap().has_signed(&jws, ClientAlgorithm::ES256), "{name}");
        }
    }

    /// RFC 7517 §5, RFC 7517 §9.3
    #[test]
    fn only_public_keys_are_taken_and_one_must_be_usable() {
        for name in PRIVATE {
            assert_eq!(set(json!([ec(), changed(name, json!("AA"))])), Err(KeySetError::Private(1)), "{name}");
        }
        assert_eq!(set(json!([{"kty": "oct"}])), Err(KeySetError::Private(0)));
        assert_eq!(set(json!([])), Err(KeySetError::NoneUsable("there is none")));
        let off = changed("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV"));
        assert!(matches!(set(json!([off])), Err(KeySetError::NoneUsable(_))));
        let off = changed("x", json!("g83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"));
        assert_eq!(set(json!([off])), Err(KeySetError::NoneUsable("its x and y are no point on the curve")));
        let short = json!({"kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([255; 128])});
        assert_eq!(set(json!([short])), Err(KeySetError::NoneUsable("an RSA key has 2048 to 8192 bits")));
        let even = json!({"kty": "RSA", "e": "AQ", "n": URL_SAFE_NO_PAD.encode([255; 256])});
        assert_eq!(set(json!([even])), Err(KeySetError::NoneUsable("its e is no exponent in use")));
        // What is not understood does not matter beside what is.
        assert!(set(json!([{"kty": "AKP"}, {"kty": "EC", "crv": "secp256k1"}, ec()])).is_ok());
        assert_eq!(set(json!(vec![ec(); MOST_KEYS + 1])), Err(KeySetError::TooLarge));
        assert_eq!(KeySet::parse(&vec![b' '; LARGEST_SET + 1]), Err(KeySetError::TooLarge));
        for wrong in [json!({}), json!({"keys": {}}), json!({"keys": [1]}), json!([])] {
            assert_eq!(KeySet::read(&wrong), Err(KeySetError::NotASet), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_jws_is_told_apart() {
        let jws = |header: Value, payload: &str| {
            let text = format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
            ForeignJws::parse(&text, 100).map(|jws| jws.is_unsigned())
        };
        assert_eq!(jws(json!({"alg": "none"}), "{}"), Ok(true));
        assert_eq!(jws(json!({"alg": "None"}), "{}"), Ok(false));
        assert_eq!(jws(json!({"alg": "none", "crit": []}), "{}"), Err(ForeignJwsError::Critical));
        assert_eq!(jws(json!({"alg": 1}), "{}"), Err(ForeignJwsError::NoAlgorithm));
        assert_eq!(jws(json!({"alg": "none"}), "[]"), Err(ForeignJwsError::Encoding));
        assert_eq!(ForeignJws::parse("a.b.c.d.e", 100).err(), Some(ForeignJwsError::Encrypted));
        assert_eq!(ForeignJws::parse("a.b", 100).err(), Some(ForeignJwsError::Parts));
        assert_eq!(ForeignJws::parse(&"a".repeat(101), 100).err(), Some(ForeignJwsError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = ForeignJws::parse(&text, 8192);
            let _ = KeySet::parse(text.as_bytes());
        }
    }
}
