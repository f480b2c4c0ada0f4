#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# Tenancy and region are those of `oci setup config` where nothing here says them.
{% include "launch/head.sh" %}
is_there() {
  found=$(oci compute instance list "$@" --raw-output \
    --query="data[?\"lifecycle-state\" != 'TERMINATED'].id | [0]") &&
    [ -n "$found" ] && printf '%s\n' "a machine of this name is there, and is left alone: $found"
}
{% for machine in script.machines %}
is_there {{ machine.option_and("--region", "region") }} --compartment-id {{ machine.value("compartment") }} \
  --display-name {{ machine.name }} ||
oci compute instance launch {{ machine.option_and("--region", "region") }} \
  --compartment-id {{ machine.value("compartment") }} --display-name {{ machine.name }} \
  --availability-domain {{ machine.value("zone") }} --image-id {{ machine.value("image") }} \
  --shape {{ machine.value("machine_type") }} \
  --shape-config '{"ocpus": '{{ machine.value("ocpus") }}', "memoryInGBs": '{{ machine.value("memory") }}'}' \
{%- if machine.is_ipv6() %}
  --subnet-id {{ machine.value("subnet") }} \
{%- else %}
  --subnet-id {{ machine.value("subnet") }} --private-ip {{ machine.address }} \
{%- endif %}
  --user-data-file {{ machine.file }}
{% endfor %}
