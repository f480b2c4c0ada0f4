# Until bootstrap saw all files, they are sent again.
sync
sem=/var/lib/cloud/instance/sem
delivered=/var/lib/firstboot/delivered
if [ ! -e $sem/config_write_files ] || ! grep -qs {{ delivery }} $delivered; then
  mkdir -p /etc/etcd && chmod 0700 /etc/etcd
  rm -f $delivered $sem/config_write_files $sem/config_runcmd $sem/config_scripts_user
fi
