/*
 * Configuration as a table of rows: INI file (libinih), command-line flags, defaults and help from
 * one place. Every key of a file is also a flag: key `queue_max` in section [server] is
 * `--queue-max 64` or `--queue-max=64`. Sections group keys in the file; key names are unique over
 * all sections.
 *
 *     static const struct conf_row ROWS[] = {
 *         CONF_INT("server", "queue_max", "64", 1, 4096, struct config, queue_max,
 *                  "requests allowed to wait; one more gets 429"),
 *         CONF_END,
 *     };
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum conf_type { CONF_T_END = 0, CONF_T_INT, CONF_T_REAL, CONF_T_BOOL, CONF_T_STRING, CONF_T_ENUM };

struct conf_row {
    enum conf_type type;
    const char *section, *key;
    const char *value;   /* default, as it would stand in the file */
    double min, max;     /* INT, REAL: inclusive limits; STRING: max bytes in max */
    const char *choices; /* ENUM: "png|jpeg|webp"; stored as int index */
    size_t offset;       /* of the field: int64_t, double, bool, char * (owned), int */
    const char *help;    /* one line: meaning and unit */
};

#define CONF_INT(sec, key, def, lo, hi, S, field, help)                                            \
    {                                                                                              \
        CONF_T_INT, sec, key, def, lo, hi, NULL, offsetof(S, field), help                          \
    }
#define CONF_REAL(sec, key, def, lo, hi, S, field, help)                                           \
    {                                                                                              \
        CONF_T_REAL, sec, key, def, lo, hi, NULL, offsetof(S, field), help                         \
    }
#define CONF_BOOL(sec, key, def, S, field, help)                                                   \
    {                                                                                              \
        CONF_T_BOOL, sec, key, def, 0, 0, NULL, offsetof(S, field), help                           \
    }
#define CONF_STRING(sec, key, def, max_bytes, S, field, help)                                      \
    {                                                                                              \
        CONF_T_STRING, sec, key, def, 0, max_bytes, NULL, offsetof(S, field), help                 \
    }
#define CONF_ENUM(sec, key, def, choices, S, field, help)                                          \
    {                                                                                              \
        CONF_T_ENUM, sec, key, def, 0, 0, choices, offsetof(S, field), help                        \
    }
#define CONF_END                                                                                   \
    {                                                                                              \
        CONF_T_END, NULL, NULL, NULL, 0, 0, NULL, 0, NULL                                          \
    }

/* Sets every field to its default. The struct must be zeroed before. */
int conf_defaults(const struct conf_row *rows, void *config, struct err *e);
/* Reads an INI file over the present values. Unknown sections or keys, double keys and bad values
 * fail with "FILE:LINE: ..." and leave what was read before the line. */
int conf_load(const struct conf_row *rows, void *config, const char *path, struct err *e);
/* Sets one key; also used for flags. */
int conf_set(const struct conf_row *rows, void *config, const char *key, const char *value,
             struct err *e);
/* Reads --key value, --key=value (and --flag, --no-flag for BOOL) from argv[1..]; stops at the
 * first word that is not a flag or after "--". *ret_rest: index of the first argument left. Unknown
 * flags fail and name the nearest known one. Flags named in skip ("config|help|version") are passed
 * over with their value, which is the text after "=" or else the next word unless that is a flag.
 */
int conf_args(const struct conf_row *rows, void *config, int argc, char **argv, const char *skip,
              int *ret_rest, struct err *e);
/* The value of one flag before the others are read (--config FILE); NULL when it is not among them.
 */
const char *conf_peek(int argc, char **argv, const char *name);
/* Prints flags with defaults, limits and help; and the same as a commented INI file (etc/ is
 * compared to it). */
void conf_help(const struct conf_row *rows, FILE *out);
void conf_print_ini(const struct conf_row *rows, FILE *out);
/* Frees the strings. */
void conf_release(const struct conf_row *rows, void *config);

#endif
