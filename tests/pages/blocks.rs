//! Every block of every page is run, read, or marked.

use super::page::{Block, Page, root};
use super::sandbox::{MANIFEST, Sandbox, with_keys_of};
use std::fs;
use std::path::Path;

/// Pages whose transcripts another test makes and compares: it has what they need.
const ELSEWHERE: [(&str, &str); 2] = [
    ("docs/verify.md", "tests/verify/printed.rs"),
    ("docs/inspect.md", "tests/inspect_docs.rs"),
];

fn is_held_elsewhere(page: &Page) -> bool {
    let mut held = ELSEWHERE.iter();
    let Some((path, test)) = held.find(|(path, _)| page.path == Path::new(path)) else {
        return false;
    };
    let code = fs::read_to_string(root().join(test)).unwrap();
    assert!(code.contains(path), "{test} does not hold {path}");
    true
}

#[test]
fn every_block_is_run_or_says_why_not() {
    let runners = ["mod.rs", "grow.rs"].map(|name| {
        let path = root().join("tests/real/day_two").join(name);
        fs::read_to_string(path).unwrap()
    });
    let runners = runners.concat();
    let (mut wrong, mut run) = (Vec::new(), 0);
    for page in Page::all() {
        for block in page.blocks() {
            let place = page.place(block.line);
            match block.language.as_str() {
                "console" | "sh" => match block.run_by() {
                    Some(name) if runners.contains(&format!("\"{name}\"")) => run += 1,
                    Some(name) => wrong.push(format!("{place}: no test runs `{name}`")),
                    None if block.note.is_empty() => run += usize::from(!block.is_marked()),
                    None => wrong.push(format!("{place}: `{}` is no note", block.note)),
                },
                "yaml" => {}
                "" | "text" | "json" if !holds_commands(&block) => {}
                "" | "text" | "json" => {
                    wrong.push(format!("{place}: commands are `console` or `sh`"));
                }
                other => wrong.push(format!("{place}: what is done with `{other}`?")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run > 10, "only {run} blocks are run");
}

fn holds_commands(block: &Block) -> bool {
    let begins = ["$ ", "firstboot ", "sudo ", "etcdctl ", "systemctl "];
    let is_command = |line: &str| begins.iter().any(|word| line.starts_with(word));
    block.text.lines().any(is_command)
}

/// Section by section, as a reader would type them.
#[test]
fn what_is_shown_happens() {
    let pages = Page::all().into_iter();
    for page in pages.filter(|page| !is_held_elsewhere(page)) {
        let mut place = (usize::MAX, Sandbox::new());
        for block in page.blocks() {
            if block.section != place.0 {
                place = (block.section, Sandbox::new());
            }
            follow(&page, &block, &place.1);
        }
    }
}

fn follow(page: &Page, block: &Block, sandbox: &Sandbox) {
    let place = page.place(block.line);
    match block.language.as_str() {
        "yaml" if is_path(&block.note) => sandbox.write(&block.note, &block.text),
        "sh" if !block.is_marked() && block.run_by().is_none() => {
            sandbox.output(&block.text, &place);
        }
        "console" if !block.is_marked() => {
            for (command, expected) in transcript(block) {
                let printed = sandbox.output(&command, &place);
                let expected = without_sizes(&expected).replace('…', "[..]");
                let expected = format!("\n{expected}").replace("\n[..]\n", "\n...\n");
                let expected = expected.strip_prefix('\n').unwrap();
                snapbox::assert_data_eq!(without_sizes(&printed), expected);
            }
        }
        _ => {}
    }
}

fn is_path(note: &str) -> bool {
    note.strip_suffix(".yaml").is_some()
}

/// The commands with what they are said to print.
fn transcript(block: &Block) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
        } else {
            let (_, output) = found.last_mut().unwrap();
            output.push_str(line);
            output.push('\n');
        }
    }
    found
}

/// The sizes of what is rendered change with every word of a template: how many digits they have
/// is compared, and everything around them.
fn without_sizes(text: &str) -> String {
    let line = |line: &str| match line.split_once("  member ") {
        Some((before, after)) => {
            let (id, sizes) = after.split_at(after.find(' ').unwrap_or(after.len()));
            let sizes = sizes.replace(|c: char| c.is_ascii_digit(), "N");
            format!("{before}  member {id}{sizes}\n")
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Every warning is named by its code somewhere on the page.
pub(crate) fn warnings_are_spoken_of(page: &Page, said: &str, place: &str) {
    let codes = said
        .lines()
        .filter_map(|line| line.strip_prefix("warning["));
    for code in codes.filter_map(|line| line.split(']').next()) {
        let is_named = page.text.contains(code);
        assert!(is_named, "{place}: nothing is said of {code}\n{said}");
    }
}

/// A manifest is taken without a warning that the page does not speak of: the reader copies it.
#[test]
fn every_manifest_is_one() {
    let mut read = 0;
    for page in Page::all() {
        let blocks = page.blocks();
        let blocks = blocks.iter().filter(|block| block.language == "yaml");
        for block in blocks.filter(|block| block.note != "excerpt") {
            let place = page.place(block.line);
            let sandbox = Sandbox::new();
            let is_lock = block.text.starts_with("apiVersion: firstboot-lock/v1");
            if is_lock {
                let base = MANIFEST.replace("cluster: etcd\n", "cluster: etcd-cluster-0\n");
                sandbox.write("cluster.yaml", &base);
                sandbox.write("cluster.lock", &block.text);
            } else if block.text.contains("apiVersion: firstboot/v1") {
                sandbox.write("cluster.yaml", &block.text);
            } else {
                let manifest = with_keys_of(MANIFEST, &block.text);
                sandbox.write("cluster.yaml", &manifest);
            }
            sandbox.output("firstboot pki mint cluster.yaml", &place);
            let said = sandbox.output("firstboot render --new --check cluster.yaml", &place);
            warnings_are_spoken_of(&page, &said, &place);
            read += 1;
        }
    }
    assert!(read > 5, "only {read} manifests are read");
}
