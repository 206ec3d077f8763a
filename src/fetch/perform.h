/* See perform.c. */
#pragma once

#include "limiter.h"

/* Starts the request that the arguments of `perform` describe, but for the task. The
   easy is left behind them. NULL when it did not start: then so many results are
   pushed. `may`: whether there is nothing against it; or NULL. */
Easy **perform_start(lua_State *L, bool (*may)(lua_State *L), int *results);

void perform_open(lua_State *L);
