/*
 * An engine of a few lines of arithmetic: every picture is a function of prompt, settings and seed,
 * as it must be of the real one. Knobs make it slow, stuck or broken; counters say what it was
 * asked. It has no lock: under TSan a call from a second thread shows.
 *
 * A shop has fake bundles: their names are the ends of their paths.
 */
#ifndef TESTS_SERVER_ENGINE_FAKE_H
#define TESTS_SERVER_ENGINE_FAKE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "server/engine.h"

#define FAKE_CONTEXT 16
#define FAKE_EMBED 4
#define FAKE_SIDE 8
#define FAKE_TOKENS_MAX 64
#define FAKE_ROWS_MAX 64

enum fake_call { FAKE_NONE, FAKE_EMBED_CALL, FAKE_STEP_CALL, FAKE_DECODE_CALL };

struct fake_slot {
    bool used;
    int rows, position;
    struct gen_settings settings;
    float cond[FAKE_EMBED];
    int32_t tokens[FAKE_TOKENS_MAX];
};

struct fake_bundle;

struct fake {
    struct engine engine;       /* first */
    struct fake_bundle *bundle; /* that it is of, or NULL */
    struct fake_slot slots[FAKE_ROWS_MAX];

    /* knobs, any thread */
    _Atomic int step_us;   /* a step takes this long */
    _Atomic int hold;      /* enum fake_call: that call waits until this changes */
    _Atomic int fail;      /* enum fake_call: that call fails once ... */
    _Atomic int fail_code; /* ... with this error */

    /* what happened */
    _Atomic int held; /* the call that waits now */
    _Atomic int live, max_live, steps, admitted, dropped, embedded, decoded;
    _Atomic int widest; /* picture that was embedded */
};

/* NULL without memory; engine.calls->close frees it. */
struct fake *fake_open(int rows, int tokens);

#define FAKE_BUNDLES 3 /* "fake", "other", "third" */

struct fake_bundle {
    const char *name;
    int rows, tokens;
    _Atomic uint64_t version;
    _Atomic size_t bytes;        /* that it takes */
    _Atomic bool bad;            /* planning fails */
    _Atomic bool broken;         /* opening fails */
    _Atomic bool mute;           /* its next engine cannot step */
    _Atomic bool hold;           /* opening waits until this is false */
    _Atomic int opened, closed;  /* how often */
    _Atomic(struct fake *) last; /* its newest engine; NULL once that is closed */
};

struct fake_shop {
    struct fake_bundle bundles[FAKE_BUNDLES];
};

void fake_shop_init(struct fake_shop *shop, int rows, int tokens);
struct engine_source fake_source(const struct fake_shop *shop);

#endif
