/* Ctrl-C while a loop waits. */
#pragma once

#include <stdbool.h>
#include <uv.h>

/* While on, SIGINT ends a run of this loop after the host's own handler was
   called. One loop of the process at a time has it, the first that asks; only
   where the host handles SIGINT by a plain function, as `lua` does. */
void interrupt_start(uv_loop_t *loop);

/* Does nothing when another loop has it. */
void interrupt_stop(const uv_loop_t *loop);

/* While on, the host's handler waits; it is called when this is switched off. For
   a loop that has it, and is off before interrupt_stop. */
void interrupt_defer(const uv_loop_t *loop, bool on);
