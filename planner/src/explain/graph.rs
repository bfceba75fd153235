//! The stages as a graph, for Mermaid and Graphviz.

use std::fmt::Write;

use super::text::{amount, title};
use crate::plan::Plan;
use crate::stages::{StageGraph, StageNode};

/// A Mermaid flowchart.
pub(super) fn mermaid(plan: &Plan, stages: &StageGraph) -> String {
    let escape = |label: String| label.replace('&', "#amp;").replace('"', "#quot;").replace('<', "#lt;");
    let mut out = "flowchart LR\n".to_owned();
    for (index, node) in stages.nodes.iter().enumerate() {
        let label = lines(plan, node).map(escape).collect::<Vec<_>>().join("<br/>");
        let _ = writeln!(out, "    s{index}[\"{label}\"]");
    }
    for (index, node) in stages.nodes.iter().enumerate() {
        for before in &node.after {
            let _ = writeln!(out, "    s{before} --> s{index}");
        }
    }
    out
}

/// A Graphviz digraph.
pub(super) fn dot(plan: &Plan, stages: &StageGraph) -> String {
    let escape = |label: String| label.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = format!("digraph \"{}\" {{\n    rankdir=LR;\n    node [shape=box];\n", escape(plan.name.clone()));
    for (index, node) in stages.nodes.iter().enumerate() {
        let label = lines(plan, node).map(escape).collect::<Vec<_>>().join("\\n");
        let _ = writeln!(out, "    s{index} [label=\"{label}\"];");
    }
    for (index, node) in stages.nodes.iter().enumerate() {
        for before in &node.after {
            let _ = writeln!(out, "    s{before} -> s{index};");
        }
    }
    out + "}\n"
}

fn lines(plan: &Plan, node: &StageNode) -> impl Iterator<Item = String> {
    [title(plan, node.stage), amount(node)].into_iter().filter(|line| !line.is_empty())
}
