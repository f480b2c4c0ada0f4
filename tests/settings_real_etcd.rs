//! Real etcd, started with everything that the settings table allows for it: nothing of it is
//! unknown, deprecated or shadowed, and what etcd then does is what was asked for.
//!
//! ```text
//! FIRSTBOOT_TEST_ETCD=/path/to/3.4:/path/to/3.5 cargo test --test settings_real_etcd -- --ignored
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/complaints.rs"]
mod complaints;
#[path = "support/etcd_flags.rs"]
mod etcd_flags;
#[path = "support/hang.rs"]
mod hang;
#[path = "support/settings_samples.rs"]
mod samples;
mod support;

use complaints::complaints;
use firstboot::cluster::settings::{Kind, Row, Spelling, Whose, rows};
use firstboot::manifest::Manifest;
use firstboot::release::Version;
use hang::HANG;
use samples::{SAMPLES, effects, sample};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::Workshop;

const ADDRESS: &str = "127.77.0.1";

fn settable(version: Version) -> impl Iterator<Item = Row> {
    let may = |row: &Row| matches!(row.whose, Whose::All | Whose::Any);
    rows().filter(move |row| may(row) && row.spelling(version).is_some())
}

/// The variables that a manifest with these settings renders, read as every manifest is.
fn rendered(version: Version, settings: &str) -> Vec<(String, String)> {
    let manifest = format!(
        "apiVersion: firstboot/v1\ncluster: c\nplatform: nocloud\n\
         etcd:\n  version: {version}\n  settings:\n{settings}\
         controllers:\n  - {{ name: m, ip: 10.0.0.1 }}\n\
         tls: {{ ca: ca.pem, cert: c.pem, key: k.pem }}\n"
    );
    let manifest = Manifest::parse("cluster.yaml", manifest.as_bytes());
    let manifest = manifest.unwrap_or_else(|report| panic!("{report:?}"));
    let settings = manifest.etcd.settings.resolved(version);
    let pairs = settings.iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn everything(version: Version, port: u16) -> Vec<(String, String)> {
    let text = settable(version).fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "    {}: {}", row.name, sample(&row, version));
        text
    });
    rendered(version, &text.replace("PORT", &port.to_string()))
}

struct Etcd {
    bin: PathBuf,
    version: Version,
}

fn etcds() -> Vec<Etcd> {
    let list = std::env::var("FIRSTBOOT_TEST_ETCD")
        .expect("FIRSTBOOT_TEST_ETCD names no directories with an etcd");
    let find = |dir: &str| {
        let dirs = [PathBuf::from(dir).join("usr/bin"), PathBuf::from(dir)];
        let bin = dirs.into_iter().find(|dir| dir.join("etcd").exists());
        let bin = bin.unwrap_or_else(|| panic!("no etcd in {dir}"));
        let output = Command::new(bin.join("etcd"))
            .arg("--version")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let version = text.lines().next().unwrap().rsplit(' ').next().unwrap();
        Etcd {
            version: version.parse().unwrap(),
            bin,
        }
    };
    list.split(':').map(find).collect()
}

