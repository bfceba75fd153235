//! The plan as text for a terminal: what goes where, what is lost, what is left behind, and in which order.

use std::fmt::Write;

use sensei_storage::{Field, OnExisting, VerifyMode};

use super::schema;
use crate::bytes::ByteSize;
use crate::plan::{ColumnPlan, Input, OnOrphans, Place, Plan, RelationPlan, TablePlan};
use crate::stages::{Stage, StageGraph, StageNode};

/// The whole plan.
pub(super) fn text(plan: &Plan, stages: &StageGraph) -> String {
    let mut out = String::new();
    head(&mut out, plan);
    for (index, table) in plan.tables.iter().enumerate() {
        let node = stages.nodes.iter().find(|node| node.stage == Stage::Snapshot { table: index });
        one_table(&mut out, plan, table, node);
    }
    list(&mut out, "Relations checked", plan.relations.iter().map(|relation| one_relation(plan, relation)));
    let lossy = plan.lossy.iter().map(|lossy| format!("{:?}.{:?}: {}", lossy.table, lossy.column, lossy.rule));
    list(&mut out, "Declared losses and assumptions", lossy);
    schema::objects(&mut out, plan);
    list(&mut out, "Not carried", plan.not_carried.iter().map(|object| clean(object)));
    stage_list(&mut out, plan, stages);
    out
}

/// A stage's name, such as `snapshot "Customer"`.
pub(super) fn title(plan: &Plan, stage: Stage) -> String {
    let name = |table: usize| plan.tables.get(table).map_or("?", |table| table.source.as_str());
    match stage {
        Stage::ObjectsBefore => "objects tables need".to_owned(),
        Stage::Prepare => "prepare".to_owned(),
        Stage::Snapshot { table } => format!("snapshot {:?}", name(table)),
        Stage::Index { table } => format!("index {:?}", name(table)),
        Stage::References { relation } => match plan.relations.get(relation) {
            Some(relation) => format!("references {:?} -> {:?}", name(relation.child), name(relation.parent)),
            None => "references ?".to_owned(),
        },
        Stage::Constraints => "constraints".to_owned(),
        Stage::Sequences => "sequences".to_owned(),
        Stage::ObjectsAfter => "objects that need tables".to_owned(),
        Stage::Verify => "verify".to_owned(),
        Stage::Certify => "certify".to_owned(),
    }
}

/// Estimated rows and bytes, such as `~1,200 rows, ~4 MiB`; empty if nothing is known.
pub(super) fn amount(node: &StageNode) -> String {
    let rows = node.rows_estimate.map(|rows| format!("~{} {}", grouped(rows), plural(rows, "row")));
    let bytes = node.bytes_estimate.map(|bytes| format!("~{}", rounded(bytes)));
    rows.into_iter().chain(bytes).collect::<Vec<_>>().join(", ")
}

fn head(out: &mut String, plan: &Plan) {
    let place = |place: &Place| {
        let schema = place.schema.as_ref().map(|schema| format!(", schema {schema:?}")).unwrap_or_default();
        format!("{}{schema} ({})", place.description, place.system)
    };
    let quiesced = if plan.quiesced { ", quiesced" } else { "" };
    let verify = match plan.verify {
        VerifyMode::Full => "every row is read back and compared",
        VerifyMode::Counts => "rows are counted, not compared",
        VerifyMode::Off => "OFF: nothing is proved",
    };
    let on_existing = match plan.on_existing {
        OnExisting::Fail => "refused",
        OnExisting::Truncate => "EMPTIED FIRST",
        OnExisting::Append => "kept, new rows added",
    };
    let limits = &plan.limits;
    let _ = writeln!(out, "Plan {}  sha256:{}", plan.name, plan.sha256());
    let _ = writeln!(out, "  source    {}{quiesced}", place(&plan.source));
    let _ = writeln!(out, "  target    {}", place(&plan.target));
    let _ = writeln!(out, "  verify    {verify}");
    let _ = writeln!(out, "  existing  tables that have rows: {on_existing}");
    let rows = if plan.rejects.rows { "" } else { ", without their values" };
    let _ = writeln!(out, "  rejects   at most {}, written to {}{rows}", grouped(plan.rejects.max), plan.rejects.to);
    let _ = writeln!(
        out,
        "  limits    {} {}, {} source and {} target connections, {} memory, {} splits",
        limits.workers,
        plural(limits.workers.into(), "worker"),
        limits.source_connections,
        limits.target_connections,
        ByteSize(limits.memory_bytes),
        ByteSize(limits.split_bytes)
    );
    let _ = writeln!(out, "  state     {}", plan.state);
}

