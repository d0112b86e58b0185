/* From small checkpoints of every family to bundles whose networks compute what torch does; and
 * what is refused before a byte is written. tools/make-reference made the files. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "convert/conversion.h"
#include "model/bundle.h"
#include "tests/convert/reference.h"
#include "tests/convert/small.h"
#include "tests/test.h"
#include "tests/tmp.h"

static struct bundle *open_bundle(const char *dir, struct device **ret_dev)
{
    struct bundle *b;
    struct err e = { 0 };

    if (device_open("cpu", 2, ret_dev, &e) || bundle_open(dir, *ret_dev, PARAM_PLAIN, &b, &e))
        fail_msg("%s", e.msg);
    return b;
}

/* ---- every family ---- */

static const struct {
    const char *clip, *vqgan, *expected_vqgan;
    bool quick_gelu; /* what the reference's CLIP was run with */
} FAMILY_CASES[] = {
    { "openai.pt", "vqgan_coco.pt", "vqgan.expected.safetensors", true },
    { "hf", "taming.safetensors", NULL, true },
    { "open_clip", "detoker.safetensors", NULL, false },
    { "openai.pt", "llamagen.safetensors", "llamagen.expected.safetensors", true },
};

static void check_clip(struct bundle *b, bool equal)
{
    struct reference_clip r;
    struct err e = { 0 };

    if (reference_clip(b, small_path(FAMILIES "clip.expected.safetensors"), &r, &e))
        fail_msg("%s", e.msg);
    if (equal) {
        assert_true(r.image < 2e-5 && r.text < 2e-5);
    } else { /* another activation is seen */
        assert_true(r.image > 1e-3 && r.text > 1e-3);
    }
}

static void check_gpt(struct bundle *b)
{
    struct reference_gpt r;
    struct err e = { 0 };

    if (reference_gpt(b, small_path(FAMILIES "gpt.expected.safetensors"), &r, &e))
        fail_msg("%s", e.msg);
    assert_true(r.logits < 2e-5);
    assert_int_equal(r.greedy, r.tokens);
    assert_int_equal(r.tokens, 16);
}

static void check_vqgan(struct bundle *b, const char *expected)
{
    char path[128];
    struct reference_vqgan r;
    struct err e = { 0 };

    snprintf(path, sizeof path, FAMILIES "%s", expected);
    if (reference_vqgan(b, small_path(path), &r, &e))
        fail_msg("%s", e.msg);
    assert_true(r.latents < 1e-4);
    assert_int_equal(r.equal_codes, r.codes);
    assert_int_equal(r.codes, 16);
    assert_float_equal(r.within_one, 1, 0);
}

static void every_family_computes_what_torch_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FAMILY_CASES / sizeof *FAMILY_CASES; i++) {
        char clip[128], vqgan[128], out[16];
        struct device *dev;
        struct options o;
        snprintf(clip, sizeof clip, FAMILIES "%s", FAMILY_CASES[i].clip);
        snprintf(vqgan, sizeof vqgan, FAMILIES "%s", FAMILY_CASES[i].vqgan);
        snprintf(out, sizeof out, "case%zu", i);
        small_options(&o, small_path(clip), small_path(vqgan), tmp_path(out));
        small_convert(&o);
        struct bundle *b = open_bundle(tmp_path(out), &dev);
        check_clip(b, FAMILY_CASES[i].quick_gelu);
        check_gpt(b);
        if (FAMILY_CASES[i].expected_vqgan)
            check_vqgan(b, FAMILY_CASES[i].expected_vqgan);
        bundle_close(b);
        device_close(dev);
    }
}

/* The same network under several families' names comes out as the same bytes. */
static void read_digest(const char *clip, const char *vqgan, const char *out,
                        struct bundle_config *ret)
{
    struct err e = { 0 };
    struct options o;

    small_options(&o, small_path(clip), small_path(vqgan), tmp_path(out));
    small_convert(&o);
    assert_int_equal(bundle_config_read(tmp_path(out), ret, &e), 0);
}

