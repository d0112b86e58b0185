/*
 * The file of API keys, line by line; its form is in keys.h. Private to keys.c and its tests.
 */
#ifndef SERVER_KEYS_FILE_H
#define SERVER_KEYS_FILE_H

#include "base/sha256.h"
#include "server/keys.h"

#define KEYS_MAX 4096
#define KEYS_PER_MINUTE_MAX 1000000
#define KEYS_JOBS_MAX 100000

struct key {
    char name[KEYS_NAME_MAX];
    unsigned char digest[SHA256_BYTES]; /* of the secret */
    int per_minute, jobs;               /* 0: no limit */
    enum priority priority;             /* the best that it gets */
};

/* *ret_keys: mem_free. */
int keys_file_read(const char *path, struct key **ret_keys, int *ret_n, struct err *e);

#endif
