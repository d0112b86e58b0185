/*
 * Any bytes as a checkpoint: torch archive, torch before 1.6 or safetensors. What is taken can be
 * read to the last element.
 */
#include "tests/fuzz/replay.h"

#include "convert/checkpoint.h"
#include "convert/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint *c;
    struct err e = { 0 };

    if (checkpoint_open_memory(data, size, NULL, &c, &e)) {
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0]);
        return 0;
    }
    const struct tensors *t = checkpoint_tensors(c);
    for (size_t i = 0; i < t->n; i++) {
        FUZZ_CHECK(tensors_find(t, t->item[i].name) == &t->item[i].view);
        inspect_range(&t->item[i].view);
    }
    checkpoint_close(c);
    return 0;
}
