//! The rows of a store are those of a map, and their bytes are counted.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;

use super::*;

/// Rows as [`RowStore`] has them, each an allocation of its own.
#[derive(Default)]
struct Model(BTreeMap<RowKey, (Vec<Merged>, bool)>);

impl Model {
    fn add(&mut self, row: &NewRow<'_>) {
        let (rows, replaces) = self.0.entry(row.key.clone()).or_insert((Vec::new(), row.replaces));
        if row.replaces {
            rows.clear();
            *replaces = true;
        }
        let fits = |last: &Merged| last.json().text().len() + row.json.text().len() <= MAX_ROW;
        if !rows.last_mut().is_some_and(|last| fits(last) && last.merge(row.json, |_| false)) {
            rows.extend(Merged::new(row.json));
        }
    }

    fn text(&self) -> String {
        let rows: Vec<_> = self.0.values().flat_map(|(rows, _)| rows).map(|row| row.json().text()).collect();
        format!("[{}]", rows.join(","))
    }
}

/// Adds rows to a store and to a model, and compares the two.
fn compare(rows: impl Iterator<Item = (RowKey, String, bool)>) -> RowStore {
    let (mut store, mut model) = (RowStore::default(), Model::default());
    for (key, text, replaces) in rows {
        let row = NewRow { key, json: Json(&text), replaces };
        store.add(&row, |_| false, |_| false);
        model.add(&row);
    }
    let held = store.blocks.iter().map(Block::held_bytes).sum::<usize>();
    assert_eq!(store.bytes, held, "the bytes are counted");
    for block in &store.blocks {
        let used = block.entries.0.iter().map(Entry::text_bytes).sum::<usize>();
        assert_eq!(block.texts.0.len(), used + block.unused, "the unused bytes are counted");
        assert_eq!(block.more, block.entries.0.iter().map(Entry::more_bytes).sum::<usize>());
        assert!(block.texts.0.capacity() <= MAX_TEXTS && block.entries.0.len() <= MAX_ENTRIES);
    }
    let entries = store.blocks.iter().flat_map(|block| {
        let rows = |entry| block.rows(entry).map(|row| row.text().to_string()).collect::<Vec<_>>();
        block.entries.0.iter().map(move |entry| (RowKey::from(block.key(entry)), rows(entry), entry.replaces))
    });
    let expected = model.0.iter().map(|(key, (rows, replaces))| {
        (key.clone(), rows.iter().map(|row| row.json().text().to_string()).collect::<Vec<_>>(), *replaces)
    });
    assert!(entries.eq(expected));
    assert_eq!((store.text_bytes() + 1).max(2), model.text().len());
    let mut text = String::new();
    store.clone().write(&mut text);
    assert!(text == model.text());
    let mut copy = RowStore::default();
    copy.append(store.clone(), |_| false);
    // Rows that did not fit into one may do so by now.
    let is_plain = store.blocks.iter().all(|block| block.more == 0);
    assert!(!is_plain || copy.text_bytes() == store.text_bytes());
    store
}

fn row(number: u64, filler: usize) -> String {
    format!(r#"{{"n":{number},"x":"{}"}}"#, "x".repeat(filler))
}

#[test]
fn rows_of_any_order_and_size_are_those_of_a_map() {
    assert!(compare(core::iter::empty()).blocks.is_empty());
    let mut seed = 7_u64;
    let mut below = |limit: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % limit
    };
    for (keys, filler) in [(1, 9_000), (3, 9_000), (40, 3_000), (20_000, 300)] {
        for replaces in [false, true] {
            compare((0..3_000).map(|number| {
                let (key, filler) = (below(keys), below(filler));
                let key = if key % 2 == 0 { (key as i64).into() } else { Box::<str>::from(format!("e{key}")).into() };
                (key, row(number, filler as usize), replaces && number % 3 == 0)
            }));
        }
    }
}

#[test]
fn ascending_keys_fill_the_blocks_and_descending_ones_half_of_each() {
    let rows = |key: fn(i64) -> i64| compare((0..20_000).map(|n| (key(n).into(), row(1, 40), true))).held_bytes();
    let least = 20_000 * (size_of::<Entry>() + row(1, 40).len());
    let (ascending, descending) = (rows(|n| n), rows(|n| -n));
    assert!((least..least * 3 / 2).contains(&ascending), "{ascending} bytes for {least}");
    assert!((least..least * 3).contains(&descending), "{descending} bytes for {least}");
}

#[test]
fn a_row_that_changes_often_takes_no_more_room() {
    let changes = (0..10_000).map(|n| (1.into(), row(n, (n % 100) as usize), true));
    assert!(compare(changes).held_bytes() < 2_000);
}

#[test]
fn debug_shows_no_row() {
    let store = compare([(1.into(), row(1, 10), true)].into_iter());
    assert!(format!("{store:?}").starts_with("RowStore { bytes: "));
}
