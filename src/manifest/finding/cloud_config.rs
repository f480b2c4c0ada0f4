//! What is wrong or unwise under `cloud_config`. Keys and commands are named, values never:
//! they may be passwords.

use super::{Place, quoted};
use crate::manifest::cloud_config::{CommandKey, Trap};
use crate::manifest::yaml::{Key, Node};
use crate::report::Finding;

const CONTRACT: &str = "cloud-config-contract";
const CLASH: &str = "cloud-config-clash";

pub(in crate::manifest) fn cloud_config_no_mapping(node: &Node) -> Finding {
    Finding::error(
        "not-a-mapping",
        node.place.clone(),
        format!(
            "`cloud_config` must be a mapping, but it is {}",
            node.value.kind()
        ),
        "write cloud-config keys such as `packages: [jq]` below it, without `#cloud-config`",
    )
}

pub(in crate::manifest) fn cloud_config_no_list(key: &str, node: &Node) -> Finding {
    Finding::error(
        "not-a-list",
        node.place.clone(),
        format!("`{key}` must be a list, but it is {}", node.value.kind()),
        "write each item on a line of its own, behind `- `",
    )
}

/// Keys that no manifest may have: what they do, and the cure.
const REFUSED: [(&[&str], &str, &str); 8] = [
    (
        &["power_state"],
        "the machine would go down under etcd's first start",
        "remove it; restart the machines one after the other once all are healthy",
    ),
    (
        &["merge_how", "merge_type"],
        "the lists of this document could be replaced",
        "remove it; your lists are appended to ours here",
    ),
    (
        &[
            "cloud_init_modules",
            "cloud_config_modules",
            "cloud_final_modules",
        ],
        "a list of modules takes the place of the image's own, on which the first boot relies",
        "put it into the image, as a file in `/etc/cloud/cloud.cfg.d`",
    ),
    (
        &["manual_cache_clean"],
        "a captured image would take the first machine's delivery for its own",
        "remove it",
    ),
    (
        &[
            "datasource",
            "datasource_list",
            "allow_userdata",
            "disable_network_activation",
        ],
        "it comes too late: this document is what the datasource brought",
        "put it into the image, as a file in `/etc/cloud/cloud.cfg.d`",
    ),
    (
        &["system_info", "cloud_dir"],
        "where cloud-init keeps its state would move, and with it the repair of a delivery",
        "put it into the image, as a file in `/etc/cloud/cloud.cfg.d`",
    ),
    (
        &["network"],
        "cloud-init takes no network configuration from user-data",
        "give it to the cloud, or to the seed as `network-config`",
    ),
    (
        &["autoinstall"],
        "it installs another system instead of starting this one",
        "remove it",
    ),
];

pub(in crate::manifest) fn refused_key(key: &Key) -> Option<Finding> {
    let (_, why, help) = REFUSED
        .iter()
        .find(|(keys, ..)| keys.contains(&key.text.as_str()))?;
    let message = format!("`{}` cannot be merged: {why}", key.text);
    Some(Finding::error(CONTRACT, key.place.clone(), message, *help))
}

/// The keys that say what the manifest's `hostname: controller` says.
pub(in crate::manifest) fn names_the_machine(key: &str) -> bool {
    const KEYS: [&str; 5] = [
        "hostname",
        "fqdn",
        "preserve_hostname",
        "prefer_fqdn_over_hostname",
        "create_hostname_file",
    ];
    KEYS.contains(&key)
}

pub(in crate::manifest) fn cloud_config_hostname(key: &Key) -> Finding {
    Finding::error(
        CLASH,
        key.place.clone(),
        format!(
            "`{}` clashes: each machine takes its controller's name",
            key.text
        ),
        "remove it, or write `hostname: keep` at the top of the manifest",
    )
}

pub(in crate::manifest) fn cloud_config_reboots(key: &Key) -> Finding {
    Finding::error(
        CONTRACT,
        key.place.clone(),
        format!(
            "`{}` can restart the machine in the middle of its first boot",
            key.text
        ),
        "write `false`; restart the machines one after the other once all are healthy",
    )
}

