//! A document as one tree of values with the line of each, whether it was written as YAML, JSON or TOML.
//!
//! Everything is bounded before it is read: size, depth, and the number of values after aliases are resolved.

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, Span, StrInput};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;
use std::ops::Range;

/// The largest document, in bytes: some 100,000 users.
pub const LARGEST: usize = 64 * 1024 * 1024;
/// The deepest nesting.
const DEEPEST: usize = 32;
/// The most values that are written out.
const MOST_VALUES: usize = 8_000_000;
/// The most values that aliases stand for.
const MOST_COPIES: usize = 500_000;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// YAML 1.2, core schema.
    Yaml,
    /// RFC 8259.
    Json,
    /// TOML 1.0.
    Toml,
}

/// A document and where each of its values stands.
#[derive(Debug)]
pub struct Tree {
    /// The values; always an object.
    pub root: Map<String, Value>,
    lines: HashMap<String, usize>,
}

/// Why a text is no document: at this line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong; quotes nothing of the document, which may hold secrets.
    pub what: String,
}

impl Notation {
    /// By the ending of a file name; YAML, of which JSON is a part, where it says nothing.
    pub fn of(name: &str) -> Self {
        match name.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
            Some("toml") => Self::Toml,
            Some("json") => Self::Json,
            _ => Self::Yaml,
        }
    }
}

impl Tree {
    /// Reads a document.
    ///
    /// # Errors
    /// The first thing that makes it unreadable.
    pub fn parse(text: &str, notation: Notation) -> Result<Self, Malformed> {
        if text.len() > LARGEST {
            return Err(malformed(1, "the document is larger than 64 MiB"));
        }
        let mut lines = HashMap::new();
        let value = match notation {
            Notation::Yaml => parse_yaml(text, &mut lines)?,
            Notation::Json => parse_json(text, &mut lines)?,
            Notation::Toml => parse_toml(text, &mut lines)?,
        };
        match value {
            Value::Object(root) => Ok(Self { root, lines }),
            Value::Null => Ok(Self { root: Map::new(), lines }),
            _ => Err(malformed(1, "the document is not made of users, clients and so on")),
        }
    }

    /// The line of `clients[1].redirect_uris[0]`, or of the nearest value around it.
    pub fn line(&self, field: &str) -> usize {
        let mut field = field;
        loop {
            if let Some(line) = self.lines.get(field) {
                return *line;
            }
            match field.rfind(['.', '[']) {
                Some(end) => field = &field[..end],
                None => return 1,
            }
        }
    }
}

/// The path of a member below `path`.
pub fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn parse_yaml(text: &str, lines: &mut HashMap<String, usize>) -> Result<Value, Malformed> {
    let mut builder =
        Builder { events: Parser::new_from_str(text), anchors: HashMap::new(), values: 0, copies: 0, lines };
    builder.document()
}

/// JSON is read as the part of YAML that it is, after a check that it is JSON, so that repeated members are seen and
/// every value has its line. Two of its forms are none of YAML's: tabs between tokens, and surrogate pairs in escapes.
fn parse_json(text: &str, lines: &mut HashMap<String, usize>) -> Result<Value, Malformed> {
    serde_json::from_str::<Value>(text)
        .map_err(|error| malformed(error.line().max(1), format!("it is not JSON: {}", kind_of(&error))))?;
    parse_yaml(&yaml_of(text), lines)
}

/// What kind of error, without an excerpt of the document.
fn kind_of(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "the text ends too early",
        _ => "a comma, colon, quote or bracket is missing or too much, or a text holds a bad escape",
    }
}

