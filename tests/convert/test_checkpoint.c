/* One state dictionary in every container comes out the same; defective files are refused with
 * words. tools/make-reference made the files. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "convert/checkpoint.h"
#include "convert/inspect.h"
#include "tests/test.h"
#include "tests/tmp.h"

#define VALUES_MAX 64

static const char *data_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/tests/data/convert/%s", test_srcdir(), name);
    return path;
}

/* The fixtures beside the source tree; skips the test where there are none. */
static const char *golden_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/../shared/golden/%s", test_srcdir(), name);
    if (!file_exists(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    return path;
}

static struct checkpoint *open_ok(const char *path, const char *key)
{
    struct checkpoint *c = NULL;
    struct err e = { 0 };

    if (checkpoint_open(path, key, &c, &e))
        fail_msg("%s", e.msg);
    return c;
}

static void check_equal(const char *name, const struct view *got, const struct view *want)
{
    double a[VALUES_MAX], b[VALUES_MAX];
    size_t n = (size_t)view_count(want);

    if (!got)
        fail_msg("%s is missing", name);
    assert_int_equal(got->dtype, want->dtype);
    assert_true(view_has_shape(got, want->n_dims, want->dim));
    assert_true(n <= VALUES_MAX);
    view_read_f64(got, 0, n, a);
    view_read_f64(want, 0, n, b);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(a[i], b[i], 0);
}

/* Every tensor of the file, but for `missing`, is as expected, and none is more. */
static void check_container(const char *name, const char *key, const char *container, int missing)
{
    struct checkpoint *c = open_ok(data_path(name), key);
    struct checkpoint *expected = open_ok(data_path("containers/expected.safetensors"), NULL);
    const struct tensors *got = checkpoint_tensors(c), *want = checkpoint_tensors(expected);

    assert_string_equal(checkpoint_container(c), container);
    assert_int_equal(got->n + (size_t)missing, want->n);
    for (size_t i = 0; i < got->n; i++)
        check_equal(got->item[i].name, &got->item[i].view, tensors_find(want, got->item[i].name));
    checkpoint_close(c);
    checkpoint_close(expected);
}

static void torch_archives(void **state)
{
    (void)state;
    check_container("containers/bare.pt", NULL, "torch archive", 0);
    check_container("containers/model.pt", NULL, "torch archive", 0);
    check_container("containers/module.pt", NULL, "torch archive", 0);
    check_container("containers/ema.pt", NULL, "torch archive", 0);
    check_container("containers/parameters.pt", NULL, "torch archive", 0);
    check_container("containers/protocol4.pt", NULL, "torch archive", 0);
}

static void lightning_checkpoints(void **state)
{
    (void)state;
    check_container("containers/lightning.ckpt", NULL, "torch archive", 0);
    check_container("containers/legacy.ckpt", NULL, "torch before 1.6", 0);
}

static void torchscript_archives(void **state)
{
    (void)state;
    check_container("containers/script.pt", NULL, "TorchScript archive", 1); /* no bfloat16 */
}

static void safetensors_in_shards(void **state)
{
    (void)state;
    check_container("containers/shards", NULL, "safetensors in shards", 0);
    check_container("containers/shards/model.safetensors.index.json", NULL, "safetensors in shards",
                    0);
}

static void the_key_chooses_a_dictionary(void **state)
{
    (void)state;
    struct checkpoint *c;
    struct err e = { 0 };

    check_container("containers/model_and_ema.pt", "ema", "torch archive", 0);
    c = open_ok(data_path("containers/model_and_ema.pt"), NULL);
    assert_int_equal(checkpoint_tensors(c)->n, 1);
    checkpoint_close(c);
    assert_int_equal(checkpoint_open(data_path("containers/bare.pt"), "emma", &c, &e), -1);
    assert_non_null(strstr(e.msg, "bare.pt: the file has no dictionary 'emma' (--key)"));
    assert_int_equal(checkpoint_open(data_path("containers/expected.safetensors"), "ema", &c, &e),
                     -1);
    assert_non_null(strstr(e.msg, "safetensors hold no dictionaries: --key has no meaning"));
}

/* ---- refused ---- */

static const struct {
    const char *file, *msg;
} REFUSED[] = {
    { "malicious/runs_a_program.pt",
      "byte 62 of the pickle, GLOBAL: the file wants posix.system, which runs programs or code; "
      "nothing was run, and no checkpoint needs it: refused" },
    { "malicious/runs_a_program_legacy.pt",
      "byte 62 of the pickle, GLOBAL: the file wants posix.system, which runs programs or code; "
      "nothing was run, and no checkpoint needs it: refused" },
    { "malicious/cut_off.pt",
      "no directory at the end of the archive: the file is cut off or damaged" },
    { "malicious/storage_too_large.pt",
      "tensor weight: storage data/0 claims 4611686018427387916 elements of F32; its record has 48 "
      "bytes" },
    { "malicious/shape_too_large.pt",
      "tensor weight: shape and strides have more elements than 64 bits can count" },
    { "malicious/beyond_its_storage.pt", "tensor weight: elements up to 13 of a storage of 12" },
    { "malicious/storage_is_missing.pt", "tensor bias: the archive has no record control/data/9" },
    { "malicious/compressed.pt", "record control/data.pkl is compressed; torch stores its records: "
                                 "unpack the archive and pack "
                                 "it with zip -0" },
};

static void check_refused(const char *path, const char *msg)
{
    struct checkpoint *c;
    struct err e = { 0 };
    char want[1024];

    assert_int_equal(checkpoint_open(path, NULL, &c, &e), -1);
    snprintf(want, sizeof want, "%s: %s", path, msg);
    want[sizeof e.msg - 1] = '\0';
    assert_string_equal(e.msg, want);
    assert_false(file_exists("pwned"));
}

static void defective_files_are_refused_with_words(void **state)
{
    (void)state;
    struct checkpoint *c = open_ok(data_path("malicious/control.pt"), NULL);

    assert_int_equal(checkpoint_tensors(c)->n, 2);
    checkpoint_close(c);
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        check_refused(data_path(REFUSED[i].file), REFUSED[i].msg);
}

static const struct {
    const char *bytes;
    size_t n;
    const char *msg;
} NO_CHECKPOINTS[] = {
    { "", 0, "no torch file and no safetensors" },
    { "hello", 5, "no torch file and no safetensors" },
    { "<!DOCTYPE html>", 15, "a web page, not the weights; the download went wrong" },
    { "version https://git-lfs.github.com/spec/v1\n", 43,
      "a Git LFS pointer, not the weights; fetch them with git lfs pull" },
    { "\x80\x02K\x01.", 5, "a pickle, but not one of torch.save" },
    { "PK\3\4", 4, "no directory at the end of the archive: the file is cut off or damaged" },
    { "\x02\0\0\0\0\0\0\0{}", 10, "no tensor is in it" },
};

static void other_files_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof NO_CHECKPOINTS / sizeof *NO_CHECKPOINTS; i++) {
        struct err e = { 0 };
        assert_int_equal(
            file_write(tmp_path("x"), NO_CHECKPOINTS[i].bytes, NO_CHECKPOINTS[i].n, &e), 0);
        check_refused(tmp_path("x"), NO_CHECKPOINTS[i].msg);
    }
}

