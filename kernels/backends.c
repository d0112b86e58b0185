#include "config.h"

#include "kernels/backends.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_X86_64_LEVELS
#include <cpuid.h>
#endif

#define PLUGIN_NAME "libclipgen-cuda.so"
#define PLUGIN_PATH_MAX 4096

extern const struct backend cpu_backend_base;
#ifdef HAVE_X86_64_LEVELS
extern const struct backend cpu_backend_avx2, cpu_backend_avx512;
extern const struct backend cpu_backend_avxvnni, cpu_backend_avx512vnni;
#endif

static bool any_machine(void)
{
    return true;
}

#ifdef HAVE_X86_64_LEVELS
/* x86-64-v3 is more than these (F16C, LZCNT, MOVBE), but no machine has these without the rest, and
 * not every compiler can ask for the rest. */
static bool has_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static bool has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

/* Dot products of bytes in 256 bits; not every compiler can ask for them by name. */
static bool has_v3_vnni(void)
{
    unsigned a, b, c, d;
    return has_v3() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static bool has_v4_vnni(void)
{
    return has_v4() && __builtin_cpu_supports("avx512vnni");
}
#endif

/* Best first. */
static const struct isa {
    const char *name;
    bool (*usable)(void);
    const struct backend *backend;
} isas[] = {
#ifdef HAVE_X86_64_LEVELS
    { "avx512vnni", has_v4_vnni, &cpu_backend_avx512vnni },
    { "avx512", has_v4, &cpu_backend_avx512 },
    { "avxvnni", has_v3_vnni, &cpu_backend_avxvnni },
    { "avx2", has_v3, &cpu_backend_avx2 },
#endif
    { "base", any_machine, &cpu_backend_base },
};

#define N_ISAS (sizeof isas / sizeof isas[0])

static const struct isa *isa_best(void)
{
    size_t i = 0;
    while (!isas[i].usable())
        i++;
    return &isas[i];
}

static const struct isa *isa_named(const char *name)
{
    for (size_t i = 0; i < N_ISAS; i++)
        if (!strcmp(isas[i].name, name))
            return &isas[i];
    return NULL;
}

int backends_cpu(const struct backend **ret_backend, struct err *e)
{
    const char *name = getenv("CLIPGEN_CPU_ISA");
    const struct isa *isa = name ? isa_named(name) : isa_best();
    if (!isa)
        return err_set(e, ERR_INVALID, "CLIPGEN_CPU_ISA: '%s' is none of %s of this build", name,
                       N_ISAS > 1 ? "base, avx2, avxvnni, avx512, avx512vnni" : "base");
    if (!isa->usable())
        return err_set(e, ERR_UNSUPPORTED, "CLIPGEN_CPU_ISA: this machine has no %s", name);
    *ret_backend = isa->backend;
    return 0;
}

static int plugin_path(char *path, size_t n, struct err *e)
{
    const char *dir = getenv("CLIPGEN_PLUGIN_DIR");
    int length = snprintf(path, n, "%s/" PLUGIN_NAME, dir ? dir : PKGLIBDIR);
    if (length < 0 || (size_t)length >= n)
        return err_set(e, ERR_INVALID, "CLIPGEN_PLUGIN_DIR: longer than %zu bytes", n);
    return 0;
}

/* ISO C has no cast from a data pointer to a function pointer; POSIX promises that the bytes fit.
 */
static backend_plugin *plugin_entry(void *library)
{
    void *symbol = dlsym(library, BACKEND_PLUGIN_SYMBOL);
    backend_plugin *entry;
    memcpy(&entry, &symbol, sizeof entry);
    return entry;
}

static int plugin_check(const struct backend *b, const char *path, struct err *e)
{
    if (b->abi != BACKEND_ABI || b->size != sizeof *b)
        return err_set(e, ERR_DEVICE,
                       "%s was built for another version: abi %u, %u bytes; "
                       "this program wants abi %u, %u bytes",
                       path, b->abi, b->size, BACKEND_ABI, (unsigned)sizeof *b);
    return 0;
}

int backends_cuda(const struct backend **ret_backend, struct err *e)
{
    char path[PLUGIN_PATH_MAX];
    if (plugin_path(path, sizeof path, e))
        return -1;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return err_set(e, ERR_DEVICE,
                       "no CUDA plugin: %s; install it there or take the cpu backend", dlerror());
    backend_plugin *entry = plugin_entry(library);
    if (!entry)
        return err_set(e, ERR_DEVICE, "%s is not a clipgen plugin: no %s", path,
                       BACKEND_PLUGIN_SYMBOL);
    const struct backend *b = entry();
    if (plugin_check(b, path, e))
        return -1;
    *ret_backend = b;
    return 0;
}
