//! `bootcmd` and `runcmd`: what would hold up the first boot, end it early, or move our units.

use super::{Said, plain, scalar};
use crate::manifest::finding::{self, Why};
use crate::manifest::yaml::{Node, Value};
use crate::wire::Scalar;

/// Whose items are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Key {
    /// Runs on every boot, before our files are there.
    Bootcmd,
    /// Runs once, behind our commands.
    Runcmd,
}

impl Key {
    pub(in crate::manifest) fn name(self) -> &'static str {
        match self {
            Self::Bootcmd => "bootcmd",
            Self::Runcmd => "runcmd",
        }
    }
}

/// End the script, so that what follows in it is never run.
const END_SCRIPT: [&str; 4] = ["exit", "exec", "trap", "return"];
const END_MACHINE: [&str; 7] = [
    "reboot", "poweroff", "halt", "shutdown", "init", "telinit", "kexec",
];
const UNITS_THAT_END_MACHINE: [&str; 9] = [
    "reboot",
    "poweroff",
    "halt",
    "kexec",
    "isolate",
    "rescue",
    "emergency",
    "suspend",
    "hibernate",
];
/// Wait for time to pass, for a network that may not be there yet, or for a lock.
const WAIT: [&str; 21] = [
    "sleep", "while", "until", "wait", "read", "curl", "wget", "apt", "apt-get", "aptitude", "yum",
    "dnf", "zypper", "apk", "snap", "pip", "pip3", "nc", "ping", "ssh", "tail",
];
/// Only run the command that follows them.
const PREFIXES: [&str; 15] = [
    "sudo", "env", "nohup", "nice", "ionice", "time", "command", "builtin", "eval", "then", "do",
    "else", "if", "elif", "!",
];
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

pub(super) fn check(key: Key, value: &Node, said: &Said) {
    super::each(value, key.name(), said, |item| check_item(key, item, said));
}

fn check_item(key: Key, item: &Node, said: &Said) {
    let place = item.place.clone();
    let found = match &item.value {
        Value::Text(text) if !is_more_than_text(item, text) => of_shell(text, key, true),
        Value::Sequence(words) if !words.is_empty() => {
            for word in words {
                match scalar(word) {
                    Some(text) if needs_quotes(word, text) => {
                        said.warning(finding::cloud_config_argument(key, word, text));
                    }
                    Some(_) => {}
                    None => return said.error(finding::cloud_config_command(key, word)),
                }
            }
            let words: Vec<_> = words.iter().filter_map(scalar).collect();
            of_words(&words, key, true)
        }
        _ => return said.error(finding::cloud_config_command(key, item)),
    };
    if let Some((word, why)) = found {
        said.error(finding::cloud_config_contract(key, place, &word, why));
    }
}

fn is_more_than_text(node: &Node, text: &str) -> bool {
    node.plain && Scalar::plain(text).is_more_than_text()
}

/// `yes` would arrive as `True`, `0644` as `420`; a number such as `5` as itself, and `-c` as the
/// text that it is.
fn needs_quotes(node: &Node, text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.len() < 16
        && (text == "0" || !digits.starts_with('0'))
        && digits.bytes().all(|c| c.is_ascii_digit());
    node.plain && !is_number && !plain::is_text(text)
}

type Found = Option<(String, Why)>;

/// The first offence in a shell text. Quotes are not understood: a `;` in a string counts as one.
fn of_shell(text: &str, key: Key, in_our_script: bool) -> Found {
    text.split(['\n', ';', '&', '|', '(', ')', '{', '}', '`'])
        .find_map(|command| {
            let words: Vec<_> = command
                .split_whitespace()
                .map(|word| word.trim_matches(['"', '\'', '\\']))
                .collect();
            of_words(&words, key, in_our_script)
        })
}

