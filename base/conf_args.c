/*
 * Command-line flags from the same table as the file's keys.
 */
#include "base/conf.h"

#include <string.h>

#include "base/conf_row.h"

/* One flag as it stands in argv: --name, --name=value. */
struct flag {
    const char *name;
    size_t n;          /* bytes of name */
    const char *value; /* behind '='; NULL without */
};

static bool is_flag(const char *word)
{
    return strncmp(word, "--", 2) == 0 && word[2] != '\0';
}

/* word may be the value of the flag before it. */
static bool is_value(const char *word)
{
    return strncmp(word, "--", 2) != 0;
}

static struct flag flag_of(const char *word)
{
    struct flag f = { word + 2, strcspn(word + 2, "="), NULL };

    if (f.name[f.n] == '=')
        f.value = f.name + f.n + 1;
    return f;
}

/* f is one of the words of a "a|b|c" list. */
static bool is_one_of(const struct flag *f, const char *list)
{
    while (list && *list) {
        size_t n = strcspn(list, "|");
        if (n == f->n && memcmp(list, f->name, n) == 0)
            return true;
        list += n + (list[n] == '|');
    }
    return false;
}

static const struct conf_row *find_negated(const struct conf_row *rows, const struct flag *f)
{
    const struct conf_row *row = NULL;

    if (f->n > 3 && !f->value && memcmp(f->name, "no-", 3) == 0)
        row = conf_row_find(rows, f->name + 3, f->n - 3);
    return row && row->type == CONF_T_BOOL ? row : NULL;
}

/* A key as it is written as a flag. */
static void flag_name(const struct conf_row *row, char *to, size_t size)
{
    size_t i;

    for (i = 0; row->key[i] && i + 1 < size; i++)
        to[i] = row->key[i] == '_' ? '-' : row->key[i];
    to[i] = '\0';
}

static int unknown_flag(const struct conf_row *rows, const struct flag *f, struct err *e)
{
    const struct conf_row *near = conf_row_nearest(rows, f->name, f->n);
    int shown = f->n > 40 ? 40 : (int)f->n;
    char name[64];

    if (!near)
        return err_set(e, ERR_INVALID, "unknown flag --%.*s", shown, f->name);
    flag_name(near, name, sizeof name);
    return err_set(e, ERR_INVALID, "unknown flag --%.*s; did you mean --%s?", shown, f->name, name);
}

/* Reads the flag in argv[*i]; moves *i onto its last word. */
static int read_flag(const struct conf_row *rows, void *config, int argc, char **argv, int *i,
                     struct err *e)
{
    struct flag f = flag_of(argv[*i]);
    const struct conf_row *row = conf_row_find(rows, f.name, f.n);
    const struct conf_row *negated = row ? NULL : find_negated(rows, &f);

    if (negated)
        return conf_row_set(negated, config, "false", e);
    if (!row)
        return unknown_flag(rows, &f, e);
    if (!f.value && row->type == CONF_T_BOOL)
        f.value = "true";
    if (!f.value && *i + 1 < argc)
        f.value = argv[++*i];
    if (!f.value)
        return err_set(e, ERR_INVALID, "--%.*s wants a value", (int)f.n, f.name);
    return conf_row_set(row, config, f.value, e) ? err_prefix(e, "--") : 0;
}

int conf_args(const struct conf_row *rows, void *config, int argc, char **argv, const char *skip,
              int *ret_rest, struct err *e)
{
    int i;

    for (i = 1; i < argc && is_flag(argv[i]); i++) {
        struct flag f = flag_of(argv[i]);
        if (!is_one_of(&f, skip)) {
            if (read_flag(rows, config, argc, argv, &i, e))
                return -1;
        } else if (!f.value && i + 1 < argc && is_value(argv[i + 1])) {
            i++;
        }
    }
    if (i < argc && strcmp(argv[i], "--") == 0)
        i++;
    *ret_rest = i;
    return 0;
}

const char *conf_peek(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        struct flag f;
        if (!is_flag(argv[i]))
            continue; /* maybe shorter than "--" */
        f = flag_of(argv[i]);
        if (!is_one_of(&f, name))
            continue;
        if (!f.value && i + 1 < argc && is_value(argv[i + 1]))
            return argv[i + 1];
        return f.value ? f.value : "";
    }
    return NULL;
}
