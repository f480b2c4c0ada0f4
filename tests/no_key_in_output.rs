//! No output holds a key, wherever and in whatever form it was given.
//!
//! Three keys, each in 41 forms (whole, on one line, escaped, in base64 once more, in hexadecimal
//! digits, in pieces, in a URL, …), stand as every argument of every command, as every value and
//! every key of a manifest, in user-data of many kinds, and on standard input. What is said then,
//! to people and to programs, holds no twenty characters of the key in a row. Forms and places
//! are counted, so that none is lost unseen.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::CommandFactory as _;
use firstboot::diff::{self, Machine};
use firstboot::inspect::inspect;
use firstboot::manifest::{Manifest, read_pem_files, resolve};
use firstboot::report::Report;
use firstboot::wire::decode::decode;
use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// So many characters of a key in a row are never shown.
const RUN: usize = 20;
const FORMS: usize = 41;
const NOW: i64 = 1_790_000_000;

struct Key {
    name: &'static str,
    pem: String,
    der: Vec<u8>,
    /// Every run of it, in each of its encodings.
    runs: HashSet<Vec<u8>>,
}

impl Key {
    fn new(name: &'static str, file: &str) -> Self {
        let (remark, pem) = file.split_once('\n').unwrap();
        assert!(remark.starts_with("Throw-away"));
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(&body).unwrap();
        let hex = hex(&der, "", "");
        let encodings = [
            body,
            URL_SAFE_NO_PAD.encode(&der),
            hex.to_uppercase(),
            hex,
            STANDARD.encode(pem),
            self::hex(&der, "", ":"),
            self::hex(&der, "", " "),
            self::hex(&der, "0x", ", "),
            self::hex(&der, "\\x", ""),
        ];
        let runs = encodings
            .iter()
            .flat_map(|text| text.as_bytes().windows(RUN));
        Self {
            name,
            runs: runs.map(<[u8]>::to_vec).collect(),
            pem: pem.to_owned(),
            der,
        }
    }

    fn all() -> [Self; 3] {
        [
            Self::new("ec", include_str!("keys/ec.pem")),
            Self::new("rsa", include_str!("keys/rsa.pem")),
            Self::new("ed25519", include_str!("keys/ed25519.pem")),
        ]
    }

    /// The first run of it in a text.
    fn found_in(&self, text: &[u8]) -> Option<String> {
        let mut windows = text.windows(RUN);
        let found = windows.find(|window| self.runs.contains(*window));
        found.map(|run| String::from_utf8_lossy(run).into_owned())
    }

