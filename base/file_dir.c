/*
 * Names and directories.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int set_nomem(struct err *e, const char *path)
{
    return err_set(e, ERR_NOMEM, "%s: out of memory", path);
}

uint64_t file_version(const char *path)
{
    uint64_t version = 0xcbf29ce484222325; /* FNV-1a, word by word */
    struct stat st;

    if (stat(path, &st))
        return 0;
    const uint64_t words[] = { st.st_dev, st.st_ino, (uint64_t)st.st_size,
                               (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        version = (version ^ words[i]) * 0x100000001b3;
    return version | 1; /* never 0 */
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *file_parent(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return mem_strdup(".");
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int make_dir(const char *path, struct err *e)
{
    struct stat st;

    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno != EEXIST || stat(path, &st))
        return err_errno(e, path);
    return S_ISDIR(st.st_mode) ? 0 : err_set(e, ERR_IO, "%s: exists and is not a directory", path);
}

int file_make_dirs(const char *path, struct err *e)
{
    char *copy = mem_strdup(path);
    int status = 0;

    if (!copy)
        return set_nomem(e, path);
    for (char *slash = strchr(copy + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_dir(copy, e);
        *slash = '/';
    }
    mem_free(copy);
    return status ? status : make_dir(path, e);
}

char *file_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    const char *between = n && dir[n - 1] != '/' ? "/" : "";
    size_t size = n + 1 + strlen(name) + 1;
    char *path = mem_alloc(size, 1);

    if (path)
        snprintf(path, size, "%s%s%s", dir, between, name);
    return path;
}

struct name_list {
    char **names;
    size_t n, cap;
};

static int name_list_add(struct name_list *l, const char *name)
{
    char **names = mem_grow(l->names, l->n, &l->cap, sizeof *names);

    if (!names)
        return -1;
    l->names = names;
    l->names[l->n] = mem_strdup(name);
    return l->names[l->n++] ? 0 : -1;
}

static int read_names(DIR *d, const char *dir, size_t max, struct name_list *l, struct err *e)
{
    struct dirent *entry;

    while (errno = 0, (entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (l->n == max)
            return err_set(e, ERR_TOO_LARGE, "%s: more than %zu entries", dir, max);
        if (name_list_add(l, entry->d_name))
            return set_nomem(e, dir);
    }
    return errno ? err_errno(e, dir) : 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(const char *dir, size_t max, char ***ret_names, size_t *ret_n, struct err *e)
{
    struct name_list l = { NULL, 0, 0 };
    DIR *d = opendir(dir);
    int status;

    if (!d)
        return err_errno(e, dir);
    status = read_names(d, dir, max, &l, e);
    closedir(d);
    if (status) {
        file_list_free(l.names, l.n);
        return -1;
    }
    if (l.n)
        qsort(l.names, l.n, sizeof *l.names, compare_names);
    *ret_names = l.names;
    *ret_n = l.n;
    return 0;
}

void file_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(names[i]);
    mem_free(names);
}
