/*
 * bench/roofline [--preset coco|emoji]: the least time that each stage of inference takes on some
 * GPUs, computed from the networks' sizes and the GPUs' data sheets. Nothing is measured.
 */
#include <stdio.h>
#include <string.h>

#include "bench/preset.h"
#include "bench/work.h"

/* Of data sheets: memory bandwidth, and fp32 without tensor cores, which is what the kernels use.
 */
static const struct gpu {
    const char *name;
    double bytes_per_s, flops;
} GPUS[] = {
    { "A100 80 GB SXM", 2039e9, 19.5e12 },
    { "H100 SXM", 3352e9, 66.9e12 },
    { "L4", 300e9, 30.3e12 },
};

static const int BATCHES[] = { 1, 8, 64 };

enum { N_GPUS = sizeof GPUS / sizeof *GPUS, N_BATCHES = sizeof BATCHES / sizeof *BATCHES };

/* Launches of a block: two norms, four products, append and attend; of the rest of a step: two
 * embeddings, their sum, a norm, the head and the draw. Rows are quantised first beside whole
 * numbers: a launch more for each product. */
static int step_launches(const struct gpt_config *c, bool whole)
{
    return c->layers * (whole ? 12 : 8) + (whole ? 7 : 6);
}

/* One step of decoding, on average over a picture's. */
static struct work step_work(const struct gpt_config *c, int rows, double bits)
{
    struct work all = work_decode(c, rows, bits, 2);
    return (struct work){ all.flops / c->tokens, all.weight_bytes / c->tokens,
                          all.cache_bytes / c->tokens };
}

static double bytes_of(const struct work *w)
{
    return w->weight_bytes + w->cache_bytes;
}

/* The longer of reading and computing, in microseconds. */
static double least_us(const struct gpu *g, const struct work *w)
{
    double read = bytes_of(w) / g->bytes_per_s, compute = w->flops / g->flops;
    return 1e6 * (read > compute ? read : compute);
}

static void print_row(const char *stage, int batch, const char *launches, struct work w)
{
    char read[16] = ""; /* not counted where products are the limit */
    if (bytes_of(&w) > 0)
        snprintf(read, sizeof read, "%.0f", bytes_of(&w) / 1e6);
    printf("| %s | %d | %s | %.4g | %s |", stage, batch, read, w.flops / 1e9, launches);
    for (int g = 0; g < N_GPUS; g++)
        printf(" %.0f |", least_us(&GPUS[g], &w));
    printf("\n");
}

static void print_step(const char *stage, const struct gpt_config *c, int batch, double bits,
                       bool whole)
{
    char launches[16];
    snprintf(launches, sizeof launches, "%d", step_launches(c, whole));
    print_row(stage, batch, launches, step_work(c, batch, bits));
}

static void print_batch(const struct bundle_config *c, int batch)
{
    print_step("decode step, f16", &c->gpt, batch, 16, false);
    print_step("decode step, q8_0", &c->gpt, batch, 8.5, true);
    print_row("VQGAN decoder", batch, "", work_times(work_vqgan_decode(&c->vqgan), batch));
    print_row("CLIP text", batch, "", work_times(work_clip_text(&c->clip), batch));
    print_row("CLIP image", batch, "", work_times(work_clip_image(&c->clip), batch));
}

static void print_table(const struct preset *p)
{
    printf("%s: computed, not measured.\n\n", p->config.name);
    printf("| stage | rows | MB read | GFLOP | launches |");
    for (int g = 0; g < N_GPUS; g++)
        printf(" %s, us |", GPUS[g].name);
    printf("\n| --- | --- | --- | --- | --- |");
    for (int g = 0; g < N_GPUS; g++)
        printf(" --- |");
    printf("\n");
    for (int b = 0; b < N_BATCHES; b++)
        print_batch(&p->config, BATCHES[b]);
}

static int usage(void)
{
    fprintf(stderr, "usage: bench/roofline [--preset " PRESET_CHOICES "]\n");
    return 2;
}

int main(int argc, char **argv)
{
    enum preset_name name = PRESET_COCO;
    struct preset preset;
    struct err e;

    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--preset")))
        return usage();
    if (argc == 3 && !strcmp(argv[2], "emoji"))
        name = PRESET_EMOJI;
    else if (argc == 3 && strcmp(argv[2], "coco"))
        return usage();
    if (preset_load(name, &preset, &e)) {
        fprintf(stderr, "bench/roofline: %s\n", e.msg);
        return 1;
    }
    print_table(&preset);
    return 0;
}
