//! What a document says it is, and whether somebody reads that.

use super::{At, Said};
use crate::report::visible;
use crate::wire::decode::{
    Carrier, Foreign, Garbled, Header, Kind, Part, Unfilled, of_bytes, of_json, of_text,
};
use crate::wire::seed;

pub(super) fn judge(said: &mut Said) {
    let part = said.part;
    if part.stopped.is_some() && part.parts.is_empty() && part.files.is_empty() {
        return;
    }
    header(said);
    template(said);
    letters(said);
    kind(said);
    interpreter(said);
    match &part.kind {
        Kind::Multipart => message(said),
        Kind::Disk(label) => disk(said, label),
        Kind::Answer => answer(said),
        Kind::Ignition(version) => ignition(said, version.as_deref()),
        _ => {}
    }
}

fn header(said: &mut Said) {
    const IGNORED: &str = "cloud-init ignores all of it";
    match said.part.header {
        Header::Spaced => said.error(
            "header-spaced",
            At::line(1),
            format!("the first line is a comment, not the header `#cloud-config`: {IGNORED}"),
            "write `#cloud-config`, without a blank in it",
        ),
        Header::ByteOrderMark => said.error(
            "header-byte-order-mark",
            At::line(1),
            format!("a byte order mark stands before the header: {IGNORED}"),
            "save it as UTF-8 without a byte order mark (`sed -i '1s/^\\xEF\\xBB\\xBF//' FILE`)",
        ),
        Header::Missing if said.part.jinja => said.error(
            "header-missing",
            At::line(2),
            format!(
                "it looks like a template of a cloud-config, but `#cloud-config` does not follow the line `## template: jinja`: {IGNORED}"
            ),
            "make `#cloud-config` its second line",
        ),
        Header::Missing => said.error(
            "header-missing",
            At::line(1),
            format!(
                "it looks like a cloud-config, but does not start with `#cloud-config`: {IGNORED}"
            ),
            "make `#cloud-config` its first line",
        ),
        Header::MimeLate => said.error(
            "mime-late",
            At::line(1),
            format!(
                "something stands before the headers of the message, so that it has none: {IGNORED}"
            ),
            "start the file with the line `MIME-Version: 1.0`: no blank line, comment or byte order mark before it",
        ),
        Header::NoMimeVersion => said.error(
            "mime-version-missing",
            At::line(1),
            format!("a message without `MIME-Version` is none to cloud-init: {IGNORED}"),
            "add the line `MIME-Version: 1.0` to the headers at the top",
        ),
        Header::Right | Header::Declared | Header::None => {}
    }
}

