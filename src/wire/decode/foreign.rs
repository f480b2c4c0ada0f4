//! What people hand over that is no user-data: named, with the command that gets user-data out of
//! it, where there is one.
//!
//! To add a format: a rule in [`of_text`], [`of_bytes`] or [`of_json`], and a sample in
//! `tests/inspect`.

use super::sniff;
use super::yaml::{self, Node};
use serde_json::Value;

/// A document that something else reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What it is, with its article.
    pub what: String,
    /// What to do instead, in one line.
    pub cure: String,
}

/// Lines that are looked at; what a file is shows at its beginning.
const MOST_LINES: usize = 2000;
/// Values of a document among which user-data is looked for.
const MOST_VALUES: usize = 20_000;
const ASK_AWS: &str = "`aws ec2 describe-instance-attribute --instance-id ID --attribute userData --output json | firstboot inspect -` shows what a machine got";
const ASK_OPENSTACK: &str =
    "`openstack server show NAME --format json | firstboot inspect -` shows what a machine got";
const ASK_GCE: &str = "`gcloud compute instances describe NAME --format=json | firstboot inspect -` shows what a machine got";

#[allow(
    clippy::unnecessary_wraps,
    reason = "every rule ends with it, and a rule may find nothing"
)]
fn foreign(what: impl Into<String>, cure: impl Into<String>) -> Option<Foreign> {
    Some(Foreign {
        what: what.into(),
        cure: cure.into(),
    })
}

/// Bytes that are no text.
pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Foreign> {
    let at = |offset: usize, mark: &[u8]| bytes.get(offset..offset + mark.len()) == Some(mark);
    match () {
        () if at(0, b"\x7fELF") => foreign("a program", "is this the right file?"),
        () if at(0, b"QFI\xfb") => foreign(
            "a disk image (qcow2)",
            "`virt-cat -a FILE /var/lib/cloud/instance/user-data.txt | firstboot inspect -` shows what it has read",
        ),
        () if at(54, b"FAT1") || at(82, b"FAT32") => foreign(
            "a disk image with a FAT file system",
            "`mcopy -i FILE ::user-data - | firstboot inspect -` shows the user-data of a NoCloud seed, `::openstack/latest/user_data` that of a config drive",
        ),
        () if at(0, b"PK\x03\x04") => {
            foreign("a zip archive", "`unzip FILE`, and inspect what is in it")
        }
        () if at(257, b"ustar") => {
            foreign("a tar archive", "`tar -xf FILE`, and inspect what is in it")
        }
        () if at(0, b"\xfd7zXZ") => foreign(
            "packed with xz, which no cloud-init unpacks",
            "`xz -dc FILE | gzip -9`",
        ),
        () if at(0, b"\x28\xb5\x2f\xfd") => foreign(
            "packed with zstd, which no cloud-init unpacks",
            "`zstd -dc FILE | gzip -9`",
        ),
        () if at(0, b"BZh") => foreign(
            "packed with bzip2, which no cloud-init unpacks",
            "`bzip2 -dc FILE | gzip -9`",
        ),
        () => None,
    }
}

