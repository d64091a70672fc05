#!/usr/bin/env bash
# Bring back what deploy/backup.sh has kept.
#
#   deploy/restore.sh FOLDER/qianshao-TIME
#
# Nothing is touched unless the backup is whole, of this installation, and not of a newer program. Secrets and devices
# that are there stay as they are; on a new machine they are unpacked to where QIANSHAO_SECRETS and
# QIANSHAO_FLEET_FOLDER say. Ingest goes on meanwhile, and what it takes in is judged afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=deploy/common.sh
. deploy/common.sh

workers=(detect detect-2 detect-3 incidents series series-2 archive web)

manifest() {
    sed -n "s/^$1=//p" "$backup/MANIFEST"
}

check_whole() {
    [ -f "$backup/MANIFEST" ] || die "$backup is no backup"
    [ "$(head -n 1 "$backup/MANIFEST")" = "qianshao backup 1" ] || die "$backup is a backup of something else"
    [ -f "$backup/SHA256SUMS" ] || die "$backup was never finished"
    (cd "$backup" && sha256sum --check --quiet --strict SHA256SUMS >&2) || die "$backup is damaged"
}

check_ours() {
    compgen -G "alerts/store/migrations/versions/$(manifest schema)_*.py" >/dev/null || die "made by a newer program ($(manifest program)): get that first"
    [ ! -f "$secrets/installation" ] || [ "$(cat "$secrets/installation")" = "$(manifest installation)" ] ||
        die "of another installation: to take its place, move $secrets away"
}

# unpack ARCHIVE FOLDER, if there is no such folder.
unpack() {
    [ ! -d "$2" ] || return 0
    (umask 077 && mkdir -p "$2" && tar -C "$2" -xpzf "$1")
    echo "unpacked $2"
}

# Beside the old database first: one that cannot be restored whole costs nothing.
restore_database() {
    in_postgres dropdb --if-exists --force qianshao_restored
    in_postgres createdb -T template0 qianshao_restored
    in_postgres pg_restore --exit-on-error -d qianshao_restored <"$backup/database.dump"
    in_postgres dropdb --if-exists --force qianshao
    in_postgres psql -d postgres -qc 'alter database qianshao_restored rename to qianshao'
}

restore_series() {
    [ ! -d "$backup/series" ] || with_folder "$backup/series" qianshao series load /backup
}

restore_grafana() {
    in_grafana 'cat >/var/lib/grafana/grafana.db' <"$backup/grafana.db"
}

[ -d "${1:-}" ] || die "say which: deploy/restore.sh FOLDER/qianshao-TIME"
backup=$(cd "$1" && pwd)
find_folders
check_whole
check_ours
unpack "$backup/secrets.tar.gz" "$secrets"
unpack "$backup/fleet.tar.gz" "$fleet"
docker compose --profile scaled stop "${workers[@]}" grafana
docker compose up --detach --wait kafka postgres influxdb
docker compose run --rm --no-deps -T detect qianshao rewind # refused while a worker runs
restore_database
restore_series
restore_grafana
docker compose up --detach
echo "$(count_open_tickets) tickets are open, $(manifest open_tickets) were at $(manifest made)"
