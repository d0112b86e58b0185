/*
 * API keys: the file, who is let in, how much they may, over HTTP too.
 */
#include "tests/test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/keys_file.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

#define SECOND 1000000000LL
#define ALICE "alice alices-long-secret"
#define BOB "bob sha256:fd3f0b07f4bd2b2f9bcbf87f9ccaa3a9d4ba9c7b0e1a9fb4d5a8f5c0e3a1b2c4"

static char path[64];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/clipgen-keys-%d", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void write_keys(const char *text)
{
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static void test_refused_files(void **state)
{
    static const struct {
        const char *text, *message;
    } CASES[] = {
        { "", "0: no key" },
        { "# nothing\n\n", "2: no key" },
        { "alice\n", "1: alice has no secret" },
        { "alice # secret\n", "1: alice has no secret" },
        { "alice short\n", "1: a secret of 5 bytes is shorter than 16" },
        { "al/ice a-very-long-secret\n",
          "1: name 'al/ice' is not 1 to 63 letters, digits, '.', '_' and '-'" },
        { ALICE "\n" ALICE "\n", "2: name 'alice' is there twice" },
        { "bob sha256:abc\n", "1: sha256: wants 64 digits 0-9a-f" },
        { ALICE " jobs=0\n", "1: jobs: 0 is outside 1..100000" },
        { ALICE " per_minute=x\n", "1: per_minute: 'x' is not a whole number" },
        { ALICE " priority=best\n", "1: priority: 'best' is none of high|normal|low" },
        { ALICE " rate=5\n", "1: 'rate=5' is none of per_minute=N, jobs=N and priority=CLASS" },
        { ALICE " jobs\n", "1: 'jobs' is none of per_minute=N, jobs=N and priority=CLASS" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char message[300];
        struct key *keys;
        struct err e;
        int n;

        write_keys(CASES[i].text);
        assert_int_equal(keys_file_read(path, &keys, &n, &e), -1);
        snprintf(message, sizeof message, "keys: %s:%s", path, CASES[i].message);
        assert_string_equal(e.msg, message);
    }
}

static void test_file(void **state)
{
    struct key *keys;
    int n;

    (void)state;
    write_keys("# who\n\n  " ALICE "\tper_minute=60 jobs=4 priority=normal # a comment\r\n" BOB);
    assert_int_equal(keys_file_read(path, &keys, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_string_equal(keys[0].name, "alice");
    assert_int_equal(keys[0].per_minute, 60);
    assert_int_equal(keys[0].jobs, 4);
    assert_int_equal(keys[0].priority, PRIORITY_NORMAL);
    assert_string_equal(keys[1].name, "bob");
    assert_int_equal(keys[1].digest[0], 0xfd);
    assert_int_equal(keys[1].digest[31], 0xc4);
    assert_int_equal(keys[1].jobs + keys[1].per_minute, 0);
    assert_int_equal(keys[1].priority, PRIORITY_HIGH);
    mem_free(keys);
}

static void test_who(void **state)
{
    struct keys *k;
    struct err e;
    char name[KEYS_NAME_MAX];

    (void)state;
    write_keys(ALICE "\ncarol sha256:" /* of carols-long-secret, by sha256sum */
                     "1f022f5b17a27f4e4c9dc56ec845944712294750882e79410cfb110c0550fda8\n");
    assert_int_equal(keys_open(path, &k, NULL), 0);
    assert_int_equal(keys_check(k, "alices-long-secret", name, NULL), 0);
    assert_string_equal(name, "alice");
    assert_int_equal(keys_check(k, "carols-long-secret", name, NULL), 0);
    assert_string_equal(name, "carol");
    assert_int_equal(keys_check(k, "alices-long-secre", name, &e), -1);
    assert_err(&e, ERR_DENIED, "the API key is not known");
    assert_int_equal(keys_check(k, "alices-long-secrett", name, NULL), -1);
    assert_int_equal(
        keys_check(k, "sha256:1f022f5b17a27f4e4c9dc56ec845944712294750882e79410cfb110c0550fda8",
                   name, NULL),
        -1);
    assert_int_equal(keys_check(k, NULL, name, &e), -1);
    assert_err(&e, ERR_DENIED, "an API key is needed: Authorization: Bearer ..., or X-API-Key");
    keys_close(k);
}

static void test_per_minute(void **state)
{
    struct keys *k;
    struct err e;
    int wait_s = 0;

    (void)state;
    clock_stop_at(1000 * SECOND);
    write_keys(ALICE " per_minute=3\n");
    assert_int_equal(keys_open(path, &k, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    assert_int_equal(keys_enter(k, "alice", &wait_s, &e), -1);
    assert_err(&e, ERR_LIMITED, "alice: more than 3 requests a minute");
    assert_int_equal(wait_s, 20);
    clock_stop_at(1015 * SECOND);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), -1);
    assert_int_equal(wait_s, 5);
    clock_stop_at(1020 * SECOND + 1);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    clock_stop_at(9000 * SECOND); /* a long pause is worth a minute, no more */
    for (int i = 0; i < 3; i++)
        assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), -1);
    keys_close(k);
    clock_stop_at(-1);
}

static void test_jobs_at_a_time(void **state)
{
    struct keys *k;
    struct err e;
    int wait_s = 0;

    (void)state;
    write_keys(ALICE " jobs=2\n");
    assert_int_equal(keys_open(path, &k, NULL), 0);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    assert_int_equal(keys_enter(k, "alice", &wait_s, &e), -1);
    assert_err(&e, ERR_LIMITED, "alice: 3 requests at a time, the limit is 2");
    assert_int_equal(wait_s, 1);
    keys_leave(k, "alice");
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    keys_close(k);
}

static void test_refresh(void **state)
{
    struct keys *k;
    struct err e;
    char name[KEYS_NAME_MAX];
    int wait_s;

    (void)state;
    write_keys(ALICE " jobs=1\n");
    assert_int_equal(keys_open(path, &k, NULL), 0);
    assert_int_equal(keys_refresh(k, NULL), 0);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0);
    write_keys("bad\n");
    assert_int_equal(keys_refresh(k, &e), -1);
    assert_int_equal(keys_refresh(k, NULL), 0); /* told once */
    assert_int_equal(keys_check(k, "alices-long-secret", name, NULL), 0);
    unlink(path);
    assert_int_equal(keys_refresh(k, NULL), 0);
    write_keys("dora doras-long-long-secret\n" ALICE " jobs=2 priority=low\n");
    assert_int_equal(keys_refresh(k, NULL), 1);
    assert_int_equal(keys_check(k, "doras-long-long-secret", name, NULL), 0);
    assert_int_equal(keys_priority(k, "alice"), PRIORITY_LOW);
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), 0); /* the second of two */
    assert_int_equal(keys_enter(k, "alice", &wait_s, NULL), -1);
    write_keys("dora doras-long-long-secret\n");
    assert_int_equal(keys_refresh(k, NULL), 1);
    assert_int_equal(keys_check(k, "alices-long-secret", name, NULL), -1);
    assert_int_equal(keys_enter(k, "alice", &wait_s, &e), -1);
    assert_err(&e, ERR_DENIED, "the API key has been taken away");
    keys_leave(k, "alice"); /* what it began ends as ever */
    keys_close(k);
}

