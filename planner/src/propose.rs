//! A first plan file, written from what the source holds. It decides nothing that a person must decide: what cannot be
//! carried stands there as a comment, with the reason.

use std::fmt::Write;

use sensei_storage::{Catalog, System, Table};

use crate::address;
use crate::explain::{grouped, rounded};

/// Writes a plan file that copies every table of `source` from `source_url` to `target_url`. Passwords in the URLs are
/// replaced by `${SENSEI_SOURCE_PASSWORD}` and `${SENSEI_TARGET_PASSWORD}`. The text reads back by
/// [`crate::PlanFile::parse`] once those are set.
///
/// `target` is what the target holds now: tables that exist there already are pointed out.
pub fn propose(source_url: &str, target_url: &str, source: &Catalog, target: &Catalog) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# What Sensei will do. `sensei check` tells what it thinks of it, and writes nothing.");
    let _ = writeln!(out, "version: 1");
    let _ = writeln!(out, "name: {}\n", job_name(source_url));
    place(&mut out, "source", source_url, source);
    if source.system != System::Csv {
        let _ = writeln!(out, "  # quiesced: true        # promise that nobody writes to the source meanwhile");
    }
    place(&mut out, "target", target_url, target);
    let _ = writeln!(out, "  on_existing: fail       # or truncate, append: for target tables that have rows");
    let _ = writeln!(out, "state: ./sensei-state     # journal and evidence; a folder or a URL\n");
    tables(&mut out, source, target);
    let _ = writeln!(out, "\nverify: full              # read every row back and compare; or counts, off");
    let _ = writeln!(out, "rejects: {{ max: 0, to: ./rejects }}");
    let _ = writeln!(out, "# limits: {{ workers: 2, source_connections: 4, target_connections: 4, memory: 256MiB }}");
    if !source.not_carried.is_empty() {
        let _ = writeln!(out, "\n# Not carried:");
        for object in &source.not_carried {
            let _ = writeln!(out, "#   {}", comment(object));
        }
    }
    out
}

fn place(out: &mut String, side: &str, url: &str, catalog: &Catalog) {
    let capitals = side.to_ascii_uppercase();
    let hidden = |kind: &str, secret: &str| match is_variable(secret) {
        true => secret.to_owned(),
        false => format!("${{SENSEI_{capitals}_{kind}}}"),
    };
    let url = address::replaced(url, hidden, |rest| rest.replace('$', "$$"));
    let version = comment(&catalog.version);
    let _ = writeln!(out, "{side}:                   # {} {version}", catalog.system);
    let _ = writeln!(out, "  url: {}", quoted(&url));
    if let Some(schema) = catalog.schema.as_ref().filter(|_| catalog.system == System::Postgresql) {
        let _ = writeln!(out, "  schema: {}", text(schema));
    }
}

/// Whether the text is one `${NAME}` and nothing else: the user's own way of keeping a secret.
fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

fn tables(out: &mut String, source: &Catalog, target: &Catalog) {
    if source.tables.is_empty() {
        out.push_str("# The source has no tables there.\ntables: { include: [\"*\"] }\n");
        return;
    }
    out.push_str(
        "tables:\n  include:                # delete the lines of what stays behind; patterns with * and ? work too\n",
    );
    for table in &source.tables {
        let exists = target.tables.iter().any(|found| found.name == table.name);
        let _ = writeln!(out, "    - {}  # {}", text(&table.name), facts(table, exists));
    }
    let needy: Vec<&Table> = source.tables.iter().filter(|table| unsupported(table).next().is_some()).collect();
    if needy.is_empty() {
        out.push_str(EXAMPLE);
        return;
    }
    out.push_str(
        "  # These columns cannot be carried as they are. Decide for each: a line without its # decides.\n  rules:\n",
    );
    for table in needy {
        let _ = writeln!(out, "    - table: {}\n      columns:", text(&table.name));
        for (name, native) in unsupported(table) {
            let reason = match native.trim() {
                "" => "no declared type; or { type: text }, if it is text".to_owned(),
                native => format!("type {} is not supported", comment(native)),
            };
            let _ = writeln!(out, "        # {}: {{ drop: true }}  # {reason}", quoted(name));
        }
    }
}

const EXAMPLE: &str = "  # rules:
  #   - table: Customer
  #     into: customers                                              # another name
  #     where: \"Country <> 'XX'\"                                     # only some rows
  #     columns:
  #       Email: { expr: \"lower(trim(Email))\" }                      # SQL over the source's columns
  #       Phone: { mask: { keyed_hash: { key: \"${MASK_KEY}\" } } }    # cannot be read, still joins
  #       Fax:   { drop: true }
";

fn unsupported(table: &Table) -> impl Iterator<Item = (&str, &str)> {
    let columns = table.columns.iter().filter(|column| column.logical.is_none());
    columns.map(|column| (column.name.as_str(), column.native.as_str()))
}

fn facts(table: &Table, exists: bool) -> String {
    let mut facts = vec![match table.rows_estimate {
        Some(rows) => format!("about {} rows", grouped(rows)),
        None => "number of rows unknown".to_owned(),
    }];
    facts.extend(table.bytes_estimate.map(|bytes| format!("about {}", rounded(bytes))));
    facts.push(match table.columns.len() {
        1 => "1 column".to_owned(),
        count => format!("{count} columns"),
    });
    if table.primary_key.is_empty() {
        facts.push("no primary key".to_owned());
    }
    if exists {
        facts.push("exists in the target".to_owned());
    }
    facts.join(", ")
}

/// The last part of the URL without its ending, as far as a job's name allows.
fn job_name(url: &str) -> String {
    let url = address::without_secrets(url);
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let last = path.rsplit(['/', ':', '\\']).next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem).to_lowercase();
    let clean: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(64).collect();
    match clean.trim_matches('-') {
        "" => "move".to_owned(),
        name => name.to_owned(),
    }
}

/// Text as a YAML scalar that reads back as itself.
fn text(text: &str) -> String {
    quoted(&text.replace('$', "$$"))
}

/// A double-quoted YAML scalar. Everything that is not plainly printable is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            _ if is_plain(c) => out.push(c),
            _ => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Text for a comment: on one line, whatever it holds.
fn comment(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect()
}

/// Whether YAML 1.2 allows the character as it is and no editor or terminal is confused by it.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
