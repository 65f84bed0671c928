#ifndef HEBB_POOL_H
#define HEBB_POOL_H

#include <stddef.h>

#include "Quantized.h"

/* Threads that share one piece of work after another. Between two pieces they look out for the next
 * one for HEBB_POOL_SPIN_NANOSECONDS and then sleep, so that an idle process uses no processor. */
typedef struct hebb_pool hebb_pool;

#define HEBB_POOL_SPIN_NANOSECONDS 20000

/* `threads` counts the one that gives the work: 1 starts none. NULL without memory. Fewer than
 * asked for where the system gives no more. */
hebb_pool *hebb_pool_create(size_t threads);
/* Nothing may run in it. */
void hebb_pool_destroy(hebb_pool *pool);
size_t hebb_pool_threads(const hebb_pool *pool);

/* Calls part(context, i, thread) once for every i below `parts`, on the caller's and the pool's
 * threads, in no order; what they wrote is there when it returns. `thread` is below the pool's number,
 * and no two parts of a call run with the same at a time. A call while another runs, and one without
 * a pool, does all on its own thread. */
void hebb_pool_run(
    hebb_pool *pool, void (*part)(const void *context, size_t index, size_t thread),
    const void *context, size_t parts);

#endif
