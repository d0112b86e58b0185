#include "tests/trainer/recipe.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/test.h"
#include "tests/trainer/toys.h"
#include "trainer/caption.h"

static const char *const SETTINGS[][2] = {
    { "threads", "1" },          { "save_s", "86400" },      { "side", "16" },
    { "two_objects", "0" },      { "vocab_merges", "40" },   { "clip_embed", "16" },
    { "clip_patch", "8" },       { "clip_width", "16" },     { "clip_layers", "1" },
    { "clip_heads", "2" },       { "clip_context", "16" },   { "clip_text_width", "16" },
    { "clip_text_layers", "1" }, { "clip_text_heads", "2" }, { "clip_steps", "10" },
    { "clip_batch", "8" },       { "clip_warmup", "2" },     { "clip_preview", "0" },
    { "clip_rebuilt", "0" },     { "size_min", "0.75" },     { "size_max", "0.97" },
    { "flip", "yes" },           { "vqgan_ch", "8" },        { "vqgan_mult", "1,1,2" },
    { "vqgan_groups", "4" },     { "vqgan_z", "4" },         { "vqgan_codebook", "32" },
    { "restart_every", "4" },    { "disc_ch", "4" },         { "disc_layers", "1" },
    { "gan_start", "3" },        { "gan_weight", "0.8" },    { "gan_warmup", "2" },
    { "vqgan_steps", "10" },     { "vqgan_batch", "4" },     { "vqgan_warmup", "2" },
    { "vqgan_preview", "0" },    { "gpt_layers", "1" },      { "gpt_width", "32" },
    { "gpt_heads", "2" },        { "gpt_dropout", "0.1" },   { "gpt_steps", "10" },
    { "gpt_batch", "4" },        { "gpt_warmup", "2" },      { "gpt_preview", "0" },
    { "gpt_plain", "0.5" },      { "restart_below", "0.5" }, { "eval_prompts", "12" },
};

static void check(int failed, const struct err *e)
{
    if (failed)
        fail_msg("%s", e->msg);
}

void recipe_set(struct recipe *r, const char *key, const char *value)
{
    struct err e;

    check(conf_set(CONFIG_ROWS, &r->config, key, value, &e), &e);
}

/* What the stage `data` does for pictures of its own. */
static void make_data(const struct recipe *r)
{
    char *dir = config_path(&r->config, "data"), *vocab = config_path(&r->config, "data/vocab.txt");
    struct buf corpus, merges;
    struct dataset *ds;
    struct err e;

    assert_true(dir && vocab);
    check(file_make_dirs(dir, &e), &e);
    ds = toy_emoji_set(dir);
    buf_init(&corpus, 1 << 20);
    buf_init(&merges, 1 << 20);
    caption_corpus(ds, &corpus);
    check(tokenizer_learn(corpus.data, corpus.len, (int)r->config.vocab_merges, &merges, &e) ||
              file_write(vocab, merges.data, merges.len, &e),
          &e);
    buf_release(&corpus);
    buf_release(&merges);
    dataset_close(ds);
    mem_free(dir);
    mem_free(vocab);
}

void recipe_open(struct recipe *r, const char *dir)
{
    struct err e;

    *r = (struct recipe){ .stage = { .config = &r->config, .stop = &r->stop } };
    check(conf_defaults(CONFIG_ROWS, &r->config, &e), &e);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        recipe_set(r, SETTINGS[i][0], SETTINGS[i][1]);
    recipe_set(r, "dir", dir);
    check(device_open(test_backend(), 1, &r->stage.dev, &e), &e);
    make_data(r);
}

void recipe_close(struct recipe *r)
{
    device_close(r->stage.dev);
    conf_release(CONFIG_ROWS, &r->config);
}

bool recipe_run(struct recipe *r, recipe_stage *stage)
{
    bool done = false;
    struct err e;

    check(stage(&r->stage, &done, &e), &e);
    return done;
}

static void read_metrics(const struct recipe *r, const char *stage, struct buf *text)
{
    char path[512];
    struct err e;

    snprintf(path, sizeof path, "%s/%s/metrics.jsonl", r->config.dir, stage);
    buf_init(text, 1 << 20);
    check(file_read(path, 1 << 20, text, &e), &e);
}

int recipe_lines(const struct recipe *r, const char *stage)
{
    struct buf text;
    int lines = 0;

    read_metrics(r, stage, &text);
    for (const char *at = text.data; at && (at = strchr(at, '\n')); at++)
        lines++;
    buf_release(&text);
    return lines;
}

static double value_in_line(const char *line, const char *name)
{
    char key[64];
    double value;

    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key), *end = strchr(line, '\n');
    assert_true(at && end && at < end);
    assert_int_equal(sscanf(at + strlen(key), "%lf", &value), 1);
    return value;
}

double recipe_metric(const struct recipe *r, const char *stage, const char *name, int from, int to)
{
    struct buf text;
    double sum = 0;

    read_metrics(r, stage, &text);
    const char *line = text.data;
    for (int i = 0; i < to; i++) {
        assert_true(line && *line);
        sum += i >= from ? value_in_line(line, name) : 0;
        line = strchr(line, '\n') + 1;
    }
    buf_release(&text);
    return sum / (to - from);
}
