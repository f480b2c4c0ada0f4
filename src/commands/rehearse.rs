//! `firstboot rehearse`: boots the rendered machines on this computer.

use super::{Context, Failure, ManifestArguments};
use clap::Args;
use std::path::PathBuf;

/// Boot the cluster on this computer, for real, before a cloud is paid for it
///
/// Real systemd, real cloud-init and real etcd, one container per controller, in namespaces
/// that vanish at the end. Needs Linux and root. Images are built from Debian's packages once
/// and cached. Without --tarball, etcd of the same release line comes from Debian's packages:
/// then version and digest differ from the manifest's, and nothing else does.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Debian release of the machines: bullseye, bookworm or trixie
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// The release tarball, under its own name, instead of Debian's etcd
    #[arg(long, value_name = "FILE")]
    tarball: Option<PathBuf>,
    /// Boot a baked image, too, without a release server, and compare the two
    #[arg(long)]
    baked: bool,
    /// How long the machines have from power-on to their verdict
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    timeout: u64,
    /// Let something go wrong; may be given again
    ///
    /// power-cut[:STAGE|:TIME], mirror-503, mirror-corrupt, mirror-stall, mirror-truncate,
    /// no-dns, clock:-1h, disk-full, peer-cut, wrong-ip, each of these with :TIME for how long
    /// (20s); boot-order:2,0,1, stagger:30s. @NAME or @all says which machine; otherwise --seed
    /// does. See docs/rehearse.md.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<String>,
    /// What chooses the machines and moments that --fault leaves open
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write every machine's console and journal into this directory
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
}

#[cfg(not(target_os = "linux"))]
pub(super) fn run(_: &Arguments, _: Context) -> Result<(), Failure> {
    Err(Failure::world(
        "a rehearsal needs Linux: run it on a Linux computer or virtual machine",
    ))
}

#[cfg(target_os = "linux")]
pub(super) use linux::run;

