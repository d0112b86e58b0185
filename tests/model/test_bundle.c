/*
 * A bundle is saved and opened again with the same weights; every way in which its files can be
 * wrong is refused with words.
 */
#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/bundle.h"
#include "model/bundle_config.h"
#include "tests/model/golden.h"
#include "tests/model/tiny_bundle.h"

#define VOCABULARY "/tests/data/golden/tokenizer/bpe_tiny.txt.gz"

/* As the tiny networks, with the tiny vocabulary's 546 entries. */
static struct bundle_config test_config(void)
{
    struct bundle_config c = tiny_bundle_config(true);

    c.clip.text.vocab = 546;
    c.centred = true;
    c.sampling.guidance = 2;
    return c;
}

/* ---- config.json ---- */

static void format(const struct bundle_config *c, struct buf *ret)
{
    struct err e = { 0 };

    buf_init(ret, BUNDLE_CONFIG_MAX);
    golden_ok(bundle_config_format(c, ret, &e), &e);
}

static void test_config_round_trip(void **state)
{
    struct bundle_config c = test_config(), back;
    struct buf one, two;
    struct err e = { 0 };

    (void)state;
    snprintf(c.licence, sizeof c.licence, "\"quoted\" \303\251");
    c.clip.mean[0] = 0.48145466f;
    format(&c, &one);
    golden_ok(bundle_config_parse(one.data, one.len, &back, &e), &e);
    format(&back, &two);
    assert_string_equal(one.data, two.data);
    assert_memory_equal(&back.clip, &c.clip, sizeof c.clip);
    assert_string_equal(back.licence, c.licence);
    assert_int_equal(back.vqgan.levels, 4);
    assert_true(back.centred && back.gpt.null_cond);
    buf_release(&one);
    buf_release(&two);
}

struct change {
    const char *from, *to; /* in the text of a good config.json */
    enum err_code code;
    const char *message;
};

static const struct change CHANGES[] = {
    { "\"version\": 1", "\"version\": 2", ERR_INVALID, "version: 2 is outside 1..1" },
    { "\"version\": 1,", "", ERR_FORMAT, "version is missing" },
    { "\"tiny\"", "\"\"", ERR_INVALID, "name: 0 bytes are outside 1..63" },
    { "\"tiny\"", "7", ERR_FORMAT, "name: no text" },
    { "\"tiny\"", "\"a/b\"", ERR_INVALID,
      "name: 'a/b' has other characters than a-z A-Z 0-9 . _ -" },
    { "\"vocab.txt\"", "\"../vocab\"", ERR_INVALID, "vocab_file: '../vocab' begins with a dot" },
    { "\"embed_dim\": 32", "\"embed_dim\": 0", ERR_INVALID,
      "clip.embed_dim: 0 is outside 1..8192" },
    { "\"embed_dim\": 32", "\"embed_dim\": 32.0", ERR_FORMAT, "clip.embed_dim: no whole number" },
    { "\"embed_dim\": 32", "\"embed_dim\": 5000000000", ERR_INVALID,
      "clip.embed_dim: 5000000000 is outside -2147483648..2147483647" },
    { "\"embed_dim\": 32", "\"embed_dim\": 16", ERR_INVALID,
      "gpt.cond_dim: 32 does not fit clip.embed_dim, which is 16" },
    { "\"embed_dim\": 32,", "\"embed_dim\": 32, \"embed_dim\": 32,", ERR_FORMAT,
      "line 7: duplicate object key near '\"embed_dim\"'" },
    { "\"patch\": 8", "\"patch\": 7", ERR_INVALID,
      "clip.image.size: 32 is no multiple of clip.image.patch 7" },
    { "\"quick_gelu\": true", "\"quick_gelu\": 1", ERR_FORMAT,
      "clip.quick_gelu: not true or false" },
    { "\"mean\": [\n      0.5,", "\"mean\": [", ERR_INVALID,
      "clip.mean: 2 elements are outside 3..3" },
    { "\"mean\": [\n      0.5,", "\"mean\": [true,", ERR_FORMAT, "clip.mean: no number" },
    { "\"mult\": [\n      2,", "\"mult\": [0,", ERR_INVALID, "vqgan.mult: 0 is outside 1..64" },
    { "\"mult\": [", "\"mult\": [1,1,1,1,1,", ERR_INVALID,
      "vqgan.mult: 9 elements are outside 1..8" },
    { "\"mult\": [", "\"mult\": 3, \"unit_code\": [", ERR_FORMAT, "vqgan.mult: no list" },
    { "\"codebook\": 64", "\"codebook\": 128", ERR_INVALID,
      "gpt.vocab: 64 does not fit vqgan.codebook, which is 128" },
    { "\"tokens\": 16", "\"tokens\": 64", ERR_INVALID,
      "gpt.tokens: 64 does not fit vqgan's grid, which is 16" },
    { "\"heads\": 4", "\"heads\": 5", ERR_INVALID, "gpt.width: 48 is no multiple of gpt.heads 5" },
    { "\"null_cond\": true", "\"null_cond\": false", ERR_INVALID,
      "sampling.guidance: 2 needs gpt.null_cond" },
    { "\"guidance\": 2.0", "\"guidance\": -1", ERR_INVALID,
      "sampling.guidance: -1 is outside 1..20" },
    { "\"top_k\": 0", "\"top_k\": -1", ERR_INVALID, "sampling.top_k: -1 is outside 0..65536" },
    { "\"sampling\": {", "\"sampling\": {\"topk\": 1, ", ERR_FORMAT,
      "sampling.topk: no such field" },
    { "\"centred\"", "\"extra\": {\"a\": 1}, \"centred\"", ERR_FORMAT, "extra: no such field" },
    { "\"sources\": []", "\"sources\": {}", ERR_FORMAT, "sources: no list" },
    { "\"sources\": []", "\"sources\": [{}]", ERR_FORMAT,
      "sources[0]: 0 fields instead of network, family, file and sha256" },
    { "\"sources\": []",
      "\"sources\": [{\"network\": \"a name too long\", \"family\": 1, \"file\": \"f\", "
      "\"sha256\": \"\"}]",
      ERR_FORMAT, "sources[0]: family is missing or no text" },
    { "\"sources\": []",
      "\"sources\": [{\"network\": \"a name that is too long\", \"family\": \"\", \"file\": \"\", "
      "\"sha256\": \"\"}]",
      ERR_INVALID, "sources[0]: network: 23 bytes, at most 15 are allowed" },
    { "\"code_dim\": 0", "\"code_dim\": -1", ERR_INVALID, "vqgan.code_dim: -1 is outside 0..1024" },
    { "{", "[{", ERR_FORMAT, "line 75: ']' expected near end of file" },
};

