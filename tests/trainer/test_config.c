#include "tests/test.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "trainer/config.h"

static void defaults(struct config *c)
{
    struct err e;

    memset(c, 0, sizeof *c);
    if (conf_defaults(CONFIG_ROWS, c, &e))
        fail_msg("%s", e.msg);
}

static void test_shipped_recipe(void **state)
{
    static char want[65536];
    FILE *out = fmemopen(want, sizeof want, "w");
    char path[512];
    struct buf have;

    (void)state;
    assert_non_null(out);
    conf_print_ini(CONFIG_ROWS, out);
    fclose(out);
    snprintf(path, sizeof path, "%s/etc/train-emoji-64.conf", test_srcdir());
    buf_init(&have, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, &have, NULL), 0);
    assert_string_equal(have.data, want);
    buf_release(&have);
}

/* A file of the table's own making gives the defaults back. */
static void test_shipped_recipe_reads(void **state)
{
    struct config c, d;
    char path[512];
    struct err e;

    (void)state;
    defaults(&c);
    defaults(&d);
    snprintf(path, sizeof path, "%s/etc/train-emoji-64.conf", test_srcdir());
    if (conf_load(CONFIG_ROWS, &c, path, &e))
        fail_msg("%s", e.msg);
    for (const struct conf_row *row = CONFIG_ROWS; row->type != CONF_T_END; row++) {
        const char *a = (const char *)&c + row->offset, *b = (const char *)&d + row->offset;
        size_t bytes = row->type == CONF_T_BOOL   ? sizeof(bool)
                       : row->type == CONF_T_ENUM ? sizeof(int)
                                                  : sizeof(int64_t);
        if (row->type == CONF_T_STRING)
            assert_string_equal(*(char *const *)(const void *)a, *(char *const *)(const void *)b);
        else
            assert_memory_equal(a, b, bytes);
    }
    conf_release(CONFIG_ROWS, &c);
    conf_release(CONFIG_ROWS, &d);
}

static void test_networks(void **state)
{
    struct bundle_config n;
    struct config c;

    (void)state;
    defaults(&c);
    assert_int_equal(config_networks(&c, &n, NULL), 0);
    assert_string_equal(n.name, "emoji-64");
    assert_int_equal(n.clip.image.size, 64);
    assert_int_equal(n.clip.text.vocab, 512 + 1500 + 2);
    assert_int_equal(n.vqgan.levels, 4);
    assert_int_equal(n.vqgan.mult[3], 4);
    assert_int_equal(n.gpt.tokens, 8 * 8); /* 64 halved three times */
    assert_int_equal(n.gpt.vocab, n.vqgan.codebook);
    assert_int_equal(n.gpt.cond_dim, n.clip.embed_dim);
    assert_true(n.gpt.null_cond);
    assert_true(n.centred);
    conf_release(CONFIG_ROWS, &c);
}

static void test_sizes_follow(void **state)
{
    static const char *const SETTINGS[][2] = {
        { "side", "32" },           { "vqgan_mult", "1,2,2,4" }, { "clip_embed", "48" },
        { "vqgan_codebook", "77" }, { "vocab_merges", "5" },     { "gpt_null", "0" },
    };
    struct bundle_config n;
    struct config c;

    (void)state;
    defaults(&c);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        assert_int_equal(conf_set(CONFIG_ROWS, &c, SETTINGS[i][0], SETTINGS[i][1], NULL), 0);
    assert_int_equal(config_networks(&c, &n, NULL), 0);
    assert_int_equal(n.clip.image.size, 32);
    assert_int_equal(n.clip.text.vocab, 519);
    assert_int_equal(n.vqgan.levels, 4);
    assert_int_equal(n.gpt.tokens, 4 * 4);
    assert_int_equal(n.gpt.vocab, 77);
    assert_int_equal(n.gpt.cond_dim, 48);
    assert_false(n.gpt.null_cond);
    conf_release(CONFIG_ROWS, &c);
}

/* A value that its row refuses, or that no network can have. */
static void test_refusals(void **state)
{
    static const struct {
        const char *key, *value, *message;
    } CASES[] = {
        { "clip_steps", "0", "clip_steps: 0 is outside 1..100000000" },
        { "vqgan_rate", "fast", "vqgan_rate: 'fast' is not a number" },
        { "source", "flickr", "source: 'flickr' is none of emoji|folder" },
        { "gpt_centred", "maybe", "gpt_centred: 'maybe' is neither true nor false" },
        { "vqgan_mult", "1,,4", "vqgan_mult: '1,,4' is not a list of up to 8 numbers with commas" },
        { "vqgan_mult", "1,1,1,1,1,1,1,1,1",
          "vqgan_mult: '1,1,1,1,1,1,1,1,1' is not a list of up to 8 numbers with commas" },
        { "vqgan_mult", "1,two", "vqgan_mult: 'two' is not a whole number" },
        { "vqgan_mult", "1,65", "vqgan_mult: 65 is outside 1..64" },
        { "vqgan_mult", "", "vqgan.levels: 0 is outside 1..8" },
        { "clip_patch", "7", "clip.image.size: 64 is no multiple of clip.image.patch 7" },
        { "clip_heads", "7", "clip.image.width: 192 is no multiple of clip.image.heads 7" },
        { "vqgan_groups", "7", "vqgan.ch: 24 channels are no multiple of vqgan.groups 7" },
        { "side", "66", "clip.image.size: 66 is no multiple of clip.image.patch 8" },
        { "gpt_heads", "7", "gpt.width: 256 is no multiple of gpt.heads 7" },
        { "clip_pretrained", "/nonexistent",
          "clip_pretrained: /nonexistent/config.json: No such file or directory" },
        { "start_from", "/nonexistent",
          "start_from: /nonexistent/config.json: No such file or directory" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct bundle_config n;
        struct config c;
        struct err e = { 0 };
        defaults(&c);
        assert_true(conf_set(CONFIG_ROWS, &c, CASES[i].key, CASES[i].value, &e) ||
                    config_networks(&c, &n, &e));
        assert_string_equal(e.msg, CASES[i].message);
        conf_release(CONFIG_ROWS, &c);
    }
}

static void test_sections(void **state)
{
    struct config c;

    (void)state;
    defaults(&c);
    assert_ptr_equal(config_training(&c, "clip"), &c.clip);
    assert_ptr_equal(config_training(&c, "vqgan"), &c.vqgan);
    assert_ptr_equal(config_training(&c, "gpt"), &c.gpt);
    assert_null(config_training(&c, "data"));
    assert_int_equal(config_disc(&c).ch, 32);
    char *path = config_path(&c, "clip");
    assert_string_equal(path, "train/emoji-64/clip");
    mem_free(path);
    conf_release(CONFIG_ROWS, &c);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shipped_recipe), cmocka_unit_test(test_shipped_recipe_reads),
    cmocka_unit_test(test_networks),       cmocka_unit_test(test_sizes_follow),
    cmocka_unit_test(test_refusals),       cmocka_unit_test(test_sections),
};

TEST_MAIN(tests)
