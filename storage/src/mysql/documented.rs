//! MySQL's and MariaDB's rows in the table of types.

use super::names::logical_type;
use crate::documented::DocumentedType;
use crate::types::LogicalType;

/// Types as the servers' own catalogs print them.
pub fn documented_types() -> Vec<DocumentedType> {
    let of = |native| DocumentedType::new(native, logical_type(native));
    vec![
        of("tinyint(1)").note("as boolean if the plan says so; then anything but 0 and 1 is a rejected row"),
        of("tinyint unsigned"),
        of("smallint"),
        of("smallint unsigned"),
        of("mediumint"),
        of("int"),
        of("int unsigned"),
        of("bigint"),
        of("bigint unsigned"),
        of("decimal(10,2)").note("padding by ZEROFILL is not part of the value"),
        of("float").note("read in the binary protocol: as text it has six digits"),
        of("double"),
        of("bit(8)"),
        of("char(5)"),
        of("varchar(40)").note("of any character set; it arrives as UTF-8"),
        of("longtext").note("and tinytext, text, mediumtext"),
        of("enum('a','b')").note("its labels are carried where the target has enumerations or checks"),
        of("set('a','b')"),
        of("binary(16)").note("as uuid if the plan says so"),
        of("longblob").note("and varbinary, tinyblob, blob, mediumblob"),
        of("date").note(ZERO_DATES),
        of("datetime(6)").note(ZERO_DATES),
        of("timestamp(6)").note(ZERO_DATES),
        of("time(6)").note("from -838 to 838 hours: elsewhere what is no time of day is a rejected row, or an interval if the plan says so"),
        of("year"),
        of("json").note("MySQL keeps it by value, MariaDB as text"),
        of("point").note("and every other kind of geometry, with its reference system"),
        of("uuid").note("MariaDB"),
        of("inet6").note("and inet4; MariaDB"),
        of("vector(3)"),
    ]
}

const ZERO_DATES: &str = "zero dates and days that do not exist are carried between MySQL servers; elsewhere they are \
                          rejected rows, or NULL with `zero_dates: nullify`";

/// Which values of `logical` MySQL cannot hold, so that their rows are rejected; `None` if it holds all.
pub fn refuses(logical: &LogicalType) -> Option<&'static str> {
    match logical {
        LogicalType::Float32 | LogicalType::Float64 | LogicalType::Decimal { .. } => Some("NaN and infinities"),
        LogicalType::Date | LogicalType::Timestamp => Some("years before 0 and after 9999, and infinities"),
        LogicalType::Geometry => Some("shapes with more than two coordinates a point"),
        _ => None,
    }
}
