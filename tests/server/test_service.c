/*
 * Signals and systemd's notification protocol, with a socket of our own in systemd's place.
 */
#include "tests/test.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/service.h"

/* A socket in the abstract name space: nothing to clean up. */
static int manager_open(char name[64])
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    snprintf(name, 64, "@clipgen-test-%d", (int)getpid());
    memcpy(sa.sun_path + 1, name + 1, strlen(name) - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    return fd;
}

static void assert_told(int manager, const char *want)
{
    char text[300] = "";
    ssize_t n = recv(manager, text, sizeof text - 1, 0);

    if (!want)
        assert_int_equal(n, -1);
    else
        assert_string_equal(text, want);
}

static void test_notifications(void **state)
{
    struct service s;
    char name[64];
    int manager = manager_open(name);

    (void)state;
    clock_stop_at(1000000000);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "3000000", 1);
    assert_int_equal(service_open(&s, NULL), 0);
    service_status(&s, "loading %s", "x");
    assert_told(manager, "STATUS=loading x");
    service_ready(&s);
    assert_told(manager, "READY=1");
    service_ping(&s);
    assert_told(manager, "WATCHDOG=1");
    service_ping(&s);
    assert_told(manager, NULL); /* not due yet */
    clock_stop_at(2000000000);  /* a third of WATCHDOG_USEC later */
    service_ping(&s);
    assert_told(manager, "WATCHDOG=1");
    service_status(&s, "loading %s", "x");
    assert_told(manager, NULL); /* nothing new */
    service_extend(&s);
    assert_told(manager, "EXTEND_TIMEOUT_USEC=10000000");
    service_extend(&s);
    assert_told(manager, NULL);
    service_failed(&s);
    assert_told(manager, "WATCHDOG=trigger");
    service_stopping(&s);
    assert_told(manager, "STOPPING=1");
    service_close(&s);
    close(manager);
    clock_stop_at(-1);
}

static void test_reload(void **state)
{
    struct service s;
    char name[64], text[300] = "";
    int manager = manager_open(name);

    (void)state;
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(service_open(&s, NULL), 0);
    service_reloading(&s);
    assert_true(recv(manager, text, sizeof text - 1, 0) > 0);
    assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
    service_ready(&s);
    assert_told(manager, "READY=1");
    service_close(&s);
    close(manager);
}

static void test_watchdog_of_another_process(void **state)
{
    struct service s;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(service_open(&s, NULL), 0);
    assert_int_equal(s.watchdog_ns, 0);
    service_ready(&s); /* nobody listens, nothing happens */
    service_close(&s);
    unsetenv("WATCHDOG_PID");
}

static void test_bad_environment(void **state)
{
    struct service s;
    struct err e;
    char path[200];

    (void)state;
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(service_open(&s, &e), -1);
    assert_err(&e, ERR_INVALID, "WATCHDOG_USEC: 'soon' is not a whole number");
    unsetenv("WATCHDOG_USEC");
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(service_open(&s, &e), -1);
    assert_err(&e, ERR_INVALID, "NOTIFY_SOCKET: 199 bytes are over 107");
    unsetenv("NOTIFY_SOCKET");
}

static void test_signals(void **state)
{
    static const struct {
        int signal;
        enum service_signal means;
    } CASES[] = { { SIGTERM, SERVICE_STOP }, { SIGINT, SERVICE_STOP }, { SIGHUP, SERVICE_RELOAD } };
    struct service s;

    (void)state;
    assert_int_equal(service_open(&s, NULL), 0);
    assert_int_equal(service_wait(&s, 1), SERVICE_NONE);
    for (int i = 0; i < 3; i++) {
        raise(CASES[i].signal);
        assert_int_equal(service_wait(&s, 1000), CASES[i].means);
        assert_int_equal(service_wait(&s, 1), SERVICE_NONE);
    }
    service_close(&s);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_notifications),
    cmocka_unit_test(test_reload),
    cmocka_unit_test(test_watchdog_of_another_process),
    cmocka_unit_test(test_bad_environment),
    cmocka_unit_test(test_signals),
};

TEST_MAIN(TESTS)
