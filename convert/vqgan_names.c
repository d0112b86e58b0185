#include "convert/vqgan_names.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* The most of a valid configuration: 8 blocks and one more, each with attention, and a change. */
#define LEVEL_LAYERS_MAX (2 * 9 + 1)

struct stack {
    const char *prefix, *side;
    bool decoder;
};

static const struct stack STACKS[] = {
    { "encoder.down.", "encoder", false },
    { "decoder.up.", "decoder", true },
};

/* A layer of a stack. */
struct place {
    const char *kind;
    int level, block; /* block -1: there is one of the kind */
};

/* Layers of one level, in order; returns how many there are. */
static int level_layers(const struct vqgan_config *c, bool decoder, int level,
                        struct place places[LEVEL_LAYERS_MAX])
{
    bool attn = c->resolution >> level == c->attn_resolution;
    bool last = level == (decoder ? 0 : c->levels - 1);
    int n = 0;

    for (int block = 0; block < c->res_blocks + decoder; block++) {
        places[n++] = (struct place){ "res", level, block };
        if (attn)
            places[n++] = (struct place){ "attn", level, block };
    }
    if (!last)
        places[n++] = (struct place){ "change", level, -1 };
    return n;
}

/* Layer `index` of a stack; false behind its end. */
static bool find_place(const struct vqgan_config *c, bool decoder, int index, struct place *ret)
{
    struct place places[LEVEL_LAYERS_MAX];

    for (int i = 0; i < c->levels; i++) {
        int n = level_layers(c, decoder, decoder ? c->levels - 1 - i : i, places);
        if (index < n) {
            *ret = places[index];
            return true;
        }
        index -= n;
    }
    return false;
}

static const struct stack *find_stack(const char *ours)
{
    for (size_t i = 0; i < sizeof STACKS / sizeof *STACKS; i++)
        if (!strncmp(ours, STACKS[i].prefix, strlen(STACKS[i].prefix)))
            return &STACKS[i];
    return NULL;
}

/* "7.block" -> 7 and ".block"; false without a number. */
static bool read_index(const char *s, int *ret_index, const char **ret_rest)
{
    char digits[8];
    size_t n = strspn(s, "0123456789");
    int64_t index;

    if (n >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)n, s);
    if (num_parse_int(digits, "layer", 0, 9999, &index, NULL))
        return false;
    *ret_index = (int)index;
    *ret_rest = s + n;
    return true;
}

void vqgan_place_name(const struct vqgan_config *c, bool decoder_from_bottom, const char *ours,
                      char ret[TENSORS_NAME_MAX + 1])
{
    const struct stack *s = find_stack(ours);
    const char *rest;
    struct place p;
    char block[16] = "";
    int index;

    snprintf(ret, TENSORS_NAME_MAX + 1, "%s", ours);
    if (!s || !read_index(ours + strlen(s->prefix), &index, &rest) ||
        !find_place(c, s->decoder, index, &p))
        return;
    if (s->decoder && decoder_from_bottom)
        p.level = c->levels - 1 - p.level;
    if (p.block >= 0)
        snprintf(block, sizeof block, ".%d", p.block);
    snprintf(ret, TENSORS_NAME_MAX + 1, "%s.%d.%s%s%s", s->side, p.level, p.kind, block, rest);
}