/* ---- over HTTP ---- */

#define CAT "{\"prompt\":\"a cat\"}"
#define KEY "Authorization: Bearer alices-long-secret\r\n"

static void open_with(struct fixture *f, const char *keys)
{
    struct fixture_options o = fixture_defaults();

    write_keys(keys);
    o.keys = path;
    fixture_open(f, &o);
}

static void get(int port, const char *where, const char *headers, int status)
{
    struct answer a;

    client_call(port, "GET", where, headers, NULL, &a);
    assert_int_equal(a.status, status);
    if (status == 401)
        assert_string_equal(answer_header(&a, "WWW-Authenticate"), "Bearer");
    answer_release(&a);
}

static void generate(struct fixture *f, const char *headers, int status, const char *words)
{
    struct answer a;

    client_generate(f->port, CAT, headers, &a);
    assert_int_equal(a.status, status);
    assert_non_null(strstr(a.body.data, words));
    answer_release(&a);
}

static void test_routes(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, ALICE "\n");
    generate(&f, "", 401, "\"code\":\"invalid_api_key\"");
    generate(&f, "Authorization: Bearer wrong-wrong-wrong\r\n", 401, "the API key is not known");
    generate(&f, "Authorization: Basic YWxpY2U6eA==\r\n", 401, "an API key is needed");
    generate(&f, KEY, 200, "b64_json");
    generate(&f, "authorization: bearer  alices-long-secret\r\n", 200, "b64_json");
    generate(&f, "X-API-Key: alices-long-secret\r\n", 200, "b64_json");
    get(f.port, "/v1/models", "", 401);
    get(f.port, "/v1/models", KEY, 200);
    get(f.port, "/metrics", "", 401);
    get(f.port, "/nowhere", "", 404);
    get(f.port, "/livez", "", 200);
    get(f.port, "/readyz", "", 200);
    get(f.port, "/healthz", "", 200);
    get(f.admin_port, "/metrics", "", 200);
    assert_int_equal(stats_get(f.app.stats, STATS_REJECTED_DENIED), 5);
    fixture_close(&f);
}

