#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# DigitalOcean chooses the private addresses: a machine that has another one than the manifest
# gives it waits for that, and says so. The account is that of `doctl auth`.
{% include "launch/head.sh" %}
is_there() {
  [ -n "$(doctl compute droplet list "$1" --format ID --no-header)" ] &&
    printf '%s\n' "a machine named $1 is there, and is left alone"
}
{% for machine in script.machines %}
is_there {{ machine.name }} ||
doctl compute droplet create {{ machine.name }} --wait \
  --image {{ machine.value("image") }} --size {{ machine.value("machine_type") }} \
  {{ machine.option_and("--region", "region") }} {{ machine.option_and("--vpc-uuid", "network") }} \
  {{ machine.option_and("--ssh-keys", "ssh_key") }} --user-data-file {{ machine.file }}
{% endfor %}
