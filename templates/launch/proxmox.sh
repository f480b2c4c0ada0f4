#!/bin/sh
# Creates the controllers of {{ script.cluster }} on the Proxmox VE host where it runs. The storage of the
# snippets must allow them: pvesm set local --content …,snippets
from=$PWD
{% include "launch/head.sh" %}
is_there() {
  qm list | awk -v name="$1" '$2 == name { found = 1 } END { exit !found }' &&
    printf '%s\n' "a machine named $1 is there, and is left alone"
}
snippet() {
  path=$(pvesm path "$2")
  install -D -m 0600 "$1" "$path"
}
# An image is a path, also one from where this was called, or STORAGE:VOLUME.
image() {
  case $1 in
    /* | *:*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$from/$1" ;;
  esac
}
{% for machine in script.machines %}
is_there {{ machine.name }} || {
  snippet {{ machine.file }} {{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-user-data
{%- if !script.is_ignition() %}
  snippet {{ machine.name }}/meta-data {{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-meta-data
{%- endif %}
{%- if machine.has_network %}
  snippet {{ machine.name }}/network-config {{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-network-config
{%- endif %}
  id=$(pvesh get /cluster/nextid)
  qm create "$id" --name {{ machine.name }} --ostype l26 --serial0 socket \
    --memory {{ machine.value("memory") }} --cores {{ machine.value("cores") }} \
    --net0 virtio,bridge={{ machine.value("network") }} --scsihw virtio-scsi-pci --boot order=scsi0 \
    --scsi0 {{ machine.value("storage") }}:0,import-from="$(image {{ machine.value("image") }})" \
    --ide2 {{ machine.value("storage") }}:cloudinit \
    --ipconfig0 ip{% if machine.is_ipv6() %}6{% endif %}={{ machine.address }}/{{ machine.value("prefix") }}{{ machine.option(machine.gateway(), "gateway") }} \
{%- if script.is_ignition() %}
    --cicustom user={{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-user-data
{%- else %}
    --cicustom user={{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-user-data,meta={{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-meta-data{% if machine.has_network %},network={{ machine.value("snippets") }}:snippets/{{ script.cluster }}-{{ machine.name }}-network-config{% endif %}
{%- endif %}
  qm start "$id"
}
{% endfor %}
