//! Other programs with the same files, timed by hyperfine in turn.

use crate::desk::{Desk, FIRSTBOOT};
use crate::rows;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// One program's way to do it.
struct Peer {
    name: &'static str,
    /// What has to be there.
    program: &'static str,
    /// As hyperfine takes it, without a shell.
    command: String,
    /// What is run before each time.
    prepare: &'static str,
}

/// What one run takes, in milliseconds.
struct Time {
    wall: f64,
    cpu: f64,
}

pub(crate) fn table(desk: &Desk) -> String {
    if !has("hyperfine") {
        return "\nNot measured beside others: no `hyperfine` is here (`apt-get install hyperfine`).\n"
            .to_owned();
    }
    let mut cells: Vec<Vec<String>> = Vec::new();
    let mut ours = None;
    for peer in peers() {
        if !has(peer.program) {
            cells.push(vec![
                peer.name.to_owned(),
                "not here".into(),
                String::new(),
                String::new(),
            ]);
            continue;
        }
        let Some(time) = time(desk, &peer) else {
            cells.push(vec![
                peer.name.to_owned(),
                "does not run here".into(),
                String::new(),
                String::new(),
            ]);
            continue;
        };
        let ours = ours.get_or_insert(time.cpu);
        cells.push(vec![
            peer.name.to_owned(),
            format!("{:.2}", time.cpu / *ours),
            format!("{:.1} ms", time.cpu),
            format!("{:.1} ms", time.wall),
        ]);
    }
    let head = ["", "CPU time, ours = 1", "CPU time", "wall time"];
    let memory = format!(
        "\nPeak memory of `firstboot render` of the lab: {:.1} MiB.\n",
        memory(desk, &["render", "lab.yaml", "-o", "memory"]),
    );
    rows(
        "One cluster, from process start to files on the disk",
        &head,
        &cells,
    ) + &memory
}

fn peers() -> Vec<Peer> {
    let peer = |name, program, command: &str, prepare| Peer {
        name,
        program,
        command: command.to_owned(),
        prepare,
    };
    vec![
        peer(
            "`firstboot render`, the lab: audited, read back, both machines",
            FIRSTBOOT,
            &format!("{FIRSTBOOT} render lab.yaml -o bench"),
            "rm -rf bench",
        ),
        peer(
            "`firstboot render`, five controllers",
            FIRSTBOOT,
            &format!("{FIRSTBOOT} render five.yaml -o bench"),
            "rm -rf bench",
        ),
        peer(
            "`firstboot --help`",
            FIRSTBOOT,
            &format!("{FIRSTBOOT} --help"),
            "true",
        ),
        peer(
            "`butane --strict`, one machine",
            "butane",
            "butane --strict butane.bu -o config.ign",
            "true",
        ),
        peer(
            "`cloud-init devel make-mime`, one machine",
            "cloud-init",
            "cloud-init devel make-mime -a plain/etcd-cluster-0/controller-0/user-data:cloud-config",
            "true",
        ),
        peer(
            "`cloud-localds`, one machine",
            "cloud-localds",
            "cloud-localds seed.img plain/etcd-cluster-0/controller-0/user-data meta-data",
            "rm -f seed.img",
        ),
        peer(
            "jinja2, one machine",
            "python3",
            "python3 render.py",
            "true",
        ),
        peer(
            "`terraform apply`: `templatefile` and `base64gzip`, one machine",
            "terraform",
            "terraform -chdir=terraform apply -auto-approve -lock=false",
            "rm -f terraform/terraform.tfstate terraform/terraform.tfstate.backup",
        ),
    ]
}

fn has(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", "command -v \"$0\" >/dev/null", program])
        .status()
        .is_ok_and(|status| status.success())
}

/// The medians; `None` if the program does not do it here.
fn time(desk: &Desk, peer: &Peer) -> Option<Time> {
    let output = Command::new("hyperfine")
        .args([
            "-N",
            "--warmup",
            "2",
            "--min-runs",
            "15",
            "--export-json",
            "times.json",
        ])
        .args(["--prepare", peer.prepare, &peer.command])
        .current_dir(desk.root())
        .output()
        .unwrap();
    if !output.status.success() {
        return None;
    }
    let times: Value = serde_json::from_slice(&fs::read(desk.path("times.json")).unwrap()).unwrap();
    let result = &times["results"][0];
    let ms = |name: &str| result[name].as_f64().unwrap() * 1000.0;
    Some(Time {
        wall: ms("median"),
        cpu: ms("user") + ms("system"),
    })
}

/// The most memory that the program had, in MiB, as GNU time sees it.
pub(crate) fn memory(desk: &Desk, arguments: &[&str]) -> f64 {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o", "memory.txt", FIRSTBOOT])
        .args(arguments)
        .current_dir(desk.root())
        .output();
    let Ok(output) = output else { return f64::NAN };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(desk.path("memory.txt")).unwrap();
    text.trim().parse::<f64>().unwrap() / 1024.0
}
