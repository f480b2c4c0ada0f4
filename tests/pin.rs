//! `firstboot pin` against hosts on loopback that are good, bad and mad.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;
#[path = "support/pin_desk.rs"]
mod pin_desk;
#[path = "support/release_server.rs"]
mod release_server;

use firstboot::release::Digest;
use pin_desk::{PinDesk, VERSION, sums, tarball, tarball_name};
use release_server::{Answer, Authority, Server, proxy};
use std::fs;

/// A desk whose one mirror decides so, and which trusts it with `--cacert ca.pem`.
fn desk(decide: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> (PinDesk, Server) {
    let authority = Authority::new();
    let server = authority.serve(decide);
    let etcd = format!("version: {VERSION}, mirrors: [\"{}/etcd\"]", server.url());
    let desk = PinDesk::new(&etcd, &["amd64", "arm64", "amd64"]);
    fs::write(desk.path("ca.pem"), authority.pem).unwrap();
    (desk, server)
}

/// What a good host answers.
fn good(path: &str) -> Answer {
    let of = |arch: &str| path.ends_with(&tarball_name(arch));
    match path.rsplit('/').next() {
        Some("SHA256SUMS") => Answer::Good(sums(&["amd64", "arm64"])),
        _ if of("amd64") => Answer::Good(tarball("amd64")),
        _ if of("arm64") => Answer::Good(tarball("arm64")),
        _ => Answer::Status(404),
    }
}

const PIN: &str = "pin --cacert ca.pem";
const SUMS: &str = "/etcd/v3.5.99/SHA256SUMS";

#[test]
fn a_good_host_is_asked_once_and_the_lock_says_all() {
    let (desk, server) = desk(|path, _| good(path));
    let said = desk.good(PIN);
    assert!(
        said.out.starts_with("cluster.lock: etcd 3.5.99, c") && said.out.contains(", written\n"),
        "{}",
        said.out
    );
    assert_eq!(server.asked(), [SUMS]);
    let lock = desk.lock();
    for part in [
        &Digest::of(&tarball("amd64")).to_string(),
        &Digest::of(&tarball("arm64")).to_string(),
        &format!("- {}{SUMS}\n", server.url()),
        &format!("- {}/etcd/v3.5.99\n", server.url()),
        "apiVersion: firstboot-lock/v1\n",
        "version: 3.5.99\n",
    ] {
        assert!(lock.contains(part), "{part} in\n{lock}");
    }
    assert!(desk.good(PIN).out.contains("unchanged"));
    assert_eq!(desk.lock(), lock);
    desk.good("pin --check");
    desk.good("pki mint");
    let rendered = desk.good("render --check");
    assert!(rendered.out.contains("etcd 3.5.99"), "{}", rendered.out);
    assert_eq!(
        server.asked().len(),
        2,
        "a check or a render asked somebody"
    );
}

#[test]
fn json_says_what_was_pinned() {
    let (desk, _server) = desk(|path, _| good(path));
    let said = desk.good("pin --cacert ca.pem --format json");
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["written"], true);
    assert_eq!(document["tarballs"][1]["arch"], "arm64");
    assert_eq!(document["etcdVersion"], VERSION);
    assert_eq!(said.err, "");
}

#[test]
fn what_may_pass_is_tried_again() {
    let (desk, server) = desk(|path, before| match before {
        0 => Answer::Status(503),
        1 => Answer::Truncated(vec![b'a'; 100]),
        _ => good(path),
    });
    desk.good(PIN);
    assert_eq!(server.asked(), [SUMS, SUMS, SUMS]);
}

/// What the host does with its list, and a part of the one sentence that it gets.
#[test]
fn each_bad_host_is_refused_in_one_sentence() {
    let flood = "0".repeat(70_000).into_bytes();
    let stranger = format!("{}  etcd-v3.5.99-linux-amd64.tar.gz\n", "ab".repeat(32));
    let clear = Server::in_the_clear(|path, _| good(path));
    let to_clear = format!("{}{SUMS}", clear.url());
    let cases: [(Answer, usize, &str); 10] = [
        (Answer::Status(404), 1, "404 Not Found"),
        (Answer::Status(403), 1, "403 Forbidden"),
        (
            Answer::Good(b"<html>404</html>".to_vec()),
            1,
            "is no list of digests: line 1",
        ),
        (
            Answer::Good(vec![0xff, 0xfe]),
            1,
            "is no list of digests: it is not text",
        ),
        (
            Answer::Good(Vec::new()),
            1,
            "is no list of digests: it is empty",
        ),
        (Answer::Good(flood), 1, "larger than 64 KiB"),
        (Answer::Endless, 1, "larger than 64 KiB"),
        (
            Answer::Redirect(SUMS.to_owned()),
            6,
            "redirects without end",
        ),
        (
            Answer::Redirect(to_clear),
            1,
            "redirects from https to what is not",
        ),
        (
            Answer::Good(stranger.into_bytes()),
            1,
            "nobody knows the digest of `etcd-v3.5.99-linux-arm64",
        ),
    ];
    for (answer, requests, sentence) in cases {
        let shown = format!("{answer:?}");
        let (desk, server) = desk(move |_, _| answer.clone());
        // A list without this release answers the question; every other host failed.
        let status = if sentence.starts_with("nobody") { 1 } else { 2 };
        let said = desk.bad(PIN, status, &[sentence]);
        assert_eq!(said.err.lines().count(), 1, "{shown:.40}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{}", said.err);
        assert_eq!(server.asked().len(), requests, "{shown:.40}");
    }
    assert_eq!(clear.asked(), Vec::<String>::new());
}

