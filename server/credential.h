/*
 * Secret files: named in the configuration, or handed over by systemd (LoadCredential=NAME:PATH in
 * the unit, systemd.exec(5)), which lets a daemon read what its user may not.
 */
#ifndef SERVER_CREDENTIAL_H
#define SERVER_CREDENTIAL_H

#include "base/err.h"

/* configured if it is not empty; else the credential of this name if there is one; else NULL.
 * mem_free. */
int credential_find(const char *configured, const char *name, char **ret_path, struct err *e);

#endif
