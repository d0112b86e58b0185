#!/bin/sh
# clipgen-convert as a user meets it: it shows what files hold, makes bundles that clipgend serves, gives them back,
# and refuses with words and status what is wrong, without running or writing anything.
. "${SRCDIR:-.}/tests/e2e/daemon.sh"

SRCDIR=$(cd "$SRCDIR" && pwd)
BUILDDIR=$(cd "$BUILDDIR" && pwd)
DATA=$SRCDIR/tests/data/convert
mkdir "$WORK/empty"
cd "$WORK/empty" || exit # where a program that was run would leave its mark

convert() {
    "$BUILDDIR/clipgen-convert" "$@" >"$WORK/log" 2>&1
}

# says WORDS flags...
says() {
    words=$1
    shift
    convert "$@" || fail "$*: status $?"
    grep -qF -- "$words" "$WORK/log" || fail "$*: no word of: $words"
}

# refuses STATUS WORDS flags...: and nothing new is in this folder or at --output
refuses() {
    want=$1 words=$2
    shift 2
    status=0
    convert "$@" --output "$WORK/refused" || status=$?
    [ "$status" = "$want" ] || fail "$*: status $status, not $want"
    grep -qF -- "$words" "$WORK/log" || fail "$*: no word of: $words"
    [ ! -e "$WORK/refused" ] || fail "$*: something was written"
    [ -z "$(ls -A .)$(find "$WORK" -name '*.tmp')" ] || fail "$*: something was left"
}

# the small networks: heads are not 64 wide, and groups not 32
small() {
    convert --clip "$DATA/families/openai.pt" --gpt "$DATA/families/gpt_coco.pt" \
        --vqgan "$DATA/families/vqgan_coco.pt" --vocab "$SRCDIR/tests/data/golden/tokenizer/bpe_tiny.txt.gz" \
        --clip-heads 2 --clip-text-heads 1 --gpt-heads 2 --vqgan-groups 2 "$@"
}

# ---- words ----

says "clipgen-convert --inspect FILE"
says "--clip ViT-B-32.pt" --help
says "clipgen-convert " --version
refuses 2 "did you mean --vqgan?" --vqgam x
refuses 2 "'gpt_coco.pt': files are given by flags" gpt_coco.pt
refuses 1 "--clip is missing: a bundle needs --clip, --gpt and --vqgan" --gpt x --vqgan y
refuses 1 "nowhere.pt: No such file or directory" --clip nowhere.pt --gpt x --vqgan y

# ---- what files hold ----

for file in bare.pt ema.pt legacy.ckpt lightning.ckpt model.pt module.pt parameters.pt protocol4.pt script.pt shards; do
    says "layer.transposed  F32" --inspect "$DATA/containers/$file"
done
says "control.pt: torch archive, 2 tensors, 15 elements" --inspect "$DATA/malicious/control.pt"
for file in "$DATA"/malicious/*; do
    [ "$file" = "$DATA/malicious/control.pt" ] || refuses 1 "$file: " --inspect "$file"
    [ "$file" = "$DATA/malicious/control.pt" ] || refuses 1 "$file: " --clip "$file" --gpt x --vqgan y
done
refuses 1 "nothing was run" --inspect "$DATA/malicious/runs_a_program.pt"

# ---- bundles ----

for dtype in f32 f16 bf16 q8_0 q4_0; do
    small --dtype $dtype --output "$WORK/$dtype" || fail "$dtype: status $?"
    says "is whole" --verify "$WORK/$dtype"
done
small --output "$WORK/f32" && fail "a directory in use was taken"
grep -qF "f32: exists and is not empty" "$WORK/log" || fail "no word of a directory in use"
for how in hfailab hf; do
    says "written to $WORK/$how" --export $how --bundle "$WORK/f32" --output "$WORK/$how"
done
convert --clip "$WORK/hf" --gpt "$WORK/hf/gpt.safetensors" --vqgan "$WORK/hf/vqgan.safetensors" --gpt-heads 2 \
    --vqgan-groups 2 --output "$WORK/back" || fail "what was exported does not come back"
cmp "$WORK/f32/model.safetensors" "$WORK/back/model.safetensors" || fail "it comes back with other bytes"

at=$(($(wc -c <"$WORK/back/model.safetensors") - 10))
printf x | dd of="$WORK/back/model.safetensors" bs=1 seek=$at conv=notrunc 2>/dev/null
status=0
convert --verify "$WORK/back" || status=$?
[ "$status" = 1 ] || fail "a damaged bundle: status $status, not 1"
grep -qF "SHA-256" "$WORK/log" || fail "no word of its SHA-256"

start_daemon "$WORK/q8_0" --no-image-metadata
[ "$(post '{"prompt":"a cat","seed":7}' "$WORK/a.png" -H 'Accept: image/png')" = 200 ] || fail "no picture"
kill -TERM "$DAEMON"
expect_exit 0
start_daemon "$WORK/f32" --weights q8_0 --no-image-metadata
post '{"prompt":"a cat","seed":7}' "$WORK/b.png" -H 'Accept: image/png' >/dev/null
cmp "$WORK/a.png" "$WORK/b.png" || fail "stored in q8_0 and held in q8_0 are two pictures"
kill -TERM "$DAEMON"
expect_exit 0
