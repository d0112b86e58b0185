/*
 * One recipe: everything that makes one bundle, from pictures to the card. Each stage reads its own
 * section and the sizes of the networks it needs. Keys, defaults, limits and help are the table in
 * config.c; etc/train-emoji-64.conf is compared with it by a test.
 */
#ifndef TRAINER_CONFIG_H
#define TRAINER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "model/bundle.h"
#include "model/disc.h"

enum config_source { SOURCE_EMOJI, SOURCE_FOLDER };

/* What all three training stages have. */
struct config_training {
    int64_t steps, batch;
    double rate;     /* peak learning rate */
    int64_t warmup;  /* steps of linear rise */
    double rate_end; /* fraction of the peak at the last step (half cosine) */
    double decay;    /* AdamW weight decay, on matrices only */
    double clip;     /* largest gradient norm; 0: no clipping */
    double average;  /* decay of the weight average that previews, evaluation and the bundle use; 0:
                        none */
    int64_t preview; /* steps between preview grids; 0: none */
};

struct config {
    /* [run] */
    char *dir, *start_from;
    int backend;  /* index into "auto|cpu|cuda" */
    int products; /* index into "f32|bf16|f16" */
    int64_t seed, threads, save_s, stop_after;
    /* [data] */
    int source;
    char *folder, *font, *emoji_test, *annotations;
    int64_t side;
    double two_objects;
    double clip_rebuilt, clip_alike;
    double gpt_plain, gpt_codes;
    double size_min, size_max;
    bool flip;
    int64_t vocab_merges;
    bool hold_out_objects;
    /* [clip] */
    char *clip_pretrained, *clip_vocab;
    int64_t clip_embed, clip_patch, clip_width, clip_layers, clip_heads;
    int64_t clip_context, clip_text_width, clip_text_layers, clip_text_heads;
    struct config_training clip;
    /* [vqgan] */
    int64_t vqgan_ch, vqgan_res_blocks, vqgan_attn, vqgan_z, vqgan_codebook, vqgan_groups;
    char *vqgan_mult;
    bool vqgan_unit_codes;
    double vqgan_beta, vqgan_l2, vqgan_quantizer, vqgan_local;
    char *perceptual;
    double perceptual_weight;
    int64_t restart_every;
    double restart_below;
    int64_t disc_ch, disc_layers, gan_start, gan_warmup;
    double gan_weight, gan_rate;
    struct config_training vqgan;
    /* [gpt] */
    int64_t gpt_layers, gpt_width, gpt_heads;
    double gpt_dropout, gpt_noise, gpt_null;
    bool gpt_centred;
    struct config_training gpt;
    /* [bundle] */
    char *bundle_name, *bundle_dir, *bundle_licence;
    int bundle_dtype; /* index into BUNDLE_DTYPE */
    double temperature, top_p, guidance;
    int64_t top_k;
    /* [eval] */
    int64_t eval_prompts, eval_seed;
    int eval_weights; /* enum param_format */
};

extern const struct conf_row CONFIG_ROWS[];

/* The networks' sizes as the recipe gives them, or the bundle that it starts from; checked. */
int config_networks(const struct config *c, struct bundle_config *ret_networks, struct err *e);
struct disc_config config_disc(const struct config *c);
/* What "clip", "vqgan" and "gpt" are trained with; NULL for other stages. */
const struct config_training *config_training(const struct config *c, const char *stage);
/* "auto", "cpu" or "cuda", for device_open. */
const char *config_backend(const struct config *c);
/* For device_set_products. */
enum dtype config_products(const struct config *c);
/* config->dir/name; NULL when memory is out; mem_free. */
char *config_path(const struct config *c, const char *name);

#endif
