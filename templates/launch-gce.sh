#!/bin/sh
# Creates the controllers of {{ cluster }}. Run it, or paste what you need of it.
# The image must have cloud-init (Ubuntu has it; Google's Debian, RHEL and Rocky images have not).
# Zone, region and project are those of `gcloud config`.
set -eu
cd "$(dirname -- "$0")"
: "${SUBNET:?set SUBNET to the subnet that holds the addresses of the controllers}"
{% for machine in machines %}
gcloud compute instances create {{ machine.name }} \
  --subnet="$SUBNET" {{ machine.address|safe }} \
  --machine-type="${MACHINE_TYPE:-e2-standard-2}" \
  --image-project="${IMAGE_PROJECT:-ubuntu-os-cloud}" \
  --image-family="${IMAGE_FAMILY:-ubuntu-2404-lts-amd64}" \
{%- if let Some(companion) = machine.companion %}
  --metadata={{ companion }} \
{%- endif %}
  --metadata-from-file=user-data={{ machine.name }}/user-data
{% endfor %}
