#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# The connection is that of `LIBVIRT_DEFAULT_URI`.
{%- if script.has_network() %} The machines know their addresses by the manifest's
# `network`: nothing is changed in libvirt's own.
{%- else %} Each machine's address is written into its
# network, whose DHCP server gives it to the machine.
{%- endif %}
from=$PWD
{% include "launch/head.sh" %}
is_there() {
  virsh dominfo "$1" >/dev/null 2>&1 && printf '%s\n' "a machine named $1 is there, and is left alone"
}
# An image is a path, also one from where this was called.
image() {
  case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$from/$1" ;;
  esac
}
{%- if !script.has_network() %}
# Of an earlier run an entry may be there: then it is that one that changes.
reserve() {
  virsh net-update "$1" add ip-dhcp-host --live --config --xml "$2" >/dev/null 2>&1 ||
    virsh net-update "$1" modify ip-dhcp-host --live --config --xml "$2"
}
{%- endif %}
{% for machine in script.machines %}
is_there {{ machine.name }} || {
{%- if let Some(mac) = machine.reserved() %}
  reserve {{ machine.value("network") }} \
    "<host mac='{{ mac }}' name='{{ machine.name }}' ip='{{ machine.address }}'/>"
{%- endif %}
  virt-install --name {{ machine.name }} --import --noautoconsole --osinfo detect=on,require=off \
    --memory {{ machine.value("memory") }} --vcpus {{ machine.value("vcpus") }} \
    --disk size={{ machine.value("disk") }},backing_store="$(image {{ machine.value("image") }})" \
    --network network={{ machine.value("network") }}{% if let Some(mac) = machine.mac() %},mac={{ mac }}{% endif %} \
{%- if script.is_ignition() %}
    --qemu-commandline="-fw_cfg name=opt/com.coreos/config,file=$PWD/{{ machine.file }}"
{%- else %}
    --cloud-init user-data={{ machine.file }},meta-data={{ machine.name }}/meta-data{% if machine.has_network %},network-config={{ machine.name }}/network-config{% endif %}
{%- endif %}
}
{% endfor %}