/// A template that cloud-init does not fill in (measured with 22.4.2).
fn template(said: &mut Said) {
    const CODE: &str = "jinja";
    const DROPPED: &str = "cloud-init drops all of it";
    const LITERAL: &str = "nothing is filled in: `{{ … }}` arrives as it stands";
    let part = said.part;
    let fills = |text: &str| text.contains("{{") || text.contains("{%");
    let is_used = part.as_str().is_some_and(fills);
    match part.unfilled {
        Some(Unfilled::Spelling) => said.error(
            CODE,
            At::line(1),
            format!("the first line is not `## template: jinja` to the letter: {DROPPED}"),
            "write `## template: jinja`, one blank after `##` and after the colon, and nothing else on that line",
        ),
        Some(Unfilled::Late) => said.error(
            CODE,
            At::line(1),
            format!("white space stands before the line `## template: jinja`: {DROPPED}"),
            "start the document with that line: no blank line before it, no indentation",
        ),
        Some(Unfilled::NoLine) => said.error(
            CODE,
            At::line(1),
            format!("it is declared `text/jinja2`, but has no line `## template: jinja`: {DROPPED}"),
            "make `## template: jinja` its first line, above its header",
        ),
        Some(Unfilled::Form) => said.error(
            CODE,
            At::line(1),
            format!("only a cloud-config or a script (`#!`) can be a template: {DROPPED}"),
            "leave out the line `## template: jinja`, or make it a cloud-config or a script",
        ),
        Some(Unfilled::Declared) if is_used => {
            let declared = visible(part.declared.as_deref().unwrap_or_default());
            said.error(
                CODE,
                At::line(1),
                format!("the part is declared `{declared}`, and {LITERAL}"),
                "declare the part as `text/jinja2`; its first line stays `## template: jinja`",
            );
        }
        Some(Unfilled::Below) if is_used => said.error(
            CODE,
            At::line(2),
            format!("the line `## template: jinja` stands below the header, and {LITERAL}"),
            "make it the first line, above the header",
        ),
        None if part.jinja => unreadable_template(said),
        None if matches!(part.kind, Kind::CloudConfig(_) | Kind::Script) => {
            let lines = part.as_str().unwrap_or_default().lines();
            let found = lines.enumerate().find(|(_, line)| names_instance(line));
            if let Some((at, _)) = found {
                let cure = if part.header == Header::Declared {
                    "declare the part as `text/jinja2`, and make `## template: jinja` its first line, above its header"
                } else {
                    "make `## template: jinja` the first line, above the header"
                };
                said.error(
                    CODE,
                    At::line(at + 1),
                    format!("no line `## template: jinja` starts it, and {LITERAL}"),
                    cure,
                );
            }
        }
        Some(Unfilled::Declared | Unfilled::Below) | None => {}
    }
}

