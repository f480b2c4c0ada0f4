//! What a fault really does to a machine.

use crate::{alone, host, rehearse, stub};
use firstboot::bake::{ImageLayer, file_url};
use firstboot::cluster::Release;
use firstboot::machine::Layout;
use firstboot::rehearse::{Begin, Fault, Kind, Plan, Suite, Verdict};
use std::time::Duration;

/// Writes two files and syncs one of them, then waits; on the next boot, tells what is there.
const WRITES: &str = "
    if [ -e /root/synced ]; then
      mkdir -p /run/firstboot
      echo '{\"state\":\"healthy\",\"memberId\":\"1\",\"clusterId\":\"2\"}' \
        >/run/firstboot/status.json
      [ -e /root/unsynced ] && echo 'firstboot: failed: kept' ||
        echo 'firstboot: healthy: controller-0 1 in cluster 2'
    else
      echo whole >/root/synced; sync
      echo lost >/root/unsynced
      echo 'firstboot: [1/6] files: written'
      sleep 600
    fi";

fn fault(kind: Kind, begins: Begin, lasts: Duration) -> Fault {
    Fault {
        name: "fault".into(),
        wish: 0,
        kind,
        machine: Some(0),
        begins,
        lasts,
    }
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn a_power_cut_loses_what_was_not_synced_and_nothing_else() {
    let _alone = alone();
    let at_once = Begin::AfterStage(1, Duration::ZERO);
    let mut plan = Plan {
        faults: vec![fault(Kind::PowerCut, at_once, Duration::from_millis(50))],
        ..stub::plan_of_scripts(&["true"])
    };
    plan.machines[0].user_data = stub::on_every_boot(WRITES);
    plan.machines[0].checks = vec![stub::check("cat /root/synced", &["whole".into()])];
    let outcome = rehearse(&host(), plan);
    assert!(outcome.passed(), "{outcome:#?}");
    let [cut] = &outcome.faults[..] else {
        panic!("{outcome:#?}")
    };
    assert!(cut.begun < cut.gone && cut.gone < cut.healthy, "{cut:?}");
}

/// It would be no proof of anything.
#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn a_fault_that_never_came_has_not_passed() {
    let _alone = alone();
    let never = Begin::AfterStage(5, Duration::ZERO);
    let healthy = WRITES.replace("-e /root/synced", "1");
    let mut plan = Plan {
        faults: vec![fault(Kind::NoDns, never, Duration::from_secs(1))],
        ..stub::plan_of_scripts(&["true"])
    };
    plan.machines[0].user_data = stub::on_every_boot(&healthy);
    let outcome = rehearse(&host(), plan);
    let verdict = &outcome.machines[0].verdict;
    assert!(matches!(verdict, Verdict::Healthy { .. }), "{outcome:#?}");
    assert_eq!(outcome.faults[0].begun, None);
    assert!(!outcome.passed());
}

/// Leaves what an early power cut leaves of cloud-init 22.4's own file; its next boot is healthy.
const EMPTIES: &str = "
    if [ -e /root/emptied ]; then
      mkdir -p /run/firstboot
      echo '{\"state\":\"healthy\",\"memberId\":\"1\",\"clusterId\":\"2\"}' \
        >/run/firstboot/status.json
      echo 'firstboot: healthy: controller-0 1 in cluster 2'
    else
      : >/var/lib/cloud/data/set-hostname
      touch /root/emptied; sync
      echo 'firstboot: [1/6] files: written'
      sleep 600
    fi";

/// The image layer mends what user-data comes too late for; without it, the bug is really there.
#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn a_baked_image_outlives_an_empty_set_hostname() {
    let _alone = alone();
    let host = host();
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    let layer = ImageLayer::of(
        &Release {
            version: release.version,
            tarballs: vec![(release.arch, release.digest)],
            urls: vec![file_url(release.tarball.parent().unwrap())],
        },
        Layout::default(),
    );
    let baked = host.baked_image(Suite::Bookworm, &layer, &mut |_| {});
    let other = host.image(Suite::Bookworm, &mut |_| {}).unwrap();
    for (image, heals) in [(other, false), (baked.unwrap(), true)] {
        let at_once = Begin::AfterStage(1, Duration::ZERO);
        let mut plan = Plan {
            faults: vec![fault(Kind::PowerCut, at_once, Duration::from_millis(50))],
            timeout: Duration::from_secs(if heals { 120 } else { 20 }),
            ..stub::plan_of_scripts(&["true"])
        };
        plan.machines[0].user_data = stub::on_every_boot(EMPTIES);
        let outcome = host.rehearse_from(image, plan, &mut |_| {}).unwrap();
        assert!(outcome.faults[0].gone.is_some(), "{outcome:#?}");
        assert_eq!(outcome.passed(), heals, "{outcome:#?}");
    }
}
