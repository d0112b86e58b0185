/* bench/run prints what its documentation promises. The figures mean nothing here: one run of the
 * short parts, on one thread. */
#include <jansson.h>
#include <string.h>

#include "tests/test.h"

/* Standard output of bench/run with these arguments; its exit status. */
static int run(const char *arguments, char *out, size_t size)
{
    const char *dir = getenv("BUILDDIR");
    char command[1024];
    snprintf(command, sizeof command, "exec 2>&1; %s/bench/run %s", dir ? dir : ".", arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, size - 1, pipe);
    out[n] = '\0';
    return pclose(pipe);
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    return json_number_value(value);
}

static const char *name_of(const json_t *result)
{
    return json_string_value(json_object_get(result, "name"));
}

static const json_t *find(const json_t *root, const char *name)
{
    size_t i;
    json_t *result;
    json_array_foreach (json_object_get(root, "results"), i, result) {
        if (strcmp(name_of(result), name) == 0)
            return result;
    }
    fail_msg("no result is called %s", name);
    return NULL;
}

static json_t *run_json(const char *arguments)
{
    static char out[65536];
    json_error_t error;
    assert_int_equal(run(arguments, out, sizeof out), 0);
    json_t *root = json_loads(out, 0, &error);
    if (!root)
        fail_msg("line %d: %s\n%s", error.line, error.text, out);
    return root;
}

/* The larger of computing and reading, at the rates that stand beside it. */
static double limit_of(const json_t *r)
{
    double computing = number(r, "flops") / (number(r, "fma_gflops") * 1e9);
    double bytes = number(r, "weight_bytes") + number(r, "cache_bytes");
    double reading = bytes / (number(r, "read_gbps") * 1e9);
    return computing > reading ? computing : reading;
}

static void check_result(const json_t *r)
{
    double ratio = number(r, "seconds") / number(r, "limit_seconds");
    assert_true(number(r, "seconds") > 0 && number(r, "limit_seconds") > 0);
    assert_true(number(r, "min_seconds") <= number(r, "seconds"));
    assert_float_equal(number(r, "ratio") / ratio, 1, 1e-6);
    assert_int_equal(number(r, "runs"), 1);
    if (!json_object_get(r, "stages"))
        assert_float_equal(number(r, "limit_seconds") / limit_of(r), 1, 1e-6);
}

static void results_are_json(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "decode_b1_q8", "vqgan_decode", "clip_text", "clip_image",
                                         "train_gpt",    "train_vqgan",  "sample_b1", "sample_b8" };
    json_t *root = run_json("--preset emoji --json --runs 1 --threads 1 decode_b1_q8 vqgan "
                            "clip_text clip_image train sample_b1 sample_b8");
    const json_t *machine = json_object_get(root, "machine");
    size_t n = sizeof NAMES / sizeof *NAMES;
    assert_true(number(machine, "fma_gflops") > 0);
    assert_true(number(machine, "read_gbps") > 0);
    assert_int_equal(json_array_size(json_object_get(root, "results")), n);
    for (size_t i = 0; i < n; i++)
        check_result(find(root, NAMES[i]));
    json_decref(root);
}

/* Others read these. */
static void promised_rows_are_there(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "decode_b1_q8", "decode_b8_q8", "decode_b64_q8",
                                         "vqgan_decode", "clip_text",    "clip_image",
                                         "train_gpt",    "train_vqgan",  "text_to_8of64",
                                         "sample_b1",    "sample_b8",    "sample_b64" };
    char out[8192], row[64];
    assert_int_equal(run("--help", out, sizeof out), 0);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        snprintf(row, sizeof row, "\n  %s ", NAMES[i]);
        if (!strstr(out, row))
            fail_msg("no row is called %s", NAMES[i]);
    }
}

static void an_unknown_name_is_refused(void **state)
{
    (void)state;
    char out[1024];
    assert_int_not_equal(run("--preset emoji nothing", out, sizeof out), 0);
    assert_string_equal(out, "bench/run: 'nothing' is in no name: bench/run --help lists them\n");
}

static void an_unknown_preset_is_refused(void **state)
{
    (void)state;
    char out[1024];
    assert_int_not_equal(run("--preset large", out, sizeof out), 0);
    assert_non_null(strstr(out, "preset: 'large'"));
}

/* Every number that comes in is a turn. */
static void turns_are_taken_one_by_one(void **state)
{
    (void)state;
    char out[1024];
    double a = 0, b = 0;
    int end = 0;
    assert_int_equal(
        run("--preset emoji --threads 1 --turns clip_text <<END\n1\n3\nEND", out, sizeof out), 0);
    assert_int_equal(sscanf(out, "ready %lf %lf%n", &a, &b, &end), 2);
    assert_string_equal(out + end, "\n");
    assert_true(a > 0 && b > 0);
}

static void a_turn_is_a_number(void **state)
{
    (void)state;
    char out[1024];
    assert_int_not_equal(
        run("--preset emoji --threads 1 --turns clip_text <<END\n0\nEND", out, sizeof out), 0);
    assert_string_equal(out, "ready\nbench/run: clip_text: repeats: 0 is outside 1..10000\n");
}

static void turns_are_of_one_row(void **state)
{
    (void)state;
    char out[1024];
    assert_int_not_equal(run("--turns clip_t", out, sizeof out), 0);
    assert_string_equal(out, "bench/run: turns: of one row, not of clip_text and clip_text_q8\n");
}

static void sizes_are_those_of_a_bundle(void **state)
{
    (void)state;
    json_t *root = run_json("--preset coco --sizes");
    const json_t *config = json_object_get(root, "config");
    assert_int_equal(number(json_object_get(config, "gpt"), "vocab"), 16384);
    assert_int_equal(number(root, "vqgan_batch"), 1);
    json_decref(root);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(turns_are_taken_one_by_one), cmocka_unit_test(a_turn_is_a_number),
    cmocka_unit_test(turns_are_of_one_row),       cmocka_unit_test(sizes_are_those_of_a_bundle),
    cmocka_unit_test(results_are_json),           cmocka_unit_test(promised_rows_are_there),
    cmocka_unit_test(an_unknown_name_is_refused), cmocka_unit_test(an_unknown_preset_is_refused),
};
TEST_MAIN(TESTS)
