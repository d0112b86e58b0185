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
