/*
 * clipgend: pictures from words over HTTP. Reads the arguments; daemon.c does the work.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/config.h"
#include "server/daemon.h"

static void print_help(void)
{
    puts("Usage: clipgend [--config FILE] [flags]\n"
         "Serves text-to-image requests over HTTP from a model bundle.\n\n"
         "  clipgend --bundle models/emoji-64\n"
         "  curl --json '{\"prompt\":\"a red apple\"}' -H 'Accept: image/png' \\\n"
         "      http://127.0.0.1:8080/v1/generate -o apple.png\n\n"
         "  --config FILE\n        file to read before the flags; default " CLIPGEN_CONFFILE "\n"
         "  --print-config\n        prints a commented configuration file with all defaults\n"
         "  --help, --version\n");
    conf_help(CONFIG_ROWS, stdout);
    puts("\nSIGTERM or SIGINT finishes running requests and exits with 0; a second one does not "
         "wait.");
}

/* Flags that print something and are done. */
static bool printed(int argc, char **argv)
{
    if (conf_peek(argc, argv, "help"))
        print_help();
    else if (conf_peek(argc, argv, "version"))
        puts("clipgend " CLIPGEN_VERSION);
    else if (conf_peek(argc, argv, "print-config"))
        conf_print_ini(CONFIG_ROWS, stdout);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct config config;
    struct err e;
    enum daemon_end end;

    if (printed(argc, argv))
        return 0;
    if (config_read(argc, argv, CLIPGEN_CONFFILE, &config, &e)) {
        fprintf(stderr, "clipgend: %s\nTry clipgend --help.\n", e.msg);
        return 2;
    }
    log_set_level((enum log_level)config.log_level);
    end = daemon_run(&config, &(struct config_source){ argc, argv, CLIPGEN_CONFFILE }, &e);
    if (end == DAEMON_STUCK) {
        log_error("daemon: the device thread does not answer; leaving as it is");
        _exit(1);
    }
    if (end == DAEMON_FAILED)
        log_error("daemon: %s", e.msg);
    config_release(&config);
    return end == DAEMON_STOPPED ? 0 : 1;
}
