//! Faults as they are written on the command line: `NAME[:ARGUMENT][@MACHINE]`.

use super::Kind;
use crate::report::closest;
use std::fmt;
use std::time::Duration;

/// Every word, with what may stand behind its colon.
const WORDS: [(&str, &str); 15] = [
    ("power-cut", "[:STAGE|:TIME][@MACHINE]"),
    ("mirror-503", "[:TIME]"),
    ("mirror-corrupt", "[:TIME]"),
    ("mirror-stall", "[:TIME]"),
    ("mirror-truncate", "[:TIME]"),
    ("no-dns", "[:TIME][@MACHINE]"),
    ("clock", ":-TIME[@MACHINE]"),
    ("disk-full", "[:TIME][@MACHINE]"),
    ("peer-cut", "[:TIME][@MACHINE]"),
    ("wrong-ip", "[:TIME][@MACHINE]"),
    ("disk-late", "[:TIME][@MACHINE]"),
    ("replace", "[:MACHINE|:TIME][@MACHINE]"),
    ("replace-while-others-down", "[:MACHINE|:TIME][@MACHINE]"),
    ("boot-order", ":INDEX,INDEX,…"),
    ("stagger", ":TIME"),
];

const STAGES: [&str; 6] = ["files", "address", "clock", "etcd", "start", "member"];

/// No cause stays longer: a rehearsal is not for a day.
const LONGEST: Duration = Duration::from_hours(24);

/// A fault as it was asked for; what it leaves open, [`super::schedule`] decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub(super) name: String,
    /// None for those that only say when machines are switched on.
    pub(super) kind: Option<Kind>,
    pub(super) machines: Option<Vec<usize>>,
    pub(super) stage: Option<u8>,
    pub(super) time: Option<Duration>,
    pub(super) order: Option<Vec<usize>>,
    pub(super) apart: Option<Duration>,
    /// Whether the machines that it does not concern lose their power meanwhile.
    pub(super) others_are_away: bool,
}

/// Why a text is no fault. Its text is one sentence with the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAFault(String);

impl fmt::Display for NotAFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAFault {}

impl Wish {
    /// Reads one fault, for machines of these names.
    ///
    /// ```
    /// use firstboot::rehearse::Wish;
    /// let names = ["controller-0", "controller-1"];
    /// assert!(Wish::read("power-cut:etcd@controller-1", &names).is_ok());
    /// let error = Wish::read("power-cup", &names).unwrap_err();
    /// assert!(error.to_string().contains("did you mean `power-cut`?"));
    /// ```
    pub fn read(text: &str, names: &[&str]) -> Result<Self, NotAFault> {
        Reader { text, names }.read()
    }
}

struct Reader<'a> {
    text: &'a str,
    names: &'a [&'a str],
}

