/*
 * A model bundle: a directory with config.json, model.safetensors (names prefixed clip. vqgan. gpt.
 * condition.), the tokenizer's merges file and a README card. Everything is checked at open: sizes
 * against limits, every tensor by name and shape, the networks against each other (condition width,
 * codebook, tokens a picture).
 */
#ifndef MODEL_BUNDLE_H
#define MODEL_BUNDLE_H

#include "base/err.h"
#include "model/clip.h"
#include "model/condition.h"
#include "model/gpt.h"
#include "model/tokenizer.h"
#include "model/vqgan.h"
#include "model/weights.h"

#define BUNDLE_CONFIG "config.json"
#define BUNDLE_WEIGHTS "model.safetensors"
#define BUNDLE_NAME_MAX 64
#define BUNDLE_LICENCE_MAX 256
#define BUNDLE_SOURCES_MAX 16
#define BUNDLE_DIGEST_BYTES 65 /* SHA-256 as text, or empty */

/* Limits of sampling settings: the same for bundles, recipes and requests. */
#define SAMPLING_TEMPERATURE_MAX 10
#define SAMPLING_TOP_K_MAX 65536
#define SAMPLING_GUIDANCE_MIN 1
#define SAMPLING_GUIDANCE_MAX 20

struct bundle_sampling {
    float temperature, top_p, guidance; /* defaults of a request */
    int top_k;
};

/* A file that a bundle was converted from. */
struct bundle_source {
    char network[16]; /* "clip", "vqgan", "gpt", "vocab" */
    char family[48];  /* whose names and conventions it had */
    char file[128];   /* its name, without directories */
    char sha256[BUNDLE_DIGEST_BYTES];
};

/* What config.json says. */
struct bundle_config {
    char name[BUNDLE_NAME_MAX]; /* "emoji-64": letters, digits, . _ - */
    char licence[BUNDLE_LICENCE_MAX];
    char vocab_file[BUNDLE_NAME_MAX]; /* in the bundle's directory */
    struct clip_config clip;
    struct vqgan_config vqgan;
    struct gpt_config gpt;
    bool centred; /* condition.h */
    struct bundle_sampling sampling;
    char weights_sha256[BUNDLE_DIGEST_BYTES];        /* of model.safetensors; empty: not recorded */
    struct bundle_source source[BUNDLE_SOURCES_MAX]; /* none of a bundle that was trained here */
    int n_sources;
};

struct bundle {
    struct bundle_config config;
    struct device *dev;       /* borrowed */
    enum param_format format; /* never AUTO */
    struct tokenizer *tokenizer;
    struct clip clip;
    struct vqgan *vqgan;
    struct gpt gpt;
    struct condition condition;
    struct param_list clip_params, vqgan_params, gpt_params, condition_params;
};

/* Reads config.json alone. */
int bundle_config_read(const char *dir, struct bundle_config *ret_config, struct err *e);
/* Whether it may be written: names, every network within its limits, the networks fitting each
 * other. */
int bundle_config_check(const struct bundle_config *c, struct err *e);
/* Checks and writes config.json into dir, atomically: the last file of a bundle to be written. */
int bundle_config_write(const char *dir, const struct bundle_config *c, struct err *e);
/* Loads a bundle into device memory. format: of the matrices of CLIP and of the transformer; AUTO:
 * Q8_0 or Q4_0 where they are stored so, else F32. Any format goes with any stored dtype: blocks of
 * the same format are taken as they are, other numbers are rounded. */
int bundle_open(const char *dir, struct device *dev, enum param_format format,
                struct bundle **ret_bundle, struct err *e);
void bundle_close(struct bundle *b);
/* The format that bundle_open would hold them in: what AUTO is for this bundle. */
int bundle_format(const char *dir, enum param_format format, enum param_format *ret_format,
                  struct err *e);
/* Everything that bundle_open checks, without memory for the weights: config.json, the name and
 * shape of every tensor, the vocabulary. */
int bundle_check(const char *dir, struct err *e);

/* ---- writing ---- */

#define BUNDLE_DTYPES "f32|f16|bf16|q8_0|q4_0"  /* what weights may be stored as */
extern const enum weights_dtype BUNDLE_DTYPE[]; /* in that order */
/*
 * What weights_param_dtype is asked with for the network that a tensor's name begins with. Blocks
 * are for the matrices that have a format in memory, and what is not in blocks is F32 then: a
 * bundle in q8_0 computes, bit for bit, what the same bundle in f32 does that is opened in q8_0.
 */
enum weights_dtype bundle_dtype(enum weights_dtype dtype, const char *name);
/* Writes config.json, model.safetensors (dtype: one of BUNDLE_DTYPE) and the vocabulary into dir
 * (made if absent). Only bundles in PARAM_PLAIN. */
int bundle_save(const struct bundle *b, const char *dir, enum weights_dtype dtype,
                const char *vocab_path, struct err *e);
/* A bundle with the shapes of its parameters as the device would hold them, and no memory for them:
 * for gen_plan. ret_bytes: device memory that they would take. The tokenizer is NULL. */
int bundle_plan(const struct bundle_config *c, struct device *dev, enum param_format format,
                struct bundle **ret_bundle, size_t *ret_bytes, struct err *e);
/* A bundle whose parameters are allocated but not loaded (tests, benchmarks, the trainer's `bundle`
 * stage). The tokenizer is NULL. */
int bundle_new(const struct bundle_config *c, struct device *dev, enum param_format format,
               struct bundle **ret_bundle, struct err *e);

#endif
