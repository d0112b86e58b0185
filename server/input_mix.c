#include "server/input_mix.h"

#include <jansson.h>
#include <stdio.h>

#include "server/input_add.h"

struct mix_item {
    struct gen_request r; /* of one input */
    float weight;
    int of; /* enum gen_source */
};

static int set_item_text(const struct field *f, const json_t *v, void *at,
                         const struct request_limits *limits, struct err *e)
{
    (void)limits;
    return input_add_text(at, 0, f->name, v, e);
}

static int set_item_image(const struct field *f, const json_t *v, void *at,
                          const struct request_limits *limits, struct err *e)
{
    return input_add_image(at, f->name, v, limits, e);
}

static int set_item_embedding(const struct field *f, const json_t *v, void *at,
                              const struct request_limits *limits, struct err *e)
{
    (void)limits;
    return input_add_embedding(at, f->name, v, e);
}

const struct field_type MIX_TEXT = { "a string", set_item_text };
const struct field_type MIX_IMAGE = { "a string", set_item_image };
const struct field_type MIX_EMBEDDING = { "numbers", set_item_embedding };

static const struct field ITEM_ROWS[] = {
    { "text", &MIX_TEXT, 1, REQUEST_PROMPT_MAX, offsetof(struct mix_item, r), NULL, "", "words" },
    { "image", &MIX_IMAGE, 0, 0, offsetof(struct mix_item, r), NULL, "", "a picture" },
    { "embedding", &MIX_EMBEDDING, 0, 0, offsetof(struct mix_item, r), NULL, "", "an embedding" },
    { "embedding_of", &FIELD_CHOICE, 0, 1, offsetof(struct mix_item, of), REQUEST_SOURCES,
      "`\"image\"`", "what `embedding` was made of" },
    { "weight", &FIELD_REAL, -REQUEST_WEIGHT_MAX, REQUEST_WEIGHT_MAX,
      offsetof(struct mix_item, weight), NULL, "1", "how much it counts" },
    { .name = NULL },
};

const struct field_table MIX_ITEM_FIELDS = { .rows = ITEM_ROWS };

int input_add_mixed(struct gen_request *r, const char *name, json_t *v,
                    const struct request_limits *limits, struct err *e)
{
    struct mix_item item = { .weight = 1, .of = GEN_IMAGE };
    char param[FIELDS_PARAM_MAX];
    struct input *in = NULL;
    int failed = fields_set(&MIX_ITEM_FIELDS, v, &item, limits, param, e);

    if (failed)
        err_prefix(e, "%s: ", name);
    else if (item.r.n_inputs != 1)
        err_set(e, ERR_INVALID, "%s: one of text, image and embedding is expected", name);
    else
        in = input_add(r, INPUT_TEXT, 0, name, e);
    if (in) {
        *in = item.r.inputs[0];
        in->weight = item.weight;
        in->source = (enum gen_source)item.of;
        snprintf(in->name, sizeof in->name, "%s", name);
        item.r.n_inputs = 0; /* it is r's now */
    }
    gen_request_release(&item.r);
    return in ? 0 : -1;
}
