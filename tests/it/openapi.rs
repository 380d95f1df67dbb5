//! The OpenAPI document: it describes every JSON endpoint and no other, and its page asks nobody else for anything. What it
//! says of answers is held against every answer that a test gets (`support/described.rs`).

use crate::support::{TestApp, described};
use authward::web::policy::Kind;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn the_document_describes_every_json_endpoint_and_no_other() {
    let routed: BTreeSet<(String, String)> = authward::routes::paths()
        .filter(|(_, _, policy)| policy.kind != Kind::Page)
        .flat_map(|(path, methods, _)| methods.into_iter().map(move |method| (path.to_owned(), method.to_lowercase())))
        .collect();
    let paths = described::document()["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    let only = |one: &BTreeSet<_>, other: &BTreeSet<_>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(only(&routed, &described), [], "not described");
    assert_eq!(only(&described, &routed), [], "described, but not there");
}

#[test]
fn the_document_is_whole() {
    let document = described::document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "{name} stands twice");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name} says not what it does");
            let is_api = path.starts_with("/api/") && path != "/api/openapi.json";
            assert!(!is_api || operation["security"].as_array().is_some_and(|needs| !needs.is_empty()), "{name}");
            let named = path.matches('{').count();
            let parameters = operation["parameters"]
                .as_array()
                .map_or(0, |list| list.iter().filter(|one| one["in"] == "path" && one["required"] == true).count());
            assert_eq!(named, parameters, "{name}");
        }
    }
    for reference in references(document) {
        let pointer = reference.strip_prefix('#').expect("nothing outside of the document is named");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match member.as_str() {
                Some(text) if name == "$ref" => vec![text],
                _ => references(member),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_document_is_served_to_anybody_with_this_issuer() {
    let app = TestApp::empty().issuer("/tenant").start().await;
    let answer = app.get("/api/openapi.json").await;
    answer.assert_status(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let document = answer.json();
    assert_eq!(document["servers"][0]["url"], app.issuer);
    let token = &document["components"]["securitySchemes"]["admin"]["flows"]["clientCredentials"]["tokenUrl"];
    assert_eq!(token, &Value::String(format!("{}/token", app.issuer)));
}

/// Under the strict content security policy, without a script and without outside requests.
#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let app = TestApp::empty().start().await;
    for language in ["en", "ko"] {
        let page = app.send(app.http.get(app.url("/api")).header("accept-language", language)).await;
        page.assert_page(200);
        let text = page.text();
        assert!(text.contains(&format!("<html lang=\"{language}\">")));
        for (path, operations) in described::document()["paths"].as_object().unwrap() {
            for operation in operations.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(text.contains(&format!("id=\"{id}\"")) && text.contains(path.as_str()), "{id}");
            }
        }
        let loaded = text.split(['"', '\'']).find(|value| value.starts_with("http") || value.starts_with("//"));
        assert_eq!(loaded, None, "the page names it");
        assert!(!text.contains("<script"));
        // Every link to a place in the page leads somewhere.
        for link in text.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(text.contains(&format!("id=\"{link}\"")), "#{link}");
        }
    }
}
