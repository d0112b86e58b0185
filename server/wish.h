/*
 * What a client's headers ask for beside the request itself: an answer at once (RFC 7240, `Prefer:
 * respond-async`), a job that a second request finds again (`Idempotency-Key`).
 */
#ifndef SERVER_WISH_H
#define SERVER_WISH_H

#include <stdbool.h>

#include "server/exchange.h"
#include "server/shelf.h"

struct wish {
    bool async;
    struct shelf_label label; /* for the shelf; its id is empty yet */
};

/* An answer at once is wanted. */
bool wish_is_async(const struct exchange *x);
/* x->body is as it came. INVALID: the key is too long, or empty. */
int wish_read(const struct exchange *x, struct wish *ret_wish, struct err *e);
/* The job goes on the shelf. */
bool wish_is_kept(const struct wish *w);

#endif
