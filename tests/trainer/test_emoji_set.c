/*
 * Which emoji are taken and what they are called: rules on a list of our own, numbers on Debian's.
 */
#include "tests/tmp.h"

#include <string.h>

#include "base/file.h"
#include "trainer/data.h"
#include "trainer/emoji_set.h"

static const char LIST[] = "# a comment\n"
                           "\n"
                           "# group: Smileys & Emotion\n"
                           "# subgroup: heart\n"
                           "2764 FE0F 200D 1F525                                   ; "
                           "fully-qualified     # X E13.1 heart on "
                           "fire\n"
                           "2764 200D 1F525                                        ; unqualified   "
                           "      # X E13.1 heart on "
                           "fire\n"
                           "# group: People & Body\n"
                           "# subgroup: person\n"
                           "1F9D2 ; fully-qualified     # X E5.0 child\n"
                           "1F9D2 1F3FB ; fully-qualified     # X E5.0 child: light skin tone\n"
                           "1F468 ; fully-qualified     # X E0.6 man\n"
                           "1F469 200D 1F9B0 ; fully-qualified     # X E11.0 woman: red hair\n"
                           "1F9DC ; fully-qualified     # X E0.6 mermaid\n"
                           "1F936 ; fully-qualified     # X E3.0 manager\n"
                           "# subgroup: family\n"
                           "1F46A ; fully-qualified     # X E0.6 family\n"
                           "# group: Travel & Places\n"
                           "# subgroup: time\n"
                           "1F55B ; fully-qualified     # X E0.6 twelve o\xe2\x80\x99"
                           "clock\n"
                           "1F567 ; fully-qualified     # X E0.7 twelve-thirty\n"
                           "1F55B ; component           # X E0.6 no emoji\n"
                           "23F0 ; fully-qualified     # X E0.6 Alarm  Clock\n"
                           "# group: Symbols\n"
                           "# subgroup: arrow\n"
                           "2B06 FE0F ; fully-qualified     # X E0.6 up arrow\n"
                           "# subgroup: geometric\n"
                           "1F534 ; fully-qualified     # X E0.6 red circle\n"
                           "# group: Objects\n"
                           "# subgroup: clothing\n"
                           "1F45A ; fully-qualified     # X E0.6 woman\xe2\x80\x99s clothes\n"
                           "# group: Flags\n"
                           "# subgroup: flag\n"
                           "1F3C1 ; fully-qualified     # X E0.6 chequered flag\n";

