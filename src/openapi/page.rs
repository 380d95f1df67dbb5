//! The page that shows the document: rendered here, so it needs no script and asks nobody else for anything.

use super::document;
use crate::domain::refusal::{self, Rule};
use crate::ui::Page;
use crate::web::answer;
use crate::web::extract::Edge;
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Serialize)]
struct ApiPage {
    issuer: String,
    document_href: String,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
    rules: Vec<Refused>,
}

impl Page for ApiPage {
    const TEMPLATE: &'static str = "pages/api.html";
}

/// The operations of one tag.
#[derive(Serialize)]
struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

#[derive(Serialize)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    /// The scope that is needed.
    scope: Option<String>,
    parameters: Vec<Member>,
    /// Media type and schema of the body.
    body: Option<Content>,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Content {
    media_type: String,
    kind: String,
    schema: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    status: String,
    description: String,
    content: Option<Content>,
}

/// An object of the document.
#[derive(Serialize)]
struct Schema {
    name: String,
    description: String,
    members: Vec<Member>,
}

/// A parameter or a member of an object.
#[derive(Serialize)]
struct Member {
    name: String,
    kind: String,
    schema: Option<String>,
    required: bool,
    description: String,
}

/// A rule by which the admin API refuses.
#[derive(Serialize)]
struct Refused {
    id: &'static str,
    description: &'static str,
    mend: &'static str,
}

/// The rules that the admin API refuses by, beyond those of HTTP itself.
const RULES: [&Rule; 13] = [
    &refusal::TOKEN_MISSING,
    &refusal::TOKEN_INVALID,
    &refusal::TOKEN_TWICE,
    &refusal::TOKEN_IN_QUERY,
    &refusal::ADMIN_ONLY,
    &refusal::JSON_TYPE,
    &refusal::JSON,
    &refusal::FIELDS,
    &refusal::BODY_TOO_LARGE,
    &refusal::UNKNOWN,
    &refusal::TAKEN,
    &refusal::STATE,
    &refusal::UNAVAILABLE,
];

/// `GET /api`
pub async fn get(edge: Edge) -> HttpResponse {
    answer::page::show(&edge, &page(&edge))
}

fn page(edge: &Edge) -> ApiPage {
    let document = document(edge.issuer());
    let refused = |rule: &&'static Rule| Refused { id: rule.id, description: rule.description, mend: rule.mend };
    ApiPage {
        issuer: edge.issuer().as_str().to_owned(),
        document_href: edge.path("/api/openapi.json"),
        groups: groups(&document),
        schemas: members_of(&document["components"]["schemas"])
            .map(|(name, schema)| read_schema(name, schema))
            .collect(),
        rules: RULES.iter().map(refused).collect(),
    }
}

fn groups(document: &Value) -> Vec<Group> {
    let operations: Vec<(String, Operation)> = members_of(&document["paths"])
        .flat_map(|(path, operations)| {
            members_of(operations).map(move |(method, value)| (text(&value["tags"][0]), operation(path, method, value)))
        })
        .collect();
    let mut groups: Vec<Group> = document["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| Group { name: text(&tag["name"]), description: text(&tag["description"]), operations: Vec::new() })
        .collect();
    for (tag, operation) in operations {
        if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
            group.operations.push(operation);
        }
    }
    groups.retain(|group| !group.operations.is_empty());
    groups
}

fn operation(path: &str, method: &str, value: &Value) -> Operation {
    let parameter = |value: &Value| Member {
        name: text(&value["name"]),
        kind: kind(&value["schema"]),
        schema: None,
        required: value["required"] == true,
        description: text(&value["description"]),
    };
    Operation {
        id: text(&value["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&value["summary"]),
        scope: value["security"][0]["admin"][0].as_str().map(str::to_owned),
        parameters: value["parameters"].as_array().into_iter().flatten().map(parameter).collect(),
        body: content(&value["requestBody"]),
        answers: members_of(&value["responses"])
            .map(|(status, answer)| Answer {
                status: status.to_owned(),
                description: text(&answer["description"]),
                content: content(answer),
            })
            .collect(),
    }
}

fn content(value: &Value) -> Option<Content> {
    let (media_type, content) = members_of(&value["content"]).next()?;
    let schema = &content["schema"];
    Some(Content { media_type: media_type.to_owned(), kind: kind(schema), schema: reference(schema) })
}

fn read_schema(name: &str, schema: &Value) -> Schema {
    // What is flattened into an object is one of several parts.
    let parts: Vec<&Value> = match schema["allOf"].as_array() {
        Some(parts) => parts.iter().collect(),
        None => vec![schema],
    };
    let mut members: Vec<Member> = Vec::new();
    for part in parts {
        let required: Vec<&str> = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        members.extend(members_of(&part["properties"]).map(|(name, member)| Member {
            name: name.to_owned(),
            kind: kind(member),
            schema: reference(member),
            required: required.contains(&name),
            description: text(&member["description"]),
        }));
        members.extend(reference(part).map(|schema| Member {
            name: "…".to_owned(),
            kind: schema.clone(),
            schema: Some(schema),
            required: false,
            description: String::new(),
        }));
    }
    Schema { name: name.to_owned(), description: text(&schema["description"]), members }
}

/// What a schema is, in short: `string`, `list of string`, the name of another schema.
fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema).filter(|_| schema["type"] != "array") {
        return name;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => Vec::new(),
    };
    match types.as_slice() {
        ["array"] => format!("list of {}", kind(&schema["items"])),
        [] => "any".to_owned(),
        types => types.join(" or "),
    }
}

/// The schema that is named, itself or as what a list holds.
fn reference(schema: &Value) -> Option<String> {
    let direct = schema["$ref"].as_str().or_else(|| schema["items"]["$ref"].as_str());
    direct.and_then(|path| path.rsplit('/').next()).map(str::to_owned)
}

fn members_of(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
