/*
 * `clipgen generate`: words, a picture or both to the daemon, pictures into files.
 */
#ifndef CLIENTS_GENERATE_H
#define CLIENTS_GENERATE_H

#include "base/err.h"

/* What the flags said; NULL: not given, and the daemon's default holds. */
struct generate_options {
    const char *server, *prompt, *image, *output;
    const char *image_weight, *negative, *format, *quality, *priority, *timeout_ms;
    const char *n, *candidates, *seed, *temperature, *top_k, *top_p, *guidance;
};

int generate(const struct generate_options *o, struct err *e);

#endif
