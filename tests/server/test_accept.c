/* What Accept headers mean for a type: the range that names it most closely, and its q. */
#include "tests/test.h"

#include "server/accept.h"

static const struct {
    const char *header, *type;
    int quality;
} CASES[] = {
    { NULL, "image/png", 1000 },
    { "", "image/png", 1000 },
    { "*/*", "image/png", 1000 },
    { "image/png", "image/png", 1000 },
    { "IMAGE/PNG", "image/png", 1000 },
    { "image/png", "image/jpeg", 0 },
    { "image/*", "image/jpeg", 1000 },
    { "image/*", "application/json", 0 },
    { "text/html, image/webp;q=0.5", "image/webp", 500 },
    { "text/html,image/webp ; q=0.25 ,*/*;q=0.1", "image/webp", 250 },
    { "text/html,image/webp;q=0.25,*/*;q=0.1", "application/json", 100 },
    { "*/*;q=0.9, image/*;q=0.5, image/png;q=0", "image/png", 0 },
    { "image/png;q=0, image/*;q=0.5, */*;q=0.9", "image/jpeg", 500 },
    { "image/png;v=1;q=0.125;x=y", "image/png", 125 },
    { "image/png;q=much", "image/png", 1000 },
    { "image/png;q=7", "image/png", 1000 },
    { "image/png;q=0.0000000000001", "image/png", 1000 },
    { "image/p", "image/png", 0 },
    { "image/pngx", "image/png", 0 },
    { "image", "image/png", 0 },
    { ",,;=,  image/png", "image/png", 1000 },
    { "*", "image/png", 0 },
    { ";;;", "image/png", 0 },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int got = accept_quality(CASES[i].header, CASES[i].type);
        if (got != CASES[i].quality)
            fail_msg("%s of '%s': %d, not %d", CASES[i].type, CASES[i].header, got,
                     CASES[i].quality);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_cases),
};

TEST_MAIN(TESTS)
