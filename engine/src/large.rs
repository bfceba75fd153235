//! Large rows: whether the plan's memory suffices for them, found out before anything is moved.

use sensei_planner::Plan;
use sensei_storage::{LogicalType, Longest, Snapshot};

use crate::failure::{Doing, Failure, Result};
use crate::limits::{LARGE_ROW_BASE_BYTES, LARGE_ROW_COPIES};

/// Bytes of memory that a split of each table takes for its largest row; 0 where no row is large.
///
/// # Errors
/// `Usage` if the plan's memory does not suffice for one.
pub(crate) async fn measure(plan: &Plan, snapshot: &dyn Snapshot) -> Result<Vec<u64>> {
    let mut taken = Vec::with_capacity(plan.tables.len());
    for table in &plan.tables {
        let fields = table.read.iter().filter(|field| may_be_large(&field.logical));
        let columns: Vec<String> = fields.map(|field| field.name.clone()).collect();
        let doing = format!("looking for large values in table \"{}\"", table.source);
        let longest =
            if columns.is_empty() { None } else { snapshot.longest(&table.source, &columns).await.doing(doing)? };
        let needed = longest.as_ref().map_or(0, |longest| longest.row_bytes.saturating_mul(LARGE_ROW_COPIES));
        if let Some(longest) = longest.filter(|_| needed > for_large_rows(plan.limits.memory_bytes)) {
            return Err(refused(plan, &table.source, &longest, needed.saturating_add(LARGE_ROW_BASE_BYTES)));
        }
        taken.push(needed);
    }
    Ok(taken)
}

/// The part of the plan's memory that splits with large rows may take, in bytes.
pub(crate) fn for_large_rows(memory_bytes: u64) -> u64 {
    memory_bytes.saturating_sub(LARGE_ROW_BASE_BYTES)
}

fn refused(plan: &Plan, table: &str, longest: &Longest, needed: u64) -> Failure {
    let whole = match longest.row_bytes > longest.value_bytes {
        true => format!(" in a row of up to {}", bytes_text(longest.row_bytes)),
        false => String::new(),
    };
    Failure::usage(
        format!(
            "column \"{}\" of table \"{table}\" has a value of {}{whole}, and limits.memory, {}, does not suffice for it",
            longest.column,
            bytes_text(longest.value_bytes),
            bytes_text(plan.limits.memory_bytes),
        ),
        format!(
            "Set `limits: {{ memory: {}MiB }}` or more, or leave the column out with `drop: true`.",
            needed.div_ceil(1 << 20)
        ),
    )
}

fn bytes_text(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

fn may_be_large(logical: &LogicalType) -> bool {
    matches!(
        logical,
        LogicalType::Text { .. }
            | LogicalType::Bytes
            | LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Geometry
            | LogicalType::Opaque { .. }
            | LogicalType::Array(_)
    )
}