static const char ANNOTATIONS[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<ldml><annotations>\n"
    "<annotation cp=\"\xf0\x9f\xa7\x92\">Young | child | young  | gender-neutral &amp; "
    "more</annotation>\n"
    "<annotation cp=\"\xf0\x9f\xa7\x92\" type=\"tts\">child</annotation>\n"
    "<annotation cp=\"\xf0\x9f\x94\xb4\"></annotation>\n"
    "</annotations></ldml>\n";

static const char DERIVED[] =
    "<ldml><annotations>\n"
    "<annotation cp=\"\xf0\x9f\xa7\x92\">never seen</annotation>\n"
    "<annotation cp=\"\xe2\x9d\xa4\xe2\x80\x8d\xf0\x9f\x94\xa5\">burn | love</annotation>\n"
    "</annotations></ldml>\n";

static void put(const char *name, const char *text)
{
    assert_int_equal(file_write(tmp_path(name), text, strlen(text), NULL), 0);
}

static void put_all(void)
{
    assert_int_equal(file_make_dirs(tmp_path("annotations"), NULL), 0);
    assert_int_equal(file_make_dirs(tmp_path("annotationsDerived"), NULL), 0);
    put("list", LIST);
    put("annotations/en.xml", ANNOTATIONS);
    put("annotationsDerived/en.xml", DERIVED);
}

static void test_rules_and_names(void **state)
{
    static const struct {
        const char *key, *name, *subgroup;
        int n_keywords;
        const char *keyword;
        bool flippable;
    } WANT[] = {
        { "u2764_fe0f_200d_1f525.png", "heart on fire", "heart", 2, "burn", true },
        { "u1f9d2.png", "child", "person", 2, "young", true },
        { "u1f9dc.png", "mermaid", "person", 0, NULL, true },
        { "u1f936.png", "manager", "person", 0, NULL, true },
        { "u23f0.png", "alarm clock", "time", 0, NULL, false },
        { "u1f534.png", "red circle", "geometric", 0, NULL, true },
        { "u1f45a.png", "woman's clothes", "clothing", 0, NULL, true },
    };
    const int n = sizeof WANT / sizeof *WANT;
    struct emoji_set set;
    struct err e;

    (void)state;
    put_all();
    assert_int_equal(emoji_set_read(tmp_path("list"), tmp_dir, &set, &e), 0);
    assert_int_equal(set.n, n);
    for (int i = 0; i < n; i++) {
        const struct dataset_item *item = &set.emoji[i].item;
        assert_string_equal(item->key, WANT[i].key);
        assert_string_equal(item->name, WANT[i].name);
        assert_string_equal(item->subgroup, WANT[i].subgroup);
        assert_int_equal(item->n_keywords, WANT[i].n_keywords);
        if (item->n_keywords)
            assert_string_equal(item->keywords[0], WANT[i].keyword);
        assert_int_equal(item->flippable, WANT[i].flippable);
    }
    assert_string_equal(set.emoji[1].item.keywords[1], "gender-neutral & more");
    assert_int_equal(set.emoji[0].n_code_points, 4);
    emoji_set_release(&set);
}

static void test_malformed_lines(void **state)
{
    static const struct {
        const char *text, *words;
    } CASES[] = {
        { "# group: A\nnonsense\n", "line 2: 'nonsense' is not a line of emoji-test.txt" },
        { "110000 ; fully-qualified     # X E1.0 a\n",
          "line 1: '110000 ; fully-qualified     # X E1.0 a' is not a line of emoji-test.txt" },
        { "1F600", "line 1: '1F600' is not a line of emoji-test.txt" },
        { "1F600 ;", "" },
        { "1F600 ; fully-qualified     # X E1.0 ",
          "line 1: '1F600 ; fully-qualified     # X E1.0 ' is not a line of emoji-test.txt" },
        { "1 2 3 4 5 6 7 8 9 A B C D E F 10 11 ; fully-qualified # X E1.0 long",
          "line 1: '1 2 3 4 5 6 7 8 9 A B C D E F 10 11 ; fully-qualified # X E1' is not a line of "
          "emoji-test.txt" },
    };

    (void)state;
    put_all();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct emoji_set set;
        struct err e = { 0 };
        put("list", CASES[i].text);
        if (!*CASES[i].words) { /* a status that is not ours is passed over */
            assert_int_equal(emoji_set_read(tmp_path("list"), tmp_dir, &set, &e), 0);
            emoji_set_release(&set);
            continue;
        }
        assert_int_equal(emoji_set_read(tmp_path("list"), tmp_dir, &set, &e), -1);
        assert_int_equal(e.code, ERR_FORMAT);
        assert_non_null(strstr(e.msg, CASES[i].words));
    }
}

static void test_malformed_annotations(void **state)
{
    struct emoji_set set;
    struct err e;

    (void)state;
    put_all();
    put("annotationsDerived/en.xml", "<ldml>\n<annotations>\n</ldml>");
    assert_int_equal(emoji_set_read(tmp_path("list"), tmp_dir, &set, &e), -1);
    assert_int_equal(e.code, ERR_FORMAT);
    assert_non_null(strstr(e.msg, "annotationsDerived/en.xml: line 3: mismatched tag"));
}

/* --- Debian's files --- */

/* Builds the set of Debian's packages in the temporary directory, or skips. */
static struct dataset *build_real(void)
{
    struct dataset *ds = NULL;
    struct err e;

