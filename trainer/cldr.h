/*
 * Keywords of emoji from the Unicode CLDR: annotations/en.xml, and annotationsDerived/en.xml for
 * what the first does not have. Immutable after open: any thread.
 */
#ifndef TRAINER_CLDR_H
#define TRAINER_CLDR_H

#include "base/err.h"

struct cldr;

/* dir: the folder that holds both (Debian: /usr/share/unicode/cldr/common). */
int cldr_open(const char *dir, struct cldr **ret_cldr, struct err *e);
void cldr_close(struct cldr *c);
/* "berry | fruit | strawberry" of an emoji in UTF-8 without U+FE0F; NULL: not in CLDR. */
const char *cldr_keywords(const struct cldr *c, const char *emoji);

#endif
