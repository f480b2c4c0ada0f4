# One controller's own scripts beside real peers, in namespaces of its own: run by tests/console.
# What is a machine's is laid over this computer's directories, and gone with the namespace. systemd
# is played; etcd, curl, openssl and the scripts are real.
#
# $BIN has etcd, $FILES the machine's files, $SCRATCH is empty; this runs in the directory of the
# desk, with peers' commands in the files `peer-1` and `peer-2`.
set -eu
ip link set lo up
for end in 10 11 12; do ip addr add 10.240.0.$end/32 dev lo; done
mount -t tmpfs none "$SCRATCH"
for dir in etc var run usr/local; do
  mkdir -p "$SCRATCH/upper/$dir" "$SCRATCH/work/$dir"
  mount -t overlay -o "lowerdir=/$dir,upperdir=$SCRATCH/upper/$dir,workdir=$SCRATCH/work/$dir" none "/$dir"
done
cp -r "$FILES/." /
chmod 0755 "$SCRATCH"
lib=/usr/local/lib/firstboot
mkdir -p /usr/local/bin
cp "$BIN/etcd" "$BIN/etcdctl" /usr/local/bin
{
  sed -n 's/^SHA256_.*=/# etcd /p' $lib/release.env
  (cd /usr/local/bin && sha256sum etcd etcdctl)
} >"$SCRATCH/installed"
cp "$SCRATCH/installed" $lib/installed
# What was sent is what is there now: certificates were exchanged for bad ones.
{
  sed '$d; s/.* //' /etc/firstboot/sent | xargs cksum
  sed -n '$p' /etc/firstboot/sent
} >"$SCRATCH/sent"
cp "$SCRATCH/sent" /etc/firstboot/sent
for peer in 1 2; do sh "peer-$peer" >>"peer-$peer.log" 2>&1 & done
left=300 # what is asked of them later is no answer before they serve
until curl -sfm 2 --cacert pki/ca.pem --cert pki/kubernetes.pem --key pki/kubernetes-key.pem \
  https://10.240.0.11:2379/health https://10.240.0.12:2379/health >"$SCRATCH/health"; do
  left=$((left - 1))
  [ $left != 0 ] || { tail -n 1 peer-*.log && exit 1; }
  sleep 0.2
done

mkdir "$SCRATCH/bin"
cat >"$SCRATCH/bin/systemctl" <<'END'
#!/bin/sh
here=${0%/bin/*}
lives() { [ -e "$here/pid" ] && kill -0 "$(cat "$here/pid")" 2>/dev/null; }
run() {
  set -a
  . /etc/etcd/etcd.env
  . /var/lib/firstboot/initial-cluster-state.env
  setpriv --reuid etcd --regid etcd --clear-groups /usr/local/bin/etcd >>"$here/log" 2>&1 &
  echo $! >"$here/pid"
}
case $* in
  start*) lives || run ;;
  show*) if lives; then echo SubState=start; else run && echo SubState=auto-restart; fi ;;
esac
END
cat >"$SCRATCH/bin/journalctl" <<'END'
#!/bin/sh
tail -n "$2" "${0%/bin/*}/log"
END
chmod 0755 "$SCRATCH/bin" "$SCRATCH/bin/"*
export PATH="$SCRATCH/bin:$PATH"
sh "$THEN"
