#include "server/wish.h"

#include <stdio.h>
#include <string.h>

#define FNV_START 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

bool wish_is_async(const struct exchange *x)
{
    const char *prefer = exchange_header(x, "Prefer");

    return prefer && strcasestr(prefer, "respond-async");
}

/* FNV-1a. A client that makes two of its own requests collide harms only itself. */
static uint64_t hash(uint64_t h, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * FNV_PRIME;
    return h;
}

int wish_read(const struct exchange *x, struct wish *ret_wish, struct err *e)
{
    const char *key = exchange_header(x, "Idempotency-Key");
    size_t n = key ? strlen(key) : 0;
    struct wish w = { .async = wish_is_async(x), .label.route = x->route };

    if (key && (n == 0 || n >= SHELF_KEY_MAX))
        return err_set(e, ERR_INVALID, "Idempotency-Key: %zu bytes is outside 1..%d", n,
                       SHELF_KEY_MAX - 1);
    snprintf(w.label.key, sizeof w.label.key, "%s", key ? key : "");
    w.label.fingerprint = hash(FNV_START, x->path, strlen(x->path));
    w.label.fingerprint = hash(w.label.fingerprint, x->body.data, x->body.len);
    *ret_wish = w;
    return 0;
}

bool wish_is_kept(const struct wish *w)
{
    return w->async || *w->label.key;
}