fn yaml_of(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut is_text = false;
    while let Some(c) = rest.chars().next() {
        let (taken, written) = match c {
            '"' => {
                is_text = !is_text;
                (1, Some('"'))
            }
            '\t' if !is_text => (1, Some(' ')),
            '\\' if is_text => match surrogate_pair(rest) {
                Some(c) => (12, Some(c)),
                None => {
                    out.push('\\');
                    let escaped = rest[1..].chars().next().unwrap_or_default();
                    (1 + escaped.len_utf8(), Some(escaped))
                }
            },
            c => (c.len_utf8(), Some(c)),
        };
        out.extend(written);
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// The character of `\uD83D\uDE00` at the start of `text`.
fn surrogate_pair(text: &str) -> Option<char> {
    let unit = |range: Range<usize>| {
        let escape = text.get(range)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let units = [unit(0..6)?, unit(6..12)?];
    char::decode_utf16(units).next()?.ok().filter(|c| !matches!(c, '\0'..='\u{ffff}'))
}

struct Builder<'a, 'l> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Value>,
    values: usize,
    copies: usize,
    lines: &'l mut HashMap<String, usize>,
}

impl<'a> Builder<'a, '_> {
    fn document(&mut self) -> Result<Value, Malformed> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root.unwrap_or(Value::Null)),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(malformed(span.start.line(), "there is a second document after ---"));
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event => root = Some(self.value(event, span, "", 0)?),
            }
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, path: &str, depth: usize) -> Result<Value, Malformed> {
        let line = span.start.line();
        self.values += 1;
        self.check_count(line)?;
        if depth > DEEPEST {
            return Err(malformed(line, format!("it is nested deeper than {DEEPEST}")));
        }
        self.lines.entry(path.to_owned()).or_insert(line);
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref());
                (
                    scalar
                        .and_then(value_of)
                        .ok_or_else(|| malformed(line, "a value does not fit its tag, or is no number of JSON"))?,
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => (self.sequence(path, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(path, depth)?, anchor),
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                let value = value.ok_or_else(|| malformed(line, "an alias names what contains it"))?;
                self.copies += size_of(&value);
                self.check_count(line)?;
                (value, 0)
            }
            _ => return Err(malformed(line, "it ends too early")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Value, Malformed> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.value(event, span, &format!("{path}[{}]", items.len()), depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value, Malformed> {
        let mut members = Map::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let name = match event {
                Event::MappingEnd => return Ok(Value::Object(members)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(malformed(line, "the name of a field is not a text")),
            };
            let path = member(path, &name);
            if members.contains_key(&name) {
                return Err(malformed(line, format!("{path} stands twice")));
            }
            self.lines.insert(path.clone(), line);
            let (event, span) = self.next()?;
            let value = self.value(event, span, &path, depth + 1)?;
            members.insert(name, value);
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Malformed> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(malformed(error.marker().line(), format!("it is not YAML: {}", error.info()))),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn check_count(&self, line: usize) -> Result<(), Malformed> {
        let are_too_many = self.values > MOST_VALUES || self.copies > MOST_COPIES;
        if are_too_many { Err(malformed(line, "the document holds too many values")) } else { Ok(()) }
    }
}

fn value_of(scalar: Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(flag),
        Scalar::Integer(number) => Value::Number(number.into()),
        Scalar::FloatingPoint(number) => Value::Number(Number::from_f64(number.into_inner())?),
        Scalar::String(text) => Value::String(text.into_owned()),
    })
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(size_of).sum::<usize>(),
        _ => 1,
    }
}

fn parse_toml(text: &str, lines: &mut HashMap<String, usize>) -> Result<Value, Malformed> {
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line_at = |offset: usize| starts.partition_point(|start| *start <= offset);
    let table = toml::de::DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(span.start));
        malformed(line, format!("it is not TOML: {}", error.message()))
    })?;
    let mut tree = TomlTree { line_at: &line_at, lines, values: 0 };
    tree.table(table.get_ref(), "", 0)
}

struct TomlTree<'a> {
    line_at: &'a dyn Fn(usize) -> usize,
    lines: &'a mut HashMap<String, usize>,
    values: usize,
}

impl TomlTree<'_> {
    fn table(&mut self, table: &toml::de::DeTable<'_>, path: &str, depth: usize) -> Result<Value, Malformed> {
        let mut members = Map::new();
        for (name, value) in table {
            let path = member(path, name.get_ref());
            self.lines.insert(path.clone(), (self.line_at)(name.span().start));
            members.insert(name.get_ref().to_string(), self.value(value, &path, depth + 1)?);
        }
        Ok(Value::Object(members))
    }

    fn value(
        &mut self,
        value: &toml::Spanned<toml::de::DeValue<'_>>,
        path: &str,
        depth: usize,
    ) -> Result<Value, Malformed> {
        use toml::de::DeValue;
        let line = (self.line_at)(value.span().start);
        self.lines.entry(path.to_owned()).or_insert(line);
        self.values += 1;
        if depth > DEEPEST || self.values > MOST_VALUES {
            return Err(malformed(line, "it is nested too deeply, or holds too many values"));
        }
        Ok(match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(|number| Value::Number(number.into()))
                .map_err(|_| malformed(line, "a number is too large"))?,
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number)
                .ok_or_else(|| malformed(line, "a number is none of JSON"))?,
            DeValue::Array(items) => {
                let mut list = Vec::new();
                for (n, item) in items.iter().enumerate() {
                    list.push(self.value(item, &format!("{path}[{n}]"), depth + 1)?);
                }
                Value::Array(list)
            }
            DeValue::Table(table) => self.table(table, path, depth)?,
        })
    }
}

