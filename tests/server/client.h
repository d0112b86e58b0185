/*
 * A plain HTTP client over a raw socket: says exactly the bytes that a test wants said.
 */
#ifndef TESTS_SERVER_CLIENT_H
#define TESTS_SERVER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct answer {
    int status;    /* 0: the connection ended without one */
    char *headers; /* from the status line to the empty line */
    struct buf body;
};

/* Connected to 127.0.0.1; reads give up after 20 s. Fails the test when refused. */
int client_connect(int port);
void client_send(int fd, const char *text);
void client_send_bytes(int fd, const char *bytes, size_t n);
/* Reads one answer; head: the answer to HEAD, which has no body. */
void client_read(int fd, bool head, struct answer *ret_answer);
void answer_release(struct answer *a);
/* The body as JSON, to be json_decref'd; fails the test when it is none. */
struct json_t *client_json(const struct answer *a);
/* It is an error of ours, with this status, code and message. */
void assert_answer_error(const struct answer *a, int status, const char *code, const char *message);
/* The value of a header, in a static buffer; NULL if absent. */
const char *answer_header(const struct answer *a, const char *name);

/* Any request on a connection of its own; headers end with "\r\n" each; body NULL for none. */
void client_call(int port, const char *method, const char *path, const char *headers,
                 const char *body, struct answer *ret_answer);
/* POST /v1/generate with this JSON and extra headers ("Accept: image/png\r\n"). */
void client_post(int fd, const char *json, const char *headers);
void client_post_to(int fd, const char *path, const char *json, const char *headers);
/* The next part of an answer in chunks, after its headers; false at its end. */
bool client_chunk(int fd, struct buf *ret_chunk);
/* The headers of an answer alone. */
void client_headers(int fd, struct answer *ret_answer);
/* On a connection of its own. */
void client_generate(int port, const char *json, const char *headers, struct answer *ret_answer);
void client_get(int port, const char *path, struct answer *ret_answer);

#endif
