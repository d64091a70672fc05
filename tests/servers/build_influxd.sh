#!/usr/bin/env bash
# usage: build_influxd.sh VERSION FILE
# Builds InfluxDB 2 from its released sources, without its pages, with Go and Rust. Takes minutes; wants 3 GB of caches.
set -euo pipefail
version=$1 target=$2
module=github.com/influxdata/influxdb/v2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Flux is in Rust. This wrapper of pkg-config has cargo build it, and must come first in PATH.
GOBIN=$work/bin go install github.com/influxdata/pkg-config@v0.2.7

# Flux denies warnings, and newer compilers warn of more.
cat > "$work/rustc" <<'WRAPPER'
#!/bin/sh
case " $* " in *" --cap-lints"*) exec "$@" ;; *) exec "$@" --cap-lints=warn ;; esac
WRAPPER
chmod +x "$work/rustc"

# `go install` refuses a module with replacements, so it is required from a module of our own.
mkdir "$work/module"
cd "$work/module"
printf 'module tools\n\ngo 1.23.0\n' > go.mod
printf '//go:build tools\n\npackage tools\n\nimport _ "%s/cmd/influxd"\n' "$module" > tools.go
go get "$module/cmd/influxd@v$version"
go mod tidy
PATH="$work/bin:$PATH" RUSTC_WRAPPER="$work/rustc" RUSTUP_TOOLCHAIN="${RUSTUP_TOOLCHAIN:-stable}" \
  go build -tags sqlite_foreign_keys,sqlite_json -ldflags "-s -w -X main.version=v$version" \
  -o "$work/influxd" "$module/cmd/influxd"
mv "$work/influxd" "$target"