static void names_make_no_difference(void **state)
{
    (void)state;
    struct bundle_config a, b, c;

    read_digest(FAMILIES "openai.pt", FAMILIES "vqgan_coco.pt", "a", &a);
    read_digest(FAMILIES "hf", FAMILIES "taming.safetensors", "b", &b);
    read_digest(FAMILIES "open_clip", FAMILIES "taming.safetensors", "c", &c);
    assert_string_equal(a.weights_sha256, b.weights_sha256);
    assert_string_equal(a.weights_sha256, c.weights_sha256);
    assert_int_equal(strlen(a.weights_sha256), 64);
}

/* ---- what is recorded ---- */

static void config_json_says_what_no_tensor_does(void **state)
{
    (void)state;
    struct bundle_config c;

    read_digest(FAMILIES "openai.pt", FAMILIES "vqgan_coco.pt", "hfailab", &c);
    assert_string_equal(c.name, "hfailab");
    assert_string_equal(c.licence, "MIT");
    assert_true(c.clip.quick_gelu && !c.clip.bilinear);
    assert_float_equal(c.clip.mean[0], 0.48145466, 1e-7);
    assert_float_equal(c.vqgan.norm_eps, 1e-5, 1e-12);
    assert_false(c.vqgan.unit_codes || c.vqgan.unit_range || c.vqgan.decoder_only);
    assert_int_equal(c.vqgan.resolution, 8);
    assert_int_equal(c.n_sources, 4);
    assert_string_equal(c.source[1].network, "gpt");
    assert_string_equal(c.source[1].family, "HFAiLab GPT");
    assert_string_equal(c.source[1].file, "gpt_coco.pt");
    assert_int_equal(strlen(c.source[1].sha256), 64);

    read_digest(FAMILIES "open_clip", FAMILIES "llamagen.safetensors", "llamagen", &c);
    assert_true(!c.clip.quick_gelu && c.clip.bilinear && c.vqgan.unit_codes);
    assert_float_equal(c.clip.mean[0], 0.5, 0);
    assert_float_equal(c.clip.std[2], 0.25, 0);
    assert_float_equal(c.vqgan.norm_eps, 1e-6, 1e-12);
    assert_int_equal(vqgan_code_dim(&c.vqgan), 3);

    read_digest(FAMILIES "hf", FAMILIES "detoker.safetensors", "dalle", &c);
    assert_true(c.clip.quick_gelu && c.vqgan.unit_range && c.vqgan.decoder_only);
}

static void options_go_before_files(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct bundle_config c;
    struct options o;

    small_options(&o, small_path(FAMILIES "open_clip"), small_path(FAMILIES "taming.safetensors"),
                  tmp_path("o"));
    assert_int_equal(conf_set(OPTIONS_ROWS, &o, "clip_activation", "quick_gelu", &e) ||
                         conf_set(OPTIONS_ROWS, &o, "vqgan_range", "unit", &e) ||
                         conf_set(OPTIONS_ROWS, &o, "vqgan_eps", "1e-4", &e) ||
                         conf_set(OPTIONS_ROWS, &o, "name", "mine", &e) ||
                         conf_set(OPTIONS_ROWS, &o, "dtype", "f16", &e),
                     0);
    small_convert(&o);
    assert_int_equal(bundle_config_read(tmp_path("o"), &c, &e), 0);
    assert_true(c.clip.quick_gelu && c.vqgan.unit_range);
    assert_float_equal(c.vqgan.norm_eps, 1e-4, 1e-10);
    assert_string_equal(c.name, "mine");
}

/* ---- refused, and nothing written ---- */

