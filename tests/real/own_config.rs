//! A cloud-config of the user's own beside ours, read by the real parser and booted.

use crate::image;
use askama::filters::Escaper;
use firstboot::machine::EnvValue;
use firstboot::manifest::{self, Manifest};
use firstboot::rehearse::{Act, Machine, Plan, Suite};
use firstboot::release::{tarball_name, upstream_urls};
use firstboot::secret::Secret;
use firstboot::{cluster::Release, machine, platform, wire};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A directory with a manifest and certificates for it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with(cloud_config: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let manifest = format!(
            "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: nocloud\n\
             etcd: {{ version: 3.4.27 }}\n\
             controllers: [{{ name: controller-0, ip: 10.240.0.10 }}]\n\
             tls: {{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n\
             {cloud_config}"
        );
        fs::write(desk.path().join("cluster.yaml"), manifest).unwrap();
        desk.firstboot(&["pki", "mint"]);
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn firstboot(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }

    /// Renders, and has the image's Python run a script on `user-data` and `cluster.yaml`.
    fn python(&self, suite: Suite, script: &str) -> Value {
        self.firstboot(&["render", "--new"]);
        let user_data = "out/etcd-cluster-0/controller-0/user-data";
        fs::copy(self.path().join(user_data), self.path().join("user-data")).unwrap();
        fs::write(self.path().join("script.py"), script).unwrap();
        let said = image::stdout(
            &image::of(suite),
            self.path(),
            "cd /tmp/input && python3 script.py",
        );
        serde_json::from_str(&said).unwrap()
    }
}

/// What `PyYAML` takes for more than a text, for a text although it looks like more, and both in
/// quotes and blocks.
const WORDS: &str = "~ null Null NULL nUll yes Yes YES no on Off OFF true TRUE false y n 0 -1 +1 0644 \
    00 08 0o17 0x1f -0xFF 0b101 0b2 1_000 685_230 1:30 190:20:30 190:20:30.15 1.5 1. .5 -.5 1e3 1e+3 \
    1.0e3 12e03 . .. ... ._1 1.2.3 1-2 2026-11 +12e03 -_ 1__ 3.2.2-2 --x \
    10.0.0.1 fe80::1 a:b 12:34:56:78:9a:bc https://x.test/a?b=c#d x=y a;b (c) a/b @home `x`y";

const BOTH: &str = r#"
import json, yaml
written = yaml.safe_load(open("cluster.yaml", encoding="utf-8"))["cloud_config"]
arrived = yaml.safe_load(open("user-data", encoding="utf-8"))
own = {key: arrived.get(key) for key in written}
print(json.dumps([repr(written), repr(own), len(written["landscape"]["plain"])]))
"#;

/// The judge is `PyYAML` itself: the user's text where it stands, against what was rendered.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn values_mean_what_they_would_have_meant_in_a_file_of_ones_own() {
    let words: Vec<&str> = WORDS
        .split_whitespace()
        .filter(|word| !word.starts_with(['@', '`']))
        .collect();
    let list = |quote: &str| {
        let item = |word: &&str| format!("      - {quote}{word}{quote}\n");
        words.iter().map(item).collect::<String>()
    };
    let keys: String = words
        .iter()
        .map(|word| format!("      {word}: {word}\n"))
        .filter(|line| !line.to_lowercase().contains("null") && !line.contains('~'))
        .collect();
    let hostile: Vec<String> = crate::battery::battery()
        .iter()
        .filter(|text| !text.contains('\0'))
        .map(|text| format!("      - {}\n", crate::hostile::quoted(text)))
        .collect();
    let hostile = hostile.concat();
    let config = format!(
        "cloud_config:\n  landscape:\n    plain:\n{}    single:\n{}    double:\n{}    keys:\n{keys}    \
         hostile:\n{hostile}    block: |\n      yes\n        two\n\n    folded: >-\n      a\n      b\n    \
         keep: |+\n      a\n\n    several: plain over\n      two lines\n    \
         nothing:\n    none: []\n    empty: {{}}\n    deep: [[1, [a, {{b: [c]}}]], {{d: {{e: no}}}}]\n",
        list(""),
        list("'"),
        list("\""),
    );
    let desk = Desk::with(&config);
    for suite in Suite::ALL {
        let read = desk.python(suite, BOTH);
        assert_eq!(read[0], read[1], "{suite}");
        assert_eq!(read[2], json!(words.len()), "{suite}");
    }
}

/// Commands of the user's that end badly, or take what follows them into themselves.
const ENDINGS: [&str; 7] = [
    "'true'",
    "'false'",
    "[sh, -c, exit 3]",
    "'echo \"never closed'",
    "\"cat <<END\\nnever closed\"",
    "'echo goes on \\'",
    "'set -e; false'",
];

const VERDICTS: &str = r#"
import json, os, subprocess, yaml
from cloudinit import util
script = util.shellify(yaml.safe_load(open("user-data", encoding="utf-8"))["runcmd"])
os.mkdir("/tmp/bin")
codes = []
for verdict in (0, 3):
    with open("/tmp/bin/systemctl", "w") as fake:
        fake.write('#!/bin/sh\ntest "$1" != is-active || exit %d\n' % verdict)
    os.chmod("/tmp/bin/systemctl", 0o755)
    path = {"PATH": "/tmp/bin:" + os.environ["PATH"]}
    with open("/tmp/runcmd", "wb") as out:
        out.write(script if isinstance(script, bytes) else script.encode())
    ended = subprocess.run(["/bin/sh", "/tmp/runcmd"], env=path, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    codes.append(ended.returncode)
print(json.dumps(codes))
"#;

/// The script is cloud-init's own, `systemctl` is not.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn however_the_users_commands_end_the_verdict_is_ours() {
    for last in ENDINGS {
        let desk = Desk::with(&format!(
            "cloud_config:\n  runcmd:\n    - echo a\n    - {last}\n"
        ));
        for suite in Suite::ALL {
            let codes = desk.python(suite, VERDICTS);
            assert_eq!(codes[0], 0, "healthy, but not after {last} on {suite}");
            assert_ne!(
                codes[1], 0,
                "not healthy, but it seems so after {last} on {suite}"
            );
        }
    }
}

