/*
 * API keys: who may ask, and how much. A file with a line for each:
 *
 *     # name   secret                     limits, all optional
 *     alice    a-long-random-secret       per_minute=60 jobs=4 priority=normal
 *     bob      sha256:9f86d0...           the secret's SHA-256 in hexadecimal, instead of itself
 *
 *     per_minute  requests for the device that may begin in a minute; so many at once after a pause
 *     jobs        of them at a time, waiting or running
 *     priority    the best class that requests get: high, normal or low
 *
 * Secrets are kept and compared as digests, all of them for every request, so that how long it
 * takes says nothing. Any thread.
 */
#ifndef SERVER_KEYS_H
#define SERVER_KEYS_H

#include <stdint.h>

#include "base/err.h"
#include "server/request.h"

#define KEYS_NAME_MAX 64   /* bytes of a name, with its end */
#define KEYS_SECRET_MIN 16 /* bytes of a secret in the file */

struct keys;

/* Reads the file; it must hold a key. FORMAT: "PATH:LINE: words". */
int keys_open(const char *path, struct keys **ret_keys, struct err *e);
void keys_close(struct keys *k);
/* Reads the file again if it is another one by now (by time, size and inode). 1: it was, and its
 * keys count from now on; -1: it is, but bad, and the old keys still count; 0: nothing new. */
int keys_refresh(struct keys *k, struct err *e);

/* Reads it again in any case; on -1 the old keys still count. */
int keys_reload(struct keys *k, struct err *e);

/* secret: as the client sent it, NULL for none. DENIED when it is nobody's. */
int keys_check(struct keys *k, const char *secret, char ret_name[KEYS_NAME_MAX], struct err *e);

/* A request of this name begins: LIMITED, and *ret_wait_s until it may, when it is one too many. It
 * stays in the count of jobs until keys_leave. */
int keys_enter(struct keys *k, const char *name, int *ret_wait_s, struct err *e);
void keys_leave(struct keys *k, const char *name);
/* The best class that requests of this name get. */
enum priority keys_priority(struct keys *k, const char *name);

#endif
