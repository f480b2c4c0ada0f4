//! Messages about the release: versions, digests, mirrors, architectures, the lock.

use super::{Place, good_release, listed};
use crate::calendar::moment;
use crate::cluster::ClusterName;
use crate::manifest::release::UPSTREAM;
use crate::manifest::yaml::Node;
use crate::manifest::{At, PemPath};
use crate::release::{Arch, Mirror, NotAMirror, Version};
use crate::report::{Finding, closest, quoted};
use std::path::Path;

const PIN: &str = "run `firstboot pin`";
/// Where manifest and lock do not agree, either may be of another branch.
const PIN_OR_TAKE: &str = "run `firstboot pin`, or take the lock that belongs to this manifest";

/// Where the architecture is asked for: the default stands nowhere.
fn place_of(version: &At<Version>, arch: &At<Arch>) -> Place {
    if arch.place.is_empty() {
        version.place.clone()
    } else {
        arch.place.clone()
    }
}

pub(in crate::manifest) fn version_unknown(version: &At<Version>, arch: &At<Arch>) -> Finding {
    let written = version.value.to_string();
    let nearest = good_release(&written).filter(|_| arch.value == Arch::Amd64);
    let known = nearest.map_or_else(String::new, |known| format!(", or use `{known}`"));
    let place = place_of(version, arch);
    Finding::error(
        "version-unknown",
        place,
        format!(
            "no digest is known for etcd {} on {}",
            version.value, arch.value
        ),
        format!("{PIN}, which asks upstream for it{known}"),
    )
}

pub(in crate::manifest) fn digest_unconfirmed(version: &At<Version>, arch: Arch) -> Finding {
    Finding::warning(
        "digest-unconfirmed",
        version.place.clone(),
        format!(
            "the digest of etcd {} on {arch} is known from one source only",
            version.value
        ),
        format!("{PIN}, which asks upstream for another"),
    )
}

pub(in crate::manifest) fn digest_contradicts(
    sha256: Place,
    version: &At<Version>,
    arch: Arch,
) -> Finding {
    Finding::warning(
        "digest-contradicts",
        sha256,
        format!(
            "this is not the digest that is known for etcd {} on {arch}",
            version.value
        ),
        "keep it only if you built or repacked that tarball yourself",
    )
}

pub(in crate::manifest) fn not_a_digest(value: &At<String>) -> Finding {
    Finding::error(
        "not-a-digest",
        value.place.clone(),
        "a SHA-256 digest has 64 hexadecimal digits",
        "copy the first column of the release's `SHA256SUMS`",
    )
}

pub(in crate::manifest) fn arch(value: &At<String>) -> Finding {
    let names = Arch::ALL.map(Arch::name);
    let meant = match value.value.as_str() {
        "x86_64" | "x86-64" | "x64" => Some("amd64"),
        "aarch64" | "armv8" => Some("arm64"),
        "ppc64el" | "powerpc64le" => Some("ppc64le"),
        other => closest(other, names),
    };
    let help = match meant {
        Some(meant) => format!("write `{meant}`"),
        None => format!("known: {}", listed(&names)),
    };
    let message = format!(
        "{} is no architecture for which etcd is published",
        quoted(&value.value)
    );
    Finding::error("arch", value.place.clone(), message, help)
}

pub(in crate::manifest) fn arch_unsupported(version: &At<Version>, arch: &At<Arch>) -> Finding {
    Finding::warning(
        "arch-unsupported",
        arch.place.clone(),
        format!(
            "etcd {} calls {} unsupported: it starts there only because it is told to",
            version.value, arch.value
        ),
        "use etcd 3.5 or later on this architecture",
    )
}

pub(in crate::manifest) fn mirrors_no_list(node: &Node) -> Finding {
    Finding::error(
        "not-a-list",
        node.place.clone(),
        format!("`mirrors` must be a list, but it is {}", node.value.kind()),
        "write `mirrors: [https://mirror.example/etcd]`",
    )
}

pub(in crate::manifest) fn no_mirrors(place: Place) -> Finding {
    Finding::error(
        "no-mirrors",
        place,
        "the list of mirrors is empty",
        format!("remove the key, or write `mirrors: [{UPSTREAM}]`: both mean upstream's hosts"),
    )
}

pub(in crate::manifest) fn mirror(text: &str, place: Place, why: NotAMirror) -> Finding {
    let NotAMirror(why, cure) = why;
    // What stands before an `@` may be a password.
    let shown = match text.rsplit_once('@') {
        Some((_, rest)) => format!("`…@{}", quoted(rest).trim_start_matches('`')),
        None => quoted(text),
    };
    let message = format!("{shown} cannot be a mirror: {why}");
    let meant = Mirror::meant(text).filter(|meant| Mirror::new(meant).is_ok());
    match closest(text, [UPSTREAM]).filter(|_| !text.contains(['/', ':'])) {
        Some(meant) => Finding::error("mirror", place, message, format!("did you mean `{meant}`?")),
        None if meant.is_some() => {
            let meant = meant.unwrap_or_default();
            Finding::error("mirror", place, message, format!("write `{meant}`"))
        }
        None => Finding::error("mirror", place, message, cure),
    }
}

