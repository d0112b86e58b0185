#include "tests/server/client.h"

#include "tests/test.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"

int client_connect(int port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct timeval limit = { 20, 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

void client_send_bytes(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server has had enough: the answer says why */
        bytes += sent;
        n -= (size_t)sent;
    }
}

void client_send(int fd, const char *text)
{
    client_send_bytes(fd, text, strlen(text));
}

/* Byte by byte: nothing of the next answer may be taken. */
static bool read_headers(int fd, struct buf *b)
{
    char c;

    while (b->len < 4 || memcmp(b->data + b->len - 4, "\r\n\r\n", 4) != 0) {
        if (recv(fd, &c, 1, 0) != 1)
            return false;
        buf_append(b, &c, 1);
    }
    return true;
}

const char *answer_header(const struct answer *a, const char *name)
{
    static _Thread_local char value[512];
    size_t n = strlen(name);

    for (const char *line = a->headers; line && *line; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + n + 2, "\r"), line + n + 2);
            return value;
        }
    }
    return NULL;
}

static void read_body(int fd, struct answer *a)
{
    const char *length = answer_header(a, "Content-Length");
    uint64_t n = 0;

    assert_non_null(length);
    assert_int_equal(num_parse_u64(length, "Content-Length", &n, NULL), 0);
    while (a->body.len < n) {
        char chunk[4096];
        size_t want = n - a->body.len < sizeof chunk ? n - a->body.len : sizeof chunk;
        ssize_t got = recv(fd, chunk, want, 0);
        assert_true(got > 0);
        buf_append(&a->body, chunk, (size_t)got);
    }
}

void client_headers(int fd, struct answer *ret_answer)
{
    struct buf headers;
    size_t n;
    int64_t status = 0;

    memset(ret_answer, 0, sizeof *ret_answer);
    buf_init(&headers, 1 << 16);
    buf_init(&ret_answer->body, 64 << 20);
    if (read_headers(fd, &headers)) {
        char code[4] = { headers.data[9], headers.data[10], headers.data[11], 0 };
        assert_int_equal(num_parse_int(code, "status", 100, 599, &status, NULL), 0);
        ret_answer->status = (int)status;
    }
    ret_answer->headers = buf_take(&headers, &n);
}

void client_read(int fd, bool head, struct answer *ret_answer)
{
    client_headers(fd, ret_answer);
    if (ret_answer->status == 100) {
        answer_release(ret_answer);
        client_read(fd, head, ret_answer);
    } else if (ret_answer->status && ret_answer->status != 204 && !head) {
        read_body(fd, ret_answer);
    }
}

static void read_line(int fd, char *line, size_t size)
{
    size_t n = 0;

    do {
        assert_true(n + 1 < size);
        assert_int_equal(recv(fd, line + n, 1, 0), 1);
    } while (line[n++] != '\n');
    line[n] = 0;
}

bool client_chunk(int fd, struct buf *ret_chunk)
{
    char line[32];
    unsigned n, got = 0;

    read_line(fd, line, sizeof line);
    assert_int_equal(sscanf(line, "%x", &n), 1);
    buf_clear(ret_chunk);
    while (got < n) {
        char part[4096];
        ssize_t now = recv(fd, part, n - got < sizeof part ? n - got : sizeof part, 0);
        assert_true(now > 0);
        buf_append(ret_chunk, part, (size_t)now);
        got += (unsigned)now;
    }
    read_line(fd, line, sizeof line);
    return n > 0;
}

void answer_release(struct answer *a)
{
    mem_free(a->headers);
    buf_release(&a->body);
}

json_t *client_json(const struct answer *a)
{
    json_t *o = json_loadb(a->body.data, a->body.len, 0, NULL);

    assert_non_null(o);
    return o;
}

void assert_answer_error(const struct answer *a, int status, const char *code, const char *message)
{
    json_t *o = client_json(a), *error = json_object_get(o, "error");

    assert_string_equal(json_string_value(json_object_get(error, "message")), message);
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    assert_int_equal(a->status, status);
    assert_int_equal(json_object_size(error), 4);
    assert_string_equal(answer_header(a, "Content-Type"), "application/json");
    json_decref(o);
}

static void send_request(int fd, const char *method, const char *path, const char *headers,
                         const char *body)
{
    struct buf b;

    buf_init(&b, 64 << 20);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, path, headers);
    if (body)
        buf_printf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_puts(&b, "\r\n");
    buf_puts(&b, body ? body : "");
    client_send(fd, b.data);
    buf_release(&b);
}

void client_call(int port, const char *method, const char *path, const char *headers,
                 const char *body, struct answer *ret_answer)
{
    int fd = client_connect(port);

    send_request(fd, method, path, headers, body);
    client_read(fd, strcmp(method, "HEAD") == 0, ret_answer);
    close(fd);
}

void client_post_to(int fd, const char *path, const char *json, const char *headers)
{
    send_request(fd, "POST", path, headers, json);
}

void client_post(int fd, const char *json, const char *headers)
{
    client_post_to(fd, "/v1/generate", json, headers);
}

void client_generate(int port, const char *json, const char *headers, struct answer *ret_answer)
{
    client_call(port, "POST", "/v1/generate", headers, json, ret_answer);
}

void client_get(int port, const char *path, struct answer *ret_answer)
{
    client_call(port, "GET", path, "", NULL, ret_answer);
}
