//! What is measured: the lab, a cluster of five, and their machines as plain files.

use firstboot::cluster::Cluster;
use firstboot::machine::{Layout, Machine, machines};
use firstboot::manifest::{self, Manifest, PemFiles};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, as it is released.
pub(crate) const FIRSTBOOT: &str = env!("CARGO_BIN_EXE_firstboot");

/// A moment at which the certificates are good: now.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

/// A directory with manifests and the inputs of other programs.
pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        // Not on a disk of memory: there a write costs nothing.
        let desk = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        fs::write(desk.path("lab.yaml"), manifest("etcd-cluster-0", 2)).unwrap();
        fs::write(desk.path("five.yaml"), manifest("five", 5)).unwrap();
        desk.run(&["pki", "mint", "five.yaml"]);
        desk.run(&["render", "lab.yaml", "-o", "plain"]);
        desk.run(&[
            "render",
            "lab.yaml",
            "-o",
            "small",
            "--platform",
            "aws",
            "--compress",
            "always",
        ]);
        desk.write_for_others();
        desk
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Runs the program here; it must succeed. Returns what it needed at most, in MiB.
    pub(crate) fn run(&self, arguments: &[&str]) {
        let output = Command::new(FIRSTBOOT)
            .args(arguments)
            .current_dir(self.root())
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        fs::read(self.path("lab.yaml")).unwrap()
    }

    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::parse("lab.yaml", &self.text()).unwrap()
    }

    pub(crate) fn files(&self, manifest: &Manifest) -> PemFiles {
        let (files, findings) = manifest::read_pem_files(manifest, self.root());
        assert!(findings.is_empty());
        files
    }

    pub(crate) fn cluster(&self) -> Cluster {
        let manifest = self.manifest();
        let files = self.files(&manifest);
        manifest::resolve(&manifest, &files, None, now())
            .cluster
            .unwrap()
    }

    /// The lab's first controller as other programs want it: the same files, the same commands.
    fn write_for_others(&self) {
        let cluster = self.cluster();
        let machines = machines(&cluster, Layout::default());
        let machine = &machines[0];
        let write = |name: &str, text: String| fs::write(self.path(name), text).unwrap();
        write("butane.bu", butane(machine));
        write("variables.json", variables(machine).to_string());
        write("template.j2", template("{{ ", " }}"));
        write("meta-data", "instance-id: controller-0\n".to_owned());
        fs::create_dir(self.path("terraform")).unwrap();
        write("terraform/variables.json", variables(machine).to_string());
        write("terraform/user-data.tftpl", template("${", "}"));
        write("terraform/main.tf", TERRAFORM.to_owned());
        write("render.py", JINJA.to_owned());
    }
}

/// `templatefile`, then gzip and base64: how Terraform's users make user-data.
const TERRAFORM: &str = "
locals { values = jsondecode(file(\"${path.module}/variables.json\")) }
output \"user_data\" {
  value = base64gzip(templatefile(\"${path.module}/user-data.tftpl\", local.values))
}
";

const JINJA: &str = "
import json, sys, jinja2
values = json.load(open('variables.json'))
sys.stdout.write(jinja2.Template(open('template.j2').read()).render(**values))
";

fn manifest(name: &str, members: usize) -> String {
    let mut text = format!(
        "apiVersion: firstboot/v1\ncluster: {name}\nplatform: gce\nreplace: never\netcd: {{ version: 3.3.9 }}\n\
         tls: {{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n\
         controllers:\n"
    );
    for index in 0..members {
        let _ = writeln!(
            text,
            "- {{ name: controller-{index}, ip: 10.240.0.1{index} }}"
        );
    }
    text
}

/// YAML is a superset of JSON, which needs no quoting of ours.
fn butane(machine: &Machine) -> String {
    let files: Vec<_> = machine
        .files
        .iter()
        .map(|file| {
            let text = std::str::from_utf8(file.bytes()).unwrap();
            json!({
                "path": file.path, "mode": file.mode.bits(), "overwrite": true,
                "contents": { "inline": text },
            })
        })
        .collect();
    let units = json!([{ "name": "firstboot.service", "enabled": true }]);
    json!({
        "variant": "fcos", "version": "1.5.0",
        "storage": { "files": files }, "systemd": { "units": units },
    })
    .to_string()
}

/// Each file's text in base64, which no template engine can break.
fn variables(machine: &Machine) -> Value {
    let files = machine.files.iter().enumerate().map(|(index, file)| {
        (
            format!("file{index}"),
            firstboot::wire::encoding::base64(file.bytes()).into(),
        )
    });
    let paths = machine.files.iter().enumerate();
    let paths = paths.map(|(index, file)| (format!("path{index}"), file.path.as_str().into()));
    Value::Object(files.chain(paths).collect())
}

/// A cloud-config with a value in each hole. A machine of the lab has ten files.
fn template(open: &str, close: &str) -> String {
    let mut text = "#cloud-config\nwrite_files:\n".to_owned();
    for index in 0..10 {
        let _ = writeln!(
            text,
            "- path: {open}path{index}{close}\n  encoding: b64\n  content: {open}file{index}{close}"
        );
    }
    text + "runcmd:\n- [systemctl, enable, --now, firstboot.service]\n"
}