#[test]
fn nobody_waits_for_ever() {
    let answers = [
        Answer::Stalled(sums(&["amd64", "arm64"])),
        Answer::Drip,
        Answer::Status(503),
        Answer::Truncated(sums(&["amd64", "arm64"])),
    ];
    for answer in answers {
        let (desk, _server) = desk(move |_, _| answer.clone());
        desk.bad(
            "pin --cacert ca.pem --timeout 2",
            2,
            &["did not come within 2 s"],
        );
    }
}

#[test]
fn a_redirect_within_tls_is_followed() {
    let (desk, server) = desk(|path, _| match path {
        SUMS => Answer::Redirect("/elsewhere/SHA256SUMS".into()),
        other => good(other),
    });
    desk.good(PIN);
    assert_eq!(server.asked(), [SUMS, "/elsewhere/SHA256SUMS"]);
}

#[test]
fn a_certificate_of_a_stranger_is_refused_at_once_and_the_system_s_is_not() {
    let (mut desk, server) = desk(|path, _| good(path));
    let said = desk.bad("pin", 2, &["is not trusted", "`--cacert FILE`"]);
    assert_eq!(said.err.lines().count(), 1);
    assert_eq!(server.asked().len(), 0);
    let ca = desk.path("ca.pem").display().to_string();
    desk.environment.push(("SSL_CERT_FILE".into(), ca));
    desk.good("pin");
    fs::write(desk.path("no.pem"), "none").unwrap();
    desk.bad(
        "pin --cacert nowhere.pem",
        1,
        &["reading `nowhere.pem`: no such file"],
    );
}

#[test]
fn a_digest_that_contradicts_the_table_is_refused() {
    let authority = Authority::new();
    let server = authority.serve(|_, _| {
        let line = format!("{}  etcd-v3.3.9-linux-amd64.tar.gz\n", "ab".repeat(32));
        Answer::Good(line.into_bytes())
    });
    let etcd = format!("version: 3.3.9, mirrors: [\"{}/etcd\"]", server.url());
    let desk = PinDesk::new(&etcd, &["amd64"]);
    fs::write(desk.path("ca.pem"), authority.pem).unwrap();
    let said = desk.bad(
        PIN,
        2,
        &[
            "7b95bdc6dfd1d805… of the built-in table",
            "abababababababab… of",
        ],
    );
    assert_eq!(said.err.lines().count(), 1);
    desk.manifest(&format!("{etcd}, sha256: {}", "cd".repeat(32)), &["amd64"]);
    desk.good("pin --offline");
    assert!(desk.lock().contains(&"cd".repeat(32)));
}

#[test]
fn two_hosts_must_agree_and_one_may_be_silent() {
    let authority = Authority::new();
    let honest = authority.serve(|path, _| good(path));
    let liar = authority.serve(|_, _| {
        let text = String::from_utf8(sums(&["arm64"])).unwrap();
        Answer::Good(text.replace('7', "8").into_bytes())
    });
    let silent = authority.serve(|_, _| Answer::Status(404));
    let etcd = |other: &Server| {
        format!(
            "version: {VERSION}, mirrors: [\"{}/etcd\", \"{}/e\"]",
            honest.url(),
            other.url()
        )
    };
    let desk = PinDesk::new(&etcd(&liar), &["arm64"]);
    fs::write(desk.path("ca.pem"), &authority.pem).unwrap();
    desk.bad(
        PIN,
        2,
        &[
            "two digests for `etcd-v3.5.99-linux-arm64.tar.gz`",
            "one of them lies",
        ],
    );
    desk.manifest(&etcd(&silent), &["arm64"]);
    let said = desk.good(PIN);
    assert!(
        said.err.contains("note: `https://127.0.0.1"),
        "{}",
        said.err
    );
    assert!(said.err.contains("404 Not Found"), "{}", said.err);
}

