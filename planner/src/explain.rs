//! A plan for people: as text, as a picture, or as JSON for programs.

mod graph;
mod schema;
mod text;

pub use text::{grouped, rounded};

use crate::plan::Plan;
use crate::stages::StageGraph;

/// How to print a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// A Mermaid flowchart of the stages.
    Mermaid,
    /// A Graphviz graph of the stages.
    Dot,
    /// One JSON object: `sha256`, `plan`, `stages`.
    Json,
}

/// Prints `plan` and its stages. Ends in a line feed.
pub fn explain(plan: &Plan, stages: &StageGraph, format: Format) -> String {
    match format {
        Format::Text => text::text(plan, stages),
        Format::Mermaid => graph::mermaid(plan, stages),
        Format::Dot => graph::dot(plan, stages),
        Format::Json => {
            let value = serde_json::json!({ "sha256": plan.sha256(), "plan": plan, "stages": stages });
            format!("{:#}\n", crate::canonical::sorted(value))
        }
    }
}
