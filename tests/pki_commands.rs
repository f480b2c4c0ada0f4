//! The commands under `pki`, as a user runs them; openssl judges what they make.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use support::desk::{BOTH, Desk, EACH, SHARED};

const ALL: &str = "IP:10.240.0.10,IP:10.240.0.11,IP:10.240.0.12,IP:127.0.0.1";

#[test]
fn mint_refuses_to_overwrite_and_names_the_cluster() {
    let mut desk = Desk::minted(SHARED);
    desk.verifies("kubernetes", BOTH);
    let subject = desk.shop.run("openssl x509 -noout -subject -in pki/ca.pem");
    assert!(subject.contains("main etcd CA"), "{subject}");
    let mode = fs::metadata(desk.path("pki")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    desk.bad("mint", 1, &["`pki/ca.pem`", "MAKES A NEW CA"]);
    let before = fs::read(desk.path("pki/ca.pem")).unwrap();
    desk.good("mint --force");
    assert_ne!(fs::read(desk.path("pki/ca.pem")).unwrap(), before);
    desk.verifies("kubernetes", BOTH);
}

#[test]
fn mint_keeps_keys_of_rsa() {
    let mut desk = Desk::new(SHARED);
    desk.shop.run(
        "mkdir -m 0700 pki && umask 077 && openssl genrsa -out pki/ca-key.pem 2048 2>/dev/null &&
         openssl genrsa -out pki/kubernetes-key.pem 3072 2>/dev/null",
    );
    let keys = ["pki/ca-key.pem", "pki/kubernetes-key.pem"];
    let before = keys.map(|key| desk.shop.read(key));
    desk.bad(
        "mint",
        1,
        &["`pki/ca-key.pem`, `pki/kubernetes-key.pem` exist"],
    );
    desk.good("mint --keep-keys");
    assert_eq!(keys.map(|key| desk.shop.read(key)), before);
    desk.verifies("kubernetes", BOTH);
    desk.good("audit --strict");
    let table = desk.good("show").out;
    assert!(
        table.contains("RSA 2048") && table.contains("RSA 3072"),
        "{table}"
    );
    desk.bad(
        "mint --keep-keys",
        1,
        &["`pki/ca.pem`, `pki/kubernetes.pem` exist"],
    );
    desk.shop
        .run("openssl genpkey -algorithm ed25519 -out pki/kubernetes-key.pem");
    desk.bad("mint --keep-keys --force", 1, &["none to keep"]);
}

#[test]
fn mint_per_controller_says_what_to_write() {
    let mut desk = Desk::new(SHARED);
    let block = [
        "  ca: pki/ca.pem",
        "cert: \"pki/{name}.pem\"",
        "key: \"pki/{name}-key.pem\"",
    ];
    desk.bad("mint --per-controller", 1, &block);
    let mut desk = Desk::new(EACH);
    desk.good("mint --per-controller");
    for n in 0..3 {
        desk.verifies(&format!("controller-{n}"), BOTH);
    }
}

#[test]
fn mint_for_a_client_touches_nothing_else() {
    let mut desk = Desk::minted(SHARED);
    let before = desk.state();
    desk.good("mint --client kube-apiserver");
    assert!(desk.state().is_superset(&before));
    assert_eq!(desk.state().len(), before.len() + 2);
    desk.verifies("kube-apiserver", &["sslclient"]);
    let text = desk
        .shop
        .run("openssl x509 -noout -text -in pki/kube-apiserver.pem");
    assert!(
        text.contains("CN = kube-apiserver") || text.contains("CN=kube-apiserver"),
        "{text}"
    );
    assert!(!text.contains("Web Server"), "{text}");
    desk.bad("mint --client kube-apiserver", 1, &["--force"]);
    desk.bad("mint --client kubernetes --force", 1, &["another name"]);
    desk.bad("mint --client ca --force", 1, &["another name"]);
    desk.bad("mint --client ../x", 2, &["may stand in it"]);
    fs::rename(desk.path("pki/ca-key.pem"), desk.path("key.pem")).unwrap();
    desk.bad("mint --client other", 1, &["`pki/ca-key.pem` is not there"]);
    desk.good("mint --client other --ca-key key.pem");
    desk.verifies("other", &["sslclient"]);
}

#[test]
fn audit_tells_when_the_first_ends() {
    let mut desk = Desk::minted(SHARED);
    let said = desk.good("audit --strict");
    assert!(
        said.out
            .starts_with("3 files, nothing wrong; first to end: pki/kubernetes.pem on 2")
    );
    assert_eq!(said.out.lines().count(), 1);
    desk.good("audit --within 364d");
    let late = [
        "ends-within",
        "renew cluster.yaml --within 366d",
        "cluster.yaml:9:",
        "`pki/kubernetes.pem` of controller-0, controller-1, controller-2",
    ];
    desk.bad("audit --within 366d", 1, &late);
    desk.bad("audit --within 522w", 1, &["rotate-ca"]);
    desk.bad("audit --within 30", 2, &["write for example `30d`"]);
}

#[test]
fn audit_warns_of_keys_that_others_may_read() {
    let mut desk = Desk::minted(SHARED);
    for key in ["pki/kubernetes-key.pem", "pki/ca-key.pem"] {
        desk.shop.run(&format!("chmod 0640 {key}"));
        let chmod = format!("run `chmod 0600 {key}`");
        desk.bad("audit", 0, &["warning[key-readable]", "mode 0640", &chmod]);
        desk.shop.run(&format!("chmod 0600 {key}"));
    }
    let said = desk.good("audit");
    assert!(!said.err.contains("key-readable"), "{}", said.err);
}

#[test]
fn audit_is_the_report_that_render_gives() {
    let mut desk = Desk::minted(SHARED);
    desk.openssl_leaf("kubernetes", 10, "IP:10.240.0.10,IP:127.0.0.1");
    desk.bad(
        "audit",
        1,
        &[
            "san-address-missing",
            "10.240.0.11",
            "first to end: pki/kubernetes.pem",
        ],
    );
    desk.openssl_leaf("kubernetes", 10, ALL);
    desk.good("audit");
    desk.bad("audit --strict", 1, &["ends-soon"]);
    let said = desk.run("audit --within 30d --format json");
    assert_eq!(said.status, 1);
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let codes: Vec<_> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["ends-within"]);
    let leaf = &document["certificates"][1];
    assert_eq!(leaf["file"], "pki/kubernetes.pem");
    assert_eq!(leaf["subject"], "CN=old-name");
    assert_eq!(leaf["usages"], serde_json::json!(["server", "client"]));
    assert_eq!(leaf["key"], "ECDSA P-256");
    assert_eq!(leaf["holders"].as_array().unwrap().len(), 3);
    assert_eq!(leaf["addresses"][3], "127.0.0.1");
    fs::remove_file(desk.path("pki/kubernetes.pem")).unwrap();
    desk.bad("audit", 1, &["pem-missing", "3 files, 1 error"]);
}