static void test_limits_of_a_key(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_with(&f, ALICE " jobs=1\n");
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    fd = client_connect(f.port);
    client_post(fd, CAT, KEY);
    wait_for_held(&f, FAKE_STEP_CALL);
    client_generate(f.port, CAT, KEY, &a);
    assert_int_equal(a.status, 429);
    assert_string_equal(answer_header(&a, "Retry-After"), "1");
    assert_non_null(strstr(a.body.data, "\"code\":\"rate_limit_exceeded\""));
    answer_release(&a);
    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    generate(&f, KEY, 200, "b64_json");
    fixture_close(&f);
}

/* Requests that are refused, for whatever reason, take nothing from the count. */
static void test_refused_requests_do_not_count(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_with(&f, ALICE " jobs=1\n");
    for (int i = 0; i < 3; i++) {
        client_generate(f.port, "{\"prompt\":\"a\",\"n\":100}", KEY, &a);
        assert_int_equal(a.status, 400);
        answer_release(&a);
        client_generate(f.port, "{\"prompt\":[\"a\",\"a\"],\"n\":16,\"candidates\":32}", KEY, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
        generate(&f, KEY "Idempotency-Key: k\r\n", 200, "b64_json");
    }
    fixture_close(&f);
}

static void test_full_status(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct answer a;

    (void)state;
    o.full_status = 503;
    o.queue_max = 3;
    fixture_open(&f, &o);
    client_generate(f.port, "{\"prompt\":\"a\",\"n\":4}", "", &a);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body.data, "\"code\":\"queue_full\""));
    assert_string_equal(answer_header(&a, "Retry-After"), "1");
    answer_release(&a);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_refused_files),
    cmocka_unit_test(test_file),
    cmocka_unit_test(test_who),
    cmocka_unit_test(test_per_minute),
    cmocka_unit_test(test_jobs_at_a_time),
    cmocka_unit_test(test_refresh),
    cmocka_unit_test(test_routes),
    cmocka_unit_test(test_limits_of_a_key),
    cmocka_unit_test(test_refused_requests_do_not_count),
    cmocka_unit_test(test_full_status),
};

TEST_MAIN_WITH(TESTS, make_path, remove_path)
