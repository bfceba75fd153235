//! TPC-H tables of any scale, made in memory and streamed into PostgreSQL: scale factor 1 is 6 million line items
//! and 1.3 GB in the database.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use tpchgen::generators::{LineItemGenerator, OrderGenerator};

/// A table to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `orders`: 1,500,000 rows per scale factor, key `o_orderkey`.
    Orders,
    /// `lineitem`: about 6,000,000 rows per scale factor, key `(l_orderkey, l_linenumber)`.
    LineItem,
}

impl Table {
    /// Name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Table::Orders => "orders",
            Table::LineItem => "lineitem",
        }
    }

    /// `CREATE TABLE` in PostgreSQL's words, without the key: add it after loading.
    pub fn create(self) -> &'static str {
        match self {
            Table::Orders => {
                "CREATE TABLE orders (o_orderkey bigint NOT NULL, o_custkey bigint NOT NULL, o_orderstatus char(1) NOT NULL, \
                 o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, \
                 o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL)"
            }
            Table::LineItem => {
                "CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, \
                 l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, \
                 l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, \
                 l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, \
                 l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, \
                 l_comment varchar(44) NOT NULL)"
            }
        }
    }

    /// `ALTER TABLE` that adds the primary key.
    pub fn add_key(self) -> &'static str {
        match self {
            Table::Orders => "ALTER TABLE orders ADD PRIMARY KEY (o_orderkey)",
            Table::LineItem => "ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber)",
        }
    }
}

/// Writes `table` at `scale` (1.0 = 6 million line items) as `COPY … FROM STDIN (DELIMITER '|')` text; returns the
/// count of rows.
///
/// # Errors
/// What `out` says.
pub fn write_copy(table: Table, scale: f64, out: &mut impl Write) -> io::Result<u64> {
    match table {
        Table::Orders => write_lines(OrderGenerator::new(scale, 1, 1).iter(), out),
        Table::LineItem => write_lines(LineItemGenerator::new(scale, 1, 1).iter(), out),
    }
}

/// TPC-H's own text ends each line with a bar too many for COPY.
fn write_lines(rows: impl Iterator<Item = impl Display>, out: &mut impl Write) -> io::Result<u64> {
    let mut line = String::new();
    let mut count = 0;
    for row in rows {
        line.clear();
        write!(line, "{row}").map_err(io::Error::other)?;
        line.truncate(line.trim_end_matches('|').len());
        line.push('\n');
        out.write_all(line.as_bytes())?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_as_many_fields_as_the_table_has_columns() {
        for (table, rows) in [(Table::Orders, 1_500), (Table::LineItem, 6_005)] {
            let mut text = Vec::new();
            assert_eq!(write_copy(table, 0.001, &mut text).unwrap(), rows);
            let text = String::from_utf8(text).unwrap();
            let columns = table.create().matches(" NOT NULL").count();
            assert!(text.lines().all(|line| line.split('|').count() == columns));
            assert_eq!(text.lines().count() as u64, rows);
        }
    }
}
