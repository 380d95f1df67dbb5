//! `/api/keys`: the signing keys. No private half and no secret key is ever answered.

use super::input::{Parameters, read};
use super::{ApiError, by, finish, ok};
use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, SigningKey};
use crate::keys::{KeysError, Rotated, RotationOutcome};
use crate::web::extract::{Edge, Query};
use crate::web::json::JsonBody;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The signing keys.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    keys: Vec<KeyDocument>,
}

/// A signing key.
#[derive(Serialize, ToSchema)]
pub struct KeyDocument {
    /// `kid`
    kid: String,
    /// `alg`
    algorithm: &'static str,
    /// `next`, `active`, `retiring` or `retired`.
    state: &'static str,
    /// When it was made and published.
    created_at: String,
    /// When it began to sign.
    activated_at: Option<String>,
    /// When it stopped signing.
    retiring_at: Option<String>,
    /// When it leaves, or left, the JWKS.
    retires_at: Option<String>,
}

impl From<SigningKey> for KeyDocument {
    fn from(key: SigningKey) -> Self {
        Self {
            kid: key.id.to_string(),
            algorithm: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: key.created_at.rfc3339(),
            activated_at: key.activated_at.map(|at| at.rfc3339()),
            retiring_at: key.retiring_at.map(|at| at.rfc3339()),
            retires_at: key.retires_at.map(|at| at.rfc3339()),
        }
    }
}

/// An order to rotate.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RotationOrder {
    /// Only this algorithm: `ES256`, `RS256`, `EdDSA` or `PS256`.
    algorithm: Option<String>,
    /// Let the next key sign at once; verifiers that have cached the JWKS do not know it until they look again.
    force: Option<bool>,
}

/// What an order to rotate came to.
#[derive(Serialize, ToSchema)]
pub struct RotationReport {
    rotated: Vec<RotatedKey>,
}

/// What happened for one algorithm.
#[derive(Serialize, ToSchema)]
pub struct RotatedKey {
    /// `alg`
    algorithm: &'static str,
    /// The key that signs, or that will sign.
    kid: String,
    /// The key that signed before.
    replaced: Option<String>,
    /// From when on it signs, where that is not now.
    signs_from: Option<String>,
}

impl From<Rotated> for RotatedKey {
    fn from(rotated: Rotated) -> Self {
        let algorithm = rotated.algorithm.as_str();
        match rotated.outcome {
            RotationOutcome::Promoted { kid, replaced } => Self {
                algorithm,
                kid: kid.to_string(),
                replaced: replaced.map(|kid| kid.to_string()),
                signs_from: None,
            },
            RotationOutcome::Waiting { kid, until } => {
                Self { algorithm, kid: kid.to_string(), replaced: None, signs_from: Some(until.rfc3339()) }
            }
        }
    }
}

/// A key that is out of use.
#[derive(Serialize, ToSchema)]
pub struct RetiredKey {
    /// The key that is out of use.
    kid: String,
    /// The key that signs instead, where it was signing.
    replaced_by: Option<String>,
}

/// The signing keys, and when they change.
#[utoipa::path(
    get, path = "/api/keys", tag = "keys", operation_id = "listKeys",
    responses((status = 200, description = "Every key", body = KeyList)),
)]
pub async fn list(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        Parameters::of(query, &[])?.finish()?;
        Ok(ok(&KeyList { keys: edge.keys.list().await?.into_iter().map(KeyDocument::from).collect() }))
    };
    finish(&edge, result.await)
}

/// Publish the next key, and let it sign as soon as every verifier can know it.
#[utoipa::path(
    post, path = "/api/keys/rotate", tag = "keys", operation_id = "rotateKeys", request_body = RotationOrder,
    responses((status = 200, description = "What happened for each algorithm", body = RotationReport)),
)]
pub async fn rotate(edge: Edge, body: JsonBody) -> HttpResponse {
    let result = async {
        let order: RotationOrder = read(body)?;
        let algorithm = order.algorithm.as_deref().map(|text| {
            let known = Algorithm::parse(text).filter(|algorithm| edge.keys.algorithms().contains(algorithm));
            known.ok_or_else(|| ApiError::field("algorithm", "it is none of those that this server signs with"))
        });
        let algorithm = algorithm.transpose()?;
        let rotated = edge.keys.rotate_now(algorithm, order.force.unwrap_or(false), &by(&edge)).await?;
        Ok(ok(&RotationReport { rotated: rotated.into_iter().map(RotatedKey::from).collect() }))
    };
    finish(&edge, result.await)
}

/// Take a key out of use at once, because it may be known to others: what it signed is refused from now on.
#[utoipa::path(
    post, path = "/api/keys/{kid}/retire", tag = "keys", operation_id = "retireKey",
    params(("kid" = String, Path, description = "The key")),
    responses((status = 200, description = "The key that is out of use", body = RetiredKey)),
)]
pub async fn retire(edge: Edge, kid: web::Path<String>) -> HttpResponse {
    let result = async {
        match edge.keys.retire(&KeyId::new(kid.as_str()), &by(&edge)).await {
            Ok(retired) => Ok(ok(&RetiredKey {
                kid: retired.kid.to_string(),
                replaced_by: retired.replaced_by.map(|kid| kid.to_string()),
            })),
            Err(KeysError::Unknown(kid)) => Err(ApiError::Unknown("key", kid.to_string())),
            Err(error) => Err(error.into()),
        }
    };
    finish(&edge, result.await)
}
