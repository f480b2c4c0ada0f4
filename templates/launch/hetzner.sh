#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# The project is that of the active `hcloud context`.
{% include "launch/head.sh" %}
is_there() {
  hcloud server describe "$1" >/dev/null 2>&1 && printf '%s\n' "a machine named $1 is there, and is left alone"
}
# It starts when it has its address.
{% for machine in script.machines %}
is_there {{ machine.name }} || {
  hcloud server create --name {{ machine.name }} --start-after-create=false \
    --image {{ machine.value("image") }} --type {{ machine.value("machine_type") }} \
    {{ machine.option_and("--location", "region") }} {{ machine.option_and("--ssh-key", "ssh_key") }} \
    --user-data-from-file {{ machine.file }}
{%- if !machine.is_ipv6() %}
  hcloud server attach-to-network {{ machine.name }} \
    --network {{ machine.value("network") }} --ip {{ machine.address }}
{%- endif %}
  hcloud server poweron {{ machine.name }}
}
{% endfor %}
