//! `report.html`: one page that shows a rendered cluster to a person.
//!
//! The page needs nothing but itself: its policy (Content-Security-Policy) allows its own style
//! and its own script, by their digests, and no request at all. It holds no key, and it is a
//! function of what was rendered: what depends on the day, such as how long a certificate is
//! still good, is computed by its script when somebody looks.
//!
//! To add a part, give it a struct here and a section in `templates/report/report.html`. Nothing
//! may carry a `style` attribute, which the policy forbids: sizes are attributes of SVG.

mod html;
mod picture;
mod span;
mod subject;

pub use html::Html;
pub use subject::{Room, Subject};

use crate::cluster::{CLIENT_PORT, Cluster, Member, PEER_PORT};
use crate::machine::{File, Machine};
use crate::platform::{Counts, Delivery, Family, Packed, Platform, asked, launch_one};
use crate::report::{Finding, Report};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use picture::Picture;
use sha2::{Digest as _, Sha256};
use span::{Percent, Spans};

/// The name of its file, beside `launch`.
pub const FILE: &str = "report.html";

const STYLE: &str = include_str!("../../templates/report/style.css");
const SCRIPT: &str = include_str!("../../templates/report/script.js");

/// Findings that another day would not have: the page's script says them on the day itself.
const OF_THE_DAY: [&str; 3] = ["ends-soon", "expired", "not-yet-valid"];

#[derive(Template)]
#[template(path = "report/report.html")]
struct Page<'a> {
    policy: String,
    cluster: &'a Cluster,
    platform: Platform,
    image: Option<&'static str>,
    notes: Vec<Note<'a>>,
    /// The cluster as a picture, and once more for a narrow screen.
    circle: Picture,
    column: Picture,
    /// Variables that `launch` asks for, and what is said of each behind its name.
    asked: Vec<(&'a str, &'a str)>,
    command: String,
    controllers: Vec<Controller<'a>>,
    question: String,
    answer: String,
    spans: Spans,
    rooms: Vec<Bar>,
    largest: &'a str,
}

/// A warning.
struct Note<'a> {
    finding: &'a Finding,
    /// Where in the manifest, counted from 1.
    line: Option<usize>,
}

struct Controller<'a> {
    member: &'a Member,
    machine: &'a Machine<'a>,
    bar: Bar,
    /// What launches it alone.
    command: String,
}

/// How much of its room a document takes.
struct Bar {
    platform: Platform,
    packed: Option<Result<Packed, Packed>>,
    own: bool,
}

/// The page. It holds no key and no path of this computer.
pub fn render(subject: &Subject) -> String {
    let Subject {
        cluster, platform, ..
    } = *subject;
    let rooms = subject.rooms.iter().map(|room| Bar {
        platform: room.platform,
        packed: room.packed,
        own: room.platform == platform,
    });
    let asked = asked(platform, cluster, subject.settings);
    let page = Page {
        policy: policy(),
        cluster,
        platform,
        image: subject.settings.image.family.map(Family::name),
        notes: notes(subject.report),
        circle: picture::circle(cluster),
        column: picture::column(cluster),
        command: command(&asked),
        asked: asked.iter().map(behind).collect(),
        controllers: controllers(subject),
        question: question(subject),
        answer: answer(cluster),
        spans: span::spans(subject),
        rooms: rooms.collect(),
        largest: subject.largest,
    };
    let rendered = page.render();
    let mut text = rendered.expect("text is written to memory");
    text.push('\n');
    text
}

/// No request, and of style and script only what the page itself brings.
fn policy() -> String {
    // askama leaves out the newline at a template's end.
    let digest = |text: &str| {
        let text = text.strip_suffix('\n').unwrap_or(text);
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    };
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

fn notes(report: &Report) -> Vec<Note<'_>> {
    let findings = report.findings().iter();
    let lasting = findings.filter(|finding| !OF_THE_DAY.contains(&finding.code));
    let note = |finding| Note {
        finding,
        line: line(report, finding),
    };
    lasting.map(note).collect()
}

fn line(report: &Report, finding: &Finding) -> Option<usize> {
    let place = finding.place.as_ref()?;
    Some(report.line_and_column(place.start).0)
}

fn controllers<'a>(subject: &Subject<'a>) -> Vec<Controller<'a>> {
    let all = subject.cluster.members.iter().zip(subject.machines);
    let all = all.zip(subject.deliveries).enumerate();
    let one =
        |(index, ((member, machine), delivery)): (usize, ((_, &'a Machine<'a>), &Delivery))| {
            let (platform, cluster) = (subject.platform, subject.cluster);
            Controller {
                member,
                machine,
                bar: Bar {
                    platform,
                    packed: Some(Ok(delivery.first())),
                    own: true,
                },
                command: launch_one(platform, cluster, subject.settings, index, delivery),
            }
        };
    all.map(one).collect()
}