/// A text without a header of user-data.
pub(crate) fn of_text(text: &str) -> Option<Foreign> {
    let lines: Vec<&str> = text.lines().take(MOST_LINES).collect();
    let code = |line: &&&str| !line.trim().is_empty() && !line.starts_with('#') && **line != "---";
    let first = *lines.iter().find(code)?;
    let any = |test: &dyn Fn(&str) -> bool| lines.iter().any(|line| test(line));
    let margin: Vec<&str> = lines.iter().filter_map(|line| margin_key(line)).collect();
    let has = |key: &str| margin.contains(&key);
    let word = first.split_whitespace().next().unwrap_or_default();
    if has("apiVersion") && has("kind") {
        return kubernetes(&lines);
    }
    if any(&is_hcl_block) {
        return foreign(
            "a Terraform or Packer file",
            "inspect what it makes: `terraform output -raw NAME | firstboot inspect -`, for an `output` with the user-data",
        );
    }
    match () {
        () if is_dockerfile(first, &lines) => foreign(
            "a Dockerfile",
            "no machine boots from it: run its image from a unit that `write_files` brings",
        ),
        () if is_section(first) => foreign(
            "a unit of systemd",
            "bring it with `write_files` of a cloud-config to `/etc/systemd/system/`, and start it with `runcmd`",
        ),
        () if first.to_ascii_lowercase().starts_with("<!doctype html")
            || first.starts_with("<html") =>
        {
            foreign(
                "a web page, an error page as a rule",
                "fetch it again: `curl -fsSL ADDRESS` fails where this was taken for a file",
            )
        }
        () if first.starts_with("<domain") => {
            foreign("a machine of libvirt", "inspect its seed disk")
        }
        () if ["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"].contains(&word) => foreign(
            "a public key of SSH",
            "hand it over under `ssh_authorized_keys` of a cloud-config, or by the cloud's own way",
        ),
        () if first.starts_with("d-i ") => foreign(
            "a preseed file of Debian's installer",
            "it is for installing, not for a cloud image: write a cloud-config",
        ),
        () if first.starts_with("USERDATA\t") || first.contains("\tUSERDATA\t") => {
            foreign("an answer of `aws` as text", ASK_AWS)
        }
        () if first.starts_with("NAME ") && first.contains("ZONE") => {
            foreign("an answer of `gcloud` as a table", ASK_GCE)
        }
        () if first.starts_with("+-")
            && any(&|line| line.contains("user_data") || line.contains("OS-EXT")) =>
        {
            foreign("an answer of `openstack` as a table", ASK_OPENSTACK)
        }
        () if has("AWSTemplateFormatVersion")
            || has("Resources") && any(&|line| line.contains("Type: AWS::")) =>
        {
            foreign("a CloudFormation template", ASK_AWS)
        }
        () if has("heat_template_version") => foreign("a Heat template", ASK_OPENSTACK),
        () if is_playbook(first, &lines) => foreign(
            "an Ansible playbook",
            "run it by `ansible-playbook` once the machines are up, or write what it does as a cloud-config",
        ),
        () if has("services") && any(&|line| line.trim_start().starts_with("image:")) => foreign(
            "a Compose file",
            "bring it with `write_files` of a cloud-config, and start it with `runcmd`",
        ),
        () if is_container_linux(&margin) => foreign(
            "a Container Linux Config",
            "`ct --strict <FILE` makes Ignition 2 of it; for today's Flatcar put `variant: flatcar` and `version: 1.0.0` above it, and run `butane --strict FILE`",
        ),
        () if has("network") && any(&|line| line.trim_start().starts_with("ethernets:")) => {
            foreign(
                "a network configuration",
                "hand it over as `network-config` of a seed, or write it with `write_files` to `/etc/netplan/`",
            )
        }
        () if any(&|line| line == "kind: compute#instance") => {
            foreign("an instance of GCE without user-data", ASK_GCE)
        }
        () => within_yaml(text),
    }
}

/// JSON without a header of user-data.
pub(crate) fn of_json(text: &str) -> Option<Foreign> {
    let value: Value = serde_json::from_str(text).ok()?;
    let has = |key: &str| value.get(key).is_some();
    match () {
        () if has("apiVersion") && has("kind") => {
            let word =
                |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
            let data = value.get("data").or(value.get("stringData"));
            let keys = data.and_then(Value::as_object);
            let keys: Vec<&str> = keys
                .map(|keys| keys.keys().map(String::as_str).collect())
                .unwrap_or_default();
            let name = value
                .get("metadata")
                .and_then(|metadata| metadata.get("name"));
            kubernetes_object(
                &word(value.get("kind")),
                &word(name),
                &keys,
                has("stringData"),
            )
        }
        () if has("terraform_version") => foreign(
            "a state or plan of Terraform",
            "`terraform output -raw NAME | firstboot inspect -`, for an `output` with the user-data",
        ),
        () if has("Reservations") => {
            foreign("a list of EC2 instances, without their user-data", ASK_AWS)
        }
        () if has("AWSTemplateFormatVersion") => foreign("a CloudFormation template", ASK_AWS),
        () => {
            let mut left = MOST_VALUES;
            within_json(&value, "", &mut left).and_then(|path| found_at(&path, "jq"))
        }
    }
}

