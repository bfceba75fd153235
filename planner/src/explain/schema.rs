//! What the plan's schemas have beyond columns of a type: traits, keys, indexes, checks, objects.

use std::fmt::Write;

use sensei_storage::{Field, ForeignKey, IdentityKind, Index, IndexTerm, TargetTable, Timing};

use super::text::{clean, list, one_line};
use crate::plan::Plan;

/// What a column has beyond its type, each as ` [word]`.
pub(super) fn traits(out: &mut String, field: &Field) {
    let traits = &field.traits;
    if let Some(generation) = &traits.generation {
        let kind = if generation.stored { "stored" } else { "virtual" };
        let _ = write!(out, "  [computed, {kind}: {}]", one_line(&generation.expression));
    }
    if let Some(identity) = &traits.identity {
        let how = match identity.kind {
            IdentityKind::Always => "always",
            IdentityKind::ByDefault => "by default",
            IdentityKind::RowId => "by rowid",
            IdentityKind::Serial { .. } => "serial",
        };
        let _ = write!(out, "  [numbers itself, {how}]");
    }
    if let Some(default) = &traits.default {
        let _ = write!(out, "  [default {}]", one_line(default));
    }
    if let Some(collation) = &traits.collation {
        let _ = write!(out, "  [collation {collation}]");
    }
}

/// Foreign keys, indexes, checks and partitions of a table, each on a line.
pub(super) fn beyond_rows(out: &mut String, table: &TargetTable) {
    table.foreign_keys.iter().for_each(|key| foreign_key(out, key));
    table.indexes.iter().for_each(|found| index(out, found));
    for check in &table.checks {
        let name = check.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        let _ = writeln!(out, "  check{name} {}", one_line(&check.expression));
    }
    if let Some(partitioning) = &table.partitioning {
        let count = partitioning.partitions.len();
        let _ = writeln!(out, "  partitioned by {}, {count} in all", one_line(&partitioning.by));
    }
}

fn foreign_key(out: &mut String, key: &ForeignKey) {
    let (columns, parents) = (key.columns.join(", "), key.parent_columns.join(", "));
    let _ = write!(out, "  foreign key ({}) -> {:?} ({})", clean(&columns), key.parent, clean(&parents));
    for (event, action) in [("delete", &key.on_delete), ("update", &key.on_update)] {
        if action != "NO ACTION" {
            let _ = write!(out, " on {event} {}", action.to_lowercase());
        }
    }
    out.push_str(match key.timing {
        Timing::Immediate => "\n",
        Timing::Deferrable => " deferrable\n",
        Timing::Deferred => " deferred\n",
    });
}

fn index(out: &mut String, index: &Index) {
    let parts: Vec<String> = index
        .parts
        .iter()
        .map(|part| {
            let of = match &part.of {
                IndexTerm::Column(name) => clean(name),
                IndexTerm::Expression(sql) => one_line(sql),
            };
            let prefix = part.prefix.map(|count| format!("({count})")).unwrap_or_default();
            let order = if part.descending { " desc" } else { "" };
            format!("{of}{prefix}{order}")
        })
        .collect();
    let kind = match (index.constraint, index.unique) {
        (true, true) => "unique constraint",
        (true, false) => "constraint",
        (false, true) => "unique index",
        (false, false) => "index",
    };
    let method = if index.method == "btree" { String::new() } else { format!(" using {}", clean(&index.method)) };
    let _ = write!(out, "  {kind} {:?}{method} ({})", index.name, parts.join(", "));
    if !index.include.is_empty() {
        let _ = write!(out, " include ({})", clean(&index.include.join(", ")));
    }
    if let Some(predicate) = &index.predicate {
        let _ = write!(out, " where {}", one_line(predicate));
    }
    out.push('\n');
}

/// What is created beside the tables, if anything is.
pub(super) fn objects(out: &mut String, plan: &Plan) {
    if plan.objects.is_empty() {
        return;
    }
    let said = plan.objects.iter().map(|object| {
        let on = object.table.as_ref().map(|table| format!(" on {table:?}")).unwrap_or_default();
        format!("{} {:?}{on}", object.kind, object.name)
    });
    list(out, "Beside the tables", said);
}