/// `SUBNET='' sh launch`: what it asks for stands there to be filled in.
fn command(asked: &[(String, String)]) -> String {
    let variables = asked.iter().map(|(variable, _)| format!("{variable}='' "));
    variables.collect::<String>() + "sh launch"
}

/// A variable, and what is said of it behind its name.
fn behind((variable, what): &(String, String)) -> (&str, &str) {
    let behind = what.strip_prefix(variable.as_str());
    (variable, behind.unwrap_or(what))
}

/// What asks the first controller, on itself, which members there are.
fn question(subject: &Subject) -> String {
    let Some(first) = subject.cluster.members.first() else {
        return String::new();
    };
    let (bin, tls) = (subject.layout.bin(), &first.tls);
    // Its second API is the default of 3.3 alone.
    let api = match subject.cluster.release.version.minor {
        ..4 => "ETCDCTL_API=3 ",
        _ => "",
    };
    format!(
        "sudo {api}{bin}/etcdctl member list \\\n  --endpoints=https://127.0.0.1:{CLIENT_PORT} \\\n  \
         --cacert=/etc/etcd/{} \\\n  --cert=/etc/etcd/{} \\\n  --key=/etc/etcd/{}",
        tls.server.ca.name, tls.client.certificate.name, tls.client.key.name
    )
}

/// What etcdctl then prints: ordered by ID, since 3.4 with whether the member is a learner.
fn answer(cluster: &Cluster) -> String {
    let mut members: Vec<_> = cluster.members.iter().collect();
    members.sort_by_key(|member| (member.id.is_none(), member.id));
    let learner = match cluster.release.version.minor {
        ..4 => "",
        _ => ", false",
    };
    let line = |member: &Member| {
        let Member { id, name, .. } = member;
        let id = id.map_or_else(|| "…".to_owned(), |id| id.to_string());
        let (peer, client) = (member.peer_url(), member.client_url());
        format!("{id}, started, {name}, {peer}, {client}{learner}")
    };
    members.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Page<'_> {
    fn quorum(&self) -> usize {
        self.cluster.members.len() / 2 + 1
    }

    /// What the cluster lives through.
    fn bears(&self) -> String {
        match self.cluster.members.len() - self.quorum() {
            0 => "bears no loss".to_owned(),
            1 => "bears the loss of one".to_owned(),
            more => format!("bears the loss of {more}"),
        }
    }

    fn count(&self) -> String {
        match self.cluster.members.len() {
            1 => "1 controller".to_owned(),
            more => format!("{more} controllers"),
        }
    }

    /// The picture, for who does not see it.
    fn told(&self) -> String {
        let each = self.cluster.members.iter();
        let each = each.map(|member| format!("{} at {}", member.name, member.address));
        let each: Vec<_> = each.collect();
        let peers = match each.len() {
            1 => String::new(),
            _ => format!(" Every member talks to every other on port {PEER_PORT}."),
        };
        format!(
            "{}.{peers} Clients talk to every member on port {CLIENT_PORT}.",
            each.join(", ")
        )
    }
}

impl Note<'_> {
    fn message(&self) -> Vec<(bool, &str)> {
        html::parts(&self.finding.message)
    }

    fn help(&self) -> Vec<(bool, &str)> {
        html::parts(&self.finding.help)
    }
}

impl Controller<'_> {
    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.machine.files.iter().map(|file| file.bytes().len())
    }

    /// Of all files together.
    fn size(&self) -> String {
        grouped(self.sizes().sum())
    }

    /// Beside the largest file.
    fn share_of(&self, file: &File) -> Percent {
        Percent::of_bytes(file.bytes().len(), self.sizes().max().unwrap_or(0))
    }
}

impl Bar {
    fn packed(&self) -> Option<Packed> {
        match self.packed? {
            Ok(packed) | Err(packed) => Some(packed),
        }
    }

    fn fits(&self) -> bool {
        !matches!(self.packed, Some(Err(_)))
    }

    /// The part of the room that is taken; `None` where there is no limit.
    fn share(&self) -> Option<Percent> {
        let (packed, limit) = (self.packed()?, self.platform.limit().bytes);
        (limit != usize::MAX).then(|| Percent::of_bytes(packed.bytes, limit))
    }

    /// `11,975 of 262,144 bytes, plain text`
    fn words(&self) -> String {
        let Some(Packed { form, bytes, .. }) = self.packed() else {
            return "not with this image".to_owned();
        };
        let (limit, bytes) = (self.platform.limit(), grouped(bytes));
        let counted = match limit.counts {
            Counts::Bytes => "",
            Counts::Base64 => ", counted as base64",
        };
        match limit.bytes {
            usize::MAX => format!("{bytes} bytes, {form}"),
            most => format!("{bytes} of {} bytes, {form}{counted}", grouped(most)),
        }
    }
}

/// `262,144`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (262_144, "262,144"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