#[test]
fn show_fits_a_terminal() {
    let mut desk = Desk::minted(EACH);
    let said = desk.good("show");
    assert!(said.out.starts_with("file "), "{}", said.out);
    for part in [
        "pki/controller-2.pem",
        "server, client",
        "P-256",
        " days",
        "  controller-2 localhost 10.240.0.12",
    ] {
        assert!(said.out.contains(part), "{part} in\n{}", said.out);
    }
    for line in said.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let said = desk.good("show pki/ca.pem pki/controller-0.pem");
    assert_eq!(
        said.out
            .lines()
            .filter(|line| line.contains("pki/"))
            .count(),
        2
    );
    let said = desk.good("show pki/ca.pem --format json");
    assert!(said.out.contains("\"CA\""), "{}", said.out);
    desk.bad("show pki/ca-key.pem", 1, &["holds no certificate"]);
    // A key that stands with the certificate is not shown either.
    desk.shop
        .run("cat pki/controller-0.pem pki/controller-0-key.pem > both.pem");
    desk.run("show both.pem");
}

#[test]
fn renew_replaces_only_what_needs_it() {
    let mut desk = Desk::minted(EACH);
    let before = desk.state();
    let said = desk.good("renew");
    assert_eq!(said.out.matches("unchanged").count(), 3, "{}", said.out);
    assert_eq!(desk.state(), before);

    desk.openssl_leaf(
        "controller-1",
        10,
        "IP:10.240.0.11,IP:127.0.0.1,IP:192.0.2.9,DNS:etcd.example",
    );
    fs::remove_file(desk.path("pki/controller-2.pem")).unwrap();
    let before = desk.state();
    let said = desk.good("renew");
    for part in [
        "pki/controller-0.pem  unchanged\n",
        "pki/controller-1.pem  renewed: it ends in ",
        "pki/controller-2.pem  renewed: a file of it is missing",
        "never two at once: controller-1, then controller-2",
        "install -o etcd -g etcd -m 0600 controller-1-key.pem /etc/etcd/controller-1-key.pem",
    ] {
        assert!(said.out.contains(part), "{part} in\n{}", said.out);
    }
    let kept: BTreeSet<_> = desk.state().intersection(&before).cloned().collect();
    assert_eq!(
        kept.len(),
        5,
        "the CA, its key, the first pair and the .gitignore are as they were"
    );
    for n in 1..3 {
        desk.verifies(&format!("controller-{n}"), BOTH);
    }
    // What it was called, it is called still.
    let text = desk
        .shop
        .run("openssl x509 -noout -text -in pki/controller-1.pem");
    for part in ["old-name", "192.0.2.9", "etcd.example", "DNS:controller-1"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    desk.good("audit --within 30d --strict");
    let said = desk.good("renew --all --format json");
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["rollOrder"].as_array().unwrap().len(), 3);
    assert_eq!(document["pairs"][0]["renewed"], true);
}

