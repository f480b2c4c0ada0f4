# cloud-init never repeats a delivery that was cut short. It does, until bootstrap has seen all.
sem=/var/lib/cloud/instance/sem
delivered=/var/lib/firstboot/delivered
if [ ! -e $sem/config_write_files ] || ! grep -qs {{ delivery }} $delivered; then
  mkdir -p /etc/etcd && chmod 0700 /etc/etcd # cloud-init opens keys to all for a moment
  rm -f $delivered $sem/config_write_files $sem/config_runcmd $sem/config_scripts_user
fi
