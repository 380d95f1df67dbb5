//! Strict JSON bodies: one object, bounded in size, depth and time, in which no member stands twice (RFC 8259 §4 leaves
//! open what a repeated member means, so it means nothing here).

use super::extract::{is_uncompressed, whole_body};
use crate::domain::refusal::{self, Refusal};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::convert::Infallible;

/// The object of a JSON body.
pub struct JsonBody(pub Result<Map<String, Value>, Refusal>);

impl FromRequest for JsonBody {
    type Error = Infallible;
    type Future = LocalBoxFuture<'static, Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move { Ok(Self(read(&request, payload).await)) })
    }
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Map<String, Value>, Refusal> {
    check_headers(request)?;
    let body = whole_body(request, payload).await?;
    parse(&body)
}

fn check_headers(request: &HttpRequest) -> Result<(), Refusal> {
    const JSON: &str = "application/json";
    let types: Vec<_> =
        request.headers().get_all(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?")).collect();
    let media_type = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if types.len() != 1 || media_type(types[0]) != JSON {
        return Err(Refusal::by(&refusal::JSON_TYPE)
            .because(format!("Content-Type: {}", types.join(" | ")), format!("Content-Type: {JSON}")));
    }
    if is_uncompressed(request) {
        return Ok(());
    }
    Err(Refusal::by(&refusal::JSON_TYPE).because("a compressed body", "a body that is not compressed"))
}

/// Reads one JSON object.
///
/// # Errors
/// The [`Refusal`] that names what is wrong and where.
pub fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let malformed = |what: String| Refusal::by(&refusal::JSON).because(what, "one JSON object, each member once");
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(members))) => Ok(members),
        Ok(Strict(_)) => Err(malformed("JSON that is no object".to_owned())),
        Err(error) => Err(malformed(format!("JSON that breaks off: {error}"))),
    }
}

/// A JSON value in which no member stands twice and no text holds NUL.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') { Err(E::custom("a text holds NUL")) } else { Ok(text.into()) }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if name.contains('\0') {
                return Err(A::Error::custom("a name holds NUL"));
            }
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_object_is_read_and_everything_else_refused() {
        assert_eq!(parse(br#"{"a":[1,-2.5,true,null,"x",{"b":"c"}]}"#).unwrap()["a"][5]["b"], "c");
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for bad in [
            "",
            "null",
            "[]",
            "1",
            "{",
            "{}{}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":{\"b\":1,\"b\":2}}",
            "{\"a\":\"\\u0000\"}",
            "{\"\\u0000\":1}",
            "{a:1}",
            "\u{feff}{}",
            &deep,
        ] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().rule.id, refusal::JSON.id, "{bad:?}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
