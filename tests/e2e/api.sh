#!/bin/sh
# Every example of docs/API.md, sent to the real daemon: together with the page's files they reach every method of every
# path of docs/openapi.yaml and docs/openapi-admin.yaml, and each gets what it wants.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

# examples: one a line
examples() {
    sed -n '/^    curl /{
        :more
        /\\$/{
            N
            s/\\\n *//
            b more
        }
        s/^ *//p
    }' "$SRCDIR/docs/API.md"
}

# adapt EXAMPLE: with this daemon's addresses, and what its dots stand for
adapt() {
    printf %s "$1" | sed "s|http://127.0.0.1:8080|$URL|; s|http://127.0.0.1:8081|$ADMIN|; s|emoji-64|tiny|
        s|job-8c1f\.\.\.|$JOB|; s|\[12, 907, \.\.\.\]|$TOKENS|"
}

curl() { command curl -fsS "$@"; }

# A job that an answer names is waited for: the next examples ask for what it has made.
follow_job() {
    id=$(sed -n 's/^{"id":"\(job-[^"]*\)","object":"job","status":"queued".*/\1/p' "$WORK/answer")
    [ -z "$id" ] || JOB=$id
    [ -z "$id" ] || for _ in $(seq 200); do
        curl "$URL/v1/jobs/$id" | grep -q '"status":"succeeded"' && return
        sleep 0.1
    done
}

# operations FILE: "METHOD PATH" a line, as regular expressions
operations() {
    sed -n 's/^  \(\/.*\):$/\1/p; s/^    \(get\|post\|put\|delete\):$/\U\1/p' "$SRCDIR/docs/$1" | sed 's/{[^}]*}/[^\/ ]*/g' |
        awk '/^\// { path = $0; next } { print $0, path }'
}

tiny_bundle
start_daemon "$WORK/tiny" --admin-listen 127.0.0.1:0 --log-level debug
ADMIN=$(sed -n 's/.*administration on //p' "$WORK/log") JOB=
cd "$WORK"
[ "$(post '{"prompt":"a cat"}' cat.png -H 'Accept: image/png')" = 200 ] || fail "no cat.png"
post '{"prompt":"a cat","return":["tokens"]}' tokens.json >/dev/null
TOKENS=$(sed 's/.*"tokens":\(\[[^]]*\]\).*/\1/' tokens.json)
examples >examples
[ "$(wc -l <examples)" -ge 20 ] || fail "only $(wc -l <examples) examples"
while read -r example; do
    eval "$(adapt "$example")" >answer 2>said || fail "$example: $(cat said)"
    follow_job
done <examples
for path in / /style.css /app.js /events.js; do
    curl "$URL$path" >/dev/null || fail "$path"
done
for file in openapi.yaml openapi-admin.yaml; do
    operations $file >operations
    [ "$(wc -l <operations)" -ge 5 ] || fail "only $(wc -l <operations) operations in $file"
    while read -r method path; do
        grep -q " method=$method path=$path status=20[02] " log || fail "no example of $method $path was answered"
    done <operations
done
kill -TERM "$DAEMON"
expect_exit 0
