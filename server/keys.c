#include "server/keys.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sha256.h"
#include "server/keys_file.h"

/* What a name has used; it outlives a new file. */
struct account {
    char name[KEYS_NAME_MAX];
    double tokens; /* requests that may begin now */
    int64_t filled_ns;
    int jobs;
};

struct keys {
    char *path;
    _Atomic uint64_t seen; /* version of the file that was read last, good or bad */
    pthread_mutex_t lock;  /* guards every field below */
    struct key *keys;
    int n;
    struct account *accounts; /* of every name that was ever in the file */
    int n_accounts;
};

/* ---- accounts, under the lock ---- */

static struct account *account_of(const struct keys *k, const char *name)
{
    for (int i = 0; i < k->n_accounts; i++)
        if (strcmp(k->accounts[i].name, name) == 0)
            return &k->accounts[i];
    return NULL;
}

static const struct key *key_of(const struct keys *k, const char *name)
{
    for (int i = 0; i < k->n; i++)
        if (strcmp(k->keys[i].name, name) == 0)
            return &k->keys[i];
    return NULL;
}

static int add_account(struct keys *k, const struct key *key, struct err *e)
{
    struct account *grown;

    if (account_of(k, key->name))
        return 0;
    grown = mem_resize(k->accounts, (size_t)k->n_accounts + 1, sizeof *grown);
    if (!grown)
        return err_set(e, ERR_NOMEM, "keys: out of memory");
    k->accounts = grown;
    grown += k->n_accounts++;
    *grown = (struct account){ .tokens = key->per_minute, .filled_ns = clock_ns() };
    snprintf(grown->name, sizeof grown->name, "%s", key->name);
    return 0;
}

/* The key file's keys count from now on; they are the table's. */
static int take(struct keys *k, struct key *keys, int n, struct err *e)
{
    for (int i = 0; i < n; i++)
        if (add_account(k, &keys[i], e))
            return -1;
    mem_free(k->keys);
    k->keys = keys;
    k->n = n;
    return 0;
}

/* ---- the file ---- */

static int read_keys(struct keys *k, struct err *e)
{
    struct key *keys;
    int n, failed;

    if (keys_file_read(k->path, &keys, &n, e))
        return -1;
    pthread_mutex_lock(&k->lock);
    failed = take(k, keys, n, e);
    pthread_mutex_unlock(&k->lock);
    if (failed)
        mem_free(keys);
    return failed;
}

int keys_open(const char *path, struct keys **ret_keys, struct err *e)
{
    struct keys *k = mem_alloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_NOMEM, "keys: out of memory");
    pthread_mutex_init(&k->lock, NULL);
    k->path = mem_strdup(path);
    if (!k->path)
        err_set(e, ERR_NOMEM, "keys: out of memory");
    else
        atomic_store(&k->seen, file_version(path)); /* if it is not there, reading says so */
    if (!k->path || read_keys(k, e)) {
        keys_close(k);
        return -1;
    }
    *ret_keys = k;
    return 0;
}

void keys_close(struct keys *k)
{
    if (!k)
        return;
    pthread_mutex_destroy(&k->lock);
    mem_free(k->accounts);
    mem_free(k->keys);
    mem_free(k->path);
    mem_free(k);
}

int keys_refresh(struct keys *k, struct err *e)
{
    uint64_t now = file_version(k->path);

    if (now == 0 || atomic_exchange(&k->seen, now) == now)
        return 0; /* a file that is gone for a moment is being replaced */
    return read_keys(k, e) ? -1 : 1;
}

int keys_reload(struct keys *k, struct err *e)
{
    atomic_store(&k->seen, file_version(k->path));
    return read_keys(k, e);
}

/* ---- who ---- */

/* In the same time wherever they differ. */
static bool same(const unsigned char *a, const unsigned char *b)
{
    unsigned char difference = 0;

    for (int i = 0; i < SHA256_BYTES; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static bool find(const struct keys *k, const unsigned char *digest, char *ret_name)
{
    int found = -1;

    for (int i = 0; i < k->n; i++)
        if (same(k->keys[i].digest, digest))
            found = i;
    if (found >= 0)
        snprintf(ret_name, KEYS_NAME_MAX, "%s", k->keys[found].name);
    return found >= 0;
}

int keys_check(struct keys *k, const char *secret, char ret_name[KEYS_NAME_MAX], struct err *e)
{
    unsigned char digest[SHA256_BYTES];
    bool found;

    if (!secret || !*secret)
        return err_set(e, ERR_DENIED,
                       "an API key is needed: Authorization: Bearer ..., or X-API-Key");
    sha256(secret, strlen(secret), digest);
    pthread_mutex_lock(&k->lock);
    found = find(k, digest, ret_name);
    pthread_mutex_unlock(&k->lock);
    return found ? 0 : err_set(e, ERR_DENIED, "the API key is not known");
}

/* ---- how much ---- */

/* A bucket that holds per_minute requests and fills in a minute. */
static void fill(struct account *a, const struct key *key)
{
    int64_t now = clock_ns();
    double tokens = a->tokens + (double)(now - a->filled_ns) / 60e9 * key->per_minute;

    a->tokens = tokens < key->per_minute ? tokens : key->per_minute;
    a->filled_ns = now;
}

static int enter(struct account *a, const struct key *key, int *ret_wait_s, struct err *e)
{
    if (key->jobs && a->jobs >= key->jobs) {
        *ret_wait_s = 1;
        return err_set(e, ERR_LIMITED, "%s: %d requests at a time, the limit is %d", a->name,
                       a->jobs + 1, key->jobs);
    }
    if (key->per_minute) {
        fill(a, key);
        if (a->tokens < 1) {
            *ret_wait_s = (int)ceil((1 - a->tokens) * 60 / key->per_minute);
            return err_set(e, ERR_LIMITED, "%s: more than %d requests a minute", a->name,
                           key->per_minute);
        }
        a->tokens -= 1;
    }
    a->jobs++;
    return 0;
}

int keys_enter(struct keys *k, const char *name, int *ret_wait_s, struct err *e)
{
    const struct key *key;
    int failed;

    pthread_mutex_lock(&k->lock);
    key = key_of(k, name);
    failed = key ? enter(account_of(k, name), key, ret_wait_s, e)
                 : err_set(e, ERR_DENIED, "the API key has been taken away");
    pthread_mutex_unlock(&k->lock);
    return failed;
}

void keys_leave(struct keys *k, const char *name)
{
    pthread_mutex_lock(&k->lock);
    account_of(k, name)->jobs--;
    pthread_mutex_unlock(&k->lock);
}

enum priority keys_priority(struct keys *k, const char *name)
{
    const struct key *key;
    enum priority best;

    pthread_mutex_lock(&k->lock);
    key = key_of(k, name);
    best = key ? key->priority : PRIORITY_LOW;
    pthread_mutex_unlock(&k->lock);
    return best;
}
