/*
 * An engine of a few lines of arithmetic: every picture is a function of prompt, settings and seed,
 * as it must be of the real one. Knobs make it slow, stuck or broken; counters say what it was
 * asked. It has no lock: under TSan a call from a second thread shows.
 */
#ifndef TESTS_SERVER_ENGINE_FAKE_H
#define TESTS_SERVER_ENGINE_FAKE_H

#include <stdatomic.h>

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

struct fake {
    struct engine engine; /* first */
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

/* Never fails; engine.calls->close frees it. */
struct fake *fake_open(int rows, int tokens);

#endif