/* text with the first `from` replaced; mem_free */
static char *changed(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    size_t n = strlen(text) + strlen(to) + 1;
    char *out = mem_alloc(n, 1);

    assert_non_null(at);
    snprintf(out, n, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void test_config_refusals(void **state)
{
    struct bundle_config c = test_config(), back;
    struct buf text;

    (void)state;
    format(&c, &text);
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        const struct change *x = &CHANGES[i];
        char *broken = changed(text.data, x->from, x->to);
        struct err e = { 0 };
        assert_int_equal(bundle_config_parse(broken, strlen(broken), &back, &e), -1);
        assert_string_equal(e.msg, x->message);
        assert_int_equal(e.code, x->code);
        mem_free(broken);
    }
    buf_release(&text);
}

/* What a line of a formatted config.json says; the line goes. */
static void drop_line(char *text, const char *with)
{
    char *at = strstr(text, with), *end;

    assert_non_null(at);
    while (at > text && at[-1] != '\n')
        at--;
    end = strchr(at, '\n') + 1;
    memmove(at, end, strlen(end) + 1);
}

static void test_config_of_an_older_bundle(void **state)
{
    static const char *const newer[] = { "bilinear", "code_dim", "unit_range", "decoder_only",
                                         "weights_sha256" };
    struct bundle_config c = test_config(), back;
    struct err e = { 0 };
    struct buf text;

    (void)state;
    c.clip.bilinear = c.vqgan.unit_range = true;
    format(&c, &text);
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        drop_line(text.data, newer[i]);
    char *last = changed(text.data, "\"unit_codes\": false,", "\"unit_codes\": false");
    char *old = changed(last, ",\n  \"sources\": []", "");
    golden_ok(bundle_config_parse(old, strlen(old), &back, &e), &e);
    assert_false(back.clip.bilinear || back.vqgan.unit_range || back.vqgan.decoder_only);
    assert_int_equal(vqgan_code_dim(&back.vqgan), c.vqgan.z_channels);
    assert_int_equal(back.n_sources, 0);
    mem_free(old);
    mem_free(last);
    buf_release(&text);
}

static void test_config_keeps_its_sources(void **state)
{
    struct bundle_config c = test_config(), back;
    struct err e = { 0 };
    struct buf text;

    (void)state;
    c.n_sources = 2;
    c.source[0] = (struct bundle_source){ "clip", "OpenAI CLIP", "ViT-B-32.pt", "40d365" };
    c.source[1] = (struct bundle_source){ "gpt", "HFAiLab GPT", "gpt_coco.pt", "" };
    snprintf(c.weights_sha256, sizeof c.weights_sha256, "abc");
    format(&c, &text);
    golden_ok(bundle_config_parse(text.data, text.len, &back, &e), &e);
    assert_int_equal(back.n_sources, 2);
    assert_string_equal(back.source[0].sha256, "40d365");
    assert_string_equal(back.source[1].family, "HFAiLab GPT");
    assert_string_equal(back.weights_sha256, "abc");
    buf_release(&text);
}

/* ---- a directory ---- */

struct place {
    char dir[256], weights[300], config[300], vocabulary[300];
};

static struct place place(void)
{
    const char *build = getenv("BUILDDIR");
    struct place p;

    snprintf(p.dir, sizeof p.dir, "%s/bundle.%d.d", build ? build : "/tmp", (int)getpid());
    snprintf(p.weights, sizeof p.weights, "%s/" BUNDLE_WEIGHTS, p.dir);
    snprintf(p.config, sizeof p.config, "%s/" BUNDLE_CONFIG, p.dir);
    snprintf(p.vocabulary, sizeof p.vocabulary, "%s/vocab.txt", p.dir);
    return p;
}

static void clear(const struct place *p)
{
    unlink(p->weights);
    unlink(p->config);
    unlink(p->vocabulary);
    rmdir(p->dir);
}

static struct device *cpu(void)
{
    struct device *dev;
    struct err e = { 0 };

    golden_ok(device_open("cpu", 2, &dev, &e), &e);
    return dev;
}

static struct bundle *random_bundle(struct device *dev)
{
    struct bundle_config c = test_config();
    struct err e = { 0 };
    struct bundle *b;

    golden_ok(bundle_new(&c, dev, PARAM_PLAIN, &b, &e), &e);
    assert_null(b->tokenizer);
    golden_ok(param_list_reset(&b->clip_params, 1, &e), &e);
    golden_ok(param_list_reset(&b->vqgan_params, 2, &e), &e);
    golden_ok(param_list_reset(&b->gpt_params, 3, &e), &e);
    golden_ok(param_list_reset(&b->condition_params, 4, &e), &e);
    return b;
}

static void save(const struct bundle *b, const struct place *p, enum weights_dtype dtype)
{
    struct err e = { 0 };
    char vocabulary[512];

    snprintf(vocabulary, sizeof vocabulary, "%s" VOCABULARY, test_srcdir());
    golden_ok(bundle_save(b, p->dir, dtype, vocabulary, &e), &e);
}

static void check_same_params(const struct param_list *a, const struct param_list *b)
{
    struct err e = { 0 };

    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        size_t n = tensor_bytes(&a->item[i]->value);
        char *x = mem_alloc(n, 1), *y = mem_alloc(n, 1);
        golden_ok(device_download(a->dev, &a->item[i]->value, 0, x, n, &e), &e);
        golden_ok(device_download(b->dev, &b->item[i]->value, 0, y, n, &e), &e);
        assert_memory_equal(x, y, n);
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

static void test_save_and_open(void **state)
{
    struct device *dev = cpu();
    struct bundle *b = random_bundle(dev), *back, *again;
    struct place p = place();
    struct err e = { 0 };

    (void)state;
    save(b, &p, W_F32);
    golden_ok(bundle_open(p.dir, dev, PARAM_PLAIN, &back, &e), &e);
    check_same(b, back);
    assert_int_equal(tokenizer_vocab(back->tokenizer), 546);
    assert_int_equal(b->condition_params.n, 2);
    bundle_close(back);

    save(b, &p, W_F16); /* rounds once; what it read back rounds to itself */
    golden_ok(bundle_open(p.dir, dev, PARAM_PLAIN, &back, &e), &e);
    save(back, &p, W_F16);
    golden_ok(bundle_open(p.dir, dev, PARAM_PLAIN, &again, &e), &e);
    check_same(back, again);
    bundle_close(back);
    bundle_close(again);

    assert_int_equal(bundle_save(b, p.dir, W_I64, p.vocabulary, &e), -1);
    assert_string_equal(e.msg, "weights are stored as f32|f16|bf16|q8_0|q4_0, not as I64");
    bundle_close(b);
    clear(&p);
    device_close(dev);
}

/* ---- files that do not fit ---- */

static void refuse(const struct place *p, struct device *dev, const char *file, const char *message)
{
    struct err e = { 0 };
    struct bundle *b;
    char want[640];

    assert_int_equal(bundle_open(p->dir, dev, PARAM_PLAIN, &b, &e), -1);
    snprintf(want, sizeof want, "%s: %s", file, message);
    want[sizeof e.msg - 1] = '\0';
    assert_string_equal(e.msg, want);
}

/* The saved weights without the tensor `leave_out`, and with `extra` of one element. */
static void rewrite_weights(const struct place *p, const char *leave_out, const char *extra)
{
    struct err e = { 0 };
    struct weights_out *o;
    struct weights *w;

    golden_ok(weights_open(p->weights, &w, &e), &e);
    golden_ok(weights_out_new(&o, &e), &e);
    for (int i = 0; i < weights_n(w); i++) {
        const struct weights_entry *t = weights_at(w, i);
        if (!leave_out || strcmp(t->name, leave_out))
            golden_ok(weights_out_add(o, t->name, t->dtype, t->n_dims, t->dim, t->data, &e), &e);
    }
    if (extra)
        golden_ok(weights_out_add(o, extra, W_F32, 0, NULL, &(float){ 1 }, &e), &e);
    weights_close(w);
    golden_ok(weights_out_write(o, p->weights, &e), &e);
    weights_out_free(o);
}

static void test_wrong_weights(void **state)
{
    static const struct {
        const char *leave_out, *extra, *message;
    } CASES[] = {
        { "gpt.head.bias", NULL, "1 tensor does not fit: missing gpt.head.bias" },
        { "condition.text_mean", NULL, "1 tensor does not fit: missing condition.text_mean" },
        { NULL, "vqgan.odd", "1 tensor does not fit: unknown vqgan.odd" },
        { "clip.logit_scale", "clip.logit_scales",
          "2 tensors do not fit: missing clip.logit_scale; unknown clip.logit_scales" },
        { NULL, "other.weight", "tensor other.weight belongs to no network of a bundle" },
    };
    struct device *dev = cpu();
    struct bundle *b = random_bundle(dev);
    struct place p = place();

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        save(b, &p, W_F32);
        rewrite_weights(&p, CASES[i].leave_out, CASES[i].extra);
        refuse(&p, dev, p.weights, CASES[i].message);
    }
    bundle_close(b);
    clear(&p);
    device_close(dev);
}

static void test_wrong_files(void **state)
{
    struct device *dev = cpu();
    struct bundle *b = random_bundle(dev);
    struct place p = place();
    struct err e = { 0 };
    struct buf text;
    char *other;

    (void)state;
    save(b, &p, W_F32);
    format(&b->config, &text);
    other = changed(text.data, "\"vocab\": 546", "\"vocab\": 600");
    golden_ok(file_write(p.config, other, strlen(other), &e), &e);
    refuse(&p, dev, p.vocabulary, "546 entries, clip.text.vocab is 600");
    mem_free(other);

    other = changed(text.data, "\"layers\": 2", "\"layers\": 200");
    golden_ok(file_write(p.config, other, strlen(other), &e), &e);
    refuse(&p, dev, p.config, "clip.image.layers: 200 is outside 1..128");
    mem_free(other);

    golden_ok(file_write(p.config, text.data, text.len, &e), &e);
    golden_ok(file_write(p.weights, "short", 5, &e), &e);
    refuse(&p, dev, p.weights, "5 bytes are too few for a safetensors file");

    unlink(p.config);
    assert_int_equal(bundle_open(p.dir, dev, PARAM_PLAIN, &b, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    buf_release(&text);
    bundle_close(b);
    clear(&p);
    device_close(dev);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_config_round_trip),
    cmocka_unit_test(test_config_refusals),
    cmocka_unit_test(test_config_of_an_older_bundle),
    cmocka_unit_test(test_config_keeps_its_sources),
    cmocka_unit_test(test_save_and_open),
    cmocka_unit_test(test_wrong_weights),
    cmocka_unit_test(test_wrong_files),
};

TEST_MAIN(TESTS)
