/*
 * Any text as emoji-test.txt; what is taken has a sequence and a name.
 */
#include "tests/fuzz/replay.h"

#include "base/buf.h"
#include "trainer/emoji_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct emoji_test t = { 0 };
    struct emoji_line line;
    struct buf text;

    buf_init(&text, SIZE_MAX);
    buf_append(&text, data, size);
    t.next = text.len ? text.data : "";
    while (emoji_test_next(&t, &line, NULL) > 0) {
        FUZZ_CHECK(line.n_code_points >= 1 && line.n_code_points <= EMOJI_FONT_SEQUENCE_MAX);
        for (int i = 0; i < line.n_code_points; i++)
            FUZZ_CHECK(line.code_points[i] <= 0x10ffff);
        FUZZ_CHECK(line.name[0]);
    }
    buf_release(&text);
    return 0;
}