/// Whether a value of the instance is to be filled in there: cloud-init's own names, not those of
/// other template languages.
fn names_instance(line: &str) -> bool {
    let mut openings = line.match_indices("{{").chain(line.match_indices("{%"));
    openings.any(|(at, _)| {
        let inside = &line[at + 2..];
        let inside = inside.split_once('}').map_or(inside, |(inside, _)| inside);
        let mut words = inside.split(|c: char| !(c.is_ascii_alphanumeric() || "_.[".contains(c)));
        words.any(|word| {
            let of = |name: &str| {
                let rest = word.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            of("v1") || of("ds") || word == "local_hostname"
        })
    })
}

/// What jinja cannot read: cloud-init drops the whole document.
fn unreadable_template(said: &mut Said) {
    const CODE: &str = "jinja-syntax";
    let part = said.part;
    let text = part.as_str().unwrap_or_default();
    if text.contains("{% raw") {
        return;
    }
    for (at, line) in text.lines().enumerate() {
        let opens = line.match_indices("{{").map(|(at, _)| &line[at + 2..]);
        for inside in opens {
            let name = inside.split_once('}').map_or(inside, |(inside, _)| inside);
            if inside.trim_start().starts_with('.') {
                said.error(
                    CODE,
                    At::line(at + 1),
                    "jinja cannot read `{{ .…`, which is another template language's: cloud-init drops all of it",
                    "put `{% raw %}` before it and `{% endraw %}` behind it",
                );
            } else if is_subtraction(name) {
                said.error(
                    CODE,
                    At::line(at + 1),
                    "jinja takes `-` in a name for a subtraction: cloud-init drops all of it",
                    "write `_` for each `-` in the name: cloud-init knows the value by that name, too",
                );
            }
        }
        if let Some((_, comment)) = line.split_once("{#")
            && !comment.contains("#}")
        {
            let rest = text.lines().skip(at + 1);
            if !rest.clone().any(|line| line.contains("#}")) {
                said.error(
                    CODE,
                    At::line(at + 1),
                    "`{#` begins a comment of jinja, which never ends: cloud-init drops all of it",
                    "put `{% raw %}` before it and `{% endraw %}` behind it",
                );
            }
        }
    }
}

/// `ds.meta_data.local-ipv4`
fn is_subtraction(name: &str) -> bool {
    let name = name.trim_matches(['-', ' ']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.contains('.')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_name)
        && name
            .split('-')
            .skip(1)
            .all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
        && name.contains('-')
}

/// Letters that Python's parser of messages does not hand on as they are.
fn letters(said: &mut Said) {
    const CURE: &str = "encode the part: `Content-Transfer-Encoding: base64`, as `cloud-init devel make-mime -a FILE:TYPE` does";
    let Some(Garbled { line, dropped }) = said.part.garbled else {
        return;
    };
    if dropped {
        let what = match said.part.kind {
            Kind::Script | Kind::Boothook => "the script is not written, and does not run",
            _ => "cloud-init drops the part",
        };
        said.error(
            "mime-letters",
            At::line(line),
            format!(
                "letters beyond ASCII are damaged on their way through Python's mail parser: {what}"
            ),
            CURE,
        );
    } else {
        said.warning(
            "mime-letters",
            At::line(line),
            "letters beyond ASCII arrive spelt out, as `\\uXXXX`: Python's mail parser does that",
            CURE,
        );
    }
}

/// A script that the kernel does not start.
fn interpreter(said: &mut Said) {
    let part = said.part;
    // Google's agent runs a script by bash, which goes on by itself.
    if !matches!(part.kind, Kind::Script | Kind::Boothook)
        || matches!(part.carrier, Carrier::Gce { .. })
        || part.unfilled.is_some()
    {
        return;
    }
    let text = part.as_str().unwrap_or_default().trim_start();
    let body = match &part.kind {
        Kind::Boothook => text.get("#cloud-boothook".len()..).unwrap_or_default(),
        _ if part.jinja => text.split_once('\n').map_or("", |(_, rest)| rest),
        _ => text,
    };
    let body = body.trim_start();
    if !body.starts_with("#!") {
        return said.error(
            "no-interpreter",
            At::line(1),
            "no interpreter is named: the kernel does not start it, and it fails",
            "make `#!/bin/sh` or `#!/bin/bash` its first line",
        );
    }
    if part.late && matches!(part.kind, Kind::Script) {
        said.error(
            "interpreter-late",
            At::line(if part.jinja { 2 } else { 1 }),
            "white space stands before `#!`: the kernel finds no interpreter there, and the script fails",
            "remove what stands before `#!`, blank lines, too",
        );
    }
    let first = body.lines().next().unwrap_or_default();
    if let Some(why) = wrong_arguments(first) {
        let at = part.as_str().unwrap_or_default();
        let line = at[..at.len() - body.len()].matches('\n').count() + 1;
        said.error(
            "interpreter-arguments",
            At::line(line),
            why,
            "write the interpreter alone on the first line, and the commands below it",
        );
    }
}

/// The kernel hands all behind the interpreter over as one word.
fn wrong_arguments(line: &str) -> Option<&'static str> {
    let line = line.strip_prefix("#!")?.trim();
    let (interpreter, rest) = line.split_once([' ', '\t'])?;
    let rest = rest.trim();
    let name = interpreter.rsplit('/').next().unwrap_or_default();
    if name == "env" {
        let is_split = rest.starts_with("-S") || rest.starts_with("--split");
        return (!is_split && rest.contains([' ', '\t'])).then_some(
            "`env` is given all behind it as one name, which no program has: the script fails",
        );
    }
    let is_shell = ["sh", "bash", "dash", "ash"].contains(&name);
    (is_shell && !rest.is_empty() && !rest.starts_with(['-', '+', '#', '/'])).then_some(
        "what stands behind the interpreter on its line is one file name to it: the script fails",
    )
}