static const struct {
    const char *index, *msg;
} BAD_INDEXES[] = {
    { "{}", "weight_map is missing or no object" },
    { "{\"weight_map\": {\"a\": \"../b.safetensors\"}}",
      "tensor a: weight_map: '../b.safetensors' is no plain file name" },
    { "{\"weight_map\": {\"a\": 1}}", "tensor a: weight_map: '(no text)' is no plain file name" },
    { "{", "line 1: string or '}' expected near end of file" },
};

static void bad_indexes_are_refused(void **state)
{
    (void)state;
    const char *path = tmp_path("model.safetensors.index.json");

    for (size_t i = 0; i < sizeof BAD_INDEXES / sizeof *BAD_INDEXES; i++) {
        struct err e = { 0 };
        assert_int_equal(file_write(path, BAD_INDEXES[i].index, strlen(BAD_INDEXES[i].index), &e),
                         0);
        check_refused(path, BAD_INDEXES[i].msg);
    }
}

/* A safetensors file without data. */
static void write_header(const char *path, const char *header)
{
    char text[256] = { 0 };
    size_t n = strlen(header);
    struct err e = { 0 };

    text[0] = (char)n;
    memcpy(text + 8, header, n);
    assert_int_equal(file_write(path, text, 8 + n, &e), 0);
}

