/* How a transfer of the fetch path ends in C: what has come is taken, and its place and its
   handle are free for others. What it cannot do is left to Lua. */
#pragma once

#include "limiter.h"

/* What has come of a transfer that nobody waits for any more. Returns how many results
   it has pushed: those of `perform`. */
int conclude(lua_State *L, int limiter, int easy);

/* The first half: where the whole answer has come, its status, whatever that is, its
   body and a snapshot are pushed, and the handle may be used again. False where there
   is more to be done: nothing is changed. */
bool conclude_take(lua_State *L, Limiter *limiter, int easy);

/* The second half: gives back place and handle. Returns how many more results of
   `perform` it has pushed. */
int conclude_give_back(lua_State *L, int limiter, int easy);

/* Something is left to be done, in Lua. Returns how many results of `perform` it has
   pushed. */
int conclude_leave(lua_State *L, Easy *easy);
