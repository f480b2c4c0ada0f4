#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# Account and token are those of `linode-cli configure`. Nobody is told the root password: nobody
# needs it, and it can be reset.
{% include "launch/head.sh" %}
is_there() {
  [ -n "$(linode-cli linodes list --label "$1" --text --no-headers --format id)" ] &&
    printf '%s\n' "a machine named $1 is there, and is left alone"
}
{% for machine in script.machines %}
is_there {{ machine.name }} ||
linode-cli linodes create --label {{ machine.name }} \
  --region {{ machine.value("region") }} --type {{ machine.value("machine_type") }} --image {{ machine.value("image") }} \
  --root_pass "$(head -c 30 /dev/urandom | base64)" \
  --interfaces.purpose vpc --interfaces.primary true --interfaces.subnet_id {{ machine.value("subnet") }} \
{%- if !machine.is_ipv6() %}
  --interfaces.ipv4.vpc {{ machine.address }} \
{%- endif %}
  --interfaces.ipv4.nat_1_1 any \
  --metadata.user_data "$(cat {{ machine.file }})"
{% endfor %}
