#!/bin/sh
# What switches of the configuration change: metadata in files, models that are not served, the page, how long a job is
# kept.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

# draw FORMAT FIELDS: a file of it, in picture
draw() {
    [ "$(post "{\"prompt\":\"a cat\",\"seed\":7,\"output_format\":\"$1\"$2}" "$WORK/picture" -H 'Accept: image/*')" = 200 ] ||
        fail "no $1: $(cat "$WORK/picture")"
}

# has_words: whether the picture says how it was made
has_words() { grep -qaF 'Seed: 7, Size: 32x32, Model: tiny' "$WORK/picture"; }

# status PATH
status() { curl -sS -o "$WORK/body" -w '%{http_code}' "$URL$1"; }

# ask_openai MODEL: the status
ask_openai() {
    curl -sS -o "$WORK/body" -w '%{http_code}' --json "{\"prompt\":\"a cat\",\"model\":\"$1\"}" "$URL/v1/images/generations"
}

tiny_bundle
start_daemon "$WORK/tiny"
for format in png jpeg; do
    draw $format ''
    has_words || fail "$format: no words"
    draw $format ',"metadata":false'
    has_words && fail "$format: words, though none are wanted"
done
draw png ''
grep -qaF 'Software' "$WORK/picture" || fail "the PNG names no program"
[ "$(ask_openai gpt-image-1)" = 404 ] || fail "a model that is not there: $(cat "$WORK/body")"
grep -qF "model: 'gpt-image-1' is not served here; tiny is" "$WORK/body" || fail "it says: $(cat "$WORK/body")"
[ "$(status /)" = 200 ] || fail "no page"
kill -TERM "$DAEMON"
expect_exit 0

start_daemon "$WORK/tiny" --any-model --no-image-metadata --no-web-page --jobs-ttl-s 1
draw png ''
has_words && fail "words, though the configuration has none"
draw png ',"metadata":true'
has_words || fail "no words, though the request wants them"
[ "$(ask_openai gpt-image-1)" = 200 ] || fail "any model: $(cat "$WORK/body")"
[ "$(status /)" = 404 ] || fail "a page, though it is off"
post '{"prompt":"a cat"}' "$WORK/body" -H 'Prefer: respond-async' >/dev/null
job=$(sed -n 's/^{"id":"\(job-[0-9a-f]\{32\}\)".*/\1/p' "$WORK/body")
[ -n "$job" ] || fail "no id of 128 bits: $(cat "$WORK/body")"
[ "$(status "/v1/jobs/$job")" = 200 ] || fail "the job is not there"
for _ in $(seq 200); do
    [ "$(status "/v1/jobs/$job")" = 410 ] && break
    sleep 0.1
done
grep -qF "$job: the job is no longer kept" "$WORK/body" || fail "it says: $(cat "$WORK/body")"
[ "$(status /v1/jobs/job-00000000000000000000000000000000)" = 404 ] || fail "a job that never was"
kill -TERM "$DAEMON"
expect_exit 0
