#!/bin/sh
# Creates the controllers of {{ script.cluster }}. Run it, or paste what you need of it.
# Account and region are those of the AWS CLI's configuration where nothing here says them.
{% include "launch/head.sh" %}
# What holds an address in a subnet; an instance that is shut down for good does not.
is_there() {
  found=$(aws ec2 describe-instances "$@" --output=text \
    --query='Reservations[].Instances[].InstanceId') &&
    [ -n "$found" ] && printf '%s\n' "$found has this address, and is left alone"
}
{% for machine in script.machines %}
is_there {{ machine.option("--region", "region") }} --filters \
  Name=subnet-id,Values={{ machine.value("subnet") }} \
  Name={% if machine.is_ipv6() %}ipv6-address{% else %}private-ip-address{% endif %},Values={{ machine.address }} \
  Name=instance-state-name,Values=pending,running,stopping,stopped ||
aws ec2 run-instances {{ machine.option("--region", "region") }} \
  --image-id={{ machine.value("image") }} --instance-type={{ machine.value("machine_type") }} \
  --subnet-id={{ machine.value("subnet") }} {{ machine.option("--security-group-ids", "security_group") }} \
  {% if machine.is_ipv6() %}--ipv6-addresses=Ipv6Address={% else %}--private-ip-address={% endif %}{{ machine.address }} \
  --metadata-options=HttpTokens=required,HttpPutResponseHopLimit=1 \
  --tag-specifications='ResourceType=instance,Tags=[{Key=Name,Value={{ machine.name }}}]' \
  --user-data={% if machine.is_plain() %}file{% else %}fileb{% endif %}://{{ machine.file }}
{% endfor %}
