/*
 * The agent's line in every state of the daemon, as HAProxy reads it: from connect to end of file.
 */
#include "tests/test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "server/agent.h"
#include "server/listen.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

struct setup {
    struct fixture f;
    struct agent *agent;
    int port;
};

static void open_agent(struct setup *s)
{
    struct fixture_options o = fixture_defaults();
    char name[LISTEN_NAME_MAX];
    int64_t port;
    int fd;

    fixture_open(&s->f, &o);
    assert_int_equal(listen_open("127.0.0.1:0", &fd, NULL), 0);
    listen_name(fd, "tcp", name);
    assert_int_equal(num_parse_int(strrchr(name, ':') + 1, "port", 1, 65535, &port, NULL), 0);
    s->port = (int)port;
    assert_int_equal(agent_open(fd, &s->f.app, &s->agent, NULL), 0);
}

static void close_agent(struct setup *s)
{
    agent_close(s->agent);
    fixture_close(&s->f);
}

/* says: what HAProxy's agent-send sends first, "" for nothing. */
static void assert_line(const struct setup *s, const char *says, const char *line)
{
    char got[AGENT_LINE_MAX + 1] = "";
    size_t n = 0;
    ssize_t more;
    int fd = client_connect(s->port);

    client_send(fd, says);
    while ((more = recv(fd, got + n, AGENT_LINE_MAX - n, 0)) > 0)
        n += (size_t)more;
    assert_int_equal(more, 0);
    assert_string_equal(got, line);
    close(fd);
}

static void test_the_queue_is_the_weight(void **state)
{
    static const struct {
        int waiting; /* of 64 */
        const char *line;
    } CASES[] = {
        { 0, "ready up 100%\n" },
        { 16, "ready up 75%\n" },
        { 63, "ready up 1%\n" },
        { 64, "ready up 1%\n" },
    };
    struct setup s;

    (void)state;
    open_agent(&s);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int n = CASES[i].waiting;
        if (n)
            assert_int_equal(queue_reserve(s.f.app.queue, n, NULL), 0);
        assert_line(&s, "", CASES[i].line);
        assert_line(&s, "which\n", CASES[i].line);
        if (n)
            queue_unreserve(s.f.app.queue, n);
    }
    close_agent(&s);
}

static void test_shutting_down_drains(void **state)
{
    struct setup s;

    (void)state;
    open_agent(&s);
    atomic_store(&s.f.app.draining, true);
    assert_line(&s, "", "drain\n");
    close_agent(&s);
}

static void test_a_broken_device_is_down(void **state)
{
    struct setup s;
    struct answer a;

    (void)state;
    open_agent(&s);
    atomic_store(&s.f.fake->fail_code, ERR_DEVICE);
    atomic_store(&s.f.fake->fail, FAKE_STEP_CALL);
    client_generate(s.f.port, "{\"prompt\":\"a cat\"}", "", &a);
    assert_int_equal(a.status, 503);
    answer_release(&a);
    assert_line(&s, "", "down#the device failed\n");
    close_agent(&s);
}

/* Who connects and says nothing, or goes, holds nobody up. */
static void test_many_at_once(void **state)
{
    struct setup s;
    int fds[20];

    (void)state;
    open_agent(&s);
    for (int i = 0; i < 20; i++)
        fds[i] = client_connect(s.port);
    for (int i = 0; i < 20; i += 2)
        close(fds[i]);
    assert_line(&s, "", "ready up 100%\n");
    for (int i = 1; i < 20; i += 2)
        close(fds[i]);
    close_agent(&s);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_the_queue_is_the_weight),
    cmocka_unit_test(test_shutting_down_drains),
    cmocka_unit_test(test_a_broken_device_is_down),
    cmocka_unit_test(test_many_at_once),
};

TEST_MAIN(TESTS)
