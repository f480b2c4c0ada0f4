#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
{%- if script.is_cloud_config() %}
# user-data is for images with cloud-init, as Ubuntu's are. Google's images of Debian, RHEL,
# Rocky Linux and CentOS have none: name one as `image` in the manifest, and it is handed
# startup-script.
{%- endif %}
# Zone and project are those of `gcloud config` where nothing here says them.
{% include "launch/head.sh" %}
is_there() {
  gcloud compute instances describe "$@" --quiet >/dev/null 2>&1 &&
    printf '%s\n' "a machine named $1 is there, and is left alone"
}
# An image is PROJECT/FAMILY or a name; then comes what the client is told.
create() {
  image=$1
  shift
  case $image in
    */*) set -- "$@" --image-project="${image%%/*}" --image-family="${image#*/}" ;;
    *) set -- "$@" --image="$image" ;;
  esac
  gcloud compute instances create "$@"
}
{% for machine in script.machines %}
is_there {{ machine.name }} {{ machine.option("--zone", "zone") }} {{ machine.option("--project", "project") }} ||
create {{ machine.value("image") }} {{ machine.name }} \
  {{ machine.option("--zone", "zone") }} {{ machine.option("--project", "project") }} \
  --subnet={{ machine.value("subnet") }} \
  {% if machine.is_ipv6() -%}
  --stack-type=IPV4_IPV6 --internal-ipv6-address={{ machine.address }} \
  {%- else -%}
  --private-network-ip={{ machine.address }} \
  {%- endif %}
  --machine-type={{ machine.value("machine_type") }} \
{%- if machine.is_compressed() %}
  --metadata=user-data-encoding=base64 \
{%- endif %}
  --metadata-from-file={% if script.is_startup_script() %}startup-script{% else %}user-data{% endif %}={{ machine.file }}
{% endfor %}
