#include "server/http_check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "server/cors.h"
#include "server/route.h"

/* A client's id goes into logs and headers: only plain, short ones are taken. */
void http_take_id(struct exchange *x)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *id = exchange_header(x, "X-Request-Id");

    if (id && *id && strlen(id) < JOB_ID_MAX && strspn(id, PLAIN) == strlen(id))
        snprintf(x->id, sizeof x->id, "%s", id);
}

/* "00-", 32 hexadecimal digits, "-", 16, "-", 2: all that version 00 has. */
static bool is_traceparent(const char *s)
{
    static const char HEX[] = "0123456789abcdef";
    static const size_t FIELDS[] = { 2, 32, 16, 2 };

    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
        if (strspn(s, HEX) != FIELDS[i])
            return false;
        s += FIELDS[i];
        s += i < 3 && *s == '-';
    }
    return !*s;
}

void http_take_trace(struct exchange *x)
{
    const char *trace = exchange_header(x, "traceparent");

    if (trace && strlen(trace) == EXCHANGE_TRACE_MAX - 1 && is_traceparent(trace))
        snprintf(x->traceparent, sizeof x->traceparent, "%s", trace);
}

bool http_has_body(const struct exchange *x)
{
    const char *length = exchange_header(x, "Content-Length");

    return exchange_header(x, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static bool is_type(const char *type, const char *wanted)
{
    size_t n = strlen(wanted);

    return type && strncasecmp(type, wanted, n) == 0 && strchr("; \t", type[n]);
}

/* Fills the reply and fails when the body is announced as something that the route does not take.
 */
static int check_type(struct exchange *x)
{
    static const struct {
        const char *type, *hint;
    } WANTED[] = {
        [ROUTE_JSON] = { "application/json", "curl --json" },
        [ROUTE_FORM] = { "multipart/form-data", "curl -F" },
    };
    enum route_body body = x->route->body;

    if (body == ROUTE_ANY || is_type(exchange_header(x, "Content-Type"), WANTED[body].type))
        return 0;
    reply_error(&x->reply, 415, NULL, "Content-Type must be %s (%s)", WANTED[body].type,
                WANTED[body].hint);
    return -1;
}

/* RFC 6750's header, or the one that simpler clients send. */
static const char *secret_of(const struct exchange *x)
{
    static const char SCHEME[] = "Bearer ";
    const char *value = exchange_header(x, "Authorization");

    if (value && strncasecmp(value, SCHEME, strlen(SCHEME)) == 0)
        return value + strlen(SCHEME) + strspn(value + strlen(SCHEME), " ");
    return exchange_header(x, "X-API-Key");
}

/* The name of the key becomes the client's. */
static int check_key(struct exchange *x, const struct http_options *o)
{
    struct err e;

    if (!o->keys || x->route->open || keys_check(o->keys, secret_of(x), x->client, &e) == 0)
        return 0;
    reply_err(&x->reply, &e, NULL);
    reply_header(&x->reply, "WWW-Authenticate", "Bearer");
    stats_add(o->stats, STATS_REJECTED_DENIED, 1);
    return -1;
}

/* Tells browsers whether the page of another site may read the answer, whatever it will be. True:
 * that was all it has asked for yet, and the reply is there. */
static bool is_preflight(struct exchange *x, const struct http_options *o)
{
    const char *wanted = exchange_header(x, "Access-Control-Request-Method");

    if (!cors_allow(o->cors, exchange_header(x, "Origin"), &x->reply) || !wanted ||
        strcmp(x->method, "OPTIONS") != 0)
        return false;
    x->route = route_find(o->routes, wanted, x->path, &x->reply);
    if (x->route)
        cors_preflight(&x->reply);
    return true;
}

int http_check(struct exchange *x, const struct http_options *o)
{
    const char *length = exchange_header(x, "Content-Length");
    uint64_t n = 0;

    if (is_preflight(x, o))
        return -1;
    x->route = route_find(o->routes, x->method, x->path, &x->reply);
    if (!x->route || check_key(x, o))
        return -1;
    if (length && exchange_header(x, "Transfer-Encoding")) {
        reply_error(&x->reply, 400, NULL, "Content-Length and Transfer-Encoding are both there");
        return -1;
    }
    if (check_type(x))
        return -1;
    if (length && (num_parse_u64(length, "Content-Length", &n, NULL) || n > o->body_max)) {
        reply_error(&x->reply, 413, NULL, "body: %s bytes are over the limit of %zu", length,
                    o->body_max);
        return -1;
    }
    return 0;
}
