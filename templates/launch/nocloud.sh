#!/bin/sh
# Puts the seed disk of each controller of {{ script.cluster }} where a hypervisor finds it: attach it as a
# second drive of the machine. An image can hold its files in /var/lib/cloud/seed/nocloud instead.
{% include "launch/head.sh" %}
seeds=${SEEDS:-$HOME/{{ script.cluster }}-seeds}
umask 077
mkdir -p "$seeds"
{% for machine in script.machines %}
install -m 0600 {{ machine.name }}/seed.iso "$seeds/{{ machine.name }}.iso"
{%- endfor %}