fn one_table(out: &mut String, plan: &Plan, table: &TablePlan, node: Option<&StageNode>) {
    let kind = if table.target.create { "created" } else { "exists" };
    let _ = write!(out, "\nTable {:?} -> {:?} ({kind})", table.source, table.target.name);
    if let Some(node) = node {
        let mut facts = vec![amount(node)];
        facts.extend(node.bytes_estimate.map(|bytes| {
            let splits = bytes.div_ceil(plan.limits.split_bytes.max(1)).max(1);
            format!("~{} {}", grouped(splits), plural(splits, "split"))
        }));
        facts.retain(|fact| !fact.is_empty());
        if !facts.is_empty() {
            let _ = write!(out, "  {}", facts.join(", "));
        }
    }
    out.push('\n');
    if let Some(filter) = &table.filter {
        let _ = writeln!(out, "  where {}", one_line(filter));
    }
    columns(out, table);
    match table.target.primary_key.as_slice() {
        [] => out.push_str("  no primary key\n"),
        key => {
            let _ = writeln!(out, "  primary key ({})", clean(&key.join(", ")));
        }
    }
    schema::beyond_rows(out, &table.target);
}

fn one_relation(plan: &Plan, relation: &RelationPlan) -> String {
    let declared = if relation.foreign_key.is_some() { "foreign key" } else { "named by the plan" };
    let orphans = match (relation.orphans, plan.verify) {
        _ if relation.collation.is_some() => "left to the target's own foreign key, for its collation",
        (_, VerifyMode::Off) => "checked by `sensei verify` only, because verify is off",
        (OnOrphans::Fail, _) => "orphans fail the job",
        (OnOrphans::Report, _) => "orphans are reported",
    };
    clean(&format!("{} ({declared}; {orphans})", plan.relation_title(relation)))
}

fn columns(out: &mut String, table: &TablePlan) {
    let rows: Vec<(String, String)> = table
        .columns
        .iter()
        .zip(&table.target.fields)
        .map(|(column, field)| (input(table, column), output(table, column, field)))
        .collect();
    let width = rows.iter().map(|(input, _)| input.chars().count()).max().unwrap_or(0).min(INPUT_WIDTH_MAX);
    for (input, output) in rows {
        let _ = writeln!(out, "  {input:width$}  ->  {output}");
    }
}

/// Characters that the left side is aligned to at most; a long expression sticks out.
const INPUT_WIDTH_MAX: usize = 44;

fn input(table: &TablePlan, column: &ColumnPlan) -> String {
    match &column.input {
        Input::Column { index } => match table.read.get(*index) {
            Some(Field { name, native, logical, .. }) if native.is_empty() => format!("{name:?} (untyped, {logical})"),
            Some(Field { name, native, .. }) => format!("{name:?} {}", clean(native)),
            None => "?".to_owned(),
        },
        Input::Expression { sql } => format!("{} ({})", one_line(sql), column.from),
    }
}

fn output(table: &TablePlan, column: &ColumnPlan, field: &Field) -> String {
    let null = if field.nullable { "" } else { " not null" };
    let mut out = format!("{:?} {}{null}", field.name, clean(&field.native));
    let renamed = table.source_column(column).is_some_and(|name| name == field.name);
    if !renamed && table.source_column(column).is_some() {
        out.push_str("  [renamed]");
    }
    if column.mask.is_some() {
        out.push_str("  [masked: keyed hash]");
    } else if column.from != field.logical {
        let _ = write!(out, "  [cast {} to {}]", column.from, field.logical);
    }
    if let Some(rule) = &column.rule {
        let _ = write!(out, "  [{rule}]");
    }
    schema::traits(&mut out, field);
    if let Some(lossy) = &column.lossy {
        let _ = write!(out, "  [LOSSY: {lossy}]");
    }
    out
}

pub(super) fn list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    let _ = match items.len() {
        0 => writeln!(out, "\n{title}: none"),
        count => writeln!(out, "\n{title} ({count})"),
    };
    for item in items {
        let _ = writeln!(out, "  - {item}");
    }
}

fn stage_list(out: &mut String, plan: &Plan, stages: &StageGraph) {
    let _ = writeln!(out, "\nStages ({})", stages.nodes.len());
    for (index, node) in stages.nodes.iter().enumerate() {
        let _ = write!(out, "  {:>3}  {}", index + 1, title(plan, node.stage));
        if !node.after.is_empty() {
            let _ = write!(out, "  after {}", runs(&node.after));
        }
        out.push('\n');
    }
}

/// Positions counted from 1, neighbours in steps of equal size shortened: `3, 5 … 41`.
fn runs(positions: &[usize]) -> String {
    match positions {
        [first, second, .., last] if positions.len() > 4 => format!("{}, {} … {}", first + 1, second + 1, last + 1),
        _ => positions.iter().map(|position| (position + 1).to_string()).collect::<Vec<_>>().join(", "),
    }
}

/// Text on one line: control characters are shown as escapes.
pub(super) fn clean(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect()
}

pub(super) fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// A number with its thousands apart: `6,001,215`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the largest unit of which there is at least one, to a tenth: `1.3 GiB`.
pub fn rounded(bytes: u64) -> String {
    let (unit, shift) = match bytes {
        0..0x400 => return format!("{bytes} B"),
        0x400..0x10_0000 => ("KiB", 10),
        0x10_0000..0x4000_0000 => ("MiB", 20),
        _ => ("GiB", 30),
    };
    let tenths = (u128::from(bytes) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}
