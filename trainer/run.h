/*
 * The loop that all training stages share: resume, step, metrics, progress, previews, checkpoints,
 * stop.
 *
 * DIR/NAME/ holds checkpoint.safetensors, metrics.jsonl, preview-STEP.png. A checkpoint is written
 * every save_s seconds, at the end, after stop_after steps and on SIGTERM/SIGINT; a run that is
 * started again goes on from it and ends with the same bytes as one that was never stopped. A value
 * that is not finite, or a full disk, stops the run with words; the last checkpoint stays.
 */
#ifndef TRAINER_RUN_H
#define TRAINER_RUN_H

#include <signal.h>

#include "base/image.h"
#include "model/weights.h"
#include "trainer/config.h"
#include "trainer/metrics.h"

struct task {
    const char *name;
    const struct config_training *training;
    void *self;
    /* One step; sets at least "loss". *ret_flops: floating point operations it took. */
    int (*step)(void *self, int64_t step, struct metrics *m, double *ret_flops, struct err *e);
    int (*save)(void *self, struct weights_out *out, struct err *e);
    int (*load)(void *self, const struct weights *w, struct err *e);
    /* A picture of how it goes. NULL: none. */
    int (*preview)(void *self, struct image *ret_img, struct err *e);
    /* Told where the run goes on, before the first step (0 for a fresh run). */
    int (*begin)(void *self, int64_t step, struct err *e);
};

/* stop: set by a signal handler. 0 also when stopped early (*ret_done tells). */
int run_task(const struct config *c, const struct task *t, const volatile sig_atomic_t *stop,
             bool *ret_done, struct err *e);

/* Whether a preview, and what is measured with it, is due when `done` steps are. */
bool run_preview_due(const struct config_training *t, int64_t done);
/* Whether a stage has left a checkpoint. */
bool run_has_result(const struct config *c, const char *name);
/* DIR/NAME/checkpoint.safetensors opened, for the stages that build on it; absent: an error that
 * says which stage to run first. A checkpoint with fewer steps than the recipe wants is used as it
 * is, with a warning in the log: stopping early because the previews look good is a user's right,
 * and so is changing the number of steps afterwards. */
int run_open_result(const struct config *c, const char *name, struct weights **ret_weights,
                    struct err *e);

#endif
