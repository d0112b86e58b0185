/*
 * A certificate and its key from PEM files, for the listener's TLS: GnuTLS lives here and in
 * http_tls.c. Files may be replaced while clients come: each handshake works on its own copy of
 * what was read last. Any thread.
 */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include "base/err.h"

struct tls;

/* GnuTLS's. */
struct gnutls_pcert_st;
struct gnutls_privkey_st;

/* cert: the certificate itself first, then those of its issuers. key: of the first; not encrypted.
 * Messages begin with "tls_cert: PATH" or "tls_key: PATH". */
int tls_open(const char *cert, const char *key, struct tls **ret_tls, struct err *e);
void tls_close(struct tls *t);
/* Reads both files again; on -1 what was read before still counts. */
int tls_reload(struct tls *t, struct err *e);

/* Certificates and key in GnuTLS's form and memory, given away. -1 without memory. */
int tls_copy(struct tls *t, struct gnutls_pcert_st **ret_chain, unsigned *ret_n,
             struct gnutls_privkey_st **ret_key);

#endif
