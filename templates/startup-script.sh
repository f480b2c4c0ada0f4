#!/bin/sh
# {{ name }} becomes an etcd controller by itself. Made by firstboot; it holds a private key.
# Google's guest agent runs this on every boot, and only logs how it ends. So what was cut short
# is finished at the next boot; what bootstrap has seen whole is not touched again.
set -eu
export LC_ALL=C
umask 077 # a key is nobody else's from its first byte on

put() { # MODE PATH: its bytes from standard input, whole or not at all, and only if they differ
  dir=${2%/*}
  new=$dir/.firstboot
  [ -d "$dir" ] || (umask 022 && mkdir -p "$dir")
  rm -f "$new"
  cat >"$new"
  chmod "$1" "$new"
  if [ "$(look "$2")" = "$(look "$new")" ]; then
    rm "$new"
    return
  fi
  # An etcd that runs reads its key; all else is root's.
  [ "$1" != 0600 ] || [ ! -e "$2" ] || chown "$(stat -c %u:%g "$2")" "$new"
  mv -f "$new" "$2"
}

look() { { stat -c %a "$1" && sha256sum <"$1"; } 2>/dev/null; }

if ! grep -qs {{ delivery }} /var/lib/firstboot/delivered; then
{%- for file in files %}
{%- match file.content %}
{%- when Content::Text with (text) %}
put {{ file.mode }} {{ file.path }} <<'{{ file.end }}'
{{ text|safe }}{{ file.end }}
{%- when Content::Base64 with (text) %}
base64 -d <<'{{ file.end }}' | put {{ file.mode }} {{ file.path }}
{{ text.as_str()|safe }}
{{ file.end }}
{%- endmatch %}
{%- endfor %}
{%- if let Some(hostname) = hostname %}
grep -qsx {{ hostname }} /etc/hostname || hostnamectl set-hostname {{ hostname }} || :
{%- endif %}
sync
fi
{%- for command in start %}
{% for word in command %}{% if !loop.first %} {% endif %}{{ word }}{% endfor %}
{%- endfor %}
