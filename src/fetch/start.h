/* Starting a transfer: its message, its URL, and the size of its receive buffer.
   Called by perform.c, and from Lua. */
#pragma once

#include "limiter.h"

/* The easy is at the index `at`, the target at `target`, the message is described from
   `message` on. False, with an error object pushed, when libcurl refuses. */
bool start_transfer(lua_State *L, Multi *multi, int at, const Limiter *limiter,
                    int target, int message);

/* The same for what the handle sent last, which had no body, to another target of the same
   origin. `once`: it may not be sent twice unasked. */
bool start_again(lua_State *L, int at, const Limiter *limiter, int target,
                 bool once);

/* Whether a transfer can run on this handle of the fetch path. */
bool start_can(const Easy *easy);

void start_open(lua_State *L);
