#include "server/agent.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define RETRY_MS 100 /* after accept has failed, as without free file numbers */

struct agent {
    int listen_fd, stop_fd; /* stop_fd: an eventfd that ends the thread */
    const struct app *app;
    pthread_t thread;
};

/* Never 0 %, which would drain us. */
static int percent_free(const struct app *app)
{
    int waiting = queue_pictures(app->queue), max = app->queue_max;
    int percent = waiting < max ? (int)(100 * (int64_t)(max - waiting) / max) : 0;

    return percent ? percent : 1;
}

void agent_line(const struct app *app, char ret_line[AGENT_LINE_MAX])
{
    const char *why;

    if (app_ready(app, &why))
        snprintf(ret_line, AGENT_LINE_MAX, "ready up %d%%\n", percent_free(app));
    else if (app_draining(app))
        snprintf(ret_line, AGENT_LINE_MAX, "drain\n");
    else
        snprintf(ret_line, AGENT_LINE_MAX, "down#%s\n", why);
}

/* So few bytes always fit. What the other side has sent is taken first: closing with it unread
 * would tear our line away. */
static void answer(const struct agent *a, int fd)
{
    char line[AGENT_LINE_MAX], unread[512];
    ssize_t n = recv(fd, unread, sizeof unread, MSG_DONTWAIT);

    agent_line(a->app, line);
    n = send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n; /* who has gone does not want it */
    close(fd);
}

static void *agent_loop(void *arg)
{
    struct agent *a = arg;
    struct pollfd polled[] = { { .fd = a->stop_fd, .events = POLLIN },
                               { .fd = a->listen_fd, .events = POLLIN } };

    while (poll(polled, 2, -1) < 0 || !polled[0].revents) {
        int fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            answer(a, fd);
        else
            poll(polled, 1, RETRY_MS);
    }
    return NULL;
}

int agent_open(int listen_fd, const struct app *app, struct agent **ret_agent, struct err *e)
{
    struct agent *a = mem_alloc(1, sizeof *a);
    int code;

    if (!a)
        return err_set(e, ERR_NOMEM, "agent: out of memory");
    *a = (struct agent){ .listen_fd = listen_fd, .stop_fd = eventfd(0, EFD_CLOEXEC), .app = app };
    code = a->stop_fd < 0 ? -1 : pthread_create(&a->thread, NULL, agent_loop, a);
    if (code) {
        if (a->stop_fd >= 0)
            close(a->stop_fd);
        mem_free(a);
        return err_set(e, ERR_IO, "agent: no thread: %s", code > 0 ? strerror(code) : "eventfd");
    }
    *ret_agent = a;
    return 0;
}

void agent_close(struct agent *a)
{
    if (!a)
        return;
    eventfd_write(a->stop_fd, 1);
    pthread_join(a->thread, NULL);
    close(a->stop_fd);
    close(a->listen_fd);
    mem_free(a);
}
