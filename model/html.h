/*
 * HTML character references in prompts, by the rules of the HTML standard (as Python's
 * html.unescape): &amp; &amp (some names go without a semicolon) &#65; &#x41;
 */
#ifndef MODEL_HTML_H
#define MODEL_HTML_H

#include <stddef.h>

#include "base/buf.h"

/* Appends text with its references replaced, once; what is no reference stays as it is. */
void html_unescape(const char *text, size_t n, struct buf *out);

#endif
