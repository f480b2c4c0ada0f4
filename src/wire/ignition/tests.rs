//! What a config looks like, and that no other would be taken for it.

use super::super::machine_with;
use super::*;
use crate::cluster::HostName;

fn machine() -> Machine<'static> {
    let file =
        |path: &str, mode, text: &str| File::of(path.to_owned(), mode, text.as_bytes().to_vec());
    let mut machine = machine_with(vec![
        file("/etc/etcd/key.pem", Mode::SECRET, "a+/=\n"),
        file(
            "/etc/etcd/bin",
            Mode::PUBLIC,
            "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}",
        ),
        file("/opt/x", Mode::PUBLIC, &" x\n".repeat(100)),
        file("/etc/systemd/system/etcd.service", Mode::PUBLIC, "[Unit]\n"),
        file(
            "/etc/systemd/system/firstboot.service",
            Mode::PUBLIC,
            "\"%n\"\n",
        ),
    ]);
    machine.hostname = HostName::new("controller-0").ok();
    machine
}

fn rendered(machine: &Machine) -> String {
    String::from_utf8(render(machine).unwrap().expose().to_vec()).unwrap()
}

#[test]
fn a_config_looks_like_this() {
    let text = rendered(&machine());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let files = &value["storage"]["files"];
    let expected = serde_json::json!({
        "ignition": { "version": "3.3.0" },
        "storage": { "files": [
            { "path": "/etc/etcd/key.pem", "mode": 384, "overwrite": true,
              "contents": { "source": "data:,a+/=%0A" } },
            { "path": "/etc/etcd/bin", "mode": 420, "overwrite": true,
              "contents": { "source": "data:;base64,AQIDBAUG" } },
            { "path": "/opt/x", "mode": 420, "overwrite": true,
              "contents": { "source": files[2]["contents"]["source"], "compression": "gzip" } },
            { "path": "/etc/hostname", "mode": 420, "overwrite": true,
              "contents": { "source": "data:,controller-0%0A" } },
        ] },
        "systemd": { "units": [
            { "name": "etcd.service", "contents": "[Unit]\n" },
            { "name": "firstboot.service", "enabled": true, "contents": "\"%n\"\n" },
        ] },
    });
    assert_eq!(value, expected);
    assert_eq!(text, rendered(&machine()), "not the same twice");
}

#[test]
fn what_was_changed_is_not_read_back() {
    let machine = machine();
    let text = rendered(&machine);
    let changes = [
        ("3.3.0", "3.4.0"),
        ("384", "420"),
        ("a+/=%0A", "a+/=%0B"),
        ("a+/=%0A", "a+/=%0"),
        ("AQID", "AQIE"),
        ("gzip", "zstd"),
        ("\"overwrite\":true", "\"overwrite\":false"),
        ("/etc/etcd/bin", "/etc/etcd/bim"),
        ("data:,controller-0", "data:,controller-1"),
        ("\"enabled\":true,", ""),
        ("etcd.service", "etcx.service"),
        ("[Unit]", "[Unix]"),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        let other = Secret::new(text.replacen(from, to, 1).into_bytes());
        assert!(read_back(&other, &machine).is_err(), "{from} -> {to}");
    }
}

#[test]
fn a_command_that_would_be_lost_is_refused() {
    let mut machine = machine();
    machine.start.push(vec!["true".to_owned()]);
    assert!(render(&machine).is_err());
    machine.start.pop();
    machine.start[0][3] = "other.service".to_owned();
    assert!(render(&machine).is_err());
}

proptest::proptest! {
    /// Whatever is in a file and in its name.
    #[test]
    fn any_bytes_come_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), path in "/\\PC{1,9}") {
        let mut machine = machine();
        machine.files.push(File::of(path, Mode::SECRET, bytes));
        proptest::prop_assert!(render(&machine).is_ok());
    }
}
