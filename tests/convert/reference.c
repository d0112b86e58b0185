#include "tests/convert/reference.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernels/pass.h"

/* ---- running ---- */

/* A pass over inputs of the expected file; what it computes is read while it lasts. */
struct run {
    struct bundle *b;
    const struct weights *expected;
    struct pass pass;
    bool planning;
};

typedef int graph(struct run *r, void *ret, struct err *e);

/* Once on an arena that counts, then for real. */
static int run_graph(struct run *r, graph *g, void *ret, struct err *e)
{
    struct arena a;
    size_t bytes;
    int failed;

    if (arena_init_planning(&a, ARENA_HOST_BYTES, e))
        return -1;
    r->planning = true;
    pass_init(&r->pass, NULL, &a, NULL);
    failed = g(r, ret, e) || pass_finish(&r->pass, e);
    bytes = arena_peak(&a);
    arena_free(&a);
    if (failed || arena_init(&a, r->b->dev, bytes, ARENA_HOST_BYTES, e))
        return -1;
    r->planning = false;
    pass_init(&r->pass, r->b->dev, &a, NULL);
    failed = g(r, ret, e);
    arena_free(&a);
    return failed;
}

static int compare(struct bundle *b, const char *expected, graph *g, void *ret, struct err *e)
{
    struct run r = { .b = b };
    struct weights *w;
    int failed;

    if (weights_open(expected, &w, e))
        return -1;
    r.expected = w;
    failed = run_graph(&r, g, ret, e) ? err_prefix(e, "%s: ", expected) : 0;
    weights_close(w);
    return failed;
}

static const struct weights_entry *find(const struct run *r, const char *name)
{
    static const struct weights_entry none = { .name = "(missing)" };
    const struct weights_entry *t = weights_find(r->expected, name);

    return t ? t : &none;
}

/* mem_free; NULL without memory or without such a tensor. */
static float *floats(const struct run *r, const char *name)
{
    const struct weights_entry *t = find(r, name);
    float *x = mem_alloc((size_t)weights_entry_count(t), sizeof *x);

    if (x && weights_read_f32(t, x, NULL)) {
        mem_free(x);
        return NULL;
    }
    return x;
}

static int32_t *ints(const struct run *r, const char *name)
{
    const struct weights_entry *t = find(r, name);
    int32_t *x = mem_alloc((size_t)weights_entry_count(t), sizeof *x);

    if (x && weights_read_i32(t, x, NULL)) {
        mem_free(x);
        return NULL;
    }
    return x;
}

/* A picture [B, C, H, W] of the file -> [B, H, W, C] */
static struct tensor *picture(struct run *r, const char *name)
{
    static const int order[] = { 0, 2, 3, 1 };
    const struct weights_entry *t = find(r, name);
    float *x = floats(r, name);
    struct tensor *in = pass_upload(&r->pass, DTYPE_F32, t->n_dims, t->dim, x);

    mem_free(x);
    return op_permute(&r->pass, in, order);
}

static struct tensor *whole_numbers(struct run *r, int n_dims, const int64_t *dim, const int32_t *x)
{
    return pass_upload(&r->pass, DTYPE_I32, n_dims, dim, x);
}

/* The values of y; mem_free. NULL while planning. */
static float *download(struct run *r, const struct tensor *y)
{
    float *x;

    if (r->planning || !y)
        return NULL;
    x = mem_alloc(tensor_bytes(y), 1);
    if (x && device_download(r->b->dev, y, 0, x, tensor_bytes(y), NULL)) {
        mem_free(x);
        return NULL;
    }
    return x;
}

/* ---- comparing ---- */

static double largest(const float *x, size_t n)
{
    double most = 0;

    for (size_t i = 0; i < n; i++)
        most = fabs((double)x[i]) > most ? fabs((double)x[i]) : most;
    return most;
}

/* Largest difference of y (planning: nothing) from the file's tensor; -1: one is not there. */
static int difference(struct run *r, const struct tensor *y, const char *name, bool relative,
                      double *ret, struct err *e)
{
    const struct weights_entry *t = find(r, name);
    size_t n = (size_t)weights_entry_count(t);
    float *got = download(r, y), *want = floats(r, name);
    int failed = 0;

    if (!r->planning && (!got || !want || (size_t)tensor_count(y) != n))
        failed = pass_finish(&r->pass, e) ? -1 : err_set(e, ERR_FORMAT, "%s does not fit", name);
    if (!r->planning && !failed) {
        double scale = relative ? largest(want, n) : 1;
        for (size_t i = 0; i < n; i++)
            got[i] -= want[i];
        *ret = largest(got, n) / scale;
    }
    mem_free(got);
    mem_free(want);
    return failed;
}

/* ---- CLIP ---- */

static struct tensor *clip_text_rows(struct run *r)
{
    const struct weights_entry *t = find(r, "in.ids");
    int32_t *ids = ints(r, "in.ids"), ends[64] = { 0 };
    int64_t rows = t->dim[0], context = t->dim[1];
    struct tensor *y;

    for (int64_t b = 0; ids && b < rows && b < 64; b++) {
        ends[b] = (int32_t)(b * context);
        for (int64_t i = 0; i < context; i++)
            if (ids[b * context + i] > ids[ends[b]])
                ends[b] = (int32_t)(b * context + i);
    }
    y = clip_text(&r->pass, &r->b->clip, whole_numbers(r, 2, t->dim, ids),
                  whole_numbers(r, 1, &rows, ends));
    mem_free(ids);
    return y;
}

