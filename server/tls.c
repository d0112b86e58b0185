#include "server/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define PEM_MAX ((size_t)1 << 20)
#define CHAIN_MAX 16 /* certificates from ours to the root */
#define KEY_ID_MAX 64

struct pem {
    struct buf cert, key;
};

struct tls {
    char *cert_path, *key_path;
    pthread_mutex_t lock; /* guards what follows */
    struct pem pem;       /* good ones */
};

struct parsed {
    gnutls_pcert_st *chain; /* of GnuTLS's memory, as is key */
    unsigned n;
    gnutls_privkey_t key;
};

static void pem_init(struct pem *p)
{
    buf_init(&p->cert, PEM_MAX);
    buf_init(&p->key, PEM_MAX);
}

static void pem_release(struct pem *p)
{
    if (p->key.data)
        gnutls_memset(p->key.data, 0, p->key.len);
    buf_release(&p->cert);
    buf_release(&p->key);
}

static gnutls_datum_t datum(const struct buf *b)
{
    return (gnutls_datum_t){ .data = (unsigned char *)b->data, .size = (unsigned)b->len };
}

/* ---- parsing ---- */

static void parsed_release(struct parsed *p)
{
    for (unsigned i = 0; i < p->n; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    gnutls_free(p->chain);
    if (p->key)
        gnutls_privkey_deinit(p->key);
}

static int parse_chain(const struct buf *pem, struct parsed *p, struct err *e)
{
    gnutls_datum_t text = datum(pem);
    unsigned n = CHAIN_MAX;
    int code;

    p->chain = gnutls_calloc(CHAIN_MAX, sizeof *p->chain);
    if (!p->chain)
        return err_set(e, ERR_NOMEM, "out of memory");
    code = gnutls_pcert_list_import_x509_raw(p->chain, &n, &text, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (code < 0)
        return err_set(e, ERR_FORMAT, "no PEM certificates, or more than %d: %s", CHAIN_MAX,
                       gnutls_strerror(code));
    p->n = n;
    return 0;
}

static int parse_key(const struct buf *pem, struct parsed *p, struct err *e)
{
    gnutls_datum_t text = datum(pem);
    int code = gnutls_privkey_init(&p->key);

    if (code == 0)
        code = gnutls_privkey_import_x509_raw(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    return code < 0
               ? err_set(e, ERR_FORMAT, "no PEM key without a password: %s", gnutls_strerror(code))
               : 0;
}

/* Both halves have the same number when they belong together. */
static int check_pair(const struct parsed *p, struct err *e)
{
    unsigned char ids[2][KEY_ID_MAX];
    size_t n[2] = { KEY_ID_MAX, KEY_ID_MAX };
    gnutls_pubkey_t half;
    int failed;

    if (gnutls_pubkey_init(&half) < 0)
        return err_set(e, ERR_NOMEM, "out of memory");
    failed = gnutls_pubkey_import_privkey(half, p->key, 0, 0) < 0 ||
             gnutls_pubkey_get_key_id(half, 0, ids[0], &n[0]) < 0 ||
             gnutls_pubkey_get_key_id(p->chain[0].pubkey, 0, ids[1], &n[1]) < 0;
    gnutls_pubkey_deinit(half);
    if (failed || n[0] != n[1] || memcmp(ids[0], ids[1], n[0]) != 0)
        return err_set(e, ERR_INVALID, "is not the key of the first certificate");
    return 0;
}

/* ---- files ---- */

static int read_chain(const char *path, struct buf *ret_pem, struct parsed *p, struct err *e)
{
    if (file_read(path, PEM_MAX, ret_pem, e))
        return err_prefix(e, "tls_cert: ");
    return parse_chain(ret_pem, p, e) ? err_prefix(e, "tls_cert: %.150s: ", path) : 0;
}

/* p holds the chain already. */
static int read_key(const char *path, struct buf *ret_pem, struct parsed *p, struct err *e)
{
    if (file_read(path, PEM_MAX, ret_pem, e))
        return err_prefix(e, "tls_key: ");
    return parse_key(ret_pem, p, e) || check_pair(p, e) ? err_prefix(e, "tls_key: %.150s: ", path)
                                                        : 0;
}

/* Both files, known to be good. */
static int read_pem(const struct tls *t, struct pem *p, struct err *e)
{
    struct parsed parsed = { 0 };
    int failed = read_chain(t->cert_path, &p->cert, &parsed, e) ||
                 read_key(t->key_path, &p->key, &parsed, e);

    parsed_release(&parsed);
    return failed ? -1 : 0;
}

int tls_reload(struct tls *t, struct err *e)
{
    struct pem fresh, old;

    pem_init(&fresh);
    if (read_pem(t, &fresh, e)) {
        pem_release(&fresh);
        return -1;
    }
    pthread_mutex_lock(&t->lock);
    old = t->pem;
    t->pem = fresh;
    pthread_mutex_unlock(&t->lock);
    pem_release(&old);
    return 0;
}

int tls_open(const char *cert, const char *key, struct tls **ret_tls, struct err *e)
{
    struct tls *t = mem_alloc(1, sizeof *t);

    if (!t)
        return err_set(e, ERR_NOMEM, "tls: out of memory");
    pthread_mutex_init(&t->lock, NULL);
    pem_init(&t->pem);
    t->cert_path = mem_strdup(cert);
    t->key_path = mem_strdup(key);
    if (!t->cert_path || !t->key_path) {
        err_set(e, ERR_NOMEM, "tls: out of memory");
        goto fail;
    }
    if (tls_reload(t, e))
        goto fail;
    *ret_tls = t;
    return 0;
fail:
    tls_close(t);
    return -1;
}

void tls_close(struct tls *t)
{
    if (!t)
        return;
    pem_release(&t->pem);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->cert_path);
    mem_free(t->key_path);
    mem_free(t);
}

int tls_copy(struct tls *t, struct gnutls_pcert_st **ret_chain, unsigned *ret_n,
             struct gnutls_privkey_st **ret_key)
{
    struct parsed p = { 0 };
    int failed;

    pthread_mutex_lock(&t->lock);
    failed = parse_chain(&t->pem.cert, &p, NULL) || parse_key(&t->pem.key, &p, NULL);
    pthread_mutex_unlock(&t->lock);
    if (failed) {
        parsed_release(&p);
        return -1;
    }
    *ret_chain = p.chain;
    *ret_n = p.n;
    *ret_key = p.key;
    return 0;
}
