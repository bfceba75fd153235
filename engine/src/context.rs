//! A plan file brought together with its two ends: read, connected, resolved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensei_planner::{Code, CsvFile, Plan, PlanFile, Problem, StageGraph, resolve};
use sensei_storage::{
    Catalog, CsvOptions, Endpoint, Error, Object, ObjectFolder, SecretText, Source, Target, look_at_target,
    open_source, open_target,
};

use crate::dialect::TargetDialect;
use crate::failure::{Doing, Failure, Result};
use crate::lower::Typer;
use crate::plan_text::{Commands, read_plan};

/// Bytes of a plan file at most.
const PLAN_FILE_BYTES_MAX: u64 = 16 << 20;

/// Connections to either end, if the plan does not say; the planner's own default.
pub(crate) const CONNECTIONS_DEFAULT: usize = 4;

/// A plan file and the two ends it names.
pub struct Ends {
    /// The file as written, with variables in place.
    pub file: PlanFile,
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where they go.
    pub target: Arc<dyn Target>,
    /// What the source holds.
    pub source_catalog: Catalog,
    /// What the target holds.
    pub target_catalog: Catalog,
}

/// Reads a plan file, with what it refers to.
///
/// # Errors
/// If it cannot be read, or has problems of its own.
pub async fn read_plan_file(path: &Path) -> Result<PlanFile> {
    let what = format!("plan file \"{}\"", path.display());
    let size = std::fs::metadata(path).map_err(|error| Error::io(&what, error)).doing("reading the plan")?.len();
    if size > PLAN_FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{what} is larger than {PLAN_FILE_BYTES_MAX} bytes"), "Name a plan file."));
    }
    let bytes = std::fs::read(path).map_err(|error| Error::io(&what, error)).doing("reading the plan")?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{what} is not UTF-8 text"), "Save it as UTF-8."))?;
    read_plan(&text, Commands::Allowed).await
}

impl Ends {
    /// Reads the plan file at `path` and the catalogs of both ends, for a job that writes. Writes no row.
    ///
    /// # Errors
    /// If the file has problems, or an end cannot be reached.
    pub async fn connect(path: &Path) -> Result<Ends> {
        Ends::open(path, open_target).await
    }

    /// The same for a command that only looks: nothing is made, not even the target's folder.
    ///
    /// # Errors
    /// As [`Ends::connect`].
    pub async fn look(path: &Path) -> Result<Ends> {
        Ends::open(path, look_at_target).await
    }

    /// The same for a plan file that was read already.
    ///
    /// # Errors
    /// If an end cannot be reached.
    pub async fn of(file: PlanFile) -> Result<Ends> {
        let (source, target) = Ends::open_both(&file)?;
        Ends::between(file, source, target).await
    }

    /// Both ends of a plan file, nothing of them read yet.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub fn open_both(file: &PlanFile) -> Result<(Arc<dyn Source>, Arc<dyn Target>)> {
        let source = open_source(&source_endpoint(file)).doing("opening the source")?;
        let target = open_target(&target_endpoint(file)).doing("opening the target")?;
        Ok((source, target))
    }

    /// The target of a plan file alone, for a process that only reads it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn look_at_target(file: &PlanFile) -> Result<Arc<dyn Target>> {
        look_at_target(&target_endpoint(file)).doing("opening the target")
    }

    async fn open(path: &Path, open: fn(&Endpoint) -> sensei_storage::Result<Arc<dyn Target>>) -> Result<Ends> {
        let file = read_plan_file(path).await?;
        let source = open_source(&source_endpoint(&file)).doing("opening the source")?;
        let target = open(&target_endpoint(&file)).doing("opening the target")?;
        Ends::between(file, source, target).await
    }

    async fn between(file: PlanFile, source: Arc<dyn Source>, target: Arc<dyn Target>) -> Result<Ends> {
        refuse_one_place(source.as_ref(), target.as_ref()).await?;
        let source_catalog = source.catalog().await.doing("reading the source's catalog")?;
        let target_catalog = target.catalog().await.doing("reading the target's catalog")?;
        Ok(Ends { file, source, target, source_catalog, target_catalog })
    }

    /// Resolves the plan. `ours`: the plan of the job at hand, whose tables and objects in the target do not count as
    /// found.
    ///
    /// # Errors
    /// Every problem between the file and a plan.
    pub fn resolve(&self, ours: Option<&Plan>) -> Result<Plan> {
        let mut target = self.target_catalog.clone();
        if let Some(ours) = ours {
            let created =
                |name: &String| ours.tables.iter().any(|table| table.target.create && table.target.name == *name);
            let is_ours = |found: &Object| ours.objects.iter().any(|object| same_object(object, found));
            target.tables.retain(|table| !created(&table.name));
            target.objects.retain(|object| !is_ours(object));
        }
        let dialect = TargetDialect(target.system);
        resolve(&self.file, &self.source_catalog, &target, &dialect, &Typer).map_err(Failure::Plan)
    }

    /// Resolves the plan for a new job in place of one that was begun with `before` and did not end well: what that one
    /// created is still to be completed, so it is not taken for somebody's own tables.
    ///
    /// # Errors
    /// As of [`Ends::resolve`].
    pub fn resolve_anew(&self, before: Option<&Plan>) -> Result<Plan> {
        let plan = self.resolve(before)?;
        let elsewhere = before.is_some_and(|before| before.target != plan.target);
        if elsewhere { self.resolve(None) } else { Ok(plan) }
    }

    /// The stages of a resolved plan, sized by the source's catalog.
    pub fn stages(&self, plan: &Plan) -> StageGraph {
        StageGraph::new(plan, &self.source_catalog)
    }

    /// Where journal and evidence go.
    ///
    /// # Errors
    /// If the place cannot be opened.
    pub fn state(&self) -> Result<ObjectFolder> {
        open_state(&self.file.state)
    }
}