#[cfg(target_os = "linux")]
mod linux {
    use super::{Arguments, Context, Failure};
    use crate::bake::{self, ImageLayer};
    use crate::cluster::{Cluster, Member, Mismatch, Release, Tls};
    use crate::commands::load;
    use crate::commands::rehearse_table as table;
    use crate::machine::{self, Layout, Machine};
    use crate::platform;
    use crate::rehearse::{self, Check, Client, Fault, Host, Interrupt, Plan, Suite, Wish};
    use crate::release::{Arch, Digest, Mirror, Scheme, Version, tarball_name};
    use crate::terminal::Format;
    use crate::wire::{UserConfig, cloud_config};
    use std::fmt::Display;
    use std::fs;
    use std::net::Ipv4Addr;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    pub(in crate::commands) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
        let loaded = load::manifest(&arguments.manifest)?;
        let (mut cluster, report) = load::cluster(&loaded, false)?;
        context.show(&report);
        let suite = arguments.suite.as_deref().map(suite).transpose()?;
        let faults = faults(arguments, &cluster)?;
        let mirrors = &loaded.manifest.etcd.mirrors;
        let hosts = hosts(mirrors)?;
        let lacking = rehearse::missing();
        if !lacking.is_empty() {
            return Err(world(lacking));
        }
        let host = host()?;
        let mut told = |event: &rehearse::Event| {
            if context.format == Format::Human {
                context.terminal.say(&table::line(event));
            }
        };
        let tarball = match &arguments.tarball {
            Some(path) => named_tarball(path, suite)?.unless_forged(&cluster.release)?,
            None => host
                .stand_in(cluster.release.version, &mut told)
                .map(Tarball::from)
                .map_err(world)?,
        };
        let origin = tarball.stand_in(&cluster.release);
        if let Some(origin) = &origin {
            context.terminal.say(&format!("note: {origin}\n"));
        }
        cluster.release = tarball.release(&cluster.release, mirrors);
        if arguments.baked {
            // What the baked machines are compared with must install etcd, whatever is said of
            // baked ones; these find the right one.
            cluster.mismatch = Mismatch::Install;
        }
        let user = loaded.cloud_config();
        let plan = |baked| plan(&cluster, user, &tarball, suite, arguments, baked);
        let unbaked_plan = Plan {
            hosts,
            media: media(mirrors, &tarball),
            client: (!faults.is_empty()).then(|| client(&cluster)).flatten(),
            faults,
            ..plan(false)?
        };
        let mut outcome = host.rehearse(unbaked_plan, &mut told).map_err(world)?;
        let mut unbaked = None;
        if arguments.baked && outcome.passed() {
            if let Some(directory) = &arguments.logs {
                write_logs(&directory.join("unbaked"), &outcome)?;
            }
            let layer = ImageLayer::of(&tarball.local_release(&cluster.release), Layout::default());
            let suite = suite.unwrap_or(tarball.suite);
            let image = host.baked_image(suite, &layer, &mut told).map_err(world)?;
            let baked = host.rehearse_from(image, plan(true)?, &mut told);
            unbaked = Some(std::mem::replace(&mut outcome, baked.map_err(world)?));
        }
        if let Some(directory) = &arguments.logs {
            write_logs(directory, &outcome)?;
        }
        let compared = unbaked.as_ref();
        context.print(&match context.format {
            Format::Human => table::text(&outcome, compared),
            Format::Json => table::json(&cluster, origin.as_deref(), &outcome, compared),
        })?;
        if outcome.passed() {
            Ok(())
        } else {
            Err(Failure::Negative)
        }
    }

    fn world(error: impl Display) -> Failure {
        Failure::World(error.to_string())
    }

    fn suite(name: &str) -> Result<Suite, Failure> {
        let known = Suite::ALL.map(Suite::name).join(", ");
        let unknown = |_| Failure::Wrong(format!("`--suite {name}` is not known: {known} are"));
        name.parse().map_err(unknown)
    }

    fn host() -> Result<Host, Failure> {
        let interrupt = Interrupt::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || handler.stop()).map_err(world)?;
        Ok(Host {
            program: std::env::current_exe().map_err(world)?,
            cache: rehearse::default_cache(),
            interrupt,
        })
    }

    /// What the machines will install, and where it comes from.
    struct Tarball {
        path: PathBuf,
        version: Version,
        arch: Arch,
        digest: Digest,
        origin: String,
        suite: Suite,
    }

    impl From<rehearse::StandIn> for Tarball {
        fn from(made: rehearse::StandIn) -> Self {
            Self {
                path: made.tarball,
                version: made.version,
                arch: made.arch,
                digest: made.digest,
                origin: made.origin,
                suite: made.suite,
            }
        }
    }

    /// A tarball that the user names: version and architecture are in its name, as upstream's.
    fn named_tarball(path: &Path, suite: Option<Suite>) -> Result<Tarball, Failure> {
        let bytes = fs::read(path).map_err(|error| Failure::reading(path, &error))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (version, arch) = Arch::ALL
            .into_iter()
            .find_map(|arch| {
                let version = name.strip_prefix("etcd-v")?.strip_suffix(&format!("-linux-{arch}.tar.gz"))?;
                Some((version.parse().ok()?, arch))
            })
            .ok_or_else(|| Failure::Wrong(format!(
                "`{name}` is not named as upstream names its tarballs: `etcd-v3.5.21-linux-amd64.tar.gz`"
            )))?;
        Ok(Tarball {
            path: path.canonicalize().map_err(world)?,
            version,
            arch,
            digest: Digest::of(&bytes),
            origin: path.display().to_string(),
            suite: suite.unwrap_or(Suite::Bookworm),
        })
    }

    impl Tarball {
        /// Another version may stand in; the pinned version with another digest is no stand-in.
        fn unless_forged(self, pinned: &Release) -> Result<Self, Failure> {
            let known = pinned.tarballs.iter().find(|(arch, _)| *arch == self.arch);
            match known {
                Some((_, digest)) if self.version == pinned.version && self.digest != *digest => {
                    Err(Failure::Wrong(format!(
                        "`{}` is not the pinned tarball: its SHA-256 is {}, not {digest}",
                        self.origin, self.digest
                    )))
                }
                _ => Ok(self),
            }
        }

        /// The pinned release, with this tarball in the place of its own.
        fn release(&self, pinned: &Release, mirrors: &[Mirror]) -> Release {
            let others = pinned.tarballs.iter().copied();
            let mut tarballs: Vec<_> = others.filter(|(arch, _)| *arch != self.arch).collect();
            tarballs.push((self.arch, self.digest));
            tarballs.sort_by_key(|(arch, _)| *arch);
            let directory = |mirror: &Mirror| mirror.directory(self.version);
            Release {
                version: self.version,
                tarballs,
                urls: mirrors.iter().map(directory).collect(),
            }
        }

        /// The same release, out of the tarball's own directory.
        fn local_release(&self, release: &Release) -> Release {
            let directory = self.path.parent().unwrap_or(Path::new("/"));
            Release {
                urls: vec![bake::file_url(directory)],
                ..release.clone()
            }
        }

        /// A sentence for the user where this is not the release that the manifest pins.
        fn stand_in(&self, pinned: &Release) -> Option<String> {
            if pinned.tarballs.contains(&(self.arch, self.digest)) {
                return None;
            }
            Some(format!(
                "etcd {} stands in for the pinned {} ({}); only version and digest differ from \
                 what `render` writes",
                self.version, pinned.version, self.origin
            ))
        }
    }

    fn plan(
        cluster: &Cluster,
        user: Option<&UserConfig>,
        tarball: &Tarball,
        suite: Option<Suite>,
        arguments: &Arguments,
        baked: bool,
    ) -> Result<Plan, Failure> {
        let machines = machine::machines(cluster, Layout::default()).into_iter();
        let machines: Result<_, _> = machines
            .zip(&cluster.members)
            .map(|(machine, member)| {
                let machine = if baked {
                    machine.without_image()
                } else {
                    machine
                };
                rehearsed(cluster, &machine, member, user)
            })
            .collect();
        Ok(Plan {
            cluster: cluster.name.to_string(),
            suite: suite.unwrap_or(tarball.suite),
            tarball: tarball.path.clone(),
            tarball_name: tarball_name(&tarball.version, tarball.arch),
            hosts: Vec::new(),
            media: Vec::new(),
            machines: machines?,
            timeout: Duration::from_secs(arguments.timeout),
            acts: Vec::new(),
            background: Vec::new(),
            journal: arguments.logs.is_some(),
            faults: Vec::new(),
            client: None,
        })
    }

    /// What is to go wrong; all that cannot be read is told at once.
    fn faults(arguments: &Arguments, cluster: &Cluster) -> Result<Vec<Fault>, Failure> {
        let names: Vec<_> = cluster
            .members
            .iter()
            .map(|member| member.name.as_str())
            .collect();
        let read = arguments.faults.iter().map(|text| Wish::read(text, &names));
        let (wishes, wrong): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).collect();
        if !wrong.is_empty() {
            let told: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            return Err(Failure::World(told.join("\n")));
        }
        let wishes: Vec<_> = wishes.into_iter().flatten().collect();
        Ok(rehearse::schedule(&wishes, names.len(), arguments.seed))
    }

    /// A client with the pair that the first member's own health check uses.
    fn client(cluster: &Cluster) -> Option<Client> {
        let Tls { server, client, .. } = &cluster.members.first()?.tls;
        Some(Client {
            endpoints: cluster.members.iter().map(Member::client_url).collect(),
            ca: server.ca.bytes.clone(),
            certificate: client.certificate.bytes.clone(),
            key: client.key.bytes.clone(),
        })
    }

    /// The hosts that the release server plays: none if all mirrors are in the image.
    fn hosts(mirrors: &[Mirror]) -> Result<Vec<String>, Failure> {
        let remote = mirrors
            .iter()
            .filter(|mirror| mirror.scheme() != Scheme::File);
        let host = |mirror: &Mirror| {
            let host = mirror.host();
            let is_name = host.parse::<Ipv4Addr>().is_err() && !host.starts_with('[');
            let root = format!("https://{host}");
            let rest = mirror.as_str().strip_prefix(&root).filter(|_| is_name);
            if rest.is_some_and(|rest| !rest.starts_with(':')) {
                return Ok(host.to_owned());
            }
            Err(Failure::World(format!(
                "a rehearsal plays mirrors under names, over https, on port 443, and not \
                 `{mirror}`: rehearse with another list of mirrors, for example `file:///media`"
            )))
        };
        remote.map(host).collect()
    }

    /// Where the machines' image holds the tarball.
    fn media(mirrors: &[Mirror], tarball: &Tarball) -> Vec<PathBuf> {
        let path = |mirror: &Mirror| {
            let url = mirror.tarball(tarball.version, tarball.arch);
            url.strip_prefix("file://").map(PathBuf::from)
        };
        mirrors.iter().filter_map(path).collect()
    }

    /// The machine as its cloud would get it, by way of a `NoCloud` seed.
    fn rehearsed(
        cluster: &Cluster,
        machine: &Machine,
        member: &Member,
        user: Option<&UserConfig>,
    ) -> Result<rehearse::Machine, Failure> {
        let document = cloud_config::render(machine, user).map_err(world)?;
        Ok(rehearse::Machine {
            name: member.name.to_string(),
            address: member.address,
            member_id: member.id.to_string(),
            cluster_id: cluster.id.to_string(),
            user_data: document,
            meta_data: platform::meta_data(machine),
            checks: checks(cluster, member),
        })
    }

    /// The lab's own verification line, with sudo and without.
    fn checks(cluster: &Cluster, member: &Member) -> Vec<Check> {
        let Tls { server, client, .. } = &member.tls;
        let line = format!(
            "ETCDCTL_API=3 etcdctl member list --endpoints=https://127.0.0.1:2379 \
             --cacert=/etc/etcd/{} --cert=/etc/etcd/{} --key=/etc/etcd/{}",
            server.ca.name, client.certificate.name, client.key.name
        );
        let listed = |member: &Member| {
            let (peer, client) = (member.peer_url(), member.client_url());
            format!("{}, started, {}, {peer}, {client}", member.id, member.name)
        };
        let expect: Vec<_> = cluster.members.iter().map(listed).collect();
        [format!("sudo {line}"), line]
            .map(|command| Check {
                command,
                expect: expect.clone(),
            })
            .into()
    }

    fn write_logs(directory: &Path, outcome: &rehearse::Outcome) -> Result<(), Failure> {
        let write = |name: String, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text)
                .map_err(|error| Failure::World(format!("writing `{}`: {error}", path.display())))
        };
        fs::create_dir_all(directory).map_err(world)?;
        for machine in &outcome.machines {
            write(
                format!("{}.console", machine.name),
                &(machine.console.join("\n") + "\n"),
            )?;
            write(
                format!("{}.journal", machine.name),
                machine.journal.as_deref().unwrap_or(""),
            )?;
        }
        Ok(())
    }
}
