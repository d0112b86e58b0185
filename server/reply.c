#include "server/reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    int status;
    const char *type, *code;
} STATUSES[] = {
    { 400, "invalid_request_error", "invalid_value" },
    { 404, "invalid_request_error", "not_found" },
    { 405, "invalid_request_error", "method_not_allowed" },
    { 409, "invalid_request_error", "not_done" },
    { 410, "invalid_request_error", "gone" },
    { 413, "invalid_request_error", "too_large" },
    { 415, "invalid_request_error", "unsupported_media_type" },
    { 422, "invalid_request_error", "idempotency_mismatch" },
    { 429, "overloaded_error", "queue_full" },
    { 499, "invalid_request_error", "cancelled" },
    { 500, "server_error", "internal" },
    { 501, "server_error", "unsupported" },
    { 503, "server_error", "unavailable" },
    { 504, "timeout_error", "deadline" },
};

static const int STATUS_OF[] = {
    [ERR_NONE] = 500,        [ERR_INVALID] = 400,     [ERR_NOT_FOUND] = 404, [ERR_TOO_LARGE] = 413,
    [ERR_BUSY] = 429,        [ERR_UNAVAILABLE] = 503, [ERR_TIMEOUT] = 504,   [ERR_CANCELLED] = 499,
    [ERR_FORMAT] = 400,      [ERR_IO] = 500,          [ERR_NOMEM] = 503,     [ERR_DEVICE] = 503,
    [ERR_UNSUPPORTED] = 501, [ERR_INTERNAL] = 500,
};

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
    return STATUS_OF[code];
}

static int dump_to_buf(const char *text, size_t n, void *buf)
{
    buf_append(buf, text, n);
    return 0;
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
    if (!json || json_dump_callback(json, dump_to_buf, &r->body,
                                    JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)))
        r->body.failed = true;
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

json_t *reply_error_json(int status, const char *param, const char *message)
{
    size_t i = 0;

    while (i + 1 < sizeof STATUSES / sizeof STATUSES[0] && STATUSES[i].status != status)
        i++;
    return json_pack("{s:o,s:s,s:o?,s:s}", "message", json_text(message), "type", STATUSES[i].type,
                     "param", param && *param ? json_text(param) : json_null(), "code",
                     STATUSES[i].code);
}

void reply_error(struct reply *r, int status, const char *param, const char *fmt, ...)
{
    char message[sizeof((struct err *)NULL)->msg];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    set_body(r, status, json_pack("{s:o}", "error", reply_error_json(status, param, message)));
}

void reply_err(struct reply *r, const struct err *e, const char *param)
{
    reply_error(r, reply_status(e->code), param, "%s", e->msg);
}
