/*
 * The interpreter: one row an opcode says how its argument is written and what it does.
 */
#include "convert/pickle.h"

#include <string.h>

#include "convert/pickle_ops.h"

/* How an opcode's argument is written. */
enum form {
    NONE,
    U1,
    U2,
    U4,
    I4,
    U8,
    REAL8, /* big-endian double */
    TEXT1, /* a length of 1, 4 or 8 bytes, then as many bytes */
    TEXT4,
    TEXT8,
    LINES2, /* two lines */
};

struct opcode {
    const char *name;
    enum form form;
    pickle_run *run;
};

/* ---- arguments ---- */

static int read_int(struct machine *m, size_t bytes, int64_t *ret, struct err *e)
{
    uint64_t v = 0;

    if (bytes > (size_t)(m->end - m->at))
        return err_set(e, ERR_FORMAT, "the pickle ends early");
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | m->at[i];
    if (v > INT64_MAX)
        return err_set(e, ERR_TOO_LARGE, "%llu is over 63 bits", (unsigned long long)v);
    m->at += bytes;
    *ret = (int64_t)v;
    return 0;
}

static int read_real(struct machine *m, double *ret, struct err *e)
{
    uint64_t bits = 0;

    if (m->end - m->at < 8)
        return err_set(e, ERR_FORMAT, "the pickle ends early");
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | *m->at++;
    memcpy(ret, &bits, sizeof bits);
    return 0;
}

static int read_text(struct machine *m, size_t length_bytes, struct pickle_text *ret, struct err *e)
{
    int64_t n = 0;

    if (read_int(m, length_bytes, &n, e))
        return -1;
    if (n > PICKLE_TEXT_MAX)
        return err_set(e, ERR_TOO_LARGE, "a text of %lld bytes, at most %d are allowed",
                       (long long)n, PICKLE_TEXT_MAX);
    if (n > m->end - m->at)
        return err_set(e, ERR_FORMAT, "a text of %lld bytes, the pickle has %td", (long long)n,
                       m->end - m->at);
    *ret = (struct pickle_text){ (const char *)m->at, (size_t)n };
    m->at += n;
    return 0;
}

static int read_line(struct machine *m, struct pickle_text *ret, struct err *e)
{
    const unsigned char *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));

    if (!newline)
        return err_set(e, ERR_FORMAT, "a name without end");
    *ret = (struct pickle_text){ (const char *)m->at, (size_t)(newline - m->at) };
    m->at = newline + 1;
    return 0;
}

static int read_argument(struct machine *m, enum form form, struct argument *ret, struct err *e)
{
    switch (form) {
    case NONE:
        return 0;
    case U1:
        return read_int(m, 1, &ret->i, e);
    case U2:
        return read_int(m, 2, &ret->i, e);
    case U4:
        return read_int(m, 4, &ret->i, e);
    case I4:
        if (read_int(m, 4, &ret->i, e))
            return -1;
        ret->i = (int32_t)(uint32_t)ret->i;
        return 0;
    case U8:
        return read_int(m, 8, &ret->i, e);
    case REAL8:
        return read_real(m, &ret->real, e);
    case TEXT1:
        return read_text(m, 1, &ret->text, e);
    case TEXT4:
        return read_text(m, 4, &ret->text, e);
    case TEXT8:
        return read_text(m, 8, &ret->text, e);
    case LINES2:
        return read_line(m, &ret->module, e) || read_line(m, &ret->text, e) ? -1 : 0;
    }
    return err_set(e, ERR_INTERNAL, "argument of form %d", (int)form);
}

/* ---- frame ---- */

static int run_proto(struct machine *m, const struct argument *a, struct err *e)
{
    (void)m;
    return a->i >= 2 && a->i <= 5
               ? 0
               : err_set(e, ERR_UNSUPPORTED, "protocol %lld is outside 2..5", (long long)a->i);
}

/* Frames only help readers of streams. */
static int run_frame(struct machine *m, const struct argument *a, struct err *e)
{
    (void)m, (void)a, (void)e;
    return 0;
}

static int run_stop(struct machine *m, const struct argument *a, struct err *e)
{
    (void)a;
    m->stopped = true;
    return machine_need(m, 1, e);
}

