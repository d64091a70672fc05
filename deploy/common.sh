# shellcheck shell=bash
# What backup.sh and restore.sh have in common. They are run in the checkout, and need Docker Compose 2.

die() {
    echo "$(basename "$0" .sh): $1" >&2
    exit 1
}

# A variable as docker compose is told it: by the environment, or by .env.
told() {
    printenv "$1" || sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1
}

# Secrets and devices: two folders of this machine.
find_folders() {
    secrets=$(told QIANSHAO_SECRETS) && fleet=$(told QIANSHAO_FLEET_FOLDER)
    [ -n "$secrets" ] || die "say where secrets are: QIANSHAO_SECRETS"
    [ -n "$fleet" ] || die "say where devices are: QIANSHAO_FLEET_FOLDER"
}

# A program of PostgreSQL, beside the server.
in_postgres() {
    # shellcheck disable=SC2016  # for the shell in there
    docker compose exec -T postgres \
        sh -c 'PGPASSWORD=$(cat /run/secrets/postgres-password) exec "$0" -h 127.0.0.1 -U qianshao "$@"' "$@"
}

# A command of ours with a folder of this machine as /backup, as whoever owns it.
with_folder() {
    docker compose run --rm --no-deps -T --user "$(id -u):$(id -g)" --volume "$1:/backup" series "${@:2}"
}

# What a shell does to Grafana's files, while Grafana is stopped.
in_grafana() {
    docker compose run --rm --no-deps -T --entrypoint sh grafana -c "$1"
}

count_open_tickets() {
    in_postgres psql -d qianshao -tAc \
        "select count(*) from tickets where state not in ('closed', 'merged', 'void')"
}