fn found_at(path: &str, program: &str) -> Option<Foreign> {
    let kind = if program == "jq" { "JSON" } else { "YAML" };
    foreign(
        format!("{kind} that carries user-data at `{path}`"),
        format!(
            "`{program} -r '{path}' FILE | firstboot inspect -`; hand over what {program} prints, without base64 where the client encodes it"
        ),
    )
}

/// Whether a value is a whole document of user-data, perhaps as base64.
fn is_user_data(text: &str) -> bool {
    let starts = |text: &str| sniff::has_header(text) && text.contains('\n');
    starts(text)
        || super::peel::base64_of(text.as_bytes()).is_some_and(|(_, inner)| {
            inner.expose().starts_with(b"\x1f\x8b")
                || std::str::from_utf8(inner.expose()).is_ok_and(starts)
        })
}

/// One step of a path, as jq and yq write it; `None` for a key that would need escapes.
fn step(path: &str, key: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_quotable = |c: char| c.is_ascii_graphic() && !"\"'\\`".contains(c);
    match () {
        () if !key.is_empty()
            && !key.starts_with(|c: char| c.is_ascii_digit())
            && key.chars().all(is_name) =>
        {
            Some(format!("{path}.{key}"))
        }
        () if key.len() < 80 && key.chars().all(is_quotable) => Some(format!("{path}.\"{key}\"")),
        () => None,
    }
}

fn within_json(value: &Value, path: &str, left: &mut usize) -> Option<String> {
    *left = left.checked_sub(1)?;
    match value {
        Value::String(text) => is_user_data(text).then(|| path.to_owned()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| within_json(item, &format!("{path}[{at}]"), left)),
        Value::Object(entries) => entries
            .iter()
            .find_map(|(key, value)| within_json(value, &step(path, key)?, left)),
        _ => None,
    }
}

fn within_yaml(text: &str) -> Option<Foreign> {
    // A document that mentions none needs no second look.
    if !["#cloud-config", "#!", "I2Nsb3Vk", "H4sI", "IyEv"]
        .iter()
        .any(|mark| text.contains(mark))
    {
        return None;
    }
    let tree = yaml::parse(text).ok()?;
    let mut left = MOST_VALUES;
    within_node(&tree, "", &mut left)
        .filter(|path| !path.is_empty())
        .and_then(|path| found_at(&path, "yq"))
}

fn within_node(node: &Node, path: &str, left: &mut usize) -> Option<String> {
    *left = left.checked_sub(1)?;
    if let Some(text) = node.text() {
        return is_user_data(text).then(|| path.to_owned());
    }
    let mut items = node.items().iter().enumerate();
    let found = items.find_map(|(at, item)| within_node(item, &format!("{path}[{at}]"), left));
    found.or_else(|| {
        node.entries()
            .iter()
            .find_map(|(key, value)| within_node(value, &step(path, key.text()?)?, left))
    })
}

/// The key of a YAML line at the margin.
fn margin_key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_key = !key.is_empty() && key.chars().all(is_name);
    (is_key && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
}

/// The value of a key at this depth of blanks, without quotes.
fn value<'a>(lines: &[&'a str], key: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        Some(value.trim().trim_matches(['"', '\'']))
    })
}

fn kubernetes(lines: &[&str]) -> Option<Foreign> {
    let kind = value(lines, "kind")?;
    let below = |key: &str| -> Vec<&str> {
        let head = format!("{key}:");
        let rest = lines
            .iter()
            .skip_while(|line| line.trim_end() != head)
            .skip(1);
        let rest = rest.take_while(|line| line.starts_with(' ') || line.trim().is_empty());
        let indent = |line: &str| line.len() - line.trim_start().len();
        let rest: Vec<&str> = rest
            .copied()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let own = rest.first().map_or(0, |line| indent(line));
        rest.into_iter()
            .filter(|line| indent(line) == own)
            .map(str::trim_start)
            .collect()
    };
    let metadata = below("metadata");
    let name = value(&metadata, "name").unwrap_or("NAME");
    let (data, is_plain) = match below("data") {
        data if data.is_empty() => (below("stringData"), true),
        data => (data, false),
    };
    let keys: Vec<&str> = data.iter().filter_map(|line| margin_key(line)).collect();
    kubernetes_object(kind, name, &keys, is_plain)
}