    if (!file_exists(DATA_EMOJI_FONT) || !file_exists(DATA_EMOJI_TEST) ||
        !file_exists(DATA_CLDR_DIR "/annotations/en.xml")) {
        printf("skipped: needs fonts-noto-color-emoji, unicode-data and unicode-cldr-core\n");
        skip();
    }
    if (data_build_emoji(NULL, NULL, NULL, tmp_path("emoji"), &e) ||
        dataset_open(tmp_path("emoji"), &ds, &e))
        fail_msg("%s", e.msg);
    return ds;
}

static void test_real_groups(void **state)
{
    static const struct {
        const char *name;
        int n;
    } GROUPS[] = {
        { "Objects", 261 },           { "Travel & Places", 194 },  { "People & Body", 169 },
        { "Smileys & Emotion", 166 }, { "Animals & Nature", 152 }, { "Food & Drink", 133 },
        { "Activities", 85 },         { "Symbols", 34 },
    };
    struct dataset *ds = build_real();

    (void)state;
    assert_int_equal(ds->kind, DATASET_EMOJI);
    assert_int_equal(ds->n, 1194);
    for (size_t g = 0; g < sizeof GROUPS / sizeof *GROUPS; g++) {
        int n = 0;
        for (int i = 0; i < ds->n; i++)
            n += strcmp(ds->item[i].group, GROUPS[g].name) == 0;
        assert_int_equal(n, GROUPS[g].n);
    }
    dataset_close(ds);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void test_real_glyphs_differ(void **state)
{
    struct dataset *ds = build_real();
    const char **sources = test_malloc((size_t)ds->n * sizeof *sources);

    (void)state;
    for (int i = 0; i < ds->n; i++)
        sources[i] = ds->item[i].source; /* "fonts-noto-color-emoji: glyph 883" */
    qsort(sources, (size_t)ds->n, sizeof *sources, compare_strings);
    for (int i = 1; i < ds->n; i++)
        assert_string_not_equal(sources[i - 1], sources[i]);
    test_free(sources);
    dataset_close(ds);
}

static void test_real_split(void **state)
{
    struct dataset *ds = build_real();
    int objects = 0, combinations = 0;

    (void)state;
    for (int i = 0; i < ds->n; i++) {
        int held_out = 0;
        for (int b = 0; b < DATASET_BACKGROUNDS; b++)
            held_out += dataset_combination_held_out(ds, i, b);
        assert_in_range(held_out, 0, 5); /* at least 7 colours stay */
        assert_false(dataset_combination_held_out(ds, i, 0));
        if (ds->item[i].held_out_object)
            objects++;
        else
            combinations += held_out;
    }
    assert_int_equal(objects, 54);
    assert_int_equal(combinations, 1299);
    dataset_close(ds);
}

static void test_real_words(void **state)
{
    struct dataset *ds = build_real();
    int without = 0, found = 0;

    (void)state;
    for (int i = 0; i < ds->n; i++) {
        const struct dataset_item *item = &ds->item[i];
        without += item->n_keywords == 0;
        if (strcmp(item->key, "u1f353.png") == 0) {
            found++;
            assert_string_equal(item->name, "strawberry");
            assert_string_equal(item->subgroup, "food-fruit");
            assert_int_equal(item->n_keywords, 2);
            assert_string_equal(item->keywords[0], "berry");
            assert_string_equal(item->keywords[1], "fruit");
        }
    }
    assert_int_equal(found, 1);
    assert_in_range(without, 21, 60); /* 21 are not in CLDR; some more have only their name */
    dataset_close(ds);
}

static void test_missing_package(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(data_build_emoji("/nowhere/font.ttf", NULL, NULL, tmp_path("none"), &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "/nowhere/font.ttf is missing: install Debian's package "
                               "fonts-noto-color-emoji");
    assert_false(file_exists(tmp_path("none")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rules_and_names),
    cmocka_unit_test(test_malformed_lines),
    cmocka_unit_test(test_malformed_annotations),
    cmocka_unit_test(test_real_groups),
    cmocka_unit_test(test_real_glyphs_differ),
    cmocka_unit_test(test_real_split),
    cmocka_unit_test(test_real_words),
    cmocka_unit_test(test_missing_package),
};

TEST_MAIN_TMP(tests)
