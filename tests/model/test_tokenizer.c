/*
 * The tokenizer gives the ids of OpenAI's for every recorded text, refuses what it cannot read with
 * words, stays fast on hostile words, and learns merges as a slow count says.
 */
#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "model/html.h"
#include "model/tokenizer.h"
#include "model/unicode.h"

#define DATA "/tests/data/golden/tokenizer/"
#define OPENAI_MERGES 48894
#define CONTEXT 77

static const char *source(char *buf, size_t n, const char *name)
{
    snprintf(buf, n, "%s%s", test_srcdir(), name);
    return buf;
}

static struct tokenizer *open_tiny(void)
{
    struct tokenizer *t;
    struct err e;
    char path[512];

    assert_int_equal(
        tokenizer_open(source(path, sizeof path, DATA "bpe_tiny.txt.gz"), OPENAI_MERGES, &t, &e),
        0);
    return t;
}

/* ---- recorded ids ---- */

static void check_case(const struct tokenizer *t, const json_t *c)
{
    const json_t *text = json_object_get(c, "text"), *want = json_object_get(c, "ids");
    struct tokenizer_result r;
    int32_t ids[CONTEXT];
    struct err e;
    size_t n = json_array_size(want);

    assert_int_equal(tokenizer_encode(t, json_string_value(text), json_string_length(text), CONTEXT,
                                      ids, &r, &e),
                     0);
    assert_int_equal(r.length, json_integer_value(json_object_get(c, "length")));
    assert_int_equal(r.truncated, json_is_true(json_object_get(c, "truncated")));
    for (size_t i = 0; i < CONTEXT; i++)
        assert_int_equal(ids[i], i < n ? json_integer_value(json_array_get(want, i)) : 0);
    assert_int_equal(ids[r.end], tokenizer_end(t));
    for (int i = 0; i < r.end; i++)
        assert_int_not_equal(ids[i], tokenizer_end(t));
}

static void check_cases(const struct tokenizer *t, const char *name, int n_cases)
{
    struct buf text;
    struct err e;
    char path[512];
    int n = 0;

    buf_init(&text, 1 << 20);
    assert_int_equal(file_read(source(path, sizeof path, name), 1 << 20, &text, &e), 0);
    for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *c = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        assert_non_null(c);
        check_case(t, c);
        json_decref(c);
        n++;
    }
    assert_int_equal(n, n_cases);
    buf_release(&text);
}

static void test_openai(void **state)
{
    struct tokenizer *t;
    struct err e;
    char path[512];

    (void)state;
    source(path, sizeof path, "/../shared/golden/tokenizer/bpe_simple_vocab_16e6.txt.gz");
    if (!file_exists(path)) {
        print_message("skipped: OpenAI's vocabulary is not at %s\n", path);
        skip();
    }
    assert_int_equal(tokenizer_open(path, OPENAI_MERGES, &t, &e), 0);
    assert_int_equal(tokenizer_vocab(t), 49408);
    assert_int_equal(tokenizer_start(t), 49406);
    check_cases(t, DATA "cases.jsonl", 223);
    tokenizer_close(t);
}

static void test_tiny(void **state)
{
    struct tokenizer *t = open_tiny();

    (void)state;
    assert_int_equal(tokenizer_vocab(t), 546);
    check_cases(t, DATA "cases_tiny.jsonl", 50);
    tokenizer_close(t);
}

/* ---- limits ---- */