fn kubernetes_object(kind: &str, name: &str, keys: &[&str], is_plain: bool) -> Option<Foreign> {
    const USUAL: [&str; 6] = [
        "value",
        "userData",
        "user-data",
        "userdata",
        "user_data",
        "cloud-config",
    ];
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    let what = format!("a Kubernetes `{}`", crate::report::visible(kind));
    let name = if is_name(name) { name } else { "NAME" };
    let usual = keys.iter().find(|key| USUAL.contains(key));
    let key = usual.or(keys.first()).filter(|key| is_name(key));
    let resource = match kind {
        "Secret" => "secret",
        "ConfigMap" => "configmap",
        _ => return foreign(what, "it is for `kubectl apply`; no machine reads it"),
    };
    let Some(key) = key else {
        return foreign(what, "there is no user-data in it");
    };
    let key = key.replace('.', "\\.");
    let decode = if resource == "secret" {
        " | base64 -d"
    } else {
        ""
    };
    let note = if is_plain {
        " (once it is applied)"
    } else {
        ""
    };
    foreign(
        what,
        format!(
            "`kubectl get {resource} {name} -o jsonpath='{{.data.{key}}}'{decode}` prints what is in it{note}"
        ),
    )
}

/// Whether a line is that of a section of a unit.
pub(crate) fn is_section(line: &str) -> bool {
    const SECTIONS: [&str; 6] = [
        "[Unit]",
        "[Service]",
        "[Install]",
        "[Socket]",
        "[Timer]",
        "[Mount]",
    ];
    SECTIONS.contains(&line.trim())
}

/// `resource "google_compute_instance" "controller" {`
fn is_hcl_block(line: &str) -> bool {
    const BLOCKS: [&str; 10] = [
        "resource",
        "data",
        "variable",
        "provider",
        "module",
        "output",
        "locals",
        "terraform",
        "source",
        "build",
    ];
    let Some(head) = line.trim_end().strip_suffix('{') else {
        return false;
    };
    let mut words = head.split_whitespace();
    let is_block = words.next().is_some_and(|word| BLOCKS.contains(&word));
    is_block && words.all(|word| word.len() > 2 && word.starts_with('"') && word.ends_with('"'))
}

fn is_dockerfile(first: &str, lines: &[&str]) -> bool {
    const ORDERS: [&str; 8] = [
        "RUN ",
        "CMD ",
        "COPY ",
        "ADD ",
        "ENTRYPOINT ",
        "WORKDIR ",
        "ENV ",
        "EXPOSE ",
    ];
    (first.starts_with("FROM ") || first.starts_with("ARG "))
        && lines.iter().any(|line| line.starts_with("FROM "))
        && lines
            .iter()
            .any(|line| ORDERS.iter().any(|order| line.starts_with(order)))
}

fn is_playbook(first: &str, lines: &[&str]) -> bool {
    const KEYS: [&str; 5] = ["tasks:", "roles:", "pre_tasks:", "handlers:", "become:"];
    let key = |line: &str| line.trim_start().trim_start_matches("- ").to_owned();
    first.starts_with("- ")
        && lines.iter().any(|line| key(line).starts_with("hosts:"))
        && lines
            .iter()
            .any(|line| KEYS.iter().any(|wanted| key(line).starts_with(wanted)))
}

/// The keys of <https://coreos.com/os/docs/latest/configuration.html>, and no other.
fn is_container_linux(margin: &[&str]) -> bool {
    const KEYS: [&str; 10] = [
        "ignition",
        "storage",
        "systemd",
        "networkd",
        "passwd",
        "etcd",
        "flannel",
        "docker",
        "update",
        "locksmith",
    ];
    !margin.is_empty() && margin.iter().all(|key| KEYS.contains(key))
}
