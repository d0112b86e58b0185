/*
 * Any bytes as a merges file; merges that are taken join tokens that exist.
 */
#include "tests/fuzz/replay.h"

#include "model/vocabulary.h"

enum { MERGES_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text;
    struct bpe bpe;

    buf_init(&text, SIZE_MAX);
    buf_append(&text, data, size);
    if (!vocabulary_parse(&text, MERGES_MAX, &bpe, NULL)) {
        FUZZ_CHECK(bpe.n <= MERGES_MAX);
        for (int i = 0; i < bpe.n; i++) {
            FUZZ_CHECK(bpe.merge[i].left >= 0 && bpe.merge[i].left < BPE_FIRST_MERGE + i);
            FUZZ_CHECK(bpe.merge[i].right >= 0 && bpe.merge[i].right < BPE_FIRST_MERGE + i);
        }
        bpe_release(&bpe);
    }
    buf_release(&text);
    return 0;
}
