/*
 * Reading files that may be compressed with gzip (the published BPE vocabulary is), through zlib.
 */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends a whole file, plain or gzip, to ret (initialised): at most max bytes after decompression.
 */
int gzip_read(const char *path, size_t max, struct buf *ret, struct err *e);

#endif
