/*
 * Any bytes as a form. The first line is its Content-Type, the rest its body: every part lies
 * within the body, and what becomes of it is a request or words.
 */
#include "tests/fuzz/replay.h"

#include <string.h>

#include "base/mem.h"
#include "server/multipart.h"
#include "server/request.h"

static const struct request_limits LIMITS = {
    .image_pixels = 4096,
    .timeout_ms = 300000,
};

static void check_parts(const char *type, const char *body, size_t n)
{
    struct multipart m;
    struct multipart_part part;
    struct err e = { 0 };
    int parts = 0, more = multipart_begin(&m, type, body, n, &e);

    while (!more && (more = multipart_next(&m, &part, &e)) > 0) {
        FUZZ_CHECK(part.data >= body && part.data <= body + n);
        FUZZ_CHECK(part.n <= (size_t)(body + n - part.data));
        FUZZ_CHECK(memchr(part.name, 0, sizeof part.name));
        FUZZ_CHECK(++parts <= MULTIPART_PARTS_MAX);
        more = 0;
    }
    FUZZ_CHECK(!more || e.msg[0]);
}

static void check_request(const char *type, const char *body, size_t n)
{
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;
    struct err e = { 0 };

    if (variations_request_parse(type, body, n, &LIMITS, &r, param, &e)) {
        FUZZ_CHECK(e.code != ERR_NONE && e.msg[0] && memchr(param, 0, sizeof param));
        return;
    }
    FUZZ_CHECK(r.n_inputs >= 1 && r.n >= 1 && r.n <= REQUEST_N_MAX);
    gen_request_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = size ? memchr(text, '\n', size) : NULL;
    size_t n = end ? (size_t)(end - text) : size, head = end ? n + 1 : size;
    char *type = mem_strndup(text, n);

    FUZZ_CHECK(type);
    check_parts(type, text + head, size - head);
    check_request(type, text + head, size - head);
    mem_free(type);
    return 0;
}
