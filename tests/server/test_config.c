#include "tests/test.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/config.h"

static int read_args(const char *file, const char *const *flags, struct config *c, struct err *e)
{
    char *argv[16] = { (char *)(uintptr_t) "clipgend" };
    int argc = 1;

    for (; flags && *flags; flags++)
        argv[argc++] = (char *)(uintptr_t)*flags;
    return config_read(argc, argv, file, c, e);
}

static void test_defaults(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(read_args(NULL, NULL, &c, NULL), 0);
    assert_string_equal(c.listen, "127.0.0.1:8080");
    assert_string_equal(c.admin_listen, "");
    assert_int_equal(c.log_level, LOG_LEVEL_INFO); /* the choices are in the order of log.h */
    assert_string_equal(config_backend_name(&c), "auto");
    assert_true(c.half_close_is_gone);
    config_release(&c);
}

static void test_flags(void **state)
{
    static const char *const FLAGS[] = { "--listen=*:0",
                                         "--queue-max",
                                         "100",
                                         "--backend",
                                         "cpu",
                                         "--no-half-close-is-gone",
                                         "--log-level=debug",
                                         "--timeout-s=0.5",
                                         NULL };
    struct config c;

    (void)state;
    assert_int_equal(read_args(NULL, FLAGS, &c, NULL), 0);
    assert_string_equal(c.listen, "*:0");
    assert_int_equal(c.queue_max, 100);
    assert_string_equal(config_backend_name(&c), "cpu");
    assert_false(c.half_close_is_gone);
    assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
    assert_true(c.timeout_s == 0.5);
    config_release(&c);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *flags[3];
        const char *message;
    } CASES[] = {
        { { "--rows", "1" }, "--rows: 1 is outside 2..128" },
        { { "--queue-max=63" }, "--queue_max: 63 is outside 64..16384" },
        { { "--lisen=x" }, "unknown flag --lisen; did you mean --listen?" },
        { { "picture" }, "unexpected argument 'picture'; clipgend takes flags only" },
        { { "--connections", "100" },
          "connections: 100 is fewer than queue_max + rows + 32 = 304: a full queue would lock "
          "everybody out" },
        { { "--cors-origins", "https://app.example/" },
          "cors_origins: 'https://app.example/' is no origin: scheme://host or scheme://host:port "
          "without a path, or *" },
        { { "--config", "/nonexistent/clipgend.conf" }, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct config c;
        struct err e;
        assert_int_equal(read_args(NULL, CASES[i].flags, &c, &e), -1);
        if (CASES[i].message)
            assert_string_equal(e.msg, CASES[i].message);
    }
}

/* etc/clipgend.conf is what --print-config prints: every key, its default, limits and meaning. */
static void test_shipped_file_is_the_table(void **state)
{
    char *path = file_join(test_srcdir(), "etc/clipgend.conf"), *printed = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&printed, &n);
    struct buf shipped;
    struct config c;

    (void)state;
    conf_print_ini(CONFIG_ROWS, out);
    fclose(out);
    buf_init(&shipped, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, &shipped, NULL), 0);
    assert_string_equal(shipped.data, printed);
    assert_int_equal(read_args(path, NULL, &c, NULL), 0);
    assert_string_equal(c.bundle, "emoji-64");
    config_release(&c);
    buf_release(&shipped);
    mem_free(printed);
    mem_free(path);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_defaults),
    cmocka_unit_test(test_flags),
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_shipped_file_is_the_table),
};

TEST_MAIN(TESTS)
