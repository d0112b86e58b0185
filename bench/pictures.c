/*
 * bench/pictures: pictures a second that the networks draw by themselves, all rows of a step always
 * in use: the most that a daemon could do if HTTP, files and waiting took nothing.
 *
 *     bench/pictures --bundle models/emoji-64 --seconds 60
 *
 * Every picture is what a request of clipgend is: its prompt is embedded, it is drawn with the
 * bundle's own sampling, decoded, and scored by CLIP.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/program.h"
#include "model/generate.h"

#define PROMPT "a red apple"
#define WARM_UP_NS INT64_C(2000000000)

struct options {
    char *bundle;
    int64_t rows, threads;
    double seconds;
};

static const struct conf_row ROWS[] = {
    CONF_STRING("pictures", "bundle", MODELS_DIR "/emoji-64", 4095, struct options, bundle,
                "directory of a model bundle"),
    CONF_INT("pictures", "rows", "16", 2, GEN_ROWS_MAX, struct options, rows, "rows of a step"),
    CONF_INT("pictures", "threads", "0", 0, 256, struct options, threads,
             "CPU threads; 0: as many as there are cores"),
    CONF_REAL("pictures", "seconds", "30", 0.01, 86400, struct options, seconds,
              "that are measured, after two more"),
    CONF_END,
};

struct drawing {
    struct bundle *bundle;
    struct gen *gen;
    float *embed, *cond;
    int32_t *ids;
    int slots[GEN_ROWS_MAX], n_slots;
    uint64_t seed;
    int64_t drawn;
};

static int drawing_open(struct drawing *d, const struct options *o, struct device *dev,
                        struct err *e)
{
    if (bundle_open(o->bundle, dev, PARAM_PLAIN, &d->bundle, e) ||
        gen_new(d->bundle, (int)o->rows, &d->gen, e))
        return -1;
    d->embed = mem_alloc((size_t)d->bundle->config.clip.embed_dim, sizeof *d->embed);
    d->cond = mem_alloc((size_t)d->bundle->config.clip.embed_dim, sizeof *d->cond);
    d->ids = mem_alloc((size_t)d->bundle->config.clip.text.context, sizeof *d->ids);
    return d->embed && d->cond && d->ids ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static void drawing_close(struct drawing *d)
{
    gen_free(d->gen);
    bundle_close(d->bundle);
    mem_free(d->embed);
    mem_free(d->cond);
    mem_free(d->ids);
}

static int begin(struct drawing *d, const struct gen_settings *s, struct err *e)
{
    struct tokenizer_result text;

    if (tokenizer_encode(d->bundle->tokenizer, PROMPT, strlen(PROMPT),
                         d->bundle->config.clip.text.context, d->ids, &text, e) ||
        gen_embed_text(d->gen, d->ids, text.end, d->embed, e) ||
        gen_condition(d->gen, d->embed, GEN_TEXT, d->cond, e) ||
        gen_admit(d->gen, d->cond, NULL, s, &d->slots[d->n_slots], e))
        return -1;
    d->n_slots++;
    return 0;
}

static int begin_all(struct drawing *d, struct err *e)
{
    const struct bundle_sampling *b = &d->bundle->config.sampling;
    struct gen_settings s = {
        .temperature = b->temperature, .top_k = b->top_k, .top_p = b->top_p, .guidance = b->guidance
    };

    while (gen_rows_free(d->gen) >= gen_rows_needed(&s)) {
        s.seed = d->seed++;
        if (begin(d, &s, e))
            return -1;
    }
    return 0;
}

static int finish(struct drawing *d, int slot, struct err *e)
{
    struct image img;
    int failed;

    if (gen_image(d->gen, slot, &img, e))
        return -1;
    failed = gen_embed_image(d->gen, &img, d->embed, e);
    image_release(&img);
    gen_drop(d->gen, slot);
    d->drawn++;
    return failed;
}

static int finish_done(struct drawing *d, struct err *e)
{
    int left = 0;

    for (int i = 0; i < d->n_slots; i++) {
        if (!gen_done(d->gen, d->slots[i]))
            d->slots[left++] = d->slots[i];
        else if (finish(d, d->slots[i], e))
            return -1;
    }
    d->n_slots = left;
    return 0;
}

/* And until there is a picture. */
static int draw_for(struct drawing *d, int64_t ns, struct err *e)
{
    int64_t until = clock_ns() + ns;

    d->drawn = 0;
    while (clock_ns() < until || d->drawn == 0)
        if (begin_all(d, e) || gen_step(d->gen, e) || finish_done(d, e))
            return -1;
    return 0;
}

static int run(const void *options, struct err *e)
{
    const struct options *o = options;
    struct drawing d = { 0 };
    struct device *dev = NULL;
    int64_t start = 0;
    int failed = device_open("cpu", (int)o->threads, &dev, e) || drawing_open(&d, o, dev, e) ||
                 draw_for(&d, WARM_UP_NS, e);

    if (!failed) {
        start = clock_ns();
        failed = draw_for(&d, (int64_t)(o->seconds * 1e9), e);
    }
    if (!failed)
        printf("%s, %d rows, %s: %.2f pictures/s\n", d.bundle->config.name, (int)o->rows,
               device_describe(dev), (double)d.drawn / ((double)(clock_ns() - start) / 1e9));
    drawing_close(&d);
    device_close(dev);
    return failed;
}

int main(int argc, char **argv)
{
    static const struct program PICTURES = { "bench/pictures", ROWS, run };
    struct options o = { 0 };

    return program_main(&PICTURES, argc, argv, &o);
}
