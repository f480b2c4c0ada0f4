//! `render --report`: a page that needs nothing but itself, shows every text as text, and no key.
//!
//! How it looks and behaves in a browser is for `tests/real/report_page.rs`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/battery.rs"]
mod battery;
#[path = "support/html.rs"]
mod html;
#[path = "support/machine.rs"]
mod machine;
#[path = "support/on_platforms.rs"]
mod on_platforms;

use askama::filters::Escaper as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firstboot::cluster::Cluster;
use firstboot::machine::{Layout, machines};
use firstboot::page::{self, Html, Subject};
use firstboot::pki::audit::File;
use firstboot::pki::inspect;
use firstboot::pki::mint::{Authority, Validity};
use firstboot::platform::{Delivery, Document, Form, Key, LaunchValue, Packed, Platform, Settings};
use firstboot::report::{Finding, Report};
use firstboot::secret::Secret;
use firstboot::wire::escape::ShellWord;
use on_platforms::{Bench, text};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The page of every case in `tests/golden`, rendered in that time zone.
fn pages(zone: &str) -> Vec<(String, String)> {
    let cases = fs::read_dir(golden()).unwrap();
    let cases = cases.map(|case| case.unwrap().path());
    let mut pages = Vec::new();
    for case in cases.filter(|case| case.join("cluster.yaml").is_file()) {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(["render", "--report", "--format", "json", "--files-dir"])
            .arg(golden())
            .arg(case.join("cluster.yaml"))
            .current_dir(dir.path())
            .env("TZ", zone)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["report"], true);
        let directory = dir.path().join(said["directory"].as_str().unwrap());
        let page = fs::read_to_string(directory.join(page::FILE)).unwrap();
        pages.push((case.display().to_string(), page));
    }
    assert!(pages.len() >= 8, "only {} pages", pages.len());
    pages.sort();
    pages
}

/// What is allowed to run is exactly what is there, and nothing would be asked for.
#[test]
fn a_page_needs_nothing_but_itself() {
    for (case, html) in pages("UTC") {
        let page = html::Page::read(&html);
        assert_eq!(page.errors, Vec::<String>::new(), "{case}");
        let inside = |start: &str, end: &str| {
            let mut parts = html.split(start);
            let part = parts.nth(1).unwrap().split(end).next().unwrap();
            assert!(parts.next().is_none(), "{case} has two of {start}");
            format!("'sha256-{}'", STANDARD.encode(Sha256::digest(part)))
        };
        let (style, script) = (
            inside("<style>", "</style>"),
            inside("<script>", "</script>"),
        );
        let policy = format!(
            "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; \
             form-action 'none'"
        );
        assert_eq!(
            page.elements[3].1[1],
            ("content".to_owned(), policy),
            "{case}"
        );
        for (name, attributes) in &page.elements {
            assert!(!["img", "link", "iframe", "object", "use", "image"].contains(&name.as_str()));
            for (attribute, value) in attributes {
                let inert = !attribute.starts_with("on")
                    && !["src", "srcset", "style", "action"].contains(&attribute.as_str())
                    && (attribute != "href" || value.starts_with('#'));
                assert!(inert, "{case}: <{name} {attribute}={value}>");
            }
        }
        let ids = page.elements.iter().flat_map(|(_, attributes)| attributes);
        let ids = ids.filter(|(name, _)| name == "id").map(|(_, id)| id);
        let mut seen = BTreeSet::new();
        for id in ids {
            assert!(seen.insert(id), "{case}: two elements are {id}");
        }
    }
}

#[test]
fn the_same_page_in_every_time_zone() {
    assert_eq!(pages("Asia/Seoul"), pages("America/St_Johns"));
}

#[test]
fn no_line_of_any_key_is_on_a_page() {
    let keys = fs::read_dir(golden().join("pki")).unwrap();
    let keys = keys.map(|entry| entry.unwrap().path());
    let keys: Vec<_> = keys
        .filter(|path| path.to_str().unwrap().ends_with("-key.pem"))
        .collect();
    let texts: Vec<_> = keys
        .iter()
        .map(|key| fs::read_to_string(key).unwrap())
        .collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let secrets: Vec<_> = lines.filter(|line| !line.starts_with("-----")).collect();
    assert!(secrets.len() >= 8, "{} lines", secrets.len());
    let mut names = 0;
    for (case, html) in pages("UTC") {
        for secret in &secrets {
            assert!(!html.contains(secret), "{case} shows a key");
        }
        assert!(!html.contains("PRIVATE KEY"), "{case}");
        names += html.matches("kubernetes-key.pem").count();
    }
    assert!(names > 8, "the pages have no keys at all");
}

