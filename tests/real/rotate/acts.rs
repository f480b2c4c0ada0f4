//! What is done inside the machines, as an operator would by hand.

use super::cluster::{ADDRESSES, MACHINES, State};
use firstboot::pki::mint::Minted;
use firstboot::rehearse::{Act, Background, Check};
use firstboot::secret::Secret;
use std::time::Duration;

/// Where the machine's files are, and how it asks etcd.
const PRELUDE: &str = r#"set -eu
. /etc/etcd/etcd.env
export ETCDCTL_API=3
ctl() { etcdctl --command-timeout=2s --cacert "$ETCD_TRUSTED_CA_FILE" "$@"; }
cert=${CLIENT_CERT-$ETCD_CERT_FILE} key=${CLIENT_KEY-$ETCD_KEY_FILE}
own() { ctl --cert "$cert" --key "$key" "$@"; }
served() { openssl s_client -connect "$1" -cert "$cert" -key "$key" </dev/null 2>&1 | openssl x509; }
"#;

/// etcd reads the CA at its start only. systemd says that it is started once it is ready, and that
/// is once it is a member again.
const NEW_CA: &str = r#"# new CA file
umask 077; cat >/etc/etcd/new; chmod 0644 /etc/etcd/new
chown etcd:etcd /etc/etcd/new; mv -f /etc/etcd/new "$ETCD_TRUSTED_CA_FILE"
from=$(date +%s.%N)
systemctl restart etcd.service
echo "down $from $(date +%s.%N)""#;

/// etcd reads both files at every handshake, and so does every client here; one that comes between
/// the two has to try again, so one process moves both.
const NEW_PAIR: &str = r#"# new pair
umask 077; cat >/run/pair
mkdir /etc/etcd/new; cd /etc/etcd/new
openssl x509 -in /run/pair -out "${ETCD_CERT_FILE##*/}"; chmod 0644 ./*
openssl pkey -in /run/pair -out "${ETCD_KEY_FILE##*/}"
rm /run/pair; chown etcd:etcd ./*
mv -f ./* /etc/etcd; cd /; rmdir /etc/etcd/new"#;

/// All members are healthy, and this one shows the same certificate to clients and to peers.
const HEALTHY: &str = r#"# all healthy
until own --endpoints ENDPOINTS endpoint health; do sleep 0.2; done
own --endpoints ENDPOINTS member list
test "$(served 127.0.0.1:2379)" = "$(served "$ADDRESS:2380")"
served 127.0.0.1:2379"#;

const ASK: &str = r"umask 077; cat >/run/pair; trap 'rm /run/pair' EXIT
ask() { ctl --endpoints https://127.0.0.1:2379 --cert /run/pair --key /run/pair endpoint health; }
";

const ACCEPTED: &str = "# takes a client with this pair\n";
const REFUSED: &str = "# refuses a client with this pair\n";

/// etcdctl does not say why; curl does, if the handshake ends only after the certificate was judged.
const REFUSED_BY_TLS: &str = r#"if ask; then exit 1; fi
curl -sS --tls-max 1.2 --cacert "$ETCD_TRUSTED_CA_FILE" --cert /run/pair --key /run/pair https://127.0.0.1:2379/health || true"#;

const WRITE: &str = r#"n=0
while n=$((n + 1)); do
  if answer=$(own --endpoints ENDPOINTS put "w/$ETCD_NAME/$n" "v$n" 2>&1); then
    echo "acknowledged w/$ETCD_NAME/$n v$n $(date +%s.%N)"
  else
    echo "failed $n $(date +%s.%N): $answer" | tr '\n' ' '; echo
  fi
  sleep 0.1 # or three clients take the processors that members need
done"#;

/// The places of the checks' answers.
pub(crate) const LISTED: usize = 0;
pub(crate) const RESTARTS: usize = 1;

pub(crate) fn script(text: &str) -> String {
    let endpoints = ADDRESSES.map(|address| format!("https://{address}:2379"));
    format!(
        "{PRELUDE}{}",
        text.replace("ENDPOINTS", &endpoints.join(","))
    )
}

fn act(machine: usize, text: &str, stdin: Secret, expect: &str) -> Act {
    Act {
        machine,
        command: script(text),
        stdin,
        expect: vec![expect.to_owned()],
        timeout: Duration::from_secs(30),
    }
}

/// From one state to the next, one machine after the other; each waits until all are healthy.
pub(crate) fn step(before: &State, after: &State) -> Vec<Act> {
    let mut acts = vec![healthy(0, &before.pairs[0].certificate)];
    for machine in 0..MACHINES {
        let pair = &after.pairs[machine];
        if before.ca != after.ca {
            let ca = Secret::new(after.ca.clone().into_bytes());
            acts.push(act(machine, NEW_CA, ca, ""));
        }
        if before.pairs[machine].certificate != pair.certificate {
            acts.push(new_pair(machine, pair));
        }
        acts.push(healthy(machine, &pair.certificate));
    }
    acts
}

/// The machine takes that pair at the next handshake.
pub(crate) fn new_pair(machine: usize, pair: &Minted) -> Act {
    act(machine, NEW_PAIR, both(pair), "")
}

/// etcd is only told to start again: without peers it never would be ready.
pub(crate) fn restarted_without_waiting(machine: usize) -> Act {
    let text = "# restarts\nsystemctl restart --no-block etcd.service";
    act(machine, text, Secret::new(Vec::new()), "")
}

/// The machine's member says that it does not know who signed the first one's certificate; some
/// of etcd's lines name a peer by its address, others by its member ID.
pub(crate) fn distrusts_the_first(machine: usize) -> Act {
    let text = "# distrusts the first\n\
                line='(10.240.0.10|f98dc20bce6225a0).*unknown authority'\n\
                until journalctl --quiet --unit etcd.service --grep \"$line\"; do :; done";
    act(machine, text, Secret::new(Vec::new()), "unknown authority")
}

/// All are healthy, and this one shows that certificate.
pub(crate) fn healthy(machine: usize, certificate: &str) -> Act {
    act(machine, HEALTHY, Secret::new(Vec::new()), certificate)
}

/// The machine's member takes a client with that pair.
pub(crate) fn accepted(machine: usize, pair: &Minted) -> Act {
    act(
        machine,
        &format!("{ACCEPTED}{ASK}ask"),
        both(pair),
        "is healthy",
    )
}

/// It refuses one, with a TLS alert: `bad certificate`, or `unknown ca` from newer Go.
pub(crate) fn refused(machine: usize, pair: &Minted) -> Act {
    let text = format!("{REFUSED}{ASK}{REFUSED_BY_TLS}");
    act(machine, &text, both(pair), " alert ")
}

fn both(pair: &Minted) -> Secret {
    Secret::new([pair.certificate.as_bytes(), pair.key.expose()].concat())
}

/// A client on every machine, which asks whichever member answers.
pub(crate) fn clients() -> Vec<Background> {
    let client = |machine| Background {
        machine,
        command: script(WRITE),
    };
    (0..MACHINES).map(client).collect()
}

/// What is asked of every machine at the end: its own member's data, and what systemd did to it.
pub(crate) fn checks() -> Vec<Check> {
    let local = "own --endpoints https://127.0.0.1:2379 get w/ --prefix";
    // An end of its own accord, after which systemd starts it again.
    let restarts = "journalctl --quiet --no-pager --unit etcd.service | \
                    grep -c 'Scheduled restart' || true";
    let all_healthy = "own --endpoints ENDPOINTS endpoint health";
    [local, restarts, all_healthy]
        .map(|text| Check {
            command: script(text),
            expect: Vec::new(),
        })
        .into()
}
