/*
 * Forms with files: multipart/form-data (RFC 7578) out of a body that is there as a whole. Nothing
 * is copied: parts point into the body.
 *
 *     struct multipart m;
 *     struct multipart_part part;
 *     multipart_begin(&m, content_type, body, n, e)
 *     while ((more = multipart_next(&m, &part, e)) > 0) ...
 */
#ifndef SERVER_MULTIPART_H
#define SERVER_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define MULTIPART_BOUNDARY_MAX 70 /* bytes: the format's own limit */
#define MULTIPART_PARTS_MAX 64
#define MULTIPART_HEADERS_MAX 1024 /* bytes of a part's headers */
#define MULTIPART_NAME_MAX 64      /* with the NUL */

struct multipart {
    char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* CR LF "--" boundary */
    size_t delimiter_n;
    const char *at, *end; /* borrowed body; at: behind a delimiter */
    int parts;
};

struct multipart_part {
    char name[MULTIPART_NAME_MAX];
    bool is_file; /* it has a file name */
    const char *data;
    size_t n;
};

/* type: the request's Content-Type, with its boundary. body: n bytes, borrowed until the end. */
int multipart_begin(struct multipart *m, const char *type, const char *body, size_t n,
                    struct err *e);
/* 1: *ret_part is the next one; 0: there is none left; -1. INVALID: not the format, or over a
 * limit. */
int multipart_next(struct multipart *m, struct multipart_part *ret_part, struct err *e);

#endif