/// Subject, names of every kind, usages, how long it is good: whatever openssl prints of it, but
/// what is of the key, of the dates and of the signature.
#[test]
fn renew_keeps_what_a_certificate_had() {
    for (subject, extensions, days) in [
        // The field's SPIFFE certificate, and one without a subject.
        (
            "/CN=kubernetes",
            "subjectAltName=@names\nkeyUsage=critical,digitalSignature,keyEncipherment\n\
             extendedKeyUsage=serverAuth,clientAuth",
            365,
        ),
        (
            "/",
            "subjectAltName=critical,@names\nextendedKeyUsage=serverAuth,clientAuth",
            90,
        ),
        (
            "/DC=org/DC=example/O=Acme/OU=Cloud/OU=Etcd+serialNumber=7/CN=old/CN=name",
            "subjectAltName=@names\nkeyUsage=digitalSignature\n\
             extendedKeyUsage=critical,serverAuth,clientAuth,1.3.6.1.5.5.7.3.9,1.2.3.4\n\
             certificatePolicies=1.2.3.4\n1.2.3.4.5=DER:0403010203\n\
             crlDistributionPoints=URI:http://crl.example/ca.crl",
            800,
        ),
        // Nothing that says what it may do.
        ("/CN=kubernetes", "subjectAltName=@names", 365),
    ] {
        let mut desk = Desk::minted(SHARED);
        let before = "openssl x509 -noout -subject -nameopt RFC2253,show_type -ext \
                      subjectAltName,keyUsage,extendedKeyUsage,certificatePolicies,\
                      crlDistributionPoints -in pki/kubernetes.pem 2>/dev/null; \
                      openssl asn1parse -in pki/kubernetes.pem | grep -A1 ':1.2.3.4.5$' | sed 's/^ *[0-9]*://' || true; \
                      openssl x509 -noout -dates -in pki/kubernetes.pem | sed 's/.*=//' | \
                      while read -r date; do date -d \"$date\" +%s; done | paste -sd- | bc";
        desk.shop.run(&format!(
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -multivalue-rdn \
               -subj '{subject}' -keyout pki/kubernetes-key.pem -out a.csr 2>/dev/null
             openssl x509 -req -in a.csr -CA pki/ca.pem -CAkey pki/ca-key.pem -days {days} \
               -out pki/kubernetes.pem -extfile <(printf '{extensions}\n[names]\n\
               IP.1=10.240.0.10\nIP.2=10.240.0.11\nIP.3=10.240.0.12\nIP.4=127.0.0.1\n\
               IP.5=::1\nDNS.1=controller-0\nDNS.2=controller-1\nDNS.3=controller-2\n\
               DNS.4=localhost\nURI.1=spiffe://lab.example/ns/etcd/sa/member\n\
               email.1=etcd@example.org\nRID.1=1.2.3.4\n\
               otherName.1=1.2.3.4;UTF8:x\ndirName.1=dir\n[dir]\nCN=dir\n') 2>/dev/null"
        ));
        let old = desk.shop.run(before);
        let serial = desk
            .shop
            .run("openssl x509 -noout -serial -in pki/kubernetes.pem");
        let said = desk.good("renew --all");
        assert!(!said.out.contains("not kept"), "{}", said.out);
        assert_eq!(desk.shop.run(before), old, "{subject}");
        assert_ne!(
            desk.shop
                .run("openssl x509 -noout -serial -in pki/kubernetes.pem"),
            serial
        );
        desk.shop
            .run("openssl verify -CAfile pki/ca.pem pki/kubernetes.pem");
        desk.good("audit");
    }
}

