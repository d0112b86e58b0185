/*
 * The body of POST /v1/generate: JSON -> struct gen_request, every value within its limits. One
 * table of fields drives the parser, its messages and the table in docs/API.md.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/image.h"
#include "model/bundle.h"
#include "model/generate.h"

#define REQUEST_N_MAX 16
#define REQUEST_CANDIDATES_MAX 64
#define REQUEST_PROMPT_MAX 32000
#define REQUEST_DEPTH_MAX 8               /* of nested JSON */
#define REQUEST_PARAM_MAX 64              /* bytes of a field's name in an answer */
#define REQUEST_SEED_MAX 9007199254740991 /* 2^53 - 1: every JSON reader keeps it exactly */

struct gen_request {
    char *prompt; /* owned; NULL with an image prompt */
    size_t prompt_len;
    struct image image; /* owned; px NULL with a text prompt */
    int n, candidates;  /* pictures in the answer; pictures drawn, of which the best n are kept */
    uint64_t seed;
    float temperature, top_p, guidance;
    int top_k;
    bool want_tokens;
};

struct request_limits {
    size_t image_pixels;             /* of an image prompt, checked before it is decoded */
    struct bundle_sampling sampling; /* for fields that are left out */
};

/*
 * text: n bytes. ret_param: the field that is to blame, "" if no single one is; set on failure.
 * INVALID and FORMAT: the client's mistake; TOO_LARGE: the picture has too many pixels. Any thread.
 */
int gen_request_parse(const char *text, size_t n, const struct request_limits *limits,
                      struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                      struct err *e);
void gen_request_release(struct gen_request *r);

/* Seed of picture i of a request: (seed + i) mod 2^53. A request for that seed alone draws the same
 * picture again. */
uint64_t request_seed(uint64_t seed, int i);
/* How picture i of the request is drawn. */
struct gen_settings request_settings(const struct gen_request *r, int i);

/* The table of fields as markdown. */
void request_print_fields(struct buf *out);

#endif