fn same_object(a: &Object, b: &Object) -> bool {
    (a.kind, &a.name, &a.table) == (b.kind, &b.name, &b.table)
}

/// However differently the two URLs are written: truncating the target would empty the source.
async fn refuse_one_place(source: &dyn Source, target: &dyn Target) -> Result<()> {
    let here = source.identity().await.doing("looking at the source")?;
    if here != target.identity().await.doing("looking at the target")? {
        return Ok(());
    }
    let problem = Problem::new(Code::Place, "source and target are the same place")
        .why("Both URLs lead to the same tables.")
        .hint("Name another database, schema or file as the target.");
    Err(Failure::Plan(vec![problem]))
}

/// Opens a state folder or bucket that is there.
///
/// # Errors
/// `Missing` if there is none.
pub fn existing_state(url: &str) -> Result<ObjectFolder> {
    ObjectFolder::existing(url).doing("opening the state")
}

/// Opens the state folder or bucket, creating a folder that is not there.
///
/// # Errors
/// If it cannot be opened.
pub fn open_state(url: &str) -> Result<ObjectFolder> {
    ObjectFolder::open(url).doing("opening the state")
}

/// The folder on this machine that `state` names; `None` for a bucket.
pub fn local_state(url: &str) -> Option<PathBuf> {
    match url.split_once(':') {
        None => Some(PathBuf::from(url)),
        Some(("file", path)) => Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        Some(_) => None,
    }
}

fn source_endpoint(file: &PlanFile) -> Endpoint {
    Endpoint {
        url: SecretText::new(file.source.url.expose()),
        schema: file.source.schema.clone(),
        csv: csv_options(file.source.csv.as_ref()),
        connections_max: connections(file.limits.source_connections),
    }
}

fn target_endpoint(file: &PlanFile) -> Endpoint {
    Endpoint {
        url: SecretText::new(file.target.url.expose()),
        schema: file.target.schema.clone(),
        csv: CsvOptions::default(),
        connections_max: connections(file.limits.target_connections),
    }
}

/// An endpoint known by its URL alone, as `sensei plan` gets it.
pub fn bare_endpoint(url: &str) -> Endpoint {
    Endpoint {
        url: SecretText::new(url),
        schema: None,
        csv: CsvOptions::default(),
        connections_max: CONNECTIONS_DEFAULT,
    }
}

fn connections(limit: Option<u32>) -> usize {
    limit.map_or(CONNECTIONS_DEFAULT, |limit| limit as usize)
}

fn csv_options(file: Option<&CsvFile>) -> CsvOptions {
    let mut options = CsvOptions::default();
    let Some(file) = file else { return options };
    let first = |text: &Option<String>| text.as_ref().and_then(|text| text.chars().next());
    options.delimiter = first(&file.delimiter).unwrap_or(options.delimiter);
    options.quote = first(&file.quote).unwrap_or(options.quote);
    options.header = file.header.unwrap_or(options.header);
    options.null = file.null.clone().unwrap_or(options.null);
    options.encoding = file.encoding.clone().unwrap_or(options.encoding);
    options
}
