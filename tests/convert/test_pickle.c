/* Pickles written by hand, byte by byte: what they mean, and what is refused with which words. */
#include <string.h>

#include "base/mem.h"
#include "convert/pickle.h"
#include "tests/test.h"

#define POOL_MAX ((size_t)1 << 20)
#define P2 "\x80\x02"
/* A literal with zero bytes in it. */
#define BYTES(text) text, sizeof(text) - 1

static struct pool pool;

static int set_up(void **state)
{
    (void)state;
    pool_init(&pool, POOL_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pool_release(&pool);
    return 0;
}

static const struct pickle *read_ok(const char *bytes, size_t n)
{
    struct pickle_file f;
    struct err e = { 0 };

    if (pickle_read(bytes, n, &pool, &f, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(f.used, n);
    return f.root;
}

static void check_text(const struct pickle *p, const char *want)
{
    assert_non_null(p);
    assert_int_equal(p->type, PICKLE_TEXT);
    assert_true(pickle_text_is(&p->text, want));
}

static void check_int(const struct pickle *p, int64_t want)
{
    int64_t got;

    assert_true(pickle_int(p, INT64_MIN, INT64_MAX, &got));
    assert_int_equal(got, want);
}

/* ---- values ---- */

static void numbers_of_every_width(void **state)
{
    (void)state;
    check_int(read_ok(BYTES(P2 "K\xff.")), 255);
    check_int(read_ok(BYTES(P2 "M\x01\x80.")), 32769);
    check_int(read_ok(BYTES(P2 "J\xfe\xff\xff\xff.")), -2);
    check_int(read_ok(BYTES(P2 "\x8a\x00.")), 0);
    check_int(read_ok(BYTES(P2 "\x8a\x01\xff.")), -1);
    check_int(read_ok(BYTES(P2 "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.")), INT64_MIN);
    assert_float_equal(read_ok(BYTES(P2 "G\xc0\x04\x00\x00\x00\x00\x00\x00."))->real, -2.5, 0);
    assert_int_equal(read_ok(BYTES(P2 "\x88."))->integer, 1);
    assert_int_equal(read_ok(BYTES(P2 "N."))->type, PICKLE_NONE);
}

static void a_number_over_64_bits_keeps_its_bytes(void **state)
{
    (void)state;
    const struct pickle *p =
        read_ok(BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."));

    assert_int_equal(p->type, PICKLE_LONG);
    assert_int_equal(p->text.n, 10);
    assert_memory_equal(p->text.s, "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
}

static void a_dictionary_in_a_list(void **state)
{
    (void)state;
    const struct pickle *p = read_ok(BYTES(P2 "](}(U\x01"
                                              "aK\x01U\x01"
                                              "bX\x02\x00\x00\x00xyuK\x07"
                                              "e."));

    assert_int_equal(p->n, 2);
    check_int(pickle_get(pickle_at(p, 0), "a"), 1);
    check_text(pickle_get(pickle_at(p, 0), "b"), "xy");
    check_int(pickle_at(p, 1), 7);
    assert_null(pickle_get(pickle_at(p, 0), "c"));
    assert_null(pickle_get(p, "a"));
    assert_null(pickle_at(p, 2));
}

static void the_memo_shares_values(void **state)
{
    (void)state;
    const struct pickle *p = read_ok(BYTES(P2 "U\x01xq\x05h\x05\x86."));

    assert_ptr_equal(pickle_at(p, 0), pickle_at(p, 1));
    p = read_ok(BYTES("\x80\x04\x8c\x01x\x94h\x00\x86."));
    assert_ptr_equal(pickle_at(p, 0), pickle_at(p, 1));
}

static void a_list_may_hold_itself(void **state)
{
    (void)state;
    const struct pickle *p = read_ok(BYTES(P2 "]q\x00h\x00"
                                              "a."));

    assert_ptr_equal(pickle_at(p, 0), p);
}

/* ---- calls ---- */

static void a_call_stays_a_call(void **state)
{
    (void)state;
    const struct pickle *p = read_ok(BYTES(P2 "cmy.module\nThing\nK\x01\x85R}U\x01xK\x02sb."));

    assert_int_equal(p->type, PICKLE_CALL);
    assert_true(pickle_is_global(p->callable, "my.module", "Thing"));
    assert_false(pickle_is_global(p->callable, "my.module", "Thin"));
    check_int(pickle_at(p->args, 0), 1);
    check_int(pickle_get(p->state, "x"), 2);
}

static void ordered_dictionaries_are_dictionaries(void **state)
{
    (void)state;
    check_int(pickle_get(read_ok(BYTES(P2 "ccollections\nOrderedDict\n)RU\x01xK\x02s.")), "x"), 2);
    /* as Python 2 wrote them */
    check_int(pickle_get(read_ok(BYTES(P2 "ccollections\nOrderedDict\n]]U\x01xaK\x03"
                                          "aa\x85R.")),
                         "x"),
              3);
    check_int(pickle_get(read_ok(BYTES("\x80\x04\x8c\x0b"
                                       "collections\x8c\x0bOrderedDict\x93)RU\x01xK\x04s.")),
                         "x"),
              4);
}

static void classes_that_take_items_are_dictionaries(void **state)
{
    (void)state;
    const struct pickle *p = read_ok(BYTES(P2 "cmine\nEasyDict\n)RU\x01xK\x05s."));

    assert_int_equal(p->type, PICKLE_DICT);
    check_int(pickle_get(p, "x"), 5);
}

static void persistent_values_are_listed(void **state)
{
    (void)state;
    static const char bytes[] = P2 "U\x01"
                                   "aQU\x01"
                                   "bQ\x86.";
    struct pickle_file f;

    assert_int_equal(pickle_read(bytes, sizeof bytes - 1, &pool, &f, NULL), 0);
    assert_int_equal(f.persistent->n, 2);
    check_text(f.persistent->item[1]->args, "b");
    assert_int_equal(pickle_at(f.root, 0)->type, PICKLE_PERSISTENT);
}

/* ---- refused ---- */

static const struct {
    const char *bytes;
    size_t n;
    const char *msg;
} REFUSED[] = {
    { BYTES(""), "the pickle ends after 0 bytes without STOP" },
    { BYTES(P2 "K\x01"), "the pickle ends after 4 bytes without STOP" },
    { BYTES(P2 "."), "byte 2 of the pickle, STOP: 1 values wanted, 0 are on the stack" },
    { BYTES("\x80\x06."), "byte 0 of the pickle, PROTO: protocol 6 is outside 2..5" },
    { BYTES(P2 "J\x01"), "byte 2 of the pickle, BININT: the pickle ends early" },
    { BYTES(P2 "G\x01"), "byte 2 of the pickle, BINFLOAT: the pickle ends early" },
    { BYTES(P2 "U\x05xy"),
      "byte 2 of the pickle, SHORT_BINSTRING: a text of 5 bytes, the pickle has 2" },
    { BYTES(P2 "X\xff\xff\xff\x7f"), "byte 2 of the pickle, BINUNICODE: a text of 2147483647 "
                                     "bytes, at most 16777216 are allowed" },
    { BYTES("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff"),
      "byte 2 of the pickle, BINUNICODE8: 18446744073709551615 is over 63 bits" },
    { BYTES(P2 "cos"), "byte 2 of the pickle, GLOBAL: a name without end" },
    { BYTES(P2 "cos\nsystem\n."), "byte 2 of the pickle, GLOBAL: the file wants os.system, which "
                                  "runs programs or code; nothing "
                                  "was run, and no checkpoint needs it: refused" },
    { BYTES("\x80\x04\x8c\x08"
            "builtins\x8c\x04"
            "eval\x93."),
      "byte 18 of the pickle, STACK_GLOBAL: the file wants builtins.eval, which runs programs or "
      "code; nothing was run, and no checkpoint needs it: refused" },
    { BYTES("\x80\x04K\x01K\x02\x93."),
      "byte 6 of the pickle, STACK_GLOBAL: the name of a class is no text" },
    { BYTES(P2 "I1\n."), "byte 2 of the pickle: 0x49 is no opcode of data" },
    { BYTES(P2 "h\x03."), "byte 2 of the pickle, BINGET: memo entry 3 was never made" },
    { BYTES(P2 "K\x01r\xff\xff\xff\x7f."),
      "byte 4 of the pickle, LONG_BINPUT: memo entry 2147483647, at most 1048576 are allowed" },
    { BYTES(P2 "q\x00."), "byte 2 of the pickle, BINPUT: 1 values wanted, 0 are on the stack" },
    { BYTES(P2 "t."), "byte 2 of the pickle, TUPLE: no mark on the stack" },
    { BYTES(P2 "K\x01\x86."), "byte 4 of the pickle, TUPLE2: 2 values wanted, 1 are on the stack" },
    { BYTES(P2 "K\x01(\x85."),
      "byte 5 of the pickle, TUPLE1: 1 values wanted, 0 are on the stack" },
    { BYTES(P2 "}(K\x01u."), "byte 6 of the pickle, SETITEMS: 1 keys and values are no pairs" },
    { BYTES(P2 "]K\x01K\x02s."),
      "byte 7 of the pickle, SETITEM: items for a value that is no container of them" },
    { BYTES(P2 "K\x01K\x02"
               "a."),
      "byte 6 of the pickle, APPEND: items for a value that is no container of them" },
    { BYTES(P2 "ccollections\nOrderedDict\n]K\x01"
               "a\x85R."),
      "byte 32 of the pickle, REDUCE: element 0 of a dictionary is no pair" },
};

static void damaged_pickles_are_refused_with_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        struct pickle_file f;
        struct err e = { 0 };
        assert_int_equal(pickle_read(REFUSED[i].bytes, REFUSED[i].n, &pool, &f, &e), -1);
        assert_string_equal(e.msg, REFUSED[i].msg);
    }
}

/* Millions of values out of few bytes each: the pool says stop. */
static void the_pool_bounds_what_a_file_makes(void **state)
{
    (void)state;
    size_t n = 200000;
    char *bytes = mem_alloc(n, 1);
    struct pickle_file f;
    struct err e = { 0 };

    assert_non_null(bytes);
    memset(bytes, '}', n);
    assert_int_equal(pickle_read(bytes, n, &pool, &f, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_non_null(strstr(e.msg, "EMPTY_DICT: the pickle needs more than 1048576 bytes"));
    mem_free(bytes);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(numbers_of_every_width),
    cmocka_unit_test(a_number_over_64_bits_keeps_its_bytes),
    cmocka_unit_test(a_dictionary_in_a_list),
    cmocka_unit_test(the_memo_shares_values),
    cmocka_unit_test(a_list_may_hold_itself),
    cmocka_unit_test(a_call_stays_a_call),
    cmocka_unit_test(ordered_dictionaries_are_dictionaries),
    cmocka_unit_test(classes_that_take_items_are_dictionaries),
    cmocka_unit_test(persistent_values_are_listed),
    cmocka_unit_test(damaged_pickles_are_refused_with_words),
    cmocka_unit_test(the_pool_bounds_what_a_file_makes),
};
TEST_MAIN_WITH(TESTS, set_up, tear_down)
