//! What should happen.
//!
//! A plan file and the catalogs of source and target go in; one plain-data [`Plan`] and its [`StageGraph`] come out,
//! to be printed, hashed and run by somebody else. In reading order: the file ([`PlanFile`], [`json_schema`]), what it
//! becomes ([`resolve`], [`Plan`]), in which order it runs ([`StageGraph`], [`ReadyQueue`]), how it is shown
//! ([`explain`]), and how a first one is written ([`propose`]). What is wrong is a list of [`Problem`]s.
//!
//! **Invariant:** nothing here does I/O, reads a clock or knows of dataflow. A [`Plan`] holds no secret.
//!
//! ```
//! use sensei_planner::PlanFile;
//! let problems = PlanFile::parse("version: 1\nname: shop\nsorce: {}\n", &|_| None).unwrap_err();
//! assert_eq!(problems[0].hint, "Did you mean \"source\"?");
//! ```

mod abilities;
mod address;
mod beside;
mod bytes;
mod canonical;
mod cast;
mod checks;
mod column;
mod dialect;
mod explain;
mod file;
#[cfg(any(test, feature = "testing"))]
pub mod foreign;
mod indexes;
mod keys;
mod known;
mod labels;
mod left;
mod logical;
mod names;
mod naming;
mod numbering;
mod objects;
mod outline;
mod overrule;
mod plan;
mod problem;
mod propose;
mod read;
mod relations;
mod resolve;
mod schema;
mod secret;
mod select;
mod settle;
mod stages;
mod structure;
mod table;
mod traits;
mod translate;
mod values;
mod variables;
mod yaml;

#[cfg(test)]
mod tests;

pub use abilities::{Abilities, IdentifierMax, NameScope};
pub use bytes::ByteSize;
pub use dialect::{Dialect, ExpressionTyper};
pub use explain::{Format, explain, grouped, rounded};
pub use file::{
    ColumnFile, CsvFile, KeyedHashFile, LimitsFile, MaskFile, ObjectsFile, PlanFile, RejectsFile, RelationFile,
    RuleFile, SourceFile, TablesFile, TargetFile, TypeFile, VERSION,
};
pub use logical::logical_type;
pub use outline::{EndOutline, Outline, outline};
pub use plan::{
    Cleaning, ColumnPlan, Input, LimitsPlan, LossyRule, MaskPlan, NumberSource, Numbering, OnOrphans, Place, Plan,
    RejectsPlan, RelationPlan, TablePlan,
};
pub use problem::{Code, Problem};
pub use propose::propose;
pub use resolve::resolve;
pub use schema::json_schema;
pub use secret::Secret;
pub use stages::{ReadyQueue, Stage, StageGraph, StageNode};
pub use structure::Expected;
pub use variables::substitute_text;
