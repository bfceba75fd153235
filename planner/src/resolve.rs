//! Plan file and catalogs in, resolved plan out. It decides nothing by guessing: what is ambiguous is a problem, and
//! every problem is reported at once.

use sensei_storage::{Catalog, System};

use crate::address::without_secrets;
use crate::beside::Beside;
use crate::dialect::{Dialect, ExpressionTyper};
use crate::file::{LimitsFile, PlanFile};
use crate::plan::{LimitsPlan, Place, Plan, RejectsPlan};
use crate::problem::{Code, Problem};
use crate::settle::TypeMap;
use crate::table::{self, Context, TableDraft};
use crate::{beside, names, objects, relations, select};

/// Worker threads, if the plan does not say. The smallest machine we measure on has two cores.
const WORKERS_DEFAULT: u32 = 2;
/// Connections to either side, if the plan does not say: two per default worker. A guess.
pub(crate) const CONNECTIONS_DEFAULT: u32 = 4;
/// Memory for rows in flight, if the plan does not say.
const MEMORY_BYTES_DEFAULT: u64 = 256 << 20;
/// Encoded bytes per split, if the plan does not say: the low end of 64 to 256 MiB, to lose less work in a crash.
const SPLIT_BYTES_DEFAULT: u64 = 64 << 20;

/// Resolves `file` against what source and target hold. `dialect` speaks for the target's system.
///
/// # Errors
/// All problems that stand between the file and a plan, never just the first.
pub fn resolve(
    file: &PlanFile,
    source: &Catalog,
    target: &Catalog,
    dialect: &dyn Dialect,
    typer: &dyn ExpressionTyper,
) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    places(file, source, target, &mut problems);
    let types = TypeMap::new(&file.types, source.system, &mut problems);
    let abilities = dialect.abilities(&target.version);
    let context = Context { file, source, target, dialect, typer, types, abilities };
    let objects = objects::select(&file.objects, source, &mut problems);
    let mut drafts = Vec::new();
    for selected in select::select(&file.tables, source, &mut problems) {
        let mut of_table = Vec::new();
        drafts.push(table::resolve(&context, selected, &mut of_table));
        problems.extend(of_table);
    }
    names::check(&drafts, dialect, &context.abilities, &mut problems);
    let named = relations::named(&context, &drafts, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let beside = beside::carry(&context, &mut drafts, &objects, named);
    Ok(assemble(&context, drafts, beside))
}

/// What is wrong with the two ends, whatever their tables.
fn places(file: &PlanFile, source: &Catalog, target: &Catalog, problems: &mut Vec<Problem>) {
    if target.system == System::Csv {
        problems.push(Problem::new(Code::Place, "csv cannot be a target").hint("Parquet files can."));
    }
    if file.source.url == file.target.url && source.schema == target.schema {
        problems.push(
            Problem::new(Code::Place, "source and target are the same place")
                .why("The tables would be copied onto themselves.")
                .hint("Give the target another URL or schema."),
        );
    }
    if file.source.csv.is_some() && source.system != System::Csv {
        let what = format!("`source.csv` is given, and the source is {}", source.system);
        problems.push(Problem::new(Code::Place, what).hint("Leave it out."));
    }
    for (key, schema, system) in
        [("source", &file.source.schema, source.system), ("target", &file.target.schema, target.system)]
    {
        if schema.is_some() && system != System::Postgresql {
            let what = format!("`{key}.schema` is given, and {} has no schemas", system);
            problems.push(Problem::new(Code::Place, what).hint("Leave it out."));
        }
    }
}

fn assemble(context: &Context<'_>, drafts: Vec<TableDraft<'_>>, beside: Beside) -> Plan {
    let Context { file, source, target, .. } = context;
    let mut not_carried = source.not_carried.clone();
    not_carried.extend(beside.notes);
    not_carried.extend(drafts.iter().flat_map(|draft| draft.notes.iter().cloned()));
    Plan {
        version: file.version,
        name: file.name.clone(),
        source: place(source, file.source.url.expose()),
        target: place(target, file.target.url.expose()),
        quiesced: file.source.quiesced,
        on_existing: file.target.on_existing,
        state: without_secrets(&file.state),
        lossy: drafts.iter().flat_map(|draft| draft.lossy.iter().cloned()).collect(),
        tables: drafts.into_iter().map(|draft| draft.plan).collect(),
        relations: beside.relations,
        objects: beside.objects,
        numbering: beside.numbering,
        verify: file.verify,
        rejects: RejectsPlan { max: file.rejects.max, to: without_secrets(&file.rejects.to), rows: file.rejects.rows },
        limits: limits(&file.limits),
        not_carried,
    }
}

fn place(catalog: &Catalog, url: &str) -> Place {
    Place { system: catalog.system, description: without_secrets(url), schema: catalog.schema.clone() }
}

fn limits(file: &LimitsFile) -> LimitsPlan {
    LimitsPlan {
        workers: file.workers.unwrap_or(WORKERS_DEFAULT),
        source_connections: file.source_connections.unwrap_or(CONNECTIONS_DEFAULT),
        target_connections: file.target_connections.unwrap_or(CONNECTIONS_DEFAULT),
        memory_bytes: file.memory.map_or(MEMORY_BYTES_DEFAULT, |size| size.0),
        split_bytes: file.split.map_or(SPLIT_BYTES_DEFAULT, |size| size.0),
    }
}
