#!/bin/sh
# Every limit of a request, one step beyond it: the status and the exact words. And what a full house says, and when
# it says to come again.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

LONG='{"prompt":"a cat","n":16,"candidates":64,"guidance_scale":2}'

# many N TEXT: N times the text, with commas between
many() { yes "$2" | head -n "$1" | paste -sd, -; }

# bytes N: so many letters
bytes() { head -c "$1" /dev/zero | tr '\0' a; }

# refused PATH JSON STATUS WORDS [curl flags]
refused() {
    path=$1 json=$2 want=$3 words=$4
    shift 4
    printf %s "$json" >"$WORK/request"
    status=$(curl -sS -D "$WORK/head" -o "$WORK/body" -w '%{http_code}' -H 'Content-Type: application/json' \
        --data-binary "@$WORK/request" "$@" "$URL$path")
    said=$(sed 's/^{"error":{"message":"//; s/","type":.*//' "$WORK/body")
    [ "$status" = "$want" ] && [ "$said" = "$words" ] || fail "$path $(head -c 100 "$WORK/request"): $status $said"
}

# generate FIELDS STATUS WORDS: beside a prompt
generate() { refused /v1/generate "{\"prompt\":\"a cat\",$1}" "$2" "$3"; }

# picture SIDE: base64 of a PNG of so many pixels each way
picture() {
    python3 - "$1" <<'PYTHON'
import base64, struct, sys, zlib
side = int(sys.argv[1])
def chunk(name, data): return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
print(base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) +
      chunk(b"IDAT", zlib.compress((b"\0" + b"\x80" * side) * side)) + chunk(b"IEND", b"")).decode())
PYTHON
}

test_fields() {
    generate '"n":0' 400 "n: 0 is outside 1..16"
    generate '"n":17' 400 "n: 17 is outside 1..16"
    generate '"candidates":65' 400 "candidates: 65 is outside 1..64"
    generate '"n":4,"candidates":3' 400 "candidates: 3 is outside 4..64: n is 4"
    generate '"seed":-1' 400 "seed: -1 is outside 0..9007199254740991"
    generate '"seed":9007199254740992' 400 "seed: 9007199254740992 is outside 0..9007199254740991"
    generate '"temperature":10.5' 400 "temperature: 10.5 is outside 0..10"
    generate '"top_k":65537' 400 "top_k: 65537 is outside 0..65536"
    generate '"top_p":1.5' 400 "top_p: 1.5 is outside 0..1"
    generate '"guidance_scale":20.5' 400 "guidance_scale: 20.5 is outside 1..20"
    generate '"output_format":"gif"' 400 "output_format: 'gif' is none of png|jpeg|webp"
    generate '"quality":101' 400 "quality: 101 is outside 1..100"
    generate '"partial_images":9,"stream":true' 400 "partial_images: 9 is outside 0..8"
    generate '"priority":"now"' 400 "priority: 'now' is none of high|normal|low"
    generate '"timeout_ms":0' 400 "timeout_ms: 0 is outside 1..86400000"
    generate '"timeout_ms":300001' 400 "timeout_ms: 300001 is outside 1..300000, the daemon's timeout_s"
    generate "\"model\":\"$(bytes 64)\"" 400 "model: 64 bytes is outside 0..63"
    generate '"return":["words"]' 400 "return: 'words' is none of tokens|scores|embedding"
    refused /v1/generate '{"prompt":""}' 400 "prompt: 0 bytes is outside 1..32000"
    refused /v1/generate "{\"prompt\":\"$(bytes 32001)\"}" 400 "prompt: 32001 bytes is outside 1..32000"
    refused /v1/generate "{\"prompt\":[$(many 17 '"a"')]}" 400 "prompt: a list of 17 is outside 1..16"
    refused /v1/generate "{\"prompt\":[$(many 16 '"a cat"')],\"n\":5}" 400 \
        "n: 5 of each of 16 prompts are 80 pictures, more than 64"
    refused /v1/generate "{\"mix\":[$(many 9 '{"text":"a"}')]}" 400 "mix: a list of 9 is outside 1..8"
    refused /v1/generate '{"mix":[{"text":"a","weight":11}]}' 400 "mix[0]: weight: 11 is outside -10..10"
    refused /v1/embeddings "{\"input\":[$(many 33 '"a"')]}" 400 "input: a list of 33 is outside 1..32"
    refused /v1/images/generations '{"prompt":"a cat","output_compression":101}' 400 \
        "output_compression: 101 is outside 0..100"
    refused /sdapi/v1/txt2img '{"prompt":"a cat","batch_size":5,"n_iter":4}' 400 \
        "batch_size: 5 times n_iter 4 are 20 pictures, more than 16"
}

