#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# The subscription is that of `az account`.
{% include "launch/head.sh" %}
is_there() {
  az vm show "$@" --output=none 2>/dev/null && printf '%s\n' "a machine named $2 is there, and is left alone"
}
{% for machine in script.machines %}
is_there --name {{ machine.name }} --resource-group {{ machine.value("resource_group") }} ||
az vm create --name {{ machine.name }} --resource-group {{ machine.value("resource_group") }} \
  --image {{ machine.value("image") }} --size {{ machine.value("machine_type") }} {{ machine.option_and("--zone", "zone") }} \
  --subnet {{ machine.value("subnet") }} {{ machine.option_and("--vnet-name", "vnet") }} \
{%- if !machine.is_ipv6() %}
  --private-ip-address {{ machine.address }} \
{%- endif %}
  --public-ip-address '' --nsg '' --generate-ssh-keys \
  --custom-data {{ machine.file }}
{% endfor %}
