/*
 * Whose checkpoint it is: families are recognised by a tensor that only they have, sizes are read
 * off the tensors, and tables say how our parameters are called there.
 */
#ifndef CONVERT_FAMILY_H
#define CONVERT_FAMILY_H

#include "convert/options.h"
#include "convert/rename.h"
#include "model/clip.h"
#include "model/gpt.h"
#include "model/vqgan.h"

/* In the order in which they are read: a picture has as many tokens as the transformer draws. */
enum network { NETWORK_CLIP, NETWORK_GPT, NETWORK_VQGAN, N_NETWORKS };

/* What the files of a conversion say about the networks. */
struct networks {
    struct clip_config clip;
    struct vqgan_config vqgan;
    struct gpt_config gpt;
    bool centred; /* the file of the transformer brings the means of model/condition.h */
    const char *activation_from; /* who said what CLIP's activation is */
};

/* A checkpoint, and what is known of it beside its tensors. */
struct family_input {
    const char *path;
    const struct tensors *tensors;
    const struct options *options;
};

struct family {
    enum network network;
    const char *name;
    const char *sign; /* a tensor of this family */
    struct rename_rules rules;
    const char *const *ignored; /* patterns of tensors that are no weights; NULL ends them */
    /* Fills the network's part of ret; options go before what the files say. */
    int (*configure)(const struct family *f, const struct family_input *in, struct networks *ret,
                     struct err *e);
    /* Traits of VQGAN families. */
    float norm_eps;
    bool unit_codes, unit_range, decoder_only, decoder_from_bottom;
};

/* "clip", "vqgan", "gpt": what files and flags call it. */
const char *family_network_name(enum network n);
/* The family of a network's checkpoint; the words of a failure name what it is instead, if known.
 */
int family_recognise(enum network n, const struct tensors *t, const struct family **ret_family,
                     struct err *e);
/* The family of a sign; NULL if there is none. */
const struct family *family_of_sign(const char *sign);
/* How the family spells one of our parameters; false: it has none. */
bool family_rename(const struct family *f, const struct networks *n, const char *ours,
                   struct renamed *ret);
bool family_ignores(const struct family *f, const char *name);

/* ---- for the files of families ---- */

/* Dimension i of a view, if it has it and if it is at most 2^24; 0 otherwise. */
int family_dim(const struct view *v, int i);
/* The family's spelling of our names (convert/vqgan_names.h's, where it names levels). */
const struct rename_rules *family_rules(const struct family *f);
/* The tensor of one of our names; -1: names it as the family does. */
int family_need(const struct family *f, const struct tensors *t, const char *ours,
                struct view *ret_view, struct err *e);
/* How many of "PREFIX 0 SUFFIX", "PREFIX 1 SUFFIX", ... exist. */
int family_count(const struct family *f, const struct tensors *t, const char *prefix,
                 const char *suffix);
/* Heads: the option, or width / 64; names the option when the width is no multiple of 64. */
int family_heads(const char *option, int64_t given, int width, int *ret_heads, struct err *e);

int family_clip_configure(const struct family *f, const struct family_input *in,
                          struct networks *ret, struct err *e);
int family_gpt_configure(const struct family *f, const struct family_input *in,
                         struct networks *ret, struct err *e);
/* Of files that name levels and blocks; and of HFAiLab's, which count layers. */
int family_vqgan_configure(const struct family *f, const struct family_input *in,
                           struct networks *ret, struct err *e);
int family_vqgan_configure_counted(const struct family *f, const struct family_input *in,
                                   struct networks *ret, struct err *e);

#endif