static const struct {
    const char *key,
        *value;      /* changed from small_options; a value with / in front is of the tree */
    const char *msg; /* how the message goes on behind a path, if it begins with one */
} REFUSED[] = {
    { "gpt", "", "--gpt is missing: a bundle needs --clip, --gpt and --vqgan" },
    { "output", "", "--output is missing: the directory to make" },
    { "vocab", "",
      "--vocab is missing: bpe_simple_vocab_16e6.txt.gz of openai/CLIP, or a merges.txt or "
      "tokenizer.json; none is beside" },
    { "gpt", FAMILIES "vqgan_coco.pt", "this is HFAiLab VQGAN, not a file for --gpt" },
    { "clip", FAMILIES "clip.expected.safetensors",
      "no family of --clip has tensors of these names (the first is in.ids); --inspect lists them, "
      "--key chooses among dictionaries" },
    { "clip_heads", "0",
      "clip-heads: no tensor tells the number of heads, and a width of 6 is no multiple of the "
      "usual 64; give --clip-heads" },
    { "gpt_heads", "3", "gpt.width: 8 is no multiple of gpt.heads 3" },
    { "vqgan_groups", "32", "vqgan.ch: 2 channels are no multiple of vqgan.groups 32" },
    { "clip", "/tests/data/convert/malicious/runs_a_program.pt", "runs programs or code" },
    { "name", "no spaces", "name: 'no spaces' has other characters than a-z A-Z 0-9 . _ -" },
    { "licence_file", "/nowhere/licence", "No such file or directory" },
};

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        const char *value = REFUSED[i].value;
        struct err e = { 0 };
        struct options o;
        small_options(&o, small_path(FAMILIES "openai.pt"), small_path(FAMILIES "vqgan_coco.pt"),
                      tmp_path("refused"));
        assert_int_equal(conf_set(OPTIONS_ROWS, &o, REFUSED[i].key,
                                  *value == '/' ? small_path(value) : value, &e),
                         0);
        assert_int_equal(small_try(&o, &e), -1);
        if (!strstr(e.msg, REFUSED[i].msg))
            fail_msg("'%s' instead of '%s'", e.msg, REFUSED[i].msg);
        assert_false(file_exists(tmp_path("refused")));
        conf_release(OPTIONS_ROWS, &o);
    }
}

static void a_directory_in_use_is_left_alone(void **state)
{
    (void)state;
    struct err e = { 0 };
    struct options o;

    assert_int_equal(file_make_dirs(tmp_path("used"), &e), 0);
    assert_int_equal(file_write(tmp_path("used/file"), "x", 1, &e), 0);
    small_options(&o, small_path(FAMILIES "openai.pt"), small_path(FAMILIES "vqgan_coco.pt"),
                  tmp_path("used"));
    assert_int_equal(small_try(&o, &e), -1);
    assert_non_null(strstr(e.msg, "used: exists and is not empty"));
    assert_false(file_exists(tmp_path("used/config.json")));
    conf_release(OPTIONS_ROWS, &o);
}

static void a_stopped_conversion_leaves_nothing(void **state)
{
    (void)state;
    static const volatile sig_atomic_t stopped = 1;
    FILE *quiet = fopen("/dev/null", "w");
    struct err e = { 0 };
    struct options o;
    char **names;
    size_t n;

    assert_int_equal(file_make_dirs(tmp_path("stop"), &e), 0);
    small_options(&o, small_path(FAMILIES "openai.pt"), small_path(FAMILIES "vqgan_coco.pt"),
                  tmp_path("stop/bundle"));
    assert_int_equal(conversion_run(&o, &stopped, quiet, &e), -1);
    assert_int_equal(e.code, ERR_CANCELLED);
    assert_int_equal(file_list(tmp_path("stop"), 10, &names, &n, &e), 0);
    assert_int_equal(n, 0);
    file_list_free(names, n);
    conf_release(OPTIONS_ROWS, &o);
    fclose(quiet);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(every_family_computes_what_torch_does),
    cmocka_unit_test(names_make_no_difference),
    cmocka_unit_test(config_json_says_what_no_tensor_does),
    cmocka_unit_test(options_go_before_files),
    cmocka_unit_test(what_does_not_fit_is_refused),
    cmocka_unit_test(a_directory_in_use_is_left_alone),
    cmocka_unit_test(a_stopped_conversion_leaves_nothing),
};
TEST_MAIN_TMP(TESTS)
