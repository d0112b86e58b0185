/*
 * Numbers from outside, with limits; sizes multiplied with a check.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The whole string must be one decimal number within min..max; what: name used in the message, as
 * in "queue_max: 70000 is outside 1..4096" or "queue_max: 'abc' is not a whole number". */
int num_parse_int(const char *s, const char *what, int64_t min, int64_t max, int64_t *ret,
                  struct err *e);
int num_parse_u64(const char *s, const char *what, uint64_t *ret, struct err *e);
/* Finite, locale independent ("." always). */
int num_parse_real(const char *s, const char *what, double min, double max, double *ret,
                   struct err *e);
/* true/false, yes/no, on/off, 1/0. */
int num_parse_bool(const char *s, const char *what, bool *ret, struct err *e);
/* One of the words of "png|jpeg|webp", as its index. */
int num_parse_choice(const char *s, const char *what, const char *choices, int *ret, struct err *e);

/* false on overflow; *ret untouched then. */
bool num_mul(size_t a, size_t b, size_t *ret);
bool num_add(size_t a, size_t b, size_t *ret);

#endif
