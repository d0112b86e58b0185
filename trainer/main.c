/*
 * clipgen-trainer STAGE --config FILE: from pictures to a bundle, one stage at a time.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/stop.h"
#include "trainer/config.h"
#include "trainer/evaluate.h"
#include "trainer/stage_bundle.h"
#include "trainer/stage_data.h"
#include "trainer/step_clip.h"
#include "trainer/step_gpt.h"
#include "trainer/step_vqgan.h"

static const struct {
    const char *name;
    int (*run)(const struct stage *s, bool *ret_done, struct err *e);
    bool resumes; /* a signal makes it save; the others are simply started again */
    const char *help;
} STAGES[] = {
    { "data", stage_data, false, "collect the pictures and learn the vocabulary" },
    { "vqgan", stage_vqgan, true, "train the picture tokenizer: encoder, codebook, decoder" },
    { "clip", stage_clip, true, "train CLIP on pictures and captions" },
    { "gpt", stage_gpt, true, "train the transformer on CLIP image embeddings" },
    { "bundle", stage_bundle, false, "pack the networks for clipgend" },
    { "eval", stage_eval, false, "measure the bundle on held-out prompts, draw a contact sheet" },
};
#define N_STAGES (sizeof STAGES / sizeof *STAGES)

static void help(void)
{
    puts("usage: clipgen-trainer STAGE [--config FILE] [--KEY VALUE]...\n\n"
         "Trains a CLIP-GEN model from pictures, stage by stage:");
    for (size_t i = 0; i < N_STAGES; i++)
        printf("  %-8s %s\n", STAGES[i].name, STAGES[i].help);
    puts("\nTraining that is stopped (Ctrl-C, SIGTERM) saves and goes on from there the next time, "
         "with the\n"
         "same result as if it had never stopped. Watch DIR/STAGE/preview-*.png and "
         "metrics.jsonl.\n\n"
         "  clipgen-trainer data  --config etc/train-emoji-64.conf\n"
         "  clipgen-trainer vqgan --config etc/train-emoji-64.conf\n\n"
         "--print-config writes the recipe with all defaults and comments. Keys of the recipe, "
         "each also a flag:\n");
    conf_help(CONFIG_ROWS, stdout);
}

static int read_config(int argc, char **argv, struct config *c, struct err *e)
{
    const char *file = conf_peek(argc, argv, "config");
    int rest;
    if (conf_defaults(CONFIG_ROWS, c, e) || (file && conf_load(CONFIG_ROWS, c, file, e)) ||
        conf_args(CONFIG_ROWS, c, argc, argv, "config", &rest, e))
        return -1;
    if (rest < argc)
        return err_set(e, ERR_INVALID, "'%s': one stage at a time; see clipgen-trainer --help",
                       argv[rest]);
    return 0;
}

static int run_stage(const struct config *c, size_t stage, struct err *e)
{
    struct stage s = { .config = c, .stop = STAGES[stage].resumes ? stop_on_signals() : NULL };
    bool done = false;
    if (device_open(config_backend(c), (int)c->threads, &s.dev, e))
        return -1;
    log_info("%s: %s", STAGES[stage].name, device_describe(s.dev));
    int failed =
        device_set_products(s.dev, config_products(c), e) || STAGES[stage].run(&s, &done, e);
    if (!failed && !done)
        log_info("%s: stopped and saved; run the same command to go on", STAGES[stage].name);
    device_close(s.dev);
    return failed;
}

static int find_stage(const char *name, size_t *ret_stage, struct err *e)
{
    for (size_t i = 0; i < N_STAGES; i++)
        if (!strcmp(STAGES[i].name, name)) {
            *ret_stage = i;
            return 0;
        }
    return err_set(e, ERR_INVALID, "'%s' is not a stage: data, clip, vqgan, gpt, bundle or eval",
                   name);
}

static int read_args(int argc, char **argv, size_t *ret_stage, struct config *c, struct err *e)
{
    if (argc < 2)
        return err_set(e, ERR_INVALID, "which stage? data, clip, vqgan, gpt, bundle or eval");
    return find_stage(argv[1], ret_stage, e) || read_config(argc - 1, argv + 1, c, e);
}

/* Flags that print something and are done. */
static bool printed(int argc, char **argv)
{
    if (conf_peek(argc, argv, "help"))
        help();
    else if (conf_peek(argc, argv, "version"))
        puts("clipgen-trainer " CLIPGEN_VERSION);
    else if (conf_peek(argc, argv, "print-config"))
        conf_print_ini(CONFIG_ROWS, stdout);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct config c = { 0 };
    struct err e = { 0 };
    size_t stage = 0;
    int status = 0;
    if (printed(argc, argv))
        return 0;
    if (read_args(argc, argv, &stage, &c, &e)) {
        fprintf(stderr, "clipgen-trainer: %s\nTry clipgen-trainer --help.\n", e.msg);
        status = 2;
    } else if (run_stage(&c, stage, &e)) {
        log_error("%s", e.msg);
        status = 1;
    }
    conf_release(CONFIG_ROWS, &c);
    return status;
}