static const struct opcode OPCODES[256] = {
    [0x80] = { "PROTO", U1, run_proto },
    [0x95] = { "FRAME", U8, run_frame },
    ['.'] = { "STOP", NONE, run_stop },
    ['('] = { "MARK", NONE, pickle_run_mark },
    ['0'] = { "POP", NONE, pickle_run_pop },
    ['1'] = { "POP_MARK", NONE, pickle_run_pop_mark },
    ['2'] = { "DUP", NONE, pickle_run_dup },
    ['q'] = { "BINPUT", U1, pickle_run_put },
    ['r'] = { "LONG_BINPUT", U4, pickle_run_put },
    [0x94] = { "MEMOIZE", NONE, pickle_run_memoize },
    ['h'] = { "BINGET", U1, pickle_run_get },
    ['j'] = { "LONG_BINGET", U4, pickle_run_get },
    ['N'] = { "NONE", NONE, pickle_run_none },
    [0x88] = { "NEWTRUE", NONE, pickle_run_true },
    [0x89] = { "NEWFALSE", NONE, pickle_run_false },
    ['K'] = { "BININT1", U1, pickle_run_int },
    ['M'] = { "BININT2", U2, pickle_run_int },
    ['J'] = { "BININT", I4, pickle_run_int },
    [0x8a] = { "LONG1", TEXT1, pickle_run_long },
    [0x8b] = { "LONG4", TEXT4, pickle_run_long },
    ['G'] = { "BINFLOAT", REAL8, pickle_run_real },
    ['U'] = { "SHORT_BINSTRING", TEXT1, pickle_run_text },
    ['T'] = { "BINSTRING", TEXT4, pickle_run_text },
    [0x8c] = { "SHORT_BINUNICODE", TEXT1, pickle_run_text },
    ['X'] = { "BINUNICODE", TEXT4, pickle_run_text },
    [0x8d] = { "BINUNICODE8", TEXT8, pickle_run_text },
    ['C'] = { "SHORT_BINBYTES", TEXT1, pickle_run_text },
    ['B'] = { "BINBYTES", TEXT4, pickle_run_text },
    [0x8e] = { "BINBYTES8", TEXT8, pickle_run_text },
    [0x96] = { "BYTEARRAY8", TEXT8, pickle_run_text },
    [']'] = { "EMPTY_LIST", NONE, pickle_run_empty_list },
    ['l'] = { "LIST", NONE, pickle_run_tuple },
    ['a'] = { "APPEND", NONE, pickle_run_append },
    ['e'] = { "APPENDS", NONE, pickle_run_appends },
    [')'] = { "EMPTY_TUPLE", NONE, pickle_run_empty_list },
    ['t'] = { "TUPLE", NONE, pickle_run_tuple },
    [0x85] = { "TUPLE1", NONE, pickle_run_tuple1 },
    [0x86] = { "TUPLE2", NONE, pickle_run_tuple2 },
    [0x87] = { "TUPLE3", NONE, pickle_run_tuple3 },
    [0x8f] = { "EMPTY_SET", NONE, pickle_run_empty_list },
    [0x90] = { "ADDITEMS", NONE, pickle_run_appends },
    [0x91] = { "FROZENSET", NONE, pickle_run_tuple },
    ['}'] = { "EMPTY_DICT", NONE, pickle_run_empty_dict },
    ['d'] = { "DICT", NONE, pickle_run_dict },
    ['s'] = { "SETITEM", NONE, pickle_run_setitem },
    ['u'] = { "SETITEMS", NONE, pickle_run_setitems },
    ['c'] = { "GLOBAL", LINES2, pickle_run_global },
    [0x93] = { "STACK_GLOBAL", NONE, pickle_run_stack_global },
    ['R'] = { "REDUCE", NONE, pickle_run_call },
    [0x81] = { "NEWOBJ", NONE, pickle_run_call },
    [0x92] = { "NEWOBJ_EX", NONE, pickle_run_newobj_ex },
    ['b'] = { "BUILD", NONE, pickle_run_build },
    ['Q'] = { "BINPERSID", NONE, pickle_run_persistent },
};

static int step(struct machine *m, struct err *e)
{
    size_t at = (size_t)(m->at - m->start);
    struct argument a = { 0 };
    const struct opcode *op;

    if (m->at == m->end)
        return err_set(e, ERR_FORMAT, "the pickle ends after %zu bytes without STOP", at);
    op = &OPCODES[*m->at++];
    if (!op->run)
        return err_set(e, ERR_UNSUPPORTED, "byte %zu of the pickle: 0x%02x is no opcode of data",
                       at, m->start[at]);
    if (read_argument(m, op->form, &a, e) || op->run(m, &a, e))
        return err_prefix(e, "byte %zu of the pickle, %s: ", at, op->name);
    return 0;
}

int pickle_read(const void *data, size_t size, struct pool *pool, struct pickle_file *ret_pickle,
                struct err *e)
{
    struct machine m = { .start = data, .at = data, .pool = pool };

    m.end = m.start + size;
    m.persistent = machine_value(&m, PICKLE_LIST, e);
    if (!m.persistent)
        return -1;
    while (!m.stopped)
        if (step(&m, e))
            return -1;
    *ret_pickle = (struct pickle_file){ machine_top(&m), m.persistent, (size_t)(m.at - m.start) };
    return 0;
}

/* ---- looking at values ---- */

bool pickle_text_is(const struct pickle_text *t, const char *s)
{
    return t->n == strlen(s) && !memcmp(t->s, s, t->n);
}

const struct pickle *pickle_get(const struct pickle *dict, const char *key)
{
    if (!dict || dict->type != PICKLE_DICT)
        return NULL;
    for (size_t i = 0; i + 1 < dict->n; i += 2)
        if (dict->item[i]->type == PICKLE_TEXT && pickle_text_is(&dict->item[i]->text, key))
            return dict->item[i + 1];
    return NULL;
}

const struct pickle *pickle_at(const struct pickle *list, size_t i)
{
    return list && list->type == PICKLE_LIST && i < list->n ? list->item[i] : NULL;
}

bool pickle_is_global(const struct pickle *p, const char *module, const char *name)
{
    return p && p->type == PICKLE_GLOBAL && pickle_text_is(&p->module, module) &&
           pickle_text_is(&p->text, name);
}

bool pickle_int(const struct pickle *p, int64_t min, int64_t max, int64_t *ret)
{
    if (!p || p->type != PICKLE_INT || p->integer < min || p->integer > max)
        return false;
    *ret = p->integer;
    return true;
}
