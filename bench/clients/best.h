/* Between best.c, which drives libcurl, and admission.c, which says when an
 * HTTP/2 transfer may be given to it. */
#ifndef BENCH_BEST_H
#define BENCH_BEST_H

#include "common.h"

/* Takes a slot whose handle is ready; it is added now or later. */
void admission_enter(struct slot *slot);

/* Adds what there is room for: to be called when libcurl has returned. */
void admission_serve(void);

#endif
