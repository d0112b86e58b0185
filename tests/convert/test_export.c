/* Out under others' names and back: the same bytes. And bundles that are damaged. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "convert/export.h"
#include "convert/verify.h"
#include "model/bundle.h"
#include "tests/convert/small.h"
#include "tests/test.h"
#include "tests/tmp.h"

static void check_same_file(const char *dir_a, const char *dir_b)
{
    char *path[2] = { file_join(dir_a, BUNDLE_WEIGHTS), file_join(dir_b, BUNDLE_WEIGHTS) };
    struct buf text[2];
    struct err e = { 0 };

    for (int i = 0; i < 2; i++) {
        buf_init(&text[i], 1 << 24);
        assert_int_equal(file_read(path[i], 1 << 24, &text[i], &e), 0);
        mem_free(path[i]);
    }
    assert_int_equal(text[0].len, text[1].len);
    assert_memory_equal(text[0].data, text[1].data, text[0].len);
    buf_release(&text[0]);
    buf_release(&text[1]);
}

/* What clipgen-trainer makes has a null condition, means of conditions, and its own vocabulary. */
static void make_trained(const char *dir, struct bundle_config *ret)
{
    struct bundle_config c;
    struct device *dev;
    struct bundle *b;
    struct err e = { 0 };

    assert_int_equal(bundle_config_read(tmp_path("bundle"), &c, &e), 0);
    c.gpt.null_cond = c.centred = true;
    c.n_sources = 0;
    c.weights_sha256[0] = '\0';
    if (device_open("cpu", 1, &dev, &e) || bundle_new(&c, dev, PARAM_PLAIN, &b, &e) ||
        param_list_reset(&b->clip_params, 1, &e) || param_list_reset(&b->vqgan_params, 2, &e) ||
        param_list_reset(&b->gpt_params, 3, &e) || param_list_reset(&b->condition_params, 4, &e) ||
        bundle_save(b, dir, W_F32, tmp_path("bundle/vocab.txt"), &e))
        fail_msg("%s", e.msg);
    bundle_close(b);
    device_close(dev);
    *ret = c;
}

/* Before all tests: a bundle that was converted and one that was trained, and both exported. */
static int make_bundles(void **state)
{
    struct bundle_config c;
    struct options o;

    if (tmp_make(state))
        return -1;
    small_options(&o, small_path(FAMILIES "openai.pt"), small_path(FAMILIES "vqgan_coco.pt"),
                  tmp_path("bundle"));
    small_convert(&o);
    make_trained(tmp_path("trained"), &c);
    small_export(OPTIONS_EXPORT_HFAILAB, tmp_path("bundle"), tmp_path("hfailab"));
    small_export(OPTIONS_EXPORT_HF, tmp_path("bundle"), tmp_path("hf"));
    return 0;
}

static void a_converted_bundle_goes_out_and_comes_back(void **state)
{
    (void)state;
    small_convert_back(tmp_path("hfailab"), "/clip.safetensors", tmp_path("bundle/vocab.txt"),
                       tmp_path("back"));
    check_same_file(tmp_path("bundle"), tmp_path("back"));
    small_convert_back(tmp_path("hf"), "", "", tmp_path("back2")); /* merges.txt is beside it */
    check_same_file(tmp_path("bundle"), tmp_path("back2"));
}

static void a_trained_bundle_goes_out_and_comes_back(void **state)
{
    (void)state;
    struct bundle_config c, back;
    struct err e = { 0 };

    assert_int_equal(bundle_config_read(tmp_path("trained"), &c, &e), 0);
    small_export(OPTIONS_EXPORT_HFAILAB, tmp_path("trained"), tmp_path("trained_out"));
    small_convert_back(tmp_path("trained_out"), "/clip.safetensors", tmp_path("bundle/vocab.txt"),
                       tmp_path("trained_back"));
    check_same_file(tmp_path("trained"), tmp_path("trained_back"));
    assert_int_equal(bundle_config_read(tmp_path("trained_back"), &back, &e), 0);
    assert_true(back.centred && back.gpt.null_cond);
    assert_memory_equal(&back.gpt, &c.gpt, sizeof c.gpt);
}

