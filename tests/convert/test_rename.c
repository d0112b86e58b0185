/* Patterns of names, and the places of VQGAN layers. */
#include <string.h>

#include "convert/rename.h"
#include "convert/vqgan_names.h"
#include "tests/test.h"

static const struct rename_rule WHOLE[] = {
    { "ln_final.*", "final.*", false },
    { "proj", "projection.weight", true },
    { NULL, NULL, false },
};
static const struct rename_rule PREFIXES[] = {
    { "visual.blocks.#.", "vision.layers.#.", false },
    { "blocks.#.", "text.layers.#.", false },
    { NULL, NULL, false },
};
static const struct rename_rule PARTS[] = {
    { "attn.in_*", "@_proj.*", false },
    { "ln.*", "norm.*", false },
    { NULL, NULL, false },
};
static const struct rename_rules RULES = { WHOLE, PREFIXES, PARTS };

static void check(const char *ours, int n, const char *first, const char *last)
{
    struct renamed r;

    assert_true(rename_apply(&RULES, ours, &r));
    assert_int_equal(r.n, n);
    assert_string_equal(r.name[0], first);
    assert_string_equal(r.name[n - 1], last);
}

static void names_follow_the_rules(void **state)
{
    (void)state;
    struct renamed r;

    check("ln_final.bias", 1, "final.bias", "final.bias");
    check("blocks.10.ln.weight", 1, "text.layers.10.norm.weight", "text.layers.10.norm.weight");
    check("visual.blocks.3.attn.in_bias", 3, "vision.layers.3.q_proj.bias",
          "vision.layers.3.v_proj.bias");
    assert_true(rename_apply(&RULES, "proj", &r));
    assert_true(r.transposed);
    assert_false(rename_apply(&RULES, "blocks.x.ln.weight", &r));
    assert_false(rename_apply(&RULES, "blocks.1.other", &r));
    assert_false(rename_apply(&RULES, "ln_final.", &r));
    assert_true(rename_apply(&RENAME_SAME, "anything.at.all", &r));
    assert_string_equal(r.name[0], "anything.at.all");
}

static void patterns_fit_whole_names(void **state)
{
    (void)state;
    assert_true(rename_matches("blocks.#.mask", "blocks.23.mask"));
    assert_false(rename_matches("blocks.#.mask", "blocks.23.mask2"));
    assert_false(rename_matches("blocks.#.mask", "blocks..mask"));
    assert_true(rename_matches("loss.*", "loss.a.b"));
    assert_false(rename_matches("loss.*", "loss"));
}

/* A name that would not fit is no match, rather than cut. */
static void long_names_are_no_match(void **state)
{
    (void)state;
    char name[TENSORS_NAME_MAX + 16];
    struct renamed r;

    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(rename_apply(&RENAME_SAME, name, &r));
}

static const struct vqgan_config F16 = {
    .resolution = 256, .levels = 5, .res_blocks = 2, .attn_resolution = 16
};

static const struct {
    const char *ours;
    bool from_bottom;
    const char *place;
} PLACES[] = {
    { "encoder.down.0.block.2.weight", false, "encoder.0.res.0.block.2.weight" },
    { "encoder.down.2.conv.bias", false, "encoder.0.change.conv.bias" },
    { "encoder.down.12.shortcut.weight", false, "encoder.4.res.0.shortcut.weight" },
    { "encoder.down.13.norm.weight", true, "encoder.4.attn.0.norm.weight" },
    { "encoder.down.15.attn.in_proj_bias", false, "encoder.4.attn.1.attn.in_proj_bias" },
    { "decoder.up.0.block.0.weight", false, "decoder.4.res.0.block.0.weight" },
    { "decoder.up.5.norm.bias", false, "decoder.4.attn.2.norm.bias" },
    { "decoder.up.6.conv.weight", true, "decoder.0.change.conv.weight" },
    { "decoder.up.21.block.6.bias", false, "decoder.0.res.2.block.6.bias" },
    { "decoder.up.21.block.6.bias", true, "decoder.4.res.2.block.6.bias" },
    { "decoder.up.22.block.6.bias", false, "decoder.up.22.block.6.bias" }, /* there is none */
    { "decoder.conv_in.weight", false, "decoder.conv_in.weight" },
};

static void layers_have_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        char got[TENSORS_NAME_MAX + 1];
        vqgan_place_name(&F16, PLACES[i].from_bottom, PLACES[i].ours, got);
        assert_string_equal(got, PLACES[i].place);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(names_follow_the_rules),
    cmocka_unit_test(patterns_fit_whole_names),
    cmocka_unit_test(long_names_are_no_match),
    cmocka_unit_test(layers_have_places),
};
TEST_MAIN(TESTS)
