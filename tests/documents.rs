//! Documents that are generated from the code and compared with what is checked in: `docs/ERRORS.md` from the rules of
//! refusal, `docs/CONFORMANCE.md` from `tests/documents/certification.md`, which is written by hand, and the clauses that
//! tests cite. `AUTHWARD_BLESS=1` writes them anew. The snippets of the guides are compared with the programs they are taken
//! from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use authward::domain::refusal::RULES;

/// The specifications whose clauses are listed, in the order of the document.
const SPECIFICATIONS: &[&str] = &[
    "RFC 6265",
    "RFC 6749",
    "RFC 6750",
    "RFC 6797",
    "RFC 7009",
    "RFC 7239",
    "RFC 7515",
    "RFC 7516",
    "RFC 7517",
    "RFC 7518",
    "RFC 7519",
    "RFC 7521",
    "RFC 7523",
    "RFC 7591",
    "RFC 7617",
    "RFC 7636",
    "RFC 7638",
    "RFC 7662",
    "RFC 8037",
    "RFC 8252",
    "RFC 8265",
    "RFC 8414",
    "RFC 8707",
    "RFC 8725",
    "RFC 8996",
    "RFC 9068",
    "RFC 9101",
    "RFC 9110",
    "RFC 9112",
    "RFC 9207",
    "RFC 9325",
    "RFC 9457",
    "RFC 9700",
    "RFC 9728",
    "OAuth 2.1",
    "OAuth 2.0 Multiple Response Types",
    "OAuth 2.0 Form Post Response Mode",
    "OAuth 2.0 for Browser-Based Apps",
    "OIDC Core",
    "OIDC Registration",
    "OpenID Connect Discovery",
    "OpenID Connect Registration",
    "OpenID Connect Front-Channel Logout",
    "OpenID Connect RP-Initiated Logout",
    "OWASP ASVS",
];
/// Those that the first release must show a test for.
const REQUIRED: &[&str] = &[
    "RFC 6749", "RFC 7009", "RFC 7636", "RFC 7662", "RFC 8252", "RFC 8414", "RFC 8707", "RFC 9068", "RFC 9207",
    "RFC 9700",
];

#[test]
fn the_document_of_errors_lists_every_rule() {
    compare("docs/ERRORS.md", &errors());
}

#[test]
fn the_document_of_conformance_lists_every_cited_clause() {
    let clauses = clauses();
    for required in REQUIRED {
        assert!(clauses.keys().any(|(name, _)| name == required), "no test cites {required}");
    }
    compare("docs/CONFORMANCE.md", &conformance(&clauses));
}

#[test]
fn the_snippets_of_the_guides_are_what_the_tests_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut snippets = 0;
    for guide in fs::read_dir(root.join("docs/guides")).expect("the guides").flatten() {
        let name = guide.path().display().to_string();
        for (source, snippet) in snippets_of(&fs::read_to_string(guide.path()).expect("a guide")) {
            let program =
                fs::read_to_string(root.join(&source)).unwrap_or_else(|error| panic!("{name}: {source}: {error}"));
            for paragraph in paragraphs(&snippet) {
                assert!(has_paragraph(&program, &paragraph), "{name}: not in {source}:\n{}", paragraph.join("\n"));
            }
            snippets += 1;
        }
    }
    assert!(snippets > 0, "no guide names the source of a snippet");
}

/// (file, code) of every fenced block below a line `<!-- from FILE -->`.
fn snippets_of(guide: &str) -> Vec<(String, String)> {
    let starts = guide.match_indices("<!-- from ").map(|(at, mark)| &guide[at + mark.len()..]);
    let parts = starts.map(|rest| {
        let (source, block) = rest.split_once(" -->\n```").expect("a fenced block below the mark");
        let (_, code) = block.split_once('\n').expect("the block's first line");
        (source.to_owned(), code.split("\n```").next().unwrap_or_default().to_owned())
    });
    parts.collect()
}

/// The lines between empty ones.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    lines.split(|line| line.trim().is_empty()).map(unindented).filter(|lines| !lines.is_empty()).collect()
}

