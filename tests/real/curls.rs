//! What each Debian's curl says of a peer: `peers` takes nobody for blank who is there.

use crate::image;
use firstboot::rehearse::Suite;
use std::fs;
use std::process::Command;

/// Ports of the image's own loopback, and what is there.
const PEERS: &str = "
import socket, struct, subprocess, threading
def listen(port, serve, backlog=5):
    listener = socket.socket()
    listener.bind(('127.0.0.1', port))
    listener.listen(backlog)
    def run():
        while True: serve(listener.accept()[0])
    if serve: threading.Thread(target=run, daemon=True).start()
    return listener
kept = []
def nonsense(peer): peer.recv(100); peer.send(b'nonsense' * 9); peer.close()
def reset(peer):
    peer.recv(9)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    peer.close()
listen(2001, kept.append)
listen(2002, nonsense)
listen(2003, lambda peer: peer.close())
listen(2004, reset)
full = listen(2005, None, 0)
for _ in range(3):
    waits = socket.socket()
    waits.setblocking(False)
    waits.connect_ex(('127.0.0.1', 2005))
    kept.append(waits)
print(subprocess.check_output(['/bin/sh', 'ask'], text=True), end='')
";

const ASK: &str = r#"
ETCD_PEER_TRUSTED_CA_FILE=cert.pem ETCD_PEER_CERT_FILE=cert.pem ETCD_PEER_KEY_FILE=key.pem
cause() { printf '%s\n' "$1"; }
for port in 2001 2002 2003 2004 2005 2006; do
  get peer https://127.0.0.1:$port || :
  printf '%s\n' "$port ${answer:+there}"
done
ETCD_PEER_CERT_FILE=missing # its own pair cannot be read
get peer https://127.0.0.1:2001 || :
printf '%s\n' "2001 ${answer:+there}"
"#;

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn who_is_there_is_never_taken_for_nobody() {
    let peers = include_str!("../../templates/peers");
    let get = peers
        .split_once("\nget() {")
        .and_then(|(_, rest)| rest.split_once("\n}\n"))
        .map(|(body, _)| format!("get() {{{body}\n}}"))
        .unwrap();
    for suite in [Suite::Bullseye, Suite::Bookworm, Suite::Trixie] {
        let input = tempfile::tempdir().unwrap();
        let pair = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test",
            ])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(input.path())
            .output()
            .unwrap();
        assert!(pair.status.success(), "{pair:?}");
        fs::write(input.path().join("ask"), format!("{get}\n{ASK}")).unwrap();
        fs::write(input.path().join("peers.py"), PEERS).unwrap();
        let said = image::stdout(
            &image::of(suite),
            input.path(),
            "cd /tmp/input; python3 peers.py",
        );
        assert_eq!(
            said, "2001 there\n2002 there\n2003 there\n2004 there\n2005 \n2006 \n2001 there\n",
            "{suite:?}"
        );
    }
}
