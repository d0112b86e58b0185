/*
 * Bundles whose matrices are stored in blocks: the same bytes whether they were converted or saved
 * by the trainer, and the same matrices in memory as those that are rounded when f32 is opened.
 */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "convert/export.h"
#include "convert/inspect.h"
#include "convert/verify.h"
#include "model/bundle.h"
#include "tests/convert/small.h"
#include "tests/test.h"
#include "tests/tmp.h"

static const struct {
    const char *name;
    enum weights_dtype dtype;
    enum param_format format;
} BLOCKS[] = { { "q8_0", W_Q8_0, PARAM_Q8_0 }, { "q4_0", W_Q4_0, PARAM_Q4_0 } };
enum { N_BLOCKS = sizeof BLOCKS / sizeof *BLOCKS };

static struct device *dev;

/* CLIP's matrices have rows of 64 and 256 numbers, the transformer's of 48 and 192: 48 is no whole
 * number of blocks. */
static void sizes(struct bundle_config *c)
{
    c->clip.image.width = c->clip.text.width = 64;
    c->clip.image.heads = c->clip.text.heads = 1;
    c->gpt.width = 48;
    c->gpt.heads = 2;
    c->gpt.null_cond = c->centred = true;
    c->n_sources = 0;
    c->weights_sha256[0] = '\0';
}

static void make_trained(void)
{
    struct bundle_config c;
    struct bundle *b;
    struct err e = { 0 };

    assert_int_equal(bundle_config_read(tmp_path("small"), &c, &e), 0);
    sizes(&c);
    if (bundle_new(&c, dev, PARAM_PLAIN, &b, &e) || param_list_reset(&b->clip_params, 1, &e) ||
        param_list_reset(&b->vqgan_params, 2, &e) || param_list_reset(&b->gpt_params, 3, &e) ||
        param_list_reset(&b->condition_params, 4, &e) ||
        bundle_save(b, tmp_path("f32"), W_F32, tmp_path("small/vocab.txt"), &e))
        fail_msg("%s", e.msg);
    for (int i = 0; i < N_BLOCKS; i++)
        if (bundle_save(b, tmp_path(BLOCKS[i].name), BLOCKS[i].dtype, tmp_path("small/vocab.txt"),
                        &e))
            fail_msg("%s", e.msg);
    bundle_close(b);
}

/* Before all tests: one bundle saved in f32 and in blocks, and exported from f32. */
static int make_bundles(void **state)
{
    struct options o;
    struct err e = { 0 };

    if (tmp_make(state) || device_open("cpu", 2, &dev, &e))
        return -1;
    small_options(&o, small_path(FAMILIES "openai.pt"), small_path(FAMILIES "vqgan_coco.pt"),
                  tmp_path("small"));
    small_convert(&o);
    make_trained();
    small_export(OPTIONS_EXPORT_HFAILAB, tmp_path("f32"), tmp_path("exported"));
    return 0;
}

static int remove_bundles(void **state)
{
    device_close(dev);
    return tmp_remove(state);
}

static struct bundle *open_bundle(const char *name, enum param_format format)
{
    struct bundle *b;
    struct err e = { 0 };

    if (bundle_open(tmp_path(name), dev, format, &b, &e))
        fail_msg("%s", e.msg);
    return b;
}

static void check_same_params(const struct param_list *a, const struct param_list *b)
{
    struct err e = { 0 };

    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        const struct tensor *s = &a->item[i]->value, *t = &b->item[i]->value;
        size_t n = tensor_bytes(s);
        char *x = mem_alloc(n, 1), *y = mem_alloc(n, 1);
        assert_int_equal(tensor_bytes(t), n);
        assert_int_equal(device_download(dev, s, 0, x, n, &e), 0);
        assert_int_equal(device_download(dev, t, 0, y, n, &e), 0);
        if (memcmp(x, y, n))
            fail_msg("%s differs", a->item[i]->name);
        mem_free(x);
        mem_free(y);
    }
}

