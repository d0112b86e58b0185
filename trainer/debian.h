/*
 * What a Debian system knows about a package's origin, for the record; another system knows
 * nothing, and that is no error.
 */
#ifndef TRAINER_DEBIAN_H
#define TRAINER_DEBIAN_H

#include "base/buf.h"

#define DEBIAN_VERSION_MAX 128

/* "2.042-0+deb12u1", or "unknown". */
void debian_version(const char *package, char ret_version[DEBIAN_VERSION_MAX]);
/* Appends the package's copyright file under a heading, or where to look for it. */
void debian_copyright(const char *package, struct buf *out);

#endif
