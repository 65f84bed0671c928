#ifndef HEBB_ALLOCATION_COUNTER_H
#define HEBB_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/* Counts what the calling thread asks the C library's heap for: malloc, calloc, realloc and their
 * aligned kin, in all of the program, the Swift runtime included. A program that links this has them
 * pass through it. */

/* Whether anything is counted here: where the C library is glibc. */
bool hebb_counts_allocations(void);
/* How often the calling thread has asked since it began. */
uint64_t hebb_allocation_count(void);

/* Calls `body`: a function of its own, so that a profiler can count what is done in it alone. */
void hebb_counted(void (*body)(void *), void *context);

#endif