/// What was pinned once binds: a host cannot replace a release unseen.
#[test]
fn a_release_that_was_replaced_upstream_is_refused() {
    let (desk, server) = desk(|path, before| match good(path) {
        Answer::Good(body) if before > 0 => {
            let text = String::from_utf8(body).unwrap();
            Answer::Good(text.replace('7', "8").into_bytes())
        }
        answer => answer,
    });
    desk.good(PIN);
    desk.bad(PIN, 2, &["two digests for"]);
    assert_eq!(server.asked().len(), 2);
    desk.good("pin --offline --genesis-window 7d");
}

#[test]
fn a_proxy_of_the_environment_is_used_and_its_exceptions_are_kept() {
    let (mut desk, server) = desk(|path, _| good(path));
    let (url, asked) = proxy();
    desk.environment.push(("HTTPS_PROXY".into(), url));
    desk.good(PIN);
    assert_eq!(
        *asked.lock().unwrap(),
        [format!("127.0.0.1:{}", server.port)]
    );
    desk.environment
        .push(("NO_PROXY".into(), "127.0.0.1".into()));
    desk.good(PIN);
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn vendor_lays_out_what_a_mirror_serves_and_does_nothing_twice() {
    let (desk, server) = desk(|path, _| good(path));
    desk.good("pin --cacert ca.pem --vendor media");
    for arch in ["amd64", "arm64"] {
        let path = desk.path("media/v3.5.99").join(tarball_name(arch));
        assert_eq!(fs::read(path).unwrap(), tarball(arch));
        let size = format!("size: {}\n", tarball(arch).len());
        assert!(desk.lock().contains(&size), "{}", desk.lock());
    }
    let list = fs::read(desk.path("media/v3.5.99/SHA256SUMS")).unwrap();
    assert_eq!(list, sums(&["amd64", "arm64"]));
    assert_eq!(server.asked().len(), 3);
    let before = desk.files();
    desk.good("pin --cacert ca.pem --vendor media");
    assert_eq!((server.asked().len(), desk.files()), (4, before));

    let path = desk.path("media/v3.5.99").join(tarball_name("arm64"));
    fs::write(&path, b"half").unwrap();
    desk.good("pin --cacert ca.pem --vendor media");
    assert_eq!(fs::read(&path).unwrap(), tarball("arm64"));
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn a_mirror_that_lies_about_a_tarball_leaves_none() {
    let (desk, _server) = desk(|path, _| match good(path) {
        Answer::Good(_) if path.ends_with("gz") => Answer::Good(tarball("s390x")),
        answer => answer,
    });
    let said = desk.run("pin --cacert ca.pem --vendor media");
    assert_eq!(said.status, 2);
    assert!(
        said.err
            .contains("no `etcd-v3.5.99-linux-amd64.tar.gz`: `https://"),
        "{}",
        said.err
    );
    assert!(said.err.contains("not the pinned tarball"), "{}", said.err);
    assert_eq!(fs::read_dir(desk.path("media/v3.5.99")).unwrap().count(), 0);
    assert!(!desk.path("cluster.lock").exists());
}

/// A tarball may come in the clear, since its digest is pinned; a list of digests may not.
#[test]
fn in_the_clear_only_tarballs_are_fetched() {
    let server = Server::in_the_clear(|path, _| good(path));
    let etcd = format!(
        "version: {VERSION}, allow_http: true, mirrors: [\"{}/e\"]",
        server.url()
    );
    let desk = PinDesk::new(&etcd, &["amd64"]);
    desk.bad("pin", 1, &["nobody knows the digest of"]);
    assert_eq!(server.asked().len(), 0);
    let digest = Digest::of(&tarball("amd64"));
    desk.manifest(&format!("{etcd}, sha256: {digest}"), &["amd64"]);
    desk.good("pin --vendor media");
    assert_eq!(
        server.asked(),
        [format!("/e/v3.5.99/{}", tarball_name("amd64"))]
    );
}

#[test]
fn killed_in_the_middle_it_leaves_no_half_of_anything() {
    let stalls = |path: &str, before| before == 0 && path.ends_with(&tarball_name("amd64"));
    let (desk, server) = desk(move |path, before| {
        if stalls(path, before) {
            return Answer::Stalled(tarball("amd64"));
        }
        good(path)
    });
    let mut child = desk
        .command("pin --cacert ca.pem --vendor media")
        .spawn()
        .unwrap();
    let directory = desk.path("media/v3.5.99");
    let staged = || {
        let mut entries = fs::read_dir(&directory).ok()?.flatten();
        entries.find(|entry| entry.metadata().is_ok_and(|data| data.len() > 0))
    };
    hang::until(|| format!("{:?}", server.asked()), staged);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!desk.path("cluster.lock").exists());
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&directory).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert!(
        names().iter().all(|name| name.starts_with('.')),
        "{:?}",
        names()
    );
    desk.good("pin --cacert ca.pem --vendor media");
    assert_eq!(
        names(),
        ["SHA256SUMS", &tarball_name("amd64"), &tarball_name("arm64")]
    );
}