/// Whether the lines stand in the program one below the other, indented as it may be.
fn has_paragraph(program: &str, paragraph: &[&str]) -> bool {
    let lines: Vec<&str> = program.lines().collect();
    lines.windows(paragraph.len()).any(|window| unindented(window) == paragraph)
}

/// Without the indentation that all lines have.
fn unindented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    lines.iter().map(|line| line.get(least..).unwrap_or_default()).collect()
}

fn compare(file: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("AUTHWARD_BLESS").is_some() {
        fs::write(&path, wanted).expect("the document can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{file} is not what the code says; AUTHWARD_BLESS=1 cargo test --test documents writes it"
    );
}

fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\nEvery request that is refused is refused by one of these rules. The first column is the stable id that logs and\n\
         `authward explain REFERENCE` show. This page is generated from `src/domain/refusal.rs`.\n",
    );
    for rule in RULES {
        let code = if rule.code.is_empty() { "none" } else { rule.code };
        let _ = write!(
            text,
            "\n## {}\n\n`{code}` · {}\n\nSaid to the client: {}.\n\nTo mend it: {}\n",
            rule.id, rule.section, rule.description, rule.mend
        );
    }
    text
}

/// (specification, section) -> tests.
type Clauses = BTreeMap<(String, Section), Vec<String>>;

/// A section, ordered by its numbers: §4.10 comes after §4.9.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Section(Vec<u32>, String);

fn clauses() -> Clauses {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    files.sort();
    let mut clauses = Clauses::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let name = file.strip_prefix(root).expect("a file of the project").display().to_string();
        for (test, citation) in cited_tests(&text) {
            for clause in clauses_of(&citation) {
                clauses.entry(clause).or_default().push(format!("`{name}` {test}"));
            }
        }
    }
    clauses
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            files.push(path);
        }
    }
}

/// Every function under a test attribute, with the doc comment above that. A macro call that stands on its own
/// (`on_every_database! {`) makes tests of all the functions in it.
fn cited_tests(text: &str) -> Vec<(String, String)> {
    let (mut docs, mut is_test, mut found) = (String::new(), false, Vec::new());
    let mut is_in_macro = false;
    for line in text.lines() {
        is_in_macro = (is_in_macro && line != "}") || line.ends_with("! {") && !line.starts_with(' ');
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("///") {
            docs.push_str(doc);
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else {
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
            if let (true, Some(name)) = ((is_test || is_in_macro) && !docs.is_empty(), name) {
                found.push((name.to_owned(), docs.clone()));
            }
            docs.clear();
            is_test = false;
        }
    }
    found
}

fn clauses_of(citation: &str) -> Vec<(String, Section)> {
    let mut found: Vec<(String, Section)> = Vec::new();
    for specification in SPECIFICATIONS {
        for (at, _) in citation.match_indices(specification) {
            let rest = &citation[at + specification.len()..];
            // A further `§` after a comma belongs to the same specification.
            for part in rest.split(',').map(str::trim_start) {
                let Some(section) = part.strip_prefix('§') else { break };
                let number: String = section.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
                let number = number.trim_end_matches('.').to_owned();
                let order = number.split('.').filter_map(|digits| digits.parse().ok()).collect();
                let clause = ((*specification).to_owned(), Section(order, number));
                if !found.contains(&clause) {
                    found.push(clause);
                }
            }
        }
    }
    found
}

fn conformance(clauses: &Clauses) -> String {
    let certification = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents/certification.md");
    let mut text = fs::read_to_string(certification).expect("what is written by hand");
    text.push_str(
        "\n# Clauses and the tests that prove them\n\nGenerated from the doc comments of the tests; a test that proves a clause says so.\n",
    );
    for specification in SPECIFICATIONS {
        let rows: Vec<_> = clauses.iter().filter(|((name, _), _)| name == specification).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {specification}\n\n| clause | tests |\n|---|---|\n");
        for ((_, section), tests) in rows {
            let _ = writeln!(text, "| §{} | {} |", section.1, tests.join("<br>"));
        }
    }
    text
}
