/*
 * The configuration table: defaults, INI files, flags, help; every refusal word for word.
 */
#include "tests/tmp.h"

#include <string.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/mem.h"

struct config {
    int64_t queue_max;
    double temperature;
    bool metrics;
    char *model_dir;
    int format;
};

static const struct conf_row ROWS[] = {
    CONF_INT("server", "queue_max", "64", 1, 4096, struct config, queue_max,
             "requests allowed to wait; one more gets 429"),
    CONF_BOOL("server", "metrics", "yes", struct config, metrics, "serve /metrics"),
    CONF_REAL("sample", "temperature", "1.0", 0.05, 2, struct config, temperature,
              "flatter above 1, sharper below"),
    CONF_STRING("model", "model_dir", "", 20, struct config, model_dir, "where the bundle is"),
    CONF_ENUM("model", "format", "png", "png|jpeg", struct config, format, "of the pictures"),
    CONF_END,
};

static struct config config;

static int setup(void **state)
{
    (void)state;
    memset(&config, 0, sizeof config);
    return conf_defaults(ROWS, &config, NULL);
}

static int teardown(void **state)
{
    (void)state;
    conf_release(ROWS, &config);
    return config.model_dir != NULL;
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(config.queue_max, 64);
    assert_true(config.temperature == 1.0);
    assert_true(config.metrics);
    assert_string_equal(config.model_dir, "");
    assert_int_equal(config.format, 0);
}

static void test_bad_default(void **state)
{
    static const struct conf_row BAD[] = {
        CONF_INT("a", "n", "0", 1, 2, struct config, queue_max, ""),
        CONF_END,
    };
    struct err e = { 0 };

    (void)state;
    assert_int_equal(conf_defaults(BAD, &config, &e), -1);
    assert_err(&e, ERR_INVALID, "default of n: 0 is outside 1..2");
}

