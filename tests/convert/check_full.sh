#!/usr/bin/env bash
# check_full.sh DIR: networks of the published sizes, with random weights, in the containers that they were published
# in (tools/make-reference), converted, verified and compared with what torch computes for them. Not part of make
# check: it takes about an hour, 9 GB in DIR and 6 GB of memory, and Debian's packages python3-torch and time.
# BUILDDIR and SRCDIR as make check sets them.
#
# It goes stage by stage. A stage makes the checkpoints that are missing, and in the end removes those that no later
# stage needs. A run that was stopped goes on with the stage that it was in; DIR/report.md is the result.
set -euo pipefail
dir=${1:?which folder may hold gigabytes?}
convert=$BUILDDIR/clipgen-convert compare=$BUILDDIR/tests/convert/check_full
vocab=$dir/vocab.txt bundle=$dir/bundle
DISK_MIB=9000  # checkpoints and one bundle, where the transformer is GPT-2 large
BESIDE_MIB=24  # what clipgen-convert takes at most beside the largest tensor

# CLIP, transformer and VQGAN, as tools/make-reference names them, and as what their bundle is stored
stages()
{
    cat <<ROWS
ViT-B-32.pt gpt_coco.pt vqgan_coco.pt f32 f16 bf16 q8_0 q4_0
ViT-B-32.pt gpt_coco.pt detoker.pt f32
clip-vit-base-patch32 gpt_coco.pt vqgan_imagenet_f16_16384.ckpt f32
clip-vit-base-patch32 gpt_coco.pt vq_ds16_c2i.pt f32
ViT-B-16.pt gpt_large.pt vqgan_coco.pt f32 q8_0
ViT-L-14.pt gpt_l14_1024.pt vqgan_imagenet_f16_1024.ckpt f32 q8_0
ROWS
}

# ---- what it needs ----

fail()
{
    echo "check-full: $*"
    exit 1
}

check_machine()
{
    [ "$(df -m --output=avail "$dir" | tail -n 1)" -ge $DISK_MIB ] ||
        fail "$dir has less than $DISK_MIB MiB left; FULL_DIR=FOLDER takes another one"
    /usr/bin/python3 -c 'import torch' 2>"$dir/program.log" || fail "there is no torch: apt-get install python3-torch"
    [ -x /usr/bin/time ] || fail "there is no /usr/bin/time: apt-get install time"
}

# No published vocabulary is needed to compare networks: 48,894 merges that mean nothing, but are valid.
make_vocabulary()
{
    awk 'BEGIN {
        print "#version: made up"
        for (i = 33; i <= 126; i++) for (j = 33; j <= 126; j++) {
            printf "%c %c\n%c %c</w>\n", i, j, i, j
            n += 2
        }
        for (i = 33; i <= 126 && n < 48894; i++) for (j = 33; j <= 126 && n < 48894; j++)
            for (k = 33; k <= 126 && n < 48894; k++) { printf "%c %c%c\n", i, j, k; n++ }
    }' | head -48895
}

# make_checkpoints NAME...: each in a process of its own, so that memory goes back in between
make_checkpoints()
{
    local name
    for name in "$@"; do "$SRCDIR/tools/make-reference" full "$dir" "$name"; done
}

# remove_checkpoints STAGE NAME...: those that no stage behind this one needs
remove_checkpoints()
{
    local stage=$1 name
    shift
    for name in "$@"; do
        stages | tail -n +$((stage + 1)) | cut -d ' ' -f 1-3 | tr ' ' '\n' | grep -qxF "$name" ||
            rm -rf "${dir:?}/$name" "$dir/$name.expected.safetensors"
    done
}

# ---- a bundle ----

# largest_mib BUNDLE: bytes of its largest tensor in MiB, rounded up
largest_mib()
{
    /usr/bin/python3 - "$1/model.safetensors" <<'PY'
import json, struct, sys
with open(sys.argv[1], "rb") as f:
    header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
header.pop("__metadata__", None)
print(-(-max(t["data_offsets"][1] - t["data_offsets"][0] for t in header.values()) // 2**20))
PY
}

# timed WHAT PROGRAM...: a row for the table of programs. Memory must be bounded by the largest tensor, not by the file;
# tensors are read as they lie in the checkpoints, so it is the largest of the bundle in f32, which comes first.
timed()
{
    local what=$1 seconds user system kib
    shift
    echo "   $what"
    /usr/bin/time -f '%e %U %S %M' -o "$dir/time.txt" "$@" >"$dir/program.log" 2>&1 || {
        cat "$dir/program.log"
        fail "$what: failed"
    }
    read -r seconds user system kib <"$dir/time.txt"
    [ -n "$largest" ] || largest=$(largest_mib "$bundle")
    echo "| $what | $seconds s | $(awk "BEGIN { print $user + $system }") s | $((kib / 1024)) MiB | $largest MiB |" \
        >>"$programs"
    [ $((kib / 1024)) -le $((largest + BESIDE_MIB)) ] ||
        fail "$what took $((kib / 1024)) MiB of memory; the largest tensor has $largest"
}

# check_bundle DTYPE CLIP GPT VQGAN: converts, verifies, compares. Limits are for f32 alone.
check_bundle()
{
    local dtype=$1 names="$2 + $3 + $4" limits='' cells
    [ "$dtype" != f32 ] || limits=--limits
    rm -rf "$bundle"
    timed "$names to $dtype" "$convert" --clip "$dir/$2" --gpt "$dir/$3" --vqgan "$dir/$4" --vocab "$vocab" \
        --dtype "$dtype" --name full --output "$bundle"
    timed "\`--verify\` of it, $(du -m "$bundle/model.safetensors" | cut -f 1) MiB" "$convert" --verify "$bundle"
    echo "   compared with torch"
    cells=$("$compare" "$bundle" "$dtype" "$dir/$2.expected.safetensors" "$dir/$3.expected.safetensors" \
        "$dir/$4.expected.safetensors" $limits)
    echo "| $names | $dtype |$cells" >>"$networks"
    rm -rf "$bundle"
}

# ---- the whole ----

# run_stage STAGE CLIP GPT VQGAN DTYPE...
run_stage()
{
    local stage=$1 clip=$2 gpt=$3 vqgan=$4 dtype largest=''
    shift 4
    networks=$dir/networks-$stage.md programs=$dir/programs-$stage.md
    [ ! -e "$dir/done-$stage" ] || return 0
    echo "== stage $stage: $clip, $gpt, $vqgan"
    rm -f "$networks" "$programs"
    make_checkpoints "$clip" "$gpt" "$vqgan"
    for dtype in "$@"; do check_bundle "$dtype" "$clip" "$gpt" "$vqgan"; done
    remove_checkpoints "$stage" "$clip" "$gpt" "$vqgan"
    touch "$dir/done-$stage"
}

report()
{
    echo '| networks | stored as | CLIP: pictures, texts differ by | transformer: logits differ by, greedy tokens |' \
        'VQGAN: latents differ by, equal codes, pixels within one level |'
    echo '| --- | --- | --- | --- | --- |'
    cat "$dir"/networks-*.md
    echo
    echo '| `clipgen-convert` | wall | processor | most memory | largest tensor |'
    echo '| --- | --: | --: | --: | --: |'
    cat "$dir"/programs-*.md
}

mkdir -p "$dir"
check_machine
make_vocabulary >"$vocab"
stage=0
while read -r row; do
    stage=$((stage + 1))
    # shellcheck disable=SC2086 # names without spaces
    run_stage $stage $row
done <<<"$(stages)"
report | tee "$dir/report.md"
