//! `firstboot pki mint --client`: a pair for somebody who asks etcd and is no member.

use super::standing::Authorities;
use super::{Days, beside, both, clients, finish, minting, now, refuse_existing, set, write};
use crate::cluster::FileName;
use crate::commands::load::Loaded;
use crate::commands::{Context, Failure};
use crate::manifest::{self, At, PemPath, read_limited};
use crate::pki::Go;
use crate::pki::audit::{self, Audit, Demand, Demands, File, Pair, THIRTY_DAYS};
use crate::pki::mint::{Authority, Leaf, Minted};
use crate::terminal::Format;
use serde_json::json;
use std::path::Path;

/// A client's name, which is its files' name and its common name.
#[derive(Clone, Debug)]
pub(super) struct Name(String);

/// Reads `--client`.
pub(super) fn name(text: &str) -> Result<Name, &'static str> {
    // Whatever may be a file's name may be a common name.
    FileName::new(text)
        .map(|_| Name(text.to_owned()))
        .map_err(|why| why.0)
}

/// What was asked for on the command line.
pub(super) struct Order<'a> {
    pub(super) name: &'a Name,
    pub(super) ca_key: Option<&'a Path>,
    pub(super) days: Days,
    pub(super) force: bool,
}

pub(super) fn mint(order: &Order<'_>, loaded: &Loaded, context: Context) -> Result<(), Failure> {
    let now = now();
    let name = &order.name.0;
    let at = only_ca(loaded)?;
    let ca = loaded.root.join(at.value.as_str());
    let ca_key = order
        .ca_key
        .map_or_else(|| beside(&ca, "key"), Path::to_path_buf);
    let certificate = ca.with_file_name(format!("{name}.pem"));
    let key = ca.with_file_name(format!("{name}-key.pem"));
    let own = [&ca, &ca_key, &beside(&ca, "next"), &beside(&ca, "next-key")];
    let controllers = loaded.manifest.controllers.iter();
    let named = controllers
        .flat_map(|controller| controller.tls.all())
        .map(|path| loaded.root.join(path.value.as_str()));
    for taken in named.chain(own.into_iter().cloned()) {
        if taken == certificate || taken == key {
            return Err(Failure::Wrong(format!(
                "`{}` is a file of the cluster's own: give the client another name",
                crate::report::path(taken)
            )));
        }
    }
    let what = format!("pki mint --client {name}");
    let print = |context: Context| {
        let [certificate, key] = [&certificate, &key].map(crate::report::path_value);
        context.print(&match context.format {
            Format::Human => format!("{certificate}\n{key}\n"),
            Format::Json => {
                let pair = json!({ "cert": certificate, "key": key });
                let minted = json!({ "ca": crate::report::path_value(&ca), "pairs": [pair] });
                context.document(json!({ "minted": [minted] }))
            }
        })
    };
    if finish(loaded, &what, context)? {
        return print(context);
    }
    if !order.force {
        let cure = "`--force` replaces this client's pair; the CA stays";
        refuse_existing(&[key.clone(), certificate.clone()], cure)?;
    }
    let authority = signer(order, loaded, at, now)?;
    let minted = authority
        .issue(&Leaf {
            common_name: name,
            addresses: &[],
            names: &[],
            validity: order.days.validity(now),
            server: false,
            client: true,
        })
        .map_err(|error| minting("", error))?;
    refuse_unfit(&check(loaded, at, &minted, name, now)?)?;
    let files = both(key.clone(), certificate.clone(), minted);
    write(&set(loaded, &what, files.into()), order.force)?;
    print(context)
}

/// The CA whose clients every member takes, also while it is being replaced.
fn signer(
    order: &Order<'_>,
    loaded: &Loaded,
    at: &At<PemPath>,
    now: i64,
) -> Result<Authority, Failure> {
    let (mut files, _) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    let clients = clients::find(loaded, &mut files);
    let own = Authorities::own(loaded, at, &clients, &files)?;
    let mut uses = manifest::uses(&loaded.manifest, now);
    uses.retain(|one| one.ca.value == at.value);
    uses.extend(own.iter().map(|client| client.asked(loaded, now)));
    Authorities::read(loaded, at, &uses, &files)?.signer(order.ca_key)
}

/// The CA by which etcd knows its clients.
fn only_ca(loaded: &Loaded) -> Result<&At<PemPath>, Failure> {
    let mut controllers = loaded.manifest.controllers.iter();
    let first = controllers.next().map(|first| &first.tls.server_ca);
    match first {
        Some(ca) if controllers.all(|other| other.tls.server_ca.value == ca.value) => Ok(ca),
        _ => Err(Failure::Wrong(
            "the controllers trust different CAs: no one client certificate fits them all"
                .to_owned(),
        )),
    }
}

fn check(
    loaded: &Loaded,
    ca: &At<PemPath>,
    minted: &Minted,
    name: &str,
    now: i64,
) -> Result<Audit, Failure> {
    let path = loaded.root.join(ca.value.as_str());
    let bundle = read_limited(&path).map_err(|error| Failure::reading(&path, &error))?;
    let pair = Pair {
        certificate: File {
            name,
            bytes: minted.certificate.as_bytes(),
        },
        key_name: name,
        key: &minted.key,
    };
    let demands = Demands {
        addresses: Vec::new(),
        names: Vec::new(),
        common_name: Some(Demand {
            value: name.to_owned(),
            why: "it is the client's name".to_owned(),
        }),
        server: false,
        client: true,
        go: Go::of(loaded.manifest.etcd.version.value),
        curl: false,
        now,
        warn_within: THIRTY_DAYS,
    };
    let ca = File {
        name: ca.value.as_str(),
        bytes: bundle.expose(),
    };
    Ok(audit::audit(ca, &pair, &demands))
}

fn refuse_unfit(audit: &Audit) -> Result<(), Failure> {
    match audit.problems.iter().find(|problem| problem.is_error()) {
        None => Ok(()),
        Some(problem) => Err(Failure::Wrong(format!(
            "nothing was written, as etcd would refuse it: {}; {}",
            problem.message, problem.help
        ))),
    }
}
