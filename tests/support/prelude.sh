# What every recipe of tests/support/sets.rs may use. All keys made here are thrown away.
# A certificate NAME stands in NAME.pem, its key in NAME-key.pem.

SAN='IP:127.77.0.1,IP:127.77.0.2,IP:127.0.0.1,IP:::1,DNS:localhost'
AUTHORITY='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash'
PLAIN='basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature'
BOTH='extendedKeyUsage=serverAuth,clientAuth'
LEAF="$PLAIN\n$BOTH\nsubjectAltName=$SAN"
HASH=-sha256
printf '[req]\ndistinguished_name=dn\n[dn]\n' > empty.cnf
export OPENSSL_CONF=$PWD/empty.cnf

# key NAME [KIND]
key() {
    case ${2:-P-256} in
    rsa-pss) openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 ;;
    [0-9]*) openssl genrsa "$2" ;;
    ed*) openssl genpkey -algorithm "$2" ;;
    dsa) openssl dsaparam -genkey 1024 | openssl pkcs8 -topk8 -nocrypt ;;
    *) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"${2:-P-256}" ;;
    esac > "$1-key.pem" 2> /dev/null
}

# root NAME SUBJECT EXTENSIONS: self-signed
root() {
    printf '[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=%s\n[ext]\n%b\n' "$2" "$3" > "$1.cnf"
    openssl req -x509 -new -key "$1-key.pem" -out "$1.pem" -days "${DAYS:-3650}" \
        -config "$1.cnf" -extensions ext "$HASH"
}

# issue NAME SUBJECT ISSUER EXTENSIONS
issue() {
    printf '%b\n' "$4" > "$1.ext"
    openssl req -new -key "$1-key.pem" -subj "/CN=$2" -out "$1.csr"
    # shellcheck disable=SC2086
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3-key.pem" -extfile "$1.ext" \
        -set_serial "${SERIAL:-0x4$(openssl rand -hex 7)}" -days "${DAYS:-365}" "$HASH" ${OPTIONS:-} -out "$1.pem" 2> /dev/null
}

# dated NAME SUBJECT ISSUER EXTENSIONS FROM TO: FROM and TO as in `date -d`; ISSUER may be itself
dated() {
    printf '[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[ext]\n%b\n' "$4" > "$1.cnf"
    : > index
    openssl rand -hex 8 > serial
    openssl req -new -key "$1-key.pem" -subj "/CN=$2" -out "$1.csr"
    if [ "$1" = "$3" ]; then set -- "$@" -selfsign; else set -- "$@" -cert "$3.pem"; fi
    openssl ca -batch -config "$1.cnf" -extensions ext -in "$1.csr" -out "$1.full" -keyfile "$3-key.pem" "${@:7}" \
        -startdate "$(date -u -d "$5" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$6" +%Y%m%d%H%M%SZ)" 2> /dev/null
    openssl x509 -in "$1.full" -out "$1.pem"
}

# good [KIND]: ca.pem, kubernetes.pem and their keys, nothing wrong with them
good() {
    begin
    if [ $# != 0 ] || [ "$HASH" != -sha256 ] || [ -n "${SERIAL:-}${DAYS:-}" ]; then
        root ca lab "$AUTHORITY"
        key kubernetes "${1:-}"
        issue kubernetes kubernetes ca "$LEAF"
    fi
}

# begin: a good set made once for all recipes, in BASE; what follows makes parts of it anew
begin() {
    if [ -n "${BASE:-}" ]; then
        cp "$BASE"/* .
    else
        key ca
        root ca lab "$AUTHORITY"
        key kubernetes
        issue kubernetes kubernetes ca "$LEAF"
    fi
}

# authority EXTENSIONS [KIND]: as good, but from a CA of these extensions
authority() {
    begin
    if [ $# = 2 ]; then key ca "$2"; fi
    root ca lab "$1"
    issue kubernetes kubernetes ca "$LEAF"
}

# leaf EXTENSIONS: as good, but a leaf of these extensions
leaf() {
    begin
    issue kubernetes kubernetes ca "$1"
}

# between [EXTENSIONS OF THE INTERMEDIATE]: as good, with an intermediate in intermediate.pem
between() {
    begin
    key intermediate
    issue intermediate between ca "${1:-$AUTHORITY}"
    issue kubernetes kubernetes intermediate "$LEAF"
}

# replace FILE: with what stands on standard input
replace() {
    cat > "$1.new"
    mv "$1.new" "$1"
}
