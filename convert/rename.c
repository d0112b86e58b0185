#include "convert/rename.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define CAPTURES_MAX 4

static const struct rename_rule SAME[] = { { "*", "*", false }, { NULL, NULL, false } };
static const struct rename_rule NONE[] = { { NULL, NULL, false } };
const struct rename_rules RENAME_SAME = { SAME, NONE, NONE };

/* What # and * stood for, and what is behind the pattern. */
struct captures {
    struct {
        const char *s;
        size_t n;
    } item[CAPTURES_MAX];
    size_t n;
    const char *rest;
};

static size_t count_digits(const char *s)
{
    size_t n = 0;

    while (isdigit((unsigned char)s[n]))
        n++;
    return n;
}

/* The beginning of the name against the whole pattern. */
static bool match_prefix(const char *pattern, const char *name, struct captures *c)
{
    c->n = 0;
    for (; *pattern; pattern++) {
        bool wild = *pattern == '#' || *pattern == '*';
        size_t n = *pattern == '#' ? count_digits(name) : *pattern == '*' ? strlen(name) : 1;
        if (!n || (!wild && *name != *pattern) || (wild && c->n == CAPTURES_MAX))
            return false;
        if (wild) {
            c->item[c->n].s = name;
            c->item[c->n++].n = n;
        }
        name += n;
    }
    c->rest = name;
    return true;
}

bool rename_matches(const char *pattern, const char *name)
{
    struct captures c;

    return match_prefix(pattern, name, &c) && !*c.rest;
}

/* Appends a right-hand side; false if it gets too long. */
static bool expand(const char *pattern, const struct captures *c, char letter,
                   char out[TENSORS_NAME_MAX + 1])
{
    size_t at = strlen(out), next = 0;

    for (; *pattern; pattern++) {
        bool wild = (*pattern == '#' || *pattern == '*') && next < c->n;
        const char *s = wild ? c->item[next].s : *pattern == '@' ? &letter : pattern;
        size_t n = wild ? c->item[next++].n : 1;
        if (at + n > TENSORS_NAME_MAX)
            return false;
        memcpy(out + at, s, n);
        at += n;
        out[at] = '\0';
    }
    return true;
}

/* One or two rules, each with what its left-hand side caught. */
struct found {
    const struct rename_rule *rule[2];
    struct captures captures[2];
    int n;
};

static const struct rename_rule *find_rule(const struct rename_rule *rules, const char *name,
                                           bool whole, struct captures *c)
{
    for (; rules->ours; rules++)
        if (match_prefix(rules->ours, name, c) && (!whole || !*c->rest))
            return rules;
    return NULL;
}

static bool find(const struct rename_rules *rules, const char *ours, struct found *f)
{
    f->n = 1;
    f->rule[0] = find_rule(rules->whole, ours, true, &f->captures[0]);
    if (f->rule[0])
        return true;
    f->n = 2;
    f->rule[0] = find_rule(rules->prefixes, ours, false, &f->captures[0]);
    if (!f->rule[0])
        return false;
    f->rule[1] = find_rule(rules->parts, f->captures[0].rest, true, &f->captures[1]);
    return f->rule[1];
}

bool rename_apply(const struct rename_rules *rules, const char *ours, struct renamed *ret)
{
    static const char letters[RENAME_PARTS_MAX] = { 'q', 'k', 'v' };
    struct found f;
    const struct rename_rule *last;

    if (!find(rules, ours, &f))
        return false;
    last = f.rule[f.n - 1];
    *ret = (struct renamed){ .n = strchr(last->theirs, '@') ? RENAME_PARTS_MAX : 1,
                             .transposed = last->transposed };
    for (int i = 0; i < ret->n; i++)
        for (int k = 0; k < f.n; k++)
            if (!expand(f.rule[k]->theirs, &f.captures[k], letters[i], ret->name[i]))
                return false;
    return true;
}

bool rename_find(const struct rename_rules *rules, const struct tensors *t, const char *ours,
                 struct view *ret_view)
{
    const struct view *v;
    struct renamed r;

    if (!rename_apply(rules, ours, &r) || r.n != 1)
        return false;
    v = tensors_find(t, r.name[0]);
    if (!v)
        return false;
    *ret_view = r.transposed && v->n_dims == 2 ? view_transpose(v) : *v;
    return true;
}
