#!/bin/sh
# The systemd units: without mistakes, and locked up as tightly as they shall be.
set -eu
SRCDIR=${SRCDIR:-.}
command -v systemd-analyze >/dev/null || { echo "skipped: no systemd-analyze"; exit 77; }
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

for unit in clipgend clipgend-tcp; do # a program that is there on every machine
    sed 's,@bindir@/clipgend\{0\,1\} ,/bin/true ,' "$SRCDIR/systemd/$unit.service.in" >"$WORK/$unit.service"
done
cp "$SRCDIR"/systemd/*.socket "$WORK"
cd "$WORK"
systemd-analyze verify --man=no ./*.service ./*.socket >verify 2>&1 || { cat verify; exit 1; }

# at_most UNIT TENTHS: its exposure
at_most() {
    systemd-analyze security --offline=yes --threshold="$2" "./$1" >security 2>&1 && return
    grep -E '✗|exposure' security
    echo "FAILED: $1 is more exposed than $2 tenths"
    exit 1
}
at_most clipgend.service 7
at_most clipgend-tcp.service 16
