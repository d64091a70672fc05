#!/usr/bin/env bash
# Make the secrets that docker-compose.yml asks for. What is there already stays as it is.
#
#   deploy/make-secrets.sh [--host NAME]... [--simulate]   passwords, and a CA of our own with a certificate for NAMEs
#   deploy/make-secrets.sh --device ID...                  a password for each device; printed, and kept only as a hash
#
# The CA is for trying and for closed networks. With a certificate from elsewhere, put it in place of
# mosquitto/server.crt and server.key, and its CA in place of ca.crt. QIANSHAO_SECRETS names another folder.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${QIANSHAO_SECRETS:-$here/secrets}
image=eclipse-mosquitto:2.0.22
broker_files=$folder/mosquitto

die() {
    echo "make-secrets: $1" >&2
    exit 1
}

random_password() {
    openssl rand -hex 24
}

# Turn the lines of name:password in $work/new into lines of name:hash.
hash_passwords() {
    if command -v mosquitto_passwd >/dev/null; then
        mosquitto_passwd -U "$work/new"
    elif docker version >/dev/null 2>&1; then
        docker run --rm --user "$(id -u):$(id -g)" --volume "$work:/passwords" --entrypoint mosquitto_passwd "$image" -U /passwords/new
    else
        die "needs mosquitto_passwd (apt-get install mosquitto) or Docker"
    fi
}

# Give users of the broker the passwords in $work/new, in place of those that they have.
set_passwords() {
    hash_passwords
    touch "$broker_files/passwords"
    awk -F: 'NR == FNR { new[$1]; next } !($1 in new)' "$work/new" "$broker_files/passwords" >"$work/all"
    cat "$work/new" >>"$work/all"
    chmod 0444 "$work/all"
    mv -f "$work/all" "$broker_files/passwords"
}

make_certificates() {
    [ -f "$broker_files/server.crt" ] && return
    local names=DNS:mosquitto,DNS:localhost,IP:127.0.0.1 host
    for host in "$@"; do
        case $host in *[!0-9.]*) names+=,DNS:$host ;; *) names+=,IP:$host ;; esac
    done
    local curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    openssl req -x509 "${curve[@]}" -days 3650 -subj "/CN=Qianshao CA" -keyout "$folder/ca.key" -out "$folder/ca.crt" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    openssl req "${curve[@]}" -subj "/CN=mosquitto" -keyout "$broker_files/server.key" -out "$work/csr" 2>/dev/null
    printf '%s\n' "subjectAltName=$names" basicConstraints=CA:FALSE keyUsage=critical,digitalSignature \
        extendedKeyUsage=serverAuth authorityKeyIdentifier=keyid >"$work/extensions"
    openssl x509 -req -in "$work/csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAserial "$work/serial" -CAcreateserial \
        -days 825 -extfile "$work/extensions" -out "$broker_files/server.crt" 2>/dev/null
    echo "certificate for $names"
}

# A user of the broker, and the settings of the process that is it.
make_user() {
    local user=$1 settings=$2 password
    [ -f "$settings" ] && return
    password=$(random_password)
    echo "$user:$password" >"$work/new"
    set_passwords
    cat >"$settings" <<END
database = "postgresql+pg8000://qianshao:$(cat "$folder/postgres-password")@postgres/qianshao"

[mqtt]
username = "$user"
password = "$password"
END
    echo "user $user"
}

make_health_user() {
    [ -f "$broker_files/health-password" ] && return
    random_password >"$work/health"
    echo "_health:$(cat "$work/health")" >"$work/new"
    set_passwords
    mv "$work/health" "$broker_files/health-password"
}

add_devices() {
    [ -f "$broker_files/passwords" ] || die "run it without --device first"
    local device
    for device in "$@"; do
        [[ $device =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] || die "$device is no device id"
        echo "$device:$(random_password)" >>"$work/new"
    done
    cp "$work/new" "$work/plain"
    set_passwords
    cat "$work/plain"
    echo "now: docker compose kill -s HUP mosquitto" >&2
}

hosts=()
simulate=
command -v openssl >/dev/null || die "needs openssl"
mkdir -p "$broker_files"
# Other users of this machine stop at the folder; users inside the containers, who have other numbers, see the files.
chmod 0700 "$folder"
umask 022
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
while [ $# -gt 0 ]; do
    case $1 in
        --host) hosts+=("${2:?--host needs a name}") && shift 2 ;;
        --simulate) simulate=yes && shift ;;
        --device) shift && add_devices "$@" && exit ;;
        *) die "what is $1? See the head of $0" ;;
    esac
done

[ -f "$folder/postgres-password" ] || random_password >"$folder/postgres-password"
make_certificates "${hosts[@]}"
make_health_user
make_user _ingest "$folder/qianshao.toml"
[ -z "$simulate" ] || make_user _simulator "$folder/simulate.toml"
chmod 0755 "$broker_files"
chmod 0600 "$folder/ca.key"
chmod 0444 "$broker_files"/* "$folder"/*.toml "$folder/ca.crt" "$folder/postgres-password"
echo "secrets are in $folder; tell compose: QIANSHAO_SECRETS=$folder"
