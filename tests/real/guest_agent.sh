#!/bin/bash
# Stands in for Google's guest agent: a copy of the script in /tmp, run by bash, its end only told.
dir=$(mktemp -d /tmp/metadata-scripts.XXXXXX)
install -m 0755 /var/lib/metadata/startup-script "$dir"
/bin/bash -c "$dir/startup-script"
echo "startup-script exit status $?" >>/var/log/startup-script
rm -r "$dir"
