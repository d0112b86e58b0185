/*
 * One row of a configuration table: found by name, given a value. Private to conf*.c.
 */
#ifndef BASE_CONF_ROW_H
#define BASE_CONF_ROW_H

#include "base/conf.h"

/* key may be written with '-' in place of '_', as in flags, and need not end after n bytes. NULL:
 * no such row. */
const struct conf_row *conf_row_find(const struct conf_row *rows, const char *key, size_t n);
/* The row whose key is spelled most like it; NULL when none is near. */
const struct conf_row *conf_row_nearest(const struct conf_row *rows, const char *key, size_t n);
/* Checks the value and stores it into the field of config. */
int conf_row_set(const struct conf_row *row, void *config, const char *value, struct err *e);
/* The field of a STRING row. */
char **conf_row_string(const struct conf_row *row, void *config);

#endif
