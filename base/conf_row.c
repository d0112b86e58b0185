#include "base/conf_row.h"

#include <string.h>

#include "base/mem.h"
#include "base/near.h"
#include "base/num.h"

static char as_key(char c)
{
    return c == '-' ? '_' : c;
}

const struct conf_row *conf_row_find(const struct conf_row *rows, const char *key, size_t n)
{
    for (; rows->type != CONF_T_END; rows++) {
        size_t i = 0;
        while (i < n && rows->key[i] && rows->key[i] == as_key(key[i]))
            i++;
        if (i == n && rows->key[n] == '\0')
            return rows;
    }
    return NULL;
}

const struct conf_row *conf_row_nearest(const struct conf_row *rows, const char *key, size_t n)
{
    const struct conf_row *best = NULL;
    struct near near;

    near_init(&near, key, n);
    for (; rows->type != CONF_T_END; rows++)
        if (near_try(&near, rows->key))
            best = rows;
    return best;
}

char **conf_row_string(const struct conf_row *row, void *config)
{
    return (char **)(void *)((char *)config + row->offset);
}

static int set_int(const struct conf_row *row, void *field, const char *value, struct err *e)
{
    return num_parse_int(value, row->key, (int64_t)row->min, (int64_t)row->max, field, e);
}

static int set_real(const struct conf_row *row, void *field, const char *value, struct err *e)
{
    return num_parse_real(value, row->key, row->min, row->max, field, e);
}

static int set_bool(const struct conf_row *row, void *field, const char *value, struct err *e)
{
    return num_parse_bool(value, row->key, field, e);
}

static int set_string(const struct conf_row *row, void *field, const char *value, struct err *e)
{
    char **string = field, *copy;

    if (strlen(value) > (size_t)row->max)
        return err_set(e, ERR_INVALID, "%s: longer than %.0f bytes", row->key, row->max);
    copy = mem_strdup(value);
    if (!copy)
        return err_set(e, ERR_NOMEM, "%s: out of memory", row->key);
    mem_free(*string);
    *string = copy;
    return 0;
}

static int set_enum(const struct conf_row *row, void *field, const char *value, struct err *e)
{
    return num_parse_choice(value, row->key, row->choices, field, e);
}

int conf_row_set(const struct conf_row *row, void *config, const char *value, struct err *e)
{
    static int (*const SET[])(const struct conf_row *, void *, const char *, struct err *) = {
        [CONF_T_INT] = set_int,   [CONF_T_REAL] = set_real,     [CONF_T_BOOL] = set_bool,
        [CONF_T_ENUM] = set_enum, [CONF_T_STRING] = set_string,
    };

    return SET[row->type](row, (char *)config + row->offset, value, e);
}
