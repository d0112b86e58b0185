/*
 * TLS of a listener: libmicrohttpd asks GnuTLS, which asks here for certificate and key of every
 * handshake, so that new ones count at once.
 */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdint.h>

#include "server/http_impl.h"

/* Without the versions that RFC 8996 has laid to rest. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* libmicrohttpd keeps its connection as the session's pointer: 0.9.75 as tests/e2e/tls.sh sees
 * it, 1.0 as its source says. */
static struct tls *tls_of(gnutls_session_t session)
{
    struct MHD_Connection *c = gnutls_session_get_ptr(session);
    const union MHD_ConnectionInfo *info =
        c ? MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT) : NULL;
    struct connection *peer = info ? info->socket_context : NULL;

    return peer ? peer->http->o.tls : NULL;
}

static int on_hello(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                    gnutls_pcert_st **chain, unsigned *n, gnutls_ocsp_data_st **ocsp,
                    unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags)
{
    struct tls *tls = tls_of(session);

    (void)info;
    *ocsp = NULL;
    *n_ocsp = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL; /* what we give is GnuTLS's then */
    return tls ? tls_copy(tls, chain, n, key) : -1;
}

unsigned http_tls_flags(const struct http *h)
{
    return h->o.tls ? MHD_USE_TLS : 0;
}

void http_tls_options(const struct http *h, struct MHD_OptionItem ret_items[HTTP_TLS_ITEMS])
{
    ret_items[0] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
    if (!h->o.tls)
        return;
    ret_items[0] =
        (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)on_hello };
    ret_items[1] =
        (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES };
    ret_items[2] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}