static void test_refusals(void **state)
{
    static char big[TOKENIZER_TEXT_MAX + 1];
    static const struct {
        const char *text;
        const char *message;
    } BROKEN[] = {
        { "a\x80", "text is no UTF-8 at byte 1" },
        { "\xc0\xaf", "text is no UTF-8 at byte 0" },         /* too long a form of / */
        { "ok \xed\xa0\x80", "text is no UTF-8 at byte 3" },  /* surrogate */
        { "\xf4\x90\x80\x80", "text is no UTF-8 at byte 0" }, /* behind U+10FFFF */
        { "\xe2\x82", "text is no UTF-8 at byte 0" },         /* cut */
        { "\xff", "text is no UTF-8 at byte 0" },
    };
    struct tokenizer *t = open_tiny();
    struct tokenizer_result r;
    int32_t ids[CONTEXT];
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        const char *s = BROKEN[i].text;
        assert_int_equal(tokenizer_encode(t, s, strlen(s), CONTEXT, ids, &r, &e), -1);
        assert_string_equal(e.msg, BROKEN[i].message);
        assert_int_equal(e.code, ERR_INVALID);
    }
    assert_int_equal(tokenizer_encode(t, big, sizeof big, CONTEXT, ids, &r, &e), -1);
    assert_string_equal(e.msg, "text: 65537 bytes, at most 65536 are allowed");
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_int_equal(tokenizer_encode(t, "a", 1, 1, ids, &r, &e), -1);
    assert_string_equal(e.msg, "a context of 1 has no room for start and end");
    tokenizer_close(t);
}

static void test_small_context(void **state)
{
    struct tokenizer *t = open_tiny();
    struct tokenizer_result r;
    int32_t ids[4];
    struct err e;

    (void)state;
    assert_int_equal(tokenizer_encode(t, "the in of an", 12, 4, ids, &r, &e), 0);
    assert_int_equal(r.length, 7); /* "an" is two tokens */
    assert_true(r.truncated);
    assert_int_equal(r.end, 3);
    assert_int_equal(ids[0], 544);
    assert_int_equal(ids[1], 512 + 6);
    assert_int_equal(ids[2], 512 + 18);
    assert_int_equal(ids[3], 545);
    tokenizer_close(t);
}

/* One word as long as the limit, of letters that merge again and again. */
static void test_long_word_is_fast(void **state)
{
    static char text[TOKENIZER_TEXT_MAX];
    struct tokenizer *t = open_tiny();
    struct tokenizer_result r;
    int32_t ids[CONTEXT];
    struct err e;
    int64_t start = clock_ms();

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "in"[i % 2];
    assert_int_equal(tokenizer_encode(t, text, sizeof text, CONTEXT, ids, &r, &e), 0);
    assert_int_equal(r.length, 2 + (int)sizeof text / 2);
    assert_true(clock_ms() - start < 2000);
    tokenizer_close(t);
}

/* ---- vocabulary files ---- */

static void test_broken_vocabularies(void **state)
{
    static const struct {
        const char *text, *message;
    } CASES[] = {
        { "", "the header line is missing" },
        { "h\na b\nab\n", "line 3: 'ab' is no pair of tokens with one space between" },
        { "h\na b c\n", "line 2: 'a b c' is no pair of tokens with one space between" },
        { "h\na \n", "line 2: 'a ' is no pair of tokens with one space between" },
        { "h\n\n", "line 2: '' is no pair of tokens with one space between" },
        { "h\nab c\n", "line 2: 'ab' is no token made before this line" },
        { "h\na</w> b\n", "line 2: 'a</w>' ends a word, so nothing can follow it" },
        { "h\na b\na b\n", "line 3: token 'ab' is made twice" },
        { "h\na b\nb c\nab c\na bc\n", "line 5: token 'abc' is made twice" },
    };
    char path[256], want[400];
    const char *dir = getenv("BUILDDIR");
    struct tokenizer *t;
    struct err e;

    (void)state;
    snprintf(path, sizeof path, "%s/vocabulary.%d.txt", dir ? dir : "/tmp", (int)getpid());
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(file_write(path, CASES[i].text, strlen(CASES[i].text), &e), 0);
        assert_int_equal(tokenizer_open(path, 100, &t, &e), -1);
        snprintf(want, sizeof want, "%s: %s", path, CASES[i].message);
        assert_string_equal(e.msg, want);
        assert_int_equal(e.code, ERR_FORMAT);
    }
    unlink(path);
    assert_int_equal(tokenizer_open(path, -1, &t, &e), -1);
    assert_string_equal(e.msg, "-1 merges are outside 0..1048576");
}

static void test_merges_max(void **state)
{
    struct tokenizer *t;
    struct err e;
    char path[512];

    (void)state;
    source(path, sizeof path, DATA "bpe_tiny.txt.gz");
    assert_int_equal(tokenizer_open(path, 10, &t, &e), 0);
    assert_int_equal(tokenizer_vocab(t), 524);
    tokenizer_close(t);
}

