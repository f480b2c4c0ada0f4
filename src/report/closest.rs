//! «Did you mean …?»

/// The known word that was perhaps meant, whatever its case; `None` when none is like it.
///
/// ```
/// use firstboot::report::closest;
/// assert_eq!(closest("Controler", ["controllers", "cluster"]), Some("controllers"));
/// assert_eq!(closest("etcd", ["platform"]), None);
/// ```
pub fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let likeness = |word: &str| strsim::jaro_winkler(&text, &word.to_lowercase());
    known
        .into_iter()
        .map(|word| (likeness(word), word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}
