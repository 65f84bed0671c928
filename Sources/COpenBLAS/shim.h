#ifndef HEBB_COPENBLAS_SHIM_H
#define HEBB_COPENBLAS_SHIM_H

#include <cblas.h>
#include <stdlib.h>

/* Exported by builds with run-time dispatch (Debian's are), absent from others: hence weak. */
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

/* Makes OpenBLAS use the kernels of one processor family, and one thread.
 *
 * OpenBLAS chooses when it is loaded and knows no processor that is newer than itself: 0.3.21 takes
 * its SSE3 kernels on a 2023 Xeon (37 instead of 145 GFLOP/s) and Haswell's on newer AMD parts.
 * The variable it obeys is read at load time, before main; so the choice is made again here. A
 * variable set by the user wins. Call once, before the first product and before other threads may
 * be in OpenBLAS. */
static inline void hebb_blas_prepare(const char *core_type) {
    if (core_type && !getenv("OPENBLAS_CORETYPE") && gotoblas_dynamic_init &&
        gotoblas_dynamic_quit) {
        setenv("OPENBLAS_CORETYPE", core_type, 1);
        gotoblas_dynamic_quit();
        gotoblas_dynamic_init();
        unsetenv("OPENBLAS_CORETYPE");
    }
    openblas_set_num_threads(1);
}

#endif
