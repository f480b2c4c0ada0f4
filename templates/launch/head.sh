set -eu
cd "$(dirname -- "$0")"
{%- for line in script.variables %}
{{ line }}
{%- endfor %}
