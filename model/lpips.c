#include "model/lpips.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "model/nn.h"
#include "model/weights.h"

#define WIDTH_MAX 4096
#define NORM_EPS 1e-12f

/* VGG16's convolutions by torchvision's index; a slice begins behind a pooling and ends in a tap.
 */
static const struct layer {
    int slice, index;
    bool first, tap;
} LAYERS[] = {
    { 1, 0, false, false }, { 1, 2, false, true },  { 2, 5, true, false },
    { 2, 7, false, true },  { 3, 10, true, false }, { 3, 12, false, false },
    { 3, 14, false, true }, { 4, 17, true, false }, { 4, 19, false, false },
    { 4, 21, false, true }, { 5, 24, true, false }, { 5, 26, false, false },
    { 5, 28, false, true },
};
enum { N_LAYERS = sizeof LAYERS / sizeof *LAYERS, N_TAPS = 5 };

/*
 * Two things are kept in another form than in the file. The scaling layer is a diagonal matrix and
 * a bias. A tap's weights w, of squared differences, are a diagonal matrix of their square roots:
 * sum_c w_c (a_c - b_c)^2 = |sqrt(w) a - sqrt(w) b|^2.
 */
struct lpips {
    struct nn_conv conv[N_LAYERS];
    struct nn_linear scaling;   /* [3, 3], [3] */
    struct tensor *tap[N_TAPS]; /* [C, C] */
    struct param_list convs, diagonals;
};

/* ---- opening ---- */

static const struct weights_entry *find(const struct weights *w, const char *name, int64_t count,
                                        struct err *e)
{
    const struct weights_entry *entry = weights_find(w, name);
    if (!entry)
        err_set(e, ERR_NOT_FOUND, "%s: not in the file", name);
    else if (weights_entry_count(entry) != count) {
        err_set(e, ERR_FORMAT, "%s: %lld values, expected %lld", name,
                (long long)weights_entry_count(entry), (long long)count);
        entry = NULL;
    }
    return entry;
}

/* The width of a layer is what its weight says; whether it fits the one before, loading checks. */
static int init_layer(struct lpips *m, const struct weights *w, int i, int *width, struct err *e)
{
    char name[64];
    snprintf(name, sizeof name, "net.slice%d.%d.weight", LAYERS[i].slice, LAYERS[i].index);
    const struct weights_entry *entry = weights_find(w, name);
    if (!entry)
        return err_set(e, ERR_NOT_FOUND, "%s: not in the file", name);
    if (entry->n_dims != 4 || entry->dim[0] < 1 || entry->dim[0] > WIDTH_MAX)
        return err_set(e, ERR_FORMAT, "%s: not [O, I, 3, 3] with O in 1..%d", name, WIDTH_MAX);
    snprintf(name, sizeof name, "slice%d.%d", LAYERS[i].slice, LAYERS[i].index);
    nn_conv_init(&m->conv[i], &m->convs, (int)entry->dim[0], *width, 3, true, 0, name);
    *width = (int)entry->dim[0];
    return 0;
}

static void init_diagonals(struct lpips *m, const int *widths)
{
    m->scaling.w = param_add(&m->diagonals, 0, START_ZERO, 0, 2, (int64_t[]){ 3, 3 }, "scale");
    m->scaling.b = param_add(&m->diagonals, 0, START_ZERO, 0, 1, (int64_t[]){ 3 }, "shift");
    for (int i = 0; i < N_TAPS; i++)
        m->tap[i] = param_add(&m->diagonals, 0, START_ZERO, 0, 2,
                              (int64_t[]){ widths[i], widths[i] }, "tap%d", i);
}

static int upload_diagonal(struct device *dev, struct tensor *t, const float *values, struct err *e)
{
    size_t n = (size_t)t->dim[0];
    float *full = mem_alloc(n * n, sizeof *full);
    if (!full)
        return err_set(e, ERR_NOMEM, "no memory for %zu weights", n * n);
    for (size_t i = 0; i < n; i++)
        full[i * n + i] = values[i];
    int failed = device_upload(dev, t, 0, full, tensor_bytes(t), e);
    mem_free(full);
    return failed;
}

/* (x - shift) / scale */
static int load_scaling(struct lpips *m, const struct weights *w, struct device *dev, struct err *e)
{
    float shift[3], scale[3];
    const struct weights_entry *a = find(w, "scaling_layer.shift", 3, e);
    const struct weights_entry *b = a ? find(w, "scaling_layer.scale", 3, e) : NULL;
    if (!b || weights_read_f32(a, shift, e) || weights_read_f32(b, scale, e))
        return -1;
    for (int c = 0; c < 3; c++) {
        if (!(scale[c] > 0))
            return err_set(e, ERR_FORMAT, "scaling_layer.scale: %g is not above 0",
                           (double)scale[c]);
        scale[c] = 1 / scale[c];
        shift[c] *= -scale[c];
    }
    return upload_diagonal(dev, m->scaling.w, scale, e) ||
           device_upload(dev, m->scaling.b, 0, shift, sizeof shift, e);
}

