/*
 * What operators ask for, from socket to socket: reload, log level, drain.
 */
#include "tests/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "server/agent.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

static char conf_path[64];

static void write_conf(const char *text)
{
    assert_int_equal(file_write(conf_path, text, strlen(text), NULL), 0);
}

static int make_path(void **state)
{
    (void)state;
    snprintf(conf_path, sizeof conf_path, "/tmp/test_admin-%d.conf", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(conf_path);
    return 0;
}

static void open_with(struct fixture *f, int models)
{
    struct fixture_options o = fixture_defaults();

    alarm(60); /* no test waits forever */
    o.conf = conf_path;
    o.models = models;
    o.warm_up = true;
    fixture_open(f, &o);
}

static json_t *call(struct fixture *f, const char *method, const char *path, const char *headers,
                    const char *body, int status)
{
    struct answer a;
    json_t *o;

    client_call(f->admin_port, method, path, headers, body, &a);
    if (a.status != status)
        fail_msg("%s %s: %d, %s", method, path, a.status, a.body.data);
    o = client_json(&a);
    answer_release(&a);
    return o;
}

static void assert_says(json_t *o, const char *key, const char *words)
{
    assert_string_equal(json_string_value(json_object_get(o, key)), words);
    json_decref(o);
}

static void assert_error(json_t *o, const char *words)
{
    json_t *error = json_object_get(o, "error");

    assert_string_equal(json_string_value(json_object_get(error, "message")), words);
    json_decref(o);
}

/* ---- log level ---- */

static void test_log_level(void **state)
{
    struct fixture f;
    enum log_level before = log_level();

    (void)state;
    open_with(&f, 1);
    assert_says(call(&f, "PUT", "/admin/log-level", "", "{\"level\":\"error\"}", 200), "level",
                "error");
    assert_int_equal(log_level(), LOG_LEVEL_ERROR);
    assert_says(call(&f, "GET", "/admin/log-level", "", NULL, 200), "level", "error");
    assert_error(call(&f, "PUT", "/admin/log-level", "", "{\"level\":\"loud\"}", 400),
                 "level: 'loud' is none of error|warn|info|debug");
    assert_error(call(&f, "PUT", "/admin/log-level", "", "{}", 400), "level: missing");
    log_set_level(before);
    fixture_close(&f);
}

/* ---- drain ---- */

static int status_of(int port, const char *path)
{
    struct answer a;
    int status;

    client_get(port, path, &a);
    status = a.status;
    answer_release(&a);
    return status;
}

/* Not ready, but who comes is served; and it can be taken back. */
static void test_drain(void **state)
{
    struct fixture f;
    struct answer a;
    char line[AGENT_LINE_MAX];

    (void)state;
    open_with(&f, 1);
    assert_says(call(&f, "GET", "/admin/drain", "", NULL, 200), "state", "serving");
    assert_says(call(&f, "PUT", "/admin/drain", "", "{\"state\":\"drained\"}", 200), "state",
                "drained");
    assert_int_equal(status_of(f.port, "/readyz"), 503);
    assert_int_equal(status_of(f.port, "/livez"), 200);
    agent_line(&f.app, line);
    assert_string_equal(line, "drain\n");
    client_generate(f.port, "{\"prompt\":\"a\"}", "", &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    assert_error(call(&f, "PUT", "/admin/drain", "", "{}", 400), "state: missing");
    assert_says(call(&f, "PUT", "/admin/drain", "", "{\"state\":\"serving\"}", 200), "state",
                "serving");
    assert_int_equal(status_of(f.port, "/readyz"), 200);
    fixture_close(&f);
}

static void test_not_on_the_work_listener(void **state)
{
    static const char *const PATHS[] = { "/admin/reload", "/admin/log-level", "/admin/drain" };
    struct fixture f;

    (void)state;
    open_with(&f, 1);
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++)
        assert_int_equal(status_of(f.port, PATHS[i]), 404);
    fixture_close(&f);
}

/* ---- reload ---- */

static struct fake_bundle *bundle(struct fixture *f, int i)
{
    return &f->shop.bundles[i];
}

static void test_reload(void **state)
{
    struct fixture f;
    enum log_level before = log_level();
    json_t *o;

    (void)state;
    open_with(&f, 1);
    write_conf(
        "[server]\nlog_level = error\n[model]\nbundle = ./fake\nbundles = ./other, ./third\n");
    atomic_store(&bundle(&f, 0)->version, 2);
    o = call(&f, "POST", "/admin/reload", "", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(o, "models")), 3);
    assert_says(o, "status", "ok");
    assert_int_equal(atomic_load(&bundle(&f, 0)->opened), 2);
    assert_int_equal(log_level(), LOG_LEVEL_ERROR);
    log_set_level(before);
    fixture_close(&f);
}