const OWN: &str = "cloud_config:
  write_files:
    - path: /etc/own
      permissions: '0640'
      content: \"caf\\u00e9 \\U0001f600 $(id) `id` %n\\n\"
  runcmd:
    - [sh, -c, 'systemctl is-active etcd >/etc/own.seen']
    - [sh, -c, exit 3]
";

const SEE: &str = r#"cloud-init status --wait >/dev/null || true
echo "$(cloud-init status | head -n 1) $(stat -c %a /etc/own) $(sha256sum </etc/own | cut -c 1-64) \
$(cat /etc/own.seen)""#;

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_users_command_that_fails_on_a_healthy_machine() {
    boots(|document| document, "status: done");
}

/// The unit is stopped behind our commands: etcd runs, but there is no verdict.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn no_verdict_of_ours_although_the_users_commands_end_well() {
    let spoil = |document: String| {
        let ours = "- [systemctl, enable, \"--now\", firstboot.service]\n";
        assert!(document.contains(ours));
        document
            .replace(
                ours,
                &format!("{ours}- [systemctl, stop, firstboot.service]\n"),
            )
            .replace("exit 3", "exit 0")
    };
    boots(spoil, "status: error");
}

/// An environment file with every string that can stand in one, read by systemd and by `sh`.
const ENV: &str = r#"cat >/run/hostile.env; export LC_ALL=C
seen='env -0 | grep -z ^HOSTILE_ | sort -z | sha256sum'
systemd-run --quiet --wait --pipe -p EnvironmentFile=/run/hostile.env /bin/sh -c "$seen" </dev/null
set -a; . /run/hostile.env; eval "$seen""#;

/// That file, and the digest of what `env -0 | sort -z` makes of it.
fn hostile_env() -> (String, firstboot::release::Digest) {
    let (mut file, mut seen) = (String::new(), String::new());
    let mut count = 1000; // so that they sort as they are counted
    for text in crate::battery::battery() {
        let mut value = String::new();
        // systemd takes no noncharacters: not even UTF-8 to it.
        let is_none = text.contains(['\u{ffff}', '\u{10ffff}']);
        if is_none || EnvValue.write_escaped_str(&mut value, &text).is_err() {
            continue;
        }
        file.extend(["HOSTILE_", &count.to_string(), "=", &value, "\n"]);
        seen.extend(["HOSTILE_", &count.to_string(), "=", &text, "\0"]);
        count += 1;
    }
    assert!(count > 1300, "only {count}");
    (file, firstboot::release::Digest::of(seen.as_bytes()))
}

fn act(command: &str, stdin: Vec<u8>, expect: String) -> Act {
    Act {
        machine: 0,
        command: command.into(),
        stdin: Secret::new(stdin),
        expect: vec![expect],
        timeout: Duration::from_mins(1),
    }
}

fn boots(change: fn(String) -> String, status: &str) {
    let desk = Desk::with(OWN);
    let text = fs::read(desk.path().join("cluster.yaml")).unwrap();
    let manifest = Manifest::parse("cluster.yaml", &text).unwrap();
    let (files, _) = manifest::read_pem_files(&manifest, desk.path());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let resolved = manifest::resolve(&manifest, &files, None, now.try_into().unwrap());
    let mut cluster = resolved.cluster.unwrap();
    let host = crate::image::host();
    let release = host.stand_in(cluster.release.version, &mut |_| {}).unwrap();
    cluster.release = Release {
        version: release.version,
        tarballs: vec![(release.arch, release.digest)],
        urls: upstream_urls(&release.version),
    };
    let machine = &machine::machines(&cluster, machine::Layout::default())[0];
    let user = manifest.cloud_config.map(|own| own.value.config);
    let document = wire::cloud_config::render(machine, user.as_ref()).unwrap();
    let document = change(String::from_utf8(document.expose().to_vec()).unwrap());
    let digest = firstboot::release::Digest::of("café 😀 $(id) `id` %n\n".as_bytes());
    let (env, expected) = hostile_env();
    let plan = Plan {
        cluster: cluster.name.to_string(),
        suite: release.suite,
        tarball: release.tarball.clone(),
        tarball_name: tarball_name(&release.version, release.arch),
        hosts: cluster
            .release
            .urls
            .iter()
            .map(|url| url.split('/').nth(2).unwrap().to_owned())
            .collect(),
        media: Vec::new(),
        data_disk: None,
        machines: vec![Machine {
            name: "controller-0".into(),
            address: cluster.members[0].address,
            member_id: cluster.members[0].id.map(|id| id.to_string()),
            cluster_id: cluster.id.to_string(),
            user_data: Secret::new(document.into_bytes()),
            meta_data: platform::meta_data(machine),
            checks: Vec::new(),
        }],
        timeout: Duration::from_mins(3),
        acts: vec![
            act(SEE, Vec::new(), format!("{status} 640 {digest} active")),
            act(
                ENV,
                env.into_bytes(),
                format!("{expected}  -\n{expected}  -"),
            ),
        ],
        background: Vec::new(),
        journal: false,
        faults: Vec::new(),
        client: None,
    };
    let outcome = host.rehearse(plan, &mut |_| {}).unwrap();
    assert!(outcome.passed(), "{outcome:#?}");
    assert_eq!(outcome.acts.len(), 2);
}
