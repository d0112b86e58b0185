/*
 * Any bytes as a prompt: either refused, or ids of the vocabulary between start and end.
 */
#include "tests/fuzz/replay.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/tokenizer.h"

enum { CONTEXT = 20 };

static const char MERGES[] = "header\ni n\nt h\na a\naa aa\nth e</w>\nin g</w>\ne r\n";

static struct tokenizer *open_once(void)
{
    static struct tokenizer *t;
    int fd = t ? -1 : memfd_create("merges", MFD_CLOEXEC);
    char path[64];

    if (t)
        return t;
    FUZZ_CHECK(write(fd, MERGES, sizeof MERGES - 1) == sizeof MERGES - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    FUZZ_CHECK(tokenizer_open(path, 100, &t, NULL) == 0);
    close(fd);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tokenizer *t = open_once();
    struct tokenizer_result r;
    int32_t ids[CONTEXT];

    if (tokenizer_encode(t, (const char *)data, size, CONTEXT, ids, &r, NULL))
        return 0;
    FUZZ_CHECK(ids[0] == tokenizer_start(t));
    FUZZ_CHECK(r.end >= 1 && r.end < CONTEXT && ids[r.end] == tokenizer_end(t));
    FUZZ_CHECK(r.length >= 2 && r.truncated == (r.length > CONTEXT));
    for (int i = 0; i < CONTEXT; i++)
        FUZZ_CHECK(ids[i] >= 0 && ids[i] < tokenizer_vocab(t));
    return 0;
}
