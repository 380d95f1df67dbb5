//! What commands print: tables and JSON on standard output, complaints on standard error.

use super::Failure;
use crate::domain::time::Timestamp;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use std::io::Write as _;

/// How a listing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
}

/// One row of a listing: the same fields make the columns and the JSON.
pub(super) trait Row: Serialize {
    /// The heads of the columns.
    const HEADS: &'static [&'static str];
    /// The cells, as many as there are heads.
    fn cells(&self) -> Vec<String>;
}

/// Prints rows in the wanted format.
pub(super) fn list<R: Row>(rows: &[R], format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => print(&table(R::HEADS, &rows.iter().map(Row::cells).collect::<Vec<_>>())),
        Format::Json => json(&rows),
    }
}

/// Prints a value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::work)?;
    print(&(text + "\n"))
}

/// Prints named values, one a line, those that are empty left out.
pub(super) fn fields(fields: &[(&str, String)]) -> Result<(), Failure> {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{name:width$}  {}\n", visible(value));
    print(&fields.iter().filter(|(_, value)| !value.is_empty()).map(line).collect::<String>())
}

/// A value for people: a text as it is, nothing for nothing, else JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Prints text as it is. Whoever closes the pipe has seen enough.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::work(error)),
        _ => Ok(()),
    }
}

/// Prints a sentence to standard error.
pub(super) fn complain(text: &str) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "authward: {}", text.trim_end());
}

/// `2027-06-30T12:00:00Z`
pub(super) fn time(at: Timestamp) -> String {
    at.rfc3339()
}

/// Rows under their heads, as wide as needed.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = heads.iter().map(|head| head.to_uppercase()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(heads).chain(rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect())).collect();
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Text for a terminal: control characters, which could move the cursor, are written as escapes.
pub(super) fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "long".to_owned()], vec!["b\u{1b}[2J".to_owned(), String::new()]];
        assert_eq!(table(&["id", "x"], &rows), "ID          X\na           long\nb\\u{1b}[2J\n");
    }
}
