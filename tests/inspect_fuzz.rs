//! Damaged samples: whatever is in the input, `inspect` comes back, soon and without a panic.
//!
//! A few hundred inputs in every run of the tests; `FIRSTBOOT_FUZZ_INPUTS=100000
//! FIRSTBOOT_FUZZ_SEED=7 cargo test --test inspect_fuzz -- --nocapture` for more. An input that
//! did harm is kept in the directory for temporary files, and named.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;

use base64::Engine as _;
use firstboot::inspect::inspect;
use firstboot::wire::decode::decode;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What the process may come to in memory, in kB.
const MOST_MEMORY: u64 = 1 << 20;

/// Words that lead somewhere.
const WORDS: [&str; 40] = [
    "#cloud-config\n",
    "#cloud-config-archive\n",
    "## template: jinja\n",
    "#!",
    "#include\n",
    "#cloud-boothook\n",
    "MIME-Version: 1.0\n",
    "Content-Type: multipart/mixed; boundary=",
    "Content-Transfer-Encoding: base64\n",
    "\n--===============8045983==\n",
    "\n--===============8045983==--\n",
    "write_files:\n- path: /a\n  content: ",
    "encoding: gz+b64\n",
    "permissions: 600\n",
    "!!binary ",
    "&a ",
    "*a",
    "<<: ",
    "[[",
    "{{",
    "- ",
    ": ",
    "|\n",
    "<<'E'\n",
    "\nE\n",
    " > /a",
    " | base64 -d ",
    "\u{feff}",
    "\r\n",
    "\0",
    "\u{2028}",
    "é",
    "-----BEGIN CERTIFICATE-----\n",
    "-----BEGIN EC PRIVATE KEY-----\n",
    "\"ignition\":",
    "data:;base64,",
    "\"metadata\":{\"items\":[",
    "\\u0000",
    "delivery ",
    "99999999999999999999",
];

/// xorshift64: what it brings is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

fn damage(bytes: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.roll(bytes.len() + 1);
    let end = (at + dice.roll(64)).min(bytes.len());
    match dice.roll(8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
        1 if at < bytes.len() => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let piece = bytes[at..end].to_vec();
            let count = 1 + dice.roll(20);
            bytes.splice(at..at, piece.repeat(count));
        }
        5 => {
            let other = &others[dice.roll(others.len())];
            let from = dice.roll(other.len() + 1);
            let to = (from + dice.roll(400)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let word = WORDS[dice.roll(WORDS.len())];
            bytes.splice(at..at, word.bytes());
        }
    }
}

fn wrap(bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    match dice.roll(8) {
        0 => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(&bytes).unwrap();
            packer.finish().unwrap()
        }
        1 => base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into_bytes(),
        2 => {
            let value = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!("{{\"UserData\":{{\"Value\":\"{value}\"}}}}").into_bytes()
        }
        _ => bytes,
    }
}

fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn number(name: &str, usual: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(usual, |value| value.parse().unwrap())
}

#[test]
fn no_damage_makes_it_panic_or_hang() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspect");
    let mut samples: Vec<Vec<u8>> = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "data")
        {
            let bytes = fs::read(&path).unwrap();
            // What is within is damaged, too: a checksum would keep damage out.
            for part in decode("sample", &bytes).all() {
                samples.push(part.text.expose().to_vec());
            }
            samples.push(bytes);
        }
    }
    samples.sort();
    samples.dedup();
    assert!(samples.len() >= 80, "{}", samples.len());
    let mut dice = Dice(number("FIRSTBOOT_FUZZ_SEED", 0x5eed_f1f7) | 1);
    let inputs = number("FIRSTBOOT_FUZZ_INPUTS", 800);
    let mut harm = Vec::new();
    for number in 0..inputs {
        let mut bytes = samples[dice.roll(samples.len())].clone();
        for _ in 0..=dice.roll(6) {
            damage(&mut bytes, &samples, &mut dice);
        }
        bytes.truncate(256 << 10);
        let bytes = wrap(bytes, &mut dice);
        // Kept before it is looked at: then it is there whatever happens.
        let path = std::env::temp_dir().join(format!("inspect-harm-{}", std::process::id()));
        fs::write(&path, &bytes).unwrap();
        let seen = hang::work(&path.display().to_string(), move || {
            catch_unwind(AssertUnwindSafe(|| {
                let seen = inspect("sample", &bytes, 1_800_000_000);
                let told = seen.judgements_to_text(false).len();
                if number.is_multiple_of(200) {
                    let _ = told + seen.to_text().len() + seen.to_json().len();
                }
            }))
            .is_ok()
        });
        if seen {
            fs::remove_file(&path).unwrap();
        } else {
            let kept = path.with_extension(number.to_string());
            fs::rename(&path, &kept).unwrap();
            harm.push(kept);
        }
    }
    let memory = peak_memory();
    #[expect(
        clippy::print_stderr,
        reason = "the figures are what a long run is for"
    )]
    {
        eprintln!("{inputs} inputs, {memory} kB at most");
    }
    assert_eq!(harm, Vec::<PathBuf>::new(), "of {inputs} inputs");
    assert!(memory < MOST_MEMORY, "{memory} kB");
}
