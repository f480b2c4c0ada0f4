#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# The connection is that of `LIBVIRT_DEFAULT_URI`. Each machine's address is written into its
# network, whose DHCP server gives it to the machine.
{% include "launch/head.sh" %}
is_there() {
  virsh dominfo "$1" >/dev/null 2>&1 && echo "$1 is there, and is left alone"
}
{% for machine in script.machines %}
is_there {{ machine.name }} || {
{%- if let Some(mac) = machine.mac() %}
  virsh net-update {{ machine.value("network") }} add ip-dhcp-host --live --config \
    --xml "<host mac='{{ mac }}' name='{{ machine.name }}' ip='{{ machine.address }}'/>"
{%- endif %}
  virt-install --name {{ machine.name }} --import --noautoconsole --osinfo detect=on,require=off \
    --memory {{ machine.value("memory") }} --vcpus {{ machine.value("vcpus") }} \
    --disk size={{ machine.value("disk") }},backing_store={{ machine.value("image") }} \
    --network network={{ machine.value("network") }}{% if let Some(mac) = machine.mac() %},mac={{ mac }}{% endif %} \
{%- if script.is_ignition() %}
    --qemu-commandline="-fw_cfg name=opt/com.coreos/config,file=$PWD/{{ machine.file }}"
{%- else %}
    --cloud-init user-data={{ machine.file }},meta-data={{ machine.name }}/meta-data{% if machine.has_network %},network-config={{ machine.name }}/network-config{% endif %}
{%- endif %}
}
{% endfor %}