/* What would hang, or reach the terminal of who reads the message. */
static void odd_files_are_refused(void **state)
{
    (void)state;
    const char *path = tmp_path("odd");

    write_header(path, "{\"\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    check_refused(path, "tensor  [2J: its name has control characters");
    write_header(path, "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],"
                       "\"data_offsets\":[0,0]}}");
    check_refused(path, "tensor a: shape has more bytes than 64 bits can count");
    assert_int_equal(mkfifo(tmp_path("fifo"), 0600), 0);
    check_refused(tmp_path("fifo"), "not a regular file"); /* and not waited for */
}

/* A shard that has other tensors than the index says. */
static void shards_must_agree_with_their_index(void **state)
{
    (void)state;
    static const char index[] = "{\"weight_map\": {\"a\": \"one.safetensors\"}}";
    static const char shard[] = "\x38\0\0\0\0\0\0\0"
                                "{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}   "
                                "\0\0\0\0";
    const char *path = tmp_path("other.index.json");
    struct err e = { 0 };

    assert_int_equal(file_write(path, index, sizeof index - 1, &e), 0);
    assert_int_equal(file_write(tmp_path("one.safetensors"), shard, sizeof shard - 1, &e), 0);
    check_refused(path, "tensor a is not in one.safetensors");
}

/* ---- what is printed ---- */

static void every_tensor_is_listed(void **state)
{
    (void)state;
    char text[4096] = "";
    struct err e = { 0 };
    FILE *out = fmemopen(text, sizeof text, "w");

    assert_non_null(out);
    assert_int_equal(inspect_file(data_path("malicious/control.pt"), NULL, out, &e), 0);
    fclose(out);
    assert_non_null(strstr(text,
                           "control.pt: torch archive, 2 tensors, 15 elements\n"
                           "tensor  dtype shape                            min           max NaN\n"
                           "weight  F32   [3, 4]                             0            11 0\n"
                           "bias    F32   [3]                                0             2 0\n"));
}

static void ranges_leave_nan_out(void **state)
{
    (void)state;
    static const uint32_t bits[] = { 0x40400000, 0x7fc00000, 0xc0000000, 0x7fc00000 };
    struct view v = view_of(W_F32, 1, (int64_t[]){ 4 }, bits);
    struct view nan = view_of(W_F32, 1, (int64_t[]){ 1 }, bits + 1);
    struct inspect_range r = inspect_range(&v);

    assert_float_equal(r.min, -2, 0);
    assert_float_equal(r.max, 3, 0);
    assert_int_equal(r.n_nan, 2);
    assert_float_equal(inspect_range(&nan).max, 0, 0);
}

/* ---- the fixtures beside the source tree ---- */

static void golden_legacy_file(void **state)
{
    (void)state;
    struct checkpoint *c = open_ok(golden_path("legacy_tiny.pth"), NULL);
    struct checkpoint *expected = open_ok(golden_path("legacy_tiny.safetensors"), NULL);
    const struct tensors *got = checkpoint_tensors(c), *want = checkpoint_tensors(expected);

    assert_int_equal(got->n, want->n);
    for (size_t i = 0; i < want->n; i++) {
        const struct view *a = tensors_find(got, want->item[i].name), *b = &want->item[i].view;
        assert_non_null(a);
        double x[256], y[256];
        assert_true(view_has_shape(a, b->n_dims, b->dim) && view_count(b) <= 256);
        view_read_f64(a, 0, (size_t)view_count(b), x);
        view_read_f64(b, 0, (size_t)view_count(b), y);
        for (int64_t k = 0; k < view_count(b); k++)
            assert_float_equal(x[k], y[k], 0);
    }
    checkpoint_close(c);
    checkpoint_close(expected);
}

static void golden_malicious_files(void **state)
{
    (void)state;
    static const char *const names[] = { "os_system_reduce.pt", "truncated_zip.pt",
                                         "storage_size_overflow.pt", "huge_dims.pt" };
    struct checkpoint *c = open_ok(golden_path("malicious/control_ok.pt"), NULL);

    assert_int_equal(checkpoint_tensors(c)->n, 21);
    checkpoint_close(c);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        struct err e = { 0 };
        snprintf(name, sizeof name, "malicious/%s", names[i]);
        assert_int_equal(checkpoint_open(golden_path(name), NULL, &c, &e), -1);
        assert_true(strlen(e.msg) > 40);
        assert_false(file_exists("pwned"));
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(torch_archives),
    cmocka_unit_test(lightning_checkpoints),
    cmocka_unit_test(torchscript_archives),
    cmocka_unit_test(safetensors_in_shards),
    cmocka_unit_test(the_key_chooses_a_dictionary),
    cmocka_unit_test(defective_files_are_refused_with_words),
    cmocka_unit_test(other_files_are_named),
    cmocka_unit_test(bad_indexes_are_refused),
    cmocka_unit_test(odd_files_are_refused),
    cmocka_unit_test(shards_must_agree_with_their_index),
    cmocka_unit_test(every_tensor_is_listed),
    cmocka_unit_test(ranges_leave_nan_out),
    cmocka_unit_test(golden_legacy_file),
    cmocka_unit_test(golden_malicious_files),
};
TEST_MAIN_TMP(TESTS)