test_shapes() {
    refused /v1/generate "$(yes '[' | head -n 9 | tr -d '\n')" 400 "body: nested deeper than 8"
    refused /v1/generate '{"prompt":"a cat","promt":1}' 400 "promt: unknown field; did you mean prompt?"
    refused /v1/generate "{\"prompt\":\"a cat\",\"user\":\"$(bytes 70000)\"}" 413 "body: 70028 bytes are over the limit of 65536"
    refused /v1/generate '{"prompt":"a cat"}' 400 "Idempotency-Key: 256 bytes is outside 1..255" -H "Idempotency-Key: $(bytes 256)"
    refused /v1/decode '{"tokens":[1,2,3]}' 400 "tokens: 3 tokens; a picture of this model has 64"
    command -v python3 >/dev/null || { echo "skipped: the limit of pixels: there is no python3"; return 0; }
    refused /v1/generate "{\"image\":\"$(picture 32)\"}" 413 "image: png: 32 x 32 is 1024 pixels, more than 1000"
    [ "$(post "{\"image\":\"$(picture 31)\"}" "$WORK/body")" = 200 ] || fail "31 x 31 pixels: $(cat "$WORK/body")"
}

# ask_at_once N: so many large requests, their statuses in statuses, answers in full1..., headers in head1...
ask_at_once() {
    printf %s "$LONG" >"$WORK/request"
    for i in $(seq "$1"); do
        [ "$i" = 1 ] || echo next
        printf 'url = %s/v1/generate\nheader = "Content-Type: application/json"\ndata = @%s\n' "$URL" "$WORK/request"
        printf 'output = %s\ndump-header = %s\nwrite-out = "%%{http_code}\\n"\n' "$WORK/full$i" "$WORK/head$i"
    done >"$WORK/curl"
    curl -sS -Z --no-progress-meter --parallel-immediate --parallel-max "$1" -K "$WORK/curl" >"$WORK/statuses"
}

# Each is 64 pictures, and 128 may wait: some are drawn, and the others are told when to come again.
test_full() {
    ask_at_once 12
    grep -qx 200 "$WORK/statuses" || fail "none is drawn: $(cat "$WORK/full1")"
    grep -qvx "200\|$1" "$WORK/statuses" && fail "statuses: $(sort "$WORK/statuses" | uniq -c)"
    refused=$(grep -cx "$1" "$WORK/statuses") || fail "none is sent away"
    for i in $(seq 12); do
        grep -q '"code":"queue_full"' "$WORK/full$i" || continue
        grep -q '"queue: [0-9]* pictures wait, 64 more are over the limit of 128"' "$WORK/full$i" || fail "$(cat "$WORK/full$i")"
        [ "$(sed -n 's/\r$//; s/^Retry-After: //p' "$WORK/head$i")" -ge 1 ] || fail "no Retry-After: $(cat "$WORK/head$i")"
    done
    [ "$(metric 'clipgen_rejected_total{reason="queue_full"}')" = "$refused" ] || fail "not $refused are counted"
}

tiny_bundle
start_daemon "$WORK/tiny" --body-max-kib 64 --image-pixels-max 1000
test_fields
test_shapes
kill -TERM "$DAEMON"
expect_exit 0
for status in 429 503; do
    start_daemon "$WORK/tiny" --queue-max 128 --full-status $status
    test_full $status
    kill -TERM "$DAEMON"
    expect_exit 0
done
