/* Every format both ways, found by its bytes alone. */
#include "tests/test.h"

#include <string.h>

#include "base/format.h"
#include "base/num.h"

static void test_every_format(void **state)
{
    static const char *const TEXT[] = { "parameters", "a cat", "Software", "clipgen" };
    static const char *const MIMES[] = { "image/png", "image/jpeg", "image/webp" };
    static const bool KEEPS_TEXT[] = { true, true, false };

    (void)state;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        struct format_options o = { (enum format)f, 90, TEXT, 2 };
        struct image img, back;
        struct buf file;
        int index = -1;

        assert_int_equal(image_new(20, 10, 3, &img, NULL), 0);
        buf_init(&file, 1 << 16);
        assert_int_equal(format_encode(&img, &o, &file, NULL), 0);
        assert_int_equal(memmem(file.data, file.len, "a cat", 5) != NULL, KEEPS_TEXT[f]);
        assert_int_equal(format_decode(file.data, file.len, 200, &back, NULL), 0);
        assert_int_equal(back.w, 20);
        assert_string_equal(format_mime(o.format), MIMES[f]);
        num_parse_choice(format_name(o.format), "format", FORMAT_CHOICES, &index, NULL);
        assert_int_equal(index, f);
        image_release(&img);
        image_release(&back);
        buf_release(&file);
    }
}

static void test_refused(void **state)
{
    struct image img;
    struct err e;

    (void)state;
    assert_int_equal(format_decode("GIF89a", 6, 100, &img, &e), -1);
    assert_err(&e, ERR_FORMAT, "neither PNG, JPEG nor WebP");
    assert_int_equal(format_decode("", 0, 100, &img, &e), -1);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_every_format),
    cmocka_unit_test(test_refused),
};

TEST_MAIN(TESTS)
