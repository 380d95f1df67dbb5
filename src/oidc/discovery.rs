//! OpenID Connect Discovery §3: what RFC 8414 says, and the members that OpenID Connect adds.
//!
//! `oauth` and `oidc` never name each other, so the shared members come from the app, which names both.

use super::check_session;
use crate::domain::claims;
use crate::domain::client_key::{ClientAlgorithm, ContentEncryption, KeyManagement};
use crate::domain::issuer::Issuer;
use crate::domain::key::Algorithm;
use crate::domain::session::PASSWORD_CONTEXT;
use serde_json::{Map, Value, json};

/// The shared members with those of OpenID Connect.
pub fn document(
    shared: Map<String, Value>,
    (issuer, has_session_management, takes_unsigned): (&Issuer, bool, bool),
    algorithms: &[Algorithm],
) -> Value {
    let mut document = shared;
    let algorithms: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let managements = KeyManagement::ALL.map(KeyManagement::as_str);
    let encryptions = ContentEncryption::ALL.map(ContentEncryption::as_str);
    // `none` is announced while an exception lets a client choose it; who registered it needs no announcement.
    let object_algorithms: Vec<&str> =
        ClientAlgorithm::ALL.iter().map(|known| known.as_str()).chain(takes_unsigned.then_some("none")).collect();
    let own = json!({
        "end_session_endpoint": issuer.endpoint("/logout"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "userinfo_endpoint": issuer.endpoint("/userinfo"),
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": algorithms,
        "id_token_encryption_alg_values_supported": managements,
        "id_token_encryption_enc_values_supported": encryptions,
        "userinfo_signing_alg_values_supported": algorithms,
        "userinfo_encryption_alg_values_supported": managements,
        "userinfo_encryption_enc_values_supported": encryptions,
        "claims_supported": claims::supported(),
        "claim_types_supported": ["normal"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": true,
        "acr_values_supported": [PASSWORD_CONTEXT],
        "display_values_supported": ["page"],
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "request_object_signing_alg_values_supported": object_algorithms,
    });
    if let Value::Object(own) = own {
        document.extend(own);
    }
    if has_session_management {
        document.insert("check_session_iframe".to_owned(), issuer.endpoint(check_session::PATH).into());
    }
    Value::Object(document)
}
