/*
 * What a client wants to get: its Accept header (RFC 9110, section 12.5.1).
 */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H

/* How much type ("image/png") is wanted: 0, not at all, to 1000. The range that names it most
 * closely counts; what cannot be read as a range is passed over. header NULL or empty: 1000. */
int accept_quality(const char *header, const char *type);

#endif
