#include "server/reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* What clients see of an error. An ERR_NONE row is for the HTTP side alone; of rows with one status
 * the first stands for it. */
static const struct kind {
    enum err_code err;
    int status;
    const char *type, *code;
} KINDS[] = {
    { ERR_INVALID, 400, "invalid_request_error", "invalid_value" },
    { ERR_FORMAT, 400, "invalid_request_error", "invalid_value" },
    { ERR_DENIED, 401, "authentication_error", "invalid_api_key" },
    { ERR_NOT_FOUND, 404, "invalid_request_error", "not_found" },
    { ERR_NONE, 405, "invalid_request_error", "method_not_allowed" },
    { ERR_NONE, 409, "invalid_request_error", "not_done" },
    { ERR_NONE, 410, "invalid_request_error", "gone" },
    { ERR_TOO_LARGE, 413, "invalid_request_error", "too_large" },
    { ERR_NONE, 415, "invalid_request_error", "unsupported_media_type" },
    { ERR_NONE, 422, "invalid_request_error", "idempotency_mismatch" },
    { ERR_BUSY, 429, "overloaded_error", "queue_full" },
    { ERR_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded" },
    { ERR_CANCELLED, 499, "invalid_request_error", "cancelled" },
    { ERR_INTERNAL, 500, "server_error", "internal" },
    { ERR_IO, 500, "server_error", "internal" },
    { ERR_UNSUPPORTED, 501, "server_error", "unsupported" },
    { ERR_UNAVAILABLE, 503, "server_error", "unavailable" },
    { ERR_NOMEM, 503, "server_error", "unavailable" },
    { ERR_DEVICE, 503, "server_error", "unavailable" },
    { ERR_TIMEOUT, 504, "timeout_error", "deadline" },
};
#define N_KINDS (sizeof KINDS / sizeof KINDS[0])

static const struct kind *kind_of_err(enum err_code code)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (KINDS[i].err == code && code != ERR_NONE)
            return &KINDS[i];
    return kind_of_err(ERR_INTERNAL);
}

static const struct kind *kind_of_status(int status)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (KINDS[i].status == status)
            return &KINDS[i];
    return kind_of_err(ERR_INTERNAL);
}

#define REAL_DIGITS 9 /* enough for every 32-bit float to come back as it was */

/* For the moment when there is no memory left to build an answer in. */
static const char NO_MEMORY[] = "{\"error\":{\"message\":\"out of memory\",\"type\":"
                                "\"server_error\",\"param\":null,\"code\":\"unavailable\"}}\n";

void reply_init(struct reply *r)
{
    *r = (struct reply){ .status = 200, .type = "application/json" };
    buf_init(&r->body, REPLY_BODY_MAX);
}

void reply_release(struct reply *r)
{
    for (int i = 0; i < r->n_headers; i++)
        mem_free(r->headers[i].value);
    buf_release(&r->body);
}

void reply_header(struct reply *r, const char *name, const char *fmt, ...)
{
    struct reply_header *h = &r->headers[r->n_headers];
    va_list args, again;
    size_t size;

    if (r->n_headers == REPLY_HEADERS_MAX)
        return;
    va_start(args, fmt);
    va_copy(again, args);
    size = (size_t)vsnprintf(NULL, 0, fmt, args) + 1;
    h->value = mem_alloc(size, 1);
    if (h->value) {
        vsnprintf(h->value, size, fmt, again);
        h->name = name;
        r->n_headers++;
    }
    va_end(again);
    va_end(args);
}

int reply_status(enum err_code code)
{
    return kind_of_err(code)->status;
}

static void no_memory(struct reply *r)
{
    buf_release(&r->body);
    buf_init(&r->body, REPLY_BODY_MAX);
    buf_puts(&r->body, NO_MEMORY); /* if even this fails, the status has to do */
    r->status = 503;
}

static void set_body(struct reply *r, int status, json_t *json)
{
    buf_clear(&r->body);
    r->status = status;
    r->type = "application/json";
    json_append(json, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS), &r->body);
    buf_puts(&r->body, "\n");
    if (buf_check(&r->body, NULL))
        no_memory(r);
    json_decref(json);
}

void reply_json(struct reply *r, json_t *json)
{
    set_body(r, 200, json);
}

/* Messages quote what clients sent and are cut at a byte, maybe in the middle of a character. */
static json_t *json_text(const char *text)
{
    char ascii[sizeof((struct err *)NULL)->msg];
    json_t *s = json_string(text);

    if (s)
        return s;
    snprintf(ascii, sizeof ascii, "%s", text);
    for (char *c = ascii; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return json_string(ascii);
}

static json_t *error_json(const struct kind *kind, const char *param, const char *message)
{
    return json_pack("{s:o,s:s,s:o?,s:s}", "message", json_text(message), "type", kind->type,
                     "param", param && *param ? json_text(param) : json_null(), "code", kind->code);
}

json_t *reply_error_json(const struct err *e, const char *param)
{
    return error_json(kind_of_err(e->code), param, e->msg);
}

void reply_error(struct reply *r, int status, const char *param, const char *fmt, ...)
{
    char message[sizeof((struct err *)NULL)->msg];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    set_body(r, status,
             json_pack("{s:o}", "error", error_json(kind_of_status(status), param, message)));
}

void reply_err(struct reply *r, const struct err *e, const char *param)
{
    set_body(r, reply_status(e->code), json_pack("{s:o}", "error", reply_error_json(e, param)));
}
