#!/usr/bin/env bash
# check_full.sh DIR [all]: full-size checkpoints that tools/make-reference makes in DIR (7 GB; all: 16 GB),
# converted and compared with what torch computes; convert time and peak memory. Not part of make check: it
# takes minutes and Debian's python3-torch. BUILDDIR and SRCDIR as make check sets them.
set -euo pipefail
dir=${1:?which folder may hold gigabytes?}
convert=$BUILDDIR/clipgen-convert
vocab=$dir/vocab.txt

# CLIP GPT VQGAN, named as tools/make-reference does
rows()
{
    cat <<ROWS
ViT-B-32.pt gpt_coco.pt vqgan_coco.pt
clip-vit-base-patch32 gpt_coco.pt vqgan_imagenet_f16_16384.ckpt
ViT-B-32.pt gpt_coco.pt vq_ds16_c2i.pt
ViT-B-32.pt gpt_coco.pt detoker.pt
ROWS
    [ "${2:-}" = all ] || return 0
    cat <<ROWS
ViT-B-16.pt gpt_large.pt vqgan_coco.pt
ViT-L-14.pt gpt_l14.pt vqgan_coco.pt
ROWS
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

# convert_and_compare DTYPE REPORT CLIP GPT VQGAN
convert_and_compare()
{
    local bundle=$dir/bundle-$1
    rm -rf "$bundle"
    echo "== $3 + $4 + $5, $1"
    /usr/bin/time -f 'convert: %e s, %M KiB at most in memory' \
        "$convert" --clip "$dir/$3" --gpt "$dir/$4" --vqgan "$dir/$5" --vocab "$vocab" \
        --dtype "$1" --name full --output "$bundle" >"$dir/convert.log"
    "$convert" --verify "$bundle"
    "$BUILDDIR/tests/convert/check_full" "$bundle" clip "$dir/$3.expected.safetensors" \
        gpt "$dir/$4.expected.safetensors" vqgan "$dir/$5.expected.safetensors" $2
    rm -rf "$bundle"
}

mkdir -p "$dir"
make_vocabulary >"$vocab"
# shellcheck disable=SC2046 # names without spaces
"$SRCDIR/tools/make-reference" full "$dir" $(rows "$@" | tr ' ' '\n' | sort -u)
rows "$@" | while read -r clip gpt vqgan; do
    convert_and_compare f32 "" "$clip" "$gpt" "$vqgan"
done
convert_and_compare f16 --report ViT-B-32.pt gpt_coco.pt vqgan_coco.pt
