//! The relations a plan file names, in terms of the target. Which of them a foreign key declares is settled with the
//! keys.

use sensei_storage::Field;

use crate::dialect::same_name;
use crate::file::RelationFile;
use crate::keys::{Carried, MaskKeys, agree, parent_columns};
use crate::plan::{ColumnPlan, RelationPlan};
use crate::problem::{Code, Problem, did_you_mean, listed};
use crate::table::{Context, TableDraft};

/// Resolves every relation of the plan file; where there are no problems, there is one for each, in their order.
pub(crate) fn named(
    context: &Context<'_>,
    drafts: &[TableDraft<'_>],
    problems: &mut Vec<Problem>,
) -> Vec<RelationPlan> {
    let mask_keys = context.file.mask_keys();
    // A column that has a problem of its own is left out of its draft, which need not be said twice.
    let relations = Relations { context, drafts, mask_keys: &mask_keys, sound: problems.is_empty() };
    let mut plans: Vec<RelationPlan> = Vec::new();
    for (index, file) in context.file.relations.iter().enumerate() {
        let Some(plan) = relations.resolve(index, file, problems) else { continue };
        match plans.iter().any(|other| same_relation(other, &plan)) {
            true => problems.push(Problem::new(Code::Relation, format!("`relations[{index}]` is there twice"))),
            false => plans.push(plan),
        }
    }
    plans
}

fn same_relation(a: &RelationPlan, b: &RelationPlan) -> bool {
    let pairs = |relation: &RelationPlan| {
        let pairs = relation.columns.iter().cloned().zip(relation.parent_columns.iter().cloned());
        pairs.collect::<std::collections::BTreeSet<_>>()
    };
    (a.child, a.parent) == (b.child, b.parent) && pairs(a) == pairs(b)
}

struct Relations<'d, 'a> {
    context: &'d Context<'a>,
    drafts: &'d [TableDraft<'a>],
    mask_keys: &'d MaskKeys,
    sound: bool,
}

impl Relations<'_, '_> {
    fn resolve(&self, index: usize, file: &RelationFile, problems: &mut Vec<Problem>) -> Option<RelationPlan> {
        let refused = |why: String| {
            Problem::new(
                Code::Relation,
                format!("relation of \"{}\" to \"{}\" cannot be checked", file.table, file.references),
            )
            .why(why)
        };
        let child = self.table(index, "table", &file.table, problems);
        let parent = self.table(index, "references", &file.references, problems);
        let (child, parent) = (child?, parent?);
        let of_parent = parent_columns(&file.parent_columns, self.drafts[parent].table);
        if of_parent.is_empty() {
            let why = format!("Table \"{}\" has no primary key.", file.references);
            problems.push(refused(why).hint("Name the columns referred to in `parent_columns`."));
            return None;
        }
        if file.columns.len() != of_parent.len() {
            let why = format!("Its columns do not pair up: {} and {}.", file.columns.len(), of_parent.len());
            problems.push(refused(why));
            return None;
        }
        let before = problems.len();
        let mut plan = RelationPlan {
            child,
            columns: Vec::new(),
            parent,
            parent_columns: Vec::new(),
            match_full: false,
            collation: None,
            foreign_key: None,
            orphans: file.orphans,
        };
        for (name, parent_name) in file.columns.iter().zip(of_parent) {
            let field = self.column(child, name, problems);
            let parent_field = self.column(parent, parent_name, problems);
            let (Some(field), Some(parent_field)) = (field, parent_field) else { continue };
            if let Err(why) = agree(self.mask_keys, field, parent_field) {
                problems.push(refused(format!("In the target, {why}.")));
            }
            plan.columns.push(field.1.name.clone());
            plan.parent_columns.push(parent_field.1.name.clone());
        }
        (problems.len() == before && plan.columns.len() == file.columns.len()).then_some(plan)
    }

    /// Position of a table's draft.
    fn table(&self, index: usize, key: &str, name: &str, problems: &mut Vec<Problem>) -> Option<usize> {
        let found = self.drafts.iter().position(|draft| draft.table.name == name);
        if found.is_none() {
            let names = || self.drafts.iter().map(|draft| draft.table.name.as_str());
            let what = format!("table \"{name}\", named in `relations[{index}].{key}`, is not part of the plan");
            let why = format!("The plan takes {}. Case matters.", listed(names()));
            problems.push(Problem::new(Code::Relation, what).why(why).hint(did_you_mean(name, names())));
        }
        found
    }

    /// The target field of the column that the plan file calls `name`: a source column or a computed one, perhaps
    /// renamed. `None` without a problem if it has one already.
    fn column(&self, table: usize, name: &str, problems: &mut Vec<Problem>) -> Option<Carried<'_>> {
        let draft = &self.drafts[table];
        let rules = self.context.file.tables.rules.iter().filter(|rule| rule.table == draft.table.name);
        let rule = rules.filter_map(|rule| rule.columns.get(name)).next();
        let of_source = || draft.table.columns.iter().map(|column| column.name.as_str());
        if rule.is_none() && !of_source().any(|column| column == name) {
            let what =
                format!("column \"{name}\", named in a relation, does not exist in table \"{}\"", draft.table.name);
            let why = format!("The table has {}.", listed(of_source()));
            problems.push(Problem::new(Code::Relation, what).why(why).hint(did_you_mean(name, of_source())));
            return None;
        }
        let target = rule.and_then(|rule| rule.into.as_deref()).unwrap_or(name);
        let ignores_case = self.context.dialect.columns_ignore_case();
        let is_it = |(field, _): &(&Field, &ColumnPlan)| same_name(&field.name, target, ignores_case);
        let mut pairs = draft.plan.target.fields.iter().zip(&draft.plan.columns);
        let found = pairs.find(is_it).filter(|_| !rule.is_some_and(|rule| rule.drop));
        if found.is_none() && self.sound {
            let what = format!("column \"{name}\" of table \"{}\", named in a relation, is dropped", draft.table.name);
            problems.push(Problem::new(Code::Relation, what).why("What is not in the target cannot be checked there."));
        }
        found.map(|(field, column)| (draft, field, column))
    }
}