static void test_set(void **state)
{
    static const struct {
        const char *key, *value, *msg;
    } CASES[] = {
        { "queue_max", "5000", "queue_max: 5000 is outside 1..4096" },
        { "queue_max", "many", "queue_max: 'many' is not a whole number" },
        { "temperature", "3", "temperature: 3 is outside 0.05..2" },
        { "metrics", "2", "metrics: '2' is neither true nor false" },
        { "format", "gif", "format: 'gif' is none of png|jpeg" },
        { "format", "jpe", "format: 'jpe' is none of png|jpeg" },
        { "format", "", "format: '' is none of png|jpeg" },
        { "model_dir", "123456789012345678901", "model_dir: longer than 20 bytes" },
        { "queue_mx", "5", "unknown key 'queue_mx'; did you mean 'queue_max'?" },
        { "formats", "5", "unknown key 'formats'; did you mean 'format'?" },
        { "zebra", "5", "unknown key 'zebra'" },
        { "", "5", "unknown key ''" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        assert_int_equal(conf_set(ROWS, &config, CASES[i].key, CASES[i].value, &e), -1);
        assert_err(&e, ERR_INVALID, CASES[i].msg);
    }
    test_defaults(state);
    assert_int_equal(conf_set(ROWS, &config, "format", "jpeg", NULL), 0);
    assert_int_equal(config.format, 1);
    assert_int_equal(conf_set(ROWS, &config, "model_dir", "one", NULL), 0);
    assert_int_equal(conf_set(ROWS, &config, "model_dir", "two", NULL), 0);
    assert_string_equal(config.model_dir, "two");
}

static int load(const char *text, struct err *e)
{
    const char *path = tmp_path("x.conf");

    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    return conf_load(ROWS, &config, path, e);
}

static void test_load(void **state)
{
    (void)state;
    assert_int_equal(
        load("; comment\n# another\n\n[server]\r\nqueue_max = 7\r\n  metrics=off ; why\n"
             "[model]\nformat: jpeg\nmodel_dir = a = b\n[sample]\ntemperature=.5",
             NULL),
        0);
    assert_int_equal(config.queue_max, 7);
    assert_false(config.metrics);
    assert_true(config.temperature == .5);
    assert_string_equal(config.model_dir, "a = b");
    assert_int_equal(config.format, 1);
}

static void test_load_empty(void **state)
{
    (void)state;
    assert_int_equal(load("", NULL), 0);
    assert_int_equal(load("[model]\nmodel_dir =\n", NULL), 0);
    test_defaults(state);
}

static void test_load_refused(void **state)
{
    static const struct {
        const char *text, *msg; /* of msg, what comes behind the path */
        enum err_code code;
    } CASES[] = {
        { "[server]\nqueue_max = 7\n\nqueue_max = 8\n", ":4: queue_max was already set on line 2",
          ERR_FORMAT },
        { "[server]\nqueue_max = 0\n", ":2: queue_max: 0 is outside 1..4096", ERR_INVALID },
        { "[server]\nqueue_mx = 1\n", ":2: unknown key 'queue_mx'; did you mean 'queue_max'?",
          ERR_INVALID },
        { "[sever]\nqueue_max = 1\n", ":2: unknown section [sever]", ERR_FORMAT },
        { "queue_max = 1\n", ":1: unknown section []", ERR_FORMAT },
        { "[model]\nqueue_max = 1\n", ":2: queue_max belongs in [server], not in [model]",
          ERR_FORMAT },
        { "[server]\nmetrics = 1\nqueue_max\n", ":3: neither [section] nor key = value",
          ERR_FORMAT },
        { "\n[server\nqueue_max = 1\n", ":2: neither [section] nor key = value", ERR_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        char msg[300];
        assert_int_equal(load(CASES[i].text, &e), -1);
        snprintf(msg, sizeof msg, "%s%s", tmp_path("x.conf"), CASES[i].msg);
        assert_err(&e, CASES[i].code, msg);
    }
}

static void test_lines_before_an_error_count(void **state)
{
    (void)state;
    assert_int_equal(load("[server]\nqueue_max = 7\nnonsense\nmetrics = off\n", NULL), -1);
    assert_int_equal(config.queue_max, 7);
    assert_true(config.metrics);
    assert_int_equal(load("[server]\nqueue_max = 8\nmetrics = 7\n[model]\nformat = jpeg\n", NULL),
                     -1);
    assert_int_equal(config.queue_max, 8);
    assert_int_equal(config.format, 0);
}

static void test_long_line(void **state)
{
    char text[5000], msg[300];
    struct err e = { 0 };

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "[model]\nmodel_dir = ", 20);
    text[sizeof text - 1] = '\0';
    assert_int_equal(load(text, &e), -1);
    snprintf(msg, sizeof msg, "%s:2: the line is longer than ", tmp_path("x.conf"));
    assert_memory_equal(e.msg, msg, strlen(msg));
    assert_int_equal(e.code, ERR_FORMAT);
}

static void test_load_no_text(void **state)
{
    struct err e = { 0 };
    char msg[300];

    (void)state;
    assert_int_equal(conf_load(ROWS, &config, "/nowhere/x.conf", &e), -1);
    assert_err(&e, ERR_NOT_FOUND, "/nowhere/x.conf: No such file or directory");
    assert_int_equal(file_write(tmp_path("nul.conf"), "[a]\0", 4, NULL), 0);
    assert_int_equal(conf_load(ROWS, &config, tmp_path("nul.conf"), &e), -1);
    snprintf(msg, sizeof msg, "%s: holds a NUL byte; not a text file", tmp_path("nul.conf"));
    assert_err(&e, ERR_FORMAT, msg);
}

static void test_args(void **state)
{
    char *argv[] = { "clipgend",
                     "--queue-max",
                     "7",
                     "--temperature=0.5",
                     "--config",
                     "a.conf",
                     "--no-metrics",
                     "--model_dir",
                     "-x",
                     "--help",
                     "--format",
                     "jpeg",
                     "a cat",
                     "--metrics" };
    int rest = 0;

    (void)state;
    assert_int_equal(conf_args(ROWS, &config, 14, argv, "config|help", &rest, NULL), 0);
    assert_int_equal(rest, 12);
    assert_int_equal(config.queue_max, 7);
    assert_true(config.temperature == 0.5);
    assert_false(config.metrics);
    assert_string_equal(config.model_dir, "-x");
    assert_int_equal(config.format, 1);
}

static void test_args_end(void **state)
{
    char *dashes[] = { "x", "--metrics=no", "--", "--queue-max", "7" }, *alone[] = { "x" };
    int rest = 0;

    (void)state;
    assert_int_equal(conf_args(ROWS, &config, 5, dashes, NULL, &rest, NULL), 0);
    assert_int_equal(rest, 3);
    assert_int_equal(config.queue_max, 64);
    assert_false(config.metrics);
    assert_int_equal(conf_args(ROWS, &config, 1, alone, NULL, &rest, NULL), 0);
    assert_int_equal(rest, 1);
}

static void test_args_refused(void **state)
{
    static const struct {
        const char *words[2];
        const char *msg;
    } CASES[] = {
        { { "--queue-max", NULL }, "--queue-max wants a value" },
        { { "--queue-max", "0" }, "--queue_max: 0 is outside 1..4096" },
        { { "--queue-mx", "1" }, "unknown flag --queue-mx; did you mean --queue-max?" },
        { { "--zebra", "1" }, "unknown flag --zebra" },
        { { "--no-format", "1" }, "unknown flag --no-format; did you mean --format?" },
        { { "--config", "a" }, "unknown flag --config" },
        { { "--metrics=2", NULL }, "--metrics: '2' is neither true nor false" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char word[2][40];
        char *argv[] = { "x", word[0], word[1] };
        int argc = 1, rest = 99;
        struct err e = { 0 };
        for (; argc < 3 && CASES[i].words[argc - 1]; argc++)
            snprintf(word[argc - 1], sizeof word[0], "%s", CASES[i].words[argc - 1]);
        assert_int_equal(conf_args(ROWS, &config, argc, argv, "help", &rest, &e), -1);
        assert_err(&e, ERR_INVALID, CASES[i].msg);
        assert_int_equal(rest, 99);
    }
}

static void test_peek(void **state)
{
    char *argv[] = { "x", "word", "--config", "a.conf", "--help", "--", "--late" };

    (void)state;
    assert_string_equal(conf_peek(7, argv, "config"), "a.conf");
    assert_string_equal(conf_peek(7, argv, "help"), "");
    assert_null(conf_peek(7, argv, "late"));
    assert_null(conf_peek(7, argv, "conf"));
}

static void assert_printed(void (*print)(const struct conf_row *, FILE *), const char *expected)
{
    char printed[2000] = "";
    FILE *out = fmemopen(printed, sizeof printed, "w");

    print(ROWS, out);
    fclose(out);
    assert_string_equal(printed, expected);
}

static void test_print_ini(void **state)
{
    (void)state;
    assert_printed(conf_print_ini, "[server]\n"
                                   "\n# requests allowed to wait; one more gets 429 (1..4096)\n"
                                   "queue_max = 64\n"
                                   "\n# serve /metrics\n"
                                   "metrics = yes\n"
                                   "\n[sample]\n"
                                   "\n# flatter above 1, sharper below (0.05..2)\n"
                                   "temperature = 1.0\n"
                                   "\n[model]\n"
                                   "\n# where the bundle is\n"
                                   "model_dir =\n"
                                   "\n# of the pictures (png|jpeg)\n"
                                   "format = png\n");
}

static void test_printed_ini_is_read(void **state)
{
    FILE *out = fopen(tmp_path("printed.conf"), "w");

    (void)state;
    conf_print_ini(ROWS, out);
    fclose(out);
    config.queue_max = 1;
    assert_int_equal(conf_load(ROWS, &config, tmp_path("printed.conf"), NULL), 0);
    test_defaults(state);
}

static void test_help(void **state)
{
    (void)state;
    assert_printed(conf_help,
                   "  --queue-max N\n"
                   "        requests allowed to wait; one more gets 429 (1..4096); default 64\n"
                   "  --[no-]metrics\n"
                   "        serve /metrics; default yes\n"
                   "  --temperature X\n"
                   "        flatter above 1, sharper below (0.05..2); default 1.0\n"
                   "  --model-dir TEXT\n"
                   "        where the bundle is; default empty\n"
                   "  --format WORD\n"
                   "        of the pictures (png|jpeg); default png\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest TESTS[] = {
    CASE(test_defaults),
    CASE(test_bad_default),
    CASE(test_set),
    CASE(test_load),
    CASE(test_load_empty),
    CASE(test_load_refused),
    CASE(test_lines_before_an_error_count),
    CASE(test_long_line),
    CASE(test_load_no_text),
    CASE(test_args),
    CASE(test_args_end),
    CASE(test_args_refused),
    CASE(test_peek),
    CASE(test_print_ini),
    CASE(test_printed_ini_is_read),
    CASE(test_help),
};

TEST_MAIN_TMP(TESTS)