fn kind(said: &mut Said) {
    const CODE: &str = "unknown-form";
    const CURE: &str = "start it with a header: `#cloud-config`, or `#!` and an interpreter";
    let part = said.part;
    match &part.kind {
        Kind::Empty => said.warning("empty", At::PART, "there is nothing in it", "leave it out"),
        Kind::Binary if is_utf_16(part) => said.error(
            CODE,
            At::PART,
            "this text is UTF-16, which no machine reads",
            "save it as UTF-8 without a byte order mark (`iconv -f UTF-16 -t UTF-8 FILE`)",
        ),
        Kind::Binary if latin(part).is_some() => said.error(
            "not-utf-8",
            latin(part).map_or(At::PART, At::line),
            "a letter is not UTF-8 there: cloud-init drops all of it",
            "save it as UTF-8 (`iconv -f ISO-8859-1 -t UTF-8 FILE`)",
        ),
        Kind::Binary if of_bytes(part.text.expose()).is_some() => {
            foreign(said, of_bytes(part.text.expose()));
        }
        Kind::Binary => said.error(
            CODE,
            At::PART,
            "these bytes are no text, and in no form that a machine reads",
            "is this the right file?",
        ),
        Kind::Unknown if is_script_of_gce(part) => said.warning(
            "no-interpreter",
            At::line(1),
            "no interpreter is named: whatever runs it chooses one",
            "make `#!/bin/sh` or `#!/bin/bash` the first line",
        ),
        Kind::Unknown if starts(part, "-----BEGIN ") => said.error(
            CODE,
            At::line(1),
            "this is a key or a certificate (PEM), and no user-data",
            "`firstboot pki show` shows a cluster's certificates",
        ),
        Kind::Unknown if starts(part, "apiVersion: firstboot/") => said.error(
            CODE,
            At::line(1),
            "this is a cluster's manifest, which no machine reads",
            "`firstboot render` makes user-data of it: inspect that",
        ),
        Kind::Unknown if starts(part, "apiVersion: firstboot-lock/") => said.error(
            CODE,
            At::line(1),
            "this is a cluster's lock, which no machine reads",
            "`firstboot render` makes user-data of it and the manifest: inspect that",
        ),
        Kind::Unknown if of_text(part.as_str().unwrap_or_default()).is_some() => {
            foreign(said, of_text(part.as_str().unwrap_or_default()));
        }
        Kind::Unknown if is_script(part) => said.error(
            "no-interpreter",
            At::line(1),
            "this looks like a script, but does not start with `#!`: cloud-init ignores it",
            "make `#!/bin/sh` or `#!/bin/bash` its first line",
        ),
        Kind::Unknown => {
            let declared = part.declared.as_deref().unwrap_or("text/plain");
            let message = if ["text/plain", "text/x-not-multipart"].contains(&declared) {
                "no header says what this is: cloud-init ignores it".to_owned()
            } else {
                format!("cloud-init has no handler for `{}`", visible(declared))
            };
            said.error(CODE, At::line(1), message, CURE);
        }
        Kind::Json if of_json(part.as_str().unwrap_or_default()).is_some() => {
            foreign(said, of_json(part.as_str().unwrap_or_default()));
        }
        Kind::Json => said.error(
            CODE,
            At::line(1),
            "JSON without `ignition` in it and without a header is read by nothing",
            "put `#cloud-config` before it, or choose the part of it that is user-data",
        ),
        Kind::Butane => said.error(
            "butane",
            At::line(1),
            "this is what Butane takes: no machine reads it",
            "run `butane --strict FILE` and hand over what it prints",
        ),
        Kind::UpstartJob => said.error(
            CODE,
            At::line(1),
            "jobs of upstart are not run any more",
            "write a systemd unit with `write_files`, and start it with `runcmd`",
        ),
        Kind::Include(urls) => include(said, urls),
        _ => {}
    }
}

fn foreign(said: &mut Said, found: Option<Foreign>) {
    if let Some(Foreign { what, cure }) = found {
        said.error(
            "other-format",
            At::line(1),
            format!("this is {what}: cloud-init ignores it"),
            &cure,
        );
    }
}

