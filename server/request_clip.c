/*
 * POST /v1/embeddings and /v1/rank: what CLIP says about texts and pictures.
 */
#include <stdio.h>
#include <string.h>

#include "server/input_fields.h"
#include "server/request.h"

#define AT(member) offsetof(struct gen_request, member)

static const struct field EMBEDDINGS_ROWS[] = {
    { "input", &FIELD_TEXTS, 1, REQUEST_PROMPT_MAX, 0, NULL, "",
      "texts, up to 32 together with `images` (UTF-8; limits in bytes)" },
    { "images", &FIELD_IMAGES, 0, 0, 0, NULL, "",
      "PNG, JPEG or WebP pictures: base64, or `data:` URLs" },
    { "encoding_format", &FIELD_CHOICE, 0, 1, AT(encoding), REQUEST_ENCODINGS, "`\"float\"`",
      "a list of numbers, or base64 of little-endian 32-bit floats" },
    { .name = NULL },
};

const struct field_table EMBEDDINGS_FIELDS = { .rows = EMBEDDINGS_ROWS, .more = &COMMON_FIELDS };

static const struct field RANK_ROWS[] = {
    { "texts", &FIELD_TEXTS, 1, REQUEST_PROMPT_MAX, 0, NULL, "",
      "what to compare the pictures with; up to 32 together with `images`" },
    { "images", &FIELD_IMAGES, 0, 0, 0, NULL, "",
      "PNG, JPEG or WebP pictures: base64, or `data:` URLs" },
    { .name = NULL },
};

const struct field_table RANK_FIELDS = { .rows = RANK_ROWS, .more = &COMMON_FIELDS };

int request_count(const struct gen_request *r, enum input_kind kind)
{
    int n = 0;

    for (int i = 0; i < r->n_inputs; i++)
        n += r->inputs[i].kind == kind;
    return n;
}

/* Whatever the order of the fields was. */
static void texts_first(struct gen_request *r)
{
    struct input sorted[REQUEST_INPUTS_MAX];
    int n = 0;

    for (int kind = INPUT_TEXT; kind <= INPUT_IMAGE; kind++)
        for (int i = 0; i < r->n_inputs; i++)
            if (r->inputs[i].kind == (enum input_kind)kind)
                sorted[n++] = r->inputs[i];
    memcpy(r->inputs, sorted, (size_t)n * sizeof *sorted);
}

static int missing(const char *name, const char *words, char *ret_param, struct err *e)
{
    snprintf(ret_param, REQUEST_PARAM_MAX, "%s", name);
    return err_set(e, ERR_INVALID, "%s: missing; %s", name, words);
}

int embeddings_request_parse(const char *text, size_t n, const struct request_limits *limits,
                             struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                             struct err *e)
{
    struct gen_request r = gen_request_default(REQUEST_EMBED, limits);

    if (gen_request_read(&EMBEDDINGS_FIELDS, text, n, limits, &r, ret_param, e))
        return -1;
    if (r.n_inputs == 0) {
        gen_request_release(&r);
        return missing("input", "give texts or images", ret_param, e);
    }
    texts_first(&r);
    *ret_request = r;
    return 0;
}

int rank_request_parse(const char *text, size_t n, const struct request_limits *limits,
                       struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                       struct err *e)
{
    struct gen_request r = gen_request_default(REQUEST_EMBED, limits);
    bool texts, images;

    if (gen_request_read(&RANK_FIELDS, text, n, limits, &r, ret_param, e))
        return -1;
    texts = request_count(&r, INPUT_TEXT) > 0;
    images = request_count(&r, INPUT_IMAGE) > 0;
    if (!texts || !images) {
        gen_request_release(&r);
        return missing(texts ? "images" : "texts", "pictures are ranked by texts", ret_param, e);
    }
    *ret_request = r;
    return 0;
}