static int clip_graph(struct run *r, void *ret, struct err *e)
{
    struct reference_clip *c = ret;
    struct pass *p = &r->pass;
    struct tensor *image = clip_image(p, &r->b->clip, picture(r, "in.pixels"));
    struct tensor *text = clip_text_rows(r);

    return difference(r, op_l2norm(p, image, CLIP_NORM_EPS), "out.image", false, &c->image, e) ||
           difference(r, op_l2norm(p, text, CLIP_NORM_EPS), "out.text", false, &c->text, e);
}

int reference_clip(struct bundle *b, const char *expected, struct reference_clip *ret,
                   struct err *e)
{
    return compare(b, expected, clip_graph, ret, e);
}

/* ---- GPT ---- */

/* Logits of every position of a sequence that is given. */
static struct tensor *forced(struct run *r, const char *tokens)
{
    const struct weights_entry *cond = find(r, "in.cond");
    int64_t dim[] = { 1, r->b->gpt.config.tokens - 1 };
    float *c = floats(r, "in.cond");
    int32_t *t = ints(r, tokens);
    struct tensor *y =
        gpt_forward(&r->pass, &r->b->gpt, pass_upload(&r->pass, DTYPE_F32, 2, cond->dim, c),
                    whole_numbers(r, 2, dim, t), NULL);

    mem_free(c);
    mem_free(t);
    return y;
}

static int argmax(const float *x, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

/* Fed the reference's own greedy tokens, each of them must be what we would draw. */
static int greedy(struct run *r, struct reference_gpt *g, struct err *e)
{
    const struct gpt_config *c = &r->b->gpt.config;
    float *logits = download(r, forced(r, "out.greedy"));
    int32_t *want = ints(r, "out.greedy");

    for (int i = 0; logits && want && i < c->tokens; i++) {
        const float *row = logits + (size_t)i * (size_t)c->vocab;
        double near = 1e-3 * largest(row, (size_t)c->vocab);
        int best = argmax(row, c->vocab);
        g->greedy += best == want[i];
        g->ties += best != want[i] && (double)(row[best] - row[want[i]]) <= near;
    }
    g->tokens = c->tokens;
    mem_free(logits);
    mem_free(want);
    return r->planning ? 0 : pass_finish(&r->pass, e);
}

static int gpt_graph(struct run *r, void *ret, struct err *e)
{
    struct reference_gpt *g = ret;

    *g = (struct reference_gpt){ 0 };
    return difference(r, forced(r, "in.tokens"), "out.logits", true, &g->logits, e) ||
           greedy(r, g, e);
}

int reference_gpt(struct bundle *b, const char *expected, struct reference_gpt *ret, struct err *e)
{
    return compare(b, expected, gpt_graph, ret, e);
}

/* ---- VQGAN ---- */

static struct tensor *channels_first(struct run *r, const struct tensor *y)
{
    static const int order[] = { 0, 3, 1, 2 };

    return op_permute(&r->pass, y, order);
}

static int encode(struct run *r, struct reference_vqgan *v, struct err *e)
{
    struct tensor *ids = NULL, *z = vqgan_encode(&r->pass, r->b->vqgan, picture(r, "in.pixels"));
    int32_t *got, *want = ints(r, "out.ids");

    vqgan_quantize(&r->pass, r->b->vqgan, z, &ids, NULL);
    got = (int32_t *)(void *)download(r, ids);
    for (int i = 0; got && want && i < tensor_count(ids); i++) {
        v->codes++;
        v->equal_codes += got[i] == want[i];
    }
    mem_free(got);
    mem_free(want);
    return difference(r, channels_first(r, z), "out.z", true, &v->latents, e);
}

static int level(double x)
{
    double y = x * 0.5 + 0.5;

    return (int)lround((y < 0 ? 0 : y > 1 ? 1 : y) * 255);
}

/* The file's picture is in the network's own range. */
static double in_signed_range(const struct run *r, float x)
{
    return vqgan_config(r->b->vqgan)->unit_range ? 2 * (double)x - 1 : (double)x;
}

static int decode(struct run *r, struct reference_vqgan *v, struct err *e)
{
    const char *name = vqgan_config(r->b->vqgan)->decoder_only ? "in.ids" : "out.ids";
    int32_t *ids = ints(r, name);
    int64_t n = weights_entry_count(find(r, name)), within = 0, values;
    struct tensor *codes = whole_numbers(r, 1, &n, ids);
    struct tensor *y =
        vqgan_decode(&r->pass, r->b->vqgan, vqgan_lookup(&r->pass, r->b->vqgan, codes, 1));
    float *got = download(r, channels_first(r, y)), *want = floats(r, "out.recon");

    values = y ? tensor_count(y) : 0;
    for (int64_t i = 0; got && want && i < values; i++)
        within += abs(level((double)got[i]) - level(in_signed_range(r, want[i]))) <= 1;
    v->within_one = values ? (double)within / (double)values : 0;
    mem_free(ids);
    mem_free(got);
    mem_free(want);
    return r->planning ? 0 : pass_finish(&r->pass, e);
}

static int vqgan_graph(struct run *r, void *ret, struct err *e)
{
    struct reference_vqgan *v = ret;
    bool encoder = !vqgan_config(r->b->vqgan)->decoder_only;

    *v = (struct reference_vqgan){ 0 };
    return (encoder && encode(r, v, e)) || decode(r, v, e);
}

int reference_vqgan(struct bundle *b, const char *expected, struct reference_vqgan *ret,
                    struct err *e)
{
    return compare(b, expected, vqgan_graph, ret, e);
}
