//! Checks that the modules of `ibws-proto` depend one way, from the client over the keeper and the
//! transport to the core, and that the core has no cycle.

use std::collections::BTreeSet;

use crate::cycles::cycles;
use crate::graph::{Graph, Reference};
use crate::report::Offence;
use crate::sources::Repository;

/// The sources of the crate whose modules are checked.
pub(crate) const FOLDER: &str = "ibws-proto/src/";

/// A part of the crate and its top-level modules.
struct Layer {
    name: &'static str,
    modules: &'static [&'static str],
}

/// The layers above the core, from the top. A layer may use those below it; all modules that are
/// not listed are the core.
const LAYERS: &[Layer] = &[
    Layer { name: "client", modules: &["client"] },
    Layer { name: "keeper", modules: &["keeper"] },
    Layer { name: "transport", modules: &["transport"] },
];

/// Modules of the core that a layer may not use. The transport moves bytes, and the keeper makes
/// REST calls; both know nothing of the machine.
const FORBIDDEN: &[(&str, &[&str])] =
    &[("keeper", &["machine", "queue", "subscriptions"]), ("transport", &["machine", "queue", "subscriptions"])];

/// Cycles in the core that are known and not yet removed, each from its least module on.
const TOLERATED: &[&[&str]] = &[];

/// Returns the imports of upper layers, the cycles in the core, and the entries above that fit
/// nothing.
pub(crate) fn offences(repository: &Repository) -> Vec<Offence> {
    check(&Graph::read(repository, FOLDER), TOLERATED)
}

fn check(graph: &Graph, tolerated: &[&[&str]]) -> Vec<Offence> {
    let mut offences: Vec<_> = graph.references.iter().filter_map(upward).collect();
    let named = LAYERS.iter().flat_map(|layer| layer.modules);
    for module in named.filter(|module| !graph.modules.contains(**module)) {
        let wrong = format!("there is no module `{module}`");
        offences.push(Offence::new(FOLDER, 1, wrong, "make it, or take it out of the layers in house/modules.rs"));
    }
    let core: Vec<_> = graph.references.iter().filter(|it| height(&it.from) == 0 && height(&it.to) == 0).collect();
    let edges: BTreeSet<_> = core.iter().map(|it| (it.from.as_str(), it.to.as_str())).collect();
    let found = cycles(&edges);
    for cycle in found.iter().filter(|cycle| !tolerated.contains(&cycle.as_slice())) {
        let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
        let places: Vec<_> =
            steps.filter_map(|(from, to)| core.iter().find(|it| it.from == *from && it.to == *to)).collect();
        let Some(first) = places.first() else { continue };
        let listed: Vec<_> =
            places.iter().map(|it| format!("{} → {} at {}:{}", it.from, it.to, it.file, it.line)).collect();
        let wrong = format!("modules of the core form a cycle, {}", listed.join(", "));
        offences.push(Offence::new(&first.file, first.line, wrong, "move what both use into a module below both"));
    }
    for cycle in tolerated.iter().filter(|cycle| !found.contains(**cycle)) {
        let wrong = format!("the tolerated cycle {} does not exist", cycle.join(" → "));
        offences.push(Offence::new("tests/tests/house/modules.rs", 1, wrong, "remove it from the list"));
    }
    offences
}

/// Returns the height of a module's layer; the core is 0.
fn height(module: &str) -> usize {
    let above = LAYERS.iter().position(|layer| layer.modules.contains(&module));
    above.map_or(0, |above| LAYERS.len() - above)
}

/// Returns the name of a module's layer.
pub(crate) fn layer(module: &str) -> &'static str {
    LAYERS.iter().find(|layer| layer.modules.contains(&module)).map_or("core", |layer| layer.name)
}

