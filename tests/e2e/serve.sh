#!/bin/sh
# The real daemon and the real client on a bundle: pictures, errors, same bytes under load, clients
# that leave, end by signal.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

PNG='Accept: image/png'
LONG='{"prompt":"a cat","n":16,"candidates":64,"guidance_scale":2}'

# Until the device works on something.
wait_rows() {
    for _ in $(seq 200); do
        [ "$(metric clipgen_rows_used)" = 0 ] || return 0
    done
    fail "nothing is drawn"
}

is_png() {
    [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] || fail "$1 is no PNG"
}

prompt_of() {
    printf '{"prompt":"a cat number %s","seed":%s,"n":%s}' "$1" "$1" "$(($1 % 3 + 1))"
}

test_pictures() {
    [ "$(post '{"prompt":"a cat","seed":7}' "$WORK/a.png" -H "$PNG")" = 200 ] || fail "no picture"
    is_png "$WORK/a.png"
    post '{"prompt":"a cat","seed":7}' "$WORK/b.png" -H "$PNG" >/dev/null
    cmp "$WORK/a.png" "$WORK/b.png" || fail "the same seed gives other bytes"
    post '{"prompt":"a cat","seed":8}' "$WORK/b.png" -H "$PNG" >/dev/null
    cmp -s "$WORK/a.png" "$WORK/b.png" && fail "another seed gives the same picture"
    post '{"prompt":"a red apple","seed":7}' "$WORK/b.png" -H "$PNG" >/dev/null
    cmp -s "$WORK/a.png" "$WORK/b.png" && fail "another prompt gives the same picture"
    [ "$(post '{"prompt":"a cat","n":2,"candidates":5,"return":["tokens"]}' "$WORK/a.json")" = 200 ] ||
        fail "no JSON answer"
    [ "$(grep -o b64_json "$WORK/a.json" | wc -l)" = 2 ] || fail "not two pictures"
}

test_errors() {
    [ "$(post '{"prompt":"a cat","n":17}' "$WORK/e.json")" = 400 ] || fail "n = 17 was taken"
    printf '%s\n' '{"error":{"message":"n: 17 is outside 1..16","type":"invalid_request_error","param":"n","code":"invalid_value"}}' |
        diff - "$WORK/e.json" || fail "other words"
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "$URL/nowhere")" = 404 ] || fail "not 404"
    [ "$(post "{\"prompt\":\"$(head -c 33000 /dev/zero | tr '\0' a)\"}" "$WORK/e.json")" = 400 ] ||
        fail "a long prompt was taken"
}

test_ten_clients() {
    for i in 1 2 3 4 5 6 7 8 9 10; do
        post "$(prompt_of $i)" "$WORK/alone$i.png" -H "$PNG" >/dev/null
    done
    pids=
    for i in 1 2 3 4 5 6 7 8 9 10; do
        post "$(prompt_of $i)" "$WORK/crowd$i.png" -H "$PNG" >"$WORK/status$i" &
        pids="$pids $!"
    done
    # shellcheck disable=SC2086 # a list
    wait $pids
    for i in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(cat "$WORK/status$i")" = 200 ] || fail "client $i got $(cat "$WORK/status$i")"
        cmp "$WORK/alone$i.png" "$WORK/crowd$i.png" || fail "client $i got other bytes in company"
    done
}

test_client_leaves() {
    before=$(metric clipgen_client_aborts_total)
    curl -sS -o /dev/null -H 'Content-Type: application/json' -d "$LONG" "$URL/v1/generate" &
    client=$!
    wait_rows
    kill "$client"
    wait "$client" || true
    wait_metric clipgen_client_aborts_total $((before + 1))
    wait_metric clipgen_rows_used 0
    wait_metric clipgen_queue_pictures 0
}

