//! The plan file: what a person writes. Knows nothing of what the databases hold; [`crate::resolve`] brings the two
//! together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use sensei_storage::{OnExisting, VerifyMode};
use serde::{Deserialize, Deserializer};

use crate::bytes::ByteSize;
use crate::plan::OnOrphans;
use crate::problem::Problem;
use crate::secret::Secret;
use crate::{read, variables, yaml};

/// The version of the plan file format that this program reads.
pub const VERSION: u32 = 1;

/// A plan file, variables replaced, values checked one by one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// Version of the format: 1.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Names the job: lower-case letters, digits, `-`, `_` and `.`, up to 64.
    #[schemars(regex(pattern = "^[a-z0-9._-]{1,64}$"))]
    pub name: String,
    /// Where the rows are.
    pub source: SourceFile,
    /// Where they go.
    pub target: TargetFile,
    /// URL or folder of journal and evidence.
    #[serde(default = "state")]
    pub state: String,
    /// Which tables, and what happens to them.
    #[serde(default)]
    pub tables: TablesFile,
    /// Which views, routines, triggers and the like go along, between systems of one kind.
    #[serde(default)]
    pub objects: ObjectsFile,
    /// Types that become other types wherever they occur.
    #[serde(default)]
    pub types: Vec<TypeFile>,
    /// References between tables that must hold in the target, beside the foreign keys that are carried.
    #[serde(default)]
    pub relations: Vec<RelationFile>,
    /// How much is proved.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["full", "counts", "off"]))]
    pub verify: VerifyMode,
    /// What to do with rows that do not fit.
    #[serde(default)]
    pub rejects: RejectsFile,
    /// How much may be used.
    #[serde(default)]
    pub limits: LimitsFile,
}

/// Where the rows are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// URL, such as `sqlite:data/shop.db` or `postgresql://user:${PASSWORD}@host/database`.
    pub url: Secret,
    /// Schema to read, where the system has schemas.
    #[serde(default)]
    pub schema: Option<String>,
    /// Promises that nobody writes to the source while the job runs.
    #[serde(default)]
    pub quiesced: bool,
    /// How CSV files are written.
    #[serde(default)]
    pub csv: Option<CsvFile>,
}

/// How CSV files are written. What is not given is the reader's default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvFile {
    /// Between two values; one ASCII character.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Around a value; one ASCII character.
    #[serde(default)]
    pub quote: Option<String>,
    /// Whether the first line names the columns.
    #[serde(default)]
    pub header: Option<bool>,
    /// The unquoted text that means NULL.
    #[serde(default, deserialize_with = "even_null")]
    pub null: Option<String>,
    /// Character encoding, such as `utf-8` or `windows-1252`.
    #[serde(default)]
    pub encoding: Option<String>,
}

/// Where the rows go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// URL, as in `source`.
    pub url: Secret,
    /// Schema to write, where the system has schemas.
    #[serde(default)]
    pub schema: Option<String>,
    /// What to do with tables that exist and have rows.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["fail", "truncate", "append"]))]
    pub on_existing: OnExisting,
}

/// Which tables, and what happens to them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablesFile {
    /// Patterns (`*`, `?`; case matters) of tables to take.
    #[serde(default = "everything")]
    pub include: Vec<String>,
    /// Patterns of tables to leave out again.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// What differs from a plain copy, table by table.
    #[serde(default)]
    pub rules: Vec<RuleFile>,
}

/// Which objects beside the tables go along, between systems of one kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectsFile {
    /// Patterns (`*`, `?`; case matters) over kind and name, such as `view sales_*`.
    #[serde(default = "everything")]
    pub include: Vec<String>,
    /// Patterns of objects to leave out again.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// What differs from a plain copy for one table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Name of the table in the source.
    pub table: String,
    /// Name in the target, if another.
    #[serde(default)]
    pub into: Option<String>,
    /// SQL condition over the source's columns; only rows for which it is true are taken.
    #[serde(default, rename = "where")]
    pub filter: Option<String>,
    /// What differs column by column. A name that the source does not have makes a new column and needs `expr`.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnFile>,
}

/// What differs from a plain copy for one column.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnFile {
    /// SQL expression over the source's columns that gives the value.
    #[serde(default)]
    pub expr: Option<String>,
    /// Name in the target, if another.
    #[serde(default)]
    pub into: Option<String>,
    /// Leaves the column out.
    #[serde(default)]
    pub drop: bool,
    /// Type in the target: a logical type such as `int64`, `decimal(10,2)`, `timestamptz`, `text` or `int32[]`, or a
    /// type of the target system.
    #[serde(default, rename = "type")]
    pub declared: Option<String>,
    /// What becomes of dates that are zero, have a zero part or name no day (MySQL). Without it they are rejected.
    #[serde(default)]
    pub zero_dates: Option<ZeroDates>,
    /// What becomes of characters U+0000 in text. Without it a target that cannot hold them rejects the row.
    #[serde(default)]
    pub nul_characters: Option<NulCharacters>,
    /// Replaces the value by one that cannot be read.
    #[serde(default)]
    pub mask: Option<MaskFile>,
}

