#!/bin/sh
# TLS: pictures, streams and large bodies over it; a new certificate at SIGHUP while connections are open; words for
# files that are wrong.
command -v openssl >/dev/null || { echo "skipped: there is no openssl (apt-get install openssl)"; exit 77; }
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

# certificate NAME: NAME.pem for localhost, signed by itself, and NAME.key
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -addext 'subjectAltName=IP:127.0.0.1' -keyout "$WORK/$1.key" -out "$WORK/$1.pem" 2>"$WORK/openssl" ||
        fail "openssl: $(cat "$WORK/openssl")"
}

# use NAME: the daemon's files are from now on those of NAME
use() {
    cp "$WORK/$1.pem" "$WORK/cert.pem"
    cp "$WORK/$1.key" "$WORK/key.pem"
}

# trusted CERTIFICATE [curl flags]: whether a client that trusts it alone gets an answer
trusted() {
    name=$1
    shift
    curl -fsS --cacert "$WORK/$name.pem" "$@" "$URL/v1/models" >/dev/null 2>"$WORK/curl"
}

# refuses WORDS flags...: the daemon does not start
refuses() {
    words=$1
    shift
    "$BUILDDIR/clipgend" --listen 127.0.0.1:0 --bundle "$WORK/tiny" "$@" >"$WORK/log" 2>&1 && fail "$*: it started"
    grep -qF -- "$words" "$WORK/log" || fail "$*: no word of: $words"
}

test_answers() {
    case $URL in https://*) ;; *) fail "it says it listens on $URL" ;; esac
    trusted one || fail "not trusted: $(cat "$WORK/curl")"
    trusted two && fail "trusted by who knows another certificate"
    trusted one --tls-max 1.1 && fail "TLS 1.1 was spoken"
    trusted one --tls-max 1.2 || fail "TLS 1.2 was not spoken: $(cat "$WORK/curl")"
    [ "$(post '{"prompt":"a cat","seed":7}' "$WORK/a.png" -k -H 'Accept: image/png')" = 200 ] || fail "no picture"
    [ "$(head -c 4 "$WORK/a.png" | tail -c 3)" = PNG ] || fail "a.png is no PNG"
    [ "$(post '{"prompt":"a cat","seed":7,"stream":true}' "$WORK/events" -k)" = 200 ] || fail "no stream"
    grep -q '^event: .*completed$' "$WORK/events" || fail "the stream did not complete"
    { printf '{"prompt":"a cat","user":"'; head -c 3000000 /dev/zero | tr '\0' a; printf '"}'; } >"$WORK/large"
    [ "$(post "@$WORK/large" "$WORK/a.json" -k)" = 200 ] || fail "3 MB were not taken: $(cat "$WORK/a.json")"
    curl -sS "http://${URL#https://}/v1/models" >/dev/null 2>&1 && fail "plain HTTP was answered"
    trusted one || fail "plain HTTP broke it: $(cat "$WORK/curl")"
}

aborts() { curl -sk "$URL/metrics" | sed -n 's/^clipgen_client_aborts_total //p'; }

# Who leaves is noticed behind TLS too. How long a client must wait to leave in the middle depends on the machine: after its
# request is read, before it is answered.
test_client_leaves() {
    before=$(aborts)
    for seconds in 0.05 0.1 0.2 0.5 1 2 5; do
        curl -sk -m "$seconds" -o /dev/null -H 'Content-Type: application/json' \
            -d '{"prompt":"a cat","n":16,"candidates":64,"guidance_scale":2}' "$URL/v1/generate" || true
        for _ in $(seq 20); do
            [ "$(aborts)" -gt "$before" ] && return
            sleep 0.1
        done
    done
    fail "nobody noticed that the client left"
}

# A connection that was open before goes on; new ones get the new certificate.
test_reload() {
    kill -HUP "$DAEMON"
    wait_log "certificate are read again"
    use two
    {
        printf 'insecure\nurl = %s/v1/models\noutput = /dev/null\n' "$URL"
        printf 'next\ninsecure\nurl = %s/v1/models\noutput = /dev/null\nwrite-out = "%%{num_connects}"\n' "$URL"
    } >"$WORK/two.curl"
    curl -sS --rate 60/m -K "$WORK/two.curl" >"$WORK/connects" &
    client=$!
    sleep 0.3
    kill -HUP "$DAEMON"
    for _ in $(seq 100); do
        trusted two && break
        sleep 0.1
    done
    trusted two || fail "the new certificate does not count: $(cat "$WORK/curl")"
    trusted one && fail "the old certificate still counts"
    wait "$client" || fail "the open connection was cut off"
    [ "$(cat "$WORK/connects")" = 0 ] || fail "the connection was not used again"
    cp "$WORK/one.key" "$WORK/key.pem"
    kill -HUP "$DAEMON"
    wait_log "the certificate stays as it was: tls_key: $WORK/key.pem: is not the key of the first certificate"
    trusted two || fail "a bad file changed something: $(cat "$WORK/curl")"
}

certificate one
certificate two
tiny_bundle
use one
start_daemon "$WORK/tiny" --tls-cert "$WORK/cert.pem" --tls-key "$WORK/key.pem"
test_answers
test_client_leaves
test_reload
kill -TERM "$DAEMON"
expect_exit 0

# from systemd's credentials
mkdir "$WORK/credentials"
cp "$WORK/one.pem" "$WORK/credentials/tls-cert"
cp "$WORK/one.key" "$WORK/credentials/tls-key"
CREDENTIALS_DIRECTORY=$WORK/credentials
export CREDENTIALS_DIRECTORY
start_daemon "$WORK/tiny"
trusted one || fail "credentials: $(cat "$WORK/curl")"
kill -TERM "$DAEMON"
expect_exit 0
unset CREDENTIALS_DIRECTORY

cert=$WORK/one.pem key=$WORK/one.key
refuses "tls_cert and tls_key go together; there is no tls_key" --tls-cert "$cert"
refuses "tls_cert and tls_key go together; there is no tls_cert" --tls-key "$key"
refuses "tls_cert: $WORK/nowhere: No such file or directory" --tls-cert "$WORK/nowhere" --tls-key "$key"
refuses "tls_cert: $key: no PEM certificates" --tls-cert "$key" --tls-key "$key"
refuses "tls_key: $WORK/nowhere: No such file or directory" --tls-cert "$cert" --tls-key "$WORK/nowhere"
refuses "tls_key: $cert: no PEM key without a password" --tls-cert "$cert" --tls-key "$cert"
refuses "tls_key: $WORK/two.key: is not the key of the first certificate" --tls-cert "$cert" --tls-key "$WORK/two.key"
openssl pkcs8 -topk8 -in "$key" -passout pass:secret -out "$WORK/locked.key"
refuses "no PEM key without a password" --tls-cert "$cert" --tls-key "$WORK/locked.key"
