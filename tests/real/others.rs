//! User-data that others made: what `inspect` says of it is what cloud-init does with it, and what
//! it says to do about it is what mends it.

use crate::image;
use base64::Engine as _;
use firstboot::inspect::inspect;
use firstboot::rehearse::Suite;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/inspect/{name}.data"));
    fs::read_to_string(path).unwrap()
}

/// User-data with a fault, the code that names it, the same as the help says, and whether what
/// cloud-init makes of one of them is what was meant.
struct Case {
    name: &'static str,
    code: &'static str,
    faulty: String,
    mended: String,
    works: fn(&Value) -> bool,
}

const UMLAUTS: &str = "#cloud-config\nruncmd:\n- [echo, Größe]\n";

fn umlauts(made: &Value) -> bool {
    made["config"]["runcmd"][0][1] == "Größe"
}

fn filled_in(made: &Value) -> bool {
    let content = made["config"]["write_files"][0]["content"].as_str();
    content.is_some_and(|text| text.starts_with("ETCD_NAME=controller-0\n"))
}

fn readable(made: &Value) -> bool {
    let all = made["pem"].as_array().unwrap();
    !all.is_empty() && all.iter().all(|one| *one == true)
}

fn prints(made: &Value, text: &str) -> bool {
    let scripts = made["scripts"].as_object().unwrap();
    scripts.len() == 1 && scripts.values().all(|said| *said == text)
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let of = |name, code, faulty: String, mended: String, works| Case {
        name,
        code,
        faulty,
        mended,
        works,
    };
    let message = sample("84_message_with_umlauts_in_7bit");
    let (head, _) = message.split_once("#cloud-config").unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(UMLAUTS);
    let encoded = format!("{}{encoded}\n--B--\n", head.replace("7bit", "base64"));
    let folded = sample("86_pem_folded");
    let unfolded = folded
        .replace("content: >", "content: |")
        .replace("content: \"-----BEGIN", "content: |\n      -----BEGIN")
        .replace("CERTIFICATE-----\"", "CERTIFICATE-----");
    let indented = sample("87_pem_indented");
    let margin = indented.replace("\n        ", "\n      ");
    let bare = sample("89_jinja_without_its_line");
    let in_part = sample("90_jinja_in_a_declared_part");
    let tight = sample("91_jinja_without_a_blank");
    let late = sample("124_message_behind_a_comment");
    let script = sample("96_blank_line_before_the_interpreter");
    let part = |body: &str| {
        format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"B\"\n\n--B\n{body}--B--\n"
        )
    };
    let jinja_script = "## template: jinja\n#!/bin/sh\necho {{ ds.meta_data.local_ipv4 }}\n";
    vec![
        of("umlauts", "mime-letters", message.clone(), encoded, umlauts),
        of("folded", "pem-unreadable", folded.clone(), unfolded, readable),
        of("indented", "pem-unreadable", indented.clone(), margin, readable),
        of(
            "no line",
            "jinja",
            bare.clone(),
            format!("## template: jinja\n{bare}"),
            filled_in,
        ),
        of(
            "declared",
            "jinja",
            in_part.clone(),
            in_part.replace("text/cloud-config", "text/jinja2"),
            filled_in,
        ),
        of(
            "tight",
            "jinja",
            tight.clone(),
            tight.replace("template:jinja", "template: jinja"),
            filled_in,
        ),
        of(
            "blank before",
            "jinja",
            format!("\n## template: jinja\n{bare}"),
            format!("## template: jinja\n{bare}"),
            filled_in,
        ),
        of(
            "below",
            "jinja",
            bare.replacen('\n', "\n## template: jinja\n", 1),
            format!("## template: jinja\n{bare}"),
            filled_in,
        ),
        of(
            "subtraction",
            "jinja-syntax",
            jinja_script.replace("local_ipv4", "local-ipv4"),
            jinja_script.to_owned(),
            |made| prints(made, "10.240.0.10\n"),
        ),
        of(
            "comment of jinja",
            "jinja-syntax",
            "## template: jinja\n#!/bin/bash\necho ${#HOME}\n".to_owned(),
            "## template: jinja\n#!/bin/bash\n{% raw %}\nHOME=/root; echo ${#HOME}\n{% endraw %}\n"
                .to_owned(),
            |made| prints(made, "5\n"),
        ),
        of(
            "header line",
            "header-line",
            sample("95_text_on_the_header_line"),
            "#cloud-config\nwrite_files:\n- path: /etc/etcd/ca.pem\n  content: x\nruncmd:\n- systemctl start etcd\n"
                .to_owned(),
            |made| made["config"]["runcmd"][0] == "systemctl start etcd",
        ),
        of(
            "blank line",
            "interpreter-late",
            script.clone(),
            script.trim_start().to_owned(),
            |made| prints(made, "hi\n"),
        ),
        of(
            "no interpreter",
            "no-interpreter",
            part("Content-Type: text/x-shellscript\n\necho hi\n"),
            part("Content-Type: text/x-shellscript\n\n#!/bin/sh\necho hi\n"),
            |made| prints(made, "hi\n"),
        ),
        of(
            "arguments",
            "interpreter-arguments",
            "#!/usr/bin/env sh -e\necho hi\n".to_owned(),
            "#!/bin/sh\nset -e\necho hi\n".to_owned(),
            |made| prints(made, "hi\n"),
        ),
        of(
            "commands behind it",
            "interpreter-arguments",
            "#!/bin/sh echo hi\n".to_owned(),
            "#!/bin/sh\necho hi\n".to_owned(),
            |made| prints(made, "hi\n"),
        ),
        of(
            "late",
            "mime-late",
            late.clone(),
            late.split_once('\n').unwrap().1.to_owned(),
            |made| made["config"]["runcmd"][0][0] == "systemctl",
        ),
        of(
            "template of nothing",
            "jinja",
            part("Content-Type: text/jinja2\n\n#cloud-config\nhostname: '{{ v1.local_hostname }}'\n"),
            part(
                "Content-Type: text/jinja2\n\n## template: jinja\n#cloud-config\nhostname: '{{ v1.local_hostname }}'\n",
            ),
            |made| made["config"]["hostname"] == "controller-0",
        ),
    ]
}