static void check_same(const struct bundle *a, const struct bundle *b)
{
    check_same_params(&a->clip_params, &b->clip_params);
    check_same_params(&a->vqgan_params, &b->vqgan_params);
    check_same_params(&a->gpt_params, &b->gpt_params);
    check_same_params(&a->condition_params, &b->condition_params);
}

static void read_weights(const char *name, struct buf *ret)
{
    char *path = file_join(tmp_path(name), BUNDLE_WEIGHTS);
    struct err e = { 0 };

    buf_init(ret, 1 << 24);
    assert_int_equal(file_read(path, 1 << 24, ret, &e), 0);
    mem_free(path);
}

/* ---- */

static void opened_as_if_rounded_then(void **state)
{
    (void)state;
    for (int i = 0; i < N_BLOCKS; i++) {
        struct bundle *stored = open_bundle(BLOCKS[i].name, PARAM_AUTO);
        struct bundle *rounded = open_bundle("f32", BLOCKS[i].format);
        assert_int_equal(stored->format, BLOCKS[i].format);
        check_same(stored, rounded);
        bundle_close(stored);
        bundle_close(rounded);
    }
}

static void auto_is_f32_where_nothing_is_in_blocks(void **state)
{
    (void)state;
    struct bundle *b = open_bundle("f32", PARAM_AUTO);

    assert_int_equal(b->format, PARAM_F32);
    bundle_close(b);
}

static void any_other_format_opens_them(void **state)
{
    (void)state;
    for (int i = 0; i < N_BLOCKS; i++)
        for (enum param_format f = PARAM_F32; f <= PARAM_PLAIN; f++) {
            struct bundle *b = open_bundle(BLOCKS[i].name, f);
            assert_int_equal(b->format, f);
            bundle_close(b);
        }
}

static void converted_are_the_trainers_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < N_BLOCKS; i++) {
        struct buf saved, converted;
        struct options o;
        char out[32];
        snprintf(out, sizeof out, "%s_back", BLOCKS[i].name);
        small_back(&o, tmp_path("exported"), "/clip.safetensors", tmp_path("small/vocab.txt"),
                   tmp_path(out));
        small_set(&o, "clip_heads", "1");
        small_set(&o, "dtype", BLOCKS[i].name);
        small_convert(&o);
        read_weights(BLOCKS[i].name, &saved);
        read_weights(out, &converted);
        assert_int_equal(saved.len, converted.len);
        assert_memory_equal(saved.data, converted.data, saved.len);
        buf_release(&saved);
        buf_release(&converted);
    }
}

/* What is in blocks: matrices of whole blocks of CLIP and of the transformer. */
static void the_rest_is_f32(void **state)
{
    static const struct {
        const char *name;
        bool blocks;
    } CASES[] = {
        { "clip.visual.transformer.resblocks.0.attn.in_proj_weight", true },
        { "clip.transformer.resblocks.0.mlp.c_proj.weight", true },
        { "gpt.blocks.0.encoder.linear2.weight", true },
        { "gpt.blocks.0.encoder.linear1.weight", false },
        { "gpt.tok_emb.weight", false },
        { "gpt.norm.weight", false },
        { "vqgan.quantizer.embedding.weight", false },
        { "vqgan.encoder.mid.1.attn.in_proj_weight", false },
        { "condition.text_mean", false },
    };
    struct weights *w;
    struct err e = { 0 };

    (void)state;
    for (int i = 0; i < N_BLOCKS; i++) {
        char *path = file_join(tmp_path(BLOCKS[i].name), BUNDLE_WEIGHTS);
        assert_int_equal(weights_open(path, &w, &e), 0);
        assert_int_equal(weights_blocks(w), BLOCKS[i].dtype);
        assert_string_equal(weights_metadata(w, "blocks"), BLOCKS[i].name);
        for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
            const struct weights_entry *t = weights_find(w, CASES[k].name);
            if (!t)
                fail_msg("no %s", CASES[k].name);
            assert_int_equal(t->dtype, CASES[k].blocks ? BLOCKS[i].dtype : W_F32);
        }
        weights_close(w);
        mem_free(path);
    }
}

/* ---- the tools know them ---- */

