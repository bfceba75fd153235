//! The statements that create one table: columns with what they have beyond their types, sequences of their own,
//! partitions, comments. Knows nothing of keys and indexes, which come when the rows are there.

use super::sql::{identifier, literal, qualified};
use crate::catalog::{Field, Generation, Identity, IdentityKind, Partition, TargetTable};

/// The statements that create `planned` in `schema`, in order.
pub(super) fn statements(schema: &str, planned: &TargetTable) -> Vec<String> {
    let table = qualified(schema, &planned.name);
    let serials: Vec<_> = planned.fields.iter().filter_map(|field| serial(schema, field)).collect();
    let columns: Vec<_> = planned.fields.iter().map(|field| column(schema, field)).collect();
    let by = planned.partitioning.as_ref().map(|partitioning| format!(" PARTITION BY {}", partitioning.by));
    let mut all: Vec<String> = serials.iter().map(|serial| serial.create()).collect();
    all.push(format!("CREATE TABLE {table} ({}){}", columns.join(", "), by.unwrap_or_default()));
    all.extend(serials.iter().map(|serial| serial.attach(&table)));
    let partitions = planned.partitioning.iter().flat_map(|partitioning| &partitioning.partitions);
    all.extend(partitions.map(|partition| create_partition(schema, &planned.name, partition)));
    all.extend(comments(&table, planned));
    all
}

fn column(schema: &str, field: &Field) -> String {
    let traits = &field.traits;
    let collation = traits.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
    let value = match (&traits.generation, &traits.identity, &traits.default) {
        (Some(Generation { expression, .. }), ..) => format!(" GENERATED ALWAYS AS ({expression}) STORED"),
        (None, Some(identity), _) => numbering(schema, identity),
        (None, None, Some(default)) => format!(" DEFAULT {default}"),
        (None, None, None) => String::new(),
    };
    let constraint = if field.nullable { "" } else { " NOT NULL" };
    format!("{} {}{collation}{value}{constraint}", identifier(&field.name), field.native)
}

fn numbering(schema: &str, identity: &Identity) -> String {
    let as_identity = |when: &str| format!(" GENERATED {when} AS IDENTITY ({})", options(identity));
    match &identity.kind {
        IdentityKind::Always => as_identity("ALWAYS"),
        IdentityKind::ByDefault | IdentityKind::RowId => as_identity("BY DEFAULT"),
        IdentityKind::Serial { sequence } => {
            format!(" DEFAULT pg_catalog.nextval({}::pg_catalog.regclass)", literal(&qualified(schema, sequence)))
        }
    }
}

/// Bounds are the ordinary ones unless the next number is beyond them.
fn options(identity: &Identity) -> String {
    let step = identity.increment;
    match identity.next {
        Some(next) if step > 0 && next < 1 => format!("INCREMENT BY {step} MINVALUE {next} START WITH {next}"),
        Some(next) if step < 0 && next > -1 => format!("INCREMENT BY {step} MAXVALUE {next} START WITH {next}"),
        _ => format!("INCREMENT BY {step}"),
    }
}

/// The sequence of a serial column.
struct Serial {
    sequence: String,
    options: String,
    column: String,
}

fn serial(schema: &str, field: &Field) -> Option<Serial> {
    let identity = field.traits.identity.as_ref()?;
    let IdentityKind::Serial { sequence } = &identity.kind else { return None };
    let counts = ["smallint", "integer", "bigint"].into_iter().find(|native| *native == field.native);
    Some(Serial {
        sequence: qualified(schema, sequence),
        options: format!("AS {} {}", counts.unwrap_or("bigint"), options(identity)),
        column: identifier(&field.name),
    })
}

impl Serial {
    fn create(&self) -> String {
        format!("CREATE SEQUENCE {} {}", self.sequence, self.options)
    }

    fn attach(&self, table: &str) -> String {
        format!("ALTER SEQUENCE {} OWNED BY {table}.{}", self.sequence, self.column)
    }
}

fn create_partition(schema: &str, table: &str, partition: &Partition) -> String {
    let by = partition.by.as_ref().map(|by| format!(" PARTITION BY {by}")).unwrap_or_default();
    format!(
        "CREATE TABLE {} PARTITION OF {} {}{by}",
        qualified(schema, &partition.name),
        qualified(schema, partition.of.as_deref().unwrap_or(table)),
        partition.bound,
    )
}

fn comments(table: &str, planned: &TargetTable) -> Vec<String> {
    let of_table = planned.comment.iter().map(|text| format!("COMMENT ON TABLE {table} IS {}", literal(text)));
    let of_column = |field: &Field| {
        let text = field.traits.comment.as_ref()?;
        Some(format!("COMMENT ON COLUMN {table}.{} IS {}", identifier(&field.name), literal(text)))
    };
    of_table.chain(planned.fields.iter().filter_map(of_column)).collect()
}
