//! Compressed user-data boots as plain text does.

use crate::rotate::cluster::{Pairs, Pki};
use crate::rotate::failures;
use firstboot::wire::{cloud_config, encoding};

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn compressed_user_data_boots_to_a_quorum() {
    let host = crate::image::host();
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    let pki = Pki::make("3.4.27", Pairs::Shared);
    let mut plan = pki.plan_with(&release, Vec::new(), |machine| {
        let document = cloud_config::render(machine, None).unwrap();
        encoding::gzip(&document).unwrap()
    });
    plan.background.clear();
    for machine in &mut plan.machines {
        machine.checks.clear();
        assert!(machine.user_data.expose().starts_with(&[0x1f, 0x8b]));
    }
    let outcome = host.rehearse(plan, &mut |_| {}).unwrap();
    assert!(outcome.passed(), "{:#?}", failures(&outcome));
}
