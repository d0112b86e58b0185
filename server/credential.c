#include "server/credential.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

int credential_find(const char *configured, const char *name, char **ret_path, struct err *e)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char *path;

    if (!*configured && !dir) {
        *ret_path = NULL;
        return 0;
    }
    path = *configured ? mem_strdup(configured) : file_join(dir, name);
    if (!path)
        return err_set(e, ERR_NOMEM, "%s: out of memory", name);
    if (!*configured && !file_exists(path)) {
        mem_free(path);
        path = NULL;
    }
    *ret_path = path;
    return 0;
}
