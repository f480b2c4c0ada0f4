//! What a page links to is there.

use super::page::{Page, root};
use std::path::Path;

#[test]
fn every_link_leads_somewhere() {
    let pages = Page::all();
    let (mut lost, mut followed) = (Vec::new(), 0);
    for page in &pages {
        for (line, target) in links(page) {
            if target.contains("://") {
                continue;
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let dir = page.path.parent().unwrap();
            let path = if file.is_empty() {
                page.path.clone()
            } else {
                normal(&dir.join(file))
            };
            let place = page.place(line);
            if !root().join(&path).exists() {
                lost.push(format!("{place}: there is no {target}"));
            } else if !anchor.is_empty() {
                let there = pages.iter().find(|page| page.path == path);
                if there.is_none_or(|there| !anchors(there).iter().any(|one| one == anchor)) {
                    lost.push(format!("{place}: {file} has no heading #{anchor}"));
                }
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    assert!(followed > 30, "only {followed} links");
}

/// A page that nothing leads to is not read.
#[test]
fn the_index_names_every_page() {
    let index = Page::read("docs/README.md");
    let named: Vec<_> = links(&index).into_iter().map(|(_, to)| to).collect();
    for page in Page::all() {
        let name = page.path.file_name().unwrap().to_str().unwrap();
        let is_named = named.contains(&name) || name == "README.md";
        assert!(is_named, "docs/README.md does not lead to {name}");
    }
}

/// The targets of `[text](target)`, outside of code.
fn links(page: &Page) -> Vec<(usize, &str)> {
    let targets = page.prose().flat_map(|(number, line)| {
        let outside = line.split('`').step_by(2);
        let after = outside.flat_map(|part| part.split("](").skip(1));
        after
            .filter_map(|rest| rest.split_once(')'))
            .map(move |(target, _)| (number, target))
    });
    targets.collect()
}

/// As GitHub makes them of headings: lower case, `-` for blanks, no punctuation.
fn anchors(page: &Page) -> Vec<String> {
    let headings = page.prose().filter(|(_, line)| line.starts_with('#'));
    let made = headings.map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
        title
            .chars()
            .filter(kept)
            .collect::<String>()
            .replace(' ', "-")
    });
    made.collect()
}

/// Without `..`.
fn normal(path: &Path) -> std::path::PathBuf {
    let mut parts = std::path::PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts
}
