#include "tests/test.h"

#include <string.h>

#include "trainer/font.h"
#include "trainer/sheet.h"

enum { SIDE = 64, CELL = 128, GAP = 8, LINE_H = 10, STEP_Y = CELL + GAP + SHEET_LINES * LINE_H };

static struct image flat(int side, uint8_t grey)
{
    struct image img;

    assert_int_equal(image_new(side, side, 3, &img, NULL), 0);
    memset(img.px, grey, (size_t)(side * side * 3));
    return img;
}

static struct image sheet_of(char *const *words, int n, int columns, int side)
{
    struct image imgs[8] = { 0 }, sheet;

    for (int i = 0; i < n; i++)
        imgs[i] = flat(side, (uint8_t)(100 + i));
    assert_int_equal(sheet_make(imgs, words, n, columns, &sheet, NULL), 0);
    for (int i = 0; i < n; i++)
        image_release(&imgs[i]);
    return sheet;
}

static int at(const struct image *sheet, int x, int y)
{
    assert_true(x >= 0 && x < sheet->w && y >= 0 && y < sheet->h);
    return image_row(sheet, y)[3 * x];
}

/* What stands in a line under a picture, read back with the font; ? where nothing fits. */
static const char *read_line(const struct image *sheet, int left, int top, char *text)
{
    int n = 0;

    for (; left + (n + 1) * 6 <= sheet->w && n < CELL / 6; n++) {
        text[n] = '?';
        for (int c = 126; c >= 32; c--) {
            bool same = true;
            for (int y = 0; y < FONT_H && same; y++)
                for (int x = 0; x < FONT_W && same; x++)
                    same =
                        (at(sheet, left + n * 6 + x, top + y) < 128) == font_pixel((char)c, x, y);
            if (same)
                text[n] = (char)c;
        }
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    return text;
}

static void assert_lines(const struct image *sheet, int column, int row, const char *const *lines)
{
    char text[CELL];

    for (int i = 0; i < SHEET_LINES; i++)
        assert_string_equal(read_line(sheet, GAP + column * (CELL + GAP),
                                      GAP + row * STEP_Y + CELL + 2 + i * LINE_H, text),
                            lines[i]);
}

/* Twice two characters alike would make a text that cannot be read. */
static void test_letters_differ(void **state)
{
    (void)state;
    for (int a = 32; a < 128; a++)
        for (int b = a + 1; b < 128; b++) {
            int differ = 0;
            for (int y = 0; y < FONT_H; y++)
                for (int x = 0; x < FONT_W; x++)
                    differ += font_pixel((char)a, x, y) != font_pixel((char)b, x, y);
            if (!differ)
                fail_msg("'%c' looks like '%c'", a, b);
        }
    assert_true(font_pixel('L', 0, 0) && font_pixel('L', 4, 6) && !font_pixel('L', 4, 0));
    assert_true(font_pixel((char)200, 0, 0) && font_pixel('\n', 4, 6)); /* boxes */
}

static void test_layout(void **state)
{
    char *words[] = { (char[]){ "one" }, (char[]){ "two" }, (char[]){ "three" } };
    struct image sheet = sheet_of(words, 3, 2, SIDE);

    (void)state;
    assert_int_equal(sheet.w, 2 * (CELL + GAP) + GAP);
    assert_int_equal(sheet.h, 2 * STEP_Y + GAP);
    assert_int_equal(at(&sheet, 0, 0), 255);
    assert_int_equal(at(&sheet, GAP, GAP), 100);
    assert_int_equal(at(&sheet, GAP + CELL - 1, GAP + CELL - 1), 100);
    assert_int_equal(at(&sheet, GAP + CELL, GAP), 255);
    assert_int_equal(at(&sheet, GAP + CELL + GAP, GAP), 101);
    assert_int_equal(at(&sheet, GAP, GAP + STEP_Y), 102);
    assert_int_equal(at(&sheet, GAP + CELL + GAP, GAP + STEP_Y), 255); /* no fourth */
    assert_lines(&sheet, 0, 0, (const char *[]){ "one", "", "", "" });
    assert_lines(&sheet, 1, 0, (const char *[]){ "two", "", "", "" });
    assert_lines(&sheet, 0, 1, (const char *[]){ "three", "", "", "" });
    image_release(&sheet);
}

/* 21 characters a line. */
static void test_lines_break(void **state)
{
    static const struct {
        const char *words, *lines[SHEET_LINES];
    } CASES[] = {
        { "", { "", "", "", "" } },
        { "a strawberry on a blue background", { "a strawberry on a", "blue background", "", "" } },
        { "123456789012345678901", { "123456789012345678901", "", "", "" } },
        { "12345678901234567890 2", { "12345678901234567890", "2", "", "" } },
        { "123456789012345678901 2", { "123456789012345678901", "2", "", "" } },
        { "1234567890123456789012345", { "123456789012345678901", "2345", "", "" } },
        { "caf\xc3\xa9 \xe7\x8c\xab!", { "caf? ?!", "", "", "" } },
        { "aaaaaaaaaaaaaaa bbbbbbbbbbbbbbb ccccccccccccccc ddddddddddddddd eee",
          { "aaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbb", "ccccccccccccccc", "ddddddddddddddd eee" } },
        { "aaaaaaaaaaaaaaa bbbbbbbbbbbbbbb ccccccccccccccc ddddddddddddddd eeeeee",
          { "aaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbb", "ccccccccccccccc", "dddddddddddd..." } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char words[128];
        snprintf(words, sizeof words, "%s", CASES[i].words);
        struct image sheet = sheet_of((char *[]){ words }, 1, 10, SIDE);
        assert_int_equal(sheet.w, CELL + 2 * GAP);
        assert_lines(&sheet, 0, 0, CASES[i].lines);
        image_release(&sheet);
    }
}

static void test_long_text(void **state)
{
    char words[5000];
    struct image sheet;

    (void)state;
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    sheet = sheet_of((char *[]){ words }, 1, 1, SIDE);
    assert_lines(&sheet, 0, 0,
                 (const char *[]){ "xxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxx",
                                   "xxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxx..." });
    image_release(&sheet);
}

static void test_sizes(void **state)
{
    static const int SIDES[][2] = { { 16, 128 }, { 60, 180 }, { 128, 128 }, { 256, 256 } };

    (void)state;
    for (size_t i = 0; i < sizeof SIDES / sizeof *SIDES; i++) {
        struct image sheet = sheet_of((char *[]){ (char[]){ "x" } }, 1, 1, SIDES[i][0]);
        assert_int_equal(sheet.w, SIDES[i][1] + 2 * GAP);
        assert_int_equal(at(&sheet, GAP + SIDES[i][1] - 1, GAP + SIDES[i][1] - 1), 100);
        image_release(&sheet);
    }
}

static void test_refused(void **state)
{
    struct image imgs[2] = { flat(16, 0), flat(17, 0) }, sheet;
    char *words[] = { (char[]){ "a" }, (char[]){ "b" } };
    struct err e;

    (void)state;
    assert_int_equal(sheet_make(imgs, words, 2, 2, &sheet, &e), -1);
    assert_err(&e, ERR_INVALID, "sheet: picture 1 is 17 x 17 x 3, the first 16 x 16");
    assert_int_equal(sheet_make(imgs, words, 0, 2, &sheet, &e), -1);
    assert_err(&e, ERR_INVALID, "sheet: 0 pictures in 2 columns");
    image_release(&imgs[0]);
    image_release(&imgs[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_letters_differ), cmocka_unit_test(test_layout),
    cmocka_unit_test(test_lines_break),    cmocka_unit_test(test_long_text),
    cmocka_unit_test(test_sizes),          cmocka_unit_test(test_refused),
};

TEST_MAIN(tests)
