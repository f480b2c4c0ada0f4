//! `firstboot pki mint`: a CA and pairs under it, or one more pair for a client.

use super::{CaDays, Days, beside, both, client, finish, name_of_ca, now, refuse_contested};
use super::{minting, refuse_existing, repository, set, write};
use crate::calendar::moment;
use crate::commands::load::{self, Loaded};
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, Use, read_limited};
use crate::pki::mint::{Authority, Key};
use crate::report::Finding;
use crate::secret::Secret;
use crate::terminal::Format;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Mint a CA and the pairs that the manifest names, where it expects them
///
/// ECDSA P-256; a certificate names the address and the name of every controller that holds it,
/// 127.0.0.1, `::1` and localhost, for servers and clients alike. It is valid from one hour
/// ago, since the clock of a machine may be behind at its first boot. The CA's key is written
/// beside the CA (ca-key.pem for ca.pem) and never reaches a machine: keep it safe, or take it
/// away until the next `pki renew`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot pki mint                          a CA and all pairs
  firstboot pki mint --per-controller         a pair for each, or a refusal
  firstboot pki mint --client kube-apiserver  one more pair from the CA")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    #[command(flatten)]
    days: Days,
    #[command(flatten)]
    ca_days: CaDays,
    /// Refuse unless each controller has a pair of its own
    #[arg(long)]
    per_controller: bool,
    /// Mint a pair for this client only, beside the CA that is there
    ///
    /// NAME.pem and NAME-key.pem, signed by the CA that the servers trust, good for clients
    /// only and with NAME as its common name: for example for a kube-apiserver.
    #[arg(long, value_name = "NAME", value_parser = client::name)]
    #[arg(conflicts_with_all = ["per_controller", "ca_days"])]
    client: Option<client::Name>,
    /// The key of the CA that is there, for `--client` [default: beside the CA]
    #[arg(long, value_name = "FILE", requires = "client")]
    ca_key: Option<PathBuf>,
    /// Keep the keys that are there, and mint certificates for them
    ///
    /// For example keys of RSA: `openssl genrsa -out pki/kubernetes-key.pem 2048`. P-256, P-384,
    /// and RSA of 2048 to 4096 bits; where no key is, a new one is made.
    #[arg(long, conflicts_with = "client")]
    keep_keys: bool,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// For files that are there. `--force` is seldom what is meant: no machine trusts a new CA.
const CURE: &str = "`firstboot pki renew` makes pairs that are missing or wrong and keeps the CA; \
                    `--force` replaces all of them and MAKES A NEW CA, which no running machine \
                    trusts";

/// What this is called where it was cut short.
const WHAT: &str = "pki mint";

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    if let Some(name) = &arguments.client {
        let order = client::Order {
            name,
            ca_key: arguments.ca_key.as_deref(),
            days: arguments.days,
            force: arguments.force,
        };
        return client::mint(&order, &loaded, context);
    }
    refuse_another_ca(&loaded)?;
    let now = now();
    let uses = manifest::uses(&loaded.manifest, now);
    refuse_contested(&loaded, &uses)?;
    if arguments.per_controller {
        refuse_shared(&loaded, &uses)?;
    }
    let plan = Plan::of(uses, &loaded.root)?;
    if finish(&loaded, WHAT, context)? {
        return say(&plan, context);
    }
    if !arguments.force {
        refuse_existing(&plan.paths(arguments.keep_keys), CURE)?;
    }
    let how = How {
        days: arguments.days,
        ca_days: arguments.ca_days,
        keep_keys: arguments.keep_keys,
    };
    let files = plan.mint(how, &loaded, now)?;
    let keys = plan.keys();
    let mut set = set(&loaded, WHAT, files);
    for (path, text) in repository::ignoring(&keys, &loaded.root) {
        set.public(path, text.into_bytes());
    }
    write(&set, arguments.force)?;
    if let Some(note) = repository::not_ignored(&keys) {
        context.terminal.say(&note);
    }
    say(&plan, context)
}

