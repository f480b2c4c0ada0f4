//! The clouds' own clients run `launch` as it was rendered, and what the API then holds is read
//! by that cloud's own datasource, in every version of cloud-init.
//!
//! `tests/run` leaves out the tests of a client that cannot be installed, and says so.

mod aws;
mod gcloud;
mod stage;

use crate::lab::Lab;
use crate::reader::{self, Held, Made, VERSIONS};
use firstboot::machine::{Layout, machines};
use firstboot::wire::cloud_config;

/// What the API holds of each controller, in their order, is that controller, whole.
fn arrives(lab: &Lab, held: &[Held]) {
    let cluster = lab.cluster(held.len());
    let machines = machines(&cluster, Layout::default());
    for (version, image) in VERSIONS {
        let made = reader::read(version, &image(), held);
        for (made, machine) in made.iter().zip(&machines) {
            let place = format!("{} in cloud-init {version}", machine.name);
            let Made::Read(made) = made else {
                panic!("{place} has no such datasource")
            };
            let document = cloud_config::render(machine, None).unwrap();
            reader::check(made, document.expose(), machine, &place);
        }
    }
}
