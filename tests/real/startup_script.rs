//! Machines that get a startup script and no cloud-config of ours boot, and boot again.

use crate::rotate::cluster::Pki;
use crate::rotate::{cluster, failures};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use firstboot::machine::Machine;
use firstboot::rehearse::{Act, Event};
use firstboot::secret::Secret;
use firstboot::wire::startup_script;
use std::time::Duration;

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_second_boot_changes_nothing_on_etcd_3_3() {
    boots_twice("3.3.9");
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_second_boot_changes_nothing_on_etcd_3_4() {
    boots_twice("3.4.27");
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_second_boot_changes_nothing_on_etcd_3_5() {
    boots_twice("3.5.21");
}

fn boots_twice(version: &str) {
    let host = crate::image::host();
    let release = host
        .stand_in(version.parse().unwrap(), &mut |_| {})
        .unwrap();
    let pki = Pki::make(version, cluster::Pairs::Shared);
    let mut plan = pki.plan_with(&release, acts(), image_with_guest_agent);
    plan.background.clear();
    for machine in &mut plan.machines {
        machine.checks.clear();
    }
    plan.acts[3].expect.push(format!(
        r#""memberId":"{}""#,
        plan.machines[0].member_id.as_ref().unwrap()
    ));
    let mut tell = |event: &Event| {
        if let Event::Console { machine, at, line } = event {
            println!("{at:7.2} {machine} {line}");
        }
    };
    let outcome = host.rehearse(plan, &mut tell).unwrap();
    assert!(outcome.passed(), "{:#?}", failures(&outcome));
    assert_eq!(outcome.acts.len(), acts().len());
}

/// The script as an image with the guest agent gets it. cloud-init only lays the agent and its
/// metadata down here, which such an image has from the beginning.
fn image_with_guest_agent(machine: &Machine) -> Secret {
    const UNIT: &str = "[Unit]\nAfter=network-online.target\n[Service]\nType=oneshot\n\
        ExecStart=/bin/bash /usr/sbin/guest-agent\n[Install]\nWantedBy=multi-user.target\n";
    let script = startup_script::render(machine).unwrap();
    let agent = include_str!("guest_agent.sh");
    let file = |path: &str, bytes: &[u8]| {
        let content = STANDARD.encode(bytes);
        format!("  - {{ path: {path}, permissions: '0600', encoding: b64, content: {content} }}\n")
    };
    let files = [
        file("/var/lib/metadata/startup-script", script.expose()),
        file("/usr/sbin/guest-agent", agent.as_bytes()),
        file("/etc/systemd/system/guest-agent.service", UNIT.as_bytes()),
    ];
    let text = format!(
        "#cloud-config\nwrite_files:\n{}runcmd:\n  \
         - [systemctl, enable, --now, --no-block, guest-agent.service]\n",
        files.concat()
    );
    Secret::new(text.into_bytes())
}

fn acts() -> Vec<Act> {
    /// All that the script and bootstrap wrote: where, which file, since when, whose, and what.
    const LIST: &str = "list() { find /etc/etcd /etc/firstboot /etc/systemd/system /etc/hostname \
        /usr/local/lib/firstboot /usr/local/bin -printf '%p %i %T@ %m %u %g\\n' | sort; \
        find /etc/etcd /etc/firstboot /etc/systemd/system /etc/hostname /usr/local/lib/firstboot \
        /usr/local/bin -type f -exec sha256sum {} + | sort; }";
    let act = |machine, command: &str, expect: &[&str]| Act {
        machine,
        command: command.to_owned(),
        stdin: Secret::new(Vec::new()),
        expect: expect.iter().map(|&text| text.to_owned()).collect(),
        timeout: Duration::from_mins(1),
    };
    vec![
        act(
            0,
            &format!(
                "# the machine is as planned, and a person changes a file by hand
                set -eu
                {LIST}
                until grep -q 'status 0' /var/log/startup-script; do sleep 0.1; done
                stat -c '%a %U' /etc/etcd/kubernetes-key.pem
                hostname
                echo '# changed here' >>/etc/etcd/ca.pem
                list >/var/before
                systemctl is-enabled firstboot.service"
            ),
            &["600 etcd\n", "controller-0\n", "enabled\n"],
        ),
        act(
            0,
            "# the machine boots again
            systemd-run --on-active=1 --timer-property=AccuracySec=10ms systemctl reboot",
            &[],
        ),
        act(
            1,
            "# the others see it go, and come back
            cd /etc/etcd
            healthy() {
              ETCDCTL_API=3 etcdctl --dial-timeout=500ms --command-timeout=500ms \
                --cacert ca.pem --cert kubernetes.pem --key kubernetes-key.pem \
                --endpoints https://10.240.0.10:2379 endpoint health
            }
            while healthy; do sleep 0.1; done >/dev/null
            until healthy; do sleep 0.1; done 2>/dev/null",
            &["is healthy"],
        ),
        act(
            0,
            &format!(
                "# the script has run again, and nothing is different
                {LIST}
                until [ \"$(grep -c 'status 0' /var/log/startup-script)\" = 2 ]; do sleep 0.1; done
                cat /run/firstboot/status.json
                list | diff /var/before - && echo nothing is different
                tail -n 1 /etc/etcd/ca.pem
                systemctl show -p NRestarts etcd.service
                journalctl -b -u firstboot.service -o cat | grep -c 'firstboot: healthy'"
            ),
            &[
                r#""state":"healthy""#,
                "\nnothing is different\n# changed here\nNRestarts=0\n1\n",
            ],
        ),
    ]
}