fn malformed(line: usize, what: impl Into<String>) -> Malformed {
    Malformed { line: line.max(1), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str, notation: Notation) -> (Value, Tree) {
        let tree = Tree::parse(text, notation).unwrap();
        (Value::Object(tree.root.clone()), tree)
    }

    fn error(text: &str, notation: Notation) -> String {
        let malformed = Tree::parse(text, notation).unwrap_err();
        format!("line {}: {}", malformed.line, malformed.what)
    }

    #[test]
    fn the_three_notations_say_the_same_and_know_their_lines() {
        let yaml =
            "users:\n  - username: alice\n    roles: [admin,\n      dev]\n  - username: bob\nn: 7\nday: 2027-06-30\n";
        let json = "{\n\t\"users\": [{\"username\": \"alice\",\n \"roles\": [\"admin\",\n\"dev\"]},\n{\"username\": \"bob\"}],\n\"n\": 7, \"day\": \"2027-06-30\"}";
        let toml = "n = 7\nday = 2027-06-30\n[[users]]\nusername = \"alice\"\nroles = [\"admin\",\n\"dev\"]\n[[users]]\nusername = \"bob\"\n";
        let expected = json!({
            "users": [{"username": "alice", "roles": ["admin", "dev"]}, {"username": "bob"}], "n": 7, "day": "2027-06-30",
        });
        for (text, notation, lines) in [
            (yaml, Notation::Yaml, [2, 3, 4, 5, 5]),
            (json, Notation::Json, [2, 3, 4, 5, 5]),
            (toml, Notation::Toml, [4, 5, 6, 8, 8]),
        ] {
            let (value, tree) = parse(text, notation);
            assert_eq!(value, expected, "{notation:?}");
            let fields = [
                "users[0].username",
                "users[0].roles[0]",
                "users[0].roles[1]",
                "users[1].username",
                "users[1].username.x[3]",
            ];
            assert_eq!(fields.map(|field| tree.line(field)), lines, "{notation:?}");
        }
    }

    #[test]
    fn json_keeps_its_escapes() {
        let text = r#"{"a": "\ud83d\ude00 \u00e9 \/ \\ud83d \" \n	"}"#.replace('\t', "\\t");
        let (value, _) = parse(&text, Notation::Json);
        assert_eq!(value, json!({"a": "😀 é / \\ud83d \" \n\t"}));
    }

    #[test]
    fn aliases_are_resolved_and_bombs_are_refused() {
        let (value, _) = parse("a: &x [1, 2]\nb: *x\n", Notation::Yaml);
        assert_eq!(value, json!({"a": [1, 2], "b": [1, 2]}));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
        }
        assert_eq!(error(&bomb, Notation::Yaml), "line 6: the document holds too many values");
        assert_eq!(error("a: &a [*a]\n", Notation::Yaml), "line 1: an alias names what contains it");
    }

    #[test]
    fn size_and_depth_are_bounded() {
        assert_eq!(error(&" ".repeat(LARGEST + 1), Notation::Yaml), "line 1: the document is larger than 64 MiB");
        for notation in [Notation::Yaml, Notation::Json, Notation::Toml] {
            let deep = if notation == Notation::Toml { "a = " } else { "" }.to_owned() + &"[".repeat(100_000);
            assert!(Tree::parse(&deep, notation).is_err(), "{notation:?}");
        }
        assert!(Tree::parse(&"- ".repeat(1_000_000), Notation::Yaml).is_err());
        assert!(Tree::parse(&"? ".repeat(100_000), Notation::Yaml).is_err());
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        assert_eq!(error("a: 1\nb: 2\na: 3\n", Notation::Yaml), "line 3: a stands twice");
        assert_eq!(error("{\"a\": 1,\n\"a\": 3}", Notation::Json), "line 2: a stands twice");
        assert!(error("a: [1\nb: 2\n", Notation::Yaml).contains("it is not YAML"));
        assert!(error("{\"password\": hunter2}", Notation::Json).starts_with("line 1: it is not JSON"));
        assert!(error("a = 1\nb = \n", Notation::Toml).starts_with("line 2: it is not TOML"));
        assert_eq!(error("- a\n", Notation::Yaml), "line 1: the document is not made of users, clients and so on");
        assert_eq!(error("a: 1\n---\nb: 2\n", Notation::Yaml), "line 2: there is a second document after ---");
    }
}
