//! Holds answers against the OpenAPI document: what a test asks of a described endpoint must be described, with its
//! status, media type and every member.

use super::answer::Answer;
use authward::domain::issuer::Issuer;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| authward::openapi::document(&Issuer::parse("https://id.example").expect("an issuer")));
static VALIDATORS: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// The document, with another issuer than any test's.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Asserts that the answer to this request is one that the document describes, where it describes the request at all.
#[track_caller]
pub fn check(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let responses = operation["responses"].as_object().expect("an operation has responses");
    let Some(response) = responses.get(&answer.status.to_string()) else {
        panic!("{method} {path}: the document knows no {} ({:?}): {answer:?}", answer.status, responses.keys());
    };
    if answer.body.is_empty() || !answer.headers("content-encoding").is_empty() {
        return;
    }
    let media_type = answer.header("content-type");
    let media_type = media_type.split(';').next().unwrap_or_default();
    let Some(content) = response["content"].get(media_type) else {
        panic!("{method} {path}: the document knows no {media_type} with {}: {answer:?}", answer.status);
    };
    if !media_type.ends_with("json") {
        return;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let validator = validator(&content["schema"]);
    let errors: Vec<String> =
        validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{method} {path} {}: {errors:?}\n{body:#}", answer.status);
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().expect("a document has paths");
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let (_, operations) = paths.iter().find(|(template, _)| fits(template))?;
    operations.get(method.as_str().to_ascii_lowercase())
}

fn validator(schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().expect("no panic while held");
    let known = validators.get_or_insert_default().entry(schema.to_string());
    Arc::clone(known.or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        Arc::new(jsonschema::validator_for(&whole).expect("a schema of the document"))
    }))
}
