/*
 * Any bytes as a safetensors file; what is taken can be read to the last value.
 */
#include "tests/fuzz/replay.h"

#include <string.h>

#include "base/mem.h"
#include "model/weights.h"

static void read_all(const struct weights_entry *t)
{
    size_t n = (size_t)weights_entry_count(t);
    float *values = mem_alloc(n, sizeof *values);

    FUZZ_CHECK(values);
    FUZZ_CHECK(weights_bytes(t->dtype, n) == t->bytes);
    if (weights_read_f32(t, values, NULL))
        weights_read_i32(t, (int32_t *)(void *)values, NULL);
    mem_free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weights *w;
    struct err e = { 0 };

    if (weights_open_memory(data, size, &w, &e)) {
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0]);
        return 0;
    }
    for (int i = 0; i < weights_n(w); i++) {
        FUZZ_CHECK(weights_find(w, weights_at(w, i)->name) == weights_at(w, i));
        read_all(weights_at(w, i));
    }
    weights_close(w);
    return 0;
}
