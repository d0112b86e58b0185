/*
 * The tiny networks of the golden fixtures, with their weights, ready to run.
 */
#ifndef TESTS_MODEL_TINY_H
#define TESTS_MODEL_TINY_H

#include "model/clip.h"
#include "model/disc.h"
#include "model/gpt.h"
#include "model/vqgan.h"
#include "tests/model/golden.h"

struct tiny_clip {
    struct golden g;
    struct clip net;
    struct param_list params;
};
void tiny_clip_open(struct tiny_clip *t);
void tiny_clip_close(struct tiny_clip *t);
/* ids [B, context] on the host -> raw features, in the present pass */
struct tensor *tiny_clip_text(struct tiny_clip *t, const int32_t *ids, int64_t batch);

struct tiny_gpt {
    struct golden g;
    struct gpt net;
    struct param_list params;
};
void tiny_gpt_open(struct tiny_gpt *t);
void tiny_gpt_close(struct tiny_gpt *t);
/* cond [B, cond_dim] -> the likeliest tokens [B, T], one position at a time through a cache. */
void tiny_gpt_greedy(struct tiny_gpt *t, const float *cond, int64_t batch, int32_t *ret_tokens);

/* Cached decoding of the fixture's sequences (in.cond, in.tokens): slot s goes through sequence s.
 */
#define TINY_SLOTS 3
struct tiny_decoder {
    struct tiny_gpt t;
    struct kv kv;
    float *cond;     /* [TINY_SLOTS, cond_dim] */
    int32_t *tokens; /* [TINY_SLOTS, T] */
};
/* A row of a step: a slot, and the first position that it goes through. */
struct tiny_row {
    int32_t slot, pos;
};
void tiny_decoder_open(struct tiny_decoder *d);
void tiny_decoder_close(struct tiny_decoder *d);
/* Forgets all sequences. */
void tiny_decoder_restart(struct tiny_decoder *d);
/* n positions of every row in one pass -> logits [rows, n, V]; mem_free. Either all rows start at
 * position 0, with their conditions, or none does. */
float *tiny_decoder_step(struct tiny_decoder *d, const struct tiny_row *row, int rows, int n);

struct tiny_vqgan {
    struct golden g;
    struct vqgan *net;
    struct disc disc;
    struct param_list params, disc_params;
};
/* norm_eps: 1e-5 HFAiLab, 1e-6 taming */
void tiny_vqgan_open(struct tiny_vqgan *t, float norm_eps);
void tiny_vqgan_close(struct tiny_vqgan *t);

#endif
