# Its cluster ID: {{ script.cluster_id }}
{%- if let Some(lock) = script.lock %}
# Its lock: {{ lock }}
{%- endif %}
set -eu
{%- for (client, is) in script.clients %}
command -v {{ client }} >/dev/null || {
  echo install {{ client }}, {{ is }} >&2
  exit 127
}
{%- endfor %}
{%- for line in script.variables.set %}
{{ line }}
{%- endfor %}
{%- if !script.variables.asked.is_empty() %}
missing=
{%- for (variable, ask) in script.variables.asked %}
[ -n "${ {{- variable -}} :-}" ] || missing="$missing
  {{ ask }}"
{%- endfor %}
[ -z "$missing" ] || {
  printf '%s\n' "set:$missing" >&2
  exit 2
}
{%- endif %}
{%- if let Some(used) = script.variables.used %}
printf 'using%s\n' "{{ used }}"
{%- endif %}
{%- if let Some((unix, moment)) = script.begins_until %}
[ "$(date +%s)" -lt {{ unix }} ] || {
  echo 'note: since {{ moment }} machines join this cluster, and begin none; for a new one, run'
  echo 'firstboot pin --genesis-window 24h, render, and create all machines again'
} >&2
{%- endif %}
cd "$(dirname -- "$0")"
