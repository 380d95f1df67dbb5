//! Writing YAML that people read and our own reader, like any other, reads back to the same values. What could be read as
//! something else than a text stands between quotes.

use super::describe::Described;
use serde_json::Value;

/// A text is written without quotes when it is no longer than this.
const LONGEST_PLAIN: usize = 200;

/// Adds a list of entries under `name`.
pub(super) fn section(out: &mut String, name: &str, entries: &[Described]) {
    if entries.is_empty() {
        *out += &format!("{name}: []\n");
        return;
    }
    *out += &format!("{name}:\n");
    for entry in entries {
        let mut lead = "  - ";
        for (name, value) in &entry.0 {
            field(out, lead, 4, (name, value));
            lead = "    ";
        }
    }
}

/// Adds one entry under `name`.
pub(super) fn single(out: &mut String, name: &str, entry: &Described) {
    *out += &format!("{name}:\n");
    for (name, value) in &entry.0 {
        field(out, "  ", 2, (name, value));
    }
}

/// One field: lists of texts on its own line, objects one member a line.
fn field(out: &mut String, lead: &str, indent: usize, (name, value): (&str, &Value)) {
    let below = " ".repeat(indent + 2);
    *out += &format!("{lead}{}:", text(name));
    match value {
        Value::Object(members) if !members.is_empty() => {
            *out += "\n";
            for (name, value) in members {
                *out += &format!("{below}{}: {}\n", text(name), flow(value));
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            *out += "\n";
            for item in items {
                *out += &format!("{below}- {}\n", flow(item));
            }
        }
        value => *out += &format!(" {}\n", flow(value)),
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(content) => text(content),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{}: {}", text(name), flow(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn text(content: &str) -> String {
    if is_plain(content) { content.to_owned() } else { quoted(content) }
}

/// Whether every reader takes the text, without quotes, for this text: it begins with a letter, so it is neither a
/// number nor an indicator, and it is none of the words of YAML 1.1 and 1.2.
fn is_plain(content: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | ':' | '@' | '+');
    content.len() <= LONGEST_PLAIN
        && content.starts_with(|c: char| c.is_ascii_alphabetic())
        && content.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && content.chars().all(is_fine)
        && !content.contains(": ")
        && !WORDS.contains(&content.to_ascii_lowercase().as_str())
}

fn quoted(content: &str) -> String {
    let mut out = String::from("\"");
    for c in content.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xffff => out += &format!("\\u{:04X}", u32::from(c)),
            c => out += &format!("\\U{:08X}", u32::from(c)),
        }
    }
    out + "\""
}

/// What may stand in a file as it is, without confusing a reader or a person: no controls, separators, marks of direction.
fn is_printable(c: char) -> bool {
    let is_format = matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}');
    !c.is_control() && !is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_as_something_else_is_quoted() {
        for plain in ["alice", "https://a.example/cb", "openid profile", "a:b", "com.example.app:/callback"] {
            assert_eq!(text(plain), plain);
        }
        for odd in [
            "",
            " a",
            "a ",
            "a:",
            "a: b",
            "true",
            "No",
            "NULL",
            "1",
            "0x10",
            "-1",
            ".5",
            "2027-06-30",
            "~",
            "- a",
            "a, b",
            "a #b",
            "[a]",
            "{a}",
            "*a",
            "&a",
            "!a",
            "%a",
            "'a'",
            "é",
            "a#",
        ] {
            assert_eq!(text(odd), format!("\"{odd}\""));
        }
        assert_eq!(text("a\"\\\n\u{7f}\u{202e}\u{e0001}"), "\"a\\\"\\\\\\n\\u007F\\u202E\u{e0001}\"");
    }
}
