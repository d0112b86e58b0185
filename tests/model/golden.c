#include "tests/model/golden.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "tests/test.h"

#define ARENA_BYTES ((size_t)32 << 20)
#define NUMBER_TOLERANCE 1e-4
#define EVERY 13 /* of large tensors, fixtures hold one element in this many */

void golden_ok(int rc, const struct err *e)
{
    if (rc)
        fail_msg("%s", e->msg);
}

void golden_open(struct golden *g, const char *name)
{
    struct err e = { 0 };
    char path[512];

    *g = (struct golden){ 0 };
    snprintf(path, sizeof path, "%s/tests/data/golden/%s", test_srcdir(), name);
    golden_ok(weights_open(path, &g->file, &e), &e);
    /* one thread: results do not depend on it, and a loaded machine does not make it wait */
    golden_ok(device_open(test_backend(), 1, &g->dev, &e), &e);
    golden_ok(arena_init(&g->arena, g->dev, ARENA_BYTES, ARENA_HOST_BYTES, &e), &e);
    g->tape = tape_new();
    assert_non_null(g->tape);
}

void golden_close(struct golden *g)
{
    tape_free(g->tape);
    arena_free(&g->arena);
    device_close(g->dev);
    weights_close(g->file);
}

struct pass *golden_pass(struct golden *g, bool with_tape)
{
    arena_release_all(&g->arena);
    tape_clear(g->tape);
    pass_init(&g->pass, g->dev, &g->arena, with_tape ? g->tape : NULL);
    return &g->pass;
}

void golden_finish(struct golden *g)
{
    struct err e = { 0 };

    golden_ok(pass_finish(&g->pass, &e), &e);
}

void golden_backward(struct golden *g, const struct tensor *loss)
{
    golden_finish(g);
    tape_seed(&g->pass, loss, 1.0f);
    tape_backward(&g->pass, 0, tape_mark(g->tape));
    golden_finish(g);
}

/* ---- what a fixture holds ---- */

static void *take(int64_t n, size_t size)
{
    void *data = mem_alloc((size_t)n, size);

    assert_non_null(data);
    return data;
}

static const struct weights_entry *find(const struct golden *g, const char *name)
{
    const struct weights_entry *entry = weights_find(g->file, name);

    if (!entry)
        fail_msg("the fixture has no %s", name);
    return entry;
}

int golden_int(const struct golden *g, const char *key)
{
    const char *text = weights_metadata(g->file, key);
    struct err e = { 0 };
    int64_t value = 0;

    assert_non_null(text);
    golden_ok(num_parse_int(text, key, 0, 1 << 20, &value, &e), &e);
    return (int)value;
}

float *golden_floats(const struct golden *g, const char *name, int64_t *ret_n)
{
    const struct weights_entry *entry = find(g, name);
    float *values = take(weights_entry_count(entry), sizeof *values);
    struct err e = { 0 };

    golden_ok(weights_read_f32(entry, values, &e), &e);
    if (ret_n)
        *ret_n = weights_entry_count(entry);
    return values;
}

int32_t *golden_ints(const struct golden *g, const char *name, int64_t *ret_n)
{
    const struct weights_entry *entry = find(g, name);
    int32_t *values = take(weights_entry_count(entry), sizeof *values);
    struct err e = { 0 };

    golden_ok(weights_read_i32(entry, values, &e), &e);
    if (ret_n)
        *ret_n = weights_entry_count(entry);
    return values;
}

double golden_number(const struct golden *g, const char *name)
{
    int64_t n;
    float *values = golden_floats(g, name, &n);
    double value = values[0];

    assert_int_equal(n, 1);
    mem_free(values);
    return value;
}

/* [A, B, C, D] -> [A, D, B, C] (channels_first) or back. dim: of the channels-last side. */
static void change_layout(const float *src, const int64_t dim[4], bool channels_first, float *dst)
{
    int64_t spatial = dim[1] * dim[2], channels = dim[3];

    for (int64_t a = 0; a < dim[0]; a++, src += spatial * channels, dst += spatial * channels)
        for (int64_t s = 0; s < spatial; s++)
            for (int64_t c = 0; c < channels; c++) {
                int64_t last = s * channels + c, first = c * spatial + s;
                dst[channels_first ? first : last] = src[channels_first ? last : first];
            }
}