/// One member over TLS, killed when dropped.
struct Member<'a> {
    child: Child,
    shop: &'a Workshop,
    client: u16,
    metrics: u16,
    began: Instant,
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Etcd {
    fn says(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.bin.join("etcd"));
        let output = command.args(arguments).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// The flags and gates in its help; some that it takes are missing there, and the other way.
    fn helps_with(&self) -> BTreeSet<String> {
        let help = self.says(&["--help"]);
        let flag = |line: &str| {
            let gate = line.split_once("=true|false (").map(|(gate, _)| gate);
            let flag = line.strip_prefix("--").map(|rest| rest.split(' ').next());
            gate.or(flag.flatten()).map(str::to_owned)
        };
        let every = ["AllAlpha", "AllBeta"].map(str::to_owned);
        let names = help.lines().filter_map(|line| flag(line.trim()));
        names.filter(|name| !every.contains(name)).collect()
    }

    fn takes(&self, flag: &str) -> bool {
        let said = self.says(&[&format!("--{flag}=true"), "--version"]);
        !said.contains("flag provided but not defined")
    }

    fn start<'a>(&self, shop: &'a Workshop, settings: &[(String, String)]) -> Member<'a> {
        let data = tempfile::tempdir_in(shop.path()).unwrap().keep();
        self.start_on(&data, shop, settings)
    }

    fn start_on<'a>(
        &self,
        data: &Path,
        shop: &'a Workshop,
        settings: &[(String, String)],
    ) -> Member<'a> {
        let [client, peer] = free_ports();
        let log = std::fs::File::create(shop.path().join("log")).unwrap();
        let url = |port: u16| format!("https://{ADDRESS}:{port}");
        let own = [
            ("NAME", "m".to_owned()),
            ("DATA_DIR", data.display().to_string()),
            ("LISTEN_CLIENT_URLS", url(client)),
            ("ADVERTISE_CLIENT_URLS", url(client)),
            ("LISTEN_PEER_URLS", url(peer)),
            ("INITIAL_ADVERTISE_PEER_URLS", url(peer)),
            ("INITIAL_CLUSTER", format!("m={}", url(peer))),
            ("CERT_FILE", "kubernetes.pem".to_owned()),
            ("KEY_FILE", "kubernetes-key.pem".to_owned()),
            ("TRUSTED_CA_FILE", "ca.pem".to_owned()),
            ("PEER_CERT_FILE", "kubernetes.pem".to_owned()),
            ("PEER_KEY_FILE", "kubernetes-key.pem".to_owned()),
            ("PEER_TRUSTED_CA_FILE", "ca.pem".to_owned()),
        ];
        let child = Command::new(self.bin.join("etcd"))
            .current_dir(shop.path())
            .env_clear()
            .envs(own.map(|(name, value)| (format!("ETCD_{name}"), value)))
            .envs(settings.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let metrics = settings
            .iter()
            .find(|(name, _)| name == "ETCD_LISTEN_METRICS_URLS");
        let metrics = metrics.map_or(0, |(_, url)| {
            url.rsplit(':').next().unwrap().parse().unwrap_or(0)
        });
        Member {
            child,
            shop,
            client,
            metrics,
            began: Instant::now(),
        }
    }
}