/// What becomes of dates that are zero, have a zero part or name a day that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDates {
    /// They become NULL.
    Nullify,
    /// Their rows are rejected.
    Reject,
}

/// What becomes of characters U+0000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NulCharacters {
    /// They are taken out.
    Remove,
    /// Their rows are rejected where the target cannot hold them.
    Reject,
}

/// Replaces values by ones that cannot be read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskFile {
    /// 64 hexadecimal digits out of value and key: equal values stay equal.
    pub keyed_hash: KeyedHashFile,
}

/// Parameters of the keyed hash.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyedHashFile {
    /// The key; give it as `${VAR}`.
    pub key: Secret,
}

/// A type that becomes another wherever it occurs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeFile {
    /// `system:type`, such as `sqlite:datetime`. Case does not matter; without parameters it means any parameters.
    pub from: String,
    /// Logical type, such as `timestamptz`. May be left out where something else is said.
    #[serde(default)]
    pub to: Option<String>,
    /// What becomes of dates that are zero, have a zero part or name no day (MySQL). Without it they are rejected.
    #[serde(default)]
    pub zero_dates: Option<ZeroDates>,
    /// What becomes of characters U+0000 in text. Without it a target that cannot hold them rejects the row.
    #[serde(default)]
    pub nul_characters: Option<NulCharacters>,
}

/// A reference that must hold in the target: every row of `table` refers to a row of `references`, or to nothing by a
/// NULL. All names are the source's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationFile {
    /// Table whose rows refer.
    pub table: String,
    /// Its referring columns.
    pub columns: Vec<String>,
    /// Table they refer to.
    pub references: String,
    /// Columns they refer to, in the order of `columns`; the primary key if left out.
    #[serde(default)]
    pub parent_columns: Vec<String>,
    /// What to do about rows that refer to nothing.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["fail", "report"]))]
    pub orphans: OnOrphans,
}

/// What to do with rows that do not fit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectsFile {
    /// Rows that may be rejected before the job stops.
    #[serde(default)]
    pub max: u64,
    /// Folder for rejected rows.
    #[serde(default = "rejects")]
    pub to: String,
    /// Whether the rows themselves are written there, beside key and reason; masked columns are masked.
    #[serde(default = "reject_rows")]
    pub rows: bool,
}

/// How much may be used. What is not given has a default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Worker threads.
    #[serde(default)]
    pub workers: Option<u32>,
    /// Connections to the source at once.
    #[serde(default)]
    pub source_connections: Option<u32>,
    /// Connections to the target at once.
    #[serde(default)]
    pub target_connections: Option<u32>,
    /// Memory for rows in flight.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// Bytes per split, about.
    #[serde(default)]
    pub split: Option<ByteSize>,
}

impl PlanFile {
    /// Reads a plan file. `lookup` gives the value of a variable, or `None` if it is not set.
    ///
    /// ```
    /// use sensei_planner::PlanFile;
    /// let text = "
    ///   version: 1
    ///   name: shop
    ///   source: { url: 'sqlite:shop.db' }
    ///   target: { url: 'postgresql://sensei:${PASSWORD}@localhost/shop' }
    /// ";
    /// let file = PlanFile::parse(text, &|name| (name == "PASSWORD").then(|| "secret".to_owned())).unwrap();
    /// assert_eq!(file.target.url.expose(), "postgresql://sensei:secret@localhost/shop");
    /// ```
    ///
    /// # Errors
    /// Every problem that the file alone shows: YAML that cannot be read, unknown keys, variables that are not set,
    /// values out of range.
    pub fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<PlanFile, Vec<Problem>> {
        let mut root = yaml::parse(text).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        variables::refuse_in_sql(&root, &mut problems);
        variables::substitute(&mut root, lookup, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let file: PlanFile = read::read(&root).map_err(|problem| vec![problem])?;
        crate::values::check(&file, &mut problems);
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    }

    /// The mask keys, by name of the table in the source and of the column in the target. They travel beside the
    /// [`crate::Plan`], never in it.
    pub fn mask_keys(&self) -> BTreeMap<(String, String), Secret> {
        let masks = self.tables.rules.iter().flat_map(|rule| {
            rule.columns.iter().filter_map(|(name, column)| {
                let mask = column.mask.as_ref()?;
                let target = column.into.as_ref().unwrap_or(name);
                Some(((rule.table.clone(), target.clone()), mask.keyed_hash.key.clone()))
            })
        });
        masks.collect()
    }
}

impl Default for TablesFile {
    fn default() -> Self {
        TablesFile { include: everything(), exclude: Vec::new(), rules: Vec::new() }
    }
}

impl Default for ObjectsFile {
    fn default() -> Self {
        ObjectsFile { include: everything(), exclude: Vec::new() }
    }
}

impl Default for RejectsFile {
    fn default() -> Self {
        RejectsFile { max: 0, to: rejects(), rows: reject_rows() }
    }
}

pub(crate) fn state() -> String {
    "./sensei-state".to_owned()
}

fn rejects() -> String {
    "./rejects".to_owned()
}

fn reject_rows() -> bool {
    true
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

/// Reads the text as it stands, so that `null: NULL` is the text `NULL`.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}
