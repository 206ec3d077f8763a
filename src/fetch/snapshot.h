/* Snapshots: what a response keeps of a transfer when its handle goes back to the
   pool. */
#ifndef MULTISOCK_SNAPSHOT_H
#define MULTISOCK_SNAPSHOT_H

#include "easy.h"

#pragma GCC visibility push(hidden)

/* Bytes of transfers that have ended, heads and bodies. */
typedef struct Traffic {
  curl_off_t sent, received;
} Traffic;

/* Pushes that of a collected handle: a string. Adds what it has moved to `traffic`,
   unless that is NULL. */
void snapshot_push(lua_State *L, const Easy *easy, Traffic *traffic);

/* The latter alone. */
void snapshot_count(const Easy *easy, Traffic *traffic);

/* core.snapshot */
int snapshot_read(lua_State *L);

#pragma GCC visibility pop

#endif
