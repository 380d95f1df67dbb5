//! `/api/resources` and `/api/scopes`: what `authward apply` has said of them.

use super::input::Parameters;
use super::{finish, ok};
use crate::domain::id::ClientId;
use crate::store;
use crate::web::extract::{Edge, Query};
use actix_web::HttpResponse;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The protected resources.
#[derive(Serialize, ToSchema)]
pub struct ResourceList {
    resources: Vec<ResourceDocument>,
}

/// A protected resource (RFC 8707).
#[derive(Serialize, ToSchema)]
pub struct ResourceDocument {
    /// Its resource indicator.
    identifier: String,
    /// The scopes that it understands.
    scopes: Vec<String>,
    /// `at+jwt`, `JWT` or `opaque`.
    access_token_type: serde_json::Value,
    /// Clients that may introspect tokens for it.
    served_by: Vec<String>,
}

/// The scopes that are described.
#[derive(Serialize, ToSchema)]
pub struct ScopeList {
    scopes: Vec<ScopeDocument>,
}

/// What a consent page says of a scope.
#[derive(Serialize, ToSchema)]
pub struct ScopeDocument {
    /// The scope token.
    name: String,
    /// Language tag to words.
    description: BTreeMap<String, String>,
}

/// The protected resources.
#[utoipa::path(
    get, path = "/api/resources", tag = "catalogue", operation_id = "listResources",
    responses((status = 200, description = "Every resource", body = ResourceList)),
)]
pub async fn resources(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        Parameters::of(query, &[])?.finish()?;
        let stored = edge.store.read(store::resources::list).await?;
        let document = |resource: crate::domain::resource::Resource| ResourceDocument {
            access_token_type: serde_json::json!(resource.access_token_type),
            identifier: resource.identifier,
            scopes: resource.scopes,
            served_by: resource.served_by.iter().map(ClientId::to_string).collect(),
        };
        Ok(ok(&ResourceList { resources: stored.into_iter().map(document).collect() }))
    };
    finish(&edge, result.await)
}

/// The scopes that are described.
#[utoipa::path(
    get, path = "/api/scopes", tag = "catalogue", operation_id = "listScopes",
    responses((status = 200, description = "Every scope that is described", body = ScopeList)),
)]
pub async fn scopes(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        Parameters::of(query, &[])?.finish()?;
        let stored = edge.store.read(store::scopes::list).await?;
        let document = |scope: crate::domain::resource::ScopeDescription| ScopeDocument {
            name: scope.name,
            description: scope.description,
        };
        Ok(ok(&ScopeList { scopes: stored.into_iter().map(document).collect() }))
    };
    finish(&edge, result.await)
}
