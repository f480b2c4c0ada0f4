//! Machines that keep the contract of first boot without being rendered by this crate: a real
//! etcd with real TLS, fetched from the release's host, in the smallest script that does it.

use firstboot::rehearse::{Check, Machine, Plan, StandIn, Suite};
use firstboot::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use std::net::IpAddr;
use std::time::Duration;

const TOKEN: &str = "stub";

const ETCD_SERVICE: &str = "\
[Service]
Type=notify
EnvironmentFile=/etc/etcd/etcd.env
ExecStart=/usr/local/bin/etcd
TimeoutStartSec=infinity
";

const FIRSTBOOT_SERVICE: &str = "\
[Unit]
Description=firstboot: a stub
[Service]
Type=oneshot
ExecStart=/bin/sh /root/bootstrap
StandardOutput=journal+console
[Install]
WantedBy=multi-user.target
";

/// What differs between machines comes from `member.env`.
const BOOTSTRAP: &str = r#"
set -eu
. /root/member.env
status() { mkdir -p /run/firstboot; printf '{"state":"%s","memberId":"%s","clusterId":"%s"}' "$1" "$ID" "$CLUSTER" > /run/firstboot/new; mv /run/firstboot/new /run/firstboot/status.json; }
echo "firstboot: [1/6] files: all there"
ip -o address show | grep -q "$ADDRESS/"
echo "firstboot: [2/6] address: $ADDRESS"
echo "firstboot: [3/6] clock: fine"
curl --silent --show-error --fail --output /root/etcd.tar.gz "$URL"
echo "$SHA256  /root/etcd.tar.gz" | sha256sum --check --quiet
tar -xzf /root/etcd.tar.gz -C /usr/local/bin --strip-components=1 --no-same-owner
echo "firstboot: [4/6] etcd: $VERSION"
echo "firstboot: [5/6] start: waiting: quorum"
systemctl start etcd.service
echo "firstboot: [5/6] start: running"
echo "firstboot: [6/6] member: $NAME"
status healthy
echo "firstboot: healthy: $NAME $ID in cluster $CLUSTER"
"#;

/// The lab's own verification line.
pub(crate) const MEMBER_LIST: &str = "ETCDCTL_API=3 etcdctl member list \
    --endpoints=https://127.0.0.1:2379 --cacert=/etc/etcd/ca.pem \
    --cert=/etc/etcd/kubernetes.pem --key=/etc/etcd/kubernetes-key.pem";

/// What the release's host answers for something that it does not have.
const STATUS_OF_OTHER: &str =
    "curl --silent --output /dev/null --write-out '%{http_code}' https://github.com/other";

/// A plan for one controller per address, on the suite that the stand-in was built for.
pub(crate) fn plan(addresses: &[&str], release: &StandIn) -> Plan {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let cluster = Cluster::of(&addresses);
    let machines = (0..addresses.len()).map(|index| cluster.machine(index, release));
    let ids: Vec<_> = cluster.members.iter().map(|member| hex(*member)).collect();
    Plan {
        cluster: TOKEN.to_owned(),
        suite: release.suite,
        tarball: release.tarball.clone(),
        tarball_name: tarball_name(release),
        hosts: vec!["github.com".into(), "storage.googleapis.com".into()],
        media: Vec::new(),
        data_disk: None,
        machines: machines
            .map(|machine| Machine {
                checks: vec![
                    check(&format!("sudo {MEMBER_LIST}"), &ids),
                    check(MEMBER_LIST, &ids),
                    check("cloud-init status --wait", &["status: done".to_owned()]),
                    check(STATUS_OF_OTHER, &["404".to_owned()]),
                ],
                ..machine
            })
            .collect(),
        timeout: Duration::from_secs(90),
        acts: Vec::new(),
        background: Vec::new(),
        journal: true,
        faults: Vec::new(),
        client: None,
    }
}

/// One machine per script, which runs it as its first boot and does nothing else.
pub(crate) fn plan_of_scripts(scripts: &[&str]) -> Plan {
    let machine = |(index, script): (usize, &&str)| Machine {
        name: name(index),
        address: [10, 240, 0, u8::try_from(index + 10).unwrap()].into(),
        member_id: Some("1".into()),
        cluster_id: "2".into(),
        user_data: cloud_config(&json!({"runcmd": [["sh", "-c", script]]})),
        meta_data: meta_data(&name(index)),
        checks: Vec::new(),
    };
    Plan {
        cluster: TOKEN.to_owned(),
        suite: Suite::Bookworm,
        tarball: "/dev/null".into(),
        tarball_name: "none".into(),
        hosts: vec!["github.com".into()],
        media: Vec::new(),
        data_disk: None,
        machines: scripts.iter().enumerate().map(machine).collect(),
        timeout: Duration::from_mins(1),
        acts: Vec::new(),
        background: Vec::new(),
        journal: false,
        faults: Vec::new(),
        client: None,
    }
}

/// User-data that runs a script early in every boot.
pub(crate) fn on_every_boot(script: &str) -> Secret {
    cloud_config(&json!({"bootcmd": [["sh", "-c", script]]}))
}

pub(crate) fn check(command: &str, expect: &[String]) -> Check {
    Check {
        command: command.to_owned(),
        expect: expect.to_vec(),
    }
}