/// A new CA and all pairs of a manifest, as `pki mint` makes them; nothing is written.
pub(in crate::commands) fn fresh(loaded: &Loaded) -> Result<Vec<(PathBuf, Secret)>, Failure> {
    let now = now();
    let uses = manifest::uses(&loaded.manifest, now);
    let how = How {
        days: Days::default(),
        ca_days: CaDays::default(),
        keep_keys: false,
    };
    Plan::of(uses, &loaded.root)?.mint(how, loaded, now)
}

/// How long it is good for, and whether keys stay.
#[derive(Clone, Copy)]
struct How {
    days: Days,
    ca_days: CaDays,
    keep_keys: bool,
}

/// Another CA under a cluster that runs: its machines would refuse every pair of it.
fn refuse_another_ca(loaded: &Loaded) -> Result<(), Failure> {
    let began = load::lock(loaded)?.and_then(|lock| lock.genesis.began);
    match began {
        None => Ok(()),
        Some(began) => Err(Failure::Wrong(format!(
            "the cluster runs since {} at least, as `{}` remembers, and its machines trust no CA that \
             is made now: put the CA's files back from a backup; `firstboot pki renew` makes pairs \
             under it, `firstboot pki rotate-ca` goes to another one",
            moment(began),
            crate::report::path(&loaded.lock_path)
        ))),
    }
}

/// `--per-controller`: no two controllers hold one pair.
fn refuse_shared(loaded: &Loaded, uses: &[Use<'_>]) -> Result<(), Failure> {
    let Some(shared) = uses.iter().find(|one| one.holders.len() > 1) else {
        return Ok(());
    };
    let names: Vec<_> = shared
        .holders
        .iter()
        .map(|holder| format!("`{}`", holder.name.value))
        .collect();
    let finding = Finding::error(
        "pair-shared",
        shared.pair.cert.place.clone(),
        format!(
            "{} share `{}`",
            names.join(", "),
            shared.pair.cert.value.as_str()
        ),
        format!("write this instead\n{}", own_pairs(loaded).trim_end()),
    );
    Err(Failure::Input(loaded.report(vec![finding])))
}

/// The `tls` block that asks for a pair for each controller.
fn own_pairs(loaded: &Loaded) -> String {
    let Some(first) = loaded.manifest.controllers.first() else {
        return String::new();
    };
    let tls = &first.tls;
    let directory = |path: &str| {
        path.rsplit_once('/')
            .map(|(directory, _)| format!("{directory}/"))
    };
    let pair = |paths: &manifest::PairPaths, indent: &str, what: &str| {
        let directory = directory(paths.cert.value.as_str()).unwrap_or_default();
        format!(
            "{indent}cert: \"{directory}{{name}}{what}.pem\"\n{indent}key: \"{directory}{{name}}{what}-key.pem\"\n"
        )
    };
    let (server_ca, peer_ca) = (tls.server_ca.value.as_str(), tls.peer_ca.value.as_str());
    let mut text = "tls:\n".to_owned();
    if server_ca == peer_ca {
        let _ = writeln!(text, "  ca: {server_ca}");
    }
    if server_ca == peer_ca && tls.server == tls.peer {
        text.push_str(&pair(&tls.server, "  ", ""));
    } else {
        for (side, ca, paths) in [
            ("server", server_ca, &tls.server),
            ("peer", peer_ca, &tls.peer),
        ] {
            let _ = writeln!(text, "  {side}:");
            if server_ca != peer_ca {
                let _ = writeln!(text, "    ca: {ca}");
            }
            text.push_str(&pair(paths, "    ", &format!("-{side}")));
        }
    }
    if let Some(client) = &tls.client {
        let _ = write!(text, "  client:\n{}", pair(client, "    ", "-client"));
    }
    text
}

/// What is to be minted: every CA that the manifest names, and under each its pairs.
struct Plan<'a> {
    authorities: Vec<(PathBuf, Vec<Wanted<'a>>)>,
}

struct Wanted<'a> {
    certificate: PathBuf,
    key: PathBuf,
    asked: Use<'a>,
}

