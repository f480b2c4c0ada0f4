#!/bin/sh
# Creates the controllers of {{ cluster }}. Run it, or paste what you need of it.
# Region and account are those of the AWS CLI's configuration.
set -eu
cd "$(dirname -- "$0")"
: "${IMAGE_ID:?set IMAGE_ID to an image that has cloud-init, for example an Ubuntu AMI}"
: "${SUBNET_ID:?set SUBNET_ID to the subnet that holds the addresses of the controllers}"
{% for machine in machines %}
aws ec2 run-instances --image-id="$IMAGE_ID" --instance-type="${INSTANCE_TYPE:-t3.medium}" \
  --subnet-id="$SUBNET_ID" {{ machine.address|safe }} \
  --metadata-options=HttpTokens=required \
  --tag-specifications='ResourceType=instance,Tags=[{Key=Name,Value={{ machine.name }}}]' \
  --user-data=fileb://{{ machine.name }}/user-data
{% endfor %}