fn codes(document: &[u8]) -> Vec<&'static str> {
    let seen = inspect("sample", document, 1_800_000_000);
    let errors = seen.judgements.iter();
    errors.map(|judgement| judgement.code).collect()
}

fn made(suite: Suite, documents: &[Vec<u8>]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let program = include_str!("read_parts.py");
    fs::write(dir.path().join("read.py"), program).unwrap();
    let mut names = String::new();
    for (at, document) in documents.iter().enumerate() {
        fs::write(dir.path().join(at.to_string()), document).unwrap();
        names.push_str(" /tmp/input/");
        names.push_str(&at.to_string());
    }
    let script = format!("python3 /tmp/input/read.py{names}");
    let said = image::stdout(&image::of(suite), dir.path(), &script);
    let said: Value = serde_json::from_str(&said).unwrap();
    let all = 0..documents.len();
    all.map(|at| said[at.to_string()].clone()).collect()
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn what_is_said_of_it_is_what_cloud_init_does_and_the_help_mends_it() {
    let cases = cases();
    let documents: Vec<_> = cases
        .iter()
        .flat_map(|case| {
            [
                case.faulty.clone().into_bytes(),
                case.mended.clone().into_bytes(),
            ]
        })
        .collect();
    let made = made(Suite::Bookworm, &documents);
    for (case, made) in cases.iter().zip(made.chunks(2)) {
        let name = case.name;
        assert!(!(case.works)(&made[0]), "{name} works: {}", made[0]);
        assert!(
            (case.works)(&made[1]),
            "{name}: {}\n{}",
            made[1],
            case.mended
        );
        assert!(codes(case.faulty.as_bytes()).contains(&case.code), "{name}");
        assert_eq!(codes(case.mended.as_bytes()), [""; 0], "{name}");
    }
}

/// Every mode in the samples, and what each was said to be.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn modes_are_what_cloud_init_sets() {
    let samples = [
        sample("03_modes_as_numbers"),
        sample("98_modes_as_decimal_numbers"),
    ];
    let documents: Vec<_> = samples
        .iter()
        .map(|text| text.clone().into_bytes())
        .collect();
    let made = made(Suite::Bookworm, &documents);
    let mut count = 0;
    for (text, made) in samples.iter().zip(&made) {
        let seen = inspect("sample", text.as_bytes(), 0);
        let modes: Vec<_> = seen
            .part
            .files
            .iter()
            .map(|file| file.mode.unwrap())
            .collect();
        let real = made["modes"].as_array().unwrap();
        let modes: Vec<Value> = modes
            .iter()
            .map(|mode| format!("{mode:04o}").into())
            .collect();
        assert_eq!(&modes, real);
        count += modes.len();
    }
    assert!(count >= 12);
}

/// Host names that are numbers, truths or nothing to YAML, as the real `PyYAML` reads them.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn names_arrive_as_themselves_in_meta_data() {
    let mut cluster = crate::support::cluster();
    let dir = tempfile::tempdir().unwrap();
    let mut names: Vec<String> = [
        "0644",
        "123",
        "true",
        "0x1f",
        "1e3",
        "0b11",
        "on",
        "y",
        "n",
        "null",
        "no",
        "2026-12-01",
        "1-30",
        "e",
        "0",
        "017",
        "0o17",
        "controller-0",
    ]
    .map(str::to_owned)
    .to_vec();
    // Every short name of the letters that numbers are made of.
    let letters = ['0', '1', '7', '9', 'a', 'b', 'e', 'x', 'o', 'n', 'y', '-'];
    for a in letters {
        for b in letters {
            for c in letters {
                names.push([a, b, c].iter().collect());
            }
        }
    }
    let mut written = Vec::new();
    for name in names {
        let Ok(name) = firstboot::cluster::HostName::new(&name) else {
            continue;
        };
        cluster.members[0].name = name.clone();
        let machine =
            &firstboot::machine::machines(&cluster, firstboot::machine::Layout::default())[0];
        written.push((name.to_string(), firstboot::platform::meta_data(machine)));
    }
    assert!(written.len() > 1000);
    fs::write(
        dir.path().join("names.json"),
        serde_json::to_vec(&written).unwrap(),
    )
    .unwrap();
    let script = "python3 -c 'import json, yaml
for name, text in json.load(open(\"/tmp/input/names.json\")):
    read = yaml.safe_load(text)
    assert read[\"local-hostname\"] == name, text
    assert read[\"instance-id\"].startswith(name + \"-\"), text
print(\"right\")'";
    let said = image::stdout(&image::of(Suite::Bookworm), dir.path(), script);
    assert_eq!(said.trim(), "right");
}