static void hugging_face_has_all_files_beside(void **state)
{
    (void)state;
    static const char *const names[] = { "hf/config.json", "hf/preprocessor_config.json",
                                         "hf/merges.txt", "hf/vocab.json", "hf/README.md" };
    struct buf vocab;
    struct err e = { 0 };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(file_exists(tmp_path(names[i])));
    buf_init(&vocab, 1 << 20);
    assert_int_equal(file_read(tmp_path("hf/vocab.json"), 1 << 20, &vocab, &e), 0);
    assert_non_null(strstr(vocab.data, "\"!\": 0,"));
    assert_non_null(strstr(vocab.data, "\"a</w>\": 320,"));
    assert_non_null(strstr(vocab.data, "\"in\": 512,"));
    assert_non_null(strstr(vocab.data, "\"<|endoftext|>\": 545"));
    buf_release(&vocab);
}

static void both_directories_must_be_given(void **state)
{
    (void)state;
    struct options o = { 0 };
    struct err e = { 0 };

    assert_int_equal(conf_defaults(OPTIONS_ROWS, &o, &e), 0);
    assert_int_equal(export_run(&o, stdout, &e), -1);
    assert_err(&e, ERR_INVALID, "--export wants --bundle DIR and --output DIR");
    conf_release(OPTIONS_ROWS, &o);
}

/* ---- verify ---- */

static int verify(const char *dir, struct err *e)
{
    FILE *quiet = fopen("/dev/null", "w");
    int rc = verify_bundle(dir, quiet, e);

    fclose(quiet);
    return rc;
}

/* The last four bytes of the weights become x. */
static void damage(const char *dir, float x)
{
    char *path = file_join(dir, BUNDLE_WEIGHTS);
    struct buf text;
    struct err e = { 0 };

    buf_init(&text, 1 << 24);
    assert_int_equal(file_read(path, 1 << 24, &text, &e), 0);
    memcpy(text.data + text.len - sizeof x, &x, sizeof x);
    assert_int_equal(file_write(path, text.data, text.len, &e), 0);
    buf_release(&text);
    mem_free(path);
}

static void a_damaged_bundle_is_noticed(void **state)
{
    (void)state;
    struct bundle_config c;
    struct err e = { 0 };

    small_convert_back(tmp_path("hfailab"), "/clip.safetensors", tmp_path("bundle/vocab.txt"),
                       tmp_path("changed"));
    assert_int_equal(verify(tmp_path("changed"), &e), 0);
    damage(tmp_path("changed"), 3.5f);
    assert_int_equal(verify(tmp_path("changed"), &e), -1);
    assert_non_null(strstr(e.msg, "model.safetensors: SHA-256 is "));

    make_trained(tmp_path("nan"), &c);
    assert_int_equal(verify(tmp_path("nan"), &e), 0); /* nothing recorded: values alone */
    damage(tmp_path("nan"), NAN);
    assert_int_equal(verify(tmp_path("nan"), &e), -1);
    assert_non_null(strstr(e.msg, "tensor condition.text_mean: 1 values are NaN"));
    assert_int_equal(verify(tmp_path("nowhere"), &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* Weights that are no numbers do not become a bundle. */
static void damaged_weights_are_refused(void **state)
{
    (void)state;
    struct bundle_config c;
    struct err e = { 0 };
    struct options o;

    make_trained(tmp_path("sick"), &c);
    damage(tmp_path("sick"), NAN);
    small_export(OPTIONS_EXPORT_HFAILAB, tmp_path("sick"), tmp_path("sick_out"));
    small_options(&o, tmp_path("sick_out/clip.safetensors"), tmp_path("sick_out/vqgan.safetensors"),
                  tmp_path("refused"));
    small_set(&o, "gpt", tmp_path("sick_out/gpt.safetensors"));
    small_set(&o, "clip_activation", "quick_gelu");
    assert_int_equal(small_try(&o, &e), -1);
    assert_string_equal(e.msg, "tensor condition.text_mean: element 7 is nan: these weights are "
                               "damaged");
    assert_false(file_exists(tmp_path("refused")));
    conf_release(OPTIONS_ROWS, &o);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(a_converted_bundle_goes_out_and_comes_back),
    cmocka_unit_test(a_trained_bundle_goes_out_and_comes_back),
    cmocka_unit_test(hugging_face_has_all_files_beside),
    cmocka_unit_test(both_directories_must_be_given),
    cmocka_unit_test(a_damaged_bundle_is_noticed),
    cmocka_unit_test(damaged_weights_are_refused),
};
TEST_MAIN_WITH(TESTS, make_bundles, tmp_remove)
