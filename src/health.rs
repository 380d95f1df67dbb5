//! Health: whether the process lives, and whether it can serve.

use crate::web::extract::Edge;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::json;

/// `GET /health/live`: the process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// `GET /health/ready`: the database answers, its schema is current, and the signing keys are loaded.
pub async fn ready(edge: Edge) -> HttpResponse {
    let database = edge.store.ready().await;
    let keys = match edge.keys.jwks() {
        Ok(_) => Ok(()),
        Err(_) => edge.keys.ensure().await,
    };
    match (database, keys) {
        (Ok(()), Ok(())) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        (database, keys) => {
            let word = |is_fine| if is_fine { "ready" } else { "unavailable" };
            let body =
                json!({ "status": "unavailable", "database": word(database.is_ok()), "keys": word(keys.is_ok()) });
            HttpResponse::ServiceUnavailable().insert_header((header::RETRY_AFTER, "5")).json(body)
        }
    }
}
