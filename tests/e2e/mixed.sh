#!/bin/sh
# Two hundred requests of all kinds: one after the other on one thread, and fifty at a time on two threads with another
# number of rows. Every file must be the same, byte for byte.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

N=200

# request I: its JSON; what it asks for changes with I in many ways
request() {
    i=$1
    prompt="\"prompt\":\"thing number $i\""
    [ $((i % 7)) = 3 ] && prompt="\"prompt\":[\"thing $i\",\"another thing\"]"
    [ $((i % 11)) = 5 ] && prompt="\"mix\":[{\"text\":\"thing $i\",\"weight\":2},{\"text\":\"a cat\"}]"
    guidance=
    [ $((i % 3)) = 0 ] && guidance=",\"guidance_scale\":$((i % 5 + 2))"
    [ $((i % 9)) = 0 ] && guidance="$guidance,\"negative_prompt\":\"a dog\""
    sampling=
    [ $((i % 4)) = 1 ] && sampling=",\"temperature\":0"
    [ $((i % 4)) = 2 ] && sampling=",\"top_k\":$((i % 6 + 1)),\"top_p\":0.$((i % 8 + 1))"
    candidates=
    [ $((i % 5)) = 4 ] && candidates=",\"candidates\":$((i % 3 + 3))"
    case $((i % 3)) in 0) format=png ;; 1) format=jpeg ;; *) format=webp ;; esac
    case $((i % 6)) in 0) priority=high ;; 5) priority=low ;; *) priority=normal ;; esac
    printf '{%s,"seed":%s,"n":%s,"output_format":"%s","priority":"%s"%s%s%s}' "$prompt" $((i * 37)) $((i % 3 + 1)) \
        $format $priority "$guidance" "$sampling" "$candidates"
}

# ask FOLDER [curl flags]: all requests, their files into the folder
ask() {
    folder=$1
    shift
    mkdir -p "$WORK/$folder"
    for i in $(seq $N); do
        [ "$i" = 1 ] || echo next
        echo "url = $URL/v1/generate"
        echo "header = \"Content-Type: application/json\""
        echo "header = \"Accept: image/*\""
        echo "data = @$WORK/request$i"
        echo "output = $WORK/$folder/$i"
        echo "write-out = \"%{http_code}\\n\""
    done >"$WORK/$folder.curl"
    curl -sS "$@" -K "$WORK/$folder.curl" >"$WORK/$folder.status" || fail "curl $*: $?"
    [ "$(grep -cx 200 "$WORK/$folder.status")" = $N ] || fail "$folder: $(sort "$WORK/$folder.status" | uniq -c)"
}

for i in $(seq $N); do request "$i" >"$WORK/request$i"; done
tiny_bundle
start_daemon "$WORK/tiny"
ask alone
kill -TERM "$DAEMON"
expect_exit 0
start_daemon "$WORK/tiny" --cpu-threads 2 --rows 7 --queue-max 1024 --connections 2048
ask crowd -Z --no-progress-meter --parallel-max 50
[ "$(metric clipgen_steps_total)" -lt "$(metric clipgen_tokens_total)" ] || fail "nothing was drawn together"
for i in $(seq $N); do
    cmp "$WORK/alone/$i" "$WORK/crowd/$i" || fail "request $i got other bytes in company: $(cat "$WORK/request$i")"
done
kill -TERM "$DAEMON"
expect_exit 0
