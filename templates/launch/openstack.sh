#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# Cloud and project are those of `OS_CLOUD` or of the other variables of the client.
{% include "launch/head.sh" %}
is_there() {
  openstack server show "$1" >/dev/null 2>&1 && printf '%s\n' "a machine named $1 is there, and is left alone"
}
{% for machine in script.machines %}
is_there {{ machine.name }} ||
openstack server create {{ machine.name }} --wait \
  --image {{ machine.value("image") }} --flavor {{ machine.value("machine_type") }} \
  {{ machine.option_and("--availability-zone", "zone") }} {{ machine.option_and("--security-group", "security_group") }} \
  --nic net-id={{ machine.value("network") }},{% if machine.is_ipv6() %}v6{% else %}v4{% endif %}-fixed-ip={{ machine.address }} \
  --user-data {{ machine.file }}
{% endfor %}