impl Member<'_> {
    fn log(&self) -> String {
        String::from_utf8_lossy(&self.shop.read("log")).into_owned()
    }

    fn wait_until_healthy(&mut self) {
        loop {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}\n{}", self.log());
            if self.get("/health").contains("\"health\":\"true\"") {
                return;
            }
            assert!(self.began.elapsed() < HANG, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// An answer of the metrics port, which is plain HTTP; empty if there is none.
    fn get(&self, path: &str) -> String {
        let mut text = Vec::new();
        let host = format!("127.77.0.1:{}", self.metrics);
        if let Ok(mut stream) = TcpStream::connect(&host) {
            let _ = write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
            let _ = stream.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held: Vec<_> = (0..N)
        .map(|_| TcpListener::bind((ADDRESS, 0)).unwrap())
        .collect();
    std::array::from_fn(|at| held[at].local_addr().unwrap().port())
}

#[test]
fn there_is_a_sample_of_every_setting_that_may_be_set() {
    let may = |row: &Row| matches!(row.whose, Whose::All | Whose::Any);
    let settable: Vec<_> = rows().filter(may).map(|row| row.name).collect();
    let sampled: Vec<_> = SAMPLES.iter().map(|(name, _)| *name).collect();
    for name in &settable {
        assert!(sampled.contains(name), "no sample for {name}");
    }
    assert_eq!(sampled.len(), settable.len());
}

/// The largest and the smallest set of every line, at its first and its last release.
#[test]
fn every_line_takes_everything_that_the_table_allows_it() {
    for (version, most, gates) in [
        ("3.3.0", 24, None),
        ("3.3.27", 28, None),
        ("3.4.0", 35, None),
        ("3.4.45", 43, None),
        ("3.5.0", 48, None),
        ("3.5.33", 58, None),
        ("3.6.0", 60, Some(7)),
        ("3.6.15", 60, Some(7)),
        ("3.7.0", 62, Some(9)),
        ("3.7.2", 62, Some(9)),
    ] {
        let version: Version = version.parse().unwrap();
        let all = everything(version, 2381);
        let in_gates = all.iter().find(|(name, _)| name == "ETCD_FEATURE_GATES");
        let in_gates = in_gates.map(|(_, gates)| gates.split(',').count());
        assert_eq!(in_gates, gates, "{version}");
        let count = all.len() + in_gates.map_or(0, |gates| gates - 1);
        assert_eq!(count, most, "{version}");
        let off = [
            "listen-metrics-urls",
            "auto-compaction-retention",
            "tls-min-version",
        ];
        let off = off
            .into_iter()
            .chain(["initial-corrupt-check", "compact-hash-check"]);
        let nothing = off.fold(String::new(), |text, name| {
            text + "    " + name + ": null\n"
        });
        assert!(rendered(version, &nothing).is_empty(), "{version}");
    }
}

#[test]
#[ignore = "needs a real etcd: `make test`"]
fn everything_is_known_and_has_the_effect_that_was_asked_for() {
    let shop = Workshop::make(&Workshop::base(), "good");
    for etcd in etcds() {
        let [port] = free_ports();
        let settings = everything(etcd.version, port);
        let mut member = etcd.start(&shop, &settings);
        member.wait_until_healthy();
        let log = member.log();
        let version = etcd.version;
        assert_eq!(complaints(&log), Vec::<&str>::new(), "{version}");
        for (variable, value) in &settings {
            let used = format!("recognized and used environment variable {variable}={value}");
            let in_json =
                format!("\"variable-name\":\"{variable}\",\"variable-value\":\"{value}\"");
            let is_used = log.contains(&used) || log.contains(&in_json);
            assert!(is_used, "{version} does not use {variable}={value}\n{log}");
        }
        for (what, sign) in effects(version) {
            let seen = if *what == "log" {
                // The console's form has spaces where that for machines has none.
                log.replace("\": ", "\":").replace("\", \"", "\",\"")
            } else {
                member.get(what)
            };
            assert!(
                seen.contains(sign),
                "{version}: no {sign} in {what}\n{seen}"
            );
        }
        tls(&member, version);
    }
}

/// firstboot's own defaults, as almost every cluster has them.
#[test]
#[ignore = "needs a real etcd: `make test`"]
fn the_defaults_are_known_and_have_their_effect() {
    let shop = Workshop::make(&Workshop::base(), "good");
    for etcd in etcds() {
        let version = etcd.version;
        let [port] = free_ports();
        let mut text = format!("    listen-metrics-urls: http://127.77.0.1:{port}\n");
        if version.minor == 4 {
            // Otherwise etcd complains of its own default.
            text.push_str("    logger: zap\n");
        }
        let (settings, data) = (
            rendered(version, &text),
            shop.path().join(version.to_string()),
        );
        let mut member = etcd.start_on(&data, &shop, &settings);
        member.wait_until_healthy();
        let log = member.log();
        assert_eq!(complaints(&log), Vec::<&str>::new(), "{version}");
        let signs: &[&str] = match version.minor {
            3 => &[],
            4 => &[
                "\"initial-corrupt-check\":true",
                "\"auto-compaction-retention\":\"8h0m0s\"",
            ],
            6.. => &[
                "\"feature-gates\":\"CompactHashCheck=true,InitialCorruptCheck=true\"",
                "\"auto-compaction-interval\":\"8h0m0s\"",
            ],
            _ => &[
                "\"initial-corrupt-check\":true",
                "\"auto-compaction-interval\":\"8h0m0s\"",
                "\"compact-check-time-enabled\":true",
            ],
        };
        for sign in signs {
            assert!(log.contains(sign), "{version}: no {sign}\n{log}");
        }
        if settings.iter().any(|(_, value)| value.contains("true")) {
            // A member compares its data from its second start on.
            drop(member);
            let mut member = etcd.start_on(&data, &shop, &settings);
            member.wait_until_healthy();
            let log = member.log();
            let sign = "initial corruption check";
            assert!(log.contains(sign), "{version}: no {sign}\n{log}");
        }
    }
}

/// What etcd's own help names is what the list of its flags has, and so the table.
#[test]
#[ignore = "needs a real etcd: `make test`"]
fn its_flags_are_those_of_the_list() {
    for etcd in etcds() {
        let version = etcd.version;
        let declared = etcd_flags::declared();
        let of_this = declared
            .iter()
            .filter(|((_, minor), since)| *minor == version.minor && **since <= version.patch);
        let listed: BTreeSet<_> = of_this.map(|((name, _), _)| name.clone()).collect();
        let helped = etcd.helps_with();
        assert!(helped.len() > 60, "{version}: {helped:?}");
        for name in listed.symmetric_difference(&helped) {
            assert_eq!(etcd.takes(name), listed.contains(name), "{version}: {name}");
        }
    }
}

/// Whether the scan sees anything at all.
#[test]
#[ignore = "needs a real etcd: `make test`"]
fn a_variable_that_etcd_does_not_know_is_seen_in_its_log() {
    let shop = Workshop::make(&Workshop::base(), "good");
    for etcd in etcds() {
        let [port] = free_ports();
        let mut settings = everything(etcd.version, port);
        settings.push(("ETCD_QUOTA_BACKEND_BITES".to_owned(), "1".to_owned()));
        let mut member = etcd.start(&shop, &settings);
        member.wait_until_healthy();
        let log = member.log();
        let seen = complaints(&log);
        assert_eq!(seen.len(), 1, "{}: {seen:?}", etcd.version);
        assert!(seen[0].contains("ETCD_QUOTA_BACKEND_BITES"), "{seen:?}");
    }
}

/// etcd reads each variable as what the table says it is: garbage ends it, with the name.
#[test]
#[ignore = "needs a real etcd: `make test`"]
fn garbage_in_any_typed_variable_is_refused_by_its_name() {
    let shop = Workshop::make(&Workshop::base(), "good");
    for etcd in etcds() {
        let typed = settable(etcd.version).filter(|row| {
            !matches!(
                row.kind,
                Kind::OneOf(_) | Kind::Names | Kind::Text | Kind::Ciphers
            ) && !matches!(row.kind, Kind::Retention | Kind::Origins)
        });
        let mut tried = 0;
        for row in typed {
            let spelling = row.spelling(etcd.version).unwrap();
            let (variable, garbage) = match spelling {
                Spelling::Gate(gate) => (spelling.variable(), format!("{gate}=garbage")),
                _ => (spelling.variable(), "garbage".to_owned()),
            };
            let mut member = etcd.start(&shop, &[(variable.clone(), garbage)]);
            while member.child.try_wait().unwrap().is_none() {
                let serves = member.log().contains("ready to serve client requests");
                assert!(!serves, "{variable} is not looked at");
                assert!(member.began.elapsed() < HANG, "{variable}");
                std::thread::sleep(Duration::from_millis(5));
            }
            let log = member.log();
            let named = log.contains(&variable) || log.contains("listen-metrics-urls");
            assert!(named, "{} {variable}\n{log}", etcd.version);
            tried += 1;
        }
        assert!(tried > 15, "only {tried} of {}", etcd.version);
    }
}

/// What a TLS client is given: the newest version and the suite that were asked for.
fn tls(member: &Member, version: Version) {
    let ask = |options: &str| {
        member.shop.run(&format!(
            "openssl s_client -connect {ADDRESS}:{} -CAfile ca.pem -cert kubernetes.pem \
             -key kubernetes-key.pem {options} </dev/null 2>&1 || true",
            member.client
        ))
    };
    let suite = ask("-tls1_2");
    assert!(suite.contains("AES128-GCM-SHA256"), "{version}: {suite}");
    let has_newest = settable(version).any(|row| row.name == "tls-max-version");
    // Elsewhere Go's own newest: 1.3 in all but the oldest.
    let newest = if has_newest { "TLSv1.2" } else { "TLSv1." };
    let any = ask("");
    assert!(any.contains(&format!("New, {newest}")), "{version}: {any}");
    let other = ask("-tls1_2 -cipher ECDHE+AES256");
    assert!(other.contains("handshake failure"), "{version}: {other}");
}