impl<'a> Plan<'a> {
    fn of(uses: Vec<Use<'a>>, root: &Path) -> Result<Self, Failure> {
        let mut authorities: Vec<(PathBuf, Vec<Wanted>)> = Vec::new();
        for asked in uses {
            let ca = root.join(asked.ca.value.as_str());
            let wanted = Wanted {
                certificate: root.join(asked.pair.cert.value.as_str()),
                key: root.join(asked.pair.key.value.as_str()),
                asked,
            };
            if beside(&ca, "key") == wanted.key {
                return Err(Failure::Wrong(format!(
                    "`{}` would hold the CA's key, too: name another file as the key",
                    crate::report::path(&wanted.key)
                )));
            }
            match authorities.iter_mut().find(|(known, _)| *known == ca) {
                Some((_, pairs)) => pairs.push(wanted),
                None => authorities.push((ca, vec![wanted])),
            }
        }
        Ok(Self { authorities })
    }

    /// Keys first: a certificate without its key would look finished.
    fn paths(&self, without_keys: bool) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut add = |key: PathBuf, certificate: &PathBuf| {
            paths.extend((!without_keys).then_some(key));
            paths.push(certificate.clone());
        };
        for (ca, pairs) in &self.authorities {
            add(beside(ca, "key"), ca);
            for pair in pairs {
                add(pair.key.clone(), &pair.certificate);
            }
        }
        paths
    }

    /// All private keys, those of the CAs first.
    fn keys(&self) -> Vec<PathBuf> {
        let cas = self.authorities.iter().map(|(ca, _)| beside(ca, "key"));
        let pairs = self.authorities.iter().flat_map(|(_, pairs)| pairs);
        cas.chain(pairs.map(|pair| pair.key.clone())).collect()
    }

    fn mint(&self, how: How, loaded: &Loaded, now: i64) -> Result<Vec<(PathBuf, Secret)>, Failure> {
        let failed = |error| minting("", error);
        let mut files = Vec::new();
        for (ca, pairs) in &self.authorities {
            let validity = how.ca_days.validity(now);
            let name = name_of_ca(loaded, "etcd CA");
            let ca_key = beside(ca, "key");
            let kept = key_to_keep(&ca_key, how)?;
            let (authority, minted) =
                Authority::mint_for(key(kept.as_ref()), &name, validity).map_err(failed)?;
            files.extend(unless_kept(kept.as_ref(), both(ca_key, ca.clone(), minted)));
            for pair in pairs {
                let validity = how.days.validity(now);
                let kept = key_to_keep(&pair.key, how)?;
                let minted = pair
                    .asked
                    .issue_for(key(kept.as_ref()), &authority, validity)
                    .map_err(failed)?;
                let both = both(pair.key.clone(), pair.certificate.clone(), minted);
                files.extend(unless_kept(kept.as_ref(), both));
            }
        }
        Ok(files)
    }
}

/// The key that is there, if it shall stay.
fn key_to_keep(path: &Path, how: How) -> Result<Option<Secret>, Failure> {
    if !how.keep_keys {
        return Ok(None);
    }
    match read_limited(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::reading(path, &error)),
    }
}

/// A key that is kept is not written again.
fn unless_kept(
    kept: Option<&Secret>,
    [key, certificate]: [(PathBuf, Secret); 2],
) -> impl Iterator<Item = (PathBuf, Secret)> {
    let new_key = kept.is_none().then_some(key);
    new_key.into_iter().chain([certificate])
}

fn key(kept: Option<&Secret>) -> Key<'_> {
    kept.map_or(Key::New, Key::Kept)
}

fn say(plan: &Plan, context: Context) -> Result<(), Failure> {
    let shown = |path: &Path| crate::report::path_value(path);
    let mut text = String::new();
    let mut files = Vec::new();
    for (ca, pairs) in &plan.authorities {
        let key = shown(&beside(ca, "key"));
        let _ = writeln!(
            text,
            "{}\n{key}  stays here: it never reaches a machine",
            shown(ca)
        );
        for pair in pairs {
            let _ = writeln!(text, "{}\n{}", shown(&pair.certificate), shown(&pair.key));
        }
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| json!({ "cert": shown(&pair.certificate), "key": shown(&pair.key) }))
            .collect();
        files.push(json!({ "ca": shown(ca), "caKey": key, "pairs": pairs }));
    }
    context.print(&match context.format {
        Format::Json => context.document(json!({ "minted": files })),
        Format::Human => text,
    })
}
