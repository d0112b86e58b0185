#include "convert/suspects.h"

#include <string.h>

/* name NULL: everything in the module and in the modules inside it. */
static const struct {
    const char *module, *name;
} SUSPECTS[] = {
    { "os", NULL },
    { "posix", NULL },
    { "nt", NULL },
    { "subprocess", NULL },
    { "sys", NULL },
    { "runpy", NULL },
    { "pty", NULL },
    { "shutil", NULL },
    { "socket", NULL },
    { "ctypes", NULL },
    { "importlib", NULL },
    { "code", NULL },
    { "codeop", NULL },
    { "commands", NULL },
    { "bdb", NULL },
    { "pdb", NULL },
    { "profile", NULL },
    { "cProfile", NULL },
    { "timeit", NULL },
    { "webbrowser", NULL },
    { "pip", NULL },
    { "pydoc", NULL },
    { "requests", NULL },
    { "urllib", NULL },
    { "builtins", "eval" },
    { "builtins", "exec" },
    { "builtins", "compile" },
    { "builtins", "open" },
    { "builtins", "__import__" },
    { "__builtin__", "eval" },
    { "__builtin__", "exec" },
    { "__builtin__", "execfile" },
    { "__builtin__", "compile" },
    { "__builtin__", "file" },
    { "__builtin__", "open" },
    { "__builtin__", "__import__" },
};

/* "os" and "os.path" are both in "os". */
static bool inside(const struct pickle_text *module, const char *name)
{
    size_t n = strlen(name);

    return module->n >= n && !memcmp(module->s, name, n) && (module->n == n || module->s[n] == '.');
}

bool suspects_hold(const struct pickle_text *module, const struct pickle_text *name)
{
    for (size_t i = 0; i < sizeof SUSPECTS / sizeof *SUSPECTS; i++)
        if (inside(module, SUSPECTS[i].module) &&
            (!SUSPECTS[i].name || pickle_text_is(name, SUSPECTS[i].name)))
            return true;
    return false;
}
