//! `gcloud compute instances create`, the real one, against a stand-in of Compute Engine.

use super::arrives;
use super::stage::{Stage, rendered, said};
use crate::lab::{Keys, Lab};
use crate::reader::Held;
use firstboot::machine::{Layout, machines};
use firstboot::wire::startup_script;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

const PORT: &str = "8080";

fn stage() -> Stage {
    let mut stage = Stage::new();
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/real/clients/compute_engine.py"
    );
    let mut server = stage.command("python3");
    server.args([program, PORT]).arg(stage.path());
    stage.serve(&mut server);
    stage
}

/// Runs `launch` exactly as it was rendered; only gcloud's own variables are set.
fn launch(stage: &Stage, directory: &Path) -> Output {
    let endpoint = format!("http://127.0.0.1:{PORT}/compute/v1/");
    stage
        .command("sh")
        .arg(directory.join("launch"))
        .env("CLOUDSDK_CONFIG", stage.path().join("gcloud"))
        .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", endpoint)
        .env("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true")
        .env("CLOUDSDK_CORE_PROJECT", "lab")
        .env("CLOUDSDK_COMPUTE_ZONE", "us-central1-a")
        .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "true")
        .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true")
        .env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true")
        .env("SUBNET", "kubernetes")
        .output()
        .unwrap()
}

/// The bodies of all `instances.insert`.
fn inserted(stage: &Stage) -> Vec<Value> {
    let requests = stage.requests().into_iter();
    let inserts = requests.filter(|request| request["method"] == "POST");
    let inserts = inserts.filter(|request| {
        let path = request["path"].as_str().unwrap();
        path == "/compute/v1/projects/lab/zones/us-central1-a/instances"
    });
    inserts.map(|request| request["body"].clone()).collect()
}

fn metadata(instance: &Value) -> BTreeMap<String, String> {
    let items = instance["metadata"]["items"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items
        .iter()
        .map(|item| (text(&item["key"]), text(&item["value"])))
        .collect()
}

/// Names, addresses and the place of each instance, and the file in its metadata byte for byte.
fn check_instances(instances: &[Value], directory: &Path, key: &str) {
    assert_eq!(instances.len(), 2);
    for (index, instance) in instances.iter().enumerate() {
        let name = format!("controller-{index}");
        assert_eq!(instance["name"], name.as_str());
        let interfaces = instance["networkInterfaces"].as_array().unwrap();
        assert_eq!(interfaces.len(), 1);
        assert_eq!(interfaces[0]["networkIP"], format!("10.240.0.1{index}"));
        let subnet = interfaces[0]["subnetwork"].as_str().unwrap();
        assert!(subnet.ends_with("/projects/lab/regions/us-central1/subnetworks/kubernetes"));
        let file = fs::read_to_string(directory.join(&name).join(key)).unwrap();
        assert_eq!(metadata(instance)[key], file, "{name}: another {key}");
    }
}

fn held(instances: &[Value]) -> Vec<Held> {
    let held = instances.iter().map(|instance| {
        let mut companions = metadata(instance);
        let bytes = companions.remove("user-data").unwrap().into_bytes();
        Held {
            name: instance["name"].as_str().unwrap().to_owned(),
            datasource: "GCE",
            bytes,
            companions,
        }
    });
    held.collect()
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn gcloud_sends_plain_user_data() {
    let lab = Lab::plain(Keys::Ec);
    let directory = rendered(&lab, 2, &[]);
    let stage = stage();
    let output = launch(&stage, &directory);
    assert!(output.status.success(), "{}", said(&output));
    let instances = inserted(&stage);
    check_instances(&instances, &directory, "user-data");
    assert!(!metadata(&instances[0]).contains_key("user-data-encoding"));
    arrives(&lab, &held(&instances));
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn gcloud_sends_compressed_user_data_and_its_companion() {
    let lab = Lab::plain(Keys::Ec);
    let directory = rendered(&lab, 2, &["--compress", "always"]);
    let stage = stage();
    let output = launch(&stage, &directory);
    assert!(output.status.success(), "{}", said(&output));
    let instances = inserted(&stage);
    check_instances(&instances, &directory, "user-data");
    for instance in &instances {
        assert_eq!(metadata(instance)["user-data-encoding"], "base64");
    }
    arrives(&lab, &held(&instances));
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn gcloud_goes_on_where_the_api_had_refused() {
    let lab = Lab::plain(Keys::Ec);
    let directory = rendered(&lab, 2, &[]);
    let stage = stage();
    stage.refuse("controller-1");
    let output = launch(&stage, &directory);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("Quota 'CPUS' exceeded"),
        "{}",
        said(&output)
    );
    assert_eq!(inserted(&stage).len(), 2);

    stage.refuse("");
    let output = launch(&stage, &directory);
    assert!(output.status.success(), "{}", said(&output));
    let mut instances = inserted(&stage);
    assert_eq!(instances.len(), 3, "the first controller was sent twice");
    instances.remove(1);
    check_instances(&instances, &directory, "user-data");

    let output = launch(&stage, &directory);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(inserted(&stage).len(), 3, "both were there");
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn gcloud_sends_a_startup_script_to_images_without_cloud_init() {
    let lab = Lab::minted(Keys::Ec, "replace: never\nimage: { family: debian }\n");
    let directory = rendered(&lab, 2, &[]);
    let stage = stage();
    let output = launch(&stage, &directory);
    assert!(output.status.success(), "{}", said(&output));
    let instances = inserted(&stage);
    check_instances(&instances, &directory, "startup-script");
    let cluster = lab.cluster(2);
    for (instance, machine) in instances.iter().zip(machines(&cluster, Layout::default())) {
        let metadata = metadata(instance);
        assert_eq!(
            metadata.len(),
            1,
            "more than a script: {:?}",
            metadata.keys()
        );
        let script = startup_script::render(&machine).unwrap();
        assert_eq!(metadata["startup-script"].as_bytes(), script.expose());
        let image = &instance["disks"][0]["initializeParams"]["sourceImage"];
        assert!(
            image.as_str().unwrap().contains("/debian-cloud/"),
            "{image}"
        );
    }
}
