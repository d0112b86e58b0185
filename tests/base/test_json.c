/* JSON values as text. */
#include "tests/test.h"

#include <jansson.h>

#include "base/json.h"

static void test_append(void **state)
{
    json_t *o = json_pack("{s:i,s:[f]}", "a", 1, "b", 0.5);
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    buf_puts(&out, "data: ");
    json_append(o, JSON_COMPACT, &out);
    json_append(o, JSON_INDENT(1), &out);
    assert_string_equal(out.data,
                        "data: {\"a\":1,\"b\":[0.5]}{\n \"a\": 1,\n \"b\": [\n  0.5\n ]\n}");
    assert_int_equal(buf_check(&out, NULL), 0);
    buf_release(&out);
    json_decref(o);
}

static void test_nothing_and_too_much(void **state)
{
    json_t *o = json_pack("[iiiiii]", 1, 2, 3, 4, 5, 6);
    struct buf out;

    (void)state;
    buf_init(&out, 10);
    json_append(NULL, JSON_COMPACT, &out);
    assert_int_not_equal(buf_check(&out, NULL), 0);
    buf_clear(&out);
    json_append(o, JSON_COMPACT, &out);
    assert_true(out.failed && out.too_large);
    buf_release(&out);
    json_decref(o);
}

/* Once something is missing, nothing is there, and what comes later is freed (the sanitizers say).
 */
static void test_missing(void **state)
{
    json_t *list = json_array(), *o = json_object();

    (void)state;
    json_add(&list, json_integer(1));
    json_put(&o, "a", json_integer(1));
    json_merge(&o, json_pack("{s:i}", "b", 2));
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_object_size(o), 2);
    json_add(&list, NULL);
    assert_null(list);
    json_add(&list, json_integer(2));
    assert_null(list);
    json_put(&o, "c", NULL);
    assert_null(o);
    json_put(&o, "d", json_integer(4));
    json_merge(&o, json_object());
    assert_null(o);
    json_merge(&o, NULL);
    assert_null(o);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_append),
    cmocka_unit_test(test_nothing_and_too_much),
    cmocka_unit_test(test_missing),
};

TEST_MAIN(TESTS)
