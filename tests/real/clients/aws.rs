//! `aws ec2 run-instances`, the real one, against an emulator of EC2.
//!
//! `FIRSTBOOT_TEST_AWS` is a directory with `aws` and `moto_server`, which `tests/run` makes.

use super::arrives;
use super::stage::{Stage, rendered, said};
use crate::lab::{Keys, Lab};
use crate::reader::Held;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EMULATOR: &str = "5000";
const GATE: &str = "5001";

/// A subnet for the lab's addresses, and an image, as the emulator names them.
struct Ec2 {
    stage: Stage,
    subnet: String,
    image: String,
}

fn programs() -> PathBuf {
    let dir = env::var_os("FIRSTBOOT_TEST_AWS");
    PathBuf::from(dir.expect("FIRSTBOOT_TEST_AWS names no directory: run `make test`"))
}

impl Ec2 {
    fn new() -> Self {
        let mut stage = Stage::new();
        let mut emulator = stage.command(programs().join("moto_server"));
        stage.start(emulator.args(["-H", "127.0.0.1", "-p", EMULATOR]));
        let program = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/real/clients/ec2_gate.py"
        );
        let mut gate = stage.command("python3");
        gate.args([program, GATE, EMULATOR]).arg(stage.path());
        stage.serve(&mut gate);
        let mut ec2 = Self {
            stage,
            subnet: String::new(),
            image: String::new(),
        };
        let vpc = ec2.ask("create-vpc --cidr-block 10.240.0.0/16 --query Vpc.VpcId");
        let subnet = format!(
            "create-subnet --vpc-id {vpc} --cidr-block 10.240.0.0/24 --query Subnet.SubnetId"
        );
        ec2.subnet = ec2.ask(&subnet);
        ec2.image = ec2.ask("describe-images --query Images[0].ImageId");
        ec2
    }

    /// What `aws ec2 …` answers, as text.
    fn ask(&self, words: &str) -> String {
        let mut aws = self.client(programs().join("aws"));
        let output = aws
            .args(["ec2", "--output", "text"])
            .args(words.split(' '))
            .output()
            .unwrap();
        assert!(output.status.success(), "{words}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.stage.command(program);
        let path = env::var_os("PATH").unwrap_or_default();
        let mut dirs = vec![programs()];
        dirs.extend(env::split_paths(&path));
        command
            .env("PATH", env::join_paths(dirs).unwrap())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{GATE}"))
            .env("AWS_CONFIG_FILE", self.stage.path().join("config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.stage.path().join("none"),
            )
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nothing")
            .env("AWS_DEFAULT_REGION", "us-east-1");
        command
    }

    /// Runs `launch` exactly as it was rendered; only the client's own variables are set, and
    /// those that `launch` asks for.
    fn launch(&self, directory: &Path) -> Output {
        self.client("sh")
            .arg(directory.join("launch"))
            .env("SUBNET", &self.subnet)
            .env("IMAGE", &self.image)
            .output()
            .unwrap()
    }

    /// The parameters of all `RunInstances` that were sent.
    fn runs(&self) -> Vec<Value> {
        let requests = self.stage.requests().into_iter();
        requests
            .filter(|request| request["Action"] == "RunInstances")
            .collect()
    }

    /// What the instance with that address would find at its metadata service.
    fn user_data(&self, address: &str) -> Vec<u8> {
        let instance = self.ask(&format!(
            "describe-instances --filters Name=private-ip-address,Values={address} \
             --query Reservations[].Instances[].InstanceId"
        ));
        let value = self.ask(&format!(
            "describe-instance-attribute --attribute userData --instance-id {instance} \
             --query UserData.Value"
        ));
        STANDARD.decode(value).unwrap()
    }
}

/// Names, addresses and the place of each instance, and its file byte for byte, both as it was
/// sent and as the emulator gives it back.
fn check_instances(ec2: &Ec2, directory: &Path) -> Vec<Held> {
    let runs = ec2.runs();
    assert_eq!(runs.len(), 2, "{runs:?}");
    let check = |(index, run): (usize, &Value)| {
        let name = format!("controller-{index}");
        let address = format!("10.240.0.1{index}");
        assert_eq!(run["PrivateIpAddress"], address.as_str(), "{run}");
        assert_eq!(run["SubnetId"], ec2.subnet.as_str());
        assert_eq!(run["ImageId"], ec2.image.as_str());
        assert_eq!(run["MinCount"], "1");
        assert_eq!(run["MaxCount"], "1");
        assert_eq!(run["MetadataOptions.HttpTokens"], "required");
        assert_eq!(run["TagSpecification.1.Tag.1.Key"], "Name");
        assert_eq!(run["TagSpecification.1.Tag.1.Value"], name.as_str());
        let file = fs::read(directory.join(&name).join("user-data")).unwrap();
        let sent = STANDARD.decode(run["UserData"].as_str().unwrap()).unwrap();
        assert_eq!(sent, file, "{name} was sent other user-data");
        let bytes = ec2.user_data(&address);
        assert_eq!(bytes, file, "{name} would read other user-data");
        Held {
            name,
            datasource: "Ec2",
            bytes,
            companions: [].into(),
        }
    };
    runs.iter().enumerate().map(check).collect()
}

const GZIP: [u8; 2] = [0x1f, 0x8b];

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn aws_sends_compressed_user_data() {
    let lab = Lab::plain(Keys::Rsa2048);
    let directory = rendered(&lab, 2, &["--platform", "aws", "--compress", "always"]);
    let ec2 = Ec2::new();
    let output = ec2.launch(&directory);
    assert!(output.status.success(), "{}", said(&output));
    let held = check_instances(&ec2, &directory);
    assert!(held[0].bytes.starts_with(&GZIP));
    arrives(&lab, &held);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn aws_sends_plain_user_data() {
    let lab = Lab::plain(Keys::Ec);
    let directory = rendered(&lab, 2, &["--platform", "aws", "--compress", "never"]);
    let ec2 = Ec2::new();
    let output = ec2.launch(&directory);
    assert!(output.status.success(), "{}", said(&output));
    let held = check_instances(&ec2, &directory);
    assert!(held[0].bytes.starts_with(b"#cloud-config\n"));
    arrives(&lab, &held);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn aws_goes_on_where_the_api_had_refused() {
    let lab = Lab::plain(Keys::Ec);
    let directory = rendered(&lab, 2, &["--platform", "aws"]);
    let ec2 = Ec2::new();
    ec2.stage.refuse("10.240.0.11");
    let output = ec2.launch(&directory);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("InsufficientInstanceCapacity"));
    assert_eq!(ec2.runs().len(), 2);

    ec2.stage.refuse("");
    let output = ec2.launch(&directory);
    assert!(output.status.success(), "{}", said(&output));
    let runs = ec2.runs();
    assert_eq!(runs.len(), 3, "the first controller was sent twice");
    assert_eq!(runs[2]["PrivateIpAddress"], "10.240.0.11");

    let output = ec2.launch(&directory);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(ec2.runs().len(), 3, "both were there");
}

/// So that what fits here fits there: the emulator itself would take any size.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn aws_refuses_here_what_ec2_refuses() {
    let lab = Lab::plain(Keys::Rsa2048);
    let directory = rendered(&lab, 1, &["--platform", "aws"]);
    let ec2 = Ec2::new();
    fs::write(directory.join("controller-0/user-data"), vec![b'#'; 16_385]).unwrap();
    let output = ec2.launch(&directory);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("limited to 16384 bytes"),
        "{}",
        said(&output)
    );
}
