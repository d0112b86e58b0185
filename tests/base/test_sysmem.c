#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sysmem.h"

static char meminfo[64], max[64], current[64];

static void write_text(const char *path, const char *text)
{
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static size_t available(void)
{
    return sysmem_available_of(meminfo, max, current);
}

static void test_smaller_one_counts(void **state)
{
    (void)state;
    snprintf(meminfo, sizeof meminfo, "/tmp/clipgen-meminfo-%d", (int)getpid());
    snprintf(max, sizeof max, "/tmp/clipgen-max-%d", (int)getpid());
    snprintf(current, sizeof current, "/tmp/clipgen-current-%d", (int)getpid());
    assert_true(available() == SIZE_MAX);
    write_text(meminfo, "MemTotal:  4000 kB\nMemFree: 100 kB\nMemAvailable:    2000 kB\nX: 1 kB\n");
    assert_int_equal(available(), 2000 * 1024);
    write_text(max, "max\n"); /* no limit */
    write_text(current, "500000\n");
    assert_int_equal(available(), 2000 * 1024);
    write_text(max, "1500000\n");
    assert_int_equal(available(), 1000000);
    write_text(current, "1500001\n");
    assert_int_equal(available(), 0);
    unlink(meminfo);
    unlink(max);
    unlink(current);
}

static void test_this_machine(void **state)
{
    (void)state;
    assert_true(sysmem_available() > 1 << 20);
    assert_true(sysmem_resident() > 100000 && sysmem_resident() < sysmem_available());
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_smaller_one_counts),
    cmocka_unit_test(test_this_machine),
};

TEST_MAIN(TESTS)
