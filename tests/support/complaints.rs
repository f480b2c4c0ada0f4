//! What etcd says where it does not take a setting as it was meant.

/// Such lines of a log.
pub(crate) fn complaints(log: &str) -> Vec<&str> {
    let signs = [
        "unrecognized",
        "deprecated",
        "shadowed",
        "decommission",
        "is removed",
    ];
    let complains = |line: &&str| {
        let line = line.to_lowercase();
        signs.iter().any(|sign| line.contains(sign))
    };
    log.lines().filter(complains).collect()
}
