/*
 * Listening sockets of every kind; those of systemd handed over by ourselves.
 */
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "server/listen.h"

static char path[64], address[80];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/clipgen-listen-%d", (int)getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    return 0;
}

static void test_refused(void **state)
{
    static const struct {
        const char *address, *message;
    } CASES[] = {
        { "nowhere", "listen: 'nowhere' is not address:port" },
        { "127.0.0.1:x", "listen: port: 'x' is not a whole number" },
        { "127.0.0.1:70000", "listen: port: 70000 is outside 0..65535" },
        { "unix:relative",
          "listen: unix:relative: a path from / of at most 107 bytes is expected" },
        { "unix:", "listen: unix:: a path from / of at most 107 bytes is expected" },
        { "unix:/nonexistent/x", "listen: unix:/nonexistent/x: No such file or directory" },
        { "systemd:http", "listen: systemd:http: systemd has handed over no sockets (LISTEN_FDS)" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct err e;
        int fd;
        assert_int_equal(listen_open(CASES[i].address, &fd, &e), -1);
        assert_string_equal(e.msg, CASES[i].message);
    }
}

static void connect_unix(int want)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), want);
    close(fd);
}

static void test_unix(void **state)
{
    char name[LISTEN_NAME_MAX], message[200];
    struct stat st;
    struct err e;
    int fd, second;

    (void)state;
    assert_int_equal(listen_open(address, &fd, NULL), 0);
    listen_name(fd, "http", name);
    assert_string_equal(name, address);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    connect_unix(0);
    assert_int_equal(listen_open(address, &second, &e), -1);
    snprintf(message, sizeof message, "listen: %s: somebody listens there", address);
    assert_string_equal(e.msg, message);
    close(fd);
    assert_int_equal(listen_open(address, &fd, NULL), 0); /* the dead one is replaced */
    connect_unix(0);
    close(fd);
    listen_forget(address);
    assert_false(file_exists(path));
    listen_forget("127.0.0.1:80"); /* nothing to do */
}

/* A file that is no socket is somebody's, and stays. */
static void test_unix_in_the_way(void **state)
{
    struct err e;
    int fd;

    (void)state;
    assert_int_equal(file_write(path, "x", 1, NULL), 0);
    assert_int_equal(listen_open(address, &fd, &e), -1);
    assert_true(file_exists(path));
    unlink(path);
}

/* A listening socket out of the way of the numbers that systemd uses. */
static int listen_high(void)
{
    int fd, high;

    assert_int_equal(listen_open("127.0.0.1:0", &fd, NULL), 0);
    high = fcntl(fd, F_DUPFD, 20);
    close(fd);
    return high;
}

static void pass(const char *pid, const char *fds, const char *names)
{
    char self[16];

    snprintf(self, sizeof self, "%d", (int)getpid());
    setenv("LISTEN_PID", pid ? pid : self, 1);
    setenv("LISTEN_FDS", fds, 1);
    setenv("LISTEN_FDNAMES", names, 1);
}

static void refused(const char *name, const char *message)
{
    struct err e;
    int fd;

    assert_int_equal(listen_open(name, &fd, &e), -1);
    assert_string_equal(e.msg, message);
}

static void test_systemd(void **state)
{
    int saved[2] = { fcntl(3, F_DUPFD, 20), fcntl(4, F_DUPFD, 20) };
    int high[2] = { listen_high(), listen_high() }, fd;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(dup2(high[i], 3 + i), 3 + i);
    fcntl(3, F_SETFL, 0);
    pass(NULL, "2", "admin:http");
    assert_int_equal(listen_open("systemd:http", &fd, NULL), 0);
    assert_int_equal(fd, 4);
    assert_int_equal(listen_open("systemd:admin", &fd, NULL), 0);
    assert_int_equal(fd, 3);
    assert_true(fcntl(3, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(3, F_GETFD) & FD_CLOEXEC);
    refused("systemd:adm", "listen: systemd:adm: none of the 2 sockets has this name "
                           "(LISTEN_FDNAMES is 'admin:http')");
    pass("1", "2", "admin:http");
    refused("systemd:http", "listen: systemd:http: the sockets are for process 1 (LISTEN_PID)");
    pass(NULL, "65", "http");
    refused("systemd:http", "listen: systemd:http: LISTEN_FDS: 65 is outside 0..64");
    fd = open("/dev/null", O_RDONLY);
    dup2(fd, 4);
    close(fd);
    pass(NULL, "2", "admin:http");
    refused("systemd:http", "listen: systemd:http: file 4 is no listening socket");
    for (int i = 0; i < 2; i++) {
        close(3 + i);
        close(high[i]);
        if (saved[i] >= 0 && dup2(saved[i], 3 + i) >= 0)
            close(saved[i]);
    }
    unsetenv("LISTEN_PID");
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_unix),
    cmocka_unit_test(test_unix_in_the_way),
    cmocka_unit_test(test_systemd),
};

TEST_MAIN_WITH(TESTS, make_path, NULL)
