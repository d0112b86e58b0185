/*
 * clipgen: the command line of clipgend.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/admin.h"
#include "clients/generate.h"
#include "clients/show.h"
#include "clients/web.h"

#define SERVER "http://127.0.0.1:8080"
#define ADMIN "http://127.0.0.1:8081"

static void print_help(void)
{
    puts("Usage: clipgen generate \"WHAT TO DRAW\" [flags]\n"
         "       clipgen models | health [--server URL]\n"
         "       clipgen admin reload [--wait] | log-level [LEVEL] | drain [--wait] | undrain | "
         "health\n"
         "Draws pictures with a running clipgend.\n\n"
         "Examples\n"
         "  clipgen generate \"a cat\"                      one picture, into a-cat.png\n"
         "  clipgen generate \"a cat\" -o cat.png -n 4      cat-1.png ... cat-4.png\n"
         "  clipgen generate \"a cat\" --seed 7             the same picture every time\n"
         "  clipgen generate \"a cat\" --candidates 32      the best of 32, as CLIP sees it\n"
         "  clipgen generate --image photo.jpg            something like this picture\n"
         "  clipgen generate \"a cat\" --image photo.jpg    both, half and half\n\n"
         "Flags of generate\n"
         "  -o, --output FILE    where to write; several pictures get -1, -2, ... before the dot\n"
         "  -n, --n N            pictures (1..16; default 1)\n"
         "  --candidates N       draw so many, keep the best n (n..64)\n"
         "  --seed N             picture i has seed N + i; default random, and printed\n"
         "  --image FILE         a PNG, JPEG or WebP, instead of words or beside them\n"
         "  --image-weight X     how much it counts beside words (0..1; default 0.5)\n"
         "  --negative WORDS     what guidance leads away from; needs --guidance above 1\n"
         "  --format F           png, jpeg or webp; default: what the name of --output ends with, "
         "or png\n"
         "  --quality N          of JPEG and WebP (1..100; default 90)\n"
         "  --temperature X      above 1 wilder, below 1 tamer (0..10)\n"
         "  --top-k N            draw from the N likeliest tokens; 0: from all\n"
         "  --top-p X            draw from the likeliest with probability X together (0..1)\n"
         "  --guidance X         how strongly the words pull (1..20; 1: no guidance)\n"
         "  --priority P         high, normal or low\n"
         "  --timeout-ms N       give up after so many milliseconds\n\n"
         "Flags of admin\n"
         "  --wait               until the reload has ended; until nothing runs and nothing "
         "waits\n\n"
         "Flags of all\n"
         "  --server URL         default $CLIPGEN_SERVER, or " SERVER "; of admin\n"
         "                       $CLIPGEN_ADMIN, or " ADMIN "; or unix:/path\n"
         "  $CLIPGEN_API_KEY     the key of a daemon that asks for one\n"
         "  --help, --version\n\n"
         "Exit status: 0 done, 1 failed, 2 used wrongly.");
}

enum { HELP = 'h', VERSION = 'V', WAIT = 'w', VALUE = 256 /* + index into VALUES */ };

/* Flags with a value, and where it goes. */
static const struct {
    const char *name;
    size_t offset;
} VALUES[] = {
    { "output", offsetof(struct generate_options, output) },
    { "n", offsetof(struct generate_options, n) },
    { "server", offsetof(struct generate_options, server) },
    { "image", offsetof(struct generate_options, image) },
    { "candidates", offsetof(struct generate_options, candidates) },
    { "seed", offsetof(struct generate_options, seed) },
    { "temperature", offsetof(struct generate_options, temperature) },
    { "top-k", offsetof(struct generate_options, top_k) },
    { "top-p", offsetof(struct generate_options, top_p) },
    { "guidance", offsetof(struct generate_options, guidance) },
    { "image-weight", offsetof(struct generate_options, image_weight) },
    { "negative", offsetof(struct generate_options, negative) },
    { "format", offsetof(struct generate_options, format) },
    { "quality", offsetof(struct generate_options, quality) },
    { "priority", offsetof(struct generate_options, priority) },
    { "timeout-ms", offsetof(struct generate_options, timeout_ms) },
};

#define N_VALUES (sizeof VALUES / sizeof VALUES[0])

