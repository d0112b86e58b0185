/*
 * The body of a request, as the flags want it. Limits are the daemon's business; here values only
 * become what JSON needs.
 */
#ifndef CLIENTS_BODY_H
#define CLIENTS_BODY_H

#include "base/buf.h"
#include "clients/generate.h"

#define BODY_BYTES_MAX ((size_t)128 << 20)

/* JSON text for /v1/generate. A prompt and a picture together become a mix. Appends to ret_body
 * (initialised). */
int body_make(const struct generate_options *o, struct buf *ret_body, struct err *e);

#endif