/// Whether its first line that is no comment is a command, as a script would begin.
fn is_script(part: &Part) -> bool {
    const COMMANDS: [&str; 18] = [
        "set",
        "export",
        "apt-get",
        "apt",
        "yum",
        "dnf",
        "zypper",
        "apk",
        "mkdir",
        "echo",
        "cat",
        "sudo",
        "curl",
        "wget",
        "systemctl",
        "useradd",
        "hostnamectl",
        "sleep",
    ];
    let mut lines = part.as_str().unwrap_or_default().lines();
    let first = lines.find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let word = first.and_then(|line| line.split_whitespace().next());
    word.is_some_and(|word| {
        COMMANDS.contains(&word) && first.is_some_and(|line| line.len() > word.len())
    })
}

fn is_utf_16(part: &Part) -> bool {
    let marks = [b"\xff\xfe", b"\xfe\xff"];
    marks
        .iter()
        .any(|mark| part.text.expose().starts_with(*mark))
}

/// The first line that is not UTF-8, of what is user-data but for that.
fn latin(part: &Part) -> Option<usize> {
    let bytes = part.text.expose();
    let end = std::str::from_utf8(bytes).err()?.valid_up_to();
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_ascii_lowercase();
    let is_text = !bytes.contains(&0);
    let is_ours = ["#cloud-", "#!", "## template:", "#include", "#part-handler"]
        .iter()
        .any(|header| start.trim_start().starts_with(header));
    let is_message = start.contains("mime-version:");
    (is_text && (is_ours || is_message)).then(|| bytes[..end].split(|byte| *byte == b'\n').count())
}

/// Whether its first line that is no comment starts so.
fn starts(part: &Part, word: &str) -> bool {
    let mut lines = part.as_str().unwrap_or_default().lines();
    let first = lines.find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with(word))
}

fn is_script_of_gce(part: &Part) -> bool {
    matches!(&part.carrier, Carrier::Gce { key, .. } if key == "startup-script")
}

fn include(said: &mut Said, urls: &[String]) {
    if urls.is_empty() {
        said.warning("empty", At::PART, "no address stands in it", "leave it out");
    }
    if urls.iter().any(|url| url.starts_with("http://")) {
        said.warning(
            "include-open",
            At::PART,
            "more is fetched without TLS: whoever is on the way decides what the machine runs",
            "use `https://`",
        );
    }
}

fn message(said: &mut Said) {
    let parts = &said.part.parts;
    for (at, part) in parts.iter().enumerate() {
        let starts = |header: &str| {
            part.as_str()
                .is_some_and(|text| text.trim_start().starts_with(header))
        };
        if matches!(part.kind, Kind::CloudConfig(_))
            && part.header == Header::Declared
            && starts("#!")
        {
            said.error(
                "content-type",
                At::PART,
                format!(
                    "part {} is declared a cloud-config, but is a script",
                    at + 1
                ),
                "declare it as `text/x-shellscript`",
            );
        }
    }
    let lists = |part: &Part| -> Vec<String> {
        let Kind::CloudConfig(Ok(tree)) = &part.kind else {
            return Vec::new();
        };
        if tree.get("merge_how").or(tree.get("merge_type")).is_some() {
            return Vec::new();
        }
        let lists = tree
            .entries()
            .iter()
            .filter(|(_, value)| !value.items().is_empty());
        lists
            .filter_map(|(key, _)| key.text().map(str::to_owned))
            .collect()
    };
    let all: Vec<String> = parts
        .iter()
        .flat_map(|part| {
            let mut lists = lists(part);
            lists.sort();
            lists.dedup();
            lists
        })
        .collect();
    for key in super::super::repeated(all.iter().map(String::as_str)) {
        said.warning(
            "list-replaced",
            At::PART,
            format!(
                "`{}` stands in several cloud-configs: the last list replaces the others",
                visible(key)
            ),
            "make one cloud-config of them, or say `merge_how` in each",
        );
    }
}

