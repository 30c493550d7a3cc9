//! Compares the arrows of a crate with its tables, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    arrows::Arrow,
    circles::{Graph, circles, shortest_circles},
    tables::{Layers, Table},
};

/// The file to edit.
const TABLES: &str = "tests/tidy/modules/tables.rs";

/// The number of circles that a failure prints.
const SHOWN_CIRCLES: usize = 40;

/// Returns the arrows that the table does not allow, and the entries that no code needs.
pub(crate) fn against_the_table(
    layers: &Layers,
    modules: &BTreeSet<&str>,
    arrows: &[Arrow],
) -> Vec<String> {
    let src = layers.src;
    let layer_of: BTreeMap<&str, usize> = layers
        .rows
        .iter()
        .enumerate()
        .map(|(layer, (module, _))| (*module, layer))
        .collect();
    let mut findings = Vec::new();
    for module in modules {
        if !layer_of.contains_key(module) {
            findings.push(format!("{TABLES}: {src}: add a row for {module:?}"));
        }
    }
    for (module, _) in layers.rows {
        if !modules.contains(module) {
            findings.push(format!("{TABLES}: {src}: no module {module:?}: delete it"));
        }
    }
    let points_down = |from: &str, to: &str| match (layer_of.get(from), layer_of.get(to)) {
        (Some(from), Some(to)) => to < from,
        _ => false,
    };
    let in_rows: BTreeSet<_> = pairs(layers.rows).collect();
    let in_knot: BTreeSet<_> = pairs(layers.knot).collect();
    for (from, to) in &in_rows {
        if !points_down(from, to) {
            findings.push(format!(
                "{TABLES}: {src}: {to:?} does not stand above the row of {from:?}: \
                 a row lists lower layers only"
            ));
        }
    }
    for (from, to) in &in_knot {
        if points_down(from, to) {
            findings.push(format!(
                "{TABLES}: {src}: {from} -> {to} is no knot: list it in the row of {from:?}"
            ));
        }
    }
    let mut used = BTreeSet::new();
    for arrow in arrows {
        let from = arrow.from.as_str();
        for to in arrow.through.iter().map(String::as_str) {
            if to == from || !used.insert((from, to)) {
                continue;
            }
            if in_rows.contains(&(from, to)) || in_knot.contains(&(from, to)) {
                continue;
            }
            let advice = if points_down(from, to) {
                format!("remove the use, or add {to:?} to the row of {from:?} in {TABLES}")
            } else {
                format!("{to} is not a lower layer than {from}: move the code or the item")
            };
            findings.push(format!("{src}/{}: {from} -> {to}: {advice}", place(arrow)));
        }
    }
    for (from, to) in in_rows.union(&in_knot) {
        if !used.contains(&(*from, *to)) {
            findings.push(format!(
                "{TABLES}: {src}: no code uses {from} -> {to}: delete the entry"
            ));
        }
    }
    findings
}

/// Returns the differences between the largest import circle and its list.
///
/// For new files, the findings include the shortest circles that they are in.
pub(crate) fn against_the_circle(listed: &[&str], arrows: &[Arrow]) -> Vec<String> {
    let graph = graph_of_files(arrows);
    let circle = circles(&graph).into_iter().next().unwrap_or_default();
    let mut findings: Vec<String> = listed
        .iter()
        .filter(|file| !circle.contains(**file))
        .map(|file| format!("{TABLES}: {file} is not in the circle: delete it from the list"))
        .collect();
    let new: Vec<&String> = circle
        .iter()
        .filter(|file| !listed.contains(&file.as_str()))
        .collect();
    if new.is_empty() {
        return findings;
    }
    for file in &new {
        findings.push(format!(
            "{file} is new in the circle: remove an arrow of a circle that it is in"
        ));
    }
    let files: Vec<_> = circle.iter().map(String::as_str).collect();
    findings.push(format!("circle of {}: {}", files.len(), files.join(" ")));
    let through_new = shortest_circles(&graph, &circle)
        .into_iter()
        .filter(|circle| circle.iter().any(|file| new.contains(&file)));
    for circle in through_new.take(SHOWN_CIRCLES) {
        findings.push(closed(&circle, arrows));
    }
    findings
}

/// Returns the arrows of a table.
fn pairs(table: Table) -> impl Iterator<Item = (&'static str, &'static str)> {
    table
        .iter()
        .flat_map(|(from, targets)| targets.split_whitespace().map(|to| (*from, to)))
}

/// Returns the graph of the files that import each other.
fn graph_of_files(arrows: &[Arrow]) -> Graph {
    let mut graph = Graph::new();
    for arrow in arrows {
        if arrow.from_file != arrow.to_file {
            graph
                .entry(arrow.from_file.clone())
                .or_default()
                .insert(arrow.to_file.clone());
        }
    }
    graph
}

/// Returns a circle with the code of each arrow: `a.rs:3 (super::b::B) -> b.rs:1 (super::A) -> a.rs`.
fn closed(circle: &[String], arrows: &[Arrow]) -> String {
    let next = circle.iter().cycle().skip(1);
    let mut steps: Vec<String> = circle
        .iter()
        .zip(next)
        .filter_map(|(from, to)| {
            arrows
                .iter()
                .find(|arrow| arrow.from_file == *from && arrow.to_file == *to)
        })
        .map(place)
        .collect();
    steps.extend(circle.first().cloned());
    steps.join(" -> ")
}

/// Returns the file, the line and the path of an arrow.
fn place(arrow: &Arrow) -> String {
    format!("{}:{} ({})", arrow.from_file, arrow.line, arrow.path)
}