/* ---- parts ---- */

static void test_html(void **state)
{
    static const char *const CASES[][2] = {
        { "&amp;lt;", "&lt;" },
        { "&", "&" },
        { "&#", "&#" },
        { "&#x", "&#x" },
        { "&#x;", "&#x;" },
        { "&#;65", "&#;65" },
        { "&#65", "A" },
        { "&#X41;x", "Ax" },
        { "&notit;", "\302\254it;" },
        { "&notin;", "\342\210\211" },
        { "&nGt;", "\342\211\253\342\203\222" },
        { "&#99999999999999999999;", "\357\277\275" },
        { "&#1;&#xfdd0;&#x1fffe;.", "." },
        { "&#13;", "\r" },
        { "&CounterClockwiseContourIntegral;", "\342\210\263" },
        { "&CounterClockwiseContourIntegralx;", "&CounterClockwiseContourIntegralx;" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct buf out;
        buf_init(&out, 1000);
        html_unescape(CASES[i][0], strlen(CASES[i][0]), &out);
        assert_string_equal(out.data, CASES[i][1]);
        buf_release(&out);
    }
}

static void test_utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char utf8[4];
        const char *s = utf8;
        size_t n = unicode_encode(c, utf8);
        int32_t back = unicode_decode(&s, utf8 + n);
        if (c >= 0xd800 && c <= 0xdfff)
            assert_int_equal(back, -1);
        else
            assert_true(back == (int32_t)c && s == utf8 + n);
    }
}

/* ---- learning ---- */

static void learn(const char *text, int merges, const char *want)
{
    struct buf out;
    struct err e;

    buf_init(&out, 1 << 20);
    assert_int_equal(tokenizer_learn(text, strlen(text), merges, &out, &e), 0);
    assert_string_equal(out.data, want);
    buf_release(&out);
}

static void test_learn(void **state)
{
    (void)state;
    /* ab</w> and xab</w> twice each: b</w> after a stands 4 times; then x ab</w>. */
    learn("ab xab\nAB, xab;", 10, "#version: clipgen\na b</w>\nx ab</w>\n");
    /* Ties go by text: "a a</w>" before "b b</w>". */
    learn("bb aa\nbb aa", 1, "#version: clipgen\na a</w>\n");
    /* Overlapping pairs merge from the left; the special words are no text. */
    learn("aaaa aaaa <|endoftext|> <|endoftext|>", 2, "#version: clipgen\na a\na a</w>\n");
    learn("", 5, "#version: clipgen\n");
    learn("once", 5, "#version: clipgen\n");
}

/* What is learned can be read, and tells every word of the text in one token. */
static void test_learn_then_encode(void **state)
{
    static const char TEXT[] = "a red fox on a blue hill\na blue fox on a red hill\n";
    struct tokenizer *t;
    struct tokenizer_result r;
    struct buf out;
    int32_t ids[CONTEXT];
    struct err e;
    char path[256];
    const char *dir = getenv("BUILDDIR");

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(tokenizer_learn(TEXT, strlen(TEXT), 1000, &out, &e), 0);
    snprintf(path, sizeof path, "%s/learned.%d.txt", dir ? dir : "/tmp", (int)getpid());
    assert_int_equal(file_write(path, out.data, out.len, &e), 0);
    assert_int_equal(tokenizer_open(path, 1000, &t, &e), 0);
    unlink(path);
    assert_int_equal(tokenizer_encode(t, TEXT, strlen(TEXT), CONTEXT, ids, &r, &e), 0);
    assert_int_equal(r.length, 2 + 14);
    tokenizer_close(t);
    buf_release(&out);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_openai),
    cmocka_unit_test(test_tiny),
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_small_context),
    cmocka_unit_test(test_long_word_is_fast),
    cmocka_unit_test(test_broken_vocabularies),
    cmocka_unit_test(test_merges_max),
    cmocka_unit_test(test_html),
    cmocka_unit_test(test_utf8_round_trip),
    cmocka_unit_test(test_learn),
    cmocka_unit_test(test_learn_then_encode),
};

TEST_MAIN(TESTS)
