//! `tests/etcd-flags.tsv`, read.

use std::collections::BTreeMap;

/// What etcd declares: for each flag and gate, the patch level by minor version.
pub(crate) fn declared() -> BTreeMap<(String, u64), u64> {
    let text = std::fs::read_to_string("tests/etcd-flags.tsv").unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next().unwrap().to_owned();
            let cells: Vec<_> = (3..).zip(fields).collect();
            assert_eq!(cells.len(), 5, "{line}");
            cells
                .into_iter()
                .filter(|(_, since)| *since != "-")
                .map(move |(minor, since)| ((name.clone(), minor), since.parse().unwrap()))
        })
        .collect()
}
