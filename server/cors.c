#include "server/cors.h"

#include <string.h>
#include <strings.h>

#define BETWEEN ", \t"
#define HOST_END "/?#@" /* an origin has none of them: it ends with its host and port */

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* n bytes are "*", or "https://host:port". */
static bool is_origin(const char *text, size_t n)
{
    const char *host = starts(text, "https://")  ? text + strlen("https://")
                       : starts(text, "http://") ? text + strlen("http://")
                                                 : NULL;

    if (n == 1 && *text == '*')
        return true;
    return host && host < text + n && strcspn(host, HOST_END BETWEEN) == (size_t)(text + n - host);
}

/* The next origin of a list, of *ret_n bytes; NULL at its end. */
static const char *next(const char *list, size_t *ret_n)
{
    list += strspn(list, BETWEEN);
    *ret_n = strcspn(list, BETWEEN);
    return *ret_n ? list : NULL;
}

int cors_check(const char *list, struct err *e)
{
    size_t n;

    for (const char *o = next(list, &n); o; o = next(o + n, &n))
        if (!is_origin(o, n))
            return err_set(e, ERR_INVALID,
                           "cors_origins: '%.*s' is no origin: scheme://host or scheme://host:port "
                           "without a path, or *",
                           (int)(n < 100 ? n : 100), o);
    return 0;
}

/* Browsers send scheme and host in lower case; people may not write them so. */
static bool is_same(const char *one, size_t n, const char *origin)
{
    return n == strlen(origin) && strncasecmp(one, origin, n) == 0;
}

/* "*" or the origin itself; NULL: it is not in the list. */
static const char *answer_to(const char *list, const char *origin)
{
    const char *allowed = NULL;
    size_t n;

    for (const char *o = next(list, &n); o; o = next(o + n, &n)) {
        if (n == 1 && *o == '*')
            return "*";
        if (is_same(o, n, origin))
            allowed = origin;
    }
    return allowed;
}

bool cors_allow(const char *list, const char *origin, struct reply *r)
{
    const char *allowed = origin ? answer_to(list, origin) : NULL;

    if (!allowed)
        return false;
    reply_header(r, "Access-Control-Allow-Origin", "%s", allowed);
    reply_header(r, "Vary", "Origin");
    reply_header(r, "Access-Control-Expose-Headers",
                 "Idempotency-Replayed, Location, Preference-Applied, Retry-After, X-Request-Id, "
                 "X-Seed");
    return true;
}

void cors_preflight(struct reply *r)
{
    r->status = 204;
    r->type = NULL; /* of no body */
    reply_header(r, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
    reply_header(r, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Idempotency-Key, Prefer, traceparent, X-API-Key, "
                 "X-Request-Id");
    reply_header(r, "Access-Control-Max-Age", "600");
}
