/*
 * A service manager of one page, for tests: holds a listening socket and hands it to a daemon, as
 * systemd's socket activation does, and starts the daemon again over the same socket.
 *
 *     pass_socket COMMAND [ARGUMENT...]
 *
 * Prints "listening on http://127.0.0.1:PORT" once. SIGHUP: SIGTERM to the daemon, and another one
 * when it has ended. SIGTERM: the same, without another one; its exit status is ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/listen.h"

#define PASSED_FD 3

static void block(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGCHLD);
    sigprocmask(SIG_BLOCK, set, NULL);
}

/* Does not return. */
static void become(char **command, const sigset_t *set)
{
    char pid[16];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "http", 1);
    sigprocmask(SIG_UNBLOCK, set, NULL);
    execv(command[0], command);
    perror(command[0]);
    _exit(127);
}

static pid_t start(char **command, const sigset_t *set)
{
    pid_t child = fork();

    if (child == 0)
        become(command, set);
    return child;
}

/* Asks the daemon to stop and waits until it has. */
static int stop(pid_t child)
{
    int status = 0;

    kill(child, SIGTERM);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int argc, char **argv)
{
    char name[LISTEN_NAME_MAX];
    struct err e;
    sigset_t set;
    pid_t child;
    int fd, signal;

    if (argc < 2 || listen_open("127.0.0.1:0", &fd, &e) || dup2(fd, PASSED_FD) < 0) {
        fprintf(stderr, "pass_socket: %s\n", argc < 2 ? "what to start?" : "no socket");
        return 2;
    }
    if (fd != PASSED_FD)
        close(fd);
    fcntl(PASSED_FD, F_SETFD, 0); /* it lives on in the daemon */
    listen_name(PASSED_FD, "http", name);
    printf("listening on %s\n", name);
    fflush(stdout);
    block(&set);
    child = start(argv + 1, &set);
    for (;;) {
        sigwait(&set, &signal);
        if (signal == SIGCHLD && waitpid(child, NULL, WNOHANG) == child)
            return 1; /* it has ended by itself */
        if (signal == SIGTERM)
            return stop(child);
        if (signal == SIGHUP && stop(child) == 0)
            child = start(argv + 1, &set);
    }
}
