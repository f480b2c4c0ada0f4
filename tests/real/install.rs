//! `install-etcd` with the real curl, against mirrors that stall and lie, and disks that are full.

use crate::pin_desk::{VERSION, tarball};
use crate::release_server::{Answer, Authority, Server};
use firstboot::release::Digest;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A machine's `/usr/local`, with the script and what it pins.
struct Local {
    dir: tempfile::TempDir,
    own_ca: String,
}

impl Local {
    fn new(digest: Digest, urls: &str, ca: &str) -> Self {
        let local = Self {
            dir: tempfile::tempdir().unwrap(),
            own_ca: ca.to_owned(),
        };
        fs::write(local.path("ca.pem"), &local.own_ca).unwrap();
        let lib = local.path("local/lib/firstboot");
        fs::create_dir_all(&lib).unwrap();
        let script = include_str!("../../templates/install-etcd");
        fs::write(lib.join("install-etcd"), script).unwrap();
        let pinned = format!("VERSION={VERSION}\nURLS='{urls}'\nSHA256_amd64={digest}\n");
        fs::write(lib.join("release.env"), pinned).unwrap();
        local
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a shell text as root in mounts of its own, `$install` being the script's command line.
    fn run(&self, text: &str) -> String {
        let uname = self.path("tools/uname");
        fs::create_dir_all(uname.parent().unwrap()).unwrap();
        fs::write(&uname, "#!/bin/sh\necho x86_64\n").unwrap();
        let text = format!(
            "chmod +x tools/uname; PATH=$PWD/tools:$PATH; export CURL_CA_BUNDLE=$PWD/ca.pem\n\
             unset https_proxy http_proxy all_proxy HTTPS_PROXY ALL_PROXY\n\
             install=\"/bin/sh $PWD/local/lib/firstboot/install-etcd\"\n{text}"
        );
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &format!("{{ {text}\n}} 2>&1")])
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_mirror_that_stalls_and_one_that_lies_install_nothing_and_heal() {
    let good = tarball("amd64");
    let authority = Authority::new();
    let stalled = {
        let good = good.clone();
        authority.serve(move |_, before| match before {
            0 => Answer::Stalled(good.clone()),
            _ => Answer::Good(good.clone()),
        })
    };
    let liar = authority.serve(|_, _| Answer::Good(tarball("s390x")));
    let urls = format!("{}/v3.5.99 {}/v3.5.99", stalled.url(), liar.url());
    let local = Local::new(Digest::of(&good), &urls, &authority.pem);
    let said = local
        .run("$install; echo \"-> $?\"; ls -A local/bin; $install; echo \"-> $?\"; ls local/bin");
    let host = |server: &Server| format!("127.0.0.1:{}", server.port);
    let (first, second) = said.split_once("-> 75\n").expect(&said);
    assert!(
        first.contains(&format!(
            "no etcd-v3.5.99-linux-amd64 yet; {}: Operation too slow",
            host(&stalled)
        )),
        "{said}"
    );
    assert!(
        first.contains(&format!("{}: not the pinned tarball", host(&liar))),
        "{said}"
    );
    assert_eq!(
        second,
        format!("3.5.99 from {}\n-> 0\netcd\netcdctl\n", host(&stalled))
    );
}

/// Not even a stranger's TLS is needed to be refused: a redirect into the clear is not followed.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_redirect_into_the_clear_is_not_followed() {
    let good = tarball("amd64");
    let clear = Server::in_the_clear(|_, _| Answer::Good(tarball("amd64")));
    let authority = Authority::new();
    let to = format!("{}/x", clear.url());
    let secure = authority.serve(move |_, _| Answer::Redirect(to.clone()));
    let local = Local::new(Digest::of(&good), &secure.url(), &authority.pem);
    let said = local.run("$install; echo \"-> $?\"; ls -A local/bin");
    assert!(
        said.contains(r#"Protocol "http" not supported or disabled"#) && said.ends_with("-> 75\n"),
        "{said}"
    );
    assert_eq!(clear.asked().len(), 0);
    // One that the manifest allows in the clear is taken, and held against its digest all the same.
    let local = Local::new(Digest::of(&good), &clear.url(), &authority.pem);
    assert!(local.run("$install").starts_with("3.5.99 from 127.0.0.1"));
}

/// A tmpfs that is full in the middle of the download, or of what is unpacked.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_full_disk_installs_nothing_says_so_and_heals() {
    for (room, trouble) in [
        ("2m", "Failure writing output to destination"),
        ("5m", "No space left on device"),
    ] {
        let local = Local::new(Digest::of(b""), "", "");
        let said = local.run(&format!(
            "top=etcd-v{VERSION}-linux-amd64; mkdir -p media $top
             head -c 3000000 /dev/urandom >$top/etcd; echo >$top/etcdctl
             tar -czf media/$top.tar.gz $top
             sha256=$(sha256sum <media/$top.tar.gz); cp -r local kept
             mount -t tmpfs -o size={room} tmpfs local; cp -r kept/lib local
             printf '%s\\n' VERSION={VERSION} URLS=file://$PWD/media SHA256_amd64=${{sha256%% *}} \
               >local/lib/firstboot/release.env
             $install; echo \"-> $?\"; ls -A local/bin
             $install >/dev/null 2>&1; echo \"again $?\"; ls -A local/bin
             mount -o remount,size=64m local; $install; cmp local/bin/etcd $top/etcd && echo whole"
        ));
        let (first, healed) = said.split_once("-> ").expect(&said);
        assert!(first.contains(trouble), "{said}");
        let (failed, healed) = healed.split_once("again ").expect(&said);
        assert!(!matches!(failed, "0\n" | "78\n"), "{said}");
        assert!(
            failed.trim().parse::<u8>().is_ok(),
            "something is in bin: {said}"
        );
        let (again, healed) = healed.split_once('\n').unwrap();
        assert_eq!(again, failed.trim(), "{said}");
        assert!(healed.starts_with("3.5.99 from file:///"), "{said}");
        assert!(healed.ends_with("whole\n"), "{said}");
    }
}
