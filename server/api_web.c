#include "server/api_web.h"

#include <string.h>

#include "server/web_files.inc" /* made of server/web by tools/embed */

#define CSP                                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct {
    const char *path, *type;
    const unsigned char *data;
    size_t n;
} FILES[] = {
    { "/", "text/html; charset=utf-8", FILE_INDEX_HTML, sizeof FILE_INDEX_HTML },
    { "/style.css", "text/css; charset=utf-8", FILE_STYLE_CSS, sizeof FILE_STYLE_CSS },
    { "/app.js", "text/javascript; charset=utf-8", FILE_APP_JS, sizeof FILE_APP_JS },
    { "/events.js", "text/javascript; charset=utf-8", FILE_EVENTS_JS, sizeof FILE_EVENTS_JS },
};

static void reply_file(struct reply *r, size_t i)
{
    r->type = FILES[i].type;
    buf_append(&r->body, FILES[i].data, FILES[i].n);
    if (buf_check(&r->body, NULL)) {
        reply_error(r, 503, NULL, "answer: out of memory");
        return;
    }
    reply_header(r, "Content-Security-Policy", CSP);
    reply_header(r, "X-Content-Type-Options", "nosniff");
    reply_header(r, "Referrer-Policy", "no-referrer");
}

void api_web(struct app *app, struct exchange *x)
{
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++)
        if (app->web_page && strcmp(x->path, FILES[i].path) == 0) {
            reply_file(&x->reply, i);
            return;
        }
    reply_error(&x->reply, 404, NULL, "%.100s: no such path", x->path);
}
