#include "trainer/gap.h"

#include <math.h>

#include "base/mem.h"
#include "trainer/pixels.h"
#include "trainer/workspace.h"

#define GAP_BATCH 32

struct gap {
    struct bundle *bundle;
    int side;
    const struct batch *batch;
    int32_t end_rows[GAP_BATCH];
    float *image, *text;          /* [GAP_BATCH, E] unit embeddings of a batch */
    double *image_sum, *text_sum; /* [E] */
};

static void graph(void *self, struct pass *p)
{
    struct gap *g = self;
    const struct clip_config *c = &g->bundle->config.clip;
    int64_t b = GAP_BATCH, context = c->text.context;
    struct tensor *u8 = pass_upload(p, DTYPE_U8, 4, (int64_t[]){ b, g->side, g->side, 3 },
                                    g->batch ? g->batch->pixels : NULL);
    struct tensor *ids =
        pass_upload(p, DTYPE_I32, 2, (int64_t[]){ b, context }, g->batch ? g->batch->ids : NULL);
    struct tensor *rows = pass_upload(p, DTYPE_I32, 1, &b, g->end_rows);
    struct tensor *image = clip_image(p, &g->bundle->clip, pixels_for_clip(p, c, u8));
    struct tensor *text = clip_text(p, &g->bundle->clip, ids, rows);
    size_t bytes = sizeof(float) * GAP_BATCH * (size_t)c->embed_dim;
    workspace_read(p, op_l2norm(p, image, CLIP_NORM_EPS), g->image, bytes);
    workspace_read(p, op_l2norm(p, text, CLIP_NORM_EPS), g->text, bytes);
}

static void add_rows(double *sum, const float *rows, int width)
{
    for (int b = 0; b < GAP_BATCH; b++)
        for (int i = 0; i < width; i++)
            sum[i] += rows[b * width + i];
}

static int measure(struct gap *g, struct workspace *w, struct loader *l, int batches, struct err *e)
{
    const struct clip_config *c = &g->bundle->config.clip;
    for (int n = 0; n < batches; n++) {
        if (loader_next(l, &g->batch, e))
            return -1;
        for (int b = 0; b < GAP_BATCH; b++)
            g->end_rows[b] = b * c->text.context + g->batch->end[b];
        if (workspace_run(w, g, graph, false, 0, e))
            return -1;
        add_rows(g->image_sum, g->image, c->embed_dim);
        add_rows(g->text_sum, g->text, c->embed_dim);
    }
    return 0;
}

/* sum / n into the bundle's buffer. */
static int set_mean(struct gap *g, struct tensor *mean, const double *sum, double n, struct err *e)
{
    int width = g->bundle->config.clip.embed_dim;
    for (int i = 0; i < width; i++)
        g->image[i] = (float)(sum[i] / n);
    return device_upload(g->bundle->dev, mean, 0, g->image, sizeof(float) * (size_t)width, e);
}

static double distance(const struct gap *g, double n)
{
    double sum = 0;
    for (int i = 0; i < g->bundle->config.clip.embed_dim; i++) {
        double d = (g->image_sum[i] - g->text_sum[i]) / n;
        sum += d * d;
    }
    return sqrt(sum);
}

int gap_measure(const struct stage *s, const struct dataset *ds, const struct tokenizer *tok,
                struct bundle *b, int pictures, double *ret_gap, struct err *e)
{
    struct gap g = { .bundle = b, .side = (int)s->config->side };
    struct workspace w = { 0 };
    struct loader *loader = NULL;
    workspace_graph *graphs[] = { graph };
    size_t width = (size_t)b->config.clip.embed_dim;
    int batches = (pictures + GAP_BATCH - 1) / GAP_BATCH, failed = -1;
    double n = (double)batches * GAP_BATCH;
    g.image = mem_alloc(2 * GAP_BATCH * width, sizeof(float));
    g.image_sum = mem_alloc(2 * width, sizeof(double));
    if (!g.image || !g.image_sum) {
        err_set(e, ERR_NOMEM, "no memory for embeddings");
        goto out;
    }
    g.text = g.image + GAP_BATCH * width;
    g.text_sum = g.image_sum + width;
    if (workspace_init(&w, b->dev, &g, graphs, 1, e) ||
        stage_open_loader(s, ds, tok, GAP_BATCH, b->config.clip.text.context, 4, SPLIT_TRAIN, 0,
                          &loader, e) ||
        measure(&g, &w, loader, batches, e) ||
        set_mean(&g, b->condition.image_mean, g.image_sum, n, e) ||
        set_mean(&g, b->condition.text_mean, g.text_sum, n, e))
        goto out;
    *ret_gap = distance(&g, n);
    failed = 0;
out:
    loader_free(loader);
    workspace_release(&w);
    mem_free(g.image);
    mem_free(g.image_sum);
    return failed;
}
