//! From a request object to parameters (OIDC Core §6.1, RFC 9101 §6.3).
//!
//! A parameter in the object wins over the same one outside. Those outside count besides, as OpenID Connect has it, but
//! not where the client registered `require_signed_request_object`: then the object is the whole request. `client_id`
//! and `response_type` say the same wherever they stand. The redirect URI of the object passes stage one like any
//! other.

use super::error::Cause;
use crate::clients::request_object::{Presented, RequestObjectError};
use crate::domain::client::Client;
use crate::store::StoreError;
use crate::web::extract::Edge;
use crate::web::forms::StrictForm;
use serde_json::{Map, Value};

/// Claims about the object itself, which are no parameters (RFC 7519 §4.1).
const ABOUT_THE_OBJECT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// Parameters that stand outside only.
const CARRIERS: [&str; 2] = ["request", "request_uri"];
/// Parameters that are read here and are texts or numbers.
const SCALARS: [&str; 16] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "ui_locales",
    "acr_values",
    "display",
];

/// Why a request object is not taken.
pub(super) enum ObjectError {
    /// Its client is told.
    Cause(Cause),
    /// The client's secret does not open.
    Store(StoreError),
}

impl From<Cause> for ObjectError {
    fn from(cause: Cause) -> Self {
        Self::Cause(cause)
    }
}

/// The parameters of a request with those of its request object; `None` where it has none.
pub(super) async fn resolve(
    edge: &Edge,
    client: &Client,
    form: &StrictForm,
) -> Result<Option<StrictForm>, ObjectError> {
    if let Some(name) = CARRIERS.into_iter().find(|name| form.is_repeated(name)) {
        return Err(Cause::Repeated(name.to_owned()).into());
    }
    let presented = match (form.find("request"), form.find("request_uri")) {
        (None, None) if client.requires_signed_request_object() => return Err(Cause::RequestObjectNeeded.into()),
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(Cause::RequestObjectTwice.into()),
        (Some(text), None) => Presented::Value(text),
        (None, Some(reference)) => Presented::Reference(reference),
    };
    let opened = edge.clients.open_request_object(client, presented, (edge.issuer().as_str(), edge.context.now));
    let object = opened.await.map_err(|error| match error {
        RequestObjectError::Sealed(error) => ObjectError::Store(error.into()),
        other => ObjectError::Cause(Cause::RequestObject(other)),
    })?;
    Ok(Some(merge(&object, form, client)?))
}

fn merge(object: &Map<String, Value>, form: &StrictForm, client: &Client) -> Result<StrictForm, Cause> {
    let wrong = |what: String| Cause::RequestObject(RequestObjectError::Object(what));
    let parameters = parameters(object).map_err(|name| wrong(format!("its {name} is no parameter")))?;
    let find = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    for name in ["client_id", "response_type"] {
        if let (Some(inside), Some(outside)) = (find(name), form.find(name))
            && inside != outside
        {
            return Err(wrong(format!("its {name} is {inside}, and outside of it stands {outside}")));
        }
    }
    let is_alone = client.requires_signed_request_object();
    let named: Vec<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
    let counts = |name: &str| {
        let is_told = named.iter().any(|known| known == name) || CARRIERS.contains(&name);
        !is_told && (!is_alone || name == "client_id")
    };
    form.overlaid(parameters, counts).map_err(|error| wrong(format!("its parameters are {error}")))
}

/// The claims that are parameters, as a form has them; the name of the first that cannot be one. RFC 9101 §4: "request
/// and request_uri parameters MUST NOT be included in Request Objects."
fn parameters(object: &Map<String, Value>) -> Result<Vec<(String, String)>, &str> {
    let mut parameters = Vec::new();
    for (name, value) in object {
        if ABOUT_THE_OBJECT.contains(&name.as_str()) {
            continue;
        }
        if CARRIERS.contains(&name.as_str()) {
            return Err(name);
        }
        match value {
            Value::Null => {}
            Value::String(text) => parameters.push((name.clone(), text.clone())),
            Value::Number(_) | Value::Bool(_) => parameters.push((name.clone(), value.to_string())),
            // OIDC Core §5.5: an object here, its text outside.
            Value::Object(_) if name == "claims" => parameters.push((name.clone(), value.to_string())),
            Value::Array(several) if name == "resource" => {
                for one in several {
                    parameters.push((name.clone(), one.as_str().ok_or(name.as_str())?.to_owned()));
                }
            }
            _ if SCALARS.contains(&name.as_str()) || ["claims", "resource"].contains(&name.as_str()) => {
                return Err(name);
            }
            // What is not known here is ignored, as outside.
            Value::Array(_) | Value::Object(_) => {}
        }
    }
    Ok(parameters)
}
