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
#include "server/input.h"

#define REQUEST_N_MAX 16
#define REQUEST_CANDIDATES_MAX 64
#define REQUEST_PROMPT_MAX 32000
#define REQUEST_INPUTS_MAX 32             /* of all prompts together */
#define REQUEST_DEPTH_MAX 8               /* of nested JSON */
#define REQUEST_TIMEOUT_MS_MAX 86400000   /* a day */
#define REQUEST_PARAM_MAX 64              /* bytes of a field's name in an answer */
#define REQUEST_SEED_MAX 9007199254740991 /* 2^53 - 1: every JSON reader keeps it exactly */

enum request_kind {
    REQUEST_GENERATE, /* pictures for prompts */
    REQUEST_EMBED,    /* embeddings of inputs */
    REQUEST_ENCODE,   /* tokens of pictures: inputs, all of them images */
    REQUEST_DECODE,   /* pictures of tokens */
};

enum priority { PRIORITY_HIGH, PRIORITY_NORMAL, PRIORITY_LOW, PRIORITY_N };

struct gen_request {
    enum request_kind kind;
    struct input *inputs; /* owned */
    int n_inputs, n_prompts;
    int32_t *tokens;   /* owned [n, tokens a picture]; REQUEST_DECODE */
    int n, candidates; /* of each prompt: pictures in the answer; pictures drawn, the best n kept */
    uint64_t seed;
    float temperature, top_p, guidance;
    int top_k;
    bool want_tokens;
    int priority;   /* enum priority */
    int timeout_ms; /* from arrival to answer; 1 at least */
};

struct request_limits {
    size_t image_pixels;             /* of an image prompt, checked before it is decoded */
    int timeout_ms;                  /* most that a request may ask for */
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

/* input_prepare for every input. ret_param as in gen_request_parse. Any thread. */
int gen_request_prepare(struct gen_request *r, const struct engine *g,
                        char ret_param[REQUEST_PARAM_MAX], struct err *e);

/* Seed of picture i of a prompt: (seed + i) mod 2^53. A request for that seed alone draws the same
 * picture again. */
uint64_t request_seed(uint64_t seed, int i);
/* How picture i of a prompt is drawn. */
struct gen_settings request_settings(const struct gen_request *r, int i);

/* The table of fields as markdown. */
void request_print_fields(struct buf *out);

#endif
