#!/bin/sh
# tools/check-docs on a page that names everything, and on one with an offence of every kind.
set -eu
check=${SRCDIR:-.}/tools/check-docs
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
folders='base kernels kernels/cpu kernels/cuda model server trainer convert bench'
for folder in $folders clients; do
    mkdir -p "$tree/$folder"
    touch "$tree/$folder/one.c" "$tree/$folder/one.h" "$tree/$folder/main.c"
done
mkdir "$tree/docs"

# page FOLDER...: a page with lists of these folders
page() {
    echo "| \`outside.c\` | a table that is no list of files |"
    for folder in "$@"; do
        printf '### %s: words\n| file | job |\n| `one` | both |\n| `main.c` | alone |\n' "$folder"
    done
    printf '## Tests\n| `elsewhere.c` | below the lists |\n'
}

# shellcheck disable=SC2086 # a list of words
page $folders clients >"$tree/docs/ARCHITECTURE.md"
"$check" "$tree"

# shellcheck disable=SC2086
page $folders >"$tree/docs/ARCHITECTURE.md"
sed -i '/^### model/a | `main.c` | again |' "$tree/docs/ARCHITECTURE.md"
touch "$tree/base/new.h"
rm "$tree/kernels/cpu/one.h"
cat >"$tree/expected" <<'END'
docs/ARCHITECTURE.md: no list of clients
docs/ARCHITECTURE.md: no row for base/new.h
docs/ARCHITECTURE.md: a row, but no file: kernels/cpu/one.h
docs/ARCHITECTURE.md: two rows for model/main.c
END
if "$check" "$tree" >"$tree/found"; then
    echo "a page with offences passed"
    exit 1
fi
diff -u "$tree/expected" "$tree/found"
