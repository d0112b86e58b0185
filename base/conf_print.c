/*
 * The table printed for people: --help, and the commented file in etc/.
 */
#include "base/conf.h"

#include <string.h>

/* " (1..4096)", " (png|jpeg)": what a value may be; nothing for BOOL and STRING. */
static void print_limits(const struct conf_row *row, FILE *out)
{
    if (row->type == CONF_T_INT)
        fprintf(out, " (%.0f..%.0f)", row->min, row->max);
    else if (row->type == CONF_T_REAL)
        fprintf(out, " (%g..%g)", row->min, row->max);
    else if (row->type == CONF_T_ENUM)
        fprintf(out, " (%s)", row->choices);
}

static void print_flag(const struct conf_row *row, FILE *out)
{
    static const char *const WORDS[] = {
        [CONF_T_INT] = " N",       [CONF_T_REAL] = " X",    [CONF_T_BOOL] = "",
        [CONF_T_STRING] = " TEXT", [CONF_T_ENUM] = " WORD",
    };

    fputs(row->type == CONF_T_BOOL ? "  --[no-]" : "  --", out);
    for (const char *c = row->key; *c; c++)
        fputc(*c == '_' ? '-' : *c, out);
    fprintf(out, "%s\n", WORDS[row->type]);
}

void conf_help(const struct conf_row *rows, FILE *out)
{
    for (; rows->type != CONF_T_END; rows++) {
        print_flag(rows, out);
        fprintf(out, "        %s", rows->help);
        print_limits(rows, out);
        fprintf(out, "; default %s\n", *rows->value ? rows->value : "empty");
    }
}

void conf_print_ini(const struct conf_row *rows, FILE *out)
{
    const char *section = NULL;

    for (; rows->type != CONF_T_END; rows++) {
        if (!section || strcmp(section, rows->section) != 0)
            fprintf(out, "%s[%s]\n", section ? "\n" : "", rows->section);
        section = rows->section;
        fprintf(out, "\n# %s", rows->help);
        print_limits(rows, out);
        fprintf(out, "\n%s =%s%s\n", rows->key, *rows->value ? " " : "", rows->value);
    }
}
