/*
 * Any bytes as base64; what is taken comes back the same from its own encoding.
 */
#include "tests/fuzz/replay.h"

#include <string.h>

#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf plain, coded, back;

    buf_init(&plain, 1 << 24);
    buf_init(&coded, 1 << 24);
    buf_init(&back, 1 << 24);
    if (base64_decode((const char *)data, size, &plain, NULL) == 0) {
        base64_encode(plain.data, plain.len, &coded);
        FUZZ_CHECK(base64_decode(coded.data, coded.len, &back, NULL) == 0);
        FUZZ_CHECK(back.len == plain.len);
        FUZZ_CHECK(back.len == 0 || memcmp(back.data, plain.data, plain.len) == 0);
    }
    buf_release(&plain);
    buf_release(&coded);
    buf_release(&back);
    return 0;
}