/// The offence of one command.
fn of_words(words: &[&str], key: Key, in_our_script: bool) -> Found {
    let (word, rest) = words.split_first()?;
    let name = word.rsplit('/').next().unwrap_or(word);
    let is_option_or_assignment =
        name.starts_with('-') || word.split_once('=').is_some_and(|(name, _)| is_name(name));
    if word.is_empty() || PREFIXES.contains(&name) || is_option_or_assignment {
        // A prefix starts another program; an assignment or an option stands before one.
        let own = in_our_script && !["sudo", "env", "nohup", "nice", "ionice"].contains(&name);
        return of_words(rest, key, own);
    }
    let found = |why| Some((name.to_owned(), why));
    if in_our_script && END_SCRIPT.contains(&name) {
        return found(Why::EndsScript);
    }
    if END_MACHINE.contains(&name) {
        return found(Why::EndsMachine);
    }
    if name == "cloud-init" {
        return found(Why::WaitsForItself);
    }
    if key == Key::Bootcmd && WAIT.contains(&name) {
        return found(Why::Waits);
    }
    if SHELLS.contains(&name) {
        let code = rest.iter().position(|word| is_code_option(word));
        return code.and_then(|at| of_shell(&rest[at + 1..].join(" "), key, false));
    }
    let why = match name {
        "systemctl" => of_systemctl(rest, key),
        "service" => rest
            .iter()
            .any(|word| is_our_unit(word))
            .then_some(Why::OurUnit),
        _ => None,
    };
    why.map(|why| (name.to_owned(), why))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_code_option(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}

fn of_systemctl(words: &[&str], key: Key) -> Option<Why> {
    const LOOK: [&str; 6] = [
        "is-active",
        "is-enabled",
        "is-failed",
        "status",
        "show",
        "cat",
    ];
    const START: [&str; 5] = [
        "start",
        "restart",
        "reload-or-restart",
        "try-restart",
        "reload",
    ];
    let verb = words.iter().find(|word| !word.starts_with('-'))?;
    if UNITS_THAT_END_MACHINE.contains(verb) {
        return Some(Why::EndsMachine);
    }
    if !LOOK.contains(verb) && words.iter().any(|word| is_our_unit(word)) {
        return Some(Why::OurUnit);
    }
    let starts = START.contains(verb) || words.contains(&"--now") || words.contains(&"--wait");
    (key == Key::Bootcmd && starts && !words.contains(&"--no-block")).then_some(Why::Waits)
}

fn is_our_unit(word: &str) -> bool {
    let name = word.strip_suffix(".service").unwrap_or(word);
    matches!(name, "etcd" | "firstboot")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(key: Key, text: &str) -> Option<Why> {
        of_shell(text, key, true).map(|(_, why)| why)
    }

    #[test]
    fn what_ends_waits_or_moves_our_units_is_seen() {
        use Why::{EndsMachine, EndsScript, OurUnit, Waits, WaitsForItself};
        for (text, boot, run) in [
            ("echo done", None, None),
            ("echo exit", None, None),
            ("test -f /x || exit 0", Some(EndsScript), Some(EndsScript)),
            (
                "if true; then exit 1; fi",
                Some(EndsScript),
                Some(EndsScript),
            ),
            ("exec /bin/true", Some(EndsScript), Some(EndsScript)),
            ("sh -c 'exit 3'", None, None),
            ("sh -c 'sleep 1; reboot'", Some(Waits), Some(EndsMachine)),
            (
                "/sbin/shutdown -r now",
                Some(EndsMachine),
                Some(EndsMachine),
            ),
            ("sudo -n reboot", Some(EndsMachine), Some(EndsMachine)),
            ("A=1 env B=2 poweroff", Some(EndsMachine), Some(EndsMachine)),
            ("systemctl reboot", Some(EndsMachine), Some(EndsMachine)),
            (
                "cloud-init status --wait",
                Some(WaitsForItself),
                Some(WaitsForItself),
            ),
            ("sleep 5", Some(Waits), None),
            ("until test -e /x; do :; done", Some(Waits), None),
            ("apt-get -y install jq", Some(Waits), None),
            ("systemctl start ssh", Some(Waits), None),
            ("systemctl start --no-block ssh", None, None),
            ("systemctl enable --now ssh", Some(Waits), None),
            (
                "systemctl restart etcd.service",
                Some(OurUnit),
                Some(OurUnit),
            ),
            ("systemctl mask firstboot", Some(OurUnit), Some(OurUnit)),
            ("systemctl is-active etcd", None, None),
            ("service etcd stop", Some(OurUnit), Some(OurUnit)),
        ] {
            assert_eq!(why(Key::Bootcmd, text), boot, "bootcmd: {text}");
            assert_eq!(why(Key::Runcmd, text), run, "runcmd: {text}");
        }
    }
}