    /// Every form that it is given in.
    fn forms(&self) -> Vec<(&'static str, String)> {
        let pem = self.pem.as_str();
        let lines: Vec<&str> = pem.lines().collect();
        let body: String = lines[1..lines.len() - 1].concat();
        let rest = |length: usize| {
            let rest = &body[body.len() / 3..];
            rest[..length.min(rest.len())].to_owned()
        };
        let wrapped = |length: usize| {
            let lines = body.as_bytes().chunks(length);
            let lines: Vec<_> = lines
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            lines.join("\n")
        };
        let indented = |by: &str| lines.join(&format!("\n{by}"));
        let der = &self.der;
        let again = STANDARD.encode(pem);
        let forms = vec![
            ("whole", pem.to_owned()),
            ("one line", lines.join(" ")),
            ("joined", lines.concat()),
            ("escaped", lines.join("\\n")),
            ("escaped twice", lines.join("\\\\n")),
            ("in double quotes", format!("\"{}\"", lines.join("\\n"))),
            ("in single quotes", format!("'{}'", lines.join("\\n"))),
            ("indented", indented("    ")),
            ("indented with tabs", indented("\t")),
            ("crlf", lines.join("\r\n")),
            ("cr", lines.join("\r")),
            ("bom", format!("\u{feff}{pem}")),
            ("no end", lines[..lines.len() - 1].join("\n")),
            ("no begin", lines[1..].join("\n")),
            ("another label", pem.replace("PRIVATE KEY", "SECRET")),
            ("four dashes", pem.replace("-----", "----")),
            (
                "as its own label",
                format!("-----BEGIN {body} PRIVATE KEY-----"),
            ),
            ("comment", indented("# ")),
            ("body", wrapped(64)),
            ("body joined", body.clone()),
            ("first line", lines[1].to_owned()),
            ("last full line", rest(64)),
            ("lines of 38", wrapped(38)),
            ("lines of 32", wrapped(32)),
            ("lines of 24", wrapped(24)),
            ("url safe", URL_SAFE_NO_PAD.encode(der)),
            ("base64 again", again.clone()),
            ("base64 again, pieces", again[60..100].to_owned()),
            ("hex", hex(der, "", "")),
            ("upper hex", hex(der, "", "").to_uppercase()),
            ("hex with colons", hex(der, "", ":")),
            ("hex dump", hex(der, "", " ")),
            ("array", hex(der, "0x", ", ")),
            ("hex escapes", hex(der, "\\x", "")),
            ("piece of hex", hex(der, "", "")[20..52].to_owned()),
            ("json", serde_json::to_string(pem).unwrap()),
            ("json lines", serde_json::to_string(&lines).unwrap()),
            (
                "url's password",
                format!("https://me:{body}@mirror.example/etcd"),
            ),
            ("url's query", format!("https://mirror.example/?key={body}")),
            ("piece of 39", rest(39)),
            ("piece of 32", rest(32)),
        ];
        assert_eq!(forms.len(), FORMS);
        forms
    }
}

fn hex(bytes: &[u8], before: &str, between: &str) -> String {
    let pairs: Vec<_> = bytes
        .iter()
        .map(|byte| format!("{before}{byte:02x}"))
        .collect();
    pairs.join(between)
}

/// What was told of a key.
#[derive(Default)]
struct Told {
    runs: usize,
    wrong: Vec<String>,
}

impl Told {
    fn look(&mut self, key: &Key, what: impl FnOnce() -> String, output: &[u8]) {
        self.runs += 1;
        if let Some(run) = key.found_in(output) {
            self.wrong.push(format!("{} {}: {run}", key.name, what()));
        }
    }

    fn judge(self, least: usize) {
        let (wrong, runs) = (self.wrong.len(), self.runs);
        assert!(runs >= least, "{runs} runs");
        let first: Vec<_> = self.wrong.iter().take(40).collect();
        assert!(wrong == 0, "{wrong} of {runs} show a key:\n{first:#?}");
    }
}

/// The forms are what they say: without them nothing here could fail.
#[test]
fn the_keys_are_found_where_they_are() {
    for key in Key::all() {
        let found = key
            .forms()
            .into_iter()
            .filter(|(_, form)| key.found_in(form.as_bytes()).is_some());
        // Line ends inside of a run, or escapes, hide it from the search in none of them.
        assert_eq!(found.count(), FORMS, "{}", key.name);
    }
}

const MANIFEST: &str = "\
apiVersion: firstboot/v1
cluster: etcd-cluster-0
platform: gce
hostname: controller
image: ubuntu
replace: auto
arch: amd64
etcd:
  version: 3.5.21
  mirrors:
    - https://mirror.example/etcd
    - file:///media/etcd
  sha256:
    amd64: adddda4b06718e68671ffabff2f8cee48488ba61ad82900e639d108f2148501c
  settings:
    heartbeat-interval: 100
    quota-backend-bytes: 8589934592
    listen-metrics-urls: http://127.0.0.1:2381
    experimental-initial-corrupt-check: true
launch:
  project: my-project
  zone: europe-west6-a
  machine_type: e2-small
  image: my-image
  network: etcd
  subnet: etcd-a
data_disk:
  device: /dev/disk/by-id/google-etcd
  filesystem: xfs
  label: etcd