pub(in crate::manifest) fn cloud_config_typo(key: &Key, meant: &str) -> Finding {
    Finding::error(
        "unknown-key",
        key.place.clone(),
        format!("cloud-init has no key {}", quoted(&key.text)),
        format!("did you mean `{meant}`?"),
    )
}

pub(in crate::manifest) fn cloud_config_unknown(key: &Key) -> Finding {
    Finding::warning(
        "cloud-config-unknown",
        key.place.clone(),
        format!(
            "cloud-init 25.1 has no key {}, and would ignore it",
            quoted(&key.text)
        ),
        "keep it only if the image's cloud-init knows it",
    )
}

pub(in crate::manifest) fn cloud_config_key(key: &Key) -> Finding {
    Finding::error(
        "cloud-config-key",
        key.place.clone(),
        "no key of a cloud-config: it is empty, a list, a mapping, or longer than 100 characters",
        "write one short word before the `:`",
    )
}

pub(in crate::manifest) fn cloud_config_plain(place: Place, trap: Trap) -> Finding {
    let message = match trap {
        Trap::Date => "cloud-init would read a date here, which none of its keys takes",
        Trap::Sign => "cloud-init's YAML parser has no value for this and would drop the document",
        Trap::Nul => "a NUL in it: no path, no argument and no script can hold one",
        Trap::NoNumber => "cloud-init would fail to read this as a number and drop the document",
    };
    let help = match trap {
        Trap::Nul => "write it as base64: `encoding: b64` in `write_files`",
        _ => "put it in quotes",
    };
    Finding::error("cloud-config-value", place, message, help)
}

pub(in crate::manifest) fn cloud_config_formats(node: &Node) -> Finding {
    Finding::error(
        CONTRACT,
        node.place.clone(),
        "cloud-init would format a disk that comes back with data on it",
        "remove this line: with `partition: auto` and a `label`, only a blank disk is formatted",
    )
}

pub(in crate::manifest) fn cloud_config_mount_hides(node: &Node) -> Finding {
    Finding::error(
        CLASH,
        node.place.clone(),
        "a mount here hides files that are written before anything is mounted",
        "mount it elsewhere, or make it part of the image",
    )
}

pub(in crate::manifest) fn cloud_config_mount_of_data(node: &Node) -> Finding {
    Finding::warning(
        "cloud-config-data-mount",
        node.place.clone(),
        "where this mount fails, etcd starts with an empty directory on the root disk",
        "leave `nofail` out of its options, and give the file system a label",
    )
}

pub(in crate::manifest) fn cloud_config_users(key: &Key) -> Finding {
    Finding::warning(
        "cloud-config-users",
        key.place.clone(),
        "without `default` in it, `users` removes the image's login user",
        "add the item `- default`",
    )
}

/// What a command would do to the first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Why {
    EndsScript,
    EndsMachine,
    Waits,
    WaitsForItself,
    OurUnit,
}

pub(in crate::manifest) fn cloud_config_contract(
    key: CommandKey,
    place: Place,
    word: &str,
    why: Why,
) -> Finding {
    let (what, help) = match why {
        Why::EndsScript => (
            "ends the one script that all items are, and what follows it is not run",
            "put the item into a shell of its own: `[sh, -c, \"…\"]`",
        ),
        Why::EndsMachine => (
            "takes the machine down in the middle of its first boot",
            "remove it; restart the machines one after the other once all are healthy",
        ),
        Why::Waits => (
            "waits, and this runs on every boot before anything else can",
            "move it to `runcmd`, which runs once, after etcd has started",
        ),
        Why::WaitsForItself => (
            "would wait for the very stage in which it runs, or undo it",
            "remove it",
        ),
        Why::OurUnit => (
            "moves `etcd` or `firstboot`, whose order is part of the first boot",
            "remove it; what etcd should do otherwise belongs into the manifest",
        ),
    };
    let message = format!("{} in `{}` {what}", quoted(word), key.name());
    Finding::error(CONTRACT, place, message, help)
}

