//! Finds the cycles of a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Returns a shortest cycle through each edge that is on a cycle. Each cycle is listed once and
/// begins with its least node.
pub(crate) fn cycles<'a>(edges: &BTreeSet<(&'a str, &'a str)>) -> BTreeSet<Vec<&'a str>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let mut cycles = BTreeSet::new();
    for (from, to) in edges {
        if let Some(mut cycle) = path(&next, to, from) {
            let least = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
            cycle.rotate_left(least);
            cycles.insert(cycle);
        }
    }
    cycles
}

/// Returns the nodes of a shortest path, both ends included.
fn path<'a>(next: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str, to: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if node == to {
            let mut path = vec![node];
            while let Some(before) =
                path.last().and_then(|node| came_from.get(node)).filter(|before| !path.contains(before))
            {
                path.push(before);
            }
            path.reverse();
            return Some(path);
        }
        for child in next.get(node).into_iter().flatten() {
            if !came_from.contains_key(child) {
                came_from.insert(child, node);
                queue.push_back(child);
            }
        }
    }
    None
}

fn found(edges: &[(&'static str, &'static str)]) -> Vec<String> {
    cycles(&edges.iter().copied().collect()).into_iter().map(|cycle| cycle.join(" ")).collect()
}

#[test]
fn cycles_are_found_once_each() {
    assert_eq!(found(&[("a", "b"), ("b", "a")]), ["a b"]);
    assert_eq!(found(&[("c", "a"), ("a", "b"), ("b", "c")]), ["a b c"]);
    assert_eq!(found(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("c", "d")]), ["a b", "b c"]);
}

#[test]
fn graphs_that_lead_one_way_have_none() {
    assert_eq!(found(&[("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")]), [""; 0]);
    assert_eq!(found(&[]), [""; 0]);
}