pub(in crate::manifest) fn mirror_twice(place: Place, mirror: &Mirror) -> Finding {
    Finding::error(
        "mirror-twice",
        place,
        format!("the mirror `{mirror}` stands twice in the list"),
        "keep one of the two",
    )
}

pub(in crate::manifest) fn mirror_http(place: Place, mirror: &Mirror) -> Finding {
    Finding::error(
        "mirror-http",
        place,
        format!("the mirror `{mirror}` is reached in the clear"),
        "serve it over https, or write `allow_http: true` beside `mirrors`: \
         the digest still protects what comes",
    )
}

pub(in crate::manifest) fn not_a_truth(key: &str, node: &Node) -> Finding {
    Finding::error(
        "not-a-boolean",
        node.place.clone(),
        format!(
            "`{key}` must be `true` or `false`, but it is {}",
            node.value.kind()
        ),
        format!("write `{key}: true`, or remove the line"),
    )
}

pub(in crate::manifest) fn lock_cluster(cluster: &At<ClusterName>, locked: &str) -> Finding {
    Finding::error(
        "lock-contradicts",
        cluster.place.clone(),
        format!("the lock is of the cluster {}", quoted(locked)),
        "give the cluster its name back; if it is another one, move the lock away and run \
         `firstboot pin`"
            .to_owned(),
    )
}

pub(in crate::manifest) fn lock_version(version: &At<Version>, locked: Version) -> Finding {
    Finding::error(
        "lock-contradicts",
        version.place.clone(),
        format!("the lock pins etcd {locked}, not {}", version.value),
        PIN_OR_TAKE,
    )
}

pub(in crate::manifest) fn lock_mirrors(place: Place) -> Finding {
    Finding::error(
        "lock-contradicts",
        place,
        "the lock has other mirrors than the manifest",
        PIN_OR_TAKE,
    )
}

pub(in crate::manifest) fn lock_digest(sha256: Place, arch: Arch) -> Finding {
    Finding::error(
        "lock-contradicts",
        sha256,
        format!("the lock pins another digest for {arch}"),
        PIN_OR_TAKE,
    )
}

pub(in crate::manifest) fn lock_arch(version: &At<Version>, arch: &At<Arch>) -> Finding {
    Finding::error(
        "lock-contradicts",
        place_of(version, arch),
        format!("the lock pins no tarball for {}", arch.value),
        PIN_OR_TAKE,
    )
}

pub(in crate::manifest) fn lock_stale_digest(version: &At<Version>, arch: Arch) -> Finding {
    Finding::error(
        "lock-contradicts",
        version.place.clone(),
        format!(
            "the digest that the lock pins for {arch} is neither the manifest's nor the known one"
        ),
        PIN_OR_TAKE,
    )
}

pub(in crate::manifest) fn authorities_unknown(ca: &At<PemPath>, began: Option<i64>) -> Finding {
    let anew = match began {
        Some(_) => "",
        None => "; if no machine of it runs yet, run `firstboot pin --new-authorities`",
    };
    Finding::error(
        "authorities-unknown",
        ca.place.clone(),
        "the lock knows another CA: machines with this one and machines of before refuse each other",
        format!(
            "put the CA's files back, from a backup or with `firstboot inspect --extract` from \
             user-data, and go to another CA with `firstboot pki rotate-ca`{anew}"
        ),
    )
}

pub(in crate::manifest) fn authorities_differ(ca: &At<PemPath>) -> Finding {
    Finding::warning(
        "authorities-differ",
        ca.place.clone(),
        "the lock knows other CAs than this file holds, though not only others",
        format!("{PIN}, which writes them down, as `pki rotate-ca` does at each step"),
    )
}

pub(in crate::manifest) fn lock_missing(lock: &Path) -> Finding {
    Finding::of_file(
        "lock-missing",
        format!(
            "`{}` is missing, and only it says whether this cluster is new",
            crate::report::path(lock)
        ),
        "if it is new, run `firstboot render --new`; if it runs, take the lock from version \
         control or a backup, or, if it never had one, run `firstboot pin` and then `firstboot \
         verify`; with `replace: never` in the manifest none is needed",
    )
}

pub(in crate::manifest) fn lock_began(lock: &Path, began: i64, cluster: &ClusterName) -> Finding {
    Finding::of_file(
        "lock-began",
        format!(
            "the cluster runs since {} at least, as `{}` remembers: it is not new",
            moment(began),
            crate::report::path(lock)
        ),
        format!(
            "render without `--new` and pin without a window: machines join the cluster; only if \
             all its machines are gone and its data may be, too, run `firstboot pin --begin-again \
             {cluster}`"
        ),
    )
}

pub(in crate::manifest) fn lock_is_another(lock: &Path, rendered: &Path) -> Finding {
    let (lock, rendered) = (crate::report::path(lock), crate::report::path(rendered));
    Finding::of_file(
        "lock-is-another",
        format!("`{rendered}` was rendered by another lock than `{lock}`, under the same name"),
        format!(
            "if the machines of `{rendered}` run, take their lock from version control or a backup; \
             if none of them does, move `{rendered}` away"
        ),
    )
}
