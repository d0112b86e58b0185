/* Parameter lists: their rules, and every name and shape of the published networks. No network here
 * takes memory: lists know names and shapes without it. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/clip.h"
#include "model/condition.h"
#include "model/disc.h"
#include "model/gpt.h"
#include "model/vqgan.h"
#include "tests/test.h"

static void ok(int rc, const struct err *e)
{
    if (rc)
        fail_msg("%s", e->msg);
}

/* ---- the published key lists ---- */

static int64_t digits(const char **s)
{
    int64_t n = 0;

    for (; **s >= '0' && **s <= '9'; ++*s)
        n = 10 * n + (**s - '0');
    return n;
}

/* "64x128x3x3" of a file -> dimensions in memory */
static int parse_shape(const char *text, bool conv, int64_t dim[TENSOR_DIMS_MAX])
{
    static const int CONV_ORDER[] = { 0, 2, 3, 1 };
    int64_t d[TENSOR_DIMS_MAX];
    int n = 0;

    if (!strcmp(text, "scalar"))
        return 0;
    do
        d[n++] = digits(&text);
    while (n < TENSOR_DIMS_MAX && *text++ == 'x');
    for (int i = 0; i < n; i++)
        dim[i] = d[conv ? CONV_ORDER[i] : i];
    return n;
}

static void check_key(const struct param_list *l, const char *name, const char *shape)
{
    const struct param *param = param_find(l, name);
    int64_t dim[TENSOR_DIMS_MAX];

    if (!param)
        fail_msg("no parameter is called %s", name);
    int n = parse_shape(shape, param->flags & PARAM_CONV, dim);
    assert_int_equal(param->value.n_dims, n);
    for (int i = 0; i < n; i++)
        if (param->value.dim[i] != dim[i])
            fail_msg("%s: dimension %d is %d instead of %d", name, i, (int)param->value.dim[i],
                     (int)dim[i]);
}

/* A line "blocks.{24}.norm1.weight 1024" stands for blocks 0 .. 23. Returns the number of keys. */
static int check_line(const struct param_list *l, char *line)
{
    char name[128], *shape = strchr(line, ' '), *open = strchr(line, '{');

    assert_non_null(shape);
    *shape++ = '\0';
    if (!open) {
        check_key(l, line, shape);
        return 1;
    }
    const char *end = open + 1;
    int blocks = (int)digits(&end);
    for (int i = 0; i < blocks; i++) {
        snprintf(name, sizeof name, "%.*s%d%s", (int)(open - line), line, i, end + 1);
        check_key(l, name, shape);
    }
    return blocks;
}

