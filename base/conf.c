/*
 * Defaults, single keys and INI files. Flags: conf_args.c. Printing: conf_print.c.
 */
#include "base/conf.h"

#include <string.h>

#include <ini.h>

#include "base/conf_row.h"
#include "base/file.h"
#include "base/mem.h"

enum { FILE_MAX_BYTES = 1 << 20 };

int conf_defaults(const struct conf_row *rows, void *config, struct err *e)
{
    for (; rows->type != CONF_T_END; rows++)
        if (conf_row_set(rows, config, rows->value, e))
            return err_prefix(e, "default of ");
    return 0;
}

void conf_release(const struct conf_row *rows, void *config)
{
    for (; rows->type != CONF_T_END; rows++)
        if (rows->type == CONF_T_STRING) {
            mem_free(*conf_row_string(rows, config));
            *conf_row_string(rows, config) = NULL;
        }
}

int conf_set(const struct conf_row *rows, void *config, const char *key, const char *value,
             struct err *e)
{
    const struct conf_row *row = conf_row_find(rows, key, strlen(key));
    const struct conf_row *near;

    if (row)
        return conf_row_set(row, config, value, e);
    near = conf_row_nearest(rows, key, strlen(key));
    return near ? err_set(e, ERR_INVALID, "unknown key '%.40s'; did you mean '%s'?", key, near->key)
                : err_set(e, ERR_INVALID, "unknown key '%.40s'", key);
}

/* ---- one INI file ---- */

struct loader {
    const struct conf_row *rows;
    void *config;
    const char *at; /* what inih has not asked for yet */
    int line;       /* number of the line handed over last */
    int line_stop;  /* hand over none from this line on: inih cannot read it */
    int *set_on;    /* [rows] line that set each key; 0: none */
    bool failed;
    struct err *e;
};

/* Leading blanks are dropped: inih would read an indented line as more of the one before. */
static void copy_line(char *to, const char *from, size_t n)
{
    size_t blanks = strspn(from, " \t\r");

    blanks = blanks > n ? n : blanks;
    memcpy(to, from + blanks, n - blanks);
    memcpy(to + n - blanks, "\n", 2);
}

/* inih's fgets. */
static char *next_line(char *to, int size, void *user)
{
    struct loader *l = user;
    size_t n = strcspn(l->at, "\n");

    if (l->failed || *l->at == '\0' || l->line + 1 == l->line_stop)
        return NULL;
    l->line++;
    if (n + 2 > (size_t)size) {
        err_set(l->e, ERR_FORMAT, "the line is longer than %d bytes", size - 2);
        l->failed = true;
        return NULL;
    }
    copy_line(to, l->at, n);
    l->at += n + (l->at[n] == '\n');
    return to;
}

static bool section_known(const struct conf_row *rows, const char *section)
{
    for (; rows->type != CONF_T_END; rows++)
        if (strcmp(rows->section, section) == 0)
            return true;
    return false;
}

static int check_place(struct loader *l, const char *section, const struct conf_row *row)
{
    int *set_on = &l->set_on[row - l->rows];

    if (strcmp(row->section, section) != 0)
        return err_set(l->e, ERR_FORMAT, "%s belongs in [%s], not in [%s]", row->key, row->section,
                       section);
    if (*set_on)
        return err_set(l->e, ERR_FORMAT, "%s was already set on line %d", row->key, *set_on);
    *set_on = l->line;
    return 0;
}

static int load_pair(struct loader *l, const char *section, const char *key, const char *value)
{
    const struct conf_row *row = conf_row_find(l->rows, key, strlen(key));

    if (!section_known(l->rows, section))
        return err_set(l->e, ERR_FORMAT, "unknown section [%.40s]", section);
    if (row && check_place(l, section, row))
        return -1;
    return conf_set(l->rows, l->config, key, value, l->e);
}

static int on_pair(void *user, const char *section, const char *key, const char *value)
{
    struct loader *l = user;

    if (!l->failed) /* inih goes on after an error; the first one counts */
        l->failed = load_pair(l, section, key, value) != 0;
    return 1;
}

static int pass_over(void *user, const char *section, const char *key, const char *value)
{
    (void)user, (void)section, (void)key, (void)value;
    return 1;
}

/* The first line that inih cannot read, 0 if none. Asked beforehand, because inih goes on reading
 * behind it. */
static int first_bad_line(const char *text)
{
    struct loader dry = { .at = text };

    return ini_parse_stream(next_line, &dry, pass_over, &dry);
}

static int load_text(struct loader *l, const char *text)
{
    l->line_stop = first_bad_line(text);
    l->at = text;
    ini_parse_stream(next_line, l, on_pair, l);
    if (!l->failed && l->line_stop) {
        l->line = l->line_stop;
        return err_set(l->e, ERR_FORMAT, "neither [section] nor key = value");
    }
    return l->failed ? -1 : 0;
}

static size_t count_rows(const struct conf_row *rows)
{
    size_t n = 0;

    while (rows[n].type != CONF_T_END)
        n++;
    return n;
}

/* What stands behind a NUL would silently not be read. */
static int check_text(const struct buf *text, const char *path, struct err *e)
{
    if (text->len && memchr(text->data, '\0', text->len))
        return err_set(e, ERR_FORMAT, "%s: holds a NUL byte; not a text file", path);
    return 0;
}

int conf_load(const struct conf_row *rows, void *config, const char *path, struct err *e)
{
    struct loader l = { .rows = rows, .config = config, .e = e };
    struct buf text;
    int status = -1;

    buf_init(&text, FILE_MAX_BYTES);
    l.set_on = mem_alloc(count_rows(rows), sizeof *l.set_on);
    if (!l.set_on)
        err_set(e, ERR_NOMEM, "%s: out of memory", path);
    else if (file_read(path, FILE_MAX_BYTES, &text, e) == 0 && check_text(&text, path, e) == 0) {
        status = load_text(&l, text.len ? text.data : "");
        if (status)
            err_prefix(e, "%s:%d: ", path, l.line);
    }
    mem_free(l.set_on);
    buf_release(&text);
    return status;
}
