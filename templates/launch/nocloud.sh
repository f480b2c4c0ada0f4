#!/bin/sh
# Puts the seed disk of each controller of {{ script.cluster }} where a hypervisor finds it: attach it as a
# second drive of the machine. An image can hold its files in /var/lib/cloud/seed/nocloud instead.
# SEEDS names another directory than the one in HOME.
set -eu
if [ -n "${SEEDS:-}" ]; then
  seeds=$SEEDS
elif [ -n "${HOME:-}" ]; then
  seeds=$HOME/{{ script.cluster }}-seeds
else
  echo "set SEEDS, the directory for the seed disks: there is no HOME" >&2
  exit 2
fi
case $seeds in
  /*) ;;
  *) seeds=$PWD/$seeds ;;
esac
cd "$(dirname -- "$0")"
umask 077
mkdir -p "$seeds"
seed() {
  install -m 0600 "$1/seed.iso" "$seeds/$1.iso"
  printf '%s\n' "$seeds/$1.iso"
}
{% for machine in script.machines %}
seed {{ machine.name }}
{%- endfor %}
echo "next: attach each as a second drive (CD-ROM) of its machine, and start the machines"