static void fill_flags(struct option flags[N_VALUES + 4])
{
    for (size_t i = 0; i < N_VALUES; i++)
        flags[i] = (struct option){ VALUES[i].name, required_argument, NULL, VALUE + (int)i };
    flags[N_VALUES] = (struct option){ "help", no_argument, NULL, HELP };
    flags[N_VALUES + 1] = (struct option){ "version", no_argument, NULL, VERSION };
    flags[N_VALUES + 2] = (struct option){ "wait", no_argument, NULL, WAIT };
    flags[N_VALUES + 3] = (struct option){ NULL, 0, NULL, 0 };
}

/* False for a flag that is unknown. */
static bool take_value(struct generate_options *o, int flag, const char *value)
{
    size_t i = flag == 'o' ? 0 : flag == 'n' ? 1 : (size_t)(flag - VALUE);

    if (i >= N_VALUES)
        return false;
    *(const char **)((char *)o + VALUES[i].offset) = value;
    return true;
}

/* True: go on; else main returns *ret_status. */
static bool read_flags(int argc, char **argv, struct generate_options *o, bool *ret_wait,
                       int *ret_status)
{
    struct option flags[N_VALUES + 4];
    int flag;

    fill_flags(flags);
    while ((flag = getopt_long(argc, argv, "ho:n:", flags, NULL)) != -1) {
        *ret_wait |= flag == WAIT;
        if (flag == WAIT || take_value(o, flag, optarg))
            continue;
        *ret_status = flag == HELP || flag == VERSION ? 0 : 2;
        if (flag == HELP)
            print_help();
        else if (flag == VERSION)
            puts("clipgen " CLIPGEN_VERSION);
        else
            fputs("Try clipgen --help.\n", stderr);
        return false;
    }
    return true;
}

static int used_wrongly(const char *words, const char *what)
{
    fprintf(stderr, "clipgen: %s%s\nTry clipgen --help.\n", words, what);
    return 2;
}

static int report(int failed, const struct err *e)
{
    if (failed)
        fprintf(stderr, "clipgen: %s\n", e->msg);
    return failed ? 1 : 0;
}

static int run_generate(struct generate_options *o, int n_words, char **words)
{
    struct err e;

    if (n_words > 1)
        return used_wrongly("one prompt, please; put it in quotes: ", words[1]);
    if (n_words == 0 && !o->image)
        return used_wrongly("what shall be drawn? clipgen generate \"a red apple\"", "");
    o->prompt = n_words ? words[0] : NULL;
    return report(generate(o, &e), &e);
}

static const char *server_of(const char *given, const char *variable, const char *standard)
{
    const char *value = getenv(variable);

    return given ? given : value && *value ? value : standard;
}

static int run_admin(const char *server, bool wait, int n_words, char **words)
{
    struct admin_options o = { .server = server_of(server, "CLIPGEN_ADMIN", ADMIN), .wait = wait };
    struct err e;

    if (n_words == 0)
        return used_wrongly("admin what: reload, log-level, drain, undrain or health?", "");
    if (n_words > 2)
        return used_wrongly("unexpected argument: ", words[2]);
    o.command = words[0];
    o.value = words[1]; /* argv ends with NULL */
    return report(admin(&o, &e), &e);
}

static int run(struct generate_options *o, bool wait, int n_words, char **words)
{
    struct err e;

    if (n_words == 0)
        return used_wrongly("what to do: generate, models, health or admin?", "");
    if (strcmp(words[0], "admin") == 0)
        return run_admin(o->server, wait, n_words - 1, words + 1);
    if (wait)
        return used_wrongly("--wait is of admin alone", "");
    o->server = server_of(o->server, "CLIPGEN_SERVER", SERVER);
    if (strcmp(words[0], "generate") == 0)
        return run_generate(o, n_words - 1, words + 1);
    if (n_words > 1)
        return used_wrongly("unexpected argument: ", words[1]);
    if (strcmp(words[0], "models") == 0)
        return report(show_models(o->server, &e), &e);
    if (strcmp(words[0], "health") == 0)
        return report(show_health(o->server, &e), &e);
    return used_wrongly("unknown command: ", words[0]);
}

int main(int argc, char **argv)
{
    struct generate_options o = { .server = NULL };
    bool wait = false;
    struct err e;
    int status = 0;

    if (!read_flags(argc, argv, &o, &wait, &status))
        return status;
    if (web_open(&e))
        return report(-1, &e);
    status = run(&o, wait, argc - optind, argv + optind);
    web_close();
    return status;
}