fn disk(said: &mut Said, label: &str) {
    let part = said.part;
    let has = |name: &str| part.parts.iter().any(|part| part.name == name);
    let ends = |name: &str| part.parts.iter().any(|part| part.name.ends_with(name));
    if part
        .parts
        .iter()
        .any(|part| part.name.starts_with("openstack/"))
    {
        if !["config-2", "CONFIG-2"].contains(&label) {
            said.error(
                "seed-label",
                At::PART,
                format!(
                    "the disk's label is `{}`: a config drive of OpenStack is known by `config-2`",
                    visible(label)
                ),
                "make it with `-volid config-2`",
            );
        }
        if !ends("/meta_data.json") {
            said.error(
                "seed-incomplete",
                At::PART,
                "it has no `meta_data.json` beside its `user_data`: cloud-init reads no config drive without",
                "put `openstack/latest/meta_data.json` on it, with a `uuid` in it",
            );
        }
        return;
    }
    // Azure's own disk, which its agent writes.
    if part
        .parts
        .iter()
        .any(|part| part.name.eq_ignore_ascii_case("ovf-env.xml"))
    {
        return;
    }
    if !["cidata", "CIDATA"].contains(&label) {
        said.error(
            "seed-label",
            At::PART,
            format!(
                "the disk's label is `{}`: NoCloud looks for `cidata`",
                visible(label)
            ),
            "make it with `-volid cidata`",
        );
    }
    for name in [seed::USER_DATA, seed::META_DATA] {
        if !has(name) {
            said.error(
                "seed-incomplete",
                At::PART,
                format!("it has no file `{name}`: cloud-init ignores the disk"),
                "put `user-data` and `meta-data` into its root; `meta-data` may be empty",
            );
        }
    }
}

fn answer(said: &mut Said) {
    let parts = &said.part.parts;
    if parts.is_empty() {
        said.warning(
            "empty",
            At::PART,
            "the cloud knows no user-data and no start-up script of it",
            "ask for another instance",
        );
    }
    let sent = |part: &&Part| {
        let list = part
            .files
            .iter()
            .find(|file| file.path == crate::machine::SENT);
        list.and_then(|list| list.bytes().map(<[u8]>::to_vec))
    };
    let of = |key: &str| {
        parts
            .iter()
            .find(|part| matches!(&part.carrier, Carrier::Gce { key: found, .. } if found == key))
    };
    if let (Some(data), Some(script)) = (of("user-data"), of("startup-script")) {
        let same = sent(&data).is_some() && sent(&data) == sent(&script);
        if !same {
            said.warning(
                "gce-both",
                At::PART,
                "an image with cloud-init and Google's agent (Ubuntu) runs both `user-data` and `startup-script`",
                "hand over the one that the image reads",
            );
        }
    }
}

fn ignition(said: &mut Said, version: Option<&str>) {
    let major = version.and_then(|version| version.split('.').next());
    if !matches!(major, Some("2" | "3")) {
        said.error(
            "ignition-version",
            At::PART,
            "Ignition refuses a config without a version that it knows",
            "say `\"ignition\": {\"version\": \"3.3.0\"}`",
        );
    }
    let looks_octal = |mode: u32| {
        let digits = mode.to_string();
        digits.len() == 3
            && digits.bytes().all(|digit| digit < b'8')
            && matches!(digits.as_bytes()[0], b'4' | b'6' | b'7')
            && digits
                .bytes()
                .skip(1)
                .all(|digit| matches!(digit, b'0' | b'4' | b'5' | b'6' | b'7'))
            && mode != 420
    };
    for file in &said.part.files {
        if let Some(mode) = file.mode.filter(|mode| looks_octal(*mode)) {
            said.error(
                "mode-number",
                At {
                    line: None,
                    key: Some(visible(&file.path)),
                },
                format!("mode {mode} is decimal in JSON, which is {mode:04o} in octal"),
                "write the decimal number: 420 is 0644, 384 is 0600, 493 is 0755",
            );
        }
    }
}
