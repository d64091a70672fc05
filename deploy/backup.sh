#!/usr/bin/env bash
# A backup of everything that cannot be made again, while the system runs.
#
#   deploy/backup.sh FOLDER [--without-series]
#
# It makes FOLDER/qianshao-TIME: the database, the series, secrets, devices, and users and stars of Grafana, which is away
# for some seconds. Keep FOLDER as you keep passwords, and on another machine. A backup that has not been finished has a
# name that begins with a dot.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=deploy/common.sh
. deploy/common.sh

dump_database() {
    in_postgres pg_dump -d qianshao -Fc >"$draft/database.dump"
}

copy_series() {
    mkdir "$draft/series"
    with_folder "$draft/series" qianshao series save /backup
}

pack_folders() {
    tar -C "$secrets" -czf "$draft/secrets.tar.gz" .
    tar -C "$fleet" -czf "$draft/fleet.tar.gz" .
}

copy_grafana() {
    local copied=yes
    docker compose stop grafana
    in_grafana 'cat /var/lib/grafana/grafana.db' >"$draft/grafana.db" || copied=
    docker compose start grafana
    [ -n "$copied" ] || die "Grafana's database could not be copied"
}

write_manifest() {
    cat >"$draft/MANIFEST" <<END
qianshao backup 1
made=$(date -u +%Y-%m-%dT%H:%M:%SZ)
program=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
schema=$(in_postgres psql -d qianshao -tAc 'select version_num from alembic_version')
installation=$(cat "$secrets/installation")
open_tickets=$(count_open_tickets)
END
}

# Written last: a folder without it is no backup.
write_checksums() {
    local sums
    sums=$(cd "$draft" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
    echo "$sums" >"$draft/SHA256SUMS"
}

[ $# -ge 1 ] || die "say where to: deploy/backup.sh FOLDER"
find_folders
umask 077
mkdir -p "$1"
name=qianshao-$(date -u +%Y%m%dT%H%M%SZ)
target=$(cd "$1" && pwd)/$name
draft=$(dirname "$target")/.$name
mkdir "$draft"
dump_database
[ "${2:-}" = --without-series ] || copy_series
pack_folders
copy_grafana
write_manifest
write_checksums
mv "$draft" "$target"
echo "$target"
