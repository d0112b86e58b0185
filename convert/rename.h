/*
 * Our names of parameters as a family of checkpoints spells them, by tables of patterns.
 *
 *     { "visual.ln_post.*", "vision_model.post_layernorm.*" }        * is the rest of a name
 *     { "blocks.#.norm1.*", "layers.#.input_norm.*" }                # a number
 *     { "attn.in_proj_*", "self_attn.@_proj.*" }                     @ q, k and v: three tensors
 *
 * What # and * stand for on the left is put in on the right, in order.
 */
#ifndef CONVERT_RENAME_H
#define CONVERT_RENAME_H

#include "convert/tensors.h"

#define RENAME_PARTS_MAX 3

struct rename_rule {
    const char *ours, *theirs; /* NULL ends a table */
    bool transposed;           /* theirs is the transposed matrix */
};

/* A name follows the first rule of `whole` that fits; or else one of `prefixes`, and one of `parts`
 * for what is behind the prefix. */
struct rename_rules {
    const struct rename_rule *whole, *prefixes, *parts;
};

struct renamed {
    char name[RENAME_PARTS_MAX][TENSORS_NAME_MAX + 1];
    int n; /* 3: joined along the first dimension */
    bool transposed;
};

/* false: no rule fits. */
bool rename_apply(const struct rename_rules *rules, const char *ours, struct renamed *ret);
/* Whether the whole name fits a pattern. */
bool rename_matches(const char *pattern, const char *name);
/* The tensor that one of our names stands for, as we want to read it (not transposed); false if a
 * rule or the tensor is missing, or if it is three of them. */
bool rename_find(const struct rename_rules *rules, const struct tensors *t, const char *ours,
                 struct view *ret_view);

/* One rule that changes nothing. */
extern const struct rename_rules RENAME_SAME;

#endif
