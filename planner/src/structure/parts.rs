//! Indexes, foreign keys and checks: each planned one is matched with one that was found, by what it does and not by its
//! name, which a target may have had to choose.

use sensei_storage::{Check, ForeignKey, Index, IndexPart, IndexTerm, System, Table, TargetTable};

use super::{Comparison, sql, table_name};

impl Comparison<'_> {
    pub(super) fn indexes(&mut self, planned: &TargetTable, found: &Table, source: Option<&Table>) {
        let original =
            |index: &Index| source.is_some_and(|source| source.indexes.iter().any(|from| same_text(from, index)));
        let mut left: Vec<&Index> = found.indexes.iter().collect();
        for index in &planned.indexes {
            let verbatim = self.verbatim && original(index);
            let facets = |found: &Index| self.index_facets(index, found, verbatim);
            let match_at = left.iter().position(|found| facets(found).is_empty());
            if let Some(at) = match_at {
                left.remove(at);
                continue;
            }
            let what = match left.iter().position(|found| self.same(&found.name, &index.name)) {
                Some(at) => format!("is not as planned in {}", facets(left.remove(at)).join(", ")),
                None => "is missing".to_owned(),
            };
            self.differs(of_table("index", Some(&index.name), planned), what);
        }
        for extra in left.into_iter().filter(|extra| extra.unique) {
            self.differs(of_table("unique index", Some(&extra.name), planned), "is not planned");
        }
    }

    /// In what an index is not the planned one. `verbatim`: whether expressions must have the same text.
    fn index_facets(&self, planned: &Index, found: &Index, verbatim: bool) -> Vec<&'static str> {
        let texts_agree = |a: Option<&str>, b: Option<&str>| match (a, b) {
            (Some(a), Some(b)) => !verbatim || sql::skeleton(a) == sql::skeleton(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let same_term = |a: &IndexTerm, b: &IndexTerm| match (a, b) {
            (IndexTerm::Column(a), IndexTerm::Column(b)) => self.same(a, b),
            (IndexTerm::Expression(a), IndexTerm::Expression(b)) => texts_agree(Some(a), Some(b)),
            _ => false,
        };
        let pairs = || planned.parts.iter().zip(&found.parts);
        let all = |agree: &dyn Fn(&IndexPart, &IndexPart) -> bool| pairs().all(|(a, b)| agree(a, b));
        let columns = planned.parts.len() == found.parts.len() && all(&|a, b| same_term(&a.of, &b.of));
        let order = all(&|a, b| a.descending == b.descending && a.nulls_first == b.nulls_first);
        let operators =
            |a: &IndexPart, b: &IndexPart| a.operator_class == b.operator_class && a.collation == b.collation;
        let facets = [
            (planned.unique == found.unique, "uniqueness"),
            (columns, "what it is sorted by"),
            (order, "order"),
            (all(&|a, b| a.prefix == b.prefix), "prefix length"),
            (!verbatim || all(&operators), "operator class or collation"),
            (planned.method.eq_ignore_ascii_case(&found.method), "access method"),
            (self.same_all(&planned.include, &found.include), "columns that are stored only"),
            (texts_agree(planned.predicate.as_deref(), found.predicate.as_deref()), "condition"),
            (planned.nulls_not_distinct == found.nulls_not_distinct, "whether NULLs are equal"),
        ];
        facets.into_iter().filter(|(agree, _)| !agree).map(|(_, facet)| facet).collect()
    }

    pub(super) fn foreign_keys(&mut self, planned: &TargetTable, found: &Table) {
        let mut left: Vec<&ForeignKey> = found.foreign_keys.iter().collect();
        for key in &planned.foreign_keys {
            let object = || foreign_key_name(key, planned);
            let facets = |found: &ForeignKey| self.foreign_key_facets(key, found);
            let refers = |found: &&ForeignKey| {
                self.same_all(&found.columns, &key.columns)
                    && self.same(&found.parent, &key.parent)
                    && self.same_all(&found.parent_columns, &key.parent_columns)
            };
            let exact = left.iter().position(|found| refers(found) && facets(found).is_empty());
            match exact.or_else(|| left.iter().position(refers)) {
                None => self.differs(object(), "is missing"),
                Some(at) => {
                    let facets = facets(left.remove(at));
                    if !facets.is_empty() {
                        self.differs(object(), format!("is not as planned in {}", facets.join(", ")));
                    }
                }
            }
        }
        for extra in left {
            self.differs(foreign_key_name(extra, planned), "is not planned");
        }
    }

    fn foreign_key_facets(&self, planned: &ForeignKey, found: &ForeignKey) -> Vec<&'static str> {
        // MySQL's manual, "FOREIGN KEY Constraints": to InnoDB both are one.
        let action = |text: &str| match (self.target.system, text) {
            (System::Mysql, "RESTRICT") => "NO ACTION".to_owned(),
            _ => text.to_owned(),
        };
        let facets = [
            (action(&planned.on_delete) == action(&found.on_delete), "ON DELETE"),
            (action(&planned.on_update) == action(&found.on_update), "ON UPDATE"),
            (planned.match_full == found.match_full, "MATCH"),
            (planned.timing == found.timing, "when it is checked"),
        ];
        facets.into_iter().filter(|(agree, _)| !agree).map(|(_, facet)| facet).collect()
    }

    pub(super) fn checks(&mut self, planned: &TargetTable, found: &Table, source: Option<&Table>) {
        let original = |check: &Check| {
            source.is_some_and(|source| source.checks.iter().any(|from| from.expression == check.expression))
        };
        let mut left: Vec<&Check> = found.checks.iter().collect();
        // Those with a name first, lest one without takes theirs.
        let (named, unnamed): (Vec<&Check>, Vec<&Check>) =
            planned.checks.iter().partition(|check| check.name.is_some());
        for check in named.into_iter().chain(unnamed) {
            let verbatim = self.verbatim && original(check);
            let agrees =
                |found: &&Check| !verbatim || sql::skeleton(&found.expression) == sql::skeleton(&check.expression);
            let named_so = |found: &&Check| match (&found.name, &check.name) {
                (Some(found), Some(planned)) => self.same(found, planned),
                _ => check.name.is_none(),
            };
            let at = left.iter().position(|found| named_so(found) && agrees(found));
            match at.or_else(|| left.iter().position(|found| check.name.is_some() && named_so(found))) {
                None => self.differs(of_table("check", check.name.as_deref(), planned), "is missing"),
                Some(at) if agrees(&left[at]) => drop(left.remove(at)),
                Some(at) => {
                    left.remove(at);
                    self.differs(of_table("check", check.name.as_deref(), planned), "has another condition");
                }
            }
        }
        for extra in left.into_iter().filter(|_| !self.adds_checks()).collect::<Vec<_>>() {
            self.differs(of_table("check", extra.name.as_deref(), planned), "is not planned");
        }
    }
}

/// Whether an index was taken over from the source with all its expressions.
fn same_text(from: &Index, planned: &Index) -> bool {
    let terms = |index: &Index| -> Vec<String> {
        let expression = |part: &IndexPart| match &part.of {
            IndexTerm::Expression(text) => Some(text.clone()),
            IndexTerm::Column(_) => None,
        };
        index.parts.iter().filter_map(expression).collect()
    };
    from.predicate == planned.predicate && terms(from) == terms(planned)
}

fn of_table(kind: &str, name: Option<&str>, table: &TargetTable) -> String {
    let name = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    format!("{kind}{name} of {}", table_name(&table.name))
}

fn foreign_key_name(key: &ForeignKey, table: &TargetTable) -> String {
    format!(
        "{} ({}) to \"{}\"",
        of_table("foreign key", key.name.as_deref(), table),
        key.columns.join(", "),
        key.parent
    )
}
