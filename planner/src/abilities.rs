//! What schemas of the target can hold beyond tables and rows. Plain facts; the engine states them per system.

/// What the target's schemas can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Nothing but rows: files.
    pub rows_only: bool,
    /// Length of a name at most; `None` for no limit worth a check.
    pub identifier_max: Option<IdentifierMax>,
    /// Where names of indexes must be unique.
    pub index_names: NameScope,
    /// Where names of foreign keys and checks must be unique.
    pub constraint_names: NameScope,
    /// Whether names of indexes and constraints that differ only in case are one name.
    pub folds_names: bool,
    /// Whether constraints can wait for the end of a transaction.
    pub deferrable: bool,
    /// Whether foreign keys can be `MATCH FULL`.
    pub match_full: bool,
    /// Whether foreign keys can `SET DEFAULT`.
    pub set_default: bool,
    /// Whether a foreign key's columns must have the very types of what they refer to.
    pub references_need_one_type: bool,
    /// Whether an index can have a condition.
    pub partial_indexes: bool,
    /// Whether an index can be sorted by an expression.
    pub expression_indexes: bool,
    /// Whether an index can store columns that it does not sort by.
    pub included_columns: bool,
    /// Whether an index can say where NULLs come.
    pub nulls_order: bool,
    /// Characters of a text that an index can hold; `None` if any text can be indexed.
    pub indexed_chars_max: Option<u32>,
    /// Whether a computed column can be computed on reading.
    pub virtual_columns: bool,
    /// Whether a computed column can be computed from another.
    pub chained_generation: bool,
    /// Whether tables and columns can have comments.
    pub comments: bool,
    /// The collation that tells all texts apart, where that is not what columns have by default.
    pub exact_collation: Option<&'static str>,
}

/// Length of a name at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifierMax {
    /// In bytes of UTF-8.
    Bytes(usize),
    /// In characters.
    Chars(usize),
}

impl IdentifierMax {
    /// Whether `name` is short enough.
    pub fn allows(self, name: &str) -> bool {
        match self {
            IdentifierMax::Bytes(max) => name.len() <= max,
            IdentifierMax::Chars(max) => name.chars().count() <= max,
        }
    }

    /// The longest beginning of `name` that leaves room for `rest` more ASCII characters.
    pub(crate) fn cut(self, name: &str, rest: usize) -> &str {
        let ends = name.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = match self {
            IdentifierMax::Bytes(max) => ends.take_while(|end| end + rest <= max).last(),
            IdentifierMax::Chars(max) => ends.take(max.saturating_sub(rest)).last(),
        };
        &name[..end.unwrap_or(0)]
    }
}

/// Where names must be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameScope {
    /// In the whole schema.
    Schema,
    /// In one table.
    Table,
}
