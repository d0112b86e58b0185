/*
 * What torch means by a pickle's values, on pickles written here: what tensors are, and the limits
 * that keep small files from taking long.
 */
#include "convert/torch.h"

#include <string.h>

#include "base/buf.h"
#include "tests/test.h"

#define POOL_MAX ((size_t)64 << 20)

static const float STORAGE[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static int locate(void *ctx, struct torch_storage *s, struct err *e)
{
    (void)ctx, (void)e;
    s->data = (const unsigned char *)STORAGE;
    return 0;
}

/* ---- writing pickles ---- */

static void put_text(struct buf *b, const char *s, size_t n)
{
    unsigned char head[5] = { 'X', n & 255, n >> 8 & 255, n >> 16 & 255, 0 };

    buf_append(b, head, sizeof head);
    buf_append(b, s, n);
}

static void put_size(struct buf *b, int64_t n)
{
    unsigned char text[10] = { 0x8a, 8 };

    memcpy(text + 2, &n, sizeof n);
    buf_append(b, text, sizeof text);
}

/* torch._utils._rebuild_tensor_v2(('storage', torch.FloatStorage, key, 'cpu', 12), offset, (dim0,
 * dim1), (stride0, stride1)) */
static void put_tensor(struct buf *b, const char *key, int64_t offset, const int64_t dim[2],
                       const int64_t stride[2])
{
    buf_puts(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(b, "storage", 7);
    buf_puts(b, "ctorch\nFloatStorage\n");
    put_text(b, key, strlen(key));
    put_text(b, "cpu", 3);
    buf_puts(b, "K\x0ctQ");
    put_size(b, offset);
    put_size(b, dim[0]);
    put_size(b, dim[1]);
    buf_puts(b, "\x86");
    put_size(b, stride[0]);
    put_size(b, stride[1]);
    buf_puts(b, "\x86tR");
}

static int collect(struct buf *b, struct tensors *out, struct err *e)
{
    struct pickle_file p;
    struct pool pool;
    int failed;

    pool_init(&pool, POOL_MAX);
    if (pickle_read(b->data, b->len, &pool, &p, e))
        fail_msg("%s", e->msg);
    failed = torch_collect(p.root, NULL, locate, NULL, out, e);
    pool_release(&pool);
    return failed;
}

/* {"w": a tensor}; the message, or "" and its view. */
static void try_tensor(const char *key, int64_t offset, const int64_t dim[2],
                       const int64_t stride[2], struct view *ret_view, struct err *e)
{
    struct tensors t = { 0 };
    struct buf b;

    *e = (struct err){ 0 };
    buf_init(&b, 1 << 20);
    buf_puts(&b, "\x80\x02}");
    put_text(&b, "w", 1);
    put_tensor(&b, key, offset, dim, stride);
    buf_puts(&b, "s.");
    if (!collect(&b, &t, e))
        *ret_view = t.item[0].view;
    tensors_release(&t);
    buf_release(&b);
}

/* ---- */

static void views_lie_inside_their_storage(void **state)
{
    static const struct {
        int64_t offset, dim[2], stride[2];
        const char *msg; /* NULL: it is one */
    } CASES[] = {
        { 0, { 3, 4 }, { 4, 1 }, NULL },
        { 0, { 4, 3 }, { 1, 4 }, NULL },
        { 11, { 1, 1 }, { 0, 0 }, NULL },
        { 12, { 0, 7 }, { 1, 1 }, NULL },
        { 1, { 3, 4 }, { 4, 1 }, "tensor w: elements up to 13 of a storage of 12" },
        { 13, { 0, 1 }, { 1, 1 }, "tensor w: elements up to 13 of a storage of 12" },
        { 0, { 100, 1 }, { 0, 0 }, "tensor w: 100 elements share a storage of 12" },
        { 0,
          { INT64_MAX, 2 },
          { 1, 1 },
          "tensor w: shape and strides have more elements than 64 bits can count" },
        { 0,
          { 2, 2 },
          { INT64_MAX, INT64_MAX },
          "tensor w: elements up to 18446744073709551615 of a storage of 12" },
        { 0,
          { 3, 3 },
          { INT64_MAX, INT64_MAX },
          "tensor w: shape and strides have more elements than 64 bits can count" },
        { INT64_MAX,
          { 1, 1 },
          { 1, 1 },
          "tensor w: elements up to 9223372036854775808 of a storage of 12" },
        { 0, { 0, INT64_MAX }, { 1, 1 }, NULL },
        { 0, { INT64_MAX, 0 }, { 1, 1 }, NULL },
        { 0, { -1, 1 }, { 1, 1 }, "tensor w: shape: element 0 is no size" },
        { 0, { 1, 1 }, { -1, 1 }, "tensor w: stride: element 0 is no size" },
        { -1, { 1, 1 }, { 1, 1 }, "tensor w: offset, shape and stride do not belong together" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e;
        struct view v = { 0 };
        try_tensor("0", CASES[i].offset, CASES[i].dim, CASES[i].stride, &v, &e);
        assert_string_equal(e.msg, CASES[i].msg ? CASES[i].msg : "");
        if (!CASES[i].msg)
            assert_ptr_equal(v.data, STORAGE + CASES[i].offset);
    }
}

/* Keys are compared again and again: they are short. */
static void names_of_storages_are_short(void **state)
{
    static const int64_t dim[] = { 3, 4 }, stride[] = { 4, 1 };
    char key[80];
    struct view v;
    struct err e;

    (void)state;
    memset(key, '1', sizeof key);
    key[TORCH_KEY_MAX] = '\0';
    try_tensor(key, 0, dim, stride, &v, &e);
    assert_string_equal(e.msg, "");
    key[TORCH_KEY_MAX] = '1';
    key[TORCH_KEY_MAX + 1] = '\0';
    try_tensor(key, 0, dim, stride, &v, &e);
    assert_err(&e, ERR_FORMAT, "tensor w: the name of its storage has 65 bytes, at most 64");
}

/* A dictionary of many numbers that another one holds a thousand times: few bytes, and without a
 * limit more steps than anybody waits for. */
static void shared_values_count_as_often_as_they_are_met(void **state)
{
    enum { KEYS = 2000, TIMES = 1000 };
    struct tensors t = { 0 };
    struct err e = { 0 };
    struct buf b;
    char name[16];

    (void)state;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "\x80\x02}(");
    put_text(&b, "first", 5);
    buf_puts(&b, "}(");
    for (int i = 0; i < KEYS; i++)
        buf_puts(&b, "K\x01N");
    buf_puts(&b, "uq\x01");
    for (int i = 0; i < TIMES; i++) {
        put_text(&b, name, (size_t)snprintf(name, sizeof name, "n%d", i));
        buf_puts(&b, "h\x01");
    }
    buf_puts(&b, "u.");
    assert_int_equal(collect(&b, &t, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "more than 1000000 values");
    tensors_release(&t);
    buf_release(&b);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(views_lie_inside_their_storage),
    cmocka_unit_test(names_of_storages_are_short),
    cmocka_unit_test(shared_values_count_as_often_as_they_are_met),
};
TEST_MAIN(TESTS)
