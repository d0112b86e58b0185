/*
 * What bench/run measures, a row each: a network or the whole way from a prompt to pictures,
 * through the calls that the daemon and the trainer make, with random weights.
 */
#ifndef BENCH_PART_H
#define BENCH_PART_H

#include "bench/preset.h"
#include "bench/work.h"
#include "model/generate.h"

#define STAGES_MAX 4

struct generation; /* part_generate.c */
struct sampling;   /* part_sample.c */
struct training;   /* part_train.c */

/* What the parts work with. */
struct bench {
    const struct preset *preset;
    struct device *dev;
    struct bundle *bundle; /* of the preset's sizes, kept while parts want its format */
    enum param_format format;
    /* of the open part */
    const struct part *part;
    struct generation *generation;
    struct sampling *sampling;
    struct training *training;
    double stage_seconds[STAGES_MAX]; /* of the run, where the part has stages */
};

struct part {
    const char *name;
    const char *what; /* that one run does */
    const struct part_kind *kind;
    int n;                    /* sequences */
    enum param_format format; /* of the transformer's and CLIP's matrices */
};

struct part_kind {
    const char *stage[STAGES_MAX]; /* names, where a run has several */
    int (*open)(struct bench *b, struct err *e);
    int (*run)(struct bench *b, struct err *e);
    void (*close)(struct bench *b);                             /* also what open left half done */
    void (*work)(const struct bench *b, struct work *ret_work); /* of each stage */
};

#define PARTS_MAX 32
extern const struct part PARTS[];
extern const int N_PARTS;

extern const struct part_kind PART_DECODE, PART_VQGAN_DECODE, PART_CLIP_TEXT, PART_CLIP_IMAGE;
extern const struct part_kind PART_TEXT_TO_BEST;                /* part_generate.c */
extern const struct part_kind PART_SAMPLE;                      /* part_sample.c */
extern const struct part_kind PART_TRAIN_GPT, PART_TRAIN_VQGAN; /* part_train.c */

/* Adds the time since start (clock_ns) to a stage of the run. */
void bench_lap(struct bench *b, int stage, int64_t start);

#endif
