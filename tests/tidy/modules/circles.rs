//! Circles in a graph of names: groups of names that reach each other, and the shortest circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A graph: each name with the names that it points to.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

/// Returns the groups of two names or more that all reach each other, the largest first.
pub(crate) fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = graph
        .keys()
        .map(|start| (start, reach(graph, start)))
        .collect();
    let mut found: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for (start, targets) in &reached {
        let group: BTreeSet<String> = targets
            .iter()
            .filter(|target| {
                reached
                    .get(*target)
                    .is_some_and(|back| back.contains(start))
            })
            .map(|target| (*target).clone())
            .collect();
        if group.len() > 1 {
            found.insert(group);
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|group| std::cmp::Reverse(group.len()));
    found
}

/// Returns the names that a start reaches in one step or more.
fn reach<'a>(graph: &'a Graph, start: &'a String) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(node) = waiting.pop() {
        for next in graph.get(node).into_iter().flatten() {
            if found.insert(next) {
                waiting.push(next);
            }
        }
    }
    found
}

/// Returns a shortest circle through each arrow inside a group, the shortest first.
///
/// A circle starts at its least name and does not repeat it: `[a, b]` stands for `a -> b -> a`.
pub(crate) fn shortest_circles(graph: &Graph, group: &BTreeSet<String>) -> Vec<Vec<String>> {
    let mut found = BTreeSet::new();
    for from in group {
        for to in graph.get(from).into_iter().flatten() {
            if let Some(mut way) = way(graph, group, to, from) {
                let least = way.iter().enumerate().min_by_key(|(_, name)| *name);
                let at = least.map_or(0, |(at, _)| at);
                way.rotate_left(at);
                found.insert(way);
            }
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(Vec::len);
    found
}

/// Returns a shortest way between two names inside a group, with both ends.
fn way(graph: &Graph, group: &BTreeSet<String>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([from]);
    while let Some(node) = waiting.pop_front() {
        if node == to {
            let mut way = vec![node.to_owned()];
            let mut node = node;
            while node != from {
                node = came_from.get(node)?;
                way.push(node.to_owned());
            }
            way.reverse();
            return Some(way);
        }
        for next in graph.get(node).into_iter().flatten() {
            let new = next != from && !came_from.contains_key(next.as_str());
            if new && group.contains(next) {
                came_from.insert(next, node);
                waiting.push_back(next);
            }
        }
    }
    None
}