network:
  prefix: 24
  gateway: 10.240.0.1
  nameservers: [10.240.0.2]
  interface: eth0
controllers:
  - name: controller-0
    ip: 10.240.0.10
    arch: amd64
    launch:
      zone: europe-west6-b
  - name: controller-1
    ip: 10.240.0.11
    tls:
      cert: pki/controller-1.pem
      key: pki/controller-1-key.pem
tls:
  ca: pki/ca.pem
  cert: pki/kubernetes.pem
  key: pki/kubernetes-key.pem
  server:
    cert: pki/server.pem
    key: pki/server-key.pem
  peer:
    ca: pki/peer-ca.pem
    allowed_cn: kubernetes
  client:
    cert: pki/client.pem
    key: pki/client-key.pem
cloud_config:
  timezone: Europe/Zurich
  packages: [jq]
  ssh_authorized_keys: [none]
  write_files:
    - path: /etc/motd
      owner: root:root
      permissions: '0644'
      encoding: text/plain
      content: hello
  runcmd:
    - sysctl --system
  bootcmd:
    - [sh, -c, 'true']
";

/// Every value and every key of the manifest, as the range in its text.
fn places() -> Vec<(std::ops::Range<usize>, bool)> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in MANIFEST.split_inclusive('\n') {
        let text = line.trim_end();
        let from = text.len() - text.trim_start_matches([' ', '-']).len();
        let (key, value) = match text[from..].split_once(':') {
            Some((key, value)) if value.is_empty() || value.starts_with(' ') => (Some(key), value),
            _ => (None, &text[from..]),
        };
        if let Some(key) = key {
            places.push((start + from..start + from + key.len(), false));
        }
        let value = value.trim();
        if !value.is_empty() {
            let end = start + text.len();
            places.push((end - value.len()..end, true));
        }
        start += line.len();
    }
    places
}

/// What `render` would say of this manifest, to people and to programs.
fn said_of(manifest: &str, root: &Path) -> String {
    let report = match Manifest::parse("cluster.yaml", manifest.as_bytes()) {
        Err(report) => report,
        Ok(read) => {
            let (files, mut findings) = read_pem_files(&read, root);
            findings.extend(resolve(&read, &files, None, NOW).findings);
            Report::new("cluster.yaml", manifest, findings)
        }
    };
    format!("{}\n{}", report.to_text(false), report.to_json())
}

#[test]
fn in_every_place_of_a_manifest() {
    let root = tempfile::tempdir().unwrap();
    let places = places();
    assert!(places.len() > 100, "{}", places.len());
    let mut told = Told::default();
    for (number, key) in Key::all().iter().enumerate() {
        for (index, (form, text)) in key.forms().iter().enumerate() {
            let quoted = serde_json::to_string(text).unwrap();
            for (place, (range, is_value)) in places.iter().enumerate() {
                // Each key meets each place and each form, and one of them each place in each form.
                if number > 0 && (place + index) % 9 != number {
                    continue;
                }
                let written: &[&str] = if *is_value {
                    &[&quoted, text]
                } else {
                    &[&quoted]
                };
                for written in written {
                    let mut manifest = MANIFEST.to_owned();
                    manifest.replace_range(range.clone(), written);
                    let said = said_of(&manifest, root.path());
                    let what = || format!("{form} at `{}`", &MANIFEST[range.clone()]);
                    told.look(key, what, said.as_bytes());
                }
            }
        }
    }
    told.judge(7_000);
}