/* Frees values and returns them in the other layout. */
static float *converted(float *values, const int64_t dim[4], bool channels_first)
{
    float *other = take(dim[0] * dim[1] * dim[2] * dim[3], sizeof *other);

    change_layout(values, dim, channels_first, other);
    mem_free(values);
    return other;
}

struct tensor *golden_input(struct golden *g, const char *name, enum golden_layout layout)
{
    const struct weights_entry *entry = find(g, name);
    const int64_t *d = entry->dim;
    int64_t last[4] = { d[0], d[2], d[3], d[1] };
    bool convert = layout == GOLDEN_CHANNELS_FIRST;
    float *values = golden_floats(g, name, NULL);

    if (convert)
        values = converted(values, last, false);
    struct tensor *t = pass_upload(&g->pass, DTYPE_F32, entry->n_dims, convert ? last : d, values);
    mem_free(values);
    return t;
}

struct tensor *golden_ids(struct golden *g, const char *name, int n_dims, const int64_t *dim)
{
    int32_t *ids = golden_ints(g, name, NULL);
    struct tensor *t = pass_upload(&g->pass, DTYPE_I32, n_dims, dim, ids);

    mem_free(ids);
    return t;
}

static void load_one(struct golden *g, struct param *param)
{
    struct err e = { 0 };
    int64_t n;
    float *values = golden_floats(g, param->name, &n);

    assert_int_equal(n, tensor_count(&param->value));
    if (param->flags & PARAM_CONV)
        values = converted(values, param->value.dim, false);
    golden_ok(device_upload(g->dev, &param->value, 0, values, tensor_bytes(&param->value), &e), &e);
    mem_free(values);
}

void golden_load(struct golden *g, struct param_list *l)
{
    struct err e = { 0 };

    golden_ok(param_list_alloc(l, g->dev, true, &e), &e);
    for (int i = 0; i < l->n; i++)
        load_one(g, l->item[i]);
}

/* ---- comparing ---- */

float *golden_download(struct golden *g, const struct tensor *t)
{
    struct err e = { 0 };

    golden_finish(g);
    assert_non_null(t);
    float *values = take(tensor_count(t), sizeof *values);
    golden_ok(device_download(g->dev, t, 0, values, tensor_bytes(t), &e), &e);
    return values;
}

/* The same in the fixture's layout. */
static float *download_as(struct golden *g, const struct tensor *t, bool channels_first)
{
    float *values = golden_download(g, t);

    return channels_first ? converted(values, t->dim, true) : values;
}

double golden_error(struct golden *g, const char *name, const struct tensor *t,
                    enum golden_layout layout)
{
    float *got = download_as(g, t, layout == GOLDEN_CHANNELS_FIRST);
    double worst = 0, largest = 0;
    int64_t n;
    float *want = golden_floats(g, name, &n);

    assert_int_equal(n, tensor_count(t));
    for (int64_t i = 0; i < n; i++) {
        assert_true(isfinite(got[i]));
        worst = fmax(worst, fabs((double)got[i] - want[i]));
        largest = fmax(largest, fabs(want[i]));
    }
    mem_free(got);
    mem_free(want);
    return worst / largest;
}

void golden_check(struct golden *g, const char *name, const struct tensor *t,
                  enum golden_layout layout, double tolerance)
{
    double error = golden_error(g, name, t, layout);

    if (!(error <= tolerance))
        fail_msg("%s: off by %.3g of the largest value, %.3g is allowed", name, error, tolerance);
}

void golden_check_number(const struct golden *g, const char *name, double value)
{
    double want = golden_number(g, name);

    if (!(fabs(value - want) <= NUMBER_TOLERANCE * fabs(want)))
        fail_msg("%s: %.9g instead of %.9g", name, value, want);
}

void golden_check_scalar(struct golden *g, const char *name, const struct tensor *t)
{
    float *value = golden_download(g, t);

    assert_int_equal(tensor_count(t), 1);
    golden_check_number(g, name, *value);
    mem_free(value);
}

