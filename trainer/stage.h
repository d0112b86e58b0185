/*
 * What every stage is given, and the pieces that several of them open.
 */
#ifndef TRAINER_STAGE_H
#define TRAINER_STAGE_H

#include <signal.h>
#include <stdbool.h>

#include "model/bundle.h"
#include "trainer/config.h"
#include "trainer/dataset.h"
#include "trainer/loader.h"
#include "trainer/optim.h"

struct stage {
    const struct config *config;
    struct device *dev;
    const volatile sig_atomic_t *stop; /* base/stop.h; NULL where a stage does not save */
};

/* The data set that the stage `data` wrote. */
int stage_open_dataset(const struct stage *s, struct dataset **ret_ds, struct err *e);

/* The recipe's networks and the vocabulary that goes with them: that of the bundle whose CLIP is
 * given, else the one that the stage `data` learned. Few captions give fewer merges than the recipe
 * asks for; CLIP's table is as long as the vocabulary that there is. */
int stage_open_networks(const struct stage *s, struct bundle_config *ret_networks,
                        struct tokenizer **ret_tok, struct err *e);
/* The file of that vocabulary; NULL with e set on failure; mem_free. */
char *stage_vocab_path(const struct stage *s, struct err *e);

/* What a loader is opened with; see stage_open_loader. */
struct loader_options stage_loader_options(const struct config *c, const struct tokenizer *tok,
                                           int64_t batch, int context, uint64_t purpose,
                                           enum split split);
/* Training batches of `batch` pictures; tok NULL: without captions. purpose: keeps the stages'
 * pictures apart. */
int stage_open_loader(const struct stage *s, const struct dataset *ds, const struct tokenizer *tok,
                      int64_t batch, int context, uint64_t purpose, enum split split,
                      int64_t first_step, struct loader **ret_loader, struct err *e);

/* The weights that a network's training starts with: those of the bundle start_from, else random
 * ones; stream: tells the networks of one recipe apart. */
int stage_first_weights(const struct stage *s, const char *name, uint64_t stream,
                        struct param_list *params, struct err *e);

/* The weights that the stage clip or vqgan ended with (their average where there is one). Where it
 * was not run and the recipe starts from a bundle: that bundle's. */
int stage_load_result(const struct stage *s, const char *name, struct param_list *params,
                      struct err *e);

/* A bundle of the recipe's sizes with its tokenizer, and CLIP and VQGAN as their stages left them
 * (or the pretrained CLIP); gpt and condition are not filled. */
int stage_open_frozen(const struct stage *s, struct bundle **ret_bundle, struct err *e);

/* What previews and PSNR look at: held-out pictures, or training ones where a folder is too small
 * to keep any for tests. */
enum split stage_test_split(const struct stage *s, const struct dataset *ds);

/* Scenes as the recipe wants them. */
struct scene_options stage_scene_options(const struct config *c);

/* The optimiser of a stage's generator side. */
struct optim_settings stage_optim(const struct config_training *t, float beta1, float beta2);

#endif