test_command_line() (
    CLIPGEN_SERVER=$URL
    export CLIPGEN_SERVER
    cd "$WORK"
    PATH=$(cd "$OLDPWD" && cd "$BUILDDIR" && pwd):$PATH
    clipgen generate "A Cat, sleeping!" --seed 7 >out || fail "clipgen generate"
    is_png a-cat-sleeping.png
    grep -q '^a-cat-sleeping.png  seed 7  score ' out || fail "it says: $(cat out)"
    clipgen generate "a cat" -o cat.png -n 4 --seed 7 --guidance 1.5 --candidates 6 >out
    for i in 1 2 3 4; do is_png cat-$i.png; done
    [ -e cat-5.png ] && fail "five pictures"
    clipgen generate --image cat-1.png -o alike.png >out && is_png alike.png
    clipgen generate "a cat" --image cat-1.png --image-weight 0.3 --negative "a hat" --guidance 2 -o mix.webp --quality 80 >out
    [ "$(head -c 12 mix.webp | tail -c 4)" = WEBP ] || fail "mix.webp is no WebP"
    clipgen generate "a cat" --format jpeg >out
    [ "$(head -c 3 a-cat.jpeg | od -An -tx1 | tr -d ' ')" = ffd8ff ] || fail "a-cat.jpeg is no JPEG"
    clipgen generate "a cat" --negative "a hat" --guidance 1 2>err && fail "a negative prompt without guidance"
    [ "$(cat err)" = "clipgen: negative_prompt: has no effect without guidance; guidance_scale is 1" ] || fail "it says: $(cat err)"
    clipgen generate "a cat" --image cat-1.png --image-weight 2 2>err && fail "an image weight of 2"
    [ "$(cat err)" = "clipgen: image-weight: 2 is outside 0..1" ] || fail "it says: $(cat err)"
    clipgen models | grep -q '^object: model$' || fail "clipgen models"
    clipgen health | grep -q '^status: ok$' || fail "clipgen health"
    clipgen generate "a cat" -n 17 2>err && fail "n = 17 was taken"
    [ "$(cat err)" = "clipgen: n: 17 is outside 1..16" ] || fail "it says: $(cat err)"
    clipgen generate "a cat" -o nowhere/cat.png 2>err && fail "a picture in a folder that is not there"
    [ "$(cat err)" = "clipgen: nowhere/cat.png: No such file or directory" ] || fail "it says: $(cat err)"
    clipgen generate "a cat" --server http://127.0.0.1:1 2>err && fail "a picture from nobody"
    grep -q 'start one with `clipgend' err || fail "it says: $(cat err)"
)

# What runs is finished and answered; then the end is a good one.
test_drain() {
    post "$LONG" "$WORK/last.json" >"$WORK/status" &
    client=$!
    wait_rows
    kill -TERM "$DAEMON"
    wait "$client"
    [ "$(cat "$WORK/status")" = 200 ] || fail "drain answered $(cat "$WORK/status")"
    [ "$(grep -o b64_json "$WORK/last.json" | wc -l)" = 16 ] || fail "not sixteen pictures"
    expect_exit 0
}

# Whoever asks twice does not want to wait.
test_second_signal() {
    post "$LONG" "$WORK/last.json" >"$WORK/status" &
    client=$!
    wait_rows
    kill -TERM "$DAEMON"
    sleep 0.1
    kill -TERM "$DAEMON" 2>/dev/null || true
    wait "$client"
    expect_exit 0
    case $(cat "$WORK/status") in
    503 | 200) ;; # 200: a fast machine was done before the second signal
    *) fail "a second signal answered $(cat "$WORK/status")" ;;
    esac
}

run_all() {
    echo "bundle $1"
    start_daemon "$1" --admin-listen 127.0.0.1:0 --drain-s 3600 # however slow the machine is
    test_pictures
    test_errors
    test_ten_clients
    test_client_leaves
    test_command_line
    test_drain
    start_daemon "$1"
    test_second_signal
}

# Pictures alone: a sanitizer makes a bundle of real size ten times slower, and the tiny one went all the way.
run_brief() {
    echo "bundle $1, pictures only: CLIPGEN_TEST_BRIEF is set"
    start_daemon "$1"
    test_pictures
    kill -TERM "$DAEMON"
    expect_exit 0
}

tiny_bundle
run_all "$WORK/tiny"
if [ "${CLIPGEN_TEST_BRIEF:-}" ]; then
    run_brief "$SRCDIR/models/emoji-64"
else
    run_all "$SRCDIR/models/emoji-64"
fi