static int load_tap(struct lpips *m, const struct weights *w, int i, struct device *dev,
                    struct err *e)
{
    char name[64];
    int64_t n = m->tap[i]->dim[0];
    snprintf(name, sizeof name, "lin%d.model.1.weight", i);
    const struct weights_entry *entry = find(w, name, n, e);
    float *roots = mem_alloc((size_t)n, sizeof *roots);
    int failed = !entry   ? -1
                 : !roots ? err_set(e, ERR_NOMEM, "no memory for %lld weights", (long long)n)
                          : weights_read_f32(entry, roots, e);
    for (int64_t c = 0; c < n && !failed; c++) {
        if (!(roots[c] >= 0))
            failed = err_set(e, ERR_FORMAT, "%s: %g is below 0", name, (double)roots[c]);
        roots[c] = sqrtf(roots[c]);
    }
    failed = failed || upload_diagonal(dev, m->tap[i], roots, e);
    mem_free(roots);
    return failed;
}

static int load(struct lpips *m, const struct weights *w, struct device *dev, struct err *e)
{
    int width = 3, widths[N_TAPS];
    for (int i = 0; i < N_LAYERS; i++) {
        if (init_layer(m, w, i, &width, e))
            return -1;
        if (LAYERS[i].tap)
            widths[LAYERS[i].slice - 1] = width;
    }
    init_diagonals(m, widths);
    if (param_list_alloc(&m->convs, dev, false, e) ||
        param_list_alloc(&m->diagonals, dev, false, e) ||
        weights_load_params(w, "net.", &m->convs, NULL, e) || load_scaling(m, w, dev, e))
        return -1;
    for (int i = 0; i < N_TAPS; i++)
        if (load_tap(m, w, i, dev, e))
            return -1;
    return 0;
}

int lpips_open(const char *path, struct device *dev, struct lpips **ret_model, struct err *e)
{
    struct weights *w;
    struct lpips *m = mem_alloc(1, sizeof *m);
    if (!m)
        return err_set(e, ERR_NOMEM, "lpips: out of memory");
    param_list_init(&m->convs);
    param_list_init(&m->diagonals);
    if (weights_open(path, &w, e))
        goto fail;
    int failed = load(m, w, dev, e);
    weights_close(w);
    if (failed) {
        err_prefix(e, "%s: ", path);
        goto fail;
    }
    *ret_model = m;
    return 0;
fail:
    lpips_close(m);
    return -1;
}

void lpips_close(struct lpips *m)
{
    if (!m)
        return;
    param_list_release(&m->convs);
    param_list_release(&m->diagonals);
    mem_free(m);
}

/* ---- running ---- */

/* The larger of each pair along axis 1 of [N, 2, D]: a + relu(b - a). */
static struct tensor *larger(struct pass *p, const struct tensor *pairs)
{
    struct tensor *a = op_slice(p, pairs, 1, 0, 1), *b = op_slice(p, pairs, 1, 1, 1);
    return op_add(p, a, op_relu(p, op_add(p, b, op_scale(p, a, -1))));
}

/* 2 x 2, stride 2; an odd last row or column is left out. */
static struct tensor *max_pool(struct pass *p, const struct tensor *x)
{
    if (!x)
        return NULL;
    int64_t n = x->dim[0], h = x->dim[1] / 2, w = x->dim[2] / 2, c = x->dim[3];
    struct tensor *even = op_slice(p, op_slice(p, x, 1, 0, 2 * h), 2, 0, 2 * w);
    struct tensor *y = larger(p, op_reshape(p, even, 3, (int64_t[]){ n * h, 2, 2 * w * c }));
    y = larger(p, op_reshape(p, y, 3, (int64_t[]){ n * h * w, 2, c }));
    return op_reshape(p, y, 4, (int64_t[]){ n, h, w, c });
}

/* Unit vectors at every place, times the roots of the tap's weights. */
static void features(struct pass *p, const struct lpips *m, const struct tensor *x,
                     struct tensor **ret_taps)
{
    struct tensor *h = nn_linear(p, &m->scaling, x);
    for (int i = 0; i < N_LAYERS; i++) {
        int slice = LAYERS[i].slice - 1;
        h = LAYERS[i].first ? max_pool(p, h) : h;
        h = op_relu(p, nn_conv(p, &m->conv[i], h));
        if (LAYERS[i].tap)
            ret_taps[slice] = op_linear(p, op_l2norm(p, h, NORM_EPS), m->tap[slice], NULL);
    }
}

struct tensor *lpips_distance(struct pass *p, const struct lpips *m, const struct tensor *a,
                              const struct tensor *b)
{
    struct tensor *of_a[N_TAPS], *of_b[N_TAPS], *sum = NULL;
    if (a && (a->n_dims != 4 || a->dim[1] < LPIPS_SIDE_MIN || a->dim[2] < LPIPS_SIDE_MIN))
        return pass_fail(p, ERR_INVALID, "lpips: pictures need sides of at least %d",
                         LPIPS_SIDE_MIN);
    features(p, m, a, of_a);
    features(p, m, b, of_b);
    for (int i = 0; i < N_TAPS; i++) {
        /* op_l2 is a mean over channels too, where a sum is wanted */
        float channels = (float)m->tap[i]->dim[0];
        struct tensor *d = op_scale(p, op_l2(p, of_a[i], of_b[i]), channels);
        sum = i ? op_add(p, sum, d) : d;
    }
    return sum;
}
