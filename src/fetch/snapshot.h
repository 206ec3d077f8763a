/* Snapshots: what a response keeps of a transfer when its handle goes back to the
   pool. */
#ifndef MULTISOCK_SNAPSHOT_H
#define MULTISOCK_SNAPSHOT_H

#include "easy.h"

#pragma GCC visibility push(hidden)

/* Pushes that of a collected handle: a string. */
void snapshot_push(lua_State *L, const Easy *easy);

/* core.snapshot */
int snapshot_read(lua_State *L);

#pragma GCC visibility pop

#endif
