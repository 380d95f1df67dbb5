//! The algorithms of clients' own keys: with which they sign what they send (assertions, request objects), and with which
//! is encrypted what they are sent.

/// A JWS algorithm that is accepted of clients (RFC 7518 §3.1, RFC 8037 §3.1). `none` is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAlgorithm {
    /// HMAC with the client's secret.
    HS256,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// Ed25519.
    EdDSA,
}

impl ClientAlgorithm {
    /// Those with a key pair of the client.
    pub const WITH_KEY: [Self; 4] = [Self::ES256, Self::RS256, Self::PS256, Self::EdDSA];
    /// Those with the client's secret.
    pub const WITH_SECRET: [Self; 1] = [Self::HS256];
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::ES256, Self::RS256, Self::PS256, Self::EdDSA, Self::HS256];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Reads an `alg` value; exact.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    /// Whether the client's secret is the key.
    pub const fn is_with_secret(self) -> bool {
        matches!(self, Self::HS256)
    }
}

/// How the key of a JWE reaches its recipient (RFC 7518 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-1, which OAEP does not rest on.
    RsaOaep,
    /// RSAES-OAEP with SHA-256.
    RsaOaep256,
    /// Agreement on the key itself.
    EcdhEs,
    /// Agreement on a key that wraps it, 128 bits.
    EcdhEsA128Kw,
    /// Agreement on a key that wraps it, 256 bits.
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// Every way that works.
    pub const ALL: [Self; 5] = [Self::RsaOaep, Self::RsaOaep256, Self::EcdhEs, Self::EcdhEsA128Kw, Self::EcdhEsA256Kw];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// Reads an `alg` value; exact.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// How the content of a JWE is encrypted (RFC 7518 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentEncryption {
    /// AES-CBC with HMAC-SHA-256, 128 bits: what a client gets that names none (OpenID Connect Registration §2).
    A128CbcHs256,
    /// AES-CBC with HMAC-SHA-512, 256 bits.
    A256CbcHs512,
    /// AES-GCM, 128 bits.
    A128Gcm,
    /// AES-GCM, 256 bits.
    A256Gcm,
}

impl ContentEncryption {
    /// Every way that works.
    pub const ALL: [Self; 4] = [Self::A128CbcHs256, Self::A256CbcHs512, Self::A128Gcm, Self::A256Gcm];

    /// The `enc` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256CbcHs512 => "A256CBC-HS512",
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// Reads an `enc` value; exact.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// How something is encrypted for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// `alg`
    pub management: KeyManagement,
    /// `enc`
    pub content: ContentEncryption,
}
