//! Whether a step of a rotation is on every machine: each member is asked by a handshake.
//!
//! A step that comes too early splits the cluster, and the files on this computer cannot tell.
//! So the members' ports are tried with a client's certificate of the next CA, made for that and
//! good for a day: who has step 1 takes it, and who has step 2 shows a certificate of the next CA.

use super::minting;
use crate::cluster::{CLIENT_PORT, PEER_PORT};
use crate::commands::Failure;
use crate::commands::duration::Patience;
use crate::commands::load::Loaded;
use crate::commands::verify::At;
use crate::manifest::{self, Controller, PemPath};
use crate::pki::audit::File;
use crate::pki::mint::{Authority, Leaf, Validity};
use crate::pki::rotation::Step;
use crate::report::reason;
use crate::verify::{self, Credentials, Door, End, Material};
use clap::Args;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// How members are asked, or that they are not.
#[derive(Debug, Args)]
pub(crate) struct Members {
    /// Take the step without asking the members whether they have the one before
    ///
    /// For a cluster that does not run, or cannot be reached from here. A step too early cuts
    /// members off from each other.
    #[arg(long)]
    pub(super) unverified: bool,
    /// Where a controller is reached from here, `NAME=ADDRESS` or `NAME=ADDRESS:PORT`; its
    /// certificate must be for its own address all the same
    #[arg(long, value_name = "NAME=ADDRESS", conflicts_with = "unverified")]
    at: Vec<At>,
    /// How long each controller has to answer
    #[arg(long, value_name = "TIME", default_value_t = Patience(Duration::from_secs(5)))]
    timeout: Patience,
}

/// What is asked, and with what.
pub(super) struct Question<'a> {
    pub(super) loaded: &'a Loaded,
    /// The CA that is replaced.
    pub(super) ca: &'a PemPath,
    /// Its file's bytes.
    pub(super) bundle: &'a [u8],
    pub(super) next: &'a Authority,
    /// The step that is to be taken.
    pub(super) step: Step,
    pub(super) now: i64,
}

/// A door, whose it is, and whether it alone tells what is asked.
struct Asked<'a> {
    controller: &'a Controller,
    door: Door,
    port: u16,
    decides: bool,
}

/// Refuses unless every member has the step before.
pub(super) fn ask(question: &Question<'_>, arguments: &Members) -> Result<(), Failure> {
    let controllers = &question.loaded.manifest.controllers;
    At::check(&arguments.at, controllers)?;
    let mut asked = Vec::new();
    for controller in controllers {
        asked.extend(doors(question, arguments, controller)?);
    }
    let doors: Vec<_> = asked.iter().map(|one| one.door.clone()).collect();
    let ends = verify::knock(&doors, arguments.timeout.0, question.now)
        .map_err(|error| Failure::world(format!("opening connections: {}", reason(&error))))?;
    let mut missing = String::new();
    for (one, end) in asked.iter().zip(ends) {
        let why = match end {
            End::Answered => continue,
            End::CertificateRefused(refusal) => format!("{}: {}", by(refusal.by), refusal.why),
            // Between controllers only, perhaps; the other port has told the same.
            _ if !one.decides => continue,
            End::NotStarted(why) => not_reached(&why),
            End::Mute(_) => "it does not answer: is it waiting for a quorum?".to_owned(),
            End::NotEtcd(why) => why,
            End::Plain => "it speaks without TLS".to_owned(),
            End::BrokeOff(what) => format!("it stopped answering at {what}"),
        };
        let name = one.controller.name.value.as_str();
        let _ = write!(missing, "\n  {name}, port {}: {why}", one.port);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let (step, before) = match question.step {
        Step::Drop => (
            3,
            "step 2 is not on every machine: each must show a certificate of the next CA",
        ),
        _ => (
            2,
            "step 1 is not on every machine: each must trust the next CA",
        ),
    };
    Err(Failure::world(format!(
        "{before}{missing}\n\
         roll it out, and take step {step} then; `--at` says where a controller is reached from \
         here; `--unverified` takes the step without asking: nothing was written"
    )))
}

fn by(by: verify::By) -> &'static str {
    match by {
        verify::By::Us => "its certificate",
        verify::By::Them => "it refuses a client of the next CA",
    }
}

fn not_reached(why: &verify::NotStarted) -> String {
    match why {
        verify::NotStarted::Refused => "not reached: nobody listens there".to_owned(),
        verify::NotStarted::NoRoute => "not reached: there is no route".to_owned(),
        verify::NotStarted::TimedOut => "not reached: no answer in time".to_owned(),
        verify::NotStarted::Other(why) => format!("not reached: {why}"),
    }
}

/// The ports of one controller that are about this CA.
fn doors<'a>(
    question: &Question<'_>,
    arguments: &Members,
    controller: &'a Controller,
) -> Result<Vec<Asked<'a>>, Failure> {
    let tls = &controller.tls;
    let (address, port) = At::reach(&arguments.at, controller);
    let is_this = |ca: &manifest::At<PemPath>| ca.value == *question.ca;
    let (client, peer) = (is_this(&tls.server_ca), is_this(&tls.peer_ca));
    let mut asked = Vec::new();
    let mut add = |to: u16, decides| -> Result<(), Failure> {
        asked.push(Asked {
            controller,
            door: Door {
                address: controller.ip.value,
                to: SocketAddr::new(address, to),
                credentials: credentials(question, controller)?,
            },
            port: to,
            decides,
        });
        Ok(())
    };
    if client {
        add(port.unwrap_or(CLIENT_PORT), true)?;
    }
    // Behind a forwarded port there is one port only.
    if peer && port.is_none() {
        add(PEER_PORT, !client)?;
    } else if peer && !client {
        return Err(Failure::Wrong(format!(
            "`--at {}=…`: this CA is that of peers, who listen on another port: give an address \
             without a port",
            controller.name.value
        )));
    }
    Ok(asked)
}

/// A client of the next CA, who trusts as much as a member must show.
fn credentials(question: &Question<'_>, controller: &Controller) -> Result<Credentials, Failure> {
    let allowed = controller.tls.peer_allowed_cn.as_ref();
    let name = allowed.map_or("firstboot", |name| name.value.as_str());
    let minted = question.next.issue(&Leaf {
        common_name: name,
        // etcd compares a peer's addresses with those it comes from, if it names any.
        addresses: &[],
        names: &[],
        validity: Validity::days(question.now, 1),
        server: false,
        client: true,
    });
    let minted = minted.map_err(|error| minting(" a client to ask with", error))?;
    let next = question.next.certificate();
    let (name, ca) = match question.step {
        Step::Drop => ("the next CA", next.as_bytes()),
        _ => (question.ca.as_str(), question.bundle),
    };
    let material = Material {
        ca: File { name, bytes: ca },
        certificate: File {
            name: "a client of the next CA",
            bytes: minted.certificate.as_bytes(),
        },
        key_name: "its key",
        key: &minted.key,
    };
    Credentials::read(&material).map_err(|why| Failure::Wrong(why.0))
}
