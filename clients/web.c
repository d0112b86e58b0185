#include "clients/web.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define ANSWER_MAX ((size_t)256 << 20)
#define URL_MAX 2048
#define KEY_MAX 1024
#define CONNECT_TIMEOUT_S 10L
#define TICK_MS 100

int web_open(struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, ERR_INTERNAL, "libcurl did not start");
    return 0;
}

void web_close(void)
{
    curl_global_cleanup();
}

/* "unix:/path" -> "/path"; NULL: it is a URL. */
static const char *socket_of(const char *server)
{
    static const char PREFIX[] = "unix:";

    return strncmp(server, PREFIX, strlen(PREFIX)) == 0 ? server + strlen(PREFIX) : NULL;
}

static size_t on_data(char *data, size_t size, size_t n, void *answer)
{
    struct buf *b = answer;

    buf_append(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static void set_method(CURL *c, const struct web_request *r)
{
    if (r->method)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
    if (!r->body)
        return;
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(r->body));
}

static void set_options(CURL *c, const struct web_request *r, const char *url,
                        struct curl_slist *headers, struct buf *answer)
{
    const char *socket = socket_of(r->server);

    curl_easy_setopt(c, CURLOPT_URL, url);
    if (socket)
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_USERAGENT, "clipgen/" CLIPGEN_VERSION);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    set_method(c, r);
}

/* Runs one transfer, ticking. */
static CURLcode run(CURLM *m, CURL *c, struct web_tick tick)
{
    CURLcode result = CURLE_OK;
    CURLMsg *msg;
    int running = 1, left;

    if (curl_multi_add_handle(m, c) != CURLM_OK)
        return CURLE_FAILED_INIT;
    while (running) {
        if (curl_multi_perform(m, &running) != CURLM_OK ||
            (running && curl_multi_poll(m, NULL, 0, TICK_MS, NULL) != CURLM_OK))
            return CURLE_FAILED_INIT;
        if (tick.tick)
            tick.tick(tick.arg);
    }
    while ((msg = curl_multi_info_read(m, &left)))
        if (msg->msg == CURLMSG_DONE)
            result = msg->data.result;
    curl_multi_remove_handle(m, c);
    return result;
}

static int transfer_failed(CURLcode code, const char *server, struct err *e)
{
    if (code == CURLE_COULDNT_CONNECT)
        return err_set(
            e, ERR_UNAVAILABLE,
            "no daemon answers at %.80s; start one with `clipgend --bundle DIR`, or name "
            "another with --server URL",
            server);
    return err_set(e, ERR_IO, "%.80s: %s", server, curl_easy_strerror(code));
}

/* One more header, unless there is none to add. NULL without memory: then the list is gone. */
static struct curl_slist *add(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = list && header ? curl_slist_append(list, header) : list;

    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

static struct curl_slist *headers_of(const struct web_request *r)
{
    const char *secret = getenv("CLIPGEN_API_KEY");
    char key[KEY_MAX];
    struct curl_slist *l =
        curl_slist_append(NULL, r->body ? "Content-Type: application/json" : "Accept: */*");

    if (secret)
        snprintf(key, sizeof key, "Authorization: Bearer %s", secret);
    return add(add(l, r->header), secret ? key : NULL);
}

/* -> HTTP status and body. */
static int transfer(const struct web_request *r, const char *url, struct buf *answer,
                    long *ret_status, struct err *e)
{
    CURLM *m = curl_multi_init();
    CURL *c = curl_easy_init();
    struct curl_slist *headers = headers_of(r);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (m && c && headers) {
        set_options(c, r, url, headers, answer);
        code = run(m, c, r->tick);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
    }
    curl_easy_cleanup(c);
    curl_multi_cleanup(m);
    curl_slist_free_all(headers);
    return code == CURLE_OK ? 0 : transfer_failed(code, r->server, e);
}

/* The daemon's own words, if it is one. */
static int refused(const char *server, long status, const json_t *o, struct err *e)
{
    const char *words = json_string_value(json_object_get(json_object_get(o, "error"), "message"));

    if (!words)
        return err_set(e, ERR_FORMAT, "%.80s answers with status %ld; is this clipgend?", server,
                       status);
    if (status == 429)
        return err_set(e, ERR_BUSY, "the daemon is busy (%s); try again later", words);
    return err_set(e, ERR_INVALID, "%s", words);
}

/* "http://host/" and "http://host" are the same server. */
static void join_url(const char *server, const char *path, char url[URL_MAX])
{
    const char *base = socket_of(server) ? "http://localhost" : server;
    size_t n = strlen(base);

    if (n && base[n - 1] == '/')
        n--;
    snprintf(url, URL_MAX, "%.*s%s", n < URL_MAX / 2 ? (int)n : URL_MAX / 2, base, path);
}

static bool is_fine(const struct web_request *r, long status)
{
    return status == 200 || status == 202 || (status == 503 && r->allow_503);
}

int web_call(const struct web_request *r, json_t **ret_json, struct err *e)
{
    char url[URL_MAX];
    struct buf answer;
    long status = 0;
    json_t *o;

    join_url(r->server, r->path, url);
    buf_init(&answer, ANSWER_MAX);
    if (transfer(r, url, &answer, &status, e)) {
        buf_release(&answer);
        return -1;
    }
    o = json_loadb(answer.data ? answer.data : "", answer.len, 0, NULL);
    buf_release(&answer);
    if (!o || !is_fine(r, status)) {
        refused(r->server, status, o, e);
        json_decref(o);
        return -1;
    }
    *ret_json = o;
    return 0;
}
