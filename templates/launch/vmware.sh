#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# vCenter and account are those of the variables of govc (GOVC_URL, …).
{% include "launch/head.sh" %}
is_there() {
  [ -n "$(govc find / -type m -name "$1")" ] && printf '%s\n' "a machine named $1 is there, and is left alone"
}
{% for machine in script.machines %}
is_there {{ machine.name }} || {
  govc vm.clone -vm {{ machine.value("image") }} -on=false \
    {{ machine.option_and("-net", "network") }} {{ machine.option_and("-pool", "pool") }} \
    {{ machine.option_and("-ds", "datastore") }} {{ machine.option_and("-folder", "folder") }} {{ machine.name }}
{%- if script.is_ignition() %}
  govc vm.change -vm {{ machine.name }} \
    -e guestinfo.ignition.config.data.encoding={% if machine.is_compressed() %}gzip+base64{% else %}base64{% endif %} \
    -f guestinfo.ignition.config.data="$PWD/{{ machine.file }}"
{%- else %}
  govc vm.change -vm {{ machine.name }} \
    -e guestinfo.userdata.encoding={% if machine.is_compressed() %}gzip+base64{% else %}base64{% endif %} \
    -f guestinfo.userdata="$PWD/{{ machine.file }}" \
    -e guestinfo.metadata.encoding=base64 \
    -f guestinfo.metadata="$PWD/{{ machine.name }}/meta-data"
{%- endif %}
  govc vm.power -on {{ machine.name }}
}
{% endfor %}
