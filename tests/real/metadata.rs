//! The rule of `docs/security.md` against readers of user-data, in two network namespaces.

use firstboot::rehearse::Suite;
use std::fs;

/// A machine's namespace, and the cloud's, where the metadata service is and a name server.
const STAGE: &str = "
mkdir -p /run/netns
ip netns add cloud
ip link add name cloud type veth peer name eth0 netns cloud
ip address del 169.254.169.254/32 dev lo
ip address add 169.254.1.1/16 dev cloud
ip link set cloud up
ip -n cloud address add 169.254.169.254/16 dev eth0
ip -n cloud link set eth0 up
ip -n cloud link set lo up
servers=
trap 'kill $servers' EXIT
cd /tmp/input
for port in 80 53; do
  ip netns exec cloud python3 -m http.server --bind 169.254.169.254 $port >/dev/null 2>&1 &
  servers=\"$servers $!\"
  until read_it root $port; do sleep 0.1; done
done
";

const READ: &str = "read_it() {
  setpriv --reuid $1 --regid 65534 --clear-groups \
    python3 -c \"import urllib.request as r; r.urlopen('http://169.254.169.254:$2/user-data', timeout=2)\" \
    2>/tmp/why
}
";

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn root_reads_user_data_and_nobody_else() {
    let page = include_str!("../../docs/security.md");
    let rule = page.lines().find(|line| line.contains("- ip rule add to"));
    let rule = rule.unwrap().trim().trim_start_matches("- ");
    let input = tempfile::tempdir().unwrap();
    fs::write(input.path().join("user-data"), "#cloud-config\n").unwrap();
    let script = format!(
        "{READ}{STAGE}
read_it nobody 80 # without the rule all do
{rule}
read_it root 80
if read_it nobody 80; then exit 1; fi
grep -q 'Permission denied' /tmp/why
read_it nobody 53
echo closed"
    );
    let image = crate::image::of(Suite::Bookworm);
    let said = crate::image::stdout(&image, input.path(), &script);
    assert!(said.ends_with("closed\n"), "{said}");
}