static void printed(struct buf *ret, int (*print)(const char *path, FILE *out, struct err *e),
                    const char *path)
{
    FILE *f = tmpfile();
    struct err e = { 0 };
    char line[512];

    buf_init(ret, 1 << 20);
    if (print(path, f, &e))
        fail_msg("%s", e.msg);
    rewind(f);
    while (fgets(line, sizeof line, f))
        buf_puts(ret, line);
    fclose(f);
}

static int inspect(const char *path, FILE *out, struct err *e)
{
    return inspect_file(path, NULL, out, e);
}

static void they_are_inspected_and_verified(void **state)
{
    (void)state;
    struct buf text;

    printed(&text, inspect, tmp_path("q8_0/model.safetensors"));
    const char *line = strstr(text.data, "gpt.blocks.0.encoder.linear2.weight");
    assert_non_null(line);
    assert_non_null(strstr(line, "Q8_0  [48, 192]"));
    buf_release(&text);
    printed(&text, verify_bundle, tmp_path("q4_0"));
    assert_non_null(strstr(text.data, "matrices in Q4_0"));
    buf_release(&text);
}

static void a_scale_that_is_no_number_is_noticed(void **state)
{
    struct buf text;
    struct weights *w;
    struct bundle *b;
    struct err e = { 0 };

    (void)state;
    read_weights("q8_0", &text);
    assert_int_equal(weights_open_memory(text.data, text.len, &w, &e), 0);
    const struct weights_entry *t = weights_find(w, "gpt.blocks.1.encoder.linear2.weight");
    text.data[(const char *)t->data - text.data + 1] = 0x7e;
    weights_close(w);
    assert_int_equal(file_make_dirs(tmp_path("sick"), &e), 0);
    assert_int_equal(file_write(tmp_path("sick/model.safetensors"), text.data, text.len, &e), 0);
    buf_release(&text);
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = { "config.json", "vocab.txt" };
        char from[64], to[64];
        snprintf(from, sizeof from, "q8_0/%s", names[i]);
        snprintf(to, sizeof to, "sick/%s", names[i]);
        buf_init(&text, 1 << 20);
        assert_int_equal(file_read(tmp_path(from), 1 << 20, &text, &e), 0);
        assert_int_equal(file_write(tmp_path(to), text.data, text.len, &e), 0);
        buf_release(&text);
    }
    assert_int_equal(verify_bundle(tmp_path("sick"), stdout, &e), -1);
    assert_non_null(strstr(e.msg, "tensor gpt.blocks.1.encoder.linear2.weight: 32 values are NaN"));
    assert_int_equal(bundle_open(tmp_path("sick"), dev, PARAM_AUTO, &b, &e), -1);
    assert_non_null(strstr(e.msg, "tensor gpt.blocks.1.encoder.linear2.weight: row 0 holds a "
                                  "number beyond what q8_0 can hold"));
}

static void they_are_no_source(void **state)
{
    (void)state;
    struct options o = { 0 };
    struct err e = { 0 };

    assert_int_equal(conf_defaults(OPTIONS_ROWS, &o, &e), 0);
    small_set(&o, "bundle", tmp_path("q4_0"));
    small_set(&o, "output", tmp_path("never"));
    o.export = OPTIONS_EXPORT_HFAILAB;
    assert_int_equal(export_run(&o, stdout, &e), -1);
    assert_non_null(strstr(e.msg, "q4_0: matrices are stored as Q4_0; export the bundle that they "
                                  "were rounded from, in f32, f16 or bf16"));
    assert_false(file_exists(tmp_path("never")));
    conf_release(OPTIONS_ROWS, &o);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(opened_as_if_rounded_then),
    cmocka_unit_test(auto_is_f32_where_nothing_is_in_blocks),
    cmocka_unit_test(any_other_format_opens_them),
    cmocka_unit_test(converted_are_the_trainers_bytes),
    cmocka_unit_test(the_rest_is_f32),
    cmocka_unit_test(they_are_inspected_and_verified),
    cmocka_unit_test(a_scale_that_is_no_number_is_noticed),
    cmocka_unit_test(they_are_no_source),
};
TEST_MAIN_WITH(TESTS, make_bundles, remove_bundles)
