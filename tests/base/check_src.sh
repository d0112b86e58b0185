#!/bin/sh
# tools/check-src on a small tree with one offence of every kind, and on the same tree without them.
set -eu
check=${SRCDIR:-.}/tools/check-src
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/base" "$tree/kernels/cpu" "$tree/model" "$tree/server"

cat >"$tree/kernels/cpu/conv.c" <<'END'
#include "kernels/backend.h"
#include "model/gpt.h"
#include "conv.h"
#include <math.h>
#include <sys/mman.h>
#include <cblas.h>
END
cat >"$tree/model/gpt.c" <<'END'
#include "base/err.h"
#include "base/conf_row.h"
/* malloc(1) in a comment that
 * goes on: free(p) */
const char *s = "malloc(2)"; int c = '"'; /* and more */ void *p = malloc (3);
x->free(p); table.exit(1); my_free(p); // free(p)
#include <tensorflow/c_api.h>
log_info("loaded"); log_debug("fine"); exit(1); atoi("7");
END
cat >"$tree/server/main.c" <<'END'
#include "model/gpt.h"
#include <png.h>
log_info("fine"); exit(0);
END
cat >"$tree/base/mem.c" <<'END'
#include "config.h"
void *p = malloc(1); free(p);
END

cat >"$tree/expected" <<'END'
kernels/cpu/conv.c:2: kernels may not include model/gpt.h; it may use: base kernels
kernels/cpu/conv.c:3: "conv.h" does not start at the root of the tree
kernels/cpu/conv.c:6: <cblas.h> lives in kernels/cpu/gemm.c
model/gpt.c:2: base/conf_row.h is private to base
model/gpt.c:5: malloc is banned: use mem_alloc
model/gpt.c:7: <tensorflow/c_api.h> is an outside library without a file of its own; see tools/check-src
model/gpt.c:8: log_info is banned: return an error
model/gpt.c:8: exit is banned: return an error
model/gpt.c:8: atoi is banned: use num_parse_int
server/main.c:2: <png.h> lives in base/png.c
END
if "$check" "$tree" >"$tree/found"; then
    echo "a tree with offences passed"
    exit 1
fi
diff -u "$tree/expected" "$tree/found"

# without the lines complained of, nothing is left to say
for file in kernels/cpu/conv.c model/gpt.c server/main.c; do
    lines=$(sed -n "s|^$file:\([0-9]*\):.*|\1d;|p" "$tree/expected")
    sed -i "$lines" "$tree/$file"
done
"$check" "$tree"
