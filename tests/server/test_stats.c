#include "tests/test.h"

#include <string.h>

#include "server/stats.h"

static void print(struct stats *s, struct buf *out)
{
    static const struct stats_gauges G = { .queue_pictures = 3,
                                           .jobs_running = 2,
                                           .rows_used = 5,
                                           .rows = 16,
                                           .connections = 9,
                                           .ready = 1,
                                           .memory_bytes = 123456789012.0,
                                           .uptime_s = 1.5,
                                           .version = "1.0",
                                           .model = "m" };

    buf_init(out, 1 << 20);
    stats_print(s, &G, out);
    assert_false(out->failed);
}

static void assert_line(const struct buf *b, const char *line)
{
    char want[200];

    snprintf(want, sizeof want, "\n%s\n", line);
    if (!strstr(b->data, want))
        fail_msg("no line: %s", line);
}

static void test_print(void **state)
{
    struct stats *s;
    struct buf b;

    (void)state;
    assert_int_equal(stats_new(&s, NULL), 0);
    stats_add(s, STATS_TOKENS, 64);
    stats_add(s, STATS_REJECTED_DRAINING, 2);
    stats_request(s, 200);
    stats_request(s, 200);
    stats_request(s, 429);
    stats_request(s, 0); /* nonsense is not counted, nor a crash */
    stats_request(s, 600);
    stats_observe(s, STATS_PNG, 1000000);      /* 0.001: on a bound */
    stats_observe(s, STATS_PNG, 3000000);      /* 0.003 */
    stats_observe(s, STATS_PNG, 500000000000); /* 500 s: above all bounds */
    print(s, &b);
    assert_line(&b, "clipgen_queue_pictures 3");
    assert_line(&b, "clipgen_rows_used 5");
    assert_line(&b, "clipgen_device_memory_bytes 123456789012");
    assert_line(&b, "clipgen_build_info{version=\"1.0\",model=\"m\"} 1");
    assert_line(&b, "clipgen_tokens_total 64");
    assert_line(&b, "clipgen_rejected_total{reason=\"queue_full\"} 0");
    assert_line(&b, "clipgen_rejected_total{reason=\"draining\"} 2");
    assert_line(&b, "clipgen_requests_total{code=\"200\"} 2");
    assert_line(&b, "clipgen_requests_total{code=\"429\"} 1");
    assert_line(&b, "# TYPE clipgen_png_seconds histogram");
    assert_line(&b, "clipgen_png_seconds_bucket{le=\"0.001\"} 1");
    assert_line(&b, "clipgen_png_seconds_bucket{le=\"0.0025\"} 1");
    assert_line(&b, "clipgen_png_seconds_bucket{le=\"0.005\"} 2");
    assert_line(&b, "clipgen_png_seconds_bucket{le=\"120\"} 2");
    assert_line(&b, "clipgen_png_seconds_bucket{le=\"+Inf\"} 3");
    assert_line(&b, "clipgen_png_seconds_sum 500.004");
    assert_line(&b, "clipgen_png_seconds_count 3");
    assert_null(strstr(b.data, "code=\"600\""));
    buf_release(&b);
    stats_free(s);
}

/* What promtool would complain of: every sample's family has one HELP and one TYPE before it. */
static void test_one_help_a_family(void **state)
{
    struct stats *s;
    struct buf b;

    (void)state;
    assert_int_equal(stats_new(&s, NULL), 0);
    stats_request(s, 200);
    print(s, &b);
    for (const char *at = b.data; (at = strstr(at, "# HELP ")); at++) {
        char line[64];
        int n = (int)strcspn(at + 7, " ");
        snprintf(line, sizeof line, "# HELP %.*s ", n, at + 7);
        assert_null(strstr(at + 1, line));
        snprintf(line, sizeof line, "\n# TYPE %.*s ", n, at + 7);
        assert_ptr_equal(strstr(at, line), strchr(at, '\n'));
    }
    buf_release(&b);
    stats_free(s);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_print),
    cmocka_unit_test(test_one_help_a_family),
};

TEST_MAIN(TESTS)
