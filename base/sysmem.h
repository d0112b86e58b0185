/*
 * How much memory the machine still gives us.
 */
#ifndef BASE_SYSMEM_H
#define BASE_SYSMEM_H

#include <stddef.h>

/* Bytes that may be taken without swapping or being killed: Linux's estimate (MemAvailable), or
 * what is left of the control group's limit when that is less. SIZE_MAX when the system does not
 * say. */
size_t sysmem_available(void);

/* Bytes of this process that are in memory; 0 when the system does not say. */
size_t sysmem_resident(void);

/* sysmem_available of these files, for tests; any may be absent. */
size_t sysmem_available_of(const char *meminfo, const char *group_max, const char *group_current);

#endif
