/*
 * Python pickles, protocols 2 to 5, read as data. This is an interpreter of the data opcodes
 * (Python's Lib/pickletools.py): no class is looked up and nothing is ever called. What Python
 * would call becomes a CALL that says so, except for the plain containers of collections and
 * builtins, which become lists and dictionaries. All memory is the pool's, so the pool's limit
 * bounds everything a file can make.
 *
 * Values may be shared, and a list may hold itself: who walks them must bound depth and steps.
 */
#ifndef CONVERT_PICKLE_H
#define CONVERT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "convert/pool.h"

#define PICKLE_STACK_MAX (1 << 20)
#define PICKLE_MEMO_MAX (1 << 20)
#define PICKLE_TEXT_MAX (1 << 24) /* bytes of one text */

enum pickle_type {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_REAL,
    PICKLE_TEXT,       /* str and bytes */
    PICKLE_LONG,       /* a whole number over 64 bits: text has its little-endian bytes */
    PICKLE_LIST,       /* list, tuple, set */
    PICKLE_DICT,       /* items: key, value, key, value, ... */
    PICKLE_GLOBAL,     /* a name: module and text */
    PICKLE_CALL,       /* what Python would make by calling `callable` with `args` */
    PICKLE_PERSISTENT, /* args: what the file's format says of an object outside the pickle */
};

/* Bytes of the pickle, not terminated. */
struct pickle_text {
    const char *s;
    size_t n;
};

struct pickle {
    enum pickle_type type;
    int64_t integer; /* BOOL, INT */
    double real;
    struct pickle_text text;   /* TEXT, LONG; GLOBAL: the name */
    struct pickle_text module; /* GLOBAL */
    struct pickle **item;      /* [n] LIST, DICT; CALL: what was put into it later */
    size_t n, cap;
    struct pickle *callable, *args; /* CALL, PERSISTENT */
    struct pickle *state;           /* what BUILD gave it; NULL: nothing */
};

struct pickle_file {
    const struct pickle *root;
    const struct pickle *persistent; /* a LIST of every PERSISTENT, in the order they were made */
    size_t used;                     /* bytes of the pickle */
};

/* One pickle from the front of the bytes, which must outlive the values. */
int pickle_read(const void *data, size_t size, struct pool *pool, struct pickle_file *ret_pickle,
                struct err *e);

/* The value of a text key; NULL if dict is NULL, no dictionary, or has none. */
const struct pickle *pickle_get(const struct pickle *dict, const char *key);
/* Element i of a list; NULL if list is NULL, no list, or shorter. */
const struct pickle *pickle_at(const struct pickle *list, size_t i);
bool pickle_text_is(const struct pickle_text *t, const char *s);
/* Whether p is the global MODULE.NAME; p may be NULL. */
bool pickle_is_global(const struct pickle *p, const char *module, const char *name);
/* A whole number within min..max; false for anything else, NULL included. */
bool pickle_int(const struct pickle *p, int64_t min, int64_t max, int64_t *ret);

#endif
