#!/bin/sh
# Bundles are replaced while requests are drawn, by clipgen admin reload --wait: no request fails, old ones have the old
# model's bytes, new ones the new model's, and a bad bundle changes nothing. Several models, loaded on demand.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

PNG='Accept: image/png'

admin() {
    CLIPGEN_ADMIN=$ADMIN_URL "$BUILDDIR/clipgen" admin "$@"
}

# asks until the stop file is there; every answer must be 200
client() {
    i=0
    while [ ! -e "$WORK/stop" ]; do
        i=$((i + 1))
        status=$(post "{\"prompt\":\"a cat\",\"seed\":$1}" "$WORK/picture$1.png" -H "$PNG" --max-time 60) ||
            status="curl failed: $?"
        [ "$status" = 200 ] || echo "client $1, request $i: $status" >>"$WORK/wrong"
        cat "$WORK/picture$1.png" | sha256sum >>"$WORK/seen$1"
    done
}

# a bundle takes the place of another in one step, as an operator would do it
put_in_place() {
    ln -sfn "$1" "$WORK/next" && mv -T "$WORK/next" "$WORK/current"
}

tiny_bundle
mkdir "$WORK/other"
cp "$WORK/tiny"/* "$WORK/other"
sed -i 's/"temperature": *1\(\.0\)\{0,1\}\([,}]\)/"temperature": 0.5\2/' "$WORK/other/config.json"
cmp -s "$WORK/tiny/config.json" "$WORK/other/config.json" && fail "config.json has no temperature of 1"
mkdir "$WORK/bad"
cp "$WORK/tiny"/* "$WORK/bad"
printf 'broken' >"$WORK/bad/model.safetensors"
mkdir "$WORK/second"
cp "$WORK/tiny"/* "$WORK/second"
sed -i 's/"tiny"/"second"/' "$WORK/second/config.json"
put_in_place tiny

start_daemon "$WORK/current" --admin-listen 127.0.0.1:0 --bundles "$WORK/second" --cpu-threads 1
wait_log "administration on http"
ADMIN_URL=$(sed -n 's/.*administration on //p' "$WORK/log")
pids=
for c in 1 2 3; do
    client $c &
    pids="$pids $!"
done
for bundle in other tiny bad other; do
    sleep 0.3
    put_in_place $bundle
    if [ $bundle = bad ]; then
        admin reload --wait 2>"$WORK/err" && fail "a bad bundle was taken"
        grep -q 'nothing is changed: .*model.safetensors' "$WORK/err" || fail "it says: $(cat "$WORK/err")"
    else
        admin reload --wait >"$WORK/out" || fail "reload: $(cat "$WORK/log")"
        grep -q '^status: ok$' "$WORK/out" || fail "it says: $(cat "$WORK/out")"
    fi
done
sleep 0.3
touch "$WORK/stop"
# shellcheck disable=SC2086 # a list
wait $pids
[ ! -e "$WORK/wrong" ] || fail "$(cat "$WORK/wrong")"
for c in 1 2 3; do # two models, two pictures of a seed
    [ "$(sort -u "$WORK/seen$c" | wc -l)" -le 2 ] || fail "seed $c gave $(sort -u "$WORK/seen$c" | wc -l) pictures"
done
[ "$(sort -u "$WORK"/seen? | wc -l)" -gt 3 ] || fail "no request saw another model"
[ "$(grep -c 'models: tiny is loaded' "$WORK/log")" -ge 4 ] || fail "the bundle was not replaced"

# on demand
curl -fsS "$URL/v1/models" | grep -q '"second".*"state":"unloaded"' || fail "second is loaded"
[ "$(post '{"prompt":"a cat","model":"second"}' "$WORK/second.json")" = 200 ] || fail "second does not draw"
grep -q '"model":"second"' "$WORK/second.json" || fail "another model has drawn"
curl -fsS "$URL/v1/models" | grep -q '"second".*"state":"ready"' || fail "second is not ready"

# the other words of clipgen admin
admin log-level debug | grep -q '^level: debug$' || fail "log-level debug"
admin log-level | grep -q '^level: debug$' || fail "log-level"
admin log-level loud 2>"$WORK/err" && fail "log-level loud"
grep -q "'loud' is none of" "$WORK/err" || fail "it says: $(cat "$WORK/err")"
admin drain --wait | grep -q '^state: drained$' || fail "drain"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$URL/readyz")" = 503 ] || fail "drained, and ready"
[ "$(post '{"prompt":"a cat"}' /dev/null)" = 200 ] || fail "drained, and does not draw"
admin undrain >/dev/null
[ "$(curl -s -o /dev/null -w '%{http_code}' "$URL/readyz")" = 200 ] || fail "not ready again"
admin health | grep -q '^status: ok$' || fail "health"
admin reload | grep -q '^status: reloading$' || fail "reload without --wait"
admin nonsense 2>"$WORK/err" && fail "admin nonsense"
grep -q "unknown; there are reload" "$WORK/err" || fail "it says: $(cat "$WORK/err")"
kill -TERM "$DAEMON"
expect_exit 0
