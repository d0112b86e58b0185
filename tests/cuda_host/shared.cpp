#include "tests/cuda_host/shared.h"

#include <link.h>
#include <cstring>
#include <new>

#include "tests/cuda_host/sentinel.h"

namespace cuda_host {

static const unsigned char POISON = 0xff;
static const std::align_val_t ALIGNMENT = std::align_val_t(256);

/* ---- static ---- */

/* Touched, it makes this module's thread-local storage exist, and lies in it. */
static thread_local char anchor;

struct search {
    const char *inside;
    static_shared *found;
};

static int look_into_module(struct dl_phdr_info *info, size_t, void *argument)
{
    search *s = (search *)argument;
    char *begin = (char *)info->dlpi_tls_data;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) &header = info->dlpi_phdr[i];
        if (header.p_type != PT_TLS || !begin || s->inside < begin ||
            s->inside >= begin + header.p_memsz)
            continue;
        s->found->data = begin;
        s->found->bytes = header.p_memsz;
        return 1;
    }
    return 0;
}

static_shared::static_shared() : data(nullptr), bytes(0)
{
    anchor = 1;
    search s = { &anchor, this };
    dl_iterate_phdr(look_into_module, &s);
}

void static_shared::poison()
{
    memset(data, POISON, bytes);
}

/* ---- dynamic ---- */

dynamic_shared_block::dynamic_shared_block(size_t bytes)
    : data((char *)operator new(bytes + SENTINEL_BYTES, ALIGNMENT)), bytes(bytes)
{
    sentinel_write(data + bytes);
}

dynamic_shared_block::~dynamic_shared_block()
{
    sentinel_erase(data + bytes);
    operator delete(data, ALIGNMENT);
}

void dynamic_shared_block::poison()
{
    memset(data, POISON, bytes);
}

bool dynamic_shared_block::intact() const
{
    return sentinel_intact(data + bytes);
}

}
