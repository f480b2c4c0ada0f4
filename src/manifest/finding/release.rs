//! Messages about the release: versions, digests, mirrors, architectures, the lock.

use super::{Place, good_release, listed};
use crate::cluster::ClusterName;
use crate::manifest::At;
use crate::manifest::release::UPSTREAM;
use crate::manifest::yaml::Node;
use crate::release::{Arch, Mirror, NotAMirror, Version};
use crate::report::{Finding, closest, quoted};

const PIN: &str = "run `firstboot pin`";

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
    match closest(text, [UPSTREAM]).filter(|_| !text.contains(['/', ':'])) {
        Some(meant) => Finding::error("mirror", place, message, format!("did you mean `{meant}`?")),
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
        PIN,
    )
}

pub(in crate::manifest) fn lock_mirrors(place: Place) -> Finding {
    Finding::error(
        "lock-contradicts",
        place,
        "the lock has other mirrors than the manifest",
        PIN,
    )
}

pub(in crate::manifest) fn lock_digest(sha256: Place, arch: Arch) -> Finding {
    Finding::error(
        "lock-contradicts",
        sha256,
        format!("the lock pins another digest for {arch}"),
        PIN,
    )
}

pub(in crate::manifest) fn lock_arch(version: &At<Version>, arch: &At<Arch>) -> Finding {
    Finding::error(
        "lock-contradicts",
        place_of(version, arch),
        format!("the lock pins no tarball for {}", arch.value),
        PIN,
    )
}

pub(in crate::manifest) fn lock_stale_digest(version: &At<Version>, arch: Arch) -> Finding {
    Finding::error(
        "lock-contradicts",
        version.place.clone(),
        format!(
            "the digest that the lock pins for {arch} is neither the manifest's nor the known one"
        ),
        PIN,
    )
}
