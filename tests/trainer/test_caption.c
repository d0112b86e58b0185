/*
 * Captions, word for word.
 */
#include "tests/tmp.h"

#include <string.h>

#include "tests/trainer/toys.h"
#include "trainer/caption.h"

enum { BLUE = 7, ORANGE = 4 };

static struct dataset *ds;

static int open_toys(void **state)
{
    if (tmp_make(state))
        return -1;
    ds = toy_emoji_set(tmp_path("set"));
    return 0;
}

static int close_toys(void **state)
{
    dataset_close(ds);
    return tmp_remove(state);
}

static const char *prompt(int object, int background)
{
    static char text[CAPTION_MAX];
    struct buf b;

    buf_init(&b, CAPTION_MAX);
    caption_prompt(ds, object, background, &b);
    assert_int_equal(buf_check(&b, NULL), 0);
    snprintf(text, sizeof text, "%s", b.data);
    buf_release(&b);
    return text;
}

static const char *draw(const struct scene *s, int template, uint64_t stream)
{
    static char text[CAPTION_MAX];
    struct caption_options o = { .weight = { 0 } };
    struct rng r = { .seed = 1, .stream = stream };
    struct buf b;

    o.weight[template] = 1;
    buf_init(&b, CAPTION_MAX);
    caption_draw(ds, s, &o, &r, &b);
    assert_int_equal(buf_check(&b, NULL), 0);
    snprintf(text, sizeof text, "%s", b.data);
    buf_release(&b);
    return text;
}

/* In the order of toy_names. */
static void test_articles(void **state)
{
    static const char *const WANT[] = {
        "a cat",        "an apple",        "grapes",     "a unicorn",
        "an hourglass", "a glass of milk", "an octopus", "people hugging",
        "an x-ray",     "a one-piece",     "a bus",      "a person lifting weights",
        "a ewe",
    };

    (void)state;
    for (int i = 0; i < toy_n_names; i++)
        assert_string_equal(prompt(i, -1), WANT[i]);
}

static void test_prompts(void **state)
{
    (void)state;
    assert_string_equal(prompt(0, BLUE), "a cat on a blue background");
    assert_string_equal(prompt(1, ORANGE), "an apple on an orange background");
    assert_string_equal(prompt(2, 0), "grapes on a white background");
}

/* Object i has the first i % 4 of the keywords kw0, kw1, kw2. */
static void test_templates(void **state)
{
    static const struct {
        int object, template;
        const char *words;
    } CASES[] = {
        { 5, CAPTION_NAME, "glass of milk" },
        { 1, CAPTION_PICTURE, "a picture of an apple" },
        { 2, CAPTION_PICTURE, "a picture of grapes" },
        { 4, CAPTION_BACKGROUND, "an hourglass on a blue background" },
        { 0, CAPTION_KEYWORDS, "cat, toy round" },
        { 1, CAPTION_KEYWORDS, "apple, kw0" },
        { 0, CAPTION_PARAPHRASE, "toy round: cat on blue" },
        { 1, CAPTION_PARAPHRASE, "kw0: apple on blue" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct scene s = { .object = CASES[i].object, .second = -1, .background = BLUE };
        assert_string_equal(draw(&s, CASES[i].template, i), CASES[i].words);
    }
}

static void test_two_keywords_differ(void **state)
{
    struct scene s = { .object = 3, .second = -1, .background = BLUE };
    bool seen[3][3] = { { false } };
    int pairs = 0;

    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        int a, b;
        assert_int_equal(sscanf(draw(&s, CAPTION_KEYWORDS, i), "unicorn, kw%d, kw%d", &a, &b), 2);
        assert_in_range(a, 0, 2);
        assert_in_range(b, 0, 2);
        assert_int_not_equal(a, b);
        pairs += !seen[a][b];
        seen[a][b] = true;
    }
    assert_int_equal(pairs, 6);
}

static void test_two_objects(void **state)
{
    struct scene s = { .object = 0, .second = 1, .background = ORANGE };

    (void)state;
    assert_string_equal(draw(&s, CAPTION_NAME, 0),
                        "a cat next to an apple on an orange background");
}

/* Each template about as often as its weight says; the paraphrase never, unless asked for. */
static void test_weights(void **state)
{
    struct scene s = { .object = 1, .second = -1, .background = BLUE };
    static const char *const WORDS[CAPTION_TEMPLATES] = {
        "apple",      "a picture of an apple", "an apple on a blue background",
        "apple, kw0", "kw0: apple on blue",
    };
    int counts[CAPTION_TEMPLATES] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < 4000; i++) {
        struct rng r = { .seed = 2, .stream = i };
        struct buf b;
        buf_init(&b, CAPTION_MAX);
        caption_draw(ds, &s, &caption_options_default, &r, &b);
        for (int t = 0; t < CAPTION_TEMPLATES; t++)
            counts[t] += strcmp(b.data, WORDS[t]) == 0;
        buf_release(&b);
    }
    for (int t = 0; t < CAPTION_PARAPHRASE; t++) { /* standard deviations 24 and 32 */
        int expected = t == CAPTION_BACKGROUND ? 2000 : 667;
        assert_in_range(counts[t], expected - 100, expected + 100);
    }
    assert_int_equal(counts[CAPTION_PARAPHRASE], 0);
    assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3], 4000);
}

/* Whole lines. */
static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);

    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        if ((at == text || at[-1] == '\n') && at[n] == '\n')
            return true;
    return false;
}

static void test_corpus(void **state)
{
    static const char *const LINES[] = {
        "cat",
        "a picture of an apple",
        "cat, toy round",
        "unicorn, kw0",
        "unicorn, kw1",
        "unicorn, kw2",
        "people hugging on a cyan background",
        "a toy 42 on a white background",
        "a cat next to an apple on a white background",
        "kw1: unicorn on black",
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 24);
    caption_corpus(ds, &b);
    assert_int_equal(buf_check(&b, NULL), 0);
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        if (!has_line(b.data, LINES[i]))
            fail_msg("no line '%s'", LINES[i]);
    buf_release(&b);
}

static void test_folder_captions(void **state)
{
    struct dataset *folder = toy_folder_set(tmp_path("folder"), 4, 8, 8);
    struct scene s = { .object = 1, .second = -1, .background = -1 };
    struct rng r = { .seed = 1 };
    struct buf b;

    (void)state;
    buf_init(&b, CAPTION_MAX);
    caption_draw(folder, &s, &caption_options_default, &r, &b);
    buf_puts(&b, "|");
    s.object = 2;
    caption_draw(folder, &s, &caption_options_default, &r, &b);
    buf_puts(&b, "|");
    caption_prompt(folder, 3, -1, &b);
    assert_string_equal(b.data, "one line|picture 2|one line");
    buf_clear(&b);
    caption_corpus(folder, &b);
    assert_string_equal(b.data, "picture 0\npicture 1\none line\npicture 2\npicture 3\none line\n");
    buf_release(&b);
    dataset_close(folder);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_articles),    cmocka_unit_test(test_prompts),
    cmocka_unit_test(test_templates),   cmocka_unit_test(test_two_keywords_differ),
    cmocka_unit_test(test_two_objects), cmocka_unit_test(test_weights),
    cmocka_unit_test(test_corpus),      cmocka_unit_test(test_folder_captions),
};

TEST_MAIN_WITH(tests, open_toys, close_toys)