/// User-data of several makers with a key in it: `@` is where.
const USER_DATA: [&str; 22] = [
    "@",
    "#cloud-config\nwrite_files:\n- path: /etc/etcd/key.pem\n  content: @\n",
    "#cloud-config\nwrite_files:\n- path: @\n  content: x\n",
    "#cloud-config\nwrite_files:\n- path: /x\n  permissions: @\n  content: x\n",
    "#cloud-config\nwrite_files:\n- path: /x\n  encoding: @\n  content: x\n",
    "#cloud-config\nwrite_files:\n- path: /x\n  owner: @\n  content: x\n",
    "#cloud-config\nruncmd:\n- @\n",
    "#cloud-config\nruncmd:\n- [etcd, --name, @]\n",
    "#cloud-config\nhostname: @\nfqdn: @\n",
    "#cloud-config\n@: x\n",
    "#cloud-config\nusers:\n- name: @\n",
    "#!/bin/sh\necho @\n",
    "#!/bin/sh\ncat >/etc/etcd/key.pem <<EOF\n@\nEOF\n",
    "#!/bin/sh\nETCD_NAME=@\nexec etcd --name @ --data-dir @\n",
    "#cloud-config\nwrite_files:\n- path: /etc/etcd/etcd.env\n  content: |\n    ETCD_NAME=a\n    ETCD_DATA_DIR=@\n",
    "#cloud-config\nwrite_files:\n- path: /etc/systemd/system/etcd.service\n  content: |\n    [Service]\n    Environment=ETCD_NAME=@\n    ExecStart=/usr/bin/etcd --name @\n",
    "Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n--x\nContent-Type: text/cloud-config\n\n@\n--x--\n",
    "Content-Type: multipart/mixed; boundary=\"x\"\nMIME-Version: 1.0\n\n--x\nContent-Type: @\nContent-Disposition: attachment; filename=\"@\"\n\n#!/bin/sh\n--x--\n",
    "{\"ignition\":{\"version\":\"3.4.0\"},\"storage\":{\"files\":[{\"path\":\"/x\",\"contents\":{\"source\":\"data:,@\"}}]}}",
    "{\"ignition\":{\"version\":\"3.4.0\"},\"systemd\":{\"units\":[{\"name\":\"@\",\"contents\":\"@\"}]}}",
    "## template: jinja\n#cloud-config\nruncmd:\n- {{ @ }}\n",
    "#include\n@\n",
];

#[test]
fn in_user_data_that_is_looked_at() {
    let mut told = Told::default();
    for (number, key) in Key::all().iter().enumerate() {
        for (index, (form, text)) in key.forms().iter().enumerate() {
            let quoted = serde_json::to_string(text).unwrap();
            for (kind, user_data) in USER_DATA.iter().enumerate() {
                if number > 0 && (kind + index) % 3 != number {
                    continue;
                }
                for written in [&quoted, text] {
                    let user_data = user_data.replace('@', written);
                    let seen = inspect("user-data", user_data.as_bytes(), NOW);
                    let said = format!(
                        "{}\n{}\n{}",
                        seen.to_text(),
                        seen.to_json(),
                        seen.judgements_to_text(false)
                    );
                    told.look(key, || format!("{form} in {kind}"), said.as_bytes());
                }
            }
        }
    }
    told.judge(2_912);
}

#[test]
fn in_machines_that_are_compared() {
    let whole = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/survives_loss/out/survives/controller-0/user-data"),
    )
    .unwrap();
    let before = Machine::all(&decode("user-data", whole.as_bytes())).unwrap();
    let marks = [
        "ETCD_DATA_DIR=",
        "ETCD_NAME=",
        "ExecStart=",
        "Description=",
        "hostname: ",
    ];
    let mut told = Told::default();
    for key in Key::all() {
        for (form, text) in key.forms() {
            for mark in marks {
                for text in [
                    text.replace('\n', "\\n"),
                    serde_json::to_string(&text).unwrap(),
                ] {
                    let changed = whole.replace(mark, &format!("{mark}{text}"));
                    let Ok(after) = Machine::all(&decode("user-data", changed.as_bytes())) else {
                        continue;
                    };
                    let difference = diff::difference(&before, &after, false, NOW);
                    let said = format!(
                        "{}\n{:#}",
                        diff::to_text(&difference),
                        diff::to_json(&difference)
                    );
                    told.look(&key, || format!("{form} behind `{mark}`"), said.as_bytes());
                }
            }
        }
    }
    told.judge(400);
}

fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(arguments)
        .current_dir(directory)
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It need not be read.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    [output.stdout, b"\n".to_vec(), output.stderr].concat()
}

/// Every command line of every command with one argument left open, in the place of `@`.
fn command_lines() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, path: &[String], lines: &mut Vec<Vec<String>>) {
        for below in command
            .get_subcommands()
            .filter(|below| below.get_name() != "help")
        {
            let path = [path, &[below.get_name().to_owned()]].concat();
            collect(below, &path, lines);
        }
        let line = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned());
            path.iter().cloned().chain(words).collect::<Vec<_>>()
        };
        lines.extend([
            line(&["@"]),
            line(&["--@"]),
            line(&["-@"]),
            line(&["--format", "json", "@"]),
        ]);
        for argument in command.get_arguments() {
            if let Some(long) = argument.get_long() {
                lines.push(line(&[&format!("--{long}"), "@"]));
                lines.push(line(&[&format!("--{long}=@"), "--format", "json"]));
            }
        }
    }
    let mut command = firstboot::commands::Cli::command();
    command.build();
    let mut lines = Vec::new();
    collect(&command, &[], &mut lines);
    lines
}

#[test]
fn as_every_argument_of_every_command() {
    let lines = command_lines();
    assert!(lines.len() > 150, "{}", lines.len());
    let directory = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    for (number, key) in Key::all().iter().enumerate() {
        for (index, (form, text)) in key.forms().iter().enumerate() {
            for (line_number, line) in lines.iter().enumerate() {
                // Each line meets each form with one key or another, in turn.
                if (line_number + index) % (3 * SHARE) != number {
                    continue;
                }
                let words: Vec<_> = line.iter().map(|word| word.replace('@', text)).collect();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let said = run(directory.path(), &words, b"");
                told.look(key, || format!("{form} in {line:?}"), &said);
            }
        }
    }
    told.judge(1_000);
}

/// One in so many of all command lines with all forms is run: all of them take half an hour.
const SHARE: usize = 6;

#[test]
fn on_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    for key in Key::all() {
        for (form, text) in key.forms() {
            for line in [
                &["render", "--check", "-"][..],
                &["--format", "json", "render", "--check", "-"],
                &["inspect", "-"],
                &["--format", "json", "inspect", "-"],
            ] {
                let said = run(directory.path(), line, text.as_bytes());
                told.look(&key, || format!("{form} to {line:?}"), &said);
            }
        }
    }
    told.judge(3 * FORMS * 4);
}

/// A key that was put where a file's path belongs, with all the rest in order.
#[test]
fn as_a_path_that_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let made = run(directory.path(), &["init", "--ip", "10.240.0.10"], b"");
    assert!(
        directory.path().join("cluster.yaml").exists(),
        "{}",
        String::from_utf8_lossy(&made)
    );
    let mut told = Told::default();
    for key in Key::all() {
        for (form, text) in key.forms() {
            for line in [
                &["verify", "--key", "@"][..],
                &["verify", "--cert", "@", "--format", "json"],
                &["verify", "--cacert", "@"],
                &["render", "--check", "--files-dir", "@"],
                &["pin", "--offline", "--tarball", "@"],
                &["pki", "mint", "--client", "@"],
                &["pki", "show", "@"],
                &["diff", "cluster.yaml", "@"],
                &["bake", "--root", "@"],
                &["inspect", "@", "--format", "json"],
            ] {
                let words: Vec<_> = line.iter().map(|word| word.replace('@', &text)).collect();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let said = run(directory.path(), &words, b"");
                told.look(&key, || format!("{form} in {line:?}"), &said);
            }
        }
    }
    told.judge(3 * FORMS * 10);
}
