# cloud-init never repeats a delivery that was cut short: make it, until bootstrap has seen all files.
sem=/var/lib/cloud/instance/sem
delivered=/var/lib/firstboot/delivered
if [ ! -e $sem/config_write_files ] || [ "$(cat $delivered 2>/dev/null)" != {{ delivery }} ]; then
  mkdir -p /etc/etcd && chmod 0700 /etc/etcd # cloud-init opens a key to all for a moment
  rm -f $delivered $sem/config_write_files $sem/config_runcmd $sem/config_scripts_user
fi
