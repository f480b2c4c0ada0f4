# Boots twice, and between the two user etcd does what it can to be root at the next boot.
boot() {
  sh /usr/local/lib/firstboot/bootstrap >"$SCRATCH/console" 2>&1 &
  boot=$!
  until grep -q '\[6/6] member: waiting' "$SCRATCH/console"; do
    kill -0 $boot || { cat "$SCRATCH/console" && exit 1; }
    sleep 0.1
  done
  kill $boot
}
as_etcd() { setpriv --reuid etcd --regid etcd --clear-groups "$@"; }

cp /etc/shadow "$SCRATCH/shadow"
chmod 0600 "$SCRATCH/shadow"
boot
as_etcd sh -c "
  cd /var/lib/etcd
  ln -s $SCRATCH/shadow shadow && ln -s /usr/local/lib/firstboot lib && ln -s /etc/firstboot member/x
  ln $SCRATCH/shadow hard
  for file in /etc/etcd/* /etc/firstboot/* /usr/local/lib/firstboot/* /usr/local/bin/* /var/lib/firstboot/*; do
    echo 'touch $SCRATCH/root' >>\$file
  done" 2>/dev/null || :
boot
[ ! -e "$SCRATCH/root" ] || echo "root did what etcd wrote"
echo "shadow: $(stat -c %U "$SCRATCH/shadow")"
echo "etcd writes: $(as_etcd find /etc /usr/local /var/lib/firstboot /run/firstboot "$SCRATCH/upper/var/lib/firstboot" ! -type l -writable 2>/dev/null | sort | tr '\n' ' ')"
echo "etcd owns: $(find /etc/etcd /etc/firstboot /usr/local /var/lib/firstboot /run/firstboot -user etcd | sort | tr '\n' ' ')"
echo "data: $(find /var/lib/etcd ! -user etcd | tr '\n' ' ')"
