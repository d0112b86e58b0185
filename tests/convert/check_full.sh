#!/usr/bin/env bash
# check_full.sh DIR [all]: full-size checkpoints that tools/make-reference makes in DIR (7 GB; all: 16 GB),
# converted and compared with what torch computes; convert time and peak memory. Not part of make check: it
# takes minutes, and Debian's packages python3-torch and time. BUILDDIR and SRCDIR as make check sets them.
set -euo pipefail
dir=${1:?which folder may hold gigabytes?}
convert=$BUILDDIR/clipgen-convert bundle=
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

# make_bundle DTYPE CLIP GPT VQGAN -> $bundle
make_bundle()
{
    bundle=$dir/bundle-$1
    rm -rf "$bundle"
    echo "== $2 + $3 + $4, stored as $1"
    /usr/bin/time -f 'convert: %e s, %M KiB at most in memory' \
        "$convert" --clip "$dir/$2" --gpt "$dir/$3" --vqgan "$dir/$4" --vocab "$vocab" \
        --dtype "$1" --name full --output "$bundle" >"$dir/convert.log"
    "$convert" --verify "$bundle"
}

# compare FORMAT CLIP GPT VQGAN [--limits]: $bundle with its matrices held in FORMAT
compare()
{
    echo "-- matrices in $1"
    "$BUILDDIR/tests/convert/check_full" "$bundle" "$1" clip "$dir/$2.expected.safetensors" \
        gpt "$dir/$3.expected.safetensors" vqgan "$dir/$4.expected.safetensors" ${5:-}
}

mkdir -p "$dir"
make_vocabulary >"$vocab"
# shellcheck disable=SC2046 # names without spaces
"$SRCDIR/tools/make-reference" full "$dir" $(rows "$@" | tr ' ' '\n' | sort -u)
rows "$@" | while read -r clip gpt vqgan; do
    make_bundle f32 "$clip" "$gpt" "$vqgan"
    compare f32 "$clip" "$gpt" "$vqgan" --limits
    rm -rf "$bundle"
done
make_bundle f16 ViT-B-32.pt gpt_coco.pt vqgan_coco.pt
for format in f16 q8_0 q4_0; do
    compare $format ViT-B-32.pt gpt_coco.pt vqgan_coco.pt
done
rm -rf "$bundle"
