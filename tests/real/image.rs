//! Commands inside a rehearsal image, which is left as it was.

use firstboot::rehearse::{Host, Interrupt, Suite, default_cache, missing};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The image of a suite, built if the cache has none.
pub(crate) fn of(suite: Suite) -> PathBuf {
    let lacking = missing();
    assert!(lacking.is_empty(), "this test cannot run here: {lacking}");
    let host = Host {
        program: env!("CARGO_BIN_EXE_firstboot").into(),
        cache: default_cache(),
        interrupt: Interrupt::default(),
    };
    host.image(suite, &mut |_| {}).unwrap()
}

/// Runs a shell script inside the image of a suite. The files of `input` are in `/tmp/input`,
/// and whatever it writes to `/tmp` and `/run` is gone afterwards.
pub(crate) fn run(suite: Suite, input: &Path, script: &str) -> Output {
    const ENTER: &str = "
        mount -t tmpfs tmpfs \"$1/tmp\"
        mount -t tmpfs tmpfs \"$1/run\"
        mount -t proc proc \"$1/proc\"
        mount --bind /dev \"$1/dev\"
        mount --rbind /sys \"$1/sys\"
        cp -r \"$2\" \"$1/tmp/input\"
        exec chroot \"$1\" /bin/sh -euc \"$3\"
    ";
    Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "/bin/sh",
            "-euc",
            ENTER,
            "enter",
        ])
        .args([of(suite).as_path(), input])
        .arg(script)
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

/// What the script printed; it must end well.
pub(crate) fn stdout(suite: Suite, input: &Path, script: &str) -> String {
    let output = run(suite, input, script);
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (shown(&output.stdout), shown(&output.stderr));
    assert!(
        output.status.success(),
        "in {suite}: {script}\n{out}\n{err}"
    );
    out
}