/// Returns the offence of a single reference, if it is one.
fn upward(reference: &Reference) -> Option<Offence> {
    let Reference { from, to, file, line } = reference;
    if to == "*" {
        let wrong = "everything at the root is imported, which hides what is used";
        return Some(Offence::new(file, *line, wrong, "import the names"));
    }
    let forbidden = FORBIDDEN.iter().any(|(name, modules)| *name == layer(from) && modules.contains(&to.as_str()));
    (forbidden || height(to) > height(from)).then(|| {
        let wrong = format!("`{from}` ({}) uses `{to}` ({})", layer(from), layer(to));
        Offence::new(file, *line, wrong, "let the upper module use the lower one: client, keeper, transport, core")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], tolerated: &[&[&str]]) -> Vec<String> {
        let mut all = vec![("ibws-proto/src/lib.rs", "pub use machine::Machine;\npub use client::Client;")];
        for path in ["ibws-proto/src/client/mod.rs", "ibws-proto/src/keeper/mod.rs", "ibws-proto/src/transport/mod.rs"]
        {
            if files.iter().all(|(known, _)| *known != path) {
                all.push((path, ""));
            }
        }
        all.extend([("ibws-proto/src/machine.rs", ""), ("ibws-proto/src/key.rs", "")]);
        all.retain(|(path, _)| files.iter().all(|(known, _)| known != path));
        all.extend(files);
        let graph = Graph::read(&Repository::sample(&all), FOLDER);
        check(&graph, tolerated).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn use_of_lower_layers_passes() {
        let client = ("ibws-proto/src/client/mod.rs", "use crate::{Machine, transport::Net, key::Key};");
        let transport = ("ibws-proto/src/transport/mod.rs", "use crate::key::Key;");
        let machine = ("ibws-proto/src/machine.rs", "use crate::key::Key;");
        assert_eq!(found(&[client, transport, machine], &[]), [""; 0]);
    }

    #[test]
    fn use_of_upper_layers_and_of_the_machine_by_the_transport_are_offences() {
        let cases = [
            ("ibws-proto/src/machine.rs", "use crate::Client;", "`machine` (core) uses `client` (client)"),
            ("ibws-proto/src/key.rs", "use crate::transport::Net;", "`key` (core) uses `transport` (transport)"),
            ("ibws-proto/src/key.rs", "use crate::keeper::Call;", "`key` (core) uses `keeper` (keeper)"),
            ("ibws-proto/src/keeper/call.rs", "use crate::Machine;", "`keeper` (keeper) uses `machine` (core)"),
            (
                "ibws-proto/src/transport/mod.rs",
                "use crate::client::X;",
                "`transport` (transport) uses `client` (client)",
            ),
            ("ibws-proto/src/transport/net.rs", "use crate::Machine;", "`transport` (transport) uses `machine` (core)"),
            ("ibws-proto/src/key.rs", "use crate::*;", "everything at the root is imported"),
        ];
        for (path, source, wrong) in cases {
            let found = found(&[(path, source)], &[]);
            assert!(found.len() == 1 && found.concat().starts_with(&format!("{path}:1: {wrong}")), "{found:?}");
        }
    }

    #[test]
    fn cycles_in_the_core_are_offences_unless_tolerated() {
        let cycle =
            [("ibws-proto/src/key.rs", "use crate::machine;"), ("ibws-proto/src/machine.rs", "use crate::key;")];
        let places = "key → machine at ibws-proto/src/key.rs:1, machine → key at ibws-proto/src/machine.rs:1";
        assert!(found(&cycle, &[]).concat().contains(places));
        assert_eq!(found(&cycle, &[&["key", "machine"]]), [""; 0]);
        assert!(found(&[], &[&["key", "machine"]]).concat().contains("key → machine does not exist"));
    }

    #[test]
    fn layers_without_modules_are_offences() {
        let graph = Graph::read(&Repository::sample(&[("ibws-proto/src/lib.rs", "")]), FOLDER);
        let found: Vec<_> = check(&graph, &[]).iter().map(ToString::to_string).collect();
        assert!(found.concat().contains("there is no module `transport`"), "{found:?}");
    }
}