static void test_bad_reload_changes_nothing(void **state)
{
    struct fixture f;
    enum log_level before = log_level();
    char words[160];

    (void)state;
    open_with(&f, 1);
    write_conf("[server]\nlog_level = error\nqueue_max = 5\n");
    snprintf(words, sizeof words, "nothing is changed: %s:3: queue_max: 5 is outside 64..16384",
             conf_path);
    assert_error(call(&f, "POST", "/admin/reload", "", NULL, 500), words);
    write_conf("[server]\nlog_level = error\n[model]\nbundle = ./fake\n");
    atomic_store(&bundle(&f, 0)->version, 2);
    atomic_store(&bundle(&f, 0)->broken, true);
    assert_error(call(&f, "POST", "/admin/reload", "", NULL, 500),
                 "nothing is changed: ./fake/model.safetensors: told to be broken");
    atomic_store(&bundle(&f, 0)->broken, false);
    atomic_store(&bundle(&f, 0)->bytes, (size_t)200 << 20);
    json_decref(call(&f, "POST", "/admin/reload", "", NULL, 503));
    assert_int_equal(log_level(), before);
    assert_int_equal(status_of(f.port, "/readyz"), 200);
    fixture_close(&f);
}

/* Several who ask while one runs share the next; whoever leaves is not told. */
static void test_reload_while_one_runs(void **state)
{
    static const char ASK[] = "POST /admin/reload HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture f;
    struct answer a;
    int fds[4];

    (void)state;
    open_with(&f, 1);
    write_conf("[model]\nbundle = ./fake\n");
    atomic_store(&bundle(&f, 0)->version, 2);
    atomic_store(&bundle(&f, 0)->hold, true);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(f.admin_port);
        client_send(fds[i], ASK);
    }
    assert_says(call(&f, "POST", "/admin/reload", "Prefer: respond-async\r\n", NULL, 202), "status",
                "reloading");
    close(fds[3]);
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1);
    assert_true(reload_running(f.app.reload));
    atomic_store(&bundle(&f, 0)->hold, false);
    for (int i = 0; i < 3; i++) {
        client_read(fds[i], false, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
        close(fds[i]);
    }
    while (reload_running(f.app.reload))
        usleep(200);
    assert_int_equal(atomic_load(&bundle(&f, 0)->opened), 2);
    fixture_close(&f);
}

/* Whoever waits when the daemon stops is told so. */
static void test_stop_while_reloading(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_with(&f, 1);
    write_conf("[model]\nbundle = ./fake\n");
    atomic_store(&bundle(&f, 0)->version, 2);
    atomic_store(&bundle(&f, 0)->hold, true);
    fd = client_connect(f.admin_port);
    client_send(fd, "POST /admin/reload HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!reload_running(f.app.reload))
        usleep(200);
    reload_stop(f.app.reload);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body.data, "the daemon is shutting down"));
    answer_release(&a);
    close(fd);
    json_decref(call(&f, "POST", "/admin/reload", "", NULL, 503));
    atomic_store(&bundle(&f, 0)->hold, false);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_log_level),
    cmocka_unit_test(test_drain),
    cmocka_unit_test(test_not_on_the_work_listener),
    cmocka_unit_test_setup_teardown(test_reload, make_path, remove_path),
    cmocka_unit_test_setup_teardown(test_bad_reload_changes_nothing, make_path, remove_path),
    cmocka_unit_test_setup_teardown(test_reload_while_one_runs, make_path, remove_path),
    cmocka_unit_test_setup_teardown(test_stop_while_reloading, make_path, remove_path),
};

TEST_MAIN(TESTS)