impl Reader<'_> {
    fn read(&self) -> Result<Wish, NotAFault> {
        let (fault, machine) = match self.text.split_once('@') {
            Some((fault, machine)) => (fault, Some(machine)),
            None => (self.text, None),
        };
        let (word, argument) = match fault.split_once(':') {
            Some((word, argument)) => (word, Some(argument)),
            None => (fault, None),
        };
        let known = WORDS.iter().find(|(known, _)| *known == word);
        let (_, form) = known.ok_or_else(|| self.unknown(word))?;
        let refuse = |why: &str| {
            NotAFault(format!(
                "`--fault {}`: {why}; write `{word}{form}`",
                self.text
            ))
        };
        let mut wish = self.bare(word);
        if let Some(machine) = machine {
            if !form.contains("@MACHINE") {
                return Err(refuse("it is not of one machine"));
            }
            wish.machines = Some(self.machines(machine)?);
        }
        let time = |text: Option<&str>| {
            text.and_then(time)
                .ok_or_else(|| refuse("a time like `30s`, `500ms` or `5m` is needed"))
        };
        match (word, argument) {
            ("clock", argument) => {
                let (sign, text) = match argument.and_then(|text| text.strip_prefix('-')) {
                    Some(text) => (-1, Some(text)),
                    None => (1, argument.map(|text| text.trim_start_matches('+'))),
                };
                let by = i64::try_from(time(text)?.as_secs()).unwrap_or(i64::MAX);
                wish.kind = Some(Kind::Clock(sign * by));
            }
            ("boot-order", order) => {
                wish.order = Some(self.order(order).ok_or_else(|| {
                    refuse("each machine's index is needed once, counted from 0")
                })?);
            }
            ("stagger", text) => wish.apart = Some(time(text)?),
            ("power-cut", Some(text)) => {
                if let Some(stage) = STAGES.iter().position(|stage| *stage == text) {
                    wish.stage = u8::try_from(stage + 1).ok();
                } else {
                    let hint = format!("a time, or one of {}, is needed", STAGES.join(", "));
                    wish.time = Some(self::time(text).ok_or_else(|| refuse(&hint))?);
                }
            }
            ("replace" | "replace-while-others-down", Some(text)) if self::time(text).is_none() => {
                wish.machines = Some(self.machines(text)?);
            }
            (_, Some(text)) => wish.time = Some(time(Some(text))?),
            (_, None) => {}
        }
        Ok(wish)
    }

    fn bare(&self, word: &str) -> Wish {
        let kind = match word {
            "power-cut" => Some(Kind::PowerCut),
            "mirror-503" => Some(Kind::Mirror503),
            "mirror-corrupt" => Some(Kind::MirrorCorrupt),
            "mirror-stall" => Some(Kind::MirrorStall),
            "mirror-truncate" => Some(Kind::MirrorTruncate),
            "no-dns" => Some(Kind::NoDns),
            "disk-full" => Some(Kind::DiskFull),
            "peer-cut" => Some(Kind::PeerCut),
            "wrong-ip" => Some(Kind::WrongIp),
            "disk-late" => Some(Kind::DiskLate),
            "replace" | "replace-while-others-down" => Some(Kind::Replace),
            _ => None,
        };
        Wish {
            name: self.text.to_owned(),
            kind,
            machines: None,
            stage: None,
            time: None,
            order: None,
            apart: None,
            others_are_away: word == "replace-while-others-down",
        }
    }

    fn unknown(&self, word: &str) -> NotAFault {
        let known: Vec<_> = WORDS.iter().map(|(known, _)| *known).collect();
        let hint = match closest(word, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        NotAFault(format!("`--fault {}` is not known; {hint}", self.text))
    }

    fn machines(&self, machine: &str) -> Result<Vec<usize>, NotAFault> {
        if machine == "all" {
            return Ok((0..self.names.len()).collect());
        }
        let found = self.names.iter().position(|name| *name == machine);
        found.map(|index| vec![index]).ok_or_else(|| {
            let hint = match closest(machine, self.names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {} and all", self.names.join(", ")),
            };
            NotAFault(format!(
                "`--fault {}` names no machine of the plan; {hint}",
                self.text
            ))
        })
    }

    fn order(&self, text: Option<&str>) -> Option<Vec<usize>> {
        let order: Result<Vec<usize>, _> = text?.split(',').map(str::parse).collect();
        let order = order.ok()?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.into_iter().eq(0..self.names.len()).then_some(order)
    }
}

fn time(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let count: u64 = count.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let time = Duration::from_millis(count.checked_mul(milliseconds)?);
    (time <= LONGEST).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Wish, String> {
        let read = Wish::read(text, &["controller-0", "controller-1", "controller-2"]);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read("power-cut:etcd").unwrap().stage, Some(4));
        assert_eq!(
            read("power-cut:500ms").unwrap().time,
            Some(Duration::from_millis(500))
        );
        assert_eq!(read("power-cut@all").unwrap().machines, Some(vec![0, 1, 2]));
        assert_eq!(read("clock:-1h").unwrap().kind, Some(Kind::Clock(-3600)));
        assert_eq!(read("clock:+2m").unwrap().kind, Some(Kind::Clock(120)));
        assert_eq!(
            read("no-dns:60s@controller-1").unwrap().machines,
            Some(vec![1])
        );
        for replace in ["replace:controller-1", "replace@controller-1"] {
            let replace = read(replace).unwrap();
            assert_eq!(replace.kind, Some(Kind::Replace));
            assert_eq!((replace.machines, replace.time), (Some(vec![1]), None));
        }
        let later = read("replace-while-others-down:90s@all").unwrap();
        assert_eq!(later.time, Some(Duration::from_secs(90)));
        assert_eq!(read("boot-order:2,0,1").unwrap().order, Some(vec![2, 0, 1]));
        assert_eq!(
            read("stagger:5m").unwrap().apart,
            Some(Duration::from_mins(5))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_cure() {
        let error = |text| read(text).unwrap_err();
        assert_eq!(
            error("miror-503:1s"),
            "`--fault miror-503:1s` is not known; did you mean `mirror-503`?"
        );
        assert!(error("xyz").contains("there are power-cut, mirror-503,"));
        assert_eq!(
            error("no-dns:60"),
            "`--fault no-dns:60`: a time like `30s`, `500ms` or `5m` is needed; \
             write `no-dns[:TIME][@MACHINE]`"
        );
        assert!(
            error("power-cut:etc").contains("one of files, address, clock, etcd, start, member")
        );
        assert!(error("power-cut@controller-7").contains("did you mean `controller-"));
        assert!(error("mirror-503@all").contains("it is not of one machine"));
        assert!(error("clock").contains("write `clock:-TIME[@MACHINE]`"));
        assert!(error("stagger:30d").contains("a time"));
        assert!(error("stagger:99999999999999999h").contains("a time"));
        for order in [
            "boot-order",
            "boot-order:0,1",
            "boot-order:0,1,1",
            "boot-order:0,1,2,3",
        ] {
            assert!(error(order).contains("each machine's index"), "{order}");
        }
    }
}
