//! What one render of the lab is made of.

use crate::desk::{Desk, now};
use crate::rows;
use firstboot::machine::{Layout, machines};
use firstboot::manifest::{self, Manifest};
use firstboot::output::{OutputFile, Owner, write_tree};
use firstboot::platform::{Compress, Document, Platform, deliver};
use firstboot::wire::cloud_config;
use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

const RUNS: usize = 200;

pub(crate) fn table(desk: &Desk) -> String {
    let (text, manifest) = (desk.text(), desk.manifest());
    let files = desk.files(&manifest);
    let cluster = desk.cluster();
    let machines_of = || machines(&cluster, Layout::default());
    let machines = machines_of();
    let render = || -> Vec<_> {
        let texts = machines
            .iter()
            .map(|machine| cloud_config::render(machine, None));
        texts.map(Result::unwrap).collect()
    };
    let texts = render();
    let pack = |compress| -> Vec<OutputFile> {
        let platform = Platform::named("aws").unwrap();
        let both = machines.iter().zip(&texts);
        let packed = both.flat_map(|(machine, text)| {
            let documents = [(Document::CloudConfig, text.clone())];
            deliver(platform, machine, &documents, compress)
                .unwrap()
                .files
        });
        packed.collect()
    };
    let packed = pack(Compress::Auto);
    let out = desk.path("parts");
    let line =
        |name: &str, time: Duration| vec![name.to_owned(), format!("{:.0} µs", micros(time))];
    let cells = [
        line(
            "read: the manifest's text",
            least(RUNS, || Manifest::parse("lab.yaml", &text).unwrap()),
        ),
        line("read: the PEM files", least(RUNS, || desk.files(&manifest))),
        line(
            "audit and resolve",
            least(RUNS, || manifest::resolve(&manifest, &files, None, now())),
        ),
        line("render: the machines' files", least(RUNS, machines_of)),
        line("render: cloud-config, read back", least(RUNS, render)),
        line("encode: plain text", least(RUNS, || pack(Compress::Auto))),
        line(
            "encode: gzip by zopfli, only where it is needed",
            least(5, || pack(Compress::Always)),
        ),
        line(
            "write: new, synced",
            least(20, || {
                let _ = fs::remove_dir_all(&out);
                write_tree(&out, "lab", &packed, |_| Owner::Writer).unwrap()
            }),
        ),
        line(
            "write: unchanged",
            least(RUNS, || {
                write_tree(&out, "lab", &packed, |_| Owner::Writer).unwrap()
            }),
        ),
    ];
    rows(
        "The parts of one render of the lab, both machines, at best",
        &["part", "time"],
        &cells,
    )
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The least of many runs is what the computer's other work spares.
fn least<T>(runs: usize, work: impl Fn() -> T) -> Duration {
    let times = (0..runs).map(|_| {
        let begin = Instant::now();
        black_box(work());
        begin.elapsed()
    });
    times.min().unwrap()
}
