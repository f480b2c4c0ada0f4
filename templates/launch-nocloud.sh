#!/bin/sh
# Makes a seed disk for each controller of {{ cluster }}: attach it as a second drive of the
# machine. An image can hold the two files in /var/lib/cloud/seed/nocloud instead.
set -eu
cd "$(dirname -- "$0")"
umask 077
seeds=${SEEDS:-$HOME/{{ cluster }}-seeds}
mkdir -p "$seeds"
{% for machine in machines %}
cloud-localds "$seeds/{{ machine.name }}.iso" {{ machine.name }}/user-data {{ machine.name }}/meta-data
{%- endfor %}
