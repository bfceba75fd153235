//! What the columns of a Parquet file mean, and how each logical type is stored in one.
//!
//! A file that Sensei wrote says so itself: its key [`LOGICAL_KEY`] lists the exact logical types, of which Parquet's
//! own are a coarser picture. Others are mapped; what has no exact counterpart is `None` and refused by name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use parquet::basic::LogicalType as Annotation;
use parquet::file::metadata::ParquetMetaData;

use crate::catalog::{Column, Field};
use crate::error::{Error, Result};
use crate::types::{FOREIGN_TYPE_RULE, GEOMETRY_RULE, LogicalType};

/// File metadata key under which the logical types stand, as a JSON list in column order.
pub const LOGICAL_KEY: &str = "sensei.logical";

/// Digits a Parquet decimal may have here: what 16 bytes hold. Larger ones are stored as text.
const DECIMAL_DIGITS_MAX: u32 = 38;

const EXTENSION_KEY: &str = "ARROW:extension:name";
const UUID_EXTENSION: &str = "arrow.uuid";
const JSON_EXTENSION: &str = "arrow.json";

/// The columns of a file.
///
/// # Errors
/// `Corrupt` if the file's own list of logical types contradicts its schema, `Invalid` if two columns share a name.
pub(super) fn columns(what: &str, schema: &Schema, metadata: &ParquetMetaData) -> Result<Vec<Column>> {
    let declared = declared(what, schema, metadata)?;
    let mut names = HashSet::new();
    if let Some(field) = schema.fields().iter().find(|field| !names.insert(field.name())) {
        return Err(Error::Invalid {
            what: what.to_owned(),
            why: format!("two columns are named \"{}\"", field.name()),
        });
    }
    let roots = metadata.file_metadata().schema_descr().root_schema().get_fields();
    let column = |(index, field): (usize, &Arc<ArrowField>)| {
        let annotation = roots.get(index).and_then(|root| root.get_basic_info().logical_type_ref());
        let logical = match &declared {
            Some(declared) => Some(declared[index].clone()),
            None if is_understood(annotation) => logical(field),
            None => None,
        };
        Column {
            name: field.name().clone(),
            native: native(field, annotation),
            logical,
            nullable: field.is_nullable(),
            ..Column::default()
        }
    };
    Ok(schema.fields().iter().enumerate().map(column).collect())
}

/// The Arrow schema under which rows of `fields` are written.
pub(super) fn stored_schema(fields: &[Field]) -> SchemaRef {
    let stored = |field: &Field| {
        let arrow = ArrowField::new(&field.name, stored(&field.logical), field.nullable);
        match field.logical {
            LogicalType::Uuid => arrow.with_metadata(extension(UUID_EXTENSION)),
            LogicalType::Json | LogicalType::Jsonb => arrow.with_metadata(extension(JSON_EXTENSION)),
            _ => arrow,
        }
    };
    Arc::new(Schema::new(fields.iter().map(stored).collect::<Vec<_>>()))
}

/// The Arrow type that stores `logical` in a file.
pub(super) fn stored(logical: &LogicalType) -> DataType {
    match logical {
        LogicalType::Decimal { precision, scale } => match decimal(*precision, *scale) {
            Some((precision, scale)) => DataType::Decimal128(precision, scale),
            None => DataType::Utf8,
        },
        LogicalType::Interval => DataType::Utf8,
        LogicalType::Array(element) => DataType::List(Arc::new(ArrowField::new_list_field(stored(element), true))),
        other => other.carrier(),
    }
}

/// Precision and scale as Parquet takes them, if it does.
pub(super) fn decimal(precision: u32, scale: i32) -> Option<(u8, i8)> {
    let fits = (1..=DECIMAL_DIGITS_MAX).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
    if !fits {
        return None;
    }
    Some((u8::try_from(precision).ok()?, i8::try_from(scale).ok()?))
}

/// How a logical type is stored, in Parquet's own words, with the logical type where Parquet has none like it.
pub fn native_type(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Boolean => "BOOLEAN".to_owned(),
        LogicalType::Int16 => "INT(16,true)".to_owned(),
        LogicalType::Int32 => "INT32".to_owned(),
        LogicalType::Int64 => "INT64".to_owned(),
        LogicalType::Float32 => "FLOAT".to_owned(),
        LogicalType::Float64 => "DOUBLE".to_owned(),
        LogicalType::Decimal { precision, scale } => match decimal(*precision, *scale) {
            Some(_) => format!("DECIMAL({precision},{scale})"),
            None => format!("STRING ({logical})"),
        },
        LogicalType::Text { .. } => "STRING".to_owned(),
        LogicalType::Bytes | LogicalType::Geometry => "BYTE_ARRAY".to_owned(),
        LogicalType::Date => "DATE".to_owned(),
        LogicalType::Time => "TIME(MICROS)".to_owned(),
        LogicalType::Timestamp => "TIMESTAMP(MICROS)".to_owned(),
        LogicalType::TimestampTz => "TIMESTAMP(MICROS,UTC)".to_owned(),
        LogicalType::Uuid => "UUID".to_owned(),
        LogicalType::Json | LogicalType::Jsonb => "JSON".to_owned(),
        LogicalType::Numeric | LogicalType::Interval | LogicalType::Bits { .. } | LogicalType::Opaque { .. } => {
            format!("STRING ({logical})")
        }
        LogicalType::Array(element) => format!("LIST<{}>", native_type(element)),
    }
}

