#include "server/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t"

/* ---- parameters of a header: ; name="value" ---- */

/* The value of a parameter in the n bytes of a header's value, without its quotes, into ret (size).
 * 1: it is there; 0: it is not; -1: it is longer than ret. */
static int parameter(const char *value, size_t n, const char *name, char *ret, size_t size)
{
    const char *at = value, *end = value + n;
    size_t name_n = strlen(name);

    while ((at = memchr(at, ';', (size_t)(end - at)))) {
        const char *from, *to;
        at++;
        while (at < end && strchr(SPACE, *at))
            at++;
        if ((size_t)(end - at) <= name_n || strncasecmp(at, name, name_n) != 0 || at[name_n] != '=')
            continue;
        from = at + name_n + 1;
        if (from < end && *from == '"') {
            from++;
            to = memchr(from, '"', (size_t)(end - from));
        } else {
            to = memchr(from, ';', (size_t)(end - from));
        }
        n = (size_t)((to ? to : end) - from);
        if (n >= size)
            return -1;
        memcpy(ret, from, n);
        ret[n] = 0;
        return 1;
    }
    return 0;
}

/* ---- the body ---- */

int multipart_begin(struct multipart *m, const char *type, const char *body, size_t n,
                    struct err *e)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 1] = "";
    size_t first;

    if (!type || parameter(type, strlen(type), "boundary", boundary, sizeof boundary) != 1 ||
        !*boundary)
        return err_set(e, ERR_INVALID, "Content-Type: a boundary of 1..%d bytes is missing",
                       MULTIPART_BOUNDARY_MAX);
    *m = (struct multipart){ .end = body + n };
    m->delimiter_n = (size_t)snprintf(m->delimiter, sizeof m->delimiter, "\r\n--%s", boundary);
    first = m->delimiter_n - 2; /* the body may begin with it, without a line break */
    if (n >= first && memcmp(body, m->delimiter + 2, first) == 0) {
        m->at = body + first;
        return 0;
    }
    m->at = memmem(body, n, m->delimiter, m->delimiter_n);
    if (!m->at)
        return err_set(e, ERR_INVALID, "body: the boundary of Content-Type is nowhere in it");
    m->at += m->delimiter_n;
    return 0;
}

/* "Content-Disposition: form-data; name="image"; filename="a.png"" among the n bytes of headers. */
static int read_disposition(const char *headers, size_t n, struct multipart_part *part,
                            struct err *e)
{
    static const char NAME[] = "Content-Disposition:";
    const char *line = headers, *end = headers + n;
    char file[MULTIPART_HEADERS_MAX];

    while (line < end) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        size_t length = (size_t)((stop ? stop : end) - line);
        if (length >= sizeof NAME - 1 && strncasecmp(line, NAME, sizeof NAME - 1) == 0) {
            part->is_file = parameter(line, length, "filename", file, sizeof file) != 0;
            if (parameter(line, length, "name", part->name, sizeof part->name) == 1)
                return 0;
            break;
        }
        line += length + 2;
    }
    return err_set(e, ERR_INVALID, "body: a part has no name of up to %d bytes",
                   MULTIPART_NAME_MAX - 1);
}

/* Behind a delimiter: CR LF and a part, or "--" and the end. */
static int next_is_end(struct multipart *m, bool *ret_end, struct err *e)
{
    while (m->at < m->end && strchr(SPACE, *m->at))
        m->at++;
    *ret_end = m->end - m->at >= 2 && memcmp(m->at, "--", 2) == 0;
    if (*ret_end)
        return 0;
    if (m->end - m->at < 2 || memcmp(m->at, "\r\n", 2) != 0)
        return err_set(e, ERR_INVALID, "body: it ends inside of part %d", m->parts);
    return 0;
}

static int read_part(struct multipart *m, struct multipart_part *part, struct err *e)
{
    const char *headers =
        m->at + 2; /* the line break of an empty list of headers may be this one */
    size_t rest = (size_t)(m->end - headers);
    size_t searched = rest < MULTIPART_HEADERS_MAX ? rest : MULTIPART_HEADERS_MAX;
    const char *blank = memmem(headers, searched, "\r\n\r\n", 4), *stop;

    if (!blank)
        return err_set(e, ERR_INVALID, "body: part %d has no end of headers within %d bytes",
                       m->parts, MULTIPART_HEADERS_MAX);
    if (read_disposition(headers, (size_t)(blank - headers), part, e))
        return -1;
    part->data = blank + 4;
    stop = memmem(part->data - 2, (size_t)(m->end - part->data) + 2, m->delimiter, m->delimiter_n);
    if (!stop)
        return err_set(e, ERR_INVALID, "body: it ends inside of part %d", m->parts);
    part->n = stop < part->data ? 0 : (size_t)(stop - part->data);
    m->at = stop + m->delimiter_n;
    return 0;
}

int multipart_next(struct multipart *m, struct multipart_part *ret_part, struct err *e)
{
    bool end;

    if (next_is_end(m, &end, e))
        return -1;
    if (end)
        return 0;
    if (m->parts == MULTIPART_PARTS_MAX)
        return err_set(e, ERR_INVALID, "body: more than %d parts", MULTIPART_PARTS_MAX);
    if (read_part(m, ret_part, e))
        return -1;
    m->parts++;
    return 1;
}