/// What cannot be kept is said before anything is written, and needs a word.
#[test]
fn renew_says_what_it_cannot_keep() {
    let mut desk = Desk::minted(SHARED);
    // Behind the leaf stands a certificate, and it has timestamps of transparency logs.
    desk.openssl_leaf(
        "kubernetes",
        200,
        &format!(
            "{ALL}\\n1.3.6.1.4.1.11129.2.4.2=ASN1:FORMAT:HEX,OCT:0031002f00{}",
            "00".repeat(42) + "04030000"
        ),
    );
    desk.shop.run("cat pki/ca.pem >>pki/kubernetes.pem");
    let lost = [
        "not-kept",
        "the certificates behind it in its file",
        "transparency timestamps",
        "`--lossy`",
    ];
    desk.bad("renew --all", 1, &lost);
    let said = desk.good("renew --all --lossy");
    assert!(
        said.out
            .contains("not kept: its certificate transparency timestamps"),
        "{}",
        said.out
    );
    desk.verifies("kubernetes", BOTH);
    // Another kind of key is no loss, but it is said.
    desk.shop.run(&format!(
        "openssl req -new -newkey rsa:2048 -noenc -subj /CN=rsa -keyout pki/kubernetes-key.pem \
           -out a.csr 2>/dev/null
         openssl x509 -req -in a.csr -CA pki/ca.pem -CAkey pki/ca-key.pem -days 100 \
           -out pki/kubernetes.pem -extfile <(printf 'subjectAltName={ALL}') 2>/dev/null"
    ));
    let said = desk.good("renew --all");
    let change = "its key was RSA 2048, the new one is ECDSA P-256";
    assert!(said.out.contains(change), "{}", said.out);
}

/// A client's pair ends as any other.
#[test]
fn pairs_of_clients_are_known() {
    let mut desk = Desk::minted(SHARED);
    desk.good("mint --client kube-apiserver --days 40");
    let said = desk.good("audit --strict");
    assert!(
        said.out.starts_with("5 files, nothing wrong"),
        "{}",
        said.out
    );
    let late = ["ends-within", "`pki/kube-apiserver.pem` of a client"];
    desk.bad("audit --within 60d", 1, &late);
    desk.shop.run("chmod 0644 pki/kube-apiserver-key.pem");
    desk.bad("audit", 0, &["key-readable", "kube-apiserver-key.pem"]);
    desk.shop.run("chmod 0600 pki/kube-apiserver-key.pem");
    let members = desk.shop.read("pki/kubernetes.pem");
    let said = desk.good("renew --within 60d");
    for part in [
        "pki/kube-apiserver.pem  renewed: it ends in 39 days",
        "of a client that is no member",
        "its validity was 40 days, the new one's is 365 days",
        "hand both files of each client's pair to that client",
    ] {
        let part = part.replace("39 days", "");
        assert!(said.out.contains(&part), "{part} in\n{}", said.out);
    }
    assert!(!said.out.contains("install -o etcd"), "{}", said.out);
    assert_eq!(desk.shop.read("pki/kubernetes.pem"), members);
    desk.verifies("kube-apiserver", &["sslclient"]);
    // One of a CA that the cluster does not trust, or does not any more.
    desk.shop
        .run("cp pki/ca.pem a; cp pki/ca-key.pem b; rm pki/ca.pem pki/ca-key.pem");
    desk.shop.run("rm pki/kubernetes*.pem");
    desk.good("mint");
    let cure = "firstboot pki mint --client kube-apiserver --force";
    desk.bad("audit", 0, &["client-untrusted", cure]);
    desk.good("mint --client kube-apiserver --force");
    desk.good("audit --strict");
}

