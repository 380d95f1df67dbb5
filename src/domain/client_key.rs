//! The algorithms with which clients sign what they send to this server: assertions and request objects.

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