pub(in crate::manifest) fn cloud_config_command(key: CommandKey, node: &Node) -> Finding {
    let form = format!(
        "an item of `{}` must be a text or a list of texts",
        key.name()
    );
    Finding::error(
        "cloud-config-command",
        node.place.clone(),
        form,
        "write `- echo done` or `- [echo, done]`; put what looks like a number in quotes",
    )
}

/// The word is no secret: only what YAML reads as a boolean or a number gets here.
pub(in crate::manifest) fn cloud_config_argument(
    key: CommandKey,
    node: &Node,
    word: &str,
) -> Finding {
    Finding::warning(
        "cloud-config-argument",
        node.place.clone(),
        format!(
            "the argument {} in `{}` is no text to cloud-init, and may arrive as another one, \
             as `0644` does as `420` and `yes` as `True`",
            quoted(word),
            key.name()
        ),
        "put it in quotes",
    )
}

/// What is wrong or unwise about an entry of `write_files`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum FileFault {
    NoMapping,
    NoPath,
    Path,
    Ours,
    Content,
    Encoding,
    Undecodable,
    Permissions,
    Owner,
    Append,
    Source,
    DropIn,
    Temporary,
}

pub(in crate::manifest) fn cloud_config_file(node: &Node, fault: FileFault) -> Finding {
    const FILE: &str = "cloud-config-file";
    const UNWISE: &str = "cloud-config-file-unwise";
    let place = node.place.clone();
    let error = |message: &str, help: &str| Finding::error(FILE, place.clone(), message, help);
    let warning =
        |message: &str, help: &str| Finding::warning(UNWISE, place.clone(), message, help);
    match fault {
        FileFault::NoMapping => error(
            "an entry of `write_files` must be a mapping",
            "write `path`, `content` and, if you like, `permissions`",
        ),
        FileFault::NoPath => error("this file has no `path`", "add `path: /…`"),
        FileFault::Path => error(
            "a file's path is a text that starts with `/`",
            "write the whole path",
        ),
        FileFault::Ours => Finding::error(
            CLASH,
            place,
            "this path belongs to the first boot: firstboot, etcd or cloud-init writes there",
            "choose another directory; etcd's own settings belong into the manifest",
        ),
        FileFault::Content => error(
            "a file's content must be a text: at anything else cloud-init stops writing files",
            "put it in quotes, or write it as a block behind `|`",
        ),
        FileFault::Encoding => error(
            "cloud-init knows no such encoding and would write the content as it stands",
            "write `b64` or `gz+b64`, or leave `encoding` out",
        ),
        FileFault::Undecodable => error(
            "this is no base64: cloud-init would stop writing files here",
            "encode the file anew, with `base64 -w 0` or `gzip -c FILE | base64 -w 0`",
        ),
        FileFault::Permissions => error(
            "permissions must be octal digits in quotes: a number is read as another one",
            "write, for example, `permissions: \"0644\"`",
        ),
        FileFault::Owner => warning(
            "files are written before users are made: an owner that the image lacks is an error",
            "leave it out and use `chown` in `runcmd`, or add `defer: true` (cloud-init 21.4)",
        ),
        FileFault::Append => warning(
            "where a delivery is repeated after a power cut, this is appended twice",
            "write the whole file",
        ),
        FileFault::Source => warning(
            "`source` is new in cloud-init 24.3: an older one writes an empty file",
            "fetch it in `runcmd`",
        ),
        FileFault::DropIn => warning(
            "this changes how etcd is run",
            "compare with `/etc/systemd/system/etcd.service`, and rehearse it",
        ),
        FileFault::Temporary => warning(
            "systemd may clean `/tmp` after this is written",
            "choose another directory, such as `/run`",
        ),
    }
}
