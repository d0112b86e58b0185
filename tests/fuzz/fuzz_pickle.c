/*
 * Any bytes as a pickle; what is taken lies inside the bytes and inside the pool.
 */
#include "tests/fuzz/replay.h"

#include "convert/pickle.h"

#define POOL_MAX ((size_t)4 << 20)

static void check(const struct pickle *p, const uint8_t *data, size_t size)
{
    FUZZ_CHECK(p->type <= PICKLE_PERSISTENT);
    FUZZ_CHECK(p->n <= p->cap);
    FUZZ_CHECK(p->type != PICKLE_DICT || p->n % 2 == 0);
    if (p->text.n)
        FUZZ_CHECK(p->text.s >= (const char *)data &&
                   p->text.s + p->text.n <= (const char *)data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pickle_file f;
    struct err e = { 0 };
    struct pool pool;

    pool_init(&pool, POOL_MAX);
    if (pickle_read(data, size, &pool, &f, &e)) {
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0]);
    } else {
        FUZZ_CHECK(f.used <= size && pool.used <= POOL_MAX);
        check(f.root, data, size);
        for (size_t i = 0; i < f.root->n; i++)
            check(f.root->item[i], data, size);
    }
    pool_release(&pool);
    return 0;
}