/// What a new column is to be where Parquet cannot hold `logical` as it is, with the rule by which values are carried;
/// `None` if it can.
pub fn holding(logical: &LogicalType) -> Option<(LogicalType, &'static str)> {
    match logical {
        LogicalType::Opaque { .. } => Some((LogicalType::TEXT, FOREIGN_TYPE_RULE)),
        LogicalType::Bits { .. } => Some((LogicalType::TEXT, "bits become text of 0 and 1")),
        LogicalType::Geometry => Some((LogicalType::Bytes, GEOMETRY_RULE)),
        LogicalType::Array(element) => {
            let (element, rule) = holding(element)?;
            Some((LogicalType::Array(Box::new(element)), rule))
        }
        _ => None,
    }
}

/// The logical type of a column that Sensei did not write.
pub(super) fn logical(field: &ArrowField) -> Option<LogicalType> {
    match field.metadata().get(EXTENSION_KEY).map(String::as_str) {
        None => of_type(field.data_type()),
        Some(UUID_EXTENSION) => Some(LogicalType::Uuid),
        Some(JSON_EXTENSION) => Some(LogicalType::Json),
        Some(_) => None,
    }
}

fn of_type(data_type: &DataType) -> Option<LogicalType> {
    Some(match data_type {
        DataType::Boolean => LogicalType::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => LogicalType::Int16,
        DataType::Int32 | DataType::UInt16 => LogicalType::Int32,
        DataType::Int64 | DataType::UInt32 => LogicalType::Int64,
        DataType::UInt64 => LogicalType::Decimal { precision: 20, scale: 0 },
        DataType::Float16 | DataType::Float32 => LogicalType::Float32,
        DataType::Float64 => LogicalType::Float64,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            LogicalType::Decimal { precision: u32::from(*precision), scale: i32::from(*scale) }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => LogicalType::TEXT,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            LogicalType::Bytes
        }
        DataType::Date32 | DataType::Date64 => LogicalType::Date,
        DataType::Time32(_) | DataType::Time64(_) => LogicalType::Time,
        DataType::Timestamp(_, None) => LogicalType::Timestamp,
        DataType::Timestamp(_, Some(_)) => LogicalType::TimestampTz,
        DataType::Dictionary(_, values) => of_type(values)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => match logical(item)? {
            LogicalType::Array(_) => return None,
            element => LogicalType::Array(Box::new(element)),
        },
        _ => return None,
    })
}

/// The schema to decode under: the file's own, but 12-byte timestamps in microseconds, since their nanoseconds wrap
/// around outside the years 1677 to 2262. `None` if the file's own will do.
pub(super) fn decode_schema(schema: &Schema, metadata: &ParquetMetaData) -> Option<SchemaRef> {
    let roots = metadata.file_metadata().schema_descr().root_schema().get_fields();
    let is_int96 = |index: usize| {
        let root = roots.get(index);
        root.is_some_and(|root| root.is_primitive() && root.get_physical_type() == parquet::basic::Type::INT96)
    };
    if !(0..roots.len()).any(is_int96) {
        return None;
    }
    let in_micros = |(index, field): (usize, &Arc<ArrowField>)| match field.data_type() {
        DataType::Timestamp(_, zone) if is_int96(index) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Arc::new(field.as_ref().clone().with_data_type(micros))
        }
        _ => field.clone(),
    };
    Some(Arc::new(Schema::new(schema.fields().iter().enumerate().map(in_micros).collect::<Vec<_>>())))
}

fn declared(what: &str, schema: &Schema, metadata: &ParquetMetaData) -> Result<Option<Vec<LogicalType>>> {
    let entries = metadata.file_metadata().key_value_metadata();
    let Some(json) = entries.into_iter().flatten().find(|entry| entry.key == LOGICAL_KEY) else { return Ok(None) };
    let corrupt = || Error::Corrupt {
        what: what.to_owned(),
        why: format!("its metadata \"{LOGICAL_KEY}\" contradicts its schema"),
    };
    let types: Vec<LogicalType> =
        serde_json::from_str(json.value.as_deref().unwrap_or_default()).map_err(|_| corrupt())?;
    let stored_so =
        |(field, logical): (&Arc<ArrowField>, &LogicalType)| field.data_type().equals_datatype(&stored(logical));
    if types.len() != schema.fields().len() || !schema.fields().iter().zip(&types).all(stored_so) {
        return Err(corrupt());
    }
    Ok(Some(types))
}

/// Whether an annotation is one whose meaning the Arrow type carries; others would pass as plain bytes.
fn is_understood(annotation: Option<&Annotation>) -> bool {
    match annotation {
        None => true,
        Some(
            Annotation::String
            | Annotation::Enum
            | Annotation::Json
            | Annotation::Uuid
            | Annotation::Integer(_)
            | Annotation::Decimal(_)
            | Annotation::Date
            | Annotation::Time(_)
            | Annotation::Timestamp(_)
            | Annotation::Float16
            | Annotation::List,
        ) => true,
        Some(_) => false,
    }
}

fn native(field: &ArrowField, annotation: Option<&Annotation>) -> String {
    match annotation {
        Some(annotation) if !is_understood(Some(annotation)) => format!("{annotation:?}"),
        _ => field.data_type().to_string(),
    }
}

fn extension(name: &str) -> HashMap<String, String> {
    HashMap::from([(EXTENSION_KEY.to_owned(), name.to_owned())])
}
