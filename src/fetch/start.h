/* Starting a transfer: its message, its URL, and the size of its receive buffer.
   Called by perform.c, and from Lua. */
#pragma once

#include "limiter.h"

/* The easy is at the index `at`, the target at `target`, the message is described from
   `message` on. False, with an error object pushed, when libcurl refuses. */
bool start_transfer(lua_State *L, Multi *multi, int at, const Limiter *limiter,
                    int target, int message);

void start_open(lua_State *L);