/* The list has the keys of the file, in their shapes, and no others. */
static void check_keys(const struct param_list *l, const char *file)
{
    struct err e = { 0 };
    char path[512], *save, *line;
    struct buf text;
    int keys = 0;

    snprintf(path, sizeof path, "%s/tests/data/keys/%s", test_srcdir(), file);
    buf_init(&text, 1 << 20);
    ok(file_read(path, 1 << 20, &text, &e), &e);
    for (line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        keys += check_line(l, line);
    assert_int_equal(keys, l->n);
    buf_release(&text);
}

/* ---- CLIP ---- */

static void check_clip(const struct clip_config *c, const char *file, int64_t count)
{
    struct param_list l;
    struct err e = { 0 };
    struct clip m;

    param_list_init(&l);
    ok(clip_init(&m, c, &l, &e), &e);
    check_keys(&l, file);
    assert_int_equal(param_list_count(&l), count);
    clip_release(&m);
    param_list_release(&l);
}

#define OPENAI_PIXELS                                                                              \
    .quick_gelu = true, .mean = { .48145466f, .4578275f, .40821073f },                             \
    .std = { .26862954f, .26130258f, .27577711f }

static void clip_names_are_openais(void **state)
{
    (void)state;
    struct clip_config b32 = { .embed_dim = 512,
                               .image = { 224, 32, 768, 12, 12 },
                               .text = { 77, 49408, 512, 12, 8 },
                               OPENAI_PIXELS };
    struct clip_config b16 = b32, l14 = { .embed_dim = 768,
                                          .image = { 224, 14, 1024, 24, 16 },
                                          .text = { 77, 49408, 768, 12, 12 },
                                          OPENAI_PIXELS };
    b16.image.patch = 16;
    /* the published totals less the three whole numbers that are no parameters */
    check_clip(&b32, "clip_vit_b32.txt", 151277316 - 3);
    check_clip(&b16, "clip_vit_b16.txt", 149620740 - 3);
    check_clip(&l14, "clip_vit_l14.txt", 427616516 - 3);
}

/* ---- VQGAN ---- */

static void vqgan_names_are_hfailabs(void **state)
{
    (void)state;
    struct vqgan_config c = { .resolution = 256,
                              .ch = 128,
                              .levels = 5,
                              .mult = { 1, 1, 2, 2, 4 },
                              .res_blocks = 2,
                              .attn_resolution = 16,
                              .z_channels = 256,
                              .codebook = 16384,
                              .groups = 32,
                              .norm_eps = 1e-5f };
    struct disc_config d = { .ch = 64, .layers = 3 };
    struct param_list l;
    struct err e = { 0 };
    struct vqgan *m;
    struct disc disc;

    param_list_init(&l);
    ok(vqgan_new(&c, &l, &m, &e), &e);
    ok(disc_init(&disc, &d, &l, &e), &e);
    check_keys(&l, "vqgan_f16_16384.txt");
    /* less three counters, and mean and variance of three batch norms */
    assert_int_equal(param_list_count(&l), 78841287 - 3 - 2 * (128 + 256 + 512));
    assert_int_equal(vqgan_grid(&c), 16);
    assert_ptr_equal(vqgan_last_conv(m).w, &param_find(&l, "decoder.final.2.weight")->value);
    vqgan_free(m);
    param_list_release(&l);
}

/* ---- GPT ---- */

static struct gpt_config gpt_size(int layers, int width, int heads)
{
    return (struct gpt_config){ .layers = layers,
                                .width = width,
                                .heads = heads,
                                .tokens = 256,
                                .vocab = 16384,
                                .cond_dim = 512,
                                .dropout = 0.1f };
}

/* file NULL: no published list */
static void check_gpt(struct gpt_config c, const char *file, int64_t count)
{
    struct param_list l;
    struct err e = { 0 };
    struct gpt m;

    param_list_init(&l);
    ok(gpt_init(&m, &c, &l, &e), &e);
    if (file)
        check_keys(&l, file);
    assert_int_equal(param_list_count(&l), count);
    gpt_release(&m);
    param_list_release(&l);
}

static void gpt_names_are_hfailabs(void **state)
{
    (void)state;
    /* the published totals less one 256 x 256 mask a layer */
    check_gpt(gpt_size(24, 1024, 16), "gpt2_medium.txt", 338242560 - 24 * 65536);
    check_gpt(gpt_size(36, 1280, 20), "gpt2_large.txt", 753693440 - 36 * 65536);
}

static void gpt2_xl_has_its_size(void **state)
{
    (void)state;
    int64_t D = 1600, K = 16384;
    int64_t block = 12 * D * D + 13 * D; /* 3D^2 + D^2 + 8D^2; 3D + D + 4D + D biases, 4D norms */
    int64_t rest = (256 + K) * D + (512 + 1) * D + 2 * D + (D + 1) * K;

    check_gpt(gpt_size(48, 1600, 25), NULL, 48 * block + rest);
}

static void null_condition_is_a_parameter_on_request(void **state)
{
    (void)state;
    struct gpt_config c = gpt_size(1, 64, 1);
    struct param_list l;
    struct err e = { 0 };
    struct gpt m;

    c.null_cond = true;
    param_list_init(&l);
    ok(gpt_init(&m, &c, &l, &e), &e);
    assert_ptr_equal(m.null_cond, &param_find(&l, "null_cond")->value);
    assert_int_equal(m.null_cond->dim[0], 512);
    gpt_release(&m);
    param_list_release(&l);
}

/* ---- configurations out of range ---- */

static void check_refused(int rc, const struct err *e, const char *words)
{
    assert_int_equal(rc, -1);
    assert_int_equal(e->code, ERR_INVALID);
    assert_string_equal(e->msg, words);
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    struct gpt_config g = gpt_size(0, 64, 1);
    struct vqgan_config v = { .resolution = 20,
                              .ch = 32,
                              .levels = 4,
                              .mult = { 1, 1, 1, 1 },
                              .res_blocks = 1,
                              .z_channels = 4,
                              .codebook = 16,
                              .groups = 32,
                              .norm_eps = 1e-6f };
    struct clip_config c = {
        .embed_dim = 8, .image = { 33, 8, 64, 1, 1 }, .text = { 16, 100, 64, 1, 1 }, OPENAI_PIXELS
    };
    struct err e = { 0 };

    check_refused(gpt_config_check(&g, &e), &e, "gpt.layers: 0 is outside 1..128");
    g = gpt_size(1, 64, 3);
    check_refused(gpt_config_check(&g, &e), &e, "gpt.width: 64 is no multiple of gpt.heads 3");
    check_refused(vqgan_config_check(&v, &e), &e, "vqgan.resolution: 20 cannot be halved 3 times");
    v.ch = 24;
    check_refused(vqgan_config_check(&v, &e), &e,
                  "vqgan.ch: 24 channels are no multiple of vqgan.groups 32");
    check_refused(clip_config_check(&c, &e), &e,
                  "clip.image.size: 33 is no multiple of clip.image.patch 8");
}

/* ---- memory that is out ---- */

static int build_gpt(struct param_list *l, struct err *e)
{
    struct gpt_config c = gpt_size(2, 64, 1);
    struct gpt m;

    if (gpt_init(&m, &c, l, e))
        return -1;
    gpt_release(&m);
    return 0;
}

static int build_clip(struct param_list *l, struct err *e)
{
    struct clip_config c = {
        .embed_dim = 8, .image = { 32, 8, 64, 2, 1 }, .text = { 16, 100, 64, 2, 1 }, OPENAI_PIXELS
    };
    struct clip m;

    if (clip_init(&m, &c, l, e))
        return -1;
    clip_release(&m);
    return 0;
}

static int build_vqgan(struct param_list *l, struct err *e)
{
    struct vqgan_config c = { .resolution = 32,
                              .ch = 32,
                              .levels = 2,
                              .mult = { 1, 1 },
                              .res_blocks = 1,
                              .z_channels = 4,
                              .codebook = 16,
                              .groups = 32,
                              .norm_eps = 1e-6f };
    struct vqgan *m;

    if (vqgan_new(&c, l, &m, e))
        return -1;
    vqgan_free(m);
    return 0;
}

/* The n-th allocation fails, for every n until none does: words each time, and nothing is lost
 * (which the sanitizers see). */
static void check_every_failure(int (*build)(struct param_list *l, struct err *e))
{
    int rc = -1;

    for (long n = 1; rc; n++) {
        struct param_list l;
        struct err e = { 0 };
        param_list_init(&l);
        mem_fail_after(n);
        rc = build(&l, &e);
        mem_fail_after(0);
        if (rc)
            assert_int_equal(e.code, ERR_NOMEM);
        param_list_release(&l);
        assert_true(n < 1000);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    check_every_failure(build_gpt);
    check_every_failure(build_clip);
    check_every_failure(build_vqgan);
}

/* ---- lists ---- */

static void list_failures_stick(void **state)
{
    (void)state;
    int64_t two[] = { 2 }, none[] = { 0 };
    struct param_list l;
    struct err e = { 0 };

    param_list_init(&l);
    assert_non_null(param_add(&l, 0, START_ZERO, 0, 1, two, "a.%d", 1));
    assert_null(param_add(&l, 0, START_ZERO, 0, 1, two, "a.1"));
    assert_null(param_add(&l, 0, START_ZERO, 0, 1, two, "b"));
    assert_int_equal(param_list_check(&l, &e), -1);
    assert_string_equal(e.msg, "parameter a.1 is there twice");
    assert_int_equal(param_list_alloc(&l, NULL, false, &e), -1);
    param_list_release(&l);

    assert_null(param_add(&l, 0, START_ZERO, 0, 1, two, "%0*d", 96, 1));
    assert_int_equal(param_list_check(&l, &e), -1);
    param_list_release(&l);

    assert_null(param_add(&l, 0, START_ZERO, 0, 1, none, "empty"));
    assert_int_equal(param_list_check(&l, &e), -1);
    param_list_release(&l);
}

/* A list of one parameter of every start, with memory. */
static void fill_list(struct param_list *l, struct device *dev)
{
    int64_t dim[] = { 40, 25 };
    struct err e = { 0 };

    param_list_init(l);
    param_add(l, 0, START_ZERO, 5, 2, dim, "zero");
    param_add(l, 0, START_ONE, 5, 2, dim, "one");
    param_add(l, 0, START_CONSTANT, 5, 0, NULL, "constant");
    param_add(l, 0, START_NORMAL, 5, 2, dim, "normal");
    param_add(l, 0, START_UNIFORM, 5, 2, dim, "uniform");
    param_add(l, PARAM_BUFFER, START_ONE, 5, 2, dim, "buffer");
    ok(param_list_alloc(l, dev, true, &e), &e);
    ok(param_list_reset(l, 7, &e), &e);
}

static void read_values(struct device *dev, const struct param_list *l, const char *name,
                        float values[1000])
{
    const struct tensor *t = &param_find(l, name)->value;
    struct err e = { 0 };

    ok(device_download(dev, t, 0, values, tensor_bytes(t), &e), &e);
}

static double mean_square(const float values[1000])
{
    double sum = 0;

    for (int i = 0; i < 1000; i++)
        sum += (double)values[i] * values[i];
    return sum / 1000;
}

static void starts_follow_their_kind(void **state)
{
    (void)state;
    struct param_list l;
    struct device *dev;
    struct err e = { 0 };
    float v[1000];

    ok(device_open("cpu", 1, &dev, &e), &e);
    fill_list(&l, dev);
    read_values(dev, &l, "zero", v);
    assert_true(mean_square(v) == 0);
    read_values(dev, &l, "one", v);
    assert_true(mean_square(v) == 1 && v[999] == 1);
    read_values(dev, &l, "constant", v);
    assert_true(v[0] == 5);
    read_values(dev, &l, "normal", v);
    assert_float_equal(sqrt(mean_square(v)), 5, 0.4);
    read_values(dev, &l, "uniform", v);
    assert_float_equal(sqrt(mean_square(v)), 5 / sqrt(3), 0.2);
    for (int i = 0; i < 1000; i++)
        assert_true(fabsf(v[i]) <= 5);
    param_list_release(&l);
    device_close(dev);
}

static void starts_repeat_with_their_seed(void **state)
{
    (void)state;
    struct param_list l;
    struct device *dev;
    struct err e = { 0 };
    float first[1000], again[1000], other[1000];

    ok(device_open("cpu", 1, &dev, &e), &e);
    fill_list(&l, dev);
    read_values(dev, &l, "normal", first);
    ok(param_list_reset(&l, 8, &e), &e);
    read_values(dev, &l, "normal", other);
    ok(param_list_reset(&l, 7, &e), &e);
    read_values(dev, &l, "normal", again);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    param_list_release(&l);
    device_close(dev);
}

static void buffers_want_no_gradient(void **state)
{
    (void)state;
    struct param_list l;
    struct device *dev;
    struct err e = { 0 };

    ok(device_open("cpu", 1, &dev, &e), &e);
    fill_list(&l, dev);
    const struct param *one = param_find(&l, "one"), *buffer = param_find(&l, "buffer");
    assert_true(one->value.wants_grad && one->value.grad == &one->grad && one->grad.data);
    assert_true(!buffer->value.wants_grad && !buffer->value.grad && !buffer->grad.data);
    param_list_want_grads(&l, false);
    assert_false(one->value.wants_grad);
    param_list_want_grads(&l, true);
    assert_true(one->value.wants_grad && !buffer->value.wants_grad);
    assert_int_equal(param_list_count(&l), 4 * 1000 + 1);
    assert_null(param_find(&l, "none"));
    param_list_release(&l);
    device_close(dev);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(clip_names_are_openais),
    cmocka_unit_test(vqgan_names_are_hfailabs),
    cmocka_unit_test(gpt_names_are_hfailabs),
    cmocka_unit_test(gpt2_xl_has_its_size),
    cmocka_unit_test(null_condition_is_a_parameter_on_request),
    cmocka_unit_test(sizes_out_of_range_are_refused),
    cmocka_unit_test(every_allocation_may_fail),
    cmocka_unit_test(list_failures_stick),
    cmocka_unit_test(starts_follow_their_kind),
    cmocka_unit_test(starts_repeat_with_their_seed),
    cmocka_unit_test(buffers_want_no_gradient),
};
TEST_MAIN(TESTS)