void golden_check_ids(struct golden *g, const char *name, const struct tensor *t)
{
    struct err e = { 0 };
    int64_t n;
    int32_t *want = golden_ints(g, name, &n);

    golden_finish(g);
    assert_non_null(t);
    assert_int_equal(n, tensor_count(t));
    int32_t *got = take(n, sizeof *got);
    golden_ok(device_download(g->dev, t, 0, got, tensor_bytes(t), &e), &e);
    for (int64_t i = 0; i < n; i++)
        if (got[i] != want[i])
            fail_msg("%s[%d]: %d instead of %d", name, (int)i, (int)got[i], (int)want[i]);
    mem_free(got);
    mem_free(want);
}

/* ---- gradients ---- */

static const struct weights_entry *find_kind(const struct golden *g, const char *kind,
                                             const char *suffix, const char *name)
{
    char full[160];

    snprintf(full, sizeof full, "%s%s.%s", kind, suffix, name);
    return weights_find(g->file, full);
}

static double stored_norm(const struct golden *g, const char *kind, const struct param *param)
{
    const struct weights_entry *entry = find_kind(g, kind, "norm", param->name);

    return entry ? golden_number(g, entry->name) : -1;
}

/* Among the gradients of one loss. */
static double largest_rms(const struct golden *g, const struct param_list *l, const char *kind)
{
    double largest = 0;

    for (int i = 0; i < l->n; i++) {
        double n = (double)tensor_count(&l->item[i]->value);
        largest = fmax(largest, stored_norm(g, kind, l->item[i]) / sqrt(n));
    }
    return largest;
}

/* What an element may be off by: the second term is for gradients that are zero but for rounding.
 */
static double grad_tolerance(double rms, double largest)
{
    return 1e-3 * rms + 2e-6 * largest;
}

static void compare_elements(const struct golden *g, const struct weights_entry *entry,
                             const float *got, int64_t step, double tolerance)
{
    int64_t n;
    float *want = golden_floats(g, entry->name, &n);

    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got[i * step] - want[i]) <= tolerance))
            fail_msg("%s[%d]: %.9g instead of %.9g, %.3g is allowed", entry->name, (int)i,
                     (double)got[i * step], (double)want[i], tolerance);
    mem_free(want);
}

static double norm_of(const float *values, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum);
}

static void check_grad(struct golden *g, const char *kind, const struct param *param,
                       double want_norm, double largest)
{
    const struct weights_entry *whole = find_kind(g, kind, "", param->name);
    const struct weights_entry *some = find_kind(g, kind, "_every13", param->name);
    int64_t n = tensor_count(&param->value);
    double tolerance = grad_tolerance(want_norm / sqrt((double)n), largest);
    float *got = download_as(g, &param->grad, param->flags & PARAM_CONV);
    double norm = norm_of(got, n), noise = 2e-6 * largest * sqrt((double)n);

    assert_true(whole || some);
    compare_elements(g, whole ? whole : some, got, whole ? 1 : EVERY, tolerance);
    if (!(fabs(norm - want_norm) <= NUMBER_TOLERANCE * want_norm + noise))
        fail_msg("norm of %s.%s: %.9g instead of %.9g", kind, param->name, norm, want_norm);
    mem_free(got);
}

int golden_check_grads(struct golden *g, const struct param_list *l, const char *kind)
{
    double largest = largest_rms(g, l, kind);
    int checked = 0;

    for (int i = 0; i < l->n; i++) {
        double norm = stored_norm(g, kind, l->item[i]);
        if (norm < 0)
            continue;
        check_grad(g, kind, l->item[i], norm, largest);
        checked++;
    }
    return checked;
}

void golden_check_grad_of(struct golden *g, const char *name, const struct tensor *t)
{
    assert_non_null(t->grad);
    float *got = download_as(g, t->grad, true);
    int64_t n;
    float *want = golden_floats(g, name, &n);
    double rms = norm_of(want, n) / sqrt((double)n);

    assert_int_equal(n, tensor_count(t));
    compare_elements(g, find(g, name), got, 1, grad_tolerance(rms, rms));
    mem_free(got);
    mem_free(want);
}
