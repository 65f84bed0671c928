#include "Quantized.h"

#if defined(__aarch64__)
#else

const hebb_quantized_kernels *hebb_quantized_neon(void) { return NULL; }

#endif
