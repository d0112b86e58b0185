/*
 * Names that no checkpoint needs and that run programs or code when Python loads them. Nothing is
 * called here in any case; a file that asks for one of them is refused, so that its owner learns
 * what it would do elsewhere.
 */
#ifndef CONVERT_SUSPECTS_H
#define CONVERT_SUSPECTS_H

#include <stdbool.h>

#include "convert/pickle.h"

bool suspects_hold(const struct pickle_text *module, const struct pickle_text *name);

#endif
