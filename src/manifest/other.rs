//! What else may have been named in the place of a manifest, told by its first lines. One
//! finding that names it says more than a report of every key that it lacks.

use crate::release::LOCK_API_VERSION;
use crate::report::Finding;

/// The finding for a text that is plainly something else; `None` where it may be a manifest.
pub(super) fn other(source: &str) -> Option<Finding> {
    let text = source.trim_start_matches('\u{feff}').trim_start();
    let (what, help) = thing(text)?;
    Some(Finding::of_file(
        "not-a-manifest",
        format!("this is {what}, not a manifest"),
        help,
    ))
}

fn thing(text: &str) -> Option<(&'static str, &'static str)> {
    const USER_DATA: &str =
        "name the manifest; `firstboot inspect FILE` shows what is in user-data";
    const NAME: &str = "name the manifest, for example `cluster.yaml`";
    let first = text.lines().next().unwrap_or_default().trim_end();
    let has_key = |key: &str| {
        let mut lines = text.lines().map(|line| line.strip_prefix(key));
        lines.any(|rest| rest.is_some_and(|rest| rest.starts_with(':')))
    };
    let has_value = |key: &str, value: &str| {
        let words = |line: &str| {
            line.split_once(':')
                .map(|(k, v)| (k.trim() == key, v.trim() == value))
        };
        text.lines().any(|line| words(line) == Some((true, true)))
    };
    if has_value("apiVersion", LOCK_API_VERSION) {
        let help = "name the manifest beside it: `cluster.yaml` for `cluster.lock`";
        return Some(("a lock", help));
    }
    if first == "#cloud-config" || first == "## template: jinja" || text.starts_with("#cloud-") {
        return Some(("cloud-init user-data", USER_DATA));
    }
    if first.starts_with("#!") {
        return Some(("a script", USER_DATA));
    }
    let mail = ["content-type:", "mime-version:"];
    if mail.iter().any(|key| first.to_lowercase().starts_with(key)) {
        return Some(("user-data of several parts (MIME)", USER_DATA));
    }
    if text.starts_with("-----BEGIN") {
        let help = "name the manifest; its `tls` names PEM files by their paths";
        return Some(("the text of a PEM file", help));
    }
    if text.starts_with('{') && text.contains("\"ignition\"") {
        return Some(("an Ignition config", USER_DATA));
    }
    if (has_key("variant") && has_key("version")) && !has_key("cluster") {
        return Some(("a Butane config", NAME));
    }
    if has_key("kind") && has_key("apiVersion") && !has_key("cluster") {
        return Some(("a Kubernetes object", NAME));
    }
    // JSON is YAML, too: a manifest may be written so.
    if text.starts_with('{') && !text.contains("\"controllers\"") {
        return Some(("JSON without `controllers`", NAME));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named() {
        for (text, what) in [
            (
                "# Written by\napiVersion: firstboot-lock/v1\ncluster: x\n",
                "a lock",
            ),
            ("\u{feff}#cloud-config\nwrite_files: []\n", "cloud-init"),
            ("## template: jinja\n#cloud-config\n", "cloud-init"),
            ("#cloud-boothook\n", "cloud-init"),
            ("#!/bin/sh\n", "a script"),
            ("Content-Type: multipart/mixed; boundary=x\n", "MIME"),
            ("MIME-Version: 1.0\r\n", "MIME"),
            ("-----BEGIN CERTIFICATE-----\n", "PEM"),
            (
                "{\n  \"ignition\": { \"version\": \"3.4.0\" }\n}\n",
                "Ignition",
            ),
            ("variant: fcos\nversion: 1.5.0\n", "Butane"),
            ("apiVersion: v1\nkind: Secret\n", "Kubernetes"),
            ("{\"name\": \"controller-0\"}", "JSON"),
        ] {
            let finding = other(text).unwrap();
            assert!(finding.message.contains(what), "{}", finding.message);
        }
    }

    #[test]
    fn what_may_be_a_manifest_is_read_as_one() {
        for text in [
            "",
            "apiVersion: firstboot/v1\ncluster: x\n",
            "# a comment\ncluster: x\nkind: y\napiVersion: firstboot/v1\n",
            "{\"apiVersion\": \"firstboot/v1\", \"controllers\": []}",
            "version: 1\n",
            "cluster: firstboot-lock/v1\n",
        ] {
            assert_eq!(other(text), None, "{text}");
        }
    }
}