#[test]
fn only_its_owner_reads_it_and_it_goes_when_nobody_asks_for_it() {
    let bench = Bench::new();
    let page = bench.path("out/lab").join(page::FILE);
    bench.rendered("platform: gce", &["--report"]);
    assert_eq!(
        fs::metadata(&page).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let again = bench.edited(&[]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(!page.exists(), "a page that may be wrong is still there");
}

/// A certificate that ends in 20 days is a warning today and was none last week: the page, which
/// is the same on both days, leaves that to its script.
#[test]
fn what_only_today_knows_is_not_on_the_page() {
    let bench = Bench::new();
    bench.render("platform: gce", &[]);
    let mint = |arguments: &[&str]| {
        let mut mint = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        let output = mint
            .args(["pki", "mint"])
            .args(arguments)
            .current_dir(bench.0.path())
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    fs::remove_dir_all(bench.path("pki")).unwrap();
    mint(&["--days", "20"]);
    let output = bench.render("platform: gce", &["--report"]);
    let said = text(&output.stderr);
    assert!(said.contains("warning[ends-soon]"), "{said}");
    assert!(said.contains("warning[even-members]"), "{said}");
    let html = text(&bench.file(page::FILE));
    assert!(!html.contains("ends-soon") && html.contains("even-members"));
}

/// What is pasted for each controller tells the cloud's client what `launch` tells it.
#[test]
fn what_launches_one_controller_is_its_part_of_launch() {
    let bench = Bench::new();
    let bin = bench.clients();
    for platform in Platform::ALL {
        let mut more = format!("platform: {platform}\n");
        let value = |key: &Key| match key.name {
            "gateway" => "10.240.0.77".to_owned(),
            "prefix" => "24".to_owned(),
            name if key.is_text() => format!("/{name}"),
            _ => "2048".to_owned(),
        };
        let entries: Vec<_> = platform
            .keys()
            .map(|key| format!("{}: '{}'", key.name, value(key)))
            .collect();
        let _ = writeln!(more, "launch: {{ {} }}", entries.join(", "));
        if platform.takes_image() {
            more.push_str("image: { family: ubuntu, id: /image }\n");
        }
        bench.rendered(&more, &["--report"]);
        let html = text(&bench.file(page::FILE));
        let run = |words: &[&str], log: &str| {
            let output = Command::new("sh")
                .args(words)
                .env_clear()
                .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
                .env("LOG", bench.path(log))
                .env("HOME", bench.path("home"))
                .current_dir(bench.path("out/lab"))
                .output()
                .unwrap();
            let said = text(&output.stderr);
            assert!(output.status.success(), "{platform}: {said}\n{words:?}");
            text(&output.stdout) + &fs::read_to_string(bench.path(log)).unwrap_or_default()
        };
        let whole = run(&["launch"], "log");
        let _ = fs::remove_file(bench.path("log"));
        let told = words(&whole);
        let mut of_each = BTreeSet::new();
        for number in 1..=2 {
            let mine = html::text_behind(&html, &format!("id=\"launch-{number}\""));
            let (own, other) = (number - 1, 2 - number);
            assert!(!mine.contains(&format!("controller-{other}")), "{mine}");
            let said = run(&["-c", &mine], "log");
            let _ = fs::remove_file(bench.path("log"));
            assert!(
                said.contains(&format!("controller-{own}")),
                "{platform}: {said}"
            );
            of_each.extend(words(&said));
        }
        // They are long, and hold a key.
        assert!(of_each == told, "{platform} is told something else");
    }
}

/// The words of a log, but for a password that is another each time.
fn words(log: &str) -> BTreeSet<String> {
    let lines: Vec<_> = log.lines().collect();
    let behind = |index: usize| index.checked_sub(1).map(|before| lines[before]);
    let lines = lines.iter().enumerate();
    let lines = lines.filter(|(index, _)| behind(*index) != Some("--root_pass"));
    lines.map(|(_, line)| (*line).to_owned()).collect()
}

/// What a reader would not see, or see wrongly.
fn is_unseen(c: char) -> bool {
    let turned = "\u{ad}\u{200b}\u{202e}\u{2028}\u{2029}\u{feff}\u{ffff}\u{10ffff}".contains(c);
    turned || c.is_control() && !"\n\t".contains(c)
}

/// The text as it is to be seen.
fn shown(text: &str) -> String {
    let seen = |c: char| match c {
        c if is_unseen(c) => format!("\\u{{{:x}}}", c as u32),
        c => c.to_string(),
    };
    text.chars().map(seen).collect()
}

#[test]
fn every_text_is_itself_between_tags_and_in_quotes() {
    for one in battery::battery() {
        let mut escaped = String::new();
        Html.write_escaped_str(&mut escaped, &one).unwrap();
        let page = html::Page::read(&format!("<p title=\"{escaped}\">{escaped}</p>"));
        assert_eq!(page.errors, Vec::<String>::new(), "{one:?}");
        assert_eq!(page.texts[1], shown(&one));
        assert_eq!(page.elements.len(), 1, "{one:?}");
        assert_eq!(page.elements[0].1, [("title".to_owned(), shown(&one))]);
    }
}

/// A page of this cluster without a room.
fn page_of(cluster: &Cluster, settings: &Settings, report: &Report) -> String {
    let packed = Packed {
        document: Document::CloudConfig,
        form: Form::Plain,
        bytes: 1,
    };
    let delivery = Delivery {
        files: Vec::new(),
        packed: vec![packed],
    };
    page::render(&Subject {
        cluster,
        platform: Platform::named("gce").unwrap(),
        settings,
        machines: &machines(cluster, Layout::default()),
        layout: Layout::default(),
        deliveries: &[delivery.clone(), delivery],
        rooms: &[],
        largest: "controller-0",
        report,
    })
}

/// One page with the whole battery in findings and in certificates.
#[test]
fn every_finding_and_every_subject_is_found_as_text() {
    let battery = battery::battery();
    let mut cluster = machine::cluster();
    let bundle = certificates(&battery);
    cluster.members[0].tls.server.ca.bytes = Secret::new(bundle.clone().into_bytes());
    let warning = |one: &String| Finding::warning("code", 0..0, one.clone(), format!("do {one}"));
    let report = Report::new("cluster.yaml", "", battery.iter().map(warning).collect());
    let html = page_of(&cluster, &Settings::default(), &report);
    let page = html::Page::read(&html);
    assert_eq!(page.errors, Vec::<String>::new());
    for name in ["script", "style", "h1"] {
        let elements = page.elements.iter();
        let count = elements.filter(|(found, _)| found == name).count();
        assert_eq!(count, 1, "a text has become an element: {name}");
    }
    for (one, finding) in battery.iter().zip(report.findings()) {
        // A finding shows no key, nor what looks like the beginning of one.
        assert!(
            *one == finding.message || one.contains("PRIVATE KEY"),
            "{one:?}"
        );
        let one = &finding.message;
        // Two backticks are a literal's.
        let expected = match one.matches('`').count() {
            2 => one.replace('`', ""),
            _ => one.clone(),
        };
        assert!(page.says(&shown(&expected)), "no finding says {one:?}");
    }
    let facts = inspect::facts(File {
        name: "ca.pem",
        bytes: bundle.as_bytes(),
    });
    let subjects = facts.iter().map(|facts| &facts.subject);
    assert!(subjects.clone().any(|subject| subject.contains("<script>")));
    assert!(facts.len() > 100, "only {} certificates", facts.len());
    for subject in subjects {
        assert!(page.says(&shown(subject)), "no certificate is {subject:?}");
    }
}

#[test]
fn every_value_of_launch_is_found_as_text() {
    let cluster = machine::cluster();
    let battery = battery::battery();
    let values = battery.iter().filter_map(|one| LaunchValue::new(one).ok());
    let values: Vec<_> = values.collect();
    assert!(values.len() > 100, "only {} values", values.len());
    for values in values.chunks(4) {
        let mut settings = Settings::default();
        let gce = Platform::named("gce").unwrap();
        let keys = gce.keys().map(|key| key.name);
        settings.shared.extend(keys.zip(values.iter().cloned()));
        let none = Report::new("cluster.yaml", "", Vec::new());
        let html = page_of(&cluster, &settings, &none);
        let command = html::text_behind(&html, "id=\"launch-1\"");
        for (key, value) in &settings.shared {
            let mut word = String::new();
            let text = value.as_str();
            ShellWord.write_escaped_str(&mut word, text).unwrap();
            let line = format!("\n{}={word}\n", key.to_uppercase());
            assert!(command.contains(&line), "{line}: {command}");
        }
    }
}

/// A CA of every third name: each takes its time.
fn certificates(names: &[String]) -> String {
    let validity = Validity {
        not_before: 1_546_300_800,
        not_after: 2_493_072_000,
    };
    let minted = names
        .iter()
        .filter_map(|name| Authority::mint(name, validity).ok());
    minted
        .map(|(_, minted)| text(minted.certificate.as_ref()))
        .collect()
}
