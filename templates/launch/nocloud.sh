#!/bin/sh
# Makes a seed disk for each controller of {{ script.cluster }}: attach it as a second drive of the
# machine. An image can hold the two files in /var/lib/cloud/seed/nocloud instead.
{% include "launch/head.sh" %}
umask 077
seeds=${SEEDS:-$HOME/{{ script.cluster }}-seeds}
mkdir -p "$seeds"
{% for machine in script.machines %}
cloud-localds "$seeds/{{ machine.name }}.iso" {{ machine.name }}/user-data {{ machine.name }}/meta-data
{%- endfor %}