struct Cluster {
    addresses: Vec<IpAddr>,
    members: Vec<u64>,
    id: u64,
    authority: String,
    certificate: String,
    key: String,
}

impl Cluster {
    fn of(addresses: &[IpAddr]) -> Self {
        let peer = |address: &IpAddr| format!("https://{}:2380", bracketed(*address));
        let members: Vec<u64> = addresses
            .iter()
            .map(|address| first_eight(format!("{}{TOKEN}", peer(address)).as_bytes()))
            .collect();
        let mut sorted = members.clone();
        sorted.sort_unstable();
        let all: Vec<u8> = sorted
            .iter()
            .flat_map(|member| member.to_be_bytes())
            .collect();
        let (authority, certificate, key) = certificates(addresses);
        let addresses = addresses.to_vec();
        Self {
            addresses,
            members,
            id: first_eight(&all),
            authority,
            certificate,
            key,
        }
    }

    fn machine(&self, index: usize, release: &StandIn) -> Machine {
        let name = name(index);
        let address = self.addresses[index];
        let (member_id, cluster_id) = (hex(self.members[index]), hex(self.id));
        let member_env = format!(
            "NAME={name}\nADDRESS={address}\nID={member_id}\nCLUSTER={cluster_id}\n\
             VERSION={version}\nSHA256={digest}\n\
             URL=https://github.com/etcd-io/etcd/releases/download/v{version}/{tarball}\n",
            version = release.version,
            digest = release.digest,
            tarball = tarball_name(release),
        );
        let config = json!({
            "write_files": [
                file("/etc/etcd/ca.pem", &self.authority),
                file("/etc/etcd/kubernetes.pem", &self.certificate),
                file("/etc/etcd/kubernetes-key.pem", &self.key),
                file("/etc/etcd/etcd.env", &self.etcd_env(index)),
                file("/etc/systemd/system/etcd.service", ETCD_SERVICE),
                file("/etc/systemd/system/firstboot.service", FIRSTBOOT_SERVICE),
                file("/root/member.env", &member_env),
                file("/root/bootstrap", BOOTSTRAP),
            ],
            "runcmd": [[
                "sh", "-c", "systemctl daemon-reload && systemctl enable --now firstboot.service"
            ]],
        });
        let user_data = cloud_config(&config);
        let meta_data = meta_data(&name);
        Machine {
            name,
            address,
            member_id: Some(member_id),
            cluster_id,
            user_data,
            meta_data,
            checks: Vec::new(),
        }
    }

    fn etcd_env(&self, index: usize) -> String {
        let host = bracketed(self.addresses[index]);
        let peers = self.addresses.iter().enumerate();
        let peers: Vec<_> = peers
            .map(|(peer, address)| format!("{}=https://{}:2380", name(peer), bracketed(*address)))
            .collect();
        let (ca, cert, key) = (
            "/etc/etcd/ca.pem",
            "/etc/etcd/kubernetes.pem",
            "/etc/etcd/kubernetes-key.pem",
        );
        format!(
            "ETCD_NAME={}\nETCD_DATA_DIR=/var/lib/etcd\n\
             ETCD_LISTEN_PEER_URLS=https://{host}:2380\n\
             ETCD_INITIAL_ADVERTISE_PEER_URLS=https://{host}:2380\n\
             ETCD_LISTEN_CLIENT_URLS=https://{host}:2379,https://127.0.0.1:2379\n\
             ETCD_ADVERTISE_CLIENT_URLS=https://{host}:2379\n\
             ETCD_INITIAL_CLUSTER={}\nETCD_INITIAL_CLUSTER_TOKEN={TOKEN}\n\
             ETCD_CERT_FILE={cert}\nETCD_KEY_FILE={key}\nETCD_TRUSTED_CA_FILE={ca}\n\
             ETCD_CLIENT_CERT_AUTH=true\nETCD_PEER_CERT_FILE={cert}\nETCD_PEER_KEY_FILE={key}\n\
             ETCD_PEER_TRUSTED_CA_FILE={ca}\nETCD_PEER_CLIENT_CERT_AUTH=true\n",
            name(index),
            peers.join(","),
        )
    }
}

fn certificates(addresses: &[IpAddr]) -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut names: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    names.extend([
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        "localhost".to_owned(),
    ]);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

fn cloud_config(config: &Value) -> Secret {
    Secret::new(format!("#cloud-config\n{config}\n").into_bytes())
}

fn meta_data(name: &str) -> String {
    format!("instance-id: stub-{name}\nlocal-hostname: {name}\n")
}

fn file(path: &str, content: &str) -> Value {
    json!({"path": path, "permissions": "0600", "content": content})
}

fn name(index: usize) -> String {
    format!("controller-{index}")
}

fn bracketed(address: IpAddr) -> String {
    if address.is_ipv6() {
        format!("[{address}]")
    } else {
        address.to_string()
    }
}

fn tarball_name(release: &StandIn) -> String {
    firstboot::release::tarball_name(&release.version, release.arch)
}

fn first_eight(bytes: &[u8]) -> u64 {
    let digest = Sha1::digest(bytes);
    u64::from_be_bytes(digest[..8].try_into().unwrap())
}

fn hex(id: u64) -> String {
    format!("{id:x}")
}
