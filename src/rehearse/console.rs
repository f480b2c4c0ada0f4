//! What a machine's console says, line by line.

/// A line of the machine's contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// `firstboot: [N/6] STEP: TEXT`
    Stage {
        number: u8,
        step: String,
        text: String,
    },
    /// `firstboot: [N/6] STEP: waiting: REASON`
    Waiting {
        number: u8,
        step: String,
        reason: String,
    },
    /// `firstboot: healthy: NAME MEMBERID in cluster CLUSTERID`
    Healthy {
        name: String,
        member_id: String,
        cluster_id: String,
    },
    /// `firstboot: failed: REASON`
    Failed { reason: String },
}

/// Finds the contract's line in a console line: journald puts a time and a unit before it.
pub(super) fn parse(line: &str) -> Option<Said> {
    let (_, said) = line.split_once("firstboot: ")?;
    if let Some(reason) = said.strip_prefix("failed: ") {
        return Some(Said::Failed {
            reason: reason.to_owned(),
        });
    }
    if let Some(verdict) = said.strip_prefix("healthy: ") {
        let words: Vec<_> = verdict.split(' ').collect();
        let [name, member_id, "in", "cluster", cluster_id] = words[..] else {
            return None;
        };
        return Some(Said::Healthy {
            name: name.to_owned(),
            member_id: member_id.to_owned(),
            cluster_id: cluster_id.to_owned(),
        });
    }
    let (count, rest) = said.strip_prefix('[')?.split_once("/6] ")?;
    let number = count
        .parse()
        .ok()
        .filter(|number| (1..=6).contains(number))?;
    let (step, text) = rest.split_once(": ")?;
    let step = step.to_owned();
    Some(match text.strip_prefix("waiting: ") {
        Some(reason) => Said::Waiting {
            number,
            step,
            reason: reason.to_owned(),
        },
        None => Said::Stage {
            number,
            step,
            text: text.to_owned(),
        },
    })
}

/// A raw console line as text: no colours, no control characters.
pub(super) fn clean(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_escape(&mut characters),
            '\t' => plain.push(' '),
            _ if character.is_control() => {}
            _ => plain.push(character),
        }
    }
    plain
}

/// Skips the rest of an escape sequence: `ESC [ … letter`, `ESC ] … BEL` or `ESC ] … ESC \`.
fn skip_escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match characters.next() {
        Some('[') => {
            let _ = characters.find(|character| ('@'..='~').contains(character));
        }
        Some(']') => {
            let end = characters.find(|character| ['\u{7}', '\u{1b}'].contains(character));
            if end == Some('\u{1b}') {
                characters.next();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_contract_is_understood_behind_any_prefix() {
        let stage = Said::Stage {
            number: 4,
            step: "etcd".into(),
            text: "3.3.25 from a: b".into(),
        };
        for prefix in ["", "[   12.345678] sh[123]: ", "[ 1.2] firstboot[12]: "] {
            let line = format!("{prefix}firstboot: [4/6] etcd: 3.3.25 from a: b");
            assert_eq!(parse(&line), Some(stage.clone()), "{line}");
        }
        assert_eq!(
            parse("firstboot: [5/6] start: waiting: no quorum"),
            Some(Said::Waiting {
                number: 5,
                step: "start".into(),
                reason: "no quorum".into()
            })
        );
        assert_eq!(
            parse(
                "x: firstboot: healthy: controller-0 f98dc20bce6225a0 in cluster 3e7cc799faffb625"
            ),
            Some(Said::Healthy {
                name: "controller-0".into(),
                member_id: "f98dc20bce6225a0".into(),
                cluster_id: "3e7cc799faffb625".into(),
            })
        );
        assert_eq!(
            parse("firstboot: failed: [1/6] files: ca.pem differs; render again"),
            Some(Said::Failed {
                reason: "[1/6] files: ca.pem differs; render again".into()
            })
        );
    }

    #[test]
    fn other_lines_are_not() {
        for line in [
            "",
            "Starting firstboot.service - firstboot: brings etcd up",
            "firstboot: [7/6] etcd: done",
            "firstboot: [x/6] etcd: done",
            "firstboot: [1/6] etcd",
            "firstboot: healthy: yes",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn colours_and_control_characters_are_dropped() {
        assert_eq!(
            clean(b"[\x1b[0;32m  OK  \x1b[0m] Started\tx\r\r"),
            "[  OK  ] Started x"
        );
        assert_eq!(clean(b"\x1b[!p\x1b]104\x07\x1b[?7hsystemd"), "systemd");
        assert_eq!(clean(b"\x1b]0;title\x1b\\a\xffb"), "a\u{fffd}b");
    }
}
