/* Which table a device gets, and what is said when it gets none. */
#include <string.h>

#include "kernels/device_impl.h"
#include "tests/test.h"

static const char *const isas[] = { "base", "avx2", "avxvnni", "avx512", "avx512vnni" };

static void clear_env(void)
{
    unsetenv("CLIPGEN_CPU_ISA");
    unsetenv("CLIPGEN_PLUGIN_DIR");
}

/* CLIPGEN_PLUGIN_DIR = BUILDDIR/tests/kernels/NAME */
static void use_plugin(const char *name)
{
    char dir[1024];
    const char *build = getenv("BUILDDIR");
    snprintf(dir, sizeof dir, "%s/tests/kernels/%s", build ? build : ".", name);
    setenv("CLIPGEN_PLUGIN_DIR", dir, 1);
}

static void check_refused(const char *backend, enum err_code code, const char *msg)
{
    struct device *d = NULL;
    struct err e = { 0 };
    assert_int_equal(device_open(backend, 1, &d, &e), -1);
    assert_null(d);
    assert_non_null(strstr(e.msg, msg));
    assert_int_equal(e.code, code);
}

/* Every entry after `name` is a pointer, and the CPU has them all but the last ones, which are
 * for GPUs. */
static void check_complete(const struct backend *b)
{
    size_t first = offsetof(struct backend, open), step = sizeof(void (*)(void));
    size_t end = offsetof(struct backend, set_products);
    assert_int_equal((sizeof *b - first) % step, 0);
    assert_int_equal(b->abi, BACKEND_ABI);
    assert_int_equal(b->size, sizeof *b);
    for (size_t at = first; at < end; at += step) {
        void (*entry)(void);
        memcpy(&entry, (const char *)b + at, sizeof entry);
        if (!entry)
            fail_msg("%s: entry %zu is NULL", b->name, (at - first) / step);
    }
}

static void every_cpu_table_is_complete(void **state)
{
    (void)state;
    clear_env();
    int n_opened = 0;
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        struct device *d;
        struct err e;
        setenv("CLIPGEN_CPU_ISA", isas[i], 1);
        if (device_open("cpu", 1, &d, &e)) {
            print_message("%s: %s\n", isas[i], e.msg);
            continue;
        }
        n_opened++;
        check_complete(d->backend);
        assert_non_null(strstr(device_describe(d), isas[i]));
        assert_ptr_equal(strstr(device_describe(d), "cpu: "), device_describe(d));
        device_close(d);
    }
    assert_true(n_opened >= 1);
}

static void unknown_names(void **state)
{
    (void)state;
    clear_env();
    check_refused("gpu", ERR_INVALID, "backend: 'gpu' is none of cpu, cuda, auto");
    setenv("CLIPGEN_CPU_ISA", "sse9", 1);
    check_refused("cpu", ERR_INVALID, "backend cpu: CLIPGEN_CPU_ISA: 'sse9' is none of base");
}

static void cuda_says_what_is_missing(void **state)
{
    (void)state;
    clear_env();
    setenv("CLIPGEN_PLUGIN_DIR", "/nonexistent", 1);
    check_refused("cuda", ERR_DEVICE,
                  "backend cuda: no CUDA plugin: /nonexistent/libclipgen-cuda.so");
    check_refused("cuda", ERR_DEVICE, "; install it there or take the cpu backend");
}

static void wrong_plugins_are_refused(void **state)
{
    (void)state;
    clear_env();
    use_plugin("plugin_old");
    check_refused("cuda", ERR_DEVICE, "was built for another version: abi 0, ");
    use_plugin("plugin_other");
    check_refused("cuda", ERR_DEVICE, "is not a clipgen plugin: no clipgen_backend");
    use_plugin("plugin_idle");
    check_refused("cuda", ERR_DEVICE, "backend cuda: no device answers");
}

static void auto_falls_to_the_cpu_and_says_why(void **state)
{
    (void)state;
    clear_env();
    use_plugin("plugin_idle");
    struct device *d;
    struct err e;
    assert_int_equal(device_open("auto", 1, &d, &e), 0);
    assert_string_equal(d->backend->name, "cpu");
    assert_non_null(strstr(device_describe(d), "1 threads (cuda: no device answers)"));
    device_close(d);
}

static void transfers_stay_inside(void **state)
{
    (void)state;
    clear_env();
    struct device *d;
    struct err e = { 0 };
    float values[4] = { 1, 2, 3, 4 }, back[2] = { 0 };
    struct tensor t = { .dtype = DTYPE_F32, .n_dims = 1, .dim = { 4 } };
    assert_int_equal(device_open("cpu", 1, &d, &e), 0);
    assert_int_equal(device_alloc(d, tensor_bytes(&t), &t.data, &e), 0);
    assert_int_equal(device_upload(d, &t, 0, values, sizeof values, &e), 0);
    assert_int_equal(device_download(d, &t, 8, back, sizeof back, &e), 0);
    assert_true(back[0] == 3 && back[1] == 4);
    assert_int_equal(device_download(d, &t, 12, back, sizeof back, &e), -1);
    assert_string_equal(e.msg, "download: 8 bytes at 12 are outside a tensor of 16 bytes");
    assert_int_equal(device_upload(d, &t, 20, values, 0, &e), -1);
    assert_string_equal(e.msg, "upload: 0 bytes at 20 are outside a tensor of 16 bytes");
    device_free(d, t.data);
    device_close(d);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_cpu_table_is_complete),
    cmocka_unit_test(unknown_names),
    cmocka_unit_test(cuda_says_what_is_missing),
    cmocka_unit_test(wrong_plugins_are_refused),
    cmocka_unit_test(auto_falls_to_the_cpu_and_says_why),
    cmocka_unit_test(transfers_stay_inside),
};

TEST_MAIN(tests)