#[test]
fn renew_cures_what_a_new_pair_can_cure() {
    let mut desk = Desk::minted(SHARED);
    // Killed between the two renames: the key is new, the certificate is not.
    desk.shop
        .run("openssl ecparam -genkey -name prime256v1 -noout -out pki/kubernetes-key.pem");
    desk.bad("audit", 1, &["key-mismatch"]);
    desk.good("renew");
    desk.good("audit");
    desk.openssl_leaf("kubernetes", 300, "IP:10.240.0.10");
    desk.good("renew");
    desk.verifies("kubernetes", BOTH);
    desk.good("audit --strict");
}

#[test]
fn renew_writes_nothing_when_the_ca_is_at_fault() {
    let mut desk = Desk::minted(SHARED);
    fs::rename(desk.path("pki/ca-key.pem"), desk.path("key.pem")).unwrap();
    desk.good("renew");
    desk.bad(
        "renew --all",
        1,
        &["`pki/ca-key.pem` is not there", "--ca-key"],
    );
    desk.good("renew --all --ca-key key.pem");
    desk.shop
        .run("openssl ecparam -genkey -name prime256v1 -noout -out other.pem");
    desk.bad(
        "renew --all --ca-key other.pem",
        1,
        &["the CA's key is not that of its certificate"],
    );
    // A CA that may not sign for servers.
    desk.shop.run(
        "openssl req -x509 -new -key key.pem -days 90 -subj /CN=ca -out pki/ca.pem \
         -addext keyUsage=critical,keyCertSign -addext extendedKeyUsage=clientAuth",
    );
    desk.bad(
        "renew --ca-key key.pem",
        1,
        &["ca-usage-forbidden", "nothing was written"],
    );
}

#[test]
fn renew_does_not_go_in_circles_under_a_ca_that_ends() {
    let mut desk = Desk::new(SHARED);
    desk.good("mint --ca-days 20");
    desk.bad(
        "renew",
        0,
        &["unchanged: the CA itself ends on", "rotate-ca"],
    );
}

/// Whoever adds all to a repository adds no key, and is told where their own list is too short.
#[test]
fn keys_stay_out_of_git() {
    let mut desk = Desk::new(SHARED);
    desk.shop.run("git init -q .");
    let said = desk.good("mint");
    assert!(!said.err.contains("git does not ignore"), "{}", said.err);
    let rendered = std::process::Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(["render", "--new"])
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&rendered.stderr);
    assert!(rendered.status.success(), "{told}");
    let listed = "git add -A . && git ls-files";
    let taken = desk.shop.run(listed);
    assert!(taken.contains("pki/ca.pem"), "{taken}");
    assert!(!taken.contains("key"), "{taken}");
    assert!(!taken.contains("out/"), "{taken}");

    desk.shop.run("echo '*.swp' >.gitignore && rm -r pki");
    let said = desk.good("mint");
    let note = "git does not ignore `pki/ca-key.pem`";
    assert!(said.err.contains(note), "{}", said.err);
    assert_eq!(desk.shop.read(".gitignore"), b"*.swp\n");
    assert!(!desk.path("pki/.gitignore").exists());
}
